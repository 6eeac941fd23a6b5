"""The chart of a study: its networks by two metrics, with the Pareto front."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt

from nasframe._support.text import strip_controls
from nasframe.report.study.types import Findings, Front, TrainedNetwork
from nasframe.study.metrics import Goal

_BLUE, _GREY = "#0072B2", "#999999"
_WIDTH, _HEIGHT = 480, 360
_MARGIN = 0.08
"""The share of each axis left free at both ends, for the labels of the outermost networks."""

_DIGIT, _LINE = 7, 12
"""The width of a digit and the height of a line in pixels."""

_OUTLIERS = 0.05
"""The share of networks, worst by the first metric, that may lie beyond the axis."""


@dataclass(frozen=True, slots=True)
class _Axis:
    """A metric and the range of its axis, including margins."""

    goal: Goal
    low: float
    high: float

    def contains(self, network: TrainedNetwork) -> bool:
        """Return whether a network is within the range."""
        return self.low <= network.metrics[self.goal.name] <= self.high

    def to_pixels(self, network: TrainedNetwork, length: int) -> float:
        """Return the position of a network on an axis of this length, in pixels."""
        return length * (network.metrics[self.goal.name] - self.low) / (self.high - self.low)


_MAX_POINTS = 5000
"""The maximum number of networks drawn beside the front, chosen evenly by rank."""


def draw_front(findings: Findings, front: Front) -> alt.LayerChart:
    """Draw all networks in grey and the front in blue, by the front's first two metrics.

    A front of two metrics has a line that borders the dominated region. Trial numbers label the
    front's networks where they do not overlap.
    """
    networks = {network.number: network for network in findings.networks}
    members = [networks[number] for number in front.numbers]
    first, second = front.goals[:2]
    near = _drop_outliers(findings.networks, first)
    y, x = _make_axis(first, near), _make_axis(second, near)
    step = -(-len(findings.networks) // _MAX_POINTS)
    cloud = findings.networks[::step]
    layers = [_draw_points(cloud, x, y, color=_GREY, size=16, opacity=0.5)]
    if len(front.goals) == 2:
        layers.append(_draw_line(members, x, y))
    layers.append(_draw_points(members, x, y, color=_BLUE, size=40, opacity=1))
    inside = [network for network in members if x.contains(network) and y.contains(network)]
    layers.append(_draw_labels(list(_select_labels(inside, x, y)), x, y))
    chart = alt.LayerChart(layer=layers, title=_make_title(findings.networks, step, x, y))
    chart = chart.properties(width=_WIDTH, height=_HEIGHT)
    view, grid = alt.ViewConfig(stroke=None), alt.AxisConfig(gridColor="#eee")
    chart.config = alt.Config(view=view, axis=grid)
    return chart


def _drop_outliers(networks: Sequence[TrainedNetwork], goal: Goal) -> Sequence[TrainedNetwork]:
    """Drop the worst few networks if they would take half of the axis or more."""
    costs = sorted(goal.sign * network.metrics[goal.name] for network in networks)
    limit = costs[len(costs) - int(_OUTLIERS * len(costs)) - 1]
    if costs[-1] - costs[0] <= 2 * (limit - costs[0]):
        return networks
    return [network for network in networks if goal.sign * network.metrics[goal.name] <= limit]


def _make_title(networks: Sequence[TrainedNetwork], step: int, x: _Axis, y: _Axis) -> alt.Title:
    beyond = sum(not (x.contains(network) and y.contains(network)) for network in networks)
    text = f"Pareto front of {len(networks)} networks"
    more = f"; {beyond} of them beyond the axes" if beyond else ""
    if step > 1:
        more += f"; one in {step} of the others is drawn"
    return alt.Title(text + more, fontSize=11, fontWeight="normal")


def _make_axis(goal: Goal, networks: Sequence[TrainedNetwork]) -> _Axis:
    values = [network.metrics[goal.name] for network in networks]
    low, high = min(values), max(values)
    margin = _MARGIN * (high - low) or 0.01 * abs(high) or 0.01
    return _Axis(goal, low - margin, high + margin)


def _make_base(networks: Sequence[TrainedNetwork], x: _Axis, y: _Axis) -> alt.Chart:
    points = [
        {
            "trial": network.number,
            "x": network.metrics[x.goal.name],
            "y": network.metrics[y.goal.name],
        }
        for network in networks
    ]
    titles = {field: strip_controls(axis.goal.name) for field, axis in (("x", x), ("y", y))}
    base: alt.Chart = alt.Chart(alt.InlineData(points)).encode(
        x=alt.X("x:Q", title=titles["x"], scale=_make_scale(x), axis=alt.Axis(tickCount=6)),
        y=alt.Y("y:Q", title=titles["y"], scale=_make_scale(y), axis=alt.Axis(tickCount=6)),
        tooltip=["trial:Q", *(alt.Tooltip(f"{k}:Q", title=v) for k, v in titles.items())],
    )
    return base


def _make_scale(axis: _Axis) -> alt.Scale:
    return alt.Scale(domain=[axis.low, axis.high], nice=False, zero=False)


def _draw_points(networks: Sequence[TrainedNetwork], x: _Axis, y: _Axis, **look: Any) -> alt.Chart:
    points: alt.Chart = _make_base(networks, x, y).mark_circle(clip=True, **look)
    return points


def _draw_line(networks: Sequence[TrainedNetwork], x: _Axis, y: _Axis) -> alt.Chart:
    """Draw the border of the dominated region: between two networks the cheaper one is best."""
    steps: Literal["step-before", "step-after"] = "step-before" if x.goal.more else "step-after"
    line: alt.Chart = _make_base(networks, x, y).mark_line(
        color=_BLUE, strokeWidth=1.5, interpolate=steps, clip=True
    )
    return line


def _draw_labels(networks: Sequence[TrainedNetwork], x: _Axis, y: _Axis) -> alt.Chart:
    """Label networks on the side of better values, where no other network can be."""
    mark = _make_base(networks, x, y).mark_text(
        align="left" if x.goal.more else "right",
        dx=5 if x.goal.more else -5,
        dy=-7 if y.goal.more else 7,
        color=_BLUE,
        fontSize=11,
    )
    numbers: alt.Chart = mark.encode(text="trial:Q")
    return numbers


def _select_labels(
    networks: Sequence[TrainedNetwork], x: _Axis, y: _Axis
) -> Iterator[TrainedNetwork]:
    """Select networks whose labels do not overlap, the outermost first."""
    taken: list[tuple[float, float]] = []
    width = _DIGIT * max(len(str(network.number)) for network in networks)
    for network in [networks[0], *reversed(networks[1:])]:
        place = (x.to_pixels(network, _WIDTH), y.to_pixels(network, _HEIGHT))
        if all(abs(place[0] - a) > width or abs(place[1] - b) > _LINE for a, b in taken):
            taken.append(place)
            yield network
