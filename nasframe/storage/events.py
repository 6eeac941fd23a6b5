"""What the lines of a journal say, as objects; and the lines that say it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from nasframe.api.study_config import StudyConfig
from nasframe.api.types import Architecture, Metrics, Proposal, Report, Trial
from nasframe.registry.serialization import settings
from nasframe.storage import journal


@dataclass(frozen=True, slots=True)
class Asked:
    """A batch of proposals, of which the first has this number."""

    number: int
    proposals: tuple[Proposal, ...]


@dataclass(frozen=True, slots=True)
class Reported:
    """A child's report, the reward that it had by then, and whether the stopper let it go on."""

    report: Report
    reward: float
    go_on: bool


@dataclass(frozen=True, slots=True)
class Told:
    """A trial.

    Attributes:
        trial: with its result.
        elapsed: for how many seconds the study had run by then.
        waited: for how many seconds it had been begun and was neither measured nor trained: for a
            worker to start, for room on a cluster, for its result to be heard.
    """

    trial: Trial
    elapsed: float
    waited: float


@dataclass(frozen=True, slots=True)
class Resumed:
    """The study went on, with these other values of settings."""

    changes: Mapping[str, Any]


_MOST = sys.float_info.max

Event: TypeAlias = Asked | Reported | Told | Resumed

Check: TypeAlias = Callable[[int, tuple[int, ...]], None]


def history(folder: Path, check: Check | None = None) -> Iterator[Event]:
    """The events of a study after its header, in the order in which they were written.

    Args:
        folder: the study's folder.
        check: is given the number and the tokens of each proposal, and raises if they are not
            those of an architecture.

    Raises:
        NasframeError: naming the line, if it does not say what it should, or does not follow from
            what stands before it.
    """
    pending: dict[int, Proposal] = {}
    asked = 0
    for line, data in enumerate(journal.read(folder), 1):
        try:
            event = _decode(data, pending)
            if isinstance(event, Asked):
                _require(event.number == asked, f"the next proposal has number {asked}")
                for number, proposal in enumerate(event.proposals, asked):
                    if check is not None:
                        check(number, proposal.tokens)
                    pending[number] = proposal
                asked += len(event.proposals)
        except Exception as error:
            why = f"does not follow from what stands before it ({type(error).__name__}: {error})"
            raise journal.damaged(folder / journal.FILE, line, why) from error
        if event is not None:
            yield event


def _decode(data: Mapping[str, Any], pending: dict[int, Proposal]) -> Event | None:
    match data["event"]:
        case "asked":
            pairs = zip(data["tokens"], data["info"], strict=True)
            proposals = tuple(Proposal(tuple(tokens), dict(info)) for tokens, info in pairs)
            for proposal in proposals:
                _require(all(type(token) is int for token in proposal.tokens), "tokens are numbers")
                _require(all_finite(proposal.info), "info is finite numbers")
            return Asked(data["number"], proposals)
        case "reported":
            _require(data["number"] in pending, "it is of no proposal that is pending")
            report = Report(data["number"], int(data["epoch"]), metrics_of(data["metrics"]))
            _require(is_finite(data["reward"]), "its reward is not finite")
            return Reported(report, float(data["reward"]), bool(data["go_on"]))
        case "told":
            waited = data.get("waited", 0.0)
            _require(is_finite(waited), "its numbers are not finite")
            trial = _trial(data, pending.pop(data["number"]))
            return Told(trial, float(data["elapsed"]), float(waited))
        case "resumed":
            last = {key: value for key, (_, value) in data["changes"].items()}
            # Those of the study alone have no dots; older versions wrote null for what they lacked.
            settings(StudyConfig, {key: v for key, v in last.items() if v is not None})
            return Resumed(last)
    return None


def _trial(data: Mapping[str, Any], proposal: Proposal) -> Trial:
    _require(tuple(data["tokens"]) == proposal.tokens, "other tokens were proposed")
    reward, duplicate = data.get("reward"), data.get("duplicate")
    numbers = (reward or 0, data["seconds"], data["elapsed"])
    _require(all(map(is_finite, numbers)), "its numbers are not finite")
    _require(duplicate is None or type(duplicate) is int, "a duplicate is of a number")
    stopped = data.get("stopped")
    _require(stopped is None or type(stopped) is int, "it is stopped after an epoch")
    devices = data.get("devices", {})
    texts = [t for t in (data.get("error"), data.get("rejected")) if t is not None]
    _require(all(isinstance(text, str) for text in (*texts, *devices.values())), "it is no text")
    return Trial(
        number=data["number"],
        architecture=Architecture(proposal.tokens),
        info=proposal.info,
        metrics=metrics_of(data["metrics"]),
        # Journals of before wrote the reward 0 for rejected trials, which have none.
        reward=None if reward is None or data.get("rejected") is not None else float(reward),
        seconds=float(data["seconds"]),
        error=data.get("error"),
        rejected=data.get("rejected"),
        duplicate_of=duplicate,
        devices=devices,
        stopped=stopped,
        cached=data.get("cached") is True,
    )


def has_rewarded_rejections(folder: Path) -> bool:
    """Whether a journal has rejected trials with the reward 0: an older version wrote them."""
    told = journal.read(folder, "told")
    return any(data.get("rejected") is not None and "reward" in data for data in told)


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise ValueError(reason)


def metrics_of(data: Mapping[str, Any]) -> Metrics:
    """Metrics from their JSON.

    Raises:
        ValueError: if a value is no finite number, nor a series of them.
    """
    metrics = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
    _require(all_finite(metrics), "its metrics are not finite numbers")
    return metrics


def all_finite(metrics: Metrics) -> bool:
    """Whether every value can be written into a journal."""
    return all(map(is_finite, metrics.values()))


def is_finite(value: Any) -> bool:
    """Whether a metric is a finite number, or a series of them."""
    numbers = value if isinstance(value, tuple) else (value,)
    return all(isinstance(number, int | float) and abs(number) <= _MOST for number in numbers)


def asked(first: int, proposals: Sequence[Proposal]) -> dict[str, Any]:
    """The line for a batch of proposals."""
    return {
        "event": "asked",
        "number": first,
        "tokens": [list(proposal.tokens) for proposal in proposals],
        "info": [dict(proposal.info) for proposal in proposals],
    }


def reported(report: Report, reward: float, go_on: bool) -> dict[str, Any]:
    """The line for a child's report, its reward by then, and the stopper's decision."""
    return {
        "event": "reported",
        "number": report.number,
        "epoch": report.epoch,
        "metrics": dict(report.metrics),
        "reward": reward,
        "go_on": go_on,
        "time": _now(),
    }


def told(trial: Trial, elapsed: float, waited: float) -> dict[str, Any]:
    """The line for a trial; what is absent is left out."""
    event = {
        "event": "told",
        "number": trial.number,
        "tokens": list(trial.architecture.tokens),
        "metrics": dict(trial.metrics),
        "reward": trial.reward,
        "error": trial.error,
        "rejected": trial.rejected,
        "duplicate": trial.duplicate_of,
        "stopped": trial.stopped,
        "cached": trial.cached or None,
        "devices": dict(trial.devices) or None,
        "seconds": trial.seconds,
        "elapsed": round(elapsed, 3),
        "waited": round(waited, 3) or None,
        "time": _now(),
    }
    return {key: value for key, value in event.items() if value is not None}


def resumed(changes: Mapping[str, tuple[Any, Any]]) -> dict[str, Any]:
    """The line for a study that goes on; of each changed setting the former value and the new."""
    return {"event": "resumed", "changes": dict(changes), "time": _now()}


def _now() -> float:
    return round(time.time(), 3)
