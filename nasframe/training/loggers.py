"""Curves in the tools that people have: Lightning's loggers, told in rows of numbers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

from pytorch_lightning.loggers import (
    CSVLogger,
    Logger,
    MLFlowLogger,
    TensorBoardLogger,
    WandbLogger,
)

from nasframe.api.study_config import Logger as Kind
from nasframe.errors import NasframeError
from nasframe.storage.files import write_atomically

RUN = "logger-{}"
"""The file with the name that a logger of a kind gave to a run: it goes on in there."""

Rows: TypeAlias = Sequence[tuple[int, Mapping[str, float]]]
"""Values by name, each with its step."""


def check_logger(kind: Kind) -> None:
    """Refuse a logger whose package is missing.

    Raises:
        NasframeError: naming the package.
    """
    if kind not in (Kind.none, Kind.csv) and find_spec(kind.value) is None:
        raise NasframeError(f"logger={kind.value} needs {kind.value}: pip install {kind.value}")


@dataclass(frozen=True, slots=True)
class Curves:
    """Where curves are written; nowhere by default.

    Nothing is written before ``begin``: that is for the process that trains.

    Attributes:
        logger: of Lightning.
        file: where the name that it gives to the run is kept, if it gives one.
        fresh: whether it has nothing of this run yet.
        settings: by name, which it shows with the curves.
    """

    logger: Logger | None = None
    file: Path = Path()
    fresh: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)

    def begin(self, rows: Rows) -> None:
        """A run begins, or goes on after what these rows say."""
        if self.logger is None:
            return
        if self.fresh:
            self.logger.log_hyperparams(dict(self.settings))
        if isinstance(self.logger, MLFlowLogger):
            write_atomically(self.file, str(self.logger.run_id).encode())
        if isinstance(self.logger, WandbLogger):
            write_atomically(self.file, str(self.logger.experiment.id).encode())
        for step, values in rows if self.fresh else ():
            self.add(step, values)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """There is a new row."""
        if self.logger is not None:
            self.logger.log_metrics(dict(values), step=step)
            self.logger.save()

    def end(self) -> None:
        """No more will come; the next run is another one."""
        if isinstance(self.logger, WandbLogger):
            import wandb

            if wandb.run is not None:
                wandb.run.finish()
        if isinstance(self.logger, MLFlowLogger):
            self.logger.finalize("success")


def curves(kind: Kind, folder: Path, settings: Mapping[str, Any]) -> Curves:
    """Those of one run, in a folder."""
    if kind is Kind.none:
        return Curves()
    there = folder / ("tensorboard" if kind is Kind.tensorboard else RUN.format(kind.value))
    fresh = not there.exists()  # a CSV file is begun anew each time
    return Curves(MAKE[kind](folder), folder / RUN.format(kind.value), fresh, settings)


def _run(folder: Path, kind: Kind) -> str | None:
    """The name of the run that goes on."""
    file = folder / RUN.format(kind.value)
    return file.read_text().strip() if file.is_file() else None


def _mlflow(folder: Path) -> Logger:
    own = f"sqlite:///{folder.resolve() / 'mlflow.db'}"
    where = os.environ.get("MLFLOW_TRACKING_URI", own)
    return MLFlowLogger("nasframe", folder.name, where, run_id=_run(folder, Kind.mlflow))


def _wandb(folder: Path) -> Logger:
    run = _run(folder, Kind.wandb)
    resume = None if run is None else "allow"
    return WandbLogger(folder.name, folder, project="nasframe", id=run, resume=resume)


MAKE: dict[Kind, Callable[[Path], Logger]] = {
    Kind.csv: lambda folder: CSVLogger(folder, "csv", ""),
    Kind.tensorboard: lambda folder: TensorBoardLogger(
        folder, "tensorboard", "", default_hp_metric=False
    ),
    Kind.mlflow: _mlflow,
    Kind.wandb: _wandb,
}
