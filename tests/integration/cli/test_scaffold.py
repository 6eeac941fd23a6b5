"""``nasframe-plugins --new``: packages that keep to their contracts, and search, as they are."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from throwaway import Shell, distribution

from nasframe import NasframeError
from nasframe.cli.scaffold import KINDS, format_usage, write_package

WORDS = {
    "search_space": ("evaluator.epochs=1",),
    "controller": ("search_space=nasbench201", "evaluator=nasbench201"),
    "objective": ("search_space=nasbench201", "evaluator=nasbench201"),
    "meter": ("evaluator.epochs=1",),
    "logger": ("search_space=nasbench201", "evaluator=nasbench201"),
    "task": ("evaluator.epochs=1",),
    "evaluator": ("evaluator.steps=3",),
}
"""Of a short search with each kind."""


REST = [kind for kind in WORDS if kind not in ("controller", "task")]


def installed(folder: Path, made: Path, name: str) -> None:
    """As pip would leave it."""
    distribution(folder, made.name, {name: f"nasframe_{name}"})
    (made / f"nasframe_{name}").rename(folder / f"nasframe_{name}")


@pytest.mark.parametrize(
    "kind", ["controller", "task", *(pytest.param(k, marks=pytest.mark.slow) for k in REST)]
)
def test_a_new_plugin_passes_its_tests_and_searches(kind: str, tmp_path: Path) -> None:
    name = f"my_{kind}"
    made = write_package(name, kind, tmp_path)
    assert made == tmp_path / f"nasframe-my-{kind.replace('_', '-')}"
    site = tmp_path / "site"
    installed(site, made, name)
    env = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    tests = subprocess.run(command, cwd=made, env=env, capture_output=True, text=True, check=False)
    assert re.search(r"^\d+ passed", tests.stdout, re.MULTILINE), tests.stdout
    (tmp_path / "work").mkdir()
    shell = Shell(tmp_path / "work", site, {})
    assert name in shell("nasframe", "--help").stdout
    words = (
        *shlex.split(format_usage(name, kind))[1:],
        *WORDS[kind],
        "executor=serial",
        "trials=2",
        "dir=it",
    )
    done = shell("nasframe", *words)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "Ended: 2 trials were run. 2 trials, 0 failed" in done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_code_of_a_new_plugin_is_short_and_tidy(kind: str, tmp_path: Path) -> None:
    made = write_package("mine", kind, tmp_path)
    files = list(made.rglob("*.py"))
    assert all(len(file.read_text().splitlines()) <= 60 for file in files)
    assert not any("$" in file.read_text() for file in made.rglob("*") if file.is_file())
    command = [sys.executable, "-m", "compileall", "-q", str(made)]
    assert subprocess.run(command, check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Mine", "use lowercase letters"),
        ("my-part", "use lowercase letters"),
        ("2nd", "use lowercase letters"),
        ("random", "random has controller=random; choose another"),
        ("optuna", "optuna has controller=optuna; choose another"),
        ("rl", "a plugin has this name; choose another"),
    ],
)
def test_names_that_cannot_be(name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(NasframeError, match=words):
        write_package(name, "controller", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_and_nothing_half_written(tmp_path: Path) -> None:
    made = write_package("mine", "meter", tmp_path)
    (made / "README.md").write_text("changed")
    with pytest.raises(NasframeError, match="already exists"):
        write_package("mine", "meter", tmp_path)
    assert (made / "README.md").read_text() == "changed"
    with pytest.raises(NasframeError, match="cannot write nowhere"):
        write_package("other", "meter", Path("nowhere"))
    assert list(tmp_path.iterdir()) == [made]
