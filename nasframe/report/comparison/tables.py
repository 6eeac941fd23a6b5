"""A comparison on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from nasframe._support.text import to_text
from nasframe.report.comparison.policies import Policies
from nasframe.report.comparison.sentences import number, ranked, with_margin
from nasframe.report.comparison.types import Comparison


def tables(comparison: Comparison) -> list[Table]:
    """What each contender found, and how soon: means over its seeds, with 95 % intervals."""
    rows, marks, budget = ranked(comparison), comparison.marks, comparison.budget
    what = comparison.metric or "reward"
    best = _make_table(f"Best so far: {what}", ["seeds", *(f"{mark} trials" for mark in marks)])
    top = _make_table(
        f"Mean of the best so many at {marks[-1]} trials", list(map(str, rows[0].top))
    )
    way = _make_table(
        f"On the way to {budget} trials",
        ["area under the curve", f"trials to {number(comparison.reach)}", "reached by"],
    )
    for row in rows:
        name, seeds = to_text(row.label), len(row.seeds)
        best.add_row(name, str(seeds), *(with_margin(row.best[mark]) for mark in marks))
        top.add_row(name, *map(with_margin, row.top.values()))
        median = f"{row.median_reach:g}" if row.median_reach else f"more than {budget}"
        way.add_row(name, with_margin(row.area), median, f"{row.reached} of {seeds}")
    return [best, top, way]


def policy_table(policies: Sequence[Policies], metric: str | None) -> Table:
    """What controllers that learn hold most probable at the end, beside the best they met."""
    title = f"The policy's own choice at each study's end: {metric or 'reward'}"
    names = ["best met", "own choice", "tried by"]
    table = _make_table(title, names)
    for one in policies:
        tried = f"{one.tried} of {one.studies}"
        cells = (with_margin(one.best), with_margin(one.choice), tried)
        table.add_row(to_text(one.label), *cells)
    return table


def _make_table(title: str, names: Sequence[str]) -> Table:
    table = Table(title=to_text(title), title_justify="left")
    table.add_column("contender", overflow="fold", min_width=len("contender"))
    for name in names:
        table.add_column(to_text(name), justify="right")
    return table
