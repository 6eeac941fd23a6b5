"""One network trained in full, from the last whole epoch on if there is a checkpoint."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
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
from nasframe.errors import NasframeError, one_line
from nasframe.loggers.curves import Curves
from nasframe.retraining.config import Strategy, TrainerConfig
from nasframe.retraining.distributed import part
from nasframe.retraining.module import FullModule, Row, epoch_seed
from nasframe.storage.files import write_atomically
from nasframe.training.evaluator import precision_of
from nasframe.training.trainer import fit as train

CHECKPOINT = "checkpoint"
ALONE = TrainerConfig()


def fit(
    network: nn.Module,
    task: Task,
    recipe: RecipeConfig,
    *,
    seed: int,
    device: torch.device,
    folder: Path,
    frozen: Sequence[nn.Module] = (),
    on_epoch: Callable[[list[Row]], None],
    together: TrainerConfig = ALONE,
    curves: Sequence[Curves] = (),
) -> tuple[nn.Module, list[Row]]:
    """Train a network; the folder has a checkpoint of the last epoch until it is removed.

    Args:
        network: with its first weights; with those of the checkpoint if there is one.
        task: what it is trained on.
        recipe: how.
        seed: of batches, and of what is random in the network.
        device: on which.
        folder: of the checkpoint.
        frozen: layers that stay in evaluation mode.
        on_epoch: is told the rows of all epochs so far, after each.
        together: the devices, if there are several.
        curves: of each logger.

    Returns:
        The network to be kept, on the CPU, in evaluation mode; and a row for each epoch.

    Raises:
        FloatingPointError: if the training diverges.
        NasframeError: if the checkpoint cannot be read.
    """
    devices = together.devices
    size = max(1, recipe.batch_size // devices)
    batches = task.train_steps(size) // devices
    if not batches:
        raise NasframeError(f"trainer.devices={devices}: there are fewer batches in an epoch")
    child = FullModule(
        network,
        task,
        recipe,
        seed=seed,
        frozen=frozen,
        on_epoch=on_epoch,
        batches=batches,
        curves=curves,
    )
    final = child.final
    path = folder / f"{CHECKPOINT}.ckpt"

    def training() -> Iterable[Any]:
        draws = torch.Generator().manual_seed(epoch_seed(seed + 1, len(child.rows)))
        epoch = task.train_batches(size, child.device, draws)
        return part(epoch, child.global_rank, devices, batches)

    def validation() -> Iterable[Any]:
        return part(task.validation_batches(size, child.device), child.global_rank, devices)

    start = path if path.is_file() else None
    try:
        train(
            child,
            recipe,
            training=training,
            validation=validation,
            device=device,
            precision=_precision(recipe, device, together),
            checkpoint=start,
            more=_more(recipe, folder, together),
        )
    except (FloatingPointError, KeyboardInterrupt, NasframeError):
        raise
    except Exception as error:
        raise _explained(error, path, fresh=start is None or bool(child.rows)) from error
    finally:
        for one in curves:
            one.close()
    rows = child.rows
    if devices > 1:  # it was in other processes
        rows = torch.load(path, weights_only=True)["rows"]
    return final.to("cpu").eval(), rows


def _explained(error: Exception, path: Path, *, fresh: bool) -> Exception:
    """What is to be raised for what Lightning has raised.

    Args:
        error: of this process, or with the whole traceback of one of another in its text.
        path: the checkpoint.
        fresh: whether it was not from there that training went on.
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
            "recipe.batch_size: batch norm cannot learn of one image (on each device); give more"
        )
    if fresh:
        return error if not isinstance(error, ProcessException) else RuntimeError(text)
    return NasframeError(
        f"{path}: cannot be gone on with: {one_line(error)}\n"
        "Remove the file to begin this network anew"
    )


class _WholeFiles(TorchCheckpointIO):
    """Checkpoints that replace the one before once they are on the disk."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint, whole or not at all."""
        data = io.BytesIO()
        torch.save(checkpoint, data)
        write_atomically(Path(path), data.getvalue())


def remove_checkpoint(folder: Path) -> None:
    """Remove what is no longer needed once the weights stand in a file of their own."""
    (folder / f"{CHECKPOINT}.ckpt").unlink(missing_ok=True)


def _precision(
    recipe: RecipeConfig, device: torch.device, together: TrainerConfig
) -> Literal["32-true", "bf16-mixed"]:
    """As for one device; several are not asked what they can, as CUDA is to rest until the fork."""
    if together.devices > 1 and device.type == "cuda" and recipe.precision is Precision.auto:
        return "bf16-mixed"
    return precision_of(recipe.precision, device)


def _more(recipe: RecipeConfig, folder: Path, together: TrainerConfig) -> dict[str, Any]:
    """What a final network's Trainer has beyond a child's: checkpoints, and several devices."""
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
        "plugins": [LightningEnvironment(), _WholeFiles()],
        **(several if together.devices > 1 else {}),
    }
