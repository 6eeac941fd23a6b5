"""The search space of MnasNet: blocks of equal layers, with a separate choice for each block.

Tan et al., "MnasNet: Platform-Aware Neural Architecture Search for Mobile" (CVPR 2019), with the
authors' published networks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from nasframe import (
    NasframeError,
    RecipeConfig,
    Schedule,
    SearchSpaceConfig,
    hookimpl,
    load_weights,
    nearest,
)
from nasframe_mnasnet.architectures import HEAD, NETWORKS, STEM_STRIDE, find_network, make_network
from nasframe_mnasnet.blocks import Flavour
from nasframe_mnasnet.config import MnasNetConfig

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn


def published(
    name: str,
    *,
    width: float = 1.0,
    classes: int = 1000,
    channels: int = 3,
    dropout: float | None = None,
    flavour: str = "timm",
    weights: str | Path | None = None,
) -> nn.Module:
    """Make one of the published networks, with new weights or weights from a file.

    Args:
        name: ``mnasnet_a1``, ``mnasnet_b1`` (without squeeze-and-excitation) or ``mnasnet_small``.
        width: factor of the channels of stem and blocks, but not of the head.
        classes: outputs of the classifier.
        channels: channels of the images.
        dropout: dropout before the classifier; by default 0.2, or 0 for the small network.
        flavour: ``timm`` equals the networks of timm and torchvision; ``google`` has the borders
            and BatchNorm of the authors' code, and in the small network no first residual.
        weights: a state dict of timm's network (``semnasnet_100``, ``mnasnet_100``,
            ``mnasnet_small``) or, for B1, of torchvision's ``mnasnet1_0``, in a safetensors or a
            torch file.

    Returns:
        A network from x_NCHW to logits (N, classes). Its ``data_config`` describes how to prepare
        images, in timm's terms.

    Raises:
        NasframeError: if the name is unknown, a setting is invalid or the weights do not fit.
    """
    if flavour not in list(Flavour):
        raise NasframeError(f"flavour={flavour!r} is not known; {nearest(str(flavour), Flavour)}")
    if min(classes, channels) < 1:
        raise NasframeError(f"classes={classes}, channels={channels}: each must be at least 1")
    network = find_network(name, Flavour(flavour))
    config = MnasNetConfig(
        stem=network.stem,
        stem_stride=STEM_STRIDE,
        head=HEAD,
        width=width,
        dropout=network.dropout if dropout is None else dropout,
        flavour=Flavour(flavour),
    )
    module = make_network(network, config.frame(), classes, channels)
    if weights is not None:
        from nasframe_mnasnet.weights import translate_torchvision_key

        load_weights(module, weights, translate_torchvision_key)
    return module


@hookimpl
def nasframe_search_spaces() -> Mapping[str, type[SearchSpaceConfig] | SearchSpaceConfig]:
    """The paper's space, and the flat space that it is compared with (three layers a block)."""
    return {"mnasnet": MnasNetConfig, "mnasnet_flat": MnasNetConfig(flat=True, layers=[3] * 7)}


@hookimpl
def nasframe_recipes() -> Mapping[str, RecipeConfig]:
    """Training of the paper's networks on ImageNet (5.1), and a version for few images.

    Epsilon, label smoothing, the moving average and the epochs are not in the paper, but in the
    authors' code (tensorflow/tpu, models/official/mnasnet).
    """
    imagenet = RecipeConfig(
        epochs=350,
        batch_size=4096,
        optimizer="rmsproptf",
        epsilon=1e-3,
        lr=0.256,
        momentum=0.9,
        weight_decay=1e-5,
        warmup_epochs=5,
        schedule=Schedule.exponential,
        decay=0.97,
        decay_epochs=2.4,
        label_smoothing=0.1,
        ema=0.9999,
        search_space={"dropout": 0.2},
    )
    # Learning rate for a batch of 64, moving average for fewer steps.
    small = replace(imagenet, epochs=40, batch_size=64, lr=0.004, ema=0.99, warmup_epochs=1)
    return {"mnasnet_imagenet": imagenet, "mnasnet_imagenet_small": small}


@hookimpl
def nasframe_published() -> Mapping[str, Callable[..., nn.Module]]:
    """The networks that the authors published as code."""
    return {name: partial(published, name) for name in NETWORKS}
