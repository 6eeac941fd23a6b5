"""Builds a network from its settings and two cells."""

from __future__ import annotations

from torch import nn

from nasframe import NasframeError, TaskShape
from nasframe_nasnet.auxiliary import make_auxiliary_head
from nasframe_nasnet.flavour import set_norms
from nasframe_nasnet.genotype import Genotype
from nasframe_nasnet.network import (
    Layer,
    NASNet,
    cifar_stem,
    imagenet_stem,
    set_drop_path,
    stack_cells,
    stem_cells,
)
from nasframe_nasnet.stacking import DropPathSchedule, Skeleton, Stacking


def assemble(stacking: Stacking, normal: Genotype, reduction: Genotype, task: TaskShape) -> NASNet:
    """Build the network of two cells.

    Args:
        stacking: the skeleton and the settings of the training.
        normal: the cell that keeps the size of its map.
        reduction: the cell that halves it.
        task: channels and size of the images, and the number of classes.

    Raises:
        NasframeError: if the images are too small for the skeleton or the auxiliary classifier.
    """
    imagenet = stacking.skeleton is Skeleton.imagenet
    channels, *size = task.input_shape
    if imagenet and min(size) < 3:
        raise NasframeError(
            f"skeleton=imagenet: images of {size[0]}x{size[1]} are too small; use skeleton=cifar"
        )
    stem_channels = stacking.stem_multiplier * (32 if imagenet else stacking.filters)
    stem = (imagenet_stem if imagenet else cifar_stem)(channels, stem_channels)
    layers = _stack_layers(stacking, normal, reduction)
    # After two stages of Normal cells and the Reduction cell between them.
    place = 2 * stacking.cells + (2 if imagenet else 0)
    head = (
        _build_auxiliary(stacking, layers[: place + 1], size, task.outputs)
        if stacking.auxiliary
        else None
    )
    network = NASNet(
        stem,
        stem_channels,
        layers,
        task.outputs,
        dropout=stacking.dropout,
        auxiliary=head,
        auxiliary_place=place,
        stem_stride=2 if imagenet else 1,
    )
    if imagenet:
        # Not slim's momentum: in a short training, the running statistics would not converge.
        set_norms(network, eps=1e-3, momentum=0.1)
    return network


def _stack_layers(stacking: Stacking, normal: Genotype, reduction: Genotype) -> list[Layer]:
    imagenet = stacking.skeleton is Skeleton.imagenet
    first = stem_cells(reduction, stacking.filters) if imagenet else []
    stages = stack_cells(
        normal,
        reduction,
        stacking.filters,
        stacking.cells,
        stacking.stages,
        skip_reduction=stacking.skip_reduction,
    )
    by_depth = stacking.drop_path_schedule is DropPathSchedule.time_and_depth
    return set_drop_path([*first, *stages], 1 - stacking.drop_path_keep, by_depth=by_depth)


def _build_auxiliary(
    stacking: Stacking, layers: list[Layer], size: list[int], outputs: int
) -> nn.Module:
    """Build the auxiliary head on the output of the last of these layers."""
    if stacking.skeleton is Skeleton.imagenet:
        size = [(side - 1) // 2 for side in size]
    shrink = 2 ** sum(layer.stride == 2 for layer in layers)
    height, width = (-(-side // shrink) for side in size)
    last = layers[-1]
    return make_auxiliary_head(last.filters * len(last.genotype.outputs), (height, width), outputs)
