"""What the training of a child costs, against plain PyTorch and against stock Lightning.

    python tests/benchmarks/training.py [--data cifar10.npz] [--repeats 5]

Contenders take turns in one process on one thread; a ratio is the median over the repeats of the
CPU time of one over that of the other.
"""

from __future__ import annotations

import argparse
import logging
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import timm
import torch
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from nasframe import (
    Architecture,
    Choice,
    Context,
    SearchSpace,
    Task,
    TaskShape,
    option,
)
from nasframe.api.config import Precision
from nasframe.tasks.augment import Augmentation
from nasframe.tasks.image_data import ImageData
from nasframe.tasks.image_task import ImageTask
from nasframe.training.config import TrainConfig
from nasframe.training.optimizer import make_optimizer
from nasframe.training.schedules import compute_factor
from nasframe.training.trainer import EpochLoader

CPU = torch.device("cpu")


class One(SearchSpace):
    """A space of one network."""

    choices = (Choice("only", (0,)),)
    kinds = ("image",)

    def __init__(self, make: Callable[[TaskShape], nn.Module]) -> None:
        self._make = make

    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        return self._make(task)


def timm_network(name: str, task: TaskShape) -> nn.Module:
    return timm.create_model(name, num_classes=task.outputs, in_chans=task.input_shape[0])


def digits_child(task: TaskShape) -> nn.Module:
    """An architecture of the space that the first command searches."""
    space = option("search_space", "nasnet_small").build()
    draw = np.random.RandomState(0)
    tokens = tuple(int(draw.randint(len(choice.options))) for choice in space.choices)
    return space.build(Architecture(tokens), task)


def noise_task(images: int, side: int) -> ImageTask:
    draw = np.random.default_rng(0)
    x = draw.integers(0, 256, (images + 64, side, side, 3), dtype=np.uint8)
    y = np.arange(images + 64) % 10
    data = ImageData(x[:images], y[:images], x[images:], y[images:])
    return ImageTask(lambda: data, (3, side, side), 10, Augmentation(pad=4, flip=True))


# The contenders


def ours(space: SearchSpace, task: Task, config: TrainConfig) -> Callable[[], None]:
    evaluator = config.build(space, task)
    context = Context(Path("."), "cpu", 0, lambda epoch, metrics: True, lambda: False)
    return lambda: evaluator.evaluate(Architecture((0,)), context) and None


def by_hand(space: SearchSpace, task: Task, config: TrainConfig) -> None:
    """The same network, batches, precision, memory format and optimizer."""
    network = space.build(Architecture((0,)), task).to(memory_format=torch.channels_last)
    optimizer = make_optimizer(network, config)
    generator = torch.Generator().manual_seed(0)
    steps, step = config.epochs * task.train_steps(config.batch_size), 0
    for _ in range(config.epochs):
        network.train()
        for x, y in task.train_batches(config.batch_size, CPU, generator):
            for group in optimizer.param_groups:
                group["lr"] = config.lr * compute_factor(config, step, steps)
            optimizer.zero_grad()
            F.cross_entropy(network(x), y).backward()
            optimizer.step()
            step += 1
        network.eval()
        with torch.inference_mode():
            batches = task.validation_batches(config.batch_size, CPU)
            tally = sum(task.tally(network, batch, None)[0] for batch in batches)
        task.metrics(tally.tolist())


class Stock(LightningModule):
    """What a first draft with Lightning looks like."""

    def __init__(self, network: nn.Module, steps: int) -> None:
        super().__init__()
        self.network, self.steps = network, steps

    def configure_optimizers(self) -> Any:
        optimizer = SGD(self.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-4)
        schedule = CosineAnnealingLR(optimizer, self.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def training_step(self, batch: Any, index: int) -> Tensor:
        x, y = batch
        return F.cross_entropy(self.network(x), y)

    def validation_step(self, batch: Any, index: int) -> None:
        x, y = batch
        logits = self.network(x)
        self.log("val_loss", F.cross_entropy(logits, y))
        self.log("val_accuracy", (logits.argmax(1) == y).float().mean())


class Images(Dataset[Any]):
    """Images as torchvision's data sets give them: one at a time, transformed by a pipeline."""

    def __init__(self, x: Any, y: Any, *varied: Callable[[Any], Any]) -> None:
        normalise = transforms.Normalize((0.491, 0.482, 0.447), (0.247, 0.243, 0.262))
        pipeline = [transforms.ToPILImage(), *varied, transforms.ToTensor(), normalise]
        self._x, self._y, self._transform = x, y, transforms.Compose(pipeline)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self._transform(self._x[index]), int(self._y[index])

    def __len__(self) -> int:
        return len(self._y)


def stock(space: SearchSpace, task: Task, data: ImageData, batch_size: int) -> None:
    varied = (transforms.RandomCrop(32, 4), transforms.RandomHorizontalFlip())
    training = DataLoader(Images(data.x_train, data.y_train, *varied), batch_size, shuffle=True)
    validation = DataLoader(Images(data.x_validation, data.y_validation), batch_size)
    child = Stock(space.build(Architecture((0,)), task), len(training))
    bare_trainer().fit(child, training, validation)


def bare(space: SearchSpace, task: Task, batch_size: int) -> None:
    """Lightning's own cost for one step and one validation batch that are in memory."""
    batches = EpochLoader(partial(task.validation_batches, batch_size, CPU))
    child = Stock(space.build(Architecture((0,)), task), steps=1)
    bare_trainer().fit(child, batches, batches)


def bare_trainer() -> Trainer:
    return Trainer(
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


# The comparisons


def compare(
    title: str, first: Callable[[], None], second: Callable[[], None], repeats: int, unit: int = 1
) -> None:
    """Print the CPU time of both, for each of ``unit`` parts, and their ratio."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(repeats + 1):
        for contender, seconds in zip((first, second), times, strict=True):
            start = time.process_time()
            contender()
            if turn:  # the first turn warms up
                seconds.append(time.process_time() - start)
    ratio = median(a / b for a, b in zip(*times, strict=True))
    a, b = (1000 * median(seconds) / unit for seconds in times)
    print(f"{title:<60}{a:>10.1f}{b:>10.1f}{ratio:>8.3f}", flush=True)


def against_the_loop(repeats: int) -> None:
    task = noise_task(2560, 32)
    config = TrainConfig(epochs=1, batch_size=64)
    for name in ("mnasnet_small", "resnet10t"):
        space = One(partial(timm_network, name))
        plain = partial(by_hand, space, task, config)
        title = f"ours / plain PyTorch, {name}, ms a step"
        compare(title, ours(space, task, config), plain, repeats, unit=40)
    digits = option("task", "digits").build()
    default = TrainConfig()
    space = One(digits_child)
    plain = partial(by_hand, space, digits, default)
    steps = default.epochs * digits.train_steps(default.batch_size)
    title = "ours / plain PyTorch, default child on digits, ms a step"
    compare(title, ours(space, digits, default), plain, repeats, steps)


def against_stock_lightning(path: Path, repeats: int) -> None:
    """One epoch of 2,000 images; stock Lightning computes in float32, channels first."""
    with np.load(path) as file:
        x, y = file["x_train"][:2500], file["y_train"][:2500].astype(np.int64)
    data = ImageData(x[:2000], y[:2000], x[2000:], y[2000:])
    task = ImageTask(lambda: data, (3, 32, 32), 10, Augmentation(pad=4, flip=True))
    for name in ("mnasnet_small", "resnet10t", "mobilenetv3_small_050"):
        space = One(partial(timm_network, name))
        theirs = partial(stock, space, task, data, 128)
        for precision in (Precision.float32, Precision.bfloat16):
            config = TrainConfig(epochs=1, batch_size=128, precision=precision)
            title = f"stock Lightning / ours in {precision.name}, {name}, ms"
            compare(title, theirs, ours(space, task, config), repeats)


def fixed_cost(repeats: int) -> None:
    task = noise_task(8, 4)
    space = One(lambda shape: nn.Sequential(nn.Flatten(), nn.Linear(48, 10)))
    config = TrainConfig(epochs=1, batch_size=64)
    compare(
        "ours / bare Trainer, a fit of one step and one validation, ms",
        ours(space, task, config),
        partial(bare, space, task, 64),
        repeats * 4,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).parents[3] / "shared" / "data" / "cifar10_10k2k.npz"
    parser.add_argument("--data", type=Path, default=beside, help="an .npz file of CIFAR-10 images")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    print(f"{'':<60}{'first':>10}{'second':>10}{'ratio':>8}")
    fixed_cost(args.repeats)
    against_the_loop(args.repeats)
    if args.data.is_file():
        against_stock_lightning(args.data, args.repeats)
    else:
        print(f"{args.data} is not here: no comparison with stock Lightning")


if __name__ == "__main__":
    main()
