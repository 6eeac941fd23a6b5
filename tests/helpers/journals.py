"""Journals as a study would leave them: of studies in NAS-Bench-201, or written by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from toys import toy_study

from nasframe import Architecture, Proposal, StudyConfig, Trial, option
from nasframe.registry.serialization import to_plain
from nasframe.storage import events, header
from nasframe.storage.journal import JOURNAL_FILE, Journal

HEADER = {
    "event": "study",
    "schema": 1,
    "versions": {"nasframe": "0"},
    "plugins": {},
    "config": to_plain(toy_study(Path("study"))),
}
"""The first event of a journal."""


def config(dir: Path, **settings: Any) -> StudyConfig:
    """A study in NAS-Bench-201; parts are given by their option or as a config."""
    parts = {
        "search_space": "nasbench201",
        "task": "digits",
        "controller": "random",
        "objective": "accuracy",
        "evaluator": "nasbench201",
        "executor": "serial",
        "stopper": "none",
        **{key: value for key, value in settings.items() if isinstance(value, str)},
    }
    made = {group: option(group, name) for group, name in parts.items()}
    return StudyConfig(**{"trials": 40, **settings, **made, "dir": dir})


def trials(*rewards: float | None, **metrics: Sequence[Any]) -> list[Trial]:
    """A trial of each reward; ``None`` is a failure."""
    return [
        Trial(
            number=number,
            architecture=Architecture(tuple(map(int, np.base_repr(number, 5).zfill(6)))),
            metrics={name: values[number] for name, values in metrics.items()},
            reward=reward,
            error="failed" if reward is None else None,
        )
        for number, reward in enumerate(rewards)
    ]


def journal(folder: Path, told: Sequence[Trial], **settings: Any) -> Path:
    """A study that has told these trials, as its journal has them."""
    log = Journal(folder)
    log.append(header.make_header(config(folder, **settings)))
    numbers = range(max((trial.number for trial in told), default=-1) + 1)
    tokens = {trial.number: trial.architecture.tokens for trial in told}
    log.append(events.encode_asked(0, [Proposal(tokens.get(n, (0,) * 6)) for n in numbers]))
    for trial in told:
        log.append(events.encode_told(trial, 0.0, 0.0))
    log.close()
    return folder


def edited(folder: Path, **settings: Any) -> None:
    """Another configuration in the first line of a journal, with settings ``part__name``."""
    first, rest = (folder / JOURNAL_FILE).read_text().split("\n", 1)
    event = json.loads(first)
    for key, value in settings.items():
        group, _, name = key.partition("__")
        if name:
            event["config"][group][name] = value
        else:
            event["config"][group] = value
    (folder / JOURNAL_FILE).write_text(f"{json.dumps(event)}\n{rest}")
