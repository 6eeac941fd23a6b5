"""What a study looks like on a terminal, and that it leaves the terminal as it was."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from toys import toy_study

from nasframe import Architecture, Trial
from nasframe.console import ConsoleProgress, duration, plain

PROGRAM = """
import sys
from pathlib import Path
from nasframe import NasframeError, run
from nasframe.console import ConsoleProgress
from toys import ToyEvaluatorConfig, toy_study
config = toy_study(Path(sys.argv[1]), trials=6, evaluator=ToyEvaluatorConfig(full=int(sys.argv[2])))
try:
    run(config, progress=ConsoleProgress(["val_accuracy"], "nasframe dir=a"))
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
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent), "TERM": "xterm-256color"},
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


@pytest.mark.parametrize("full", ["-1", "2"])
def test_the_cursor_is_shown_again_however_the_study_ends(tmp_path: Path, full: str) -> None:
    written = on_a_terminal(str(tmp_path), full)
    assert "of 6 trials" in written
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1
    if full == "2":
        assert "told: a child cannot write its files: [Errno 28] No space left" in written
    else:
        assert "6 of 6 trials" in written
        assert "Ended: 6 trials were run." in written


def test_what_comes_from_outside_cannot_command_the_terminal() -> None:
    text = plain("[red]x[/red] \x1b[2J\x07\u202e ok")
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
    monkeypatch.setattr("nasframe.console.monotonic", lambda: next(clock))
    progress = ConsoleProgress([], "nasframe")
    progress.started(toy_study(tmp_path, trials=30), 0, None, 0.0)
    progress.told(Trial(0, Architecture((0,)), reward=0.5, seconds=2.0))
    progress.closed()
    assert "The whole study will take about 1 min 08 s" in capsys.readouterr().out


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
    assert duration(seconds) == words
