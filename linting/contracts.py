"""What ``lint-imports`` cannot say by itself: plugins keep apart, and imports form no ring.

Both look at all imports, those inside functions and for type checkers included, so each builds a
graph of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

import grimp
from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class PluginsContract(Contract):
    """Plugins import the public names of the core only; nothing else crosses a package.

    Every root package except the core is a plugin. The core imports no plugin, and no plugin
    imports another.

    Configuration options:
        - core: the package that all plugins may import.
        - public: its modules whose names are public.
    """

    type_name = "plugins"

    core: Any = fields.StringField()
    public: Any = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """List the imports that cross a package and are not allowed."""
        found = sorted(self._forbidden(_all_imports(self.session_options["root_packages"])))
        return ContractCheck(kept=not found, metadata={"imports": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print each forbidden import."""
        for importer, imported in check.metadata["imports"]:
            output.print_error(f"{importer} imports {imported}: {self._reason(importer)}")

    def _forbidden(self, graph: ImportGraph) -> Iterator[tuple[str, str]]:
        for importer in graph.modules:
            for imported in graph.find_modules_directly_imported_by(importer):
                if _package(importer) == _package(imported):
                    continue
                if _package(importer) == self.core or imported not in self.public:
                    yield importer, imported

    def _reason(self, importer: str) -> str:
        if _package(importer) == self.core:
            return "the core knows no plugin"
        return f"a plugin may import {', '.join(self.public)}"


class AcyclicContract(Contract):
    """No module imports itself by way of others.

    Configuration options:
        - ignore_imports: imports that do not count, as ``importer -> imported``. (Optional.)
    """

    type_name = "acyclic"

    ignore_imports: Any = fields.ListField(subfield=fields.StringField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Find one ring, if there is one."""
        every = _all_imports(self.session_options["root_packages"])
        ignored: set[str] = set(self.ignore_imports or [])
        imports = {
            module: [
                other
                for other in sorted(every.find_modules_directly_imported_by(module))
                if f"{module} -> {other}" not in ignored
            ]
            for module in sorted(every.modules)
        }
        try:
            TopologicalSorter(imports).prepare()
        except CycleError as error:
            return ContractCheck(kept=False, metadata={"ring": error.args[1][::-1]})
        return ContractCheck(kept=True)

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print the ring."""
        output.print_error(f"a ring of imports: {' -> '.join(check.metadata['ring'])}")


def _all_imports(packages: list[str]) -> ImportGraph:
    return grimp.build_graph(*packages, exclude_type_checking_imports=False, cache_dir=None)


def _package(module: str) -> str:
    return module.partition(".")[0]
