"""A silent fit with Lightning's Trainer that works in any thread and cleans up after itself."""

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

LIGHTNING_LOGGERS = (
    "pytorch_lightning.utilities.rank_zero",
    "lightning_fabric.utilities.rank_zero",
    "lightning_fabric.utilities.distributed",
)
"""Lightning's loggers of tips and banners."""


@dataclass(frozen=True, slots=True)
class EpochLoader:
    """A data loader for Lightning; ``begin`` returns the batches of one epoch."""

    begin: Callable[[], Iterable[Any]]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.begin())


BAREBONES: Mapping[str, Any] = MappingProxyType({"barebones": True})
"""Trainer settings without logger, checkpoints, progress bar, summary and sanity check."""


def fit_module(
    module: TrainingModule,
    config: OptimizationConfig,
    *,
    training: Callable[[], Iterable[Any]],
    validation: Callable[[], Iterable[Any]],
    device: torch.device,
    precision: Literal["32-true", "bf16-mixed"],
    checkpoint: Path | None = None,
    more: Mapping[str, Any] = BAREBONES,
) -> None:
    """Train a network and validate it after each epoch; then drop the network from ``module``.

    Args:
        module: the network, a child or a final one.
        config: number of epochs, and the norm at which gradients are clipped.
        training: returns the batches of one epoch.
        validation: returns the validation batches.
        device: the device to train on.
        precision: Lightning's name of the precision.
        checkpoint: the file to resume from.
        more: further settings of the Trainer; they override those of one device.
    """
    with silence_lightning():
        trainer = Trainer(
            max_epochs=config.epochs,
            gradient_clip_val=config.gradient_clip or None,
            precision=precision,
            **{**make_device_settings(device), **more},
        )
        _fit_and_clean_up(
            trainer, module, EpochLoader(training), EpochLoader(validation), checkpoint
        )


def make_device_settings(device: torch.device) -> dict[str, Any]:
    """Return Trainer settings for one device and one process, even in a Slurm or MPI job."""
    return {
        "accelerator": device.type,
        "devices": 1 if device.index is None else [device.index],
        "plugins": [LightningEnvironment()],
    }


def _fit_and_clean_up(
    trainer: Trainer,
    module: TrainingModule,
    training: EpochLoader,
    validation: EpochLoader,
    checkpoint: Path | None,
) -> None:
    """Fit; leave no process or tensor behind, and let Ctrl-C raise ``KeyboardInterrupt``."""
    try:
        trainer.fit(module, training, validation, ckpt_path=checkpoint, weights_only=True)
    except BaseException as stop:
        for process in getattr(trainer.strategy.launcher, "procs", []):
            process.kill()  # otherwise this process would wait for its forks
        # Lightning turns Ctrl-C into SystemExit.
        if isinstance(stop, SystemExit) and isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    finally:
        # The Trainer has reference cycles: free its tensors without waiting for their collection.
        trainer.strategy.optimizers = []
        trainer.strategy.lr_scheduler_configs = []
        module.release()


@contextmanager
def silence_lightning() -> Iterator[None]:
    """Silence Lightning's tips and banners in this thread, but not those of the user's own fits."""
    # Not ``catch_warnings``: it would undo changes of other threads. Repeating it is harmless.
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric")
    for name in LIGHTNING_LOGGERS:
        logging.getLogger(name).addFilter(_is_audible)
    before = getattr(_thread_state, "quiet", False)
    _thread_state.quiet = True
    try:
        yield
    finally:
        _thread_state.quiet = before  # blocks may be nested: a logger in a fit


_thread_state = threading.local()


def _is_audible(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR or not getattr(_thread_state, "quiet", False)
