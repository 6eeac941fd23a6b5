"""The chart of a comparison: the mean of the best few after each trial (NASNet, figure 6)."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt

from nasframe._support.text import strip_controls
from nasframe.report.comparison.types import Comparison, ContenderRow, Curve
from nasframe.storage.files import write_output

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Distinct with any colour vision (Okabe & Ito 2008)."""

_DASHES = ([1, 0], [6, 3], [2, 2])
"""Line styles: each for as many contenders as there are colours."""

_TEXT_KINDS = ("svg", "html")
"""File formats that are text."""

_WIDTH, _HEIGHT = 280, 260
_LINE = 14
"""The height of a label in pixels."""

_RISE = 0.1
"""The first share of the trials, ignored by the axis as curves rise from far below."""


def save_comparison(comparison: Comparison, path: Path) -> None:
    """Draw a comparison into a self-contained ``.svg``, ``.png``, ``.pdf`` or ``.html`` file.

    Raises:
        NasframeError: if the file cannot be written.
    """
    write_chart(draw_comparison(comparison), path)


def write_chart(drawn: alt.TopLevelMixin, path: Path) -> None:
    """Write a chart into a file; see ``save_comparison``."""
    kind: Any = path.suffix.removeprefix(".")  # altair rejects others
    file: io.StringIO | io.BytesIO = io.StringIO() if kind in _TEXT_KINDS else io.BytesIO()
    if kind == "html":  # self-contained
        drawn.save(file, kind, inline=True, json_kwds={"cls": _SafeEncoder})
    else:
        drawn.save(file, kind, ppi=160)
    write_output(path, file.getvalue())


class _SafeEncoder(json.JSONEncoder):
    """Encode JSON so that no name from a journal can end the script that contains it."""

    def encode(self, o: Any) -> str:
        return super().encode(o).replace("<", r"\u003c")


def draw_comparison(comparison: Comparison) -> alt.HConcatChart:
    """Draw a panel for the best so far and for the mean of each number of best networks."""
    rows = comparison.rows
    sizes = [size for size in rows[0].curves if all(size in row.curves for row in rows)]
    panels = [_draw_panel(comparison, size) for size in sizes]
    panels[-1] += _draw_names(comparison, sizes[-1])
    title = alt.Title(
        "Means over seeds, and their 95 % intervals", fontSize=11, fontWeight="normal", offset=6
    )
    chart: alt.HConcatChart = alt.hconcat(*panels, spacing=20, title=title)
    view, axis = alt.ViewConfig(stroke=None), alt.AxisConfig(gridColor="#eee")
    chart.config = alt.Config(view=view, axis=axis)
    return chart


def _draw_panel(comparison: Comparison, size: int) -> alt.LayerChart:
    """Draw means as lines, in bands of their 95 % intervals."""
    points = [point for row in comparison.rows for point in _make_points(row, size)]
    title = "Best so far" if size == 1 else f"Mean of the best {size}"
    base = alt.Chart(alt.InlineData(points), title=title, width=_WIDTH, height=_HEIGHT)
    scale = alt.Scale(domain=_compute_range(comparison, size), nice=False, zero=False)
    name = strip_controls(comparison.metric or "reward")
    settings: dict[str, Any] = {"title": name, "scale": scale, "axis": alt.Axis(tickCount=6)}
    base = base.encode(x=_make_x(comparison), color=_make_colour(comparison))
    dash = alt.StrokeDash(
        "contender:N", scale=_make_scale(comparison, _DASHES, len(_COLOURS)), legend=None
    )
    band = base.mark_area(opacity=0.15, clip=True)
    line = base.mark_line(strokeWidth=2, clip=True)
    low, mean = (alt.Y(f"{field}:Q", **settings) for field in ("low", "mean"))
    panel: alt.LayerChart = band.encode(y=low, y2="high:Q") + line.encode(y=mean, strokeDash=dash)
    return panel


def _draw_names(comparison: Comparison, size: int) -> alt.Chart:
    """Draw the contenders' names at the ends of their lines, moved apart to avoid overlaps."""
    low, high = _compute_range(comparison, size)
    rows = sorted(comparison.rows, key=lambda row: row.curves[size].mean[-1])
    ends = [row.curves[size].mean[-1] for row in rows]
    gap = (high - low) * _LINE / _HEIGHT
    places = spread_values(ends, gap, high - gap / 2)
    points = [
        {"contender": _clean_label(row), "trials": comparison.budget, "mean": place}
        for row, place in zip(rows, places, strict=True)
    ]
    text = alt.Chart(alt.InlineData(points)).mark_text(align="left", dx=6, fontSize=12, limit=300)
    named: alt.Chart = text.encode(
        x=_make_x(comparison), y="mean:Q", color=_make_colour(comparison), text="contender:N"
    )
    return named


def spread_values(values: Sequence[float], gap: float, maximum: float) -> list[float]:
    """Move rising values up or down until each gap is wide enough, with a maximum."""
    places = list(values)
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + gap)
    for i in reversed(range(len(places))):
        places[i] = min(places[i], maximum if i == len(places) - 1 else places[i + 1] - gap)
    return places


def _make_points(row: ContenderRow, size: int) -> list[dict[str, Any]]:
    curve = row.curves[size]
    bounds = zip(curve.trials, curve.mean, *_compute_band(curve), strict=True)
    return [
        {"contender": _clean_label(row), "trials": trial, "mean": mean, "low": low, "high": high}
        for trial, mean, low, high in bounds
    ]


def _compute_band(curve: Curve) -> tuple[list[float], list[float]]:
    pairs = list(zip(curve.mean, curve.margin or [0.0] * len(curve.mean), strict=True))
    return [mean - margin for mean, margin in pairs], [mean + margin for mean, margin in pairs]


def _compute_range(comparison: Comparison, size: int) -> list[float]:
    """Compute the lowest and the highest value of the axis."""
    shown: list[float] = []
    for row in comparison.rows:
        curve = row.curves[size]
        first = curve.trials[0]
        settled = first + _RISE * (curve.trials[-1] - first)
        start = sum(trial < settled for trial in curve.trials)
        shown += [value for side in _compute_band(curve) for value in side[start:]]
    low, high = min(shown), max(shown)
    margin = 0.04 * (high - low) or 0.01 * abs(high) or 0.01
    return [low - margin, high + margin]


def _make_x(comparison: Comparison) -> alt.X:
    scale = alt.Scale(domain=[0, comparison.budget], nice=False)
    return alt.X("trials:Q", title="trials", scale=scale, axis=alt.Axis(tickCount=5, grid=False))


def _make_colour(comparison: Comparison) -> alt.Color:
    return alt.Color("contender:N", scale=_make_scale(comparison, _COLOURS, 1), legend=None)


def _make_scale(comparison: Comparison, values: Sequence[Any], each: int) -> alt.Scale:
    """Map each contender to a value, moving to the next value after ``each`` contenders."""
    names = [_clean_label(row) for row in comparison.rows]
    chosen = [values[i // each % len(values)] for i in range(len(names))]
    return alt.Scale(domain=names, range=chosen)


def _clean_label(row: ContenderRow) -> str:
    return strip_controls(row.label)
