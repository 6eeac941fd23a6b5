"""Tables of a comparison on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from nasframe._support.text import to_text
from nasframe.report.comparison.policies import Policies
from nasframe.report.comparison.sentences import format_estimate, format_value, rank_contenders
from nasframe.report.comparison.types import Comparison


def make_tables(comparison: Comparison) -> list[Table]:
    """Make tables of each contender's results and speed: means over seeds, 95 % intervals."""
    rows, marks, budget = rank_contenders(comparison), comparison.marks, comparison.budget
    what = comparison.metric or "reward"
    best = _make_table(f"Best so far: {what}", ["seeds", *(f"{mark} trials" for mark in marks)])
    top = _make_table(f"Mean of the best k at {marks[-1]} trials", list(map(str, rows[0].top)))
    speed = _make_table(
        f"Progress over {budget} trials",
        ["area under the curve", f"trials to {format_value(comparison.reach)}", "reached by"],
    )
    for row in rows:
        name, seeds = to_text(row.label), len(row.seeds)
        best.add_row(name, str(seeds), *(format_estimate(row.best[mark]) for mark in marks))
        top.add_row(name, *map(format_estimate, row.top.values()))
        median = f"{row.median_reach:g}" if row.median_reach else f"more than {budget}"
        speed.add_row(name, format_estimate(row.area), median, f"{row.reached} of {seeds}")
    return [best, top, speed]


def make_policy_table(policies: Sequence[Policies], metric: str | None) -> Table:
    """Make a table of the choices of learned policies, beside the best trials."""
    title = f"The policy's own choice at each study's end: {metric or 'reward'}"
    names = ["best found", "own choice", "tried by"]
    table = _make_table(title, names)
    for one in policies:
        tried = f"{one.tried} of {one.studies}"
        cells = (format_estimate(one.best), format_estimate(one.choice), tried)
        table.add_row(to_text(one.label), *cells)
    return table


def _make_table(title: str, names: Sequence[str]) -> Table:
    table = Table(title=to_text(title), title_justify="left")
    table.add_column("contender", overflow="fold", min_width=len("contender"))
    for name in names:
        table.add_column(to_text(name), justify="right")
    return table
