"""Which metrics a Pareto front is made of, and whether more or less of each is better."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from nasframe.api.types import Metrics
from nasframe.errors import NasframeError

_MORE = {"accuracy"}
_LESS = {
    *("bytes", "energy", "error", "flops", "latency", "loss", "macs", "parameters"),
    *("perplexity", "bpc", "seconds"),
}
"""Words in the names of metrics whose direction is known."""

_WAYS = {"max": True, "min": False}


@dataclass(frozen=True, slots=True)
class Goal:
    """A metric, and whether more or less of it is better."""

    name: str
    more: bool

    @property
    def sign(self) -> int:
        """What a value is multiplied by to be a cost, of which less is better."""
        return -1 if self.more else 1

    def __str__(self) -> str:
        return f"{self.name} ({'more' if self.more else 'less'} is better)"


def parsed(words: Sequence[str], metrics: Collection[str]) -> list[Goal]:
    """Goals as a person writes them: ``val_accuracy``, ``energy_mj:min``, ``score:max``.

    Args:
        words: two or more.
        metrics: those that the study has.

    Raises:
        NasframeError: if there is no such metric, or it is not known what is better.
    """
    goals = [_goal(word, metrics) for word in words]
    if len({goal.name for goal in goals}) < max(2, len(goals)):
        raise NasframeError(
            f"a Pareto front takes two different metrics or more, not {','.join(words)}; "
            f"there is {', '.join(sorted(metrics))}"
        )
    return goals


def _goal(word: str, metrics: Collection[str]) -> Goal:
    name, way = word, None
    if word not in metrics:
        name, _, way = word.partition(":")
    if name not in metrics:
        there = ", ".join(sorted(metrics))
        raise NasframeError(f"the study has no metric {name!r}; there is {there}")
    more = _more(name) if way is None else _WAYS.get(way)
    if more is None:
        raise NasframeError(
            f"{word}: say whether more or less of it is better, with {name}:max or {name}:min"
        )
    return Goal(name, more)


def _more(name: str) -> bool | None:
    words = set(re.split(r"[._]", name))
    more, less = bool(words & _MORE), bool(words & _LESS)
    return None if more == less else more


def latencies(metrics: Collection[str]) -> list[str]:
    """The names of the latencies among some metrics; of two meters each has its prefix."""
    return [name for name in metrics if name.rpartition(".")[2] == "latency_ms"]


def missed(targets: Mapping[str, float], networks: Sequence[tuple[int, Metrics]]) -> str | None:
    """That no network keeps to a target, and which one comes nearest; ``None`` if some do.

    Args:
        targets: the most that each metric is to be.
        networks: the numbers of their trials, and what is known of them.
    """
    for name, most in targets.items():
        values = [(v, n) for n, m in networks if isinstance(v := m.get(name), int | float)]
        if values and min(values)[0] > most:
            least, number = min(values)
            return (
                f"None of {len(values)} networks has {name} at {most:g} or less; the least is "
                f"{least:.4g}, of trial {number}"
            )
    return None


def contended(metrics: Metrics) -> bool:
    """Whether a meter says that it was not alone; its name may stand before the metric's."""
    return any(v == 1 for k, v in metrics.items() if k.endswith("latency_contended"))


def usual(needs: Sequence[str], metrics: Collection[str]) -> list[str]:
    """What a front is made of if nothing else is wanted.

    It is what the objective needs, with the latency if there is one, else with the parameters.
    """
    found = latencies(metrics)
    return present([*needs, *(found if len(found) == 1 else ["parameters"])], metrics)


def present(names: Sequence[str], metrics: Collection[str]) -> list[str]:
    """Those of some names that metrics have, each once; a series stands for its metric."""
    plain = (name.removesuffix("_epochs") for name in names)
    return [name for name in dict.fromkeys(plain) if name in metrics]
