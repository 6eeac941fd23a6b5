"""How two cells become a network: the settings that every network of a space shares."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Skeleton(StrEnum):
    """How cells are stacked: for small images, or for photographs."""

    cifar = "cifar"
    imagenet = "imagenet"


class DropPathSchedule(StrEnum):
    """By what the share of dropped paths grows: the step (the paper), or also the cell (slim)."""

    time = "time"
    time_and_depth = "time_and_depth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stacking:
    """What belongs to a network beside its two cells; ``NASNetConfig`` documents each of it."""

    cells: int
    filters: int
    stages: int
    skeleton: Skeleton
    stem_multiplier: int
    skip_reduction: bool
    auxiliary: bool
    drop_path_keep: float
    drop_path_schedule: DropPathSchedule
    dropout: float
