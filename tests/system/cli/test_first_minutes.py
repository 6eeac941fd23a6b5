"""What a person meets first, as real processes that train real children on real images."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

import nasframe
from nasframe.storage.journal import JOURNAL_FILE, read_journal
from nasframe.testing import journal_events

pytestmark = pytest.mark.alone

NASFRAME = str(Path(sys.executable).with_name("nasframe"))
HERE, TWO_WORKERS = ["executor=serial"], ["executor=process", "executor.workers=2"]
ON_RAY = ["executor=ray", "executor.workers=2"]
SLOW_HERE = pytest.param(HERE, marks=pytest.mark.slow)
SLOW_ON_RAY = pytest.param(ON_RAY, marks=pytest.mark.slow)
SMALL = ["trials=4", "evaluator.epochs=1", "batch=2", "meters=[size]", "evaluator.device=cpu"]


def start(cwd: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [NASFRAME, *SMALL, *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "100"},
    )


def finish(cwd: Path, *arguments: str) -> str:
    output, errors = (process := start(cwd, *arguments)).communicate(timeout=200)
    assert errors == ""
    assert process.returncode == 0
    return output


def told(folder: Path) -> list[dict[str, Any]]:
    try:
        return [event for event in read_journal(folder) if event["event"] == "told"]
    except nasframe.NasframeError:
        return []


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A study, and what it printed."""
    cwd = tmp_path_factory.mktemp("first")
    return cwd / "runs" / "a", finish(cwd, "dir=runs/a")


def test_what_is_printed(first: tuple[Path, str]) -> None:
    folder, output = first
    lines = output.splitlines()
    trials = nasframe.read_result(folder).trials
    assert lines[0] == "Searching in runs/a"
    assert len([line for line in lines if line.startswith("trial ") and "  reward 0." in line]) == 4
    assert lines[2].startswith("The whole study will take about ")
    assert "Ended: 4 trials were run. 4 trials, 0 failed, 0 duplicates." in lines
    table = [line for line in lines if line.startswith("│")]
    assert len(table) == 4
    best = max(trials, key=lambda trial: (trial.reward or 0, -trial.number))
    assert f"{best.reward:.4f}" in table[0]
    assert f"{best.metrics['parameters']:,}" in table[0]
    assert any(line.startswith(f"trial {best.number}  normal: ") for line in lines)


def test_the_command_that_is_offered_goes_on(first: tuple[Path, str], tmp_path: Path) -> None:
    _folder, output = first
    command = next(line for line in output.splitlines() if line.startswith("Resume: "))
    words = shlex.split(command)[1:]
    assert words[0] == "nasframe"
    assert words[-2:] == ["dir=runs/a", "trials=8"]
    assert sorted(words[1:-2]) == sorted(SMALL[1:])


def test_the_loaded_network_has_the_accuracy_that_was_told(first: tuple[Path, str]) -> None:
    import torch

    folder, _ = first
    best = nasframe.read_result(folder).best
    assert best is not None
    network = nasframe.load(folder)
    assert not network.training
    assert len(list((folder / "weights").iterdir())) == 3
    task = nasframe.option("task", "digits").build()
    right = total = 0
    with torch.no_grad():
        for x_NCHW, y_N in task.validation_batches(64, torch.device("cpu")):
            right += int((network(x_NCHW).argmax(1) == y_N).sum())
            total += len(y_N)
    assert total == 359
    assert right / total == pytest.approx(best.metrics["val_accuracy"])


def test_weights_that_are_not_there(first: tuple[Path, str]) -> None:
    with pytest.raises(nasframe.NasframeError, match=r"holds no weights of trial 77; there are"):
        nasframe.load(first[0], number=77)


@pytest.mark.parametrize("executor", [SLOW_HERE, TWO_WORKERS, SLOW_ON_RAY])
def test_killed_in_the_middle_of_a_child_it_ends_like_one_that_was_not(
    first: tuple[Path, str], tmp_path: Path, executor: list[str]
) -> None:
    """Also: the same command with the same seed gives the same journal, in another folder."""
    for wanted in (1, 2, 3):
        process = start(tmp_path, "dir=b", *executor)
        while process.poll() is None and len(told(tmp_path / "b")) < wanted:
            time.sleep(0.05)
        process.kill()
        process.communicate()
    finish(tmp_path, "dir=b", *executor)
    assert journal_events(tmp_path / "b") == journal_events(first[0])


@pytest.mark.parametrize(
    ("name", "executor"),
    [
        pytest.param("SIGINT", HERE, marks=pytest.mark.slow),
        ("SIGTERM", HERE),
        ("SIGINT", TWO_WORKERS),
        pytest.param("SIGTERM", TWO_WORKERS, marks=pytest.mark.slow),
        pytest.param("SIGTERM", ON_RAY, marks=pytest.mark.slow),
    ],
)
def test_interrupted_it_shows_what_it_has(tmp_path: Path, name: str, executor: list[str]) -> None:
    process = start(tmp_path, "dir=c", "trials=500", "evaluator.epochs=2", *executor)
    while process.poll() is None and not told(tmp_path / "c"):
        time.sleep(0.05)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(getattr(signal, name))
    output, errors = process.communicate(timeout=60)
    assert not psutil.wait_procs(workers, timeout=5)[1]
    assert process.returncode == 130
    assert errors == ""
    assert "Ended: interrupted." in output
    assert "Resume:   nasframe" in output
    count = len(told(tmp_path / "c"))
    assert f"The best {count}" in output
    assert (tmp_path / "c" / JOURNAL_FILE).read_bytes().endswith(b"\n")


def test_interrupted_in_the_middle_of_a_long_step_it_ends_at_once(tmp_path: Path) -> None:
    """One step takes minutes, and cannot be ended; the process ends as if it could."""
    large = ["search_space=nasnet", "search_space.filters=64", "evaluator.batch_size=2000"]
    process = start(tmp_path, "dir=f", "meters=[]", *large)
    while process.poll() is None and not (tmp_path / "f" / JOURNAL_FILE).exists():
        time.sleep(0.05)
    time.sleep(8)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "")
    assert "Ended: interrupted. 0 trials" in output


@pytest.mark.parametrize("executor", [SLOW_HERE, TWO_WORKERS, SLOW_ON_RAY])
def test_a_second_ctrl_c_is_not_in_the_way_of_the_first(
    tmp_path: Path, executor: list[str]
) -> None:
    process = start(tmp_path, "dir=g", "trials=500", *executor)
    while process.poll() is None and not told(tmp_path / "g"):
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    workers = [c for c in children if "Agent" not in c.name()]  # Ray's own look once a minute
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
    _, errors = process.communicate(timeout=5)
    assert (process.returncode, errors) in [(130, ""), (-signal.SIGINT, "")]
    assert not psutil.wait_procs(workers, timeout=10)[1]
    assert told(tmp_path / "g")


def test_the_controller_is_all_that_is_swapped(first: tuple[Path, str], tmp_path: Path) -> None:
    finish(tmp_path, "dir=d", "trials=1", "controller=random")
    one, other = (
        next(read_journal(first[0]))["config"],
        next(read_journal(tmp_path / "d"))["config"],
    )
    different = {key for key in one if one[key] != other[key]}
    assert different == {"controller", "trials", "dir"}


def test_nothing_succeeds(tmp_path: Path) -> None:
    """Every child diverges: the study ends by itself, and says why."""
    process = start(tmp_path, "dir=e", "evaluator.lr=1e30", "max_failures=2")
    output, _errors = process.communicate(timeout=200)
    assert process.returncode == 1
    assert "2 trials in a row failed, the last with FloatingPointError: training loss" in output
    assert [event["reward"] for event in told(tmp_path / "e") if "reward" in event] == []
