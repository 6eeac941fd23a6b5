"""The Lightning module that trains a network; the network does not depend on Lightning."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from nasframe.api.optimization import OptimizationConfig
from nasframe.api.parts import Task
from nasframe.training.optimizer import make_optimizer
from nasframe.training.schedules import compute_factor


class Cancelled(Exception):
    """The study has cancelled the child."""


class TrainingModule(LightningModule):
    """Trains a network on a task. Only the end of an epoch waits for the device.

    Args:
        network: the network to train.
        task: gives loss and metrics.
        config: the optimizer and the schedule.
        steps: total number of training steps.
        on_epoch: called with the metrics after each epoch; returning false stops the training.
        cancelled: called before each batch; returning true cancels the training at once.
    """

    def __init__(
        self,
        network: nn.Module,
        task: Task,
        config: OptimizationConfig,
        *,
        steps: int,
        on_epoch: Callable[[dict[str, float]], bool],
        cancelled: Callable[[], bool],
    ) -> None:
        super().__init__()
        self.network = network
        self._task = task
        self._config = config
        self._steps = steps
        self._on_epoch = on_epoch
        self._cancelled = cancelled
        self._scheduled: list[Any] = [
            m for m in network.modules() if hasattr(m, "training_progress")
        ]
        self._state: Any = None
        self._loss_sum = torch.zeros(())
        self._tally: Any = None

    @property
    def final(self) -> nn.Module:
        """The network that is validated and kept."""
        return self.network

    def configure_optimizers(self) -> Any:
        """Return the optimizer and its schedule."""
        optimizer = make_optimizer(self.network, self._config)
        schedule = LambdaLR(optimizer, partial(compute_factor, self._config, steps=self._steps))
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        """Return the batch as it is: the task's batches are on the device already."""
        return batch

    def on_train_epoch_start(self) -> None:
        """Reset the state and the loss."""
        self._state = None
        self._loss_sum = torch.zeros((), device=self.device)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Stop a cancelled child; set the ``training_progress`` of scheduled regularisers."""
        self._check_cancelled()
        for module in self._scheduled:
            module.training_progress = self.global_step / self._steps

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip by the norm; Lightning's clipping refuses fused optimizers in mixed precision."""
        if gradient_clip_val:
            weights = [w for group in optimizer.param_groups for w in group["params"]]
            nn.utils.clip_grad_norm_(weights, gradient_clip_val)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        loss, self._state = self._task.loss(self.network, batch, self._state)
        self._loss_sum += loss.detach()
        return loss

    def on_validation_epoch_start(self) -> None:
        """Reset the state and the sums."""
        self._state = None
        self._tally = None

    def on_validation_batch_start(
        self, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Stop a cancelled child."""
        self._check_cancelled()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Add the sums of a batch to the tally."""
        tally, self._state = self._task.tally(self.final, batch, self._state)
        self._tally = tally if self._tally is None else self._tally + tally

    def on_validation_epoch_end(self) -> None:
        """Report the metrics of the epoch.

        Raises:
            FloatingPointError: if the training has diverged.
        """
        loss, tally = self._sums()
        metrics = self._task.metrics(tally)
        for name, value in {"training loss": loss, **metrics}.items():
            if not math.isfinite(value):
                raise FloatingPointError(
                    f"{name} is {value} in epoch {self.current_epoch + 1}; "
                    "a lower learning rate may help"
                )
        if not self._on_epoch(metrics):
            self.trainer.should_stop = True

    def _sums(self) -> tuple[float, Sequence[Any]]:
        """Read the training loss and the tally, waiting for the device only once."""
        if isinstance(self._tally, Tensor):
            loss, *tally = torch.cat([self._loss_sum[None], self._tally]).tolist()
            return loss, tally
        return self._loss_sum.item(), self._tally

    def release(self) -> None:
        """Drop the network, so that Lightning's reference cycles do not keep it alive."""
        del self.network
        self._scheduled.clear()

    def _check_cancelled(self) -> None:
        if self._cancelled():
            raise Cancelled
