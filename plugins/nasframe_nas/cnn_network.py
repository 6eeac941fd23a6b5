"""Networks of the NAS CNN space (section 3.3 of the paper).

A layer is convolution, batch norm and ReLU, with TensorFlow's ``SAME`` borders: a stride of s turns
a side of n into ceil(n / s). BatchNorm has torch's defaults, as the paper gives no values.

The paper says only that two of its networks have pooling at some layers. Here a pooled layer gives
its maximum over 2x2 windows (a side is halved, rounded up) to all its readers. Other maps keep
their size; inputs of different sizes are combined by the paper's third rule.

Shapes: N batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from timm.layers import create_conv2d  # type: ignore[attr-defined]
from torch import Tensor, nn

from nasframe_nas.cnn_layers import Layer, find_unread


class NASCNN(nn.Module):
    """Convolutions, each reading any earlier ones, and a classifier.

    A layer without inputs reads the image. Outputs that no layer reads are concatenated, averaged
    over the image and classified.

    Args:
        layers: the layers, each after its inputs.
        channels: channels of the image.
        outputs: the number of classes.

    Attributes:
        data_config: how to prepare inputs, in timm's terms; only published networks have it.
    """

    data_config: Mapping[str, Any]

    def __init__(self, layers: Sequence[Layer], channels: int, outputs: int) -> None:
        super().__init__()
        self.inputs = [layer.inputs for layer in layers]
        self.unread = find_unread(layers)
        self.layers = nn.ModuleList()
        for layer in layers:
            read = sum(layers[j].filters for j in layer.inputs) if layer.inputs else channels
            self.layers.append(_make_module(layer, read))
        self.classifier = nn.Linear(sum(layers[j].filters for j in self.unread), outputs)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Logits of shape (N, outputs)."""
        maps: list[Tensor] = []
        for inputs, layer in zip(self.inputs, self.layers, strict=True):
            maps.append(layer(concatenate_maps([maps[j] for j in inputs] or [x_NCHW])))
        last_NCHW = concatenate_maps([maps[j] for j in self.unread])
        logits: Tensor = self.classifier(last_NCHW.mean((2, 3)))
        return logits


def concatenate_maps(maps: Sequence[Tensor]) -> Tensor:
    """Concatenate maps by channels, with zeros below and to the right of smaller maps."""
    height, width = (max(x_NCHW.shape[side] for x_NCHW in maps) for side in (2, 3))
    padded = [_pad(x_NCHW, height, width) for x_NCHW in maps]
    return padded[0] if len(padded) == 1 else torch.cat(padded, 1)


def _pad(x_NCHW: Tensor, height: int, width: int) -> Tensor:
    below, right = height - x_NCHW.shape[2], width - x_NCHW.shape[3]
    # Padding with zero width would copy the map.
    return F.pad(x_NCHW, (0, right, 0, below)) if below or right else x_NCHW


def _make_module(layer: Layer, channels: int) -> nn.Sequential:
    kernel = layer.filter_height, layer.filter_width
    stride = layer.stride_height, layer.stride_width
    parts: dict[str, nn.Module] = {}
    if kernel == (1, 1) and stride != (1, 1):
        # Equal to a strided 1x1 convolution, whose weight gradient makes oneDNN 3.12 write past
        # its buffer and crash on x86, if there are few channels in channels-last order.
        parts["subsample"] = nn.AvgPool2d(1, stride)
        stride = 1, 1
    parts["conv"] = create_conv2d(  # type: ignore[no-untyped-call]
        channels, layer.filters, kernel, stride=stride, padding="same", bias=False
    )
    parts["norm"] = nn.BatchNorm2d(layer.filters)
    parts["relu"] = nn.ReLU(inplace=True)
    if layer.pooled:
        parts["pool"] = nn.MaxPool2d(2, ceil_mode=True)
    return nn.Sequential(OrderedDict(parts))
