"""The thirteen operations of a NASNet cell and its two ways to combine (section 3, appendix A.4).

Each convolution is ReLU, convolution, batch norm. A separable convolution is applied twice, with
nothing between its depthwise and its pointwise part. Details that the paper leaves open follow the
authors' TensorFlow code: an identity that changes the shape is ReLU, strided 1x1 convolution and
batch norm; a pool that changes the channels is followed by 1x1 convolution and batch norm. That
code lacks the factored, the dilated and the plain convolutions, so we define them: both halves of a
factored convolution have ReLU and batch norm; the dilated convolution is dense, with dilation 2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from nasframe_nasnet.layers import (
    Add,
    Concat,
    Pointwise,
    Pool,
    ReluFirst,
    make_conv,
    pointwise_norm,
    relu_pointwise_norm,
)

MakeOp = Callable[[int, int, int], nn.Module]
"""Makes an operation from its input channels, output channels and stride."""


def _identity(channels: int, filters: int, stride: int) -> nn.Module:
    if stride == 1 and channels == filters:
        return nn.Identity()
    return relu_pointwise_norm(channels, filters, stride)


def _pool(kernel: int, *, mean: bool = False) -> MakeOp:
    def make(channels: int, filters: int, stride: int) -> nn.Module:
        pool = Pool(kernel, stride, mean=mean)
        if channels == filters:
            return pool
        return nn.Sequential(pool, *pointwise_norm(channels, filters))

    return make


def _conv3x3(dilation: int) -> MakeOp:
    def make(channels: int, filters: int, stride: int) -> nn.Module:
        return ReluFirst(
            make_conv(channels, filters, 3, stride, dilation=dilation),
            nn.BatchNorm2d(filters),
        )

    return make


def _factored(length: int) -> MakeOp:
    def make(channels: int, filters: int, stride: int) -> nn.Module:
        # Each half is strided along its own axis, so that every pixel is read.
        return ReluFirst(
            make_conv(channels, filters, (1, length), (1, stride)),
            nn.BatchNorm2d(filters),
            nn.ReLU(inplace=True),
            make_conv(filters, filters, (length, 1), (stride, 1)),
            nn.BatchNorm2d(filters),
        )

    return make


def _separable(kernel: int) -> MakeOp:
    def make(channels: int, filters: int, stride: int) -> nn.Module:
        return ReluFirst(
            make_conv(channels, channels, kernel, stride, groups=channels),
            Pointwise(channels, filters),
            nn.BatchNorm2d(filters),
            nn.ReLU(inplace=True),
            make_conv(filters, filters, kernel, groups=filters),
            Pointwise(filters, filters),
            nn.BatchNorm2d(filters),
        )

    return make


OPERATION_FACTORIES: Mapping[str, MakeOp] = {
    "identity": _identity,
    "conv1x3_3x1": _factored(3),
    "conv1x7_7x1": _factored(7),
    "dil3x3": _conv3x3(dilation=2),
    "avg3x3": _pool(3, mean=True),
    "max3x3": _pool(3),
    "max5x5": _pool(5),
    "max7x7": _pool(7),
    "conv1x1": relu_pointwise_norm,
    "conv3x3": _conv3x3(dilation=1),
    "sep3x3": _separable(3),
    "sep5x5": _separable(5),
    "sep7x7": _separable(7),
}
"""The factory of each operation, by its name in a genotype."""

COMBINER_FACTORIES: Mapping[str, Callable[[int], nn.Module]] = {
    "add": lambda _: Add(),
    "concat": Concat,
}
"""The factory of each combination, by its name in a genotype; takes the operands' channels."""
