"""Charts of the report page, for a notebook or a script; studies may still be running."""

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
    """The kind of a chart."""

    trials = "trials"
    time = "time"
    pareto = "pareto"
    comparison = "comparison"


def plot(
    studies: StudyResult | Path | str | Sequence[StudyResult | Path | str], kind: str = "trials"
) -> altair.TopLevelMixin:
    """Plot studies, which may still be running.

    A notebook shows the chart; ``.save("chart.svg")`` writes it, also as ``.png``, ``.pdf`` or
    ``.html``.

    Args:
        studies: one or several results, folders of studies, or folders that hold studies.
        kind: ``trials`` draws rewards and the best so far against the number of trials, ``time``
            against minutes; ``pareto`` draws the networks of one study and its Pareto front;
            ``comparison`` draws the means of contenders over their seeds, as
            ``nasframe-report --compare`` does.

    Returns:
        A Vega-Altair chart.

    Raises:
        NasframeError: if the kind is unknown, there is no study or trial, or the studies lack what
            the kind needs.
    """
    from nasframe.report.comparison.groups import read_contest
    from nasframe.report.comparison.studies import find_studies

    if kind not in ChartKind.__members__:
        raise NasframeError(f"there is no chart {kind!r}; {nearest(kind, ChartKind.__members__)}")
    if not studies:
        raise NasframeError("no study was given")
    given = [studies] if isinstance(studies, StudyResult | Path | str) else studies
    folders = find_studies([Path(s.folder if isinstance(s, StudyResult) else s) for s in given])
    match ChartKind[kind]:
        case ChartKind.pareto:
            return _plot_front(folders)
        case ChartKind.comparison:
            from nasframe.report.comparison.chart import draw_comparison
            from nasframe.report.comparison.compare import compare

            return draw_comparison(compare(read_contest(folders)))
        case ChartKind.trials | ChartKind.time:
            return _plot_rewards(folders, kind)


def _plot_front(folders: Sequence[Path]) -> altair.TopLevelMixin:
    from nasframe.report.study.analyze import analyze_study
    from nasframe.report.study.chart import draw_front

    if len(folders) > 1:
        raise NasframeError(
            f"a Pareto front is of one study, not of {len(folders)}: give one study"
        )
    findings = analyze_study(folders[0], strict=True)
    assert findings.front is not None
    return draw_front(findings, findings.front)


def _plot_rewards(folders: Sequence[Path], kind: str) -> altair.TopLevelMixin:
    from nasframe.report.page import charts
    from nasframe.report.page.page import shorten_names
    from nasframe.report.page.trials import read_record

    names = shorten_names(folders)
    studies = [
        _make_rows(name, read_record(path)) for name, path in zip(names, folders, strict=True)
    ]
    field = charts.COURSES[kind].field
    ordered = [sorted(rows, key=lambda row: row[field]) for rows in studies]
    best = [row for rows in ordered for row in _find_improvements(rows)]
    trials = [row for rows in studies for row in rows]
    return charts.draw_course(names, kind, own_legend=len(names) > 1).properties(
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
    """Return the rows that raise the best reward, and the last row with that reward."""
    found: list[Mapping[str, Any]] = []
    for row in rows:
        trained = row["state"] in ("trained", "stopped") and row["reward"] is not None
        if trained and (not found or row["reward"] > found[-1]["reward"]):
            found.append(row)
    return [*found, {**rows[-1], "reward": found[-1]["reward"]}] if found else []
