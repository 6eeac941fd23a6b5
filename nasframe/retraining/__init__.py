"""Training the best networks of a study in full."""

from __future__ import annotations

from collections.abc import Callable

from nasframe.retraining.config import RetrainConfig as RetrainConfig
from nasframe.retraining.config import Retrained as Retrained


def retrain(config: RetrainConfig, tell: Callable[[str], None] = print) -> Retrained:
    """Train the best networks of a study in full; the same folder again goes on.

    Each network has a folder with a checkpoint of its last whole epoch, so that a killed
    retraining ends, on a CPU, with the same weights as one that was not. The test data are read
    once, when the winner is known.

    Args:
        config: what is trained, and how.
        tell: is told each epoch, and what was found, in a line.

    Raises:
        NasframeError: if something does not go together, the folder holds another retraining, or
            another process is at work there.
    """
    from nasframe.retraining import run

    return run.retrain(config, tell)
