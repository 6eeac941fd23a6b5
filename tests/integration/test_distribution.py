"""What is built: wheel and source distribution hold every file of the project, and no other."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tomllib
from importlib.metadata import distribution
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]

FOLDERS = ("changes", "conf", "docs", "linting", "nasframe", "plugins", "tests")
FILES = (
    *("CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "MANIFEST.in", "README.md"),
    *("SECURITY.md", "justfile", "mkdocs.yml", "pyproject.toml", "setup.py"),
)

BUILD = """
import sys
from setuptools import build_meta
out = sys.argv[1]  # setuptools puts arguments of its own there
build_meta.build_sdist(out)
build_meta.build_wheel(out)
"""

PLUGINS = sorted(path.parent.name for path in (ROOT / "plugins").glob("*/__init__.py"))


def files(folder: Path) -> list[str]:
    """All files in a folder, as paths relative to it."""
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout without what is not the project's, such as byte code."""
    copy = tmp_path_factory.mktemp("source")
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, copy / name, ignore=ignore)
    for name in FILES:
        shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], list[str]]:
    """The files in the source distribution and in the wheel; a warning fails the build."""
    copy, out = tmp_path_factory.mktemp("build"), tmp_path_factory.mktemp("out")
    shutil.copytree(source, copy, dirs_exist_ok=True)
    command = [sys.executable, "-W", "error", "-c", BUILD, str(out)]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with tarfile.open(next(out.glob("*.tar.gz"))) as archive:
        names = [member.name for member in archive.getmembers() if member.isfile()]
    with ZipFile(next(out.glob("*.whl"))) as wheel:
        return [name.partition("/")[2] for name in names], wheel.namelist()


def test_a_wheel_has_the_packages_with_their_data(
    source: Path, built: tuple[list[str], list[str]]
) -> None:
    expected = [
        *(f"nasframe/{name}" for name in files(source / "nasframe")),
        *(f"nasframe/conf/{name}" for name in files(source / "conf")),
        *files(source / "plugins"),
    ]
    found = [name for name in built[1] if ".dist-info/" not in name]
    assert sorted(found) == sorted(expected)


def test_a_source_distribution_has_the_checkout(
    source: Path, built: tuple[list[str], list[str]]
) -> None:
    made = ("PKG-INFO", "setup.cfg")
    found = [name for name in built[0] if name not in made and ".egg-info/" not in name]
    large = ("tests/data/kept/", "tests/helpers/kept.py", "tests/integration/test_kept_folders.py")
    assert sorted(found) == sorted(name for name in files(source) if not name.startswith(large))


@pytest.mark.parametrize("package", ["nasframe", *PLUGINS])
def test_every_package_is_typed(package: str, built: tuple[list[str], list[str]]) -> None:
    assert f"{package}/py.typed" in built[1]


def test_every_entry_point_is_there() -> None:
    points = distribution("nasframe").entry_points
    for point in points:
        point.load()
    names = {point.value for point in points.select(group="nasframe")}
    assert names == {"nasframe.builtin", *PLUGINS}
    commands = {point.name for point in points.select(group="console_scripts")}
    assert {name.partition("-")[0] for name in commands} == {"nasframe"}


def test_contracts_of_imports_know_every_plugin() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert settings["tool"]["importlinter"]["root_packages"] == ["nasframe", *PLUGINS]
