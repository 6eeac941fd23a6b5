"""Charts for a notebook or a script: those of the page, of studies as they are now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasframe.errors import NasframeError, nearest
from nasframe.study.result import StudyResult

if TYPE_CHECKING:
    import altair

    from nasframe.report.page.trials import Record


class ChartKind(Enum):
    """What a chart shows."""

    trials = "trials"
    time = "time"
    pareto = "pareto"
    comparison = "comparison"


def plot(
    studies: StudyResult | Path | str | Sequence[StudyResult | Path | str], kind: str = "trials"
) -> altair.TopLevelMixin:
    """A chart of studies, which may still be running.

    A notebook shows it; ``.save("chart.svg")`` writes it (``.png``, ``.pdf``, ``.html``, too).

    Args:
        studies: one or several: results, or folders of studies, or folders that hold studies.
        kind: ``trials``: rewards, and the best so far, against the number of trials; ``time``:
            against minutes; ``pareto``: the networks of one study and its Pareto front;
            ``comparison``: the means of contenders over their seeds, as ``nasframe-report
            --compare`` draws them.

    Returns:
        A chart of Vega-Altair.

    Raises:
        NasframeError: if there is no such kind, no study, no trial, or what the kind needs is not
            there.
    """
    from nasframe.report.comparison.groups import contest
    from nasframe.report.comparison.studies import find

    if kind not in ChartKind.__members__:
        raise NasframeError(f"there is no chart {kind!r}; {nearest(kind, ChartKind.__members__)}")
    if not studies:
        raise NasframeError("no study was given")
    given = [studies] if isinstance(studies, StudyResult | Path | str) else studies
    folders = find([Path(s.folder if isinstance(s, StudyResult) else s) for s in given])
    match ChartKind[kind]:
        case ChartKind.pareto:
            return _plot_front(folders)
        case ChartKind.comparison:
            from nasframe.report.comparison.chart import picture
            from nasframe.report.comparison.compare import compare

            return picture(compare(contest(folders)))
        case ChartKind.trials | ChartKind.time:
            return _plot_rewards(folders, kind)


def _plot_front(folders: Sequence[Path]) -> altair.TopLevelMixin:
    from nasframe.report.study.analyze import inspect
    from nasframe.report.study.chart import picture

    if len(folders) > 1:
        raise NasframeError(f"a Pareto front is of one study, not of {len(folders)}: give one")
    findings = inspect(folders[0], strict=True)
    assert findings.front is not None
    return picture(findings, findings.front)


def _plot_rewards(folders: Sequence[Path], kind: str) -> altair.TopLevelMixin:
    from nasframe.report.page import charts
    from nasframe.report.page.page import short_names
    from nasframe.report.page.trials import record

    names = short_names(folders)
    studies = [_make_rows(name, record(path)) for name, path in zip(names, folders, strict=True)]
    field = charts.COURSES[kind].field
    best = [
        row
        for rows in studies
        for row in _find_improvements(sorted(rows, key=lambda row: row[field]))
    ]
    trials = [row for rows in studies for row in rows]
    return charts.course(names, kind, own_legend=len(names) > 1).properties(
        datasets={"trials": trials, f"best_{field}": best}
    )


def _make_rows(name: str, record: Record) -> list[dict[str, Any]]:
    return [
        {
            "study": name,
            "trial": row.trial,
            "reward": row.reward,
            "elapsed": row.elapsed / 60,
            "state": row.state,
        }
        for row in record.rows
        if row.state != "duplicate"
    ]


def _find_improvements(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Where the best reward has risen; and the end, which it holds to."""
    found: list[Mapping[str, Any]] = []
    for row in rows:
        trained = row["state"] in ("trained", "stopped") and row["reward"] is not None
        if trained and (not found or row["reward"] > found[-1]["reward"]):
            found.append(row)
    return [*found, {**rows[-1], "reward": found[-1]["reward"]}] if found else []
