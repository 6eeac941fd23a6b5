"""Custom contracts for ``lint-imports``: independent plugins, and no import cycles.

Both check all imports, also inside functions and under ``TYPE_CHECKING``, and so build their own
graphs.
"""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

import grimp
from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class PluginsContract(Contract):
    """Plugins import only the public modules of the core; no other import crosses a package.

    Every root package except the core is a plugin. The core imports no plugin, and no plugin
    imports another.

    Configuration options:
        - core: the package that all plugins may import.
        - public: its public modules.
    """

    type_name = "plugins"

    core: Any = fields.StringField()
    public: Any = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Find the forbidden imports between packages."""
        found = sorted(self._find_forbidden(_build_graph(self.session_options["root_packages"])))
        return ContractCheck(kept=not found, metadata={"imports": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print each forbidden import."""
        for importer, imported in check.metadata["imports"]:
            output.print_error(f"{importer} imports {imported}: {self._explain(importer)}")

    def _find_forbidden(self, graph: ImportGraph) -> Iterator[tuple[str, str]]:
        for importer in graph.modules:
            for imported in graph.find_modules_directly_imported_by(importer):
                if _package(importer) == _package(imported):
                    continue
                if _package(importer) == self.core or imported not in self.public:
                    yield importer, imported

    def _explain(self, importer: str) -> str:
        if _package(importer) == self.core:
            return "the core imports no plugin"
        return f"a plugin may import {', '.join(self.public)}"


class AcyclicContract(Contract):
    """No module imports itself through others.

    Configuration options:
        - ignore_imports: imports to ignore, as ``importer -> imported``. (Optional.)
    """

    type_name = "acyclic"

    ignore_imports: Any = fields.ListField(subfield=fields.StringField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Find an import cycle."""
        full_graph = _build_graph(self.session_options["root_packages"])
        ignored: set[str] = set(self.ignore_imports or [])
        imports = {
            module: [
                other
                for other in sorted(full_graph.find_modules_directly_imported_by(module))
                if f"{module} -> {other}" not in ignored
            ]
            for module in sorted(full_graph.modules)
        }
        try:
            TopologicalSorter(imports).prepare()
        except CycleError as error:
            return ContractCheck(kept=False, metadata={"cycle": error.args[1][::-1]})
        return ContractCheck(kept=True)

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print the cycle."""
        output.print_error(f"import cycle: {' -> '.join(check.metadata['cycle'])}")


def _build_graph(packages: list[str]) -> ImportGraph:
    return grimp.build_graph(*packages, exclude_type_checking_imports=False, cache_dir=None)


def _package(module: str) -> str:
    return module.partition(".")[0]
