"""Contracts of imports: the project keeps them; of ours, a package that does not is reported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

CONFIG = """
[importlinter]
root_packages =
    core
    core_one
    core_two
contract_types =
    acyclic: linting.contracts.AcyclicContract
    plugins: linting.contracts.PluginsContract

[importlinter:contract:plugins]
name = Plugins
type = plugins
core = core
public =
    core
    core.testing

[importlinter:contract:rings]
name = Rings
type = acyclic
"""

MODULES = {
    "core/__init__.py": "from core.api import Part as Part",
    "core/api.py": "class Part: ...",
    "core/testing/__init__.py": "",
    "core_one/__init__.py": "import core\nfrom core.testing import contract\nimport core_one.part",
    "core_one/part.py": "import json\nfrom core import Part",
    "core_two/__init__.py": "",
    "core_two/config.py": "def build():\n    from core_two.part import Part",
    "core_two/part.py": "",
}

TYPES = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "


def lint(folder: Path, config: Path, packages: Path) -> subprocess.CompletedProcess[str]:
    """Check the packages in a folder against the contracts of a configuration file."""
    code = "from importlinter.cli import lint_imports_command as lint; lint()"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(packages), str(ROOT)))}
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache", "--no-logo", str(config)],
        cwd=folder,
        env={**env, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
    )


def written(folder: Path, changes: dict[str, str]) -> Path:
    """Write the packages that keep to the contracts, with some modules changed."""
    for name, code in {**MODULES, **changes}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
    config = folder / "contracts.ini"
    config.write_text(CONFIG)
    return config


def test_the_project_keeps_its_contracts() -> None:
    done = lint(ROOT, ROOT / "pyproject.toml", ROOT / "plugins")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_packages_that_keep_to_the_contracts_pass(tmp_path: Path) -> None:
    done = lint(tmp_path, written(tmp_path, {}), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 kept, 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "code", "message"),
    [
        ("core/api.py", "import core_one", "core.api imports core_one: the core imports no plugin"),
        (
            "core/api.py",
            "def load():\n    import core_one.part",
            "core.api imports core_one.part: the core imports no plugin",
        ),
        (
            "core_two/part.py",
            "import core_one",
            "core_two.part imports core_one: a plugin may import core, core.testing",
        ),
        (
            "core_two/part.py",
            "from core.api import Part",
            "core_two.part imports core.api: a plugin may import core, core.testing",
        ),
        (
            "core_two/part.py",
            f"{TYPES}from core.api import Part",
            "core_two.part imports core.api: a plugin may import core, core.testing",
        ),
        ("core_two/part.py", "import core_two.config", "core_two.config -> core_two.part"),
        (
            "core_two/part.py",
            f"{TYPES}from core_two.config import build",
            "core_two.config -> core_two.part",
        ),
        (
            "core_two/part.py",
            "def part():\n    from core_two.config import build",
            "core_two.config -> core_two.part",
        ),
    ],
)
def test_a_forbidden_import_is_reported(
    tmp_path: Path, module: str, code: str, message: str
) -> None:
    done = lint(tmp_path, written(tmp_path, {module: code}), tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert message in " ".join(done.stdout.split())
