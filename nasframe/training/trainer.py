"""One quiet fit with Lightning's Trainer, which works in any thread and leaves nothing behind."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from pytorch_lightning import Trainer

from nasframe.training.module import ChildModule


@dataclass(frozen=True, slots=True)
class Epochs:
    """What Lightning takes for a data loader: ``begin`` gives the batches of one epoch."""

    begin: Callable[[], Iterator[Any]]

    def __iter__(self) -> Iterator[Any]:
        return self.begin()


def fit(
    child: ChildModule,
    *,
    training: Epochs,
    validation: Epochs,
    epochs: int,
    device: torch.device,
    precision: Literal["32-true", "bf16-mixed"],
    gradient_clip: float,
) -> None:
    """Train on one device and validate after each epoch; takes the network out of ``child``."""
    with _quiet():
        trainer = Trainer(
            barebones=True,  # no logger, checkpoints, progress bar, summary and sanity check
            max_epochs=epochs,
            accelerator=device.type,
            devices=1 if device.index is None else [device.index],
            precision=precision,
            gradient_clip_val=gradient_clip or None,
            # Children are on their own, also inside a job of Slurm, torchrun or MPI.
            plugins=LightningEnvironment(),
        )
        try:
            trainer.fit(child, training, validation)
        finally:
            # The Trainer is full of reference cycles: tensors shall not wait for their collection.
            trainer.strategy.optimizers = []
            trainer.strategy.lr_scheduler_configs = []
            del child.network


@contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("pytorch_lightning")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric")
            yield
    finally:
        logger.setLevel(level)
