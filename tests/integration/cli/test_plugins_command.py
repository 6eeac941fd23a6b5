"""The command line ``nasframe-plugins``, as processes, and what its doctor finds."""

from __future__ import annotations

from pathlib import Path

import pytest
from throwaway import Shell, distribution, shell

from nasframe.cli.doctor import (
    find_folder_problems,
    find_import_problems,
    find_python_problems,
    find_requirement_problems,
    list_extras,
)


@pytest.fixture
def toy(tmp_path: Path) -> Shell:
    return shell(tmp_path)


def test_plugins_are_listed_with_what_they_offer(toy: Shell) -> None:
    done = toy("nasframe-plugins", COLUMNS="120")
    assert (done.returncode, done.stderr) == (0, "")
    for words in (
        "toy_plugin",
        "1.0",
        "controller=toy, toy_fast",
        "executor=process, ray, serial",
        "builtin",
    ):
        assert words in done.stdout


def test_a_broken_plugin_does_not_hide_the_others(toy: Shell) -> None:
    distribution(toy.path, "broken", {"bad": "bad_plugin"}, bad_plugin="import no_such_module")
    done = toy("nasframe-plugins", COLUMNS="120")
    assert done.returncode == 1
    assert "broken" in done.stdout
    assert "controller=toy, toy_fast" in done.stdout
    assert "Problem: plugin 'bad' (broken 1.0) fails to import: ModuleNotFoundError" in done.stderr
    blocked = toy("nasframe-plugins", NASFRAME_BLOCK="bad")
    assert blocked.returncode == 0
    assert "Skipped by NASFRAME_BLOCK: bad" in blocked.stdout


def test_plugins_that_do_not_go_together_are_a_problem(toy: Shell) -> None:
    copy = "from toy_plugin import nasframe_tasks"
    distribution(toy.path, "copies", {"copy": "copy_plugin"}, copy_plugin=copy)
    done = toy("nasframe-plugins")
    assert done.returncode == 1
    assert "Problem: task=toy is offered by two plugins" in done.stderr


def test_the_doctor_examines_this_machine(toy: Shell) -> None:
    done = toy("nasframe-plugins", "--doctor")
    assert done.returncode == (1 if done.stderr else 0)
    for words in ("Python 3.", "torch 2.", "hydra-core 1.3.", "Extra [ray]:", "CPU:", "GB free"):
        assert words in done.stdout
    assert all(line.startswith("Problem: ") for line in done.stderr.splitlines())


def test_python_3_14_is_a_problem() -> None:
    assert find_python_problems("3.11.4") == find_python_problems("3.13.0") == []
    assert "not 3.14.0" in find_python_problems("3.14.0")[0]


def test_a_wrong_or_missing_requirement_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(tmp_path, "hydra-odd-sweeper", {})
    metadata = tmp_path / "hydra_odd_sweeper-1.0.dist-info" / "METADATA"
    needs = ("hydra-core>=1.0", "rich<1", "not-there>=2", 'not-there-either; extra == "more"')
    with metadata.open("a") as file:
        file.writelines(f"Requires-Dist: {text}\n" for text in needs)
    monkeypatch.syspath_prepend(str(tmp_path))
    rich, missing = find_requirement_problems("hydra-odd-sweeper")
    assert "needs rich<1, but " in rich
    assert "pip install 'rich<1'" in rich
    assert "needs not-there>=2, but none is installed" in missing


def test_extras_are_those_for_users() -> None:
    found = list_extras()
    assert found["ray"] == ["ray"]
    assert "test" not in found


def test_a_module_that_does_not_import_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_vision.py").write_text("raise RuntimeError('operator nms does not exist')")
    monkeypatch.syspath_prepend(str(tmp_path))
    (problem,) = find_import_problems(("json", "broken_vision"))
    assert problem.startswith("broken_vision does not import (RuntimeError: operator nms")


def test_a_folder_that_cannot_hold_studies_is_a_problem(tmp_path: Path) -> None:
    assert find_folder_problems(tmp_path) == []
    proc = Path("/proc/self")
    if proc.exists():  # no room at all
        assert len(find_folder_problems(proc)) >= 1
