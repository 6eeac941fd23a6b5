"""Curves in CSV, TensorBoard, MLflow and Weights & Biases, by Lightning's loggers."""

from __future__ import annotations

import json
import os
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger, MLFlowLogger, TensorBoardLogger, WandbLogger
from pytorch_lightning.loggers import Logger as LightningLogger

from nasframe.api.parts import Logger
from nasframe.storage.files import write_atomically
from nasframe.training.trainer import silence_lightning

_TRACKING = "MLFLOW_TRACKING_URI"


class LightningCurves(Logger):
    """A run in one of Lightning's loggers.

    Args:
        folder: folder of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def start(self, settings: Mapping[str, Any]) -> int:
        """Open the run, and log the settings of a new one; return the last step logged before."""
        with silence_lightning():
            last = self._read_last_step()
            self._logger = self._open()
            if not last:
                self._logger.log_hyperparams(dict(settings))
        return last

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write a row."""
        with silence_lightning():
            self._logger.log_metrics(dict(values), step=step)
            self._logger.save()

    @abstractmethod
    def _read_last_step(self) -> int:
        """Return the last step that the run has already; 0 if it is new."""

    @abstractmethod
    def _open(self) -> LightningLogger:
        """Make Lightning's logger."""


class CSVCurves(LightningCurves):
    """A CSV table, which Lightning rewrites in each session."""

    def _read_last_step(self) -> int:
        return 0

    def _open(self) -> LightningLogger:
        return CSVLogger(self._folder, "csv", "")


class TensorBoardCurves(LightningCurves):
    """TensorBoard's event files; a resumed run adds one."""

    def _read_last_step(self) -> int:
        from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

        files = (self._folder / "tensorboard").glob("events.out.tfevents.*")
        steps = (event.step for file in files for event in EventFileLoader(str(file)).Load())
        return max(steps, default=0)

    def _open(self) -> LightningLogger:
        return TensorBoardLogger(self._folder, "tensorboard", "", default_hp_metric=False)


class _ServedCurves(LightningCurves):
    """A run on a server; a file keeps the server's name for it and the last step."""

    def __init__(self, folder: Path, kind: str) -> None:
        super().__init__(folder)
        self._file = folder / f"logger-{kind}"
        self._run: str | None = None

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write a row, and record its step in the file."""
        super().log(step, values)
        write_atomically(self._file, json.dumps({"run": self._get_run(), "step": step}).encode())

    def _read_last_step(self) -> int:
        if not self._file.is_file():
            return 0
        text = self._file.read_text().strip()
        if not text.startswith("{"):  # version 0.1.0 kept only the name: write all rows again
            self._run = text
            return 0
        known = json.loads(text)
        self._run = known["run"]
        return int(known["step"])

    @abstractmethod
    def _get_run(self) -> str:
        """Return the server's name for the run."""


class MLflowCurves(_ServedCurves):
    """A run of MLflow."""

    def __init__(self, folder: Path, *, uri: str | None, experiment: str) -> None:
        super().__init__(folder, "mlflow")
        self._uri, self._experiment = uri, experiment

    def close(self) -> None:
        """Mark the run as finished."""
        self._logger.finalize("success")

    def _open(self) -> LightningLogger:
        own = f"sqlite:///{self._folder.resolve() / 'mlflow.db'}"
        given = os.environ.get(_TRACKING)
        uri = self._uri or given or own
        logger = MLFlowLogger(self._experiment, self._folder.name, uri, run_id=self._run)
        _ = logger.experiment  # sets the variable, which the next run must not inherit
        if given is None:
            os.environ.pop(_TRACKING, None)
        else:
            os.environ[_TRACKING] = given
        return logger

    def _get_run(self) -> str:
        assert isinstance(self._logger, MLFlowLogger)
        return str(self._logger.run_id)


class WandbCurves(_ServedCurves):
    """A run of Weights & Biases."""

    def __init__(self, folder: Path, *, project: str, entity: str | None) -> None:
        super().__init__(folder, "wandb")
        self._project, self._entity = project, entity

    def close(self) -> None:
        """Finish the run, so that the next logger opens its own."""
        assert isinstance(self._logger, WandbLogger)
        self._logger.experiment.finish()

    def _open(self) -> LightningLogger:
        return WandbLogger(
            self._folder.name,
            self._folder,
            project=self._project,
            entity=self._entity,
            id=self._run,
            resume=None if self._run is None else "allow",
        )

    def _get_run(self) -> str:
        assert isinstance(self._logger, WandbLogger)
        return str(self._logger.experiment.id)
