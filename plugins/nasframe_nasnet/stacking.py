"""Settings shared by all networks of a space, apart from the cells."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Skeleton(StrEnum):
    """The layout of the cells: for small images or for photographs."""

    cifar = "cifar"
    imagenet = "imagenet"


class DropPathSchedule(StrEnum):
    """What the share of dropped paths grows with: the step (the paper), or also depth (slim)."""

    time = "time"
    time_and_depth = "time_and_depth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stacking:
    """The network around the two cells; ``NASNetConfig`` documents each setting."""

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
