"""The network trained.

A file of plain PyTorch, written by nasframe 0.1.0. Its weights are in a file of their own:

    network = load("model.safetensors")
    logits = network(images)

Images are of the shape (N, 1, 8, 8);
from values on the scale from 0 to 1, take (0.304742) and divide by (0.376149).
"""

from __future__ import annotations

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F


def layers() -> dict[str, nn.Module]:
    """All layers that have weights, by their names in the file of weights."""
    return {
        "stem.0": nn.Conv2d(1, 12, 3, padding=1, bias=False),
        "stem.1": nn.BatchNorm2d(12),
        "cells.0.align_current.1": nn.Conv2d(12, 4, 1, bias=False),
        "cells.0.align_current.2": nn.BatchNorm2d(4),
        "cells.0.left.0.1": nn.Conv2d(12, 4, 1, bias=False),
        "cells.0.left.0.2": nn.BatchNorm2d(4),
        "cells.0.right.0.1": nn.Conv2d(12, 4, 3, padding=2, dilation=2, bias=False),
        "cells.0.right.0.2": nn.BatchNorm2d(4),
        "cells.0.right.1.1": nn.Conv2d(4, 4, (1, 7), padding=(0, 3), bias=False),
        "cells.0.right.1.2": nn.BatchNorm2d(4),
        "cells.0.right.1.4": nn.Conv2d(4, 4, (7, 1), padding=(3, 0), bias=False),
        "cells.0.right.1.5": nn.BatchNorm2d(4),
        "cells.0.combine.1.fit.1": nn.Conv2d(8, 4, 1, bias=False),
        "cells.0.combine.1.fit.2": nn.BatchNorm2d(4),
        "cells.1.align_current.1": nn.Conv2d(8, 8, 1, bias=False),
        "cells.1.align_current.2": nn.BatchNorm2d(8),
        "cells.1.align_previous.1": nn.Conv2d(12, 8, 1, bias=False),
        "cells.1.align_previous.2": nn.BatchNorm2d(8),
        "cells.1.combine.0.fit.1": nn.Conv2d(16, 8, 1, bias=False),
        "cells.1.combine.0.fit.2": nn.BatchNorm2d(8),
        "cells.1.combine.1.fit.1": nn.Conv2d(16, 8, 1, bias=False),
        "cells.1.combine.1.fit.2": nn.BatchNorm2d(8),
        "cells.1.align_outputs.0.even": nn.Conv2d(8, 4, 1, bias=False),
        "cells.1.align_outputs.0.odd": nn.Conv2d(8, 4, 1, bias=False),
        "cells.1.align_outputs.0.norm": nn.BatchNorm2d(8),
        "cells.2.align_current.1": nn.Conv2d(16, 8, 1, bias=False),
        "cells.2.align_current.2": nn.BatchNorm2d(8),
        "cells.2.align_previous.1.even": nn.Conv2d(8, 4, 1, bias=False),
        "cells.2.align_previous.1.odd": nn.Conv2d(8, 4, 1, bias=False),
        "cells.2.align_previous.1.norm": nn.BatchNorm2d(8),
        "cells.2.right.0.1": nn.Conv2d(8, 8, 3, padding=2, dilation=2, bias=False),
        "cells.2.right.0.2": nn.BatchNorm2d(8),
        "cells.2.right.1.1": nn.Conv2d(8, 8, (1, 7), padding=(0, 3), bias=False),
        "cells.2.right.1.2": nn.BatchNorm2d(8),
        "cells.2.right.1.4": nn.Conv2d(8, 8, (7, 1), padding=(3, 0), bias=False),
        "cells.2.right.1.5": nn.BatchNorm2d(8),
        "cells.2.combine.1.fit.1": nn.Conv2d(16, 8, 1, bias=False),
        "cells.2.combine.1.fit.2": nn.BatchNorm2d(8),
        "classifier": nn.Linear(16, 10),
    }


class Network(nn.Module):
    """The network; ``layer(name)`` is the layer of that name."""

    def __init__(self) -> None:
        super().__init__()
        for name, layer in layers().items():
            *path, last = name.split(".")
            parent: nn.Module = self
            for part in path:
                if part not in dict(parent.named_children()):
                    parent.add_module(part, nn.Module())
                parent = getattr(parent, part)
            parent.add_module(last, layer)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of shape (N, 10)."""
        layer = self.get_submodule
        x1 = layer("stem.1")(layer("stem.0")(images))
        # cells.0
        x2 = F.relu(x1)
        x3 = layer("cells.0.align_current.2")(layer("cells.0.align_current.1")(x2))
        x4 = F.max_pool2d(x1, [1, 5], stride=1, padding=[0, 2], ceil_mode=True)
        x5 = F.max_pool2d(x4, [5, 1], stride=1, padding=[2, 0], ceil_mode=True)
        x6 = layer("cells.0.left.0.2")(layer("cells.0.left.0.1")(x5))
        x7 = F.relu(x1)
        x8 = layer("cells.0.right.0.2")(layer("cells.0.right.0.1")(x7))
        x9 = x6 + x8
        x10 = F.relu(x3)
        x11 = layer("cells.0.right.1.2")(layer("cells.0.right.1.1")(x10))
        x12 = F.relu(x11)
        x13 = layer("cells.0.right.1.5")(layer("cells.0.right.1.4")(x12))
        x14 = torch.cat([x3, x13], dim=1)
        x15 = F.relu(x14)
        x16 = layer("cells.0.combine.1.fit.2")(layer("cells.0.combine.1.fit.1")(x15))
        x17 = torch.cat([x9, x16], dim=1)
        # cells.1
        x18 = F.relu(x17)
        x19 = layer("cells.1.align_current.2")(layer("cells.1.align_current.1")(x18))
        x20 = layer("cells.1.align_previous.2")(layer("cells.1.align_previous.1")(x2))
        x21 = F.max_pool2d(x20, [1, 5], stride=[1, 2], padding=[0, 1], ceil_mode=True)
        x22 = F.max_pool2d(x21, [5, 1], stride=[2, 1], padding=[1, 0], ceil_mode=True)
        x23 = F.max_pool2d(x20, [1, 7], stride=[1, 2], padding=[0, 2], ceil_mode=True)
        x24 = F.max_pool2d(x23, [7, 1], stride=[2, 1], padding=[2, 0], ceil_mode=True)
        x25 = torch.cat([x22, x24], dim=1)
        x26 = F.relu(x25)
        x27 = layer("cells.1.combine.0.fit.2")(layer("cells.1.combine.0.fit.1")(x26))
        x28 = F.max_pool2d(x27, [1, 7], stride=1, padding=[0, 3], ceil_mode=True)
        x29 = F.max_pool2d(x28, [7, 1], stride=1, padding=[3, 0], ceil_mode=True)
        x30 = F.max_pool2d(x20, [1, 7], stride=[1, 2], padding=[0, 2], ceil_mode=True)
        x31 = F.max_pool2d(x30, [7, 1], stride=[2, 1], padding=[2, 0], ceil_mode=True)
        x32 = torch.cat([x29, x31], dim=1)
        x33 = F.relu(x32)
        x34 = layer("cells.1.combine.1.fit.2")(layer("cells.1.combine.1.fit.1")(x33))
        x35 = F.avg_pool2d(x19, 1, stride=2)
        x36 = torch.cat([layer("cells.1.align_outputs.0.even")(x35), layer("cells.1.align_outputs.0.odd")(x19[:, :, 1::2][:, :, :, 1::2])], dim=1)
        x37 = layer("cells.1.align_outputs.0.norm")(x36)
        x38 = torch.cat([x37, x34], dim=1)
        # cells.2
        x39 = F.relu(x38)
        x40 = layer("cells.2.align_current.2")(layer("cells.2.align_current.1")(x39))
        x41 = F.avg_pool2d(x18, 1, stride=2)
        x42 = torch.cat([layer("cells.2.align_previous.1.even")(x41), layer("cells.2.align_previous.1.odd")(x18[:, :, 1::2][:, :, :, 1::2])], dim=1)
        x43 = layer("cells.2.align_previous.1.norm")(x42)
        x44 = F.max_pool2d(x43, [1, 5], stride=1, padding=[0, 2], ceil_mode=True)
        x45 = F.max_pool2d(x44, [5, 1], stride=1, padding=[2, 0], ceil_mode=True)
        x46 = F.relu(x43)
        x47 = layer("cells.2.right.0.2")(layer("cells.2.right.0.1")(x46))
        x48 = x45 + x47
        x49 = F.relu(x40)
        x50 = layer("cells.2.right.1.2")(layer("cells.2.right.1.1")(x49))
        x51 = F.relu(x50)
        x52 = layer("cells.2.right.1.5")(layer("cells.2.right.1.4")(x51))
        x53 = torch.cat([x40, x52], dim=1)
        x54 = F.relu(x53)
        x55 = layer("cells.2.combine.1.fit.2")(layer("cells.2.combine.1.fit.1")(x54))
        x56 = torch.cat([x48, x55], dim=1)
        x57 = F.relu(x56)
        x58 = torch.mean(x57, [2, 3])
        x59 = layer("classifier")(x58)
        return x59


def load(path: str) -> Network:
    """The network with its weights, in evaluation mode."""
    network, state = Network(), load_file(path)
    network.load_state_dict({name: state[name] for name in network.state_dict()})
    return network.eval()
