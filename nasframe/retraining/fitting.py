"""One network trained in full, from the last whole epoch on if there is a checkpoint."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import nn

from nasframe.api import Task
from nasframe.errors import NasframeError, one_line
from nasframe.recipe import RecipeConfig
from nasframe.retraining.module import FullModule, Row, epoch_seed
from nasframe.training.evaluator import precision_of
from nasframe.training.trainer import Epochs, drive, on_one, quiet
from nasframe.weights import write_whole

CHECKPOINT = "checkpoint"


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

    Returns:
        The network to be kept, on the CPU, in evaluation mode; and a row for each epoch.

    Raises:
        FloatingPointError: if the training diverges.
        NasframeError: if the checkpoint cannot be read.
    """
    child = FullModule(network, task, recipe, seed=seed, frozen=frozen, on_epoch=on_epoch)
    final, rows = child.final, child.rows
    path = folder / f"{CHECKPOINT}.ckpt"

    def training() -> Iterator[Any]:
        draws = torch.Generator().manual_seed(epoch_seed(seed + 1, len(child.rows)))
        return task.train_batches(recipe.batch_size, device, draws)

    def validation() -> Iterator[Any]:
        return task.validation_batches(recipe.batch_size, device)

    with quiet():
        trainer = _trainer(recipe, device, folder)
        start = path if path.is_file() else None
        try:
            drive(trainer, child, Epochs(training), Epochs(validation), start)
        except (FloatingPointError, KeyboardInterrupt, NasframeError):
            raise
        except Exception as error:
            if start is None or child.rows:
                raise
            raise NasframeError(
                f"{path}: cannot be gone on with: {one_line(error)}\n"
                "Remove the file to begin this network anew"
            ) from error
        rows = child.rows
    return final.to("cpu").eval(), rows


class _WholeFiles(TorchCheckpointIO):
    """Checkpoints that replace the one before once they are on the disk."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint, whole or not at all."""
        data = io.BytesIO()
        torch.save(checkpoint, data)
        write_whole(Path(path), data.getvalue())


def remove_checkpoint(folder: Path) -> None:
    """Remove what is no longer needed once the weights stand in a file of their own."""
    (folder / f"{CHECKPOINT}.ckpt").unlink(missing_ok=True)


def _trainer(recipe: RecipeConfig, device: torch.device, folder: Path) -> Trainer:
    after_each_epoch = ModelCheckpoint(
        folder,
        CHECKPOINT,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
    place = on_one(device)
    return Trainer(
        max_epochs=recipe.epochs,
        accumulate_grad_batches=recipe.accumulate,
        gradient_clip_val=recipe.gradient_clip or None,
        precision=precision_of(recipe.precision, device),
        callbacks=[after_each_epoch],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **{**place, "plugins": [place["plugins"], _WholeFiles()]},
    )
