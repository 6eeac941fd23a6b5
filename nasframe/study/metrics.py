"""The metrics of a Pareto front, and their directions: whether more or less is better."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from nasframe.api.types import Metrics
from nasframe.errors import NasframeError

_MAXIMIZED = {"accuracy"}
_MINIMIZED = {
    *("bytes", "energy", "error", "flops", "latency", "loss", "macs", "parameters"),
    *("perplexity", "bpc", "seconds"),
}
"""Words in the names of metrics with a known direction."""

_DIRECTIONS = {"max": True, "min": False}


@dataclass(frozen=True, slots=True)
class Goal:
    """A metric and its direction; ``more`` if more of it is better."""

    name: str
    more: bool

    @property
    def sign(self) -> int:
        """The factor that turns a value into a cost, which is minimized."""
        return -1 if self.more else 1

    def __str__(self) -> str:
        return f"{self.name} ({'more' if self.more else 'less'} is better)"


def parse_goals(words: Sequence[str], metrics: Collection[str]) -> list[Goal]:
    """Parse goals such as ``val_accuracy``, ``energy_mj:min`` or ``score:max``.

    Args:
        words: two or more.
        metrics: the study's metrics.

    Raises:
        NasframeError: if the study lacks a metric, or a direction is unknown.
    """
    goals = [_parse_goal(word, metrics) for word in words]
    if len({goal.name for goal in goals}) < max(2, len(goals)):
        raise NasframeError(
            f"a Pareto front takes two different metrics or more, not {','.join(words)}; "
            f"there is {', '.join(sorted(metrics))}"
        )
    return goals


def _parse_goal(word: str, metrics: Collection[str]) -> Goal:
    name, direction = word, None
    if word not in metrics:
        name, _, direction = word.partition(":")
    if name not in metrics:
        known = ", ".join(sorted(metrics))
        raise NasframeError(f"the study has no metric {name!r}; there is {known}")
    more = _guess_direction(name) if direction is None else _DIRECTIONS.get(direction)
    if more is None:
        raise NasframeError(
            f"{word}: say whether more or less of it is better, with {name}:max or {name}:min"
        )
    return Goal(name, more)


def _guess_direction(name: str) -> bool | None:
    words = set(re.split(r"[._]", name))
    more, less = bool(words & _MAXIMIZED), bool(words & _MINIMIZED)
    return None if more == less else more


def find_latencies(metrics: Collection[str]) -> list[str]:
    """Return the names of latencies among metrics; with several meters each has a prefix."""
    return [name for name in metrics if name.rpartition(".")[2] == "latency_ms"]


def describe_missed_target(
    targets: Mapping[str, float], networks: Sequence[tuple[int, Metrics]]
) -> str | None:
    """Describe a target that no network reaches, with the nearest one; ``None`` if all are reached.

    Args:
        targets: the maximum of each metric.
        networks: the numbers of trials, and their metrics.
    """
    for name, maximum in targets.items():
        values = [(v, n) for n, m in networks if isinstance(v := m.get(name), int | float)]
        if values and min(values)[0] > maximum:
            minimum, number = min(values)
            return (
                f"None of {len(values)} networks has {name} at {maximum:g} or less; the minimum is "
                f"{minimum:.4g}, of trial {number}"
            )
    return None


def is_contended(metrics: Metrics) -> bool:
    """Return whether other load disturbed a meter; its prefix may precede the metric's name."""
    return any(v == 1 for k, v in metrics.items() if k.endswith("latency_contended"))


def choose_front_metrics(needs: Sequence[str], metrics: Collection[str]) -> list[str]:
    """Return the default metrics of a Pareto front.

    They are the metrics that the objective needs and the only latency, or else the parameters.
    """
    found = find_latencies(metrics)
    return select_metrics([*needs, *(found if len(found) == 1 else ["parameters"])], metrics)


def select_metrics(names: Sequence[str], metrics: Collection[str]) -> list[str]:
    """Return the names that are among the metrics, each once; a series stands for its metric."""
    plain = (name.removesuffix("_epochs") for name in names)
    return [name for name in dict.fromkeys(plain) if name in metrics]
