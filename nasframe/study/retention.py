"""Leaves the trained weights of the best children in the study's folder, and removes the others."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from nasframe.api.types import Trial
from nasframe.storage.weights import weights_path
from nasframe.study.result import rank

_OURS = re.compile(r"\.?\d+\.safetensors(\.\d+)?")
"""A file of weights, or a part of one whose writer was killed."""


class Keeper:
    """Keeps the weight files of the ``keep`` best of the trials that left one.

    Args:
        folder: the study's folder.
        keep: of how many children the weights stay.
        trials: what was told before; files of other trials are remains of a killed child.
    """

    def __init__(self, folder: Path, keep: int, trials: Iterable[Trial]) -> None:
        self._folder = folder
        self._keep = keep
        files = set(weights_path(folder, 0).parent.glob("*.safetensors*"))
        with_weights = (t for t in trials if weights_path(folder, t.number) in files)
        self._kept = rank(with_weights)[:keep]
        wanted = {weights_path(folder, trial.number) for trial in self._kept}
        for file in files:
            if file not in wanted and _OURS.fullmatch(file.name):
                file.unlink()

    def told(self, trial: Trial) -> None:
        """Take up a trial's weights, if it left some, and remove those of the weakest."""
        if weights_path(self._folder, trial.number).is_file():
            best = rank([*self._kept, trial])[: self._keep]
            for other in {t.number for t in (*self._kept, trial)} - {t.number for t in best}:
                weights_path(self._folder, other).unlink(missing_ok=True)
            self._kept = best
