"""Full training of one network as a LightningModule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from timm.utils import ModelEmaV3  # type: ignore[attr-defined]
from torch import nn

from nasframe.api.parts import Task
from nasframe.api.recipe import RecipeConfig
from nasframe.loggers.curves import Curves
from nasframe.retraining.distributed import sum_tallies
from nasframe.retraining.ranking import compute_badness
from nasframe.training.module import TrainingModule

EpochRow = dict[str, float]
"""Metrics of an epoch, and the learning rate of its last step."""


def derive_epoch_seed(seed: int, epoch: int) -> int:
    """Derive the seed of an epoch, so that it can be trained again without the epochs before it."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint32)[0])


class FullModule(TrainingModule):
    """Trains a network by a recipe; a checkpoint after an epoch holds all state of the next.

    Args:
        network: the network.
        task: gives loss and metrics.
        recipe: training settings.
        seed: of random operations of the network.
        frozen: layers that stay in evaluation mode.
        on_epoch: receives the rows of all completed epochs after each epoch.
        batches: batches per epoch on one device.
        curves: curves of each logger.

    Attributes:
        ema: the network with averaged weights, if the recipe has ``ema``.
        rows: rows of the completed epochs. Their number gives the epoch, since after a checkpoint
            Lightning asks for the first batches before it updates its own counter.
    """

    def __init__(
        self,
        network: nn.Module,
        task: Task,
        recipe: RecipeConfig,
        *,
        seed: int,
        frozen: Sequence[nn.Module],
        on_epoch: Callable[[list[EpochRow]], None],
        batches: int,
        curves: Sequence[Curves],
    ) -> None:
        super().__init__(
            network,
            task,
            recipe,
            steps=recipe.epochs * -(-batches // recipe.accumulate),
            on_epoch=self._record_epoch,
            cancelled=lambda: False,
        )
        self.ema = None if recipe.ema is None else ModelEmaV3(network, decay=recipe.ema)
        self.rows: list[EpochRow] = []
        self._seed = seed
        self._patience = recipe.patience
        self._curves = curves
        self._frozen = frozen
        self._tell_rows = on_epoch
        self._averaged = 0
        self._rate = 0.0

    @property
    def final(self) -> nn.Module:
        """The averaged network if there is one, else the network."""
        averaged: nn.Module = self.network if self.ema is None else self.ema.module
        return averaged

    @property
    def patient(self) -> bool:
        """Whether the best epoch is among the last ``recipe.patience``."""
        badnesses = [compute_badness(row) for row in self.rows]
        best = badnesses.index(min(badnesses)) if badnesses else 0
        return self._patience is None or len(self.rows) - 1 - best < self._patience

    def on_train_start(self) -> None:
        """Stop at once if early stopping had ended the training; start the curves."""
        self.trainer.should_stop = not self.patient
        if self.trainer.is_global_zero:
            for curves in self._curves:
                curves.start(map(split_row, self.rows))

    def on_train_end(self) -> None:
        """Close the curves here, since this may be a forked process."""
        for curves in self._curves:
            curves.close()

    def on_train_epoch_start(self) -> None:
        """Reset state, losses and random seed; keep frozen layers in evaluation mode."""
        super().on_train_epoch_start()
        torch.manual_seed(derive_epoch_seed(self._seed + self.global_rank, len(self.rows)))
        for layer in self._frozen:
            layer.eval()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Record the learning rate, too."""
        super().on_train_batch_start(batch, batch_idx)
        self._rate = self.trainer.optimizers[0].param_groups[0]["lr"]

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Update the averaged weights after a change of the weights."""
        if self.ema is not None and self.global_step > self._averaged:
            self.ema.update(self.network)
            self._averaged = self.global_step

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the rows, too."""
        checkpoint["rows"] = self.rows

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the rows of the completed epochs."""
        self.rows = checkpoint["rows"]
        self._averaged = checkpoint["global_step"]

    def release(self) -> None:
        """Release the averaged network, too."""
        super().release()
        self.ema = None

    def _record_epoch(self, metrics: dict[str, float]) -> bool:
        self.rows.append({"epoch": self.current_epoch + 1, "lr": self._rate, **metrics})
        if self.trainer.is_global_zero:
            for curves in self._curves:
                curves.add(*split_row(self.rows[-1]))
            self._tell_rows(self.rows)
        return self.patient

    def _sums(self) -> tuple[float, Sequence[Any]]:
        self._tally = sum_tallies(self._tally, self.trainer.world_size, self.device)
        return super()._sums()


def split_row(row: Mapping[str, float]) -> tuple[int, Mapping[str, float]]:
    """Split a row into its epoch and its other values."""
    return int(row["epoch"]), {name: value for name, value in row.items() if name != "epoch"}
