"""A MnasNet as a chain of blocks, whose latencies can be measured separately.

Each layer of one of the paper's blocks is a block of this chain, so that blocks with equal layers
share measurements.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from functools import partial

from timm.layers.adaptive_avgmax_pool import FastAdaptiveAvgPool
from torch import nn

from nasframe import Block, TaskShape
from nasframe_mnasnet.blocks import Flavour, Frame, Layer
from nasframe_mnasnet.layers import conv_norm_relu, make_layer


def make_chain(stages: Iterable[list[Layer]], task: TaskShape, frame: Frame) -> Iterator[Block]:
    """Make a block for the stem, for each layer, and for the head with the classifier.

    Args:
        stages: the layers of each block.
        task: shape of the images and number of classes.
        frame: the settings of stem, head and flavour.
    """
    flavour, layers = frame.flavour, list(itertools.chain.from_iterable(stages))
    channels, height, width = task.input_shape

    def block(name: str, build: partial[nn.Module], inputs: int) -> Block:
        return Block(f"{name} {height}x{width} {flavour.name}", build, (inputs, height, width))

    stem, stride = layers[0].inputs, frame.stem_stride
    build_stem = partial(_make_stem, channels, stem, stride, flavour)
    yield block(f"stem {channels}-{stem} /{stride}", build_stem, channels)
    height, width = _reduce_size(height, width, stride)
    for layer in layers:
        yield block(_name_layer(layer), partial(make_layer, layer, flavour), layer.inputs)
        height, width = _reduce_size(height, width, layer.stride)
    sizes = (layers[-1].outputs, frame.head, task.outputs)
    build_head = partial(_make_head, *sizes, flavour)
    yield block("head {}-{}-{}".format(*sizes), build_head, layers[-1].outputs)


def _name_layer(layer: Layer) -> str:
    op = f"{layer.op} {layer.kernel}x{layer.kernel} se{layer.squeeze} {layer.skip}"
    return f"{op} {layer.inputs}-{layer.outputs} /{layer.stride}"


def _reduce_size(height: int, width: int, stride: int) -> tuple[int, int]:
    """Compute the size of a map after a convolution with a stride, for either flavour."""
    return -(-height // stride), -(-width // stride)


def _make_stem(channels: int, stem: int, stride: int, flavour: Flavour) -> nn.Module:
    return nn.Sequential(*conv_norm_relu(channels, stem, 3, stride, flavour))


def _make_head(inputs: int, head: int, outputs: int, flavour: Flavour) -> nn.Module:
    return nn.Sequential(
        *conv_norm_relu(inputs, head, 1, 1, flavour),
        FastAdaptiveAvgPool(flatten=True),
        nn.Linear(head, outputs),
    )
