"""What a study looks like on a terminal, and that it leaves the terminal as it was."""

from __future__ import annotations

import io
import math
import os
import pty
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from places import HELPERS
from rich.console import Console
from toys import toy_study

from nasframe import Architecture, Report, Step, StudyResult, Trial
from nasframe._support.text import format_duration, format_number, to_text
from nasframe.cli.console import ConsoleObserver
from nasframe.cli.live_children import MAX_ROWS, LiveChildren
from nasframe.study.metrics import describe_missed_target

pytestmark = pytest.mark.alone

PROGRAM = """
import sys
from pathlib import Path
from nasframe import NasframeError, run
from nasframe.cli.console import ConsoleObserver
from toys import ToyEvaluatorConfig, toy_study
evaluator = ToyEvaluatorConfig(full=int(sys.argv[2]), epochs=2, seconds=1.2, fails=3)
config = toy_study(Path(sys.argv[1]), trials=6, evaluator=evaluator)
try:
    run(config, observers=[ConsoleObserver(["val_accuracy"], "nasframe dir=a")])
except NasframeError as error:
    print("told:", error)
"""


def on_a_terminal(*arguments: str) -> str:
    """Run the program on a pseudo-terminal; returns all that it wrote there."""
    driver, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", PROGRAM, *arguments],
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "PYTHONPATH": str(HELPERS), "TERM": "xterm-256color"},
    )
    os.close(terminal)
    written = b""
    while True:
        try:
            written += os.read(driver, 65536)
        except OSError:  # the terminal has no more writer
            break
    process.wait(timeout=60)
    os.close(driver)
    return written.decode()


@pytest.mark.parametrize("full", ["-1", "0"])
def test_the_cursor_is_shown_again_however_the_study_ends(tmp_path: Path, full: str) -> None:
    written = on_a_terminal(str(tmp_path), full)
    assert "of 6 trials" in written
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1
    assert "trial 0  training  " in written
    assert re.search(r"trial 0  epoch 1  val accuracy 0\.\d{4}  [01] s", written)
    if full == "0":
        assert "told: a child cannot write its files: [Errno 28] No space left" in written
    else:
        assert "6 of 6 trials" in written
        assert "1 failed best" in written
        assert "Ended: 6 trials were run." in written


def test_what_comes_from_outside_cannot_command_the_terminal() -> None:
    text = to_text("[red]x[/red] \x1b[2J\x07\u202e ok")
    assert (
        text.plain
        == "[red]x[/red] \N{REPLACEMENT CHARACTER}[2J" + 2 * "\N{REPLACEMENT CHARACTER}" + " ok"
    )
    assert text.spans == []


def test_what_a_worker_takes_to_start_is_not_taken_for_each_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It takes 8 of the 10 s to the first result: 10 s, and 29 times 2 s."""
    clock = iter([100.0, *[110.0] * 10])
    monkeypatch.setattr("nasframe.cli.console.monotonic", lambda: next(clock))
    progress = ConsoleObserver([], "nasframe")
    progress.on_start(toy_study(tmp_path, trials=30), 0, None, 0.0)
    progress.on_result(Trial(0, Architecture((0,)), reward=0.5, seconds=2.0))
    progress.on_close()
    assert "The whole study will take about 1 min 08 s" in capsys.readouterr().out


def test_latencies_of_a_busy_machine_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = ConsoleObserver(["latency_ms"], "nasframe")
    progress.on_start(toy_study(tmp_path, trials=3), 0, None, 0.0)
    trials = [
        Trial(n, Architecture((n,)), reward=0.5, metrics={"latency_ms": 2.0, name: float(value)})
        for n, (name, value) in enumerate(
            [("torch.latency_contended", 1), ("latency_contended", 1), ("latency_contended", 0)]
        )
    ]
    progress.on_end(StudyResult(tmp_path, tuple(trials), "3 trials were run"), lambda a: a.key)
    said = " ".join(capsys.readouterr().out.split())
    assert "Note: 2 latencies were measured while other processes kept the processor busy" in said
    progress.on_end(StudyResult(tmp_path, tuple(trials[2:]), "1 trial was run"), lambda a: a.key)
    assert "Note" not in capsys.readouterr().out


def test_a_target_that_all_miss_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    progress = ConsoleObserver(["latency_ms"], "nasframe", {"latency_ms": 0.3})
    progress.on_start(toy_study(tmp_path, trials=3), 0, None, 0.0)
    trials = [
        Trial(n, Architecture((n,)), reward=0.5, metrics={"latency_ms": ms})
        for n, ms in enumerate((0.5, 0.3125, 0.4))
    ]
    progress.on_end(StudyResult(tmp_path, tuple(trials), "3 trials were run"), lambda a: a.key)
    said = " ".join(capsys.readouterr().out.split())
    told = "None of 3 networks has latency_ms at 0.3 or less; the minimum is 0.3125, of trial 1"
    assert f"Note: {told}" in said
    met = replace(trials[0], metrics={"latency_ms": 0.25}, number=3)
    result = StudyResult(tmp_path, (*trials, met), "4 trials were run")
    progress.on_end(result, lambda a: a.key)
    assert "Note" not in capsys.readouterr().out
    assert describe_missed_target({}, [(0, {"latency_ms": 1.0})]) is None
    assert describe_missed_target({"latency_ms": 1.0}, []) is None


def test_numbers_that_are_none_are_shown() -> None:
    shown_ = [
        format_number(value) for value in (math.nan, -math.inf, (), (0.5, math.nan), (1.0, 0.25))
    ]
    assert shown_ == ["nan", "-inf", "-", "nan", "0.2500"]


def test_children_at_work() -> None:
    """Of many the first have a line; a series is shown by its last value, under its own name."""
    children = LiveChildren(["val_accuracy_epochs"])
    for trial in range(MAX_ROWS + 3):
        children.start(trial, Step.MEASURE)
    children.start(1, Step.TRAIN)
    children.update(Report(1, 2, {"val_loss": 0.5, "val_accuracy": 0.25}))
    children.remove(2)
    children.remove(99)  # a duplicate
    lines = shown(children)
    assert lines[:3] == [
        "trial 0  measuring                       0 s",
        "trial 1  epoch 2    val accuracy 0.2500  0 s",
        "trial 3  measuring                       0 s",
    ]
    assert len(lines) == MAX_ROWS + 1
    assert lines[-1] == "and 2 more"


def test_a_child_without_the_wanted_metrics_shows_another() -> None:
    children = LiveChildren(["latency_ms"])
    children.start(0, Step.TRAIN)
    children.update(Report(0, 1, {"[red]loss": 1234567.0}))
    assert shown(children) == ["trial 0  epoch 1  [red]loss 1,234,567  0 s"]


def shown(children: LiveChildren) -> list[str]:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(children)
    return [line.rstrip() for line in console.export_text().splitlines()]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (7384, "2 h 03 min"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert format_duration(seconds) == words
