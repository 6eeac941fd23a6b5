"""A MnasNet as a chain of blocks, whose latencies can be measured one by one.

What the paper calls a block is several layers here: each of them is a block of the chain, since
blocks of equal layers share them.
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


def chain(stages: Iterable[list[Layer]], task: TaskShape, frame: Frame) -> Iterator[Block]:
    """The stem, each layer, and the head with the classifier.

    Args:
        stages: the layers of each block.
        task: shape of the images, and how many classes.
        frame: the settings of stem, head and flavour.
    """
    flavour, layers = frame.flavour, list(itertools.chain.from_iterable(stages))
    channels, height, width = task.input_shape

    def block(words: str, build: partial[nn.Module], inputs: int) -> Block:
        return Block(f"{words} {height}x{width} {flavour.name}", build, (inputs, height, width))

    stem, stride = layers[0].inputs, frame.stem_stride
    make_stem = partial(_stem, channels, stem, stride, flavour)
    yield block(f"stem {channels}-{stem} /{stride}", make_stem, channels)
    height, width = _strided(height, width, stride)
    for layer in layers:
        yield block(_words(layer), partial(make_layer, layer, flavour), layer.inputs)
        height, width = _strided(height, width, layer.stride)
    sizes = (layers[-1].outputs, frame.head, task.outputs)
    make_head = partial(_head, *sizes, flavour)
    yield block("head {}-{}-{}".format(*sizes), make_head, layers[-1].outputs)


def _words(layer: Layer) -> str:
    op = f"{layer.op} {layer.kernel}x{layer.kernel} se{layer.squeeze} {layer.skip}"
    return f"{op} {layer.inputs}-{layer.outputs} /{layer.stride}"


def _strided(height: int, width: int, stride: int) -> tuple[int, int]:
    """The size of a map after a convolution with a stride, in either flavour."""
    return -(-height // stride), -(-width // stride)


def _stem(channels: int, stem: int, stride: int, flavour: Flavour) -> nn.Module:
    return nn.Sequential(*conv_norm_relu(channels, stem, 3, stride, flavour))


def _head(inputs: int, head: int, outputs: int, flavour: Flavour) -> nn.Module:
    return nn.Sequential(
        *conv_norm_relu(inputs, head, 1, 1, flavour),
        FastAdaptiveAvgPool(flatten=True),
        nn.Linear(head, outputs),
    )
