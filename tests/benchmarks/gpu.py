"""Children on a GPU: ``python tests/benchmarks/gpu.py`` on a machine with one.

First images a second in training and validation, of random networks on images of CIFAR-10's size:
with nasframe's defaults, compiled, with a plain loop that does the same, and with a first draft in
Lightning (DataLoader workers, float32, channels first). Then trials an hour of whole studies with
1, 2 and 4 children at a time on the card, and the hours that 20,000 children of 20 epochs would
take, as in NASNet's search (Zoph et al. 2018). ``--device cpu --images 640`` tries the program.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader
from training import Images, Stock
from workers import Clock

from nasframe import (
    Architecture,
    Context,
    SearchSpaceConfig,
    StudyConfig,
    Task,
    option,
    run,
)
from nasframe._support.system import count_cores, cpu_name
from nasframe.training.config import TrainConfig
from nasframe.training.optimizer import make_optimizer
from nasframe.training.schedules import compute_factor

SPACES = {
    "nasnet_small": option("search_space", "nasnet_small"),
    "nasnet, N = 2, 32 filters": option("search_space", "nasnet"),
}
CHILDREN, EPOCHS, IMAGES = 20_000, 20, 45_000
"""Of the paper's search; the images are those that are not for validation."""


def noise(path: Path, images: int) -> None:
    """A file of images of CIFAR-10's size and classes."""
    draw = np.random.default_rng(0)
    x = draw.integers(0, 256, (images, 32, 32, 3), dtype=np.uint8)
    np.savez(path, x_train=x, y_train=np.arange(images) % 10)


def network(space: SearchSpaceConfig, task: Task, seed: int) -> torch.nn.Module:
    return space.build().build(architecture(space, seed), task)


def architecture(space: SearchSpaceConfig, seed: int) -> Architecture:
    draw = np.random.RandomState(seed)
    return Architecture(tuple(int(draw.randint(len(c.options))) for c in space.build().choices))


# The contenders


def ours(space: SearchSpaceConfig, task: Task, config: TrainConfig, seed: int) -> None:
    context = Context(Path("."), "auto", seed, lambda *_: True, lambda: False)
    config.build(space.build(), task).evaluate(architecture(space, seed), context)


def by_hand(space: SearchSpaceConfig, task: Task, config: TrainConfig, seed: int) -> None:
    """The same batches, precision, memory format and optimizer."""
    device = torch.device(config.device)
    child = network(space, task, seed).to(device, memory_format=torch.channels_last)
    optimizer = make_optimizer(child, config)
    generator = torch.Generator().manual_seed(seed)
    steps, step = config.epochs * task.train_steps(config.batch_size), 0
    precision = torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
    for _ in range(config.epochs):
        child.train()
        for x, y in task.train_batches(config.batch_size, device, generator):
            for group in optimizer.param_groups:
                group["lr"] = config.lr * compute_factor(config, step, steps)
            optimizer.zero_grad()
            with precision:
                loss = F.cross_entropy(child(x), y)
            loss.backward()
            optimizer.step()
            step += 1
        child.eval()
        with torch.inference_mode(), precision:
            batches = task.validation_batches(config.batch_size, device)
            tally = sum(task.tally(child, batch, None)[0] for batch in batches)
        task.metrics(tally.tolist())


def stock(space: SearchSpaceConfig, task: Task, config: TrainConfig, path: Path, seed: int) -> None:
    """A first draft with Lightning; a tenth of the images is for validation."""
    from pytorch_lightning import Trainer
    from torchvision import transforms

    with np.load(path) as file:
        x, y = file["x_train"], file["y_train"]
    cut = len(x) // 10
    varied = (transforms.RandomCrop(32, 4), transforms.RandomHorizontalFlip())
    workers = min(8, count_cores())
    load = partial(
        DataLoader,
        batch_size=config.batch_size,
        num_workers=workers,
        pin_memory=config.device == "cuda",
        persistent_workers=True,
    )
    training = load(Images(x[cut:], y[cut:], *varied), shuffle=True)
    validation = load(Images(x[:cut], y[:cut]))
    trainer = Trainer(
        max_epochs=config.epochs,
        accelerator=config.device,
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    child = Stock(network(space, task, seed), config.epochs * len(training))
    trainer.fit(child, training, validation)


# The two parts


def contest(path: Path, images: int, device: str, repeats: int, compiled: bool) -> None:
    task = option("task", "arrays", path=path, validation=0.1, pad=4, flip=True).build()
    epochs = 2
    config = TrainConfig(epochs=epochs, batch_size=128, device=device)
    for name, space in SPACES.items():
        contenders: dict[str, Callable[[int], None]] = {
            "nasframe": partial(ours, space, task, config),
            "plain loop": partial(by_hand, space, task, config),
            "stock Lightning": partial(stock, space, task, config, path),
        }
        if compiled:
            settings = TrainConfig(epochs=epochs, batch_size=128, device=device, compile=True)
            contenders["nasframe, compiled"] = partial(ours, space, task, settings)
        ours(space, task, TrainConfig(epochs=1, batch_size=128, device=device), 0)  # warms up
        times: dict[str, list[float]] = {contender: [] for contender in contenders}
        for seed in range(repeats):
            for contender, train in contenders.items():
                start = time.perf_counter()
                train(seed)
                times[contender].append(time.perf_counter() - start)
        for contender, seconds in times.items():
            ratio = median(b / a for a, b in zip(times["nasframe"], seconds, strict=True))
            rate = images * epochs / median(seconds)
            print(f"{name}: {contender:<20}{rate:>10.0f} images/s{ratio:>7.2f} times", flush=True)


def studies(path: Path, images: int, device: str, trials: int) -> None:
    task = option("task", "arrays", path=path, validation=0.1, pad=4, flip=True)
    epochs = 2
    for name, space in SPACES.items():
        for children in (1, 2, 4):
            clock = Clock()
            with tempfile.TemporaryDirectory() as folder:
                config = StudyConfig(
                    dir=Path(folder),
                    search_space=space,
                    task=task,
                    controller=option("controller", "random"),
                    objective=option("objective", "accuracy"),
                    evaluator=TrainConfig(epochs=epochs, batch_size=128, device=device),
                    executor=option("executor", "process", workers=children),
                    stopper=option("stopper", "none"),
                    trials=trials * children,
                    synchronous=False,
                    keep=0,
                )
                run(config, observers=[clock])
            hour = 3600 / clock.seconds()
            hours = CHILDREN / hour * (EPOCHS * IMAGES) / (epochs * 0.9 * images)
            print(f"{name}: {children} at a time: {hour:.0f} trials of {epochs} epochs an hour")
            print(f"{name}: {children} at a time: {hours:.0f} hours for the paper's search")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--trials", type=int, default=4, help="of a study, for each child at a time"
    )
    parser.add_argument("--compile", action="store_true", help="also with evaluator.compile=true")
    args = parser.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        parser.exit(2, "no CUDA device is here; --device cpu --images 640 tries the program\n")
    card = torch.cuda.get_device_name() if args.device == "cuda" else cpu_name()
    print(
        f"{card}; {count_cores()} cores; torch {torch.__version__}; {args.images} images",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "noise.npz"
        noise(path, args.images)
        contest(path, args.images, args.device, args.repeats, args.compile)
        studies(path, args.images, args.device, args.trials)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
