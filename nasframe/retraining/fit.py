"""Full training of one network, resumed from a checkpoint if there is one."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import nn
from torch.multiprocessing.spawn import ProcessException

from nasframe.api.config import Precision
from nasframe.api.parts import Task
from nasframe.api.recipe import RecipeConfig
from nasframe.errors import NasframeError, format_error
from nasframe.loggers.curves import Curves
from nasframe.retraining.config import Strategy, TrainerConfig
from nasframe.retraining.distributed import select_batches
from nasframe.retraining.module import EpochRow, FullModule, derive_epoch_seed
from nasframe.storage.files import write_atomically
from nasframe.training.evaluator import choose_precision
from nasframe.training.trainer import fit_module as train

CHECKPOINT = "checkpoint"
ONE_DEVICE = TrainerConfig()


def train_network(
    network: nn.Module,
    task: Task,
    recipe: RecipeConfig,
    *,
    seed: int,
    device: torch.device,
    folder: Path,
    frozen: Sequence[nn.Module] = (),
    on_epoch: Callable[[list[EpochRow]], None],
    together: TrainerConfig = ONE_DEVICE,
    curves: Sequence[Curves] = (),
) -> tuple[nn.Module, list[EpochRow]]:
    """Train a network in full, with a checkpoint in the folder after each epoch.

    Args:
        network: the network with its initial weights; a checkpoint replaces them.
        task: gives batches, loss and metrics.
        recipe: training settings.
        seed: of batches and of random operations of the network.
        device: the device, or the kind of several.
        folder: folder of the checkpoint.
        frozen: layers that stay in evaluation mode.
        on_epoch: receives the rows of all completed epochs after each epoch.
        together: the devices, if several train together.
        curves: curves of each logger.

    Returns:
        The final network, on the CPU in evaluation mode, and a row for each epoch.

    Raises:
        FloatingPointError: if the training diverges.
        NasframeError: if the checkpoint cannot be read.
    """
    batches = _Batches(task, recipe, together.devices, seed)
    child = FullModule(
        network,
        task,
        recipe,
        seed=seed,
        frozen=frozen,
        on_epoch=on_epoch,
        batches=batches.count,
        curves=curves,
    )
    final = child.final
    try:
        _train(child, recipe, batches, device, folder, together)
    finally:
        for curve in curves:
            curve.close()
    rows = child.rows
    if together.devices > 1:  # other processes hold them
        rows = torch.load(_checkpoint(folder), weights_only=True)["rows"]
    return final.to("cpu").eval(), rows


class _Batches:
    """The batches of a training, divided among its devices.

    Attributes:
        count: the number in an epoch, on each device.

    Raises:
        NasframeError: if there are fewer batches than devices.
    """

    def __init__(self, task: Task, recipe: RecipeConfig, devices: int, seed: int) -> None:
        self._task, self._devices, self._seed = task, devices, seed
        self._size = max(1, recipe.batch_size // devices)
        self.count = task.train_steps(self._size) // devices
        if not self.count:
            raise NasframeError(
                f"trainer.devices={devices}: there are fewer batches in an epoch; "
                "give fewer devices"
            )

    def train(self, child: FullModule) -> Iterable[Any]:
        """Yield an epoch of training batches of this device."""
        draws = torch.Generator().manual_seed(derive_epoch_seed(self._seed + 1, len(child.rows)))
        epoch = self._task.train_batches(self._size, child.device, draws)
        return select_batches(epoch, child.global_rank, self._devices, self.count)

    def validate(self, child: FullModule) -> Iterable[Any]:
        """Yield the validation batches of this device."""
        batches = self._task.validation_batches(self._size, child.device)
        return select_batches(batches, child.global_rank, self._devices)


def _train(
    child: FullModule,
    recipe: RecipeConfig,
    batches: _Batches,
    device: torch.device,
    folder: Path,
    together: TrainerConfig,
) -> None:
    """Run the training, from its checkpoint if there is one."""
    path = _checkpoint(folder)
    start = path if path.is_file() else None
    try:
        train(
            child,
            recipe,
            training=partial(batches.train, child),
            validation=partial(batches.validate, child),
            device=device,
            precision=_choose_precision(recipe, device, together),
            checkpoint=start,
            more=_trainer_options(recipe, folder, together),
        )
    except (FloatingPointError, KeyboardInterrupt, NasframeError):
        raise
    except Exception as error:
        raise _explain_error(error, path, fresh=start is None or bool(child.rows)) from error


def _checkpoint(folder: Path) -> Path:
    return folder / f"{CHECKPOINT}.ckpt"


def _explain_error(error: Exception, path: Path, *, fresh: bool) -> Exception:
    """Return the error to raise for an error of Lightning.

    Args:
        error: an error of this process, or one with another process's traceback as its text.
        path: the checkpoint.
        fresh: whether the error is not from loading the checkpoint.
    """
    text = str(error).strip().rpartition("\n")[2]
    kind, _, reason = text.partition(": ")
    if kind == "FloatingPointError":
        return FloatingPointError(reason)
    if kind.endswith("NasframeError"):
        return NasframeError(reason)
    if "find_unused_parameters" in str(error):
        return NasframeError(
            "trainer.strategy=ddp: some weights of this network have no gradient; give "
            f"trainer.strategy={Strategy.ddp_find_unused_parameters_true.name}"
        )
    if "more than 1 value per channel" in text:
        return NasframeError(
            "recipe.batch_size: batch norm needs more than one image per device; give a larger size"
        )
    if fresh:
        return error if not isinstance(error, ProcessException) else RuntimeError(text)
    return NasframeError(
        f"{path}: cannot be resumed: {format_error(error)}\nRemove the file to restart this network"
    )


class _AtomicCheckpointIO(TorchCheckpointIO):
    """Checkpoint files that replace the previous one only when completely written."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint atomically."""
        data = io.BytesIO()
        torch.save(checkpoint, data)
        write_atomically(Path(path), data.getvalue())


def remove_checkpoint(folder: Path) -> None:
    """Remove the checkpoint, obsolete once the weights are saved."""
    _checkpoint(folder).unlink(missing_ok=True)


def _choose_precision(
    recipe: RecipeConfig, device: torch.device, together: TrainerConfig
) -> Literal["32-true", "bf16-mixed"]:
    """Choose the precision; asking several GPUs would initialize CUDA before the fork."""
    if together.devices > 1 and device.type == "cuda" and recipe.precision is Precision.auto:
        return "bf16-mixed"
    return choose_precision(recipe.precision, device)


def _trainer_options(recipe: RecipeConfig, folder: Path, together: TrainerConfig) -> dict[str, Any]:
    """Return the Trainer's options beyond those of a child: checkpoints, several devices."""
    after_each_epoch = ModelCheckpoint(
        folder,
        CHECKPOINT,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
    several = {
        "devices": together.devices,
        "strategy": together.strategy.value,
        "sync_batchnorm": together.sync_batchnorm,
    }
    return {
        "accumulate_grad_batches": recipe.accumulate,
        "callbacks": [after_each_epoch],
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "plugins": [LightningEnvironment(), _AtomicCheckpointIO()],
        **(several if together.devices > 1 else {}),
    }
