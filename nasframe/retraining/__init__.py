"""Retraining: full training of the best networks of a study."""

from __future__ import annotations

from collections.abc import Callable

from nasframe.retraining.config import RetrainConfig as RetrainConfig
from nasframe.retraining.config import Retrained as Retrained


def retrain(config: RetrainConfig, tell: Callable[[str], None] = print) -> Retrained:
    """Train the best networks of a study in full; the same folder resumes.

    Each network has a folder with a checkpoint of its last complete epoch. So, on a CPU, a killed
    and resumed retraining ends with the same weights as an uninterrupted one. The test data are
    read once, for the winner.

    Args:
        config: networks, task and recipe.
        tell: receives a human-readable line for each epoch and for the result.

    Raises:
        NasframeError: if settings contradict each other, the folder holds another retraining, or
            another process uses the folder.
    """
    from nasframe.retraining import run

    return run.retrain(config, tell)
