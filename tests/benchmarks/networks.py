"""What the search spaces' networks cost, against the same networks from elsewhere.

    python tests/benchmarks/networks.py [--repeats 15]

Contenders take turns in one process on one thread; a ratio is the median over the repeats of the
CPU time of one training step over that of the other.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from turns import compare, head

from nasframe import published
from nasframe_nas.cnn_published import FIGURE_7


class ByHand(nn.Module):
    """The 15 layers of the NAS paper's figure 7, written down."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for layer in FIGURE_7:
            height, width = layer.filter_height, layer.filter_width
            channels = sum(FIGURE_7[j].filters for j in layer.inputs) or 3
            padding = (height // 2, width // 2)
            conv = nn.Conv2d(channels, layer.filters, (height, width), padding=padding, bias=False)
            norm = nn.BatchNorm2d(layer.filters)
            self.layers.append(nn.Sequential(conv, norm, nn.ReLU(inplace=True)))
        self.classifier = nn.Linear(FIGURE_7[-1].filters, 10)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        maps: list[Tensor] = []
        for layer, module in zip(FIGURE_7, self.layers, strict=True):
            read = [maps[j] for j in layer.inputs] or [x_NCHW]
            maps.append(module(torch.cat(read, 1) if len(read) > 1 else read[0]))
        logits: Tensor = self.classifier(maps[-1].mean((2, 3)))
        return logits


def step(network: nn.Module, batch: int, size: int) -> Callable[[], None]:
    network.train().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), 1e-3, momentum=0.9, fused=True)
    x_NCHW = torch.randn(batch, 3, size, size).to(memory_format=torch.channels_last)
    y_N = torch.arange(batch) % 10

    def turn() -> None:
        optimizer.zero_grad()
        F.cross_entropy(network(x_NCHW), y_N).backward()
        optimizer.step()

    return turn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    head("ms of CPU time for a training step")
    b1 = published("mnasnet_b1", classes=10), timm.create_model("mnasnet_100", num_classes=10)
    compare("MnasNet-B1, 8 x 96 pixels / timm's", [step(n, 8, 96) for n in b1], repeats)
    for batch, size in ((32, 8), (4, 32)):
        both = published("nas_cnn_v1"), ByHand()
        title = f"the NAS paper's 15 layers, {batch} x {size} pixels / by hand"
        compare(title, [step(n, batch, size) for n in both], repeats)


if __name__ == "__main__":
    main()
