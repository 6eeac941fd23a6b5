"""Convert the events of a journal between JSON lines and objects."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from nasframe.api.study_config import StudyConfig
from nasframe.api.types import Architecture, Metrics, Proposal, Report, Trial
from nasframe.registry.serialization import parse_settings
from nasframe.storage import journal


@dataclass(frozen=True, slots=True)
class Asked:
    """A batch of proposals, numbered from ``number``."""

    number: int
    proposals: tuple[Proposal, ...]


@dataclass(frozen=True, slots=True)
class Reported:
    """A child's report, its reward so far, and whether the stopper let its training continue."""

    report: Report
    reward: float
    go_on: bool


@dataclass(frozen=True, slots=True)
class Told:
    """A trial with its result.

    Attributes:
        trial: the trial.
        elapsed: the study's running time by then, in seconds.
        waited: the seconds between its start and its end in which it was neither measured nor
            trained: a worker started, a cluster was full, its result was not read yet.
    """

    trial: Trial
    elapsed: float
    waited: float


@dataclass(frozen=True, slots=True)
class Resumed:
    """The study was resumed with these new values of settings."""

    changes: Mapping[str, Any]


_LARGEST_FLOAT = sys.float_info.max

Event: TypeAlias = Asked | Reported | Told | Resumed

ProposalCheck: TypeAlias = Callable[[int, tuple[int, ...]], None]


def read_events(folder: Path, check: ProposalCheck | None = None) -> Iterator[Event]:
    """Read the events of a study after its header, in the order of their lines.

    Args:
        folder: the study's folder.
        check: called with the number and the tokens of each proposal; raises if the tokens are
            not an architecture.

    Raises:
        NasframeError: naming the line, if it is malformed or inconsistent with earlier lines.
    """
    pending: dict[int, Proposal] = {}
    asked = 0
    for line, data in enumerate(journal.read_journal(folder), 1):
        try:
            event = _decode_event(data, pending)
            if isinstance(event, Asked):
                _require(event.number == asked, f"the next proposal has number {asked}")
                for number, proposal in enumerate(event.proposals, asked):
                    if check is not None:
                        check(number, proposal.tokens)
                    pending[number] = proposal
                asked += len(event.proposals)
        except Exception as error:
            why = f"does not follow from the lines before it ({type(error).__name__}: {error})"
            raise journal.damaged_line_error(folder / journal.JOURNAL_FILE, line, why) from error
        if event is not None:
            yield event


def _decode_event(data: Mapping[str, Any], pending: dict[int, Proposal]) -> Event | None:
    match data["event"]:
        case "asked":
            pairs = zip(data["tokens"], data["info"], strict=True)
            proposals = tuple(Proposal(tuple(tokens), dict(info)) for tokens, info in pairs)
            for proposal in proposals:
                integers = all(type(token) is int for token in proposal.tokens)
                _require(integers, "a token is not an integer")
                _require(all_finite(proposal.info), "info has a value that is not finite")
            return Asked(data["number"], proposals)
        case "reported":
            _require(data["number"] in pending, "no proposal with its number is pending")
            report = Report(data["number"], int(data["epoch"]), parse_metrics(data["metrics"]))
            _require(is_finite(data["reward"]), "its reward is not finite")
            return Reported(report, float(data["reward"]), bool(data["go_on"]))
        case "told":
            waited = data.get("waited", 0.0)
            _require(is_finite(waited), "waited is not finite")
            trial = _decode_trial(data, pending.pop(data["number"]))
            return Told(trial, float(data["elapsed"]), float(waited))
        case "resumed":
            last = {key: value for key, (_, value) in data["changes"].items()}
            # Only the study's own settings have no dots; old versions wrote null for unknown ones.
            parse_settings(StudyConfig, {key: v for key, v in last.items() if v is not None})
            return Resumed(last)
    return None


def _decode_trial(data: Mapping[str, Any], proposal: Proposal) -> Trial:
    _require(tuple(data["tokens"]) == proposal.tokens, "other tokens were proposed")
    reward, duplicate = data.get("reward"), data.get("duplicate")
    numbers = (reward or 0, data["seconds"], data["elapsed"])
    _require(all(map(is_finite, numbers)), "reward, seconds or elapsed is not finite")
    _require(duplicate is None or type(duplicate) is int, "duplicate is not an integer")
    stopped = data.get("stopped")
    _require(stopped is None or type(stopped) is int, "stopped is not an integer")
    devices = data.get("devices", {})
    texts = [t for t in (data.get("error"), data.get("rejected")) if t is not None]
    text = all(isinstance(value, str) for value in (*texts, *devices.values()))
    _require(text, "error, rejected or a device is not a text")
    return Trial(
        number=data["number"],
        architecture=Architecture(proposal.tokens),
        info=proposal.info,
        metrics=parse_metrics(data["metrics"]),
        # Old versions wrote the reward 0 for rejected trials, which have none.
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
    """Return whether a journal has rejected trials with the reward 0, as old versions wrote."""
    told = journal.read_journal(folder, "told")
    return any(data.get("rejected") is not None and "reward" in data for data in told)


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise ValueError(reason)


def parse_metrics(data: Mapping[str, Any]) -> Metrics:
    """Convert metrics from JSON: lists become tuples.

    Raises:
        ValueError: if a value is neither a finite number nor a series of them.
    """
    metrics = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
    _require(all_finite(metrics), "a metric is not a finite number")
    return metrics


def all_finite(metrics: Metrics) -> bool:
    """Return whether all metrics are finite, as a journal requires."""
    return all(map(is_finite, metrics.values()))


def is_finite(value: Any) -> bool:
    """Return whether a metric is a finite number or a series of them."""
    numbers = value if isinstance(value, tuple) else (value,)
    return all(isinstance(n, int | float) and abs(n) <= _LARGEST_FLOAT for n in numbers)


def encode_asked(first: int, proposals: Sequence[Proposal]) -> dict[str, Any]:
    """Return the line for a batch of proposals, numbered from ``first``."""
    return {
        "event": "asked",
        "number": first,
        "tokens": [list(proposal.tokens) for proposal in proposals],
        "info": [dict(proposal.info) for proposal in proposals],
    }


def encode_reported(report: Report, reward: float, go_on: bool) -> dict[str, Any]:
    """Return the line for a child's report, its reward so far, and the stopper's decision."""
    return {
        "event": "reported",
        "number": report.number,
        "epoch": report.epoch,
        "metrics": dict(report.metrics),
        "reward": reward,
        "go_on": go_on,
        "time": _now(),
    }


def encode_told(trial: Trial, elapsed: float, waited: float) -> dict[str, Any]:
    """Return the line for a trial, without absent values."""
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


def encode_resumed(changes: Mapping[str, tuple[Any, Any]]) -> dict[str, Any]:
    """Return the line for a resumed study, with the old and the new value of changed settings."""
    return {"event": "resumed", "changes": dict(changes), "time": _now()}


def _now() -> float:
    return round(time.time(), 3)
