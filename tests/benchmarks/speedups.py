"""What each speed-up of a child's training gains, and whether the child is as good with it.

    python tests/benchmarks/speedups.py [--data cifar10.npz] [--device cuda] [--seeds 5]

For each of some seeds a random network of ``search_space=nasnet_small`` is trained with the
defaults, and without one speed-up, in turns in one process on one thread. A ratio is the median
over the seeds of the time without over the time with it: of the CPU, on a GPU of the clock. The
accuracies in % are means over the seeds, their change has its standard error.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nasframe import Architecture, Context, Task, option
from nasframe.tasks.augment import Augmentation
from nasframe.tasks.image_data import ImageData
from nasframe.tasks.image_task import ImageTask
from nasframe.training import module as training
from nasframe_nasnet.layers import FactorizedReduction, Map, Pointwise, Pool

Without = Callable[[], AbstractContextManager[object]]


def own_relus() -> AbstractContextManager[object]:
    return patch.object(Map, "rectified", lambda self: F.relu(self._x_NCHW))


def whole_windows() -> AbstractContextManager[object]:
    by_rows = Pool.forward

    def forward(self: Pool, x_NCHW: Tensor) -> Tensor:
        if self.mean or self.kernel == 3:
            return by_rows(self, x_NCHW)
        kernel, stride = self.kernel, self.stride
        pad = [kernel // 2 - bool(stride == 2 and n % 2 == 0) for n in x_NCHW.shape[2:]]
        return F.max_pool2d(x_NCHW, kernel, stride, pad, ceil_mode=True)

    return patch.object(Pool, "forward", forward)


@contextmanager
def slices() -> Iterator[None]:
    def pointwise(self: Pointwise, x_NCHW: Tensor) -> Tensor:
        return F.conv2d(x_NCHW[:, :, :: self.stride[0], :: self.stride[1]], self.weight)

    def reduction(self: FactorizedReduction, x_NCHW: Tensor) -> Tensor:
        odd_NCHW = self.odd(F.pad(x_NCHW, (-1, 1, -1, 1))[:, :, ::2, ::2])
        y_NCHW: Tensor = self.norm(torch.cat([self.even(x_NCHW), odd_NCHW], 1))
        return y_NCHW

    with (
        patch.object(Pointwise, "forward", pointwise),
        patch.object(FactorizedReduction, "forward", reduction),
    ):
        yield


def plain_optimizer() -> AbstractContextManager[object]:
    """One kernel for each tensor and operation; as on a CPU, also on a GPU."""

    def make(module: torch.nn.Module, config: Any) -> torch.optim.Optimizer:
        return torch.optim.SGD(
            [
                {"params": [p for p in module.parameters() if p.ndim > 1]},
                {"params": [p for p in module.parameters() if p.ndim == 1], "weight_decay": 0},
            ],
            config.lr,
            config.momentum,
            weight_decay=config.weight_decay,
            nesterov=True,
            foreach=False,
        )

    return patch.object(training, "make_optimizer", make)


@contextmanager
def all_slow() -> Iterator[None]:
    with own_relus(), whole_windows(), slices(), plain_optimizer():
        yield


SPEEDUPS: dict[str, tuple[Without, dict[str, Any]]] = {
    "one ReLU for all that read a map": (own_relus, {}),
    "maxima of 5x5 and 7x7 by rows and columns": (whole_windows, {}),
    "subsampling without zeros": (slices, {}),
    "fused optimizer": (plain_optimizer, {}),
    "channels last": (nullcontext, {"channels_last": False}),
    "all of them": (all_slow, {"channels_last": False}),
}


def images(path: Path) -> Task:
    """1,000 training and 1,000 validation images."""
    with np.load(path) as file:
        x, y = file["x_train"][:2000], file["y_train"][:2000].astype(np.int64)
    data = ImageData(x[:1000], y[:1000], x[1000:], y[1000:])
    return ImageTask(lambda: data, (3, 32, 32), 10, Augmentation(pad=4, flip=True))


def train(task: Task, device: str, seed: int, settings: dict[str, Any]) -> tuple[float, float]:
    """The child's accuracy, and the seconds that it took."""
    space = option("search_space", "nasnet_small").build()
    draw = np.random.RandomState(seed)
    tokens = tuple(int(draw.randint(len(choice.options))) for choice in space.choices)
    evaluator = option("evaluator", "train", device=device, **settings).build(space, task)
    context = Context(Path("."), device, seed, lambda *_: True, lambda: False)
    clock = time.process_time if device == "cpu" else time.perf_counter
    start = clock()
    accuracy = evaluator.evaluate(Architecture(tokens), context)["val_accuracy"]
    assert isinstance(accuracy, float)
    return accuracy, clock() - start


def compare(
    title: str, task: Task, device: str, seeds: int, without: Without, settings: dict[str, Any]
) -> None:
    fast, slow = [], []
    for seed in range(seeds):
        fast.append(train(task, device, seed, {}))
        with without():
            slow.append(train(task, device, seed, settings))
    gain = median(b / a for (_, a), (_, b) in zip(fast, slow, strict=True))
    rows = [[100 * accuracy for accuracy, _ in trained] for trained in (slow, fast)]
    change = [b - a for a, b in zip(*rows, strict=True)]
    error = stdev(change) / len(change) ** 0.5
    means = "".join(f"{fmean(row):>9.2f}" for row in rows)
    print(f"{title:<44}{gain:>6.2f}{means}{fmean(change):>9.2f} +- {error:.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, help="an .npz file of CIFAR-10 images, in place of digits"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    speedups = dict(SPEEDUPS)
    if args.device != "cpu":
        speedups["bfloat16"] = (nullcontext, {"precision": "float32"})
    task = images(args.data) if args.data else option("task", "digits").build()
    print(f"{'':<44}{'gain':>6}{'without':>9}{'with':>9}{'change':>9}", flush=True)
    train(task, args.device, 0, {"epochs": 1})  # warms up
    for title, (without, settings) in speedups.items():
        compare(title, task, args.device, args.seeds, without, settings)


if __name__ == "__main__":
    main()
