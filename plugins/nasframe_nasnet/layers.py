"""The layers of the operations of a NASNet cell.

Borders follow TensorFlow's ``SAME``, as in the authors' code: a stride of 2 turns a side of n into
ceil(n / 2), an even side is padded more at its end, and pools ignore the padding. BatchNorm has
torch's defaults, also the authors' values for CIFAR-10; ``flavour`` has the others.

Shapes: N batch, C channels, H height, W width.
"""

from __future__ import annotations

from itertools import islice

import torch
import torch.nn.functional as F
from timm.layers import create_conv2d  # type: ignore[attr-defined]
from torch import Tensor, nn

Pair = tuple[int, int]


class Pointwise(nn.Conv2d):
    """A 1x1 convolution without bias that subsamples its input before a stride.

    Equal to ``nn.Conv2d``, whose gradient for a strided 1x1 convolution makes oneDNN 3.12 write
    past its buffer and crash on x86, if there are few channels in channels-last order.
    """

    def __init__(self, channels: int, filters: int, stride: int = 1) -> None:
        super().__init__(channels, filters, 1, stride, bias=False)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Return a map of ``filters`` channels."""
        if self.stride != (1, 1):
            # Equal to slicing, whose gradient fills a map with zeros for each axis.
            x_NCHW = F.avg_pool2d(x_NCHW, 1, self.stride)
        return F.conv2d(x_NCHW, self.weight)


def make_conv(
    channels: int,
    filters: int,
    kernel: int | Pair,
    stride: int | Pair = 1,
    *,
    dilation: int = 1,
    groups: int = 1,
) -> nn.Conv2d:
    """Make a convolution without bias."""
    layer: nn.Conv2d = create_conv2d(  # type: ignore[no-untyped-call]
        channels,
        filters,
        kernel,
        stride=stride,
        dilation=dilation,
        groups=groups,
        padding="same",
        bias=False,
    )
    return layer


class ReluFirst(nn.Sequential):
    """A ReLU and more layers; the layer after the ReLU must not work in place."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__(nn.ReLU(), *layers)

    def forward(self, x_NCHW: Tensor, *, rectified: bool = False) -> Tensor:
        """Apply the layers to a map, without the ReLU if the map is already rectified."""
        for layer in islice(self, int(rectified), None):
            x_NCHW = layer(x_NCHW)
        return x_NCHW


class Map:
    """A map with several readers; its ReLU is computed once for all of them."""

    def __init__(self, x_NCHW: Tensor) -> None:
        self._x_NCHW = x_NCHW
        self._rectified_NCHW: Tensor | None = None

    def read(self, reader: nn.Module) -> Tensor:
        """Apply a module to the map."""
        if isinstance(reader, ReluFirst):
            y_NCHW: Tensor = reader(self.rectified(), rectified=True)
        else:
            y_NCHW = reader(self._x_NCHW)
        return y_NCHW

    def rectified(self) -> Tensor:
        """Return its ReLU."""
        if self._rectified_NCHW is None:
            self._rectified_NCHW = F.relu(self._x_NCHW)
        return self._rectified_NCHW


def relu_pointwise_norm(channels: int, filters: int, stride: int = 1) -> nn.Sequential:
    """Make ReLU, 1x1 convolution to ``filters`` channels, and batch norm."""
    return ReluFirst(Pointwise(channels, filters, stride), nn.BatchNorm2d(filters))


def pointwise_norm(channels: int, filters: int) -> nn.Sequential:
    """Make a 1x1 convolution to ``filters`` channels, and batch norm."""
    return nn.Sequential(Pointwise(channels, filters), nn.BatchNorm2d(filters))


class FactorizedReduction(nn.Module):
    """Halves a map: half of the filters read its even rows and columns, half the odd ones."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        self.even = Pointwise(channels, filters // 2, 2)
        self.odd = Pointwise(channels, filters - filters // 2)
        self.norm = nn.BatchNorm2d(filters)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Return a map of ``filters`` channels and half the size, rounded up."""
        height, width = x_NCHW.shape[2:]
        odd_NCHW = x_NCHW[:, :, 1::2, 1::2]
        if height % 2 or width % 2:  # slim reads zeros past the end
            odd_NCHW = F.pad(odd_NCHW, (0, width % 2, 0, height % 2))
        y_NCHW: Tensor = self.norm(torch.cat([self.even(x_NCHW), self.odd(odd_NCHW)], 1))
        return y_NCHW


class Pool(nn.Module):
    """Mean or maximum over a square window of odd side, at stride 1 or 2.

    Attributes:
        divisor: divisor of the sum over a window; ``None`` for its number of pixels in the image.
    """

    def __init__(self, kernel: int, stride: int, *, mean: bool) -> None:
        super().__init__()
        self.kernel = kernel
        self.stride = stride
        self.mean = mean
        self.divisor: int | None = None

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Return a map with as many channels."""
        kernel, stride = self.kernel, self.stride
        # Padding before the first pixel; ceil_mode extends the last window over the end.
        height, width = (kernel // 2 - bool(stride == 2 and n % 2 == 0) for n in x_NCHW.shape[2:])
        if self.mean:
            return F.avg_pool2d(
                x_NCHW,
                kernel,
                stride,
                (height, width),
                ceil_mode=True,
                count_include_pad=False,
                divisor_override=self.divisor,
            )
        if kernel == 3:
            return F.max_pool2d(x_NCHW, 3, stride, (height, width), ceil_mode=True)
        # The maxima of rows first: this reads 2k pixels per output, not k * k.
        rows_NCHW = F.max_pool2d(x_NCHW, (1, kernel), (1, stride), (0, width), ceil_mode=True)
        return F.max_pool2d(rows_NCHW, (kernel, 1), (stride, 1), (height, 0), ceil_mode=True)


class Add(nn.Module):
    """Adds two maps."""

    def forward(self, left_NCHW: Tensor, right_NCHW: Tensor) -> Tensor:
        """Return a map with as many channels."""
        return left_NCHW + right_NCHW


class Concat(nn.Module):
    """Concatenates two maps of ``filters`` channels, and projects them to ``filters`` again."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.fit = relu_pointwise_norm(2 * filters, filters)

    def forward(self, left_NCHW: Tensor, right_NCHW: Tensor) -> Tensor:
        """Return a map with as many channels as each input."""
        y_NCHW: Tensor = self.fit(torch.cat([left_NCHW, right_NCHW], 1))
        return y_NCHW
