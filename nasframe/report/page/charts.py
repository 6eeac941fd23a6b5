"""The charts of the page in Vega-Lite; the page's script adds their data.

The data set ``trials`` has a row for each trial: ``study``, ``trial``, ``reward``, ``elapsed`` in
minutes and ``state``. ``best_trial`` and ``best_elapsed`` have the rows that raise the best reward,
in the order of that field. ``trained`` and ``front`` also have each metric. ``shares`` counts how
often each option of one choice was proposed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import altair as alt

from nasframe.report.comparison.chart import draw_comparison
from nasframe.report.comparison.types import Comparison
from nasframe.report.study.types import Findings

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")
"""Distinct with any colour vision (Okabe & Ito 2008), on white and on black."""
HEIGHT = 280


class Course(NamedTuple):
    """The x axis of a chart of rewards: a field of the rows, and its title."""

    field: str
    title: str


COURSES = {"trials": Course("trial", "trials"), "time": Course("elapsed", "minutes")}


def make_specifications(
    studies: Sequence[str], findings: Mapping[Path, Findings], comparison: Comparison | None
) -> dict[str, dict[str, Any]]:
    """Make the charts by name; front and comparison only if there is one."""
    charts = {
        **{name: _set_size(draw_course(studies, name)) for name in COURSES},
        "shares": _draw_shares(),
    }
    fronts = [found.front for found in findings.values() if found.front is not None]
    if fronts:
        names = [goal.name for goal in fronts[0].goals]
        charts["front"] = _draw_front(studies, names[1], names[0])
    if comparison is not None:
        charts["comparison"] = draw_comparison(comparison)
    return {name: chart.to_dict() for name, chart in charts.items()}


def _set_size(chart: alt.Chart | alt.LayerChart) -> Any:
    return chart.properties(width="container", height=HEIGHT)


def assign_colours(studies: Sequence[str]) -> list[str]:
    """Assign a colour to each study; colours repeat if there are more studies."""
    return [COLOURS[place % len(COLOURS)] for place in range(len(studies))]


def _make_colour(studies: Sequence[str], *, own_legend: bool = False) -> alt.Color:
    """Encode studies as colours; without its own legend, as the page has one."""
    scale = alt.Scale(domain=list(studies), range=assign_colours(studies))
    legend = alt.Legend(title=None, labelLimit=400) if own_legend else None
    return alt.Color("study:N", scale=scale, legend=legend)


def draw_course(studies: Sequence[str], name: str, *, own_legend: bool = False) -> alt.LayerChart:
    """Draw every reward, and the best reward so far.

    Args:
        studies: the names of the studies.
        name: a name in ``COURSES``.
        own_legend: whether the chart has a legend of the studies' colours.
    """
    field, title = COURSES[name]
    colour = _make_colour(studies, own_legend=own_legend)
    x = alt.X(f"{field}:Q", title=title)
    points = alt.Chart(alt.NamedData("trials")).transform_filter("isValid(datum.reward)")
    points = points.mark_circle(size=22, opacity=0.55).encode(
        x=x,
        y=alt.Y("reward:Q", title="reward", scale=alt.Scale(zero=False)),
        color=colour,
        tooltip=["study:N", "trial:Q", "reward:Q", "state:N"],
    )
    line = alt.Chart(alt.NamedData(f"best_{field}"))
    line = line.mark_line(interpolate="step-after", strokeWidth=2)
    layers: alt.LayerChart = points + line.encode(x=x, y="reward:Q", color=colour, detail="study:N")
    return layers


def _draw_front(studies: Sequence[str], x: str, y: str) -> Any:
    axes = {
        "x": alt.X(f"{_escape_field(x)}:Q", title=x, scale=alt.Scale(zero=False)),
        "y": alt.Y(f"{_escape_field(y)}:Q", title=y, scale=alt.Scale(zero=False)),
    }
    tooltip = [
        "study:N",
        "trial:Q",
        "reward:Q",
        *(alt.Tooltip(f"{_escape_field(n)}:Q", title=n) for n in (y, x)),
    ]
    all_ = alt.Chart(alt.NamedData("trained")).mark_circle(size=30, opacity=0.55)
    front = alt.Chart(alt.NamedData("front")).mark_point(size=70, filled=True, opacity=1)
    shape = alt.value("diamond")
    encoded = front.encode(**axes, color=_make_colour(studies), shape=shape, tooltip=tooltip)
    return _set_size(all_.encode(**axes, color=_make_colour(studies), tooltip=tooltip) + encoded)


def _escape_field(name: str) -> str:
    """Escape the column of a metric: Vega reads dots and brackets as paths into an object."""
    return "m_" + re.sub(r"([.\[\]\\])", r"\\\1", name)


def _draw_shares() -> Any:
    chart = alt.Chart(alt.NamedData("shares")).mark_area(interpolate="monotone")
    scale = alt.Scale(scheme="tableau20")
    return _set_size(
        chart.encode(
            x=alt.X("trial:Q", title="trials"),
            y=alt.Y("count:Q", stack="normalize", title="share of the proposals"),
            color=alt.Color(
                "option:N", scale=scale, title=None, legend=alt.Legend(orient="top", columns=4)
            ),
            tooltip=["option:N", "trial:Q", "count:Q"],
        )
    )
