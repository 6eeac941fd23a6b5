"""One quiet fit with Lightning's Trainer, which works in any thread and leaves nothing behind."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from pytorch_lightning import Trainer

from nasframe.api.optimization import OptimizationConfig
from nasframe.training.module import TrainingModule

TALKERS = (
    "pytorch_lightning.utilities.rank_zero",
    "lightning_fabric.utilities.rank_zero",
    "lightning_fabric.utilities.distributed",
)
"""Lightning's loggers that tell what it does."""


@dataclass(frozen=True, slots=True)
class Epochs:
    """What Lightning takes for a data loader: ``begin`` gives the batches of one epoch."""

    begin: Callable[[], Iterable[Any]]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.begin())


BARE: Mapping[str, Any] = MappingProxyType({"barebones": True})
"""A Trainer with no logger, checkpoints, progress bar, summary and sanity check."""


def fit(
    module: TrainingModule,
    config: OptimizationConfig,
    *,
    training: Callable[[], Iterable[Any]],
    validation: Callable[[], Iterable[Any]],
    device: torch.device,
    precision: Literal["32-true", "bf16-mixed"],
    checkpoint: Path | None = None,
    more: Mapping[str, Any] = BARE,
) -> None:
    """Train a network and validate it after each epoch; takes the network out of ``module``.

    Args:
        module: the network, a child or a final one.
        config: how many epochs, and where gradients are clipped.
        training: gives the batches of one epoch.
        validation: gives the validation batches.
        device: on which.
        precision: of the computation.
        checkpoint: from which the training is resumed.
        more: further settings of the Trainer; they come before those of one device.
    """
    with quiet():
        trainer = Trainer(
            max_epochs=config.epochs,
            gradient_clip_val=config.gradient_clip or None,
            precision=precision,
            **{**on_one(device), **more},
        )
        _drive(trainer, module, Epochs(training), Epochs(validation), checkpoint)


def on_one(device: torch.device) -> dict[str, Any]:
    """A Trainer's settings for one device; it is on its own, also in a job of Slurm or MPI."""
    return {
        "accelerator": device.type,
        "devices": 1 if device.index is None else [device.index],
        "plugins": [LightningEnvironment()],
    }


def _drive(
    trainer: Trainer,
    module: TrainingModule,
    training: Epochs,
    validation: Epochs,
    checkpoint: Path | None,
) -> None:
    """Fit, and leave no process, tensor or Lightning's idea of Ctrl-C behind."""
    try:
        trainer.fit(module, training, validation, ckpt_path=checkpoint, weights_only=True)
    except BaseException as stop:
        for process in getattr(trainer.strategy.launcher, "procs", []):
            process.kill()  # or this one would wait for those that it has forked
        # SystemExit is what Lightning makes of Ctrl-C.
        if isinstance(stop, SystemExit) and isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    finally:
        # The Trainer is full of reference cycles: tensors shall not wait for their collection.
        trainer.strategy.optimizers = []
        trainer.strategy.lr_scheduler_configs = []
        module.release()


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Lightning's tips and banners in this thread; those of the user's own fits stay."""
    # Not ``catch_warnings``: it would undo what other threads set meanwhile. Repeating is harmless.
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric")
    for name in TALKERS:
        logging.getLogger(name).addFilter(_is_heard)
    before = getattr(_here, "quiet", False)
    _here.quiet = True
    try:
        yield
    finally:
        _here.quiet = before  # it may be called within itself: a logger in a fit


_here = threading.local()


def _is_heard(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR or not getattr(_here, "quiet", False)
