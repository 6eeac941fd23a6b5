"""The full training of one network as a Lightning system."""

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
from nasframe.retraining.distributed import whole
from nasframe.retraining.ranking import badness
from nasframe.training.module import TrainingModule

Row = dict[str, float]
"""What an epoch gave: its metrics, and the learning rate of its last step."""


def epoch_seed(seed: int, epoch: int) -> int:
    """The seed of an epoch: so that one can be trained again without those before it."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint32)[0])


class FullModule(TrainingModule):
    """Trains a network by a recipe; a checkpoint after an epoch holds all that the next needs.

    Args:
        network: what is trained.
        task: gives loss and metrics.
        recipe: how it is trained.
        seed: of what is random in the network.
        frozen: layers that stay in evaluation mode.
        on_epoch: is told the rows of all epochs so far after each of them.
        batches: in an epoch, on one device.
        curves: of each logger.

    Attributes:
        ema: the network with averaged weights, if the recipe wants one.
        rows: those of the epochs so far. Their number tells the epoch: Lightning asks for the
            batches of the first epoch after a checkpoint before it has counted on.
    """

    def __init__(
        self,
        network: nn.Module,
        task: Task,
        recipe: RecipeConfig,
        *,
        seed: int,
        frozen: Sequence[nn.Module],
        on_epoch: Callable[[list[Row]], None],
        batches: int,
        curves: Sequence[Curves],
    ) -> None:
        super().__init__(
            network,
            task,
            recipe,
            steps=recipe.epochs * -(-batches // recipe.accumulate),
            on_epoch=self._note,
            cancelled=lambda: False,
        )
        self.ema = None if recipe.ema is None else ModelEmaV3(network, decay=recipe.ema)
        self.rows: list[Row] = []
        self._seed = seed
        self._patience = recipe.patience
        self._curves = curves
        self._frozen = frozen
        self._tell = on_epoch
        self._averaged = 0
        self._rate = 0.0

    @property
    def final(self) -> nn.Module:
        """The averaged network, if there is one."""
        averaged: nn.Module = self.network if self.ema is None else self.ema.module
        return averaged

    @property
    def patient(self) -> bool:
        """Whether the last epochs have not all been worse than an earlier one."""
        badnesses = [badness(row) for row in self.rows]
        best = badnesses.index(min(badnesses)) if badnesses else 0
        return self._patience is None or len(self.rows) - 1 - best < self._patience

    def on_train_start(self) -> None:
        """Do not go on with what had ended."""
        self.trainer.should_stop = not self.patient
        if self.trainer.is_global_zero:
            for curves in self._curves:
                curves.start(map(stepped, self.rows))

    def on_train_end(self) -> None:
        """End the curves here: this may be a process of its own."""
        for curves in self._curves:
            curves.close()

    def on_train_epoch_start(self) -> None:
        """Begin with no state, no losses, and the epoch's own random numbers."""
        super().on_train_epoch_start()
        torch.manual_seed(epoch_seed(self._seed + self.global_rank, len(self.rows)))
        for layer in self._frozen:
            layer.eval()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Note the learning rate, too."""
        super().on_train_batch_start(batch, batch_idx)
        self._rate = self.trainer.optimizers[0].param_groups[0]["lr"]

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Average the weights once they have changed."""
        if self.ema is not None and self.global_step > self._averaged:
            self.ema.update(self.network)
            self._averaged = self.global_step

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the rows, too."""
        checkpoint["rows"] = self.rows

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on after the rows that there were."""
        self.rows = checkpoint["rows"]
        self._averaged = checkpoint["global_step"]

    def release(self) -> None:
        """Let go of the averaged network, too."""
        super().release()
        self.ema = None

    def _note(self, metrics: dict[str, float]) -> bool:
        self.rows.append({"epoch": self.current_epoch + 1, "lr": self._rate, **metrics})
        if self.trainer.is_global_zero:
            for curves in self._curves:
                curves.add(*stepped(self.rows[-1]))
            self._tell(self.rows)
        return self.patient

    def _sums(self) -> tuple[float, Sequence[Any]]:
        self._tally = whole(self._tally, self.trainer.world_size, self.device)
        return super()._sums()


def stepped(row: Mapping[str, float]) -> tuple[int, Mapping[str, float]]:
    """The epoch of a row, and the rest of it."""
    return int(row["epoch"]), {name: value for name, value in row.items() if name != "epoch"}
