"""The terminal table of running children: state, metrics and elapsed time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table

from nasframe._support.text import format_duration, format_number, to_text
from nasframe.api.types import Report, Step

MAX_ROWS = 8
"""The maximum number of lines; further children are only counted."""


@dataclass(slots=True)
class _Child:
    """A running child: its step, start time and last report."""

    step: Step
    since: float
    report: Report | None = None


class LiveChildren:
    """A rich renderable of the running children.

    Args:
        needs: the metrics to show if a child reports them.
    """

    def __init__(self, needs: Sequence[str]) -> None:
        self._needs = [name.removesuffix("_epochs") for name in needs]
        self._running: dict[int, _Child] = {}

    def start(self, trial: int, step: Step) -> None:
        """Add a child whose step starts."""
        self._running[trial] = _Child(step, monotonic())

    def update(self, report: Report) -> None:
        """Store the report of a finished epoch."""
        self._running[report.number].report = report

    def remove(self, trial: int) -> None:
        """Remove a finished trial; a duplicate was never added."""
        self._running.pop(trial, None)

    def clear(self) -> None:
        """Remove all children."""
        self._running.clear()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield a table of the first children, and the number of the others."""
        if not self._running:
            return
        table = Table.grid(padding=(0, 2))
        for trial, child in list(self._running.items())[:MAX_ROWS]:
            table.add_row(*map(to_text, self._format_cells(trial, child)))
        yield table
        if (more := len(self._running) - MAX_ROWS) > 0:
            yield f"and {more} more"

    def _format_cells(self, trial: int, child: _Child) -> list[str]:
        seconds = format_duration(monotonic() - child.since)
        if child.report is None:
            activity = "measuring" if child.step is Step.MEASURE else "training"
            return [f"trial {trial}", activity, "", seconds]
        metrics = child.report.metrics
        names = [name for name in self._needs if name in metrics] or list(metrics)[:1]
        numbers = "  ".join(
            f"{name.replace('_', ' ')} {format_number(metrics[name])}" for name in names
        )
        return [f"trial {trial}", f"epoch {child.report.epoch}", numbers, seconds]
