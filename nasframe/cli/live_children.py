"""The children that are at work, as a table on the terminal: what each does, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table

from nasframe._support.text import duration, number, plain
from nasframe.api.types import Report, Step

SHOWN = 8
"""So many children have a line; of the others the number is told."""


@dataclass(slots=True)
class _Child:
    """One at work: since when, and what it reported last."""

    step: Step
    since: float
    report: Report | None = None


class Children:
    """The children at work; rich shows it.

    Args:
        needs: the metrics to show, as far as a child reports them.
    """

    def __init__(self, needs: Sequence[str]) -> None:
        self._needs = [name.removesuffix("_epochs") for name in needs]
        self._working: dict[int, _Child] = {}

    def begun(self, trial: int, step: Step) -> None:
        """A child is to be measured or trained."""
        self._working[trial] = _Child(step, monotonic())

    def reported(self, report: Report) -> None:
        """A child has finished an epoch."""
        self._working[report.number].report = report

    def ended(self, trial: int) -> None:
        """A trial is over; a duplicate has never begun."""
        self._working.pop(trial, None)

    def clear(self) -> None:
        """None is at work any more."""
        self._working.clear()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """A line for each of the first children."""
        if not self._working:
            return
        table = Table.grid(padding=(0, 2))
        for trial, child in list(self._working.items())[:SHOWN]:
            table.add_row(*map(plain, self._cells(trial, child)))
        yield table
        if (more := len(self._working) - SHOWN) > 0:
            yield f"and {more} more"

    def _cells(self, trial: int, child: _Child) -> list[str]:
        seconds = duration(monotonic() - child.since)
        if child.report is None:
            doing = "measuring" if child.step is Step.MEASURE else "training"
            return [f"trial {trial}", doing, "", seconds]
        metrics = child.report.metrics
        names = [name for name in self._needs if name in metrics] or list(metrics)[:1]
        numbers = "  ".join(f"{name.replace('_', ' ')} {number(metrics[name])}" for name in names)
        return [f"trial {trial}", f"epoch {child.report.epoch}", numbers, seconds]
