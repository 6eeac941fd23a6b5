"""A study on the terminal: a bar, a line for each trial, and the best at the end.

Piped into a file, the bar is left out and the lines stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from nasframe.api import Architecture, Report, Trial
from nasframe.progress import Progress as StudyProgress
from nasframe.result import StudyResult

_TOP = 5


def plain(text: object) -> Text:
    """Text from outside, without markup, colours or control characters."""
    return Text("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text)))


def duration(seconds: float) -> str:
    """Seconds for people: ``42 s``, ``3 min 20 s``, ``5 h 12 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


class ConsoleProgress(StudyProgress):
    """Shows a study on the terminal.

    Args:
        needs: the metrics to show beside the reward.
        command: the command line that goes on with this study, but for its number of trials.
    """

    def __init__(self, needs: Sequence[str], command: str) -> None:
        self._needs = needs
        self._command = command
        self._console = Console(highlight=False)
        self._bar = Progress(
            TextColumn("[progress.description]{task.description}"),
            BarColumn(),
            TextColumn("{task.completed} of {task.fields[wanted]} trials"),
            TextColumn("best {task.fields[best]}"),
            TextColumn("{task.fields[left]}"),
            console=self._console,
            refresh_per_second=4,
            disable=not self._console.is_terminal,
        )
        self._task = TaskID(0)
        self._best = float("-inf")
        self._since = 0.0
        self._done = self._before = 0
        self._trials: int | None = None

    def started(self, folder: Path, done: int, trials: int | None) -> None:
        """Show the bar."""
        self._since, self._done, self._before, self._trials = monotonic(), done, done, trials
        verb = f"Going on after {done} trials in" if done else "Searching in"
        self._console.print(plain(f"{verb} {folder}"))
        self._task = self._bar.add_task(
            "starting", total=trials, completed=done, wanted=trials or "?", best="-", left=""
        )
        self._bar.start()

    def note(self, text: str) -> None:
        """Print a line."""
        self._console.print(plain(f"Note: {text}"))

    def reported(self, report: Report) -> None:
        """Show which epoch the child has reached."""
        self._bar.update(self._task, description=f"trial {report.number}, epoch {report.epoch}")

    def told(self, trial: Trial) -> None:
        """Print the trial's line and move the bar."""
        self._console.print(plain(self._line(trial)), soft_wrap=True)
        if trial.duplicate_of is not None:
            return
        self._done += 1
        if trial.reward is not None:
            self._best = max(self._best, trial.reward)
        left = self._left()
        if left and self._done == self._before + 1:
            self._console.print(plain(f"The whole study will take about {left}"))
        self._bar.update(
            self._task,
            completed=self._done,
            best=f"{self._best:.4f}" if self._best > float("-inf") else "-",
            left=f"{left} left" if left else "",
        )

    def _left(self) -> str:
        if self._trials is None:
            return ""
        each = (monotonic() - self._since) / (self._done - self._before)
        return duration(each * (self._trials - self._done))

    def _line(self, trial: Trial) -> str:
        start = f"trial {trial.number:>3}  "
        if trial.error is not None:
            return f"{start}failed: {trial.error}"
        if trial.rejected is not None:
            return f"{start}not trained: {trial.rejected}"
        if trial.duplicate_of is not None:
            return (
                f"{start}reward {trial.reward:.4f}  the same network as trial {trial.duplicate_of}"
            )
        numbers = "  ".join(f"{name} {value}" for name, value in self._numbers(trial))
        return f"{start}reward {trial.reward:.4f}  {numbers}"

    def _numbers(self, trial: Trial) -> list[tuple[str, str]]:
        names = dict.fromkeys([*self._needs, "parameters"])
        shown = {name: trial.metrics[name] for name in names if name in trial.metrics}
        numbers = {name: _number(value) for name, value in shown.items()}
        return [*numbers.items(), ("seconds", f"{trial.seconds:.1f}")]

    def ended(self, result: StudyResult, describe: Callable[[Architecture], str]) -> None:
        """Print the best trials and what can be done next."""
        self._bar.stop()
        duplicates = sum(trial.duplicate_of is not None for trial in result.trials)
        failed = sum(t.error is not None and t.duplicate_of is None for t in result.trials)
        self._console.print()
        self._console.print(
            plain(
                f"Ended: {result.ended}. {len(result.trials) - duplicates} trials, "
                f"{failed} failed, {duplicates} duplicates."
            )
        )
        best = result.top(_TOP)
        if best:
            self._print_table(best, describe)
        self._print_hints(result)

    def _print_table(self, best: Sequence[Trial], describe: Callable[[Architecture], str]) -> None:
        table = Table(title=f"The best {len(best)}", title_justify="left")
        for name in ("trial", "reward", *(name for name, _ in self._numbers(best[0]))):
            table.add_column(name.replace("_", " "), justify="right")
        for trial in best:
            numbers = [plain(value) for _, value in self._numbers(trial)]
            table.add_row(str(trial.number), f"{trial.reward:.4f}", *numbers)
        self._console.print(table)
        for trial in best:
            words = describe(trial.architecture)
            self._console.print(plain(f"trial {trial.number}  {words}"), soft_wrap=True)

    def _print_hints(self, result: StudyResult) -> None:
        trials = (
            f" trials={self._trials * (1 if result.interrupted else 2)}" if self._trials else ""
        )
        lines = ["", f"Folder:   {result.folder}", f"Go on:    {self._command}{trials}"]
        if result.best is not None:
            lines.append(
                f"Load:     python -c \"import nasframe; print(nasframe.load('{result.folder}'))\""
            )
        for line in lines:
            self._console.print(plain(line), soft_wrap=True)


def _number(value: Any) -> str:
    if isinstance(value, tuple):
        return _number(value[-1])
    return f"{value:,.0f}" if value == int(value) and abs(value) >= 10 else f"{value:.4f}"
