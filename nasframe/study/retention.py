"""Keep the trained weights of the best children in the study's folder, and remove the others."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from nasframe.api.types import Trial
from nasframe.storage.weights import weights_path
from nasframe.study.result import rank_trials

_WEIGHTS_NAME = re.compile(r"\.?\d+(-[0-9a-f]{12})?\.safetensors(\.\d+)?")
"""Name of a weights file, or of a hidden part that a killed process left (also by 0.1.0)."""


class Keeper:
    """Keeps the weights files of the ``keep`` best trials that have one.

    Args:
        folder: the study's folder.
        keep: number of children whose weights are kept.
        trials: the trials told before; files of other trials are left by killed children.
    """

    def __init__(self, folder: Path, keep: int, trials: Iterable[Trial]) -> None:
        self._folder = folder
        self._keep = keep
        files = set(weights_path(folder, 0).parent.glob("*.safetensors*"))
        with_weights = (t for t in trials if weights_path(folder, t.number) in files)
        self._kept = rank_trials(with_weights)[:keep]
        kept_files = {weights_path(folder, trial.number) for trial in self._kept}
        for file in files:
            if file not in kept_files and _WEIGHTS_NAME.fullmatch(file.name):
                file.unlink()

    def record(self, trial: Trial) -> None:
        """Add a trial's weights, if it has any, and remove those of the weakest trial."""
        if weights_path(self._folder, trial.number).is_file():
            best = rank_trials([*self._kept, trial])[: self._keep]
            for other in {t.number for t in (*self._kept, trial)} - {t.number for t in best}:
                weights_path(self._folder, other).unlink(missing_ok=True)
            self._kept = best
