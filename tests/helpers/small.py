"""A small search on digits, for tests of what comes after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nasframe import StudyConfig, option, run

SPACE = option("search_space", "nasnet_small", filters=4)


def search(folder: Path, **settings: Any) -> None:
    """Two trials of one epoch each; any field of the study can be given."""
    parts: dict[str, Any] = {
        "search_space": SPACE,
        "task": option("task", "digits"),
        "controller": option("controller", "random"),
        "objective": option("objective", "accuracy"),
        "evaluator": option("evaluator", "train", epochs=1),
        "executor": option("executor", "serial"),
        "stopper": option("stopper", "none"),
        "trials": 2,
    }
    run(StudyConfig(**{**parts, "dir": folder, **settings}))
