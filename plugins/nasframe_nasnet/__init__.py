"""The NASNet search space: a Normal and a Reduction cell, stacked into networks for images.

Zoph et al., "Learning Transferable Architectures for Scalable Image Recognition" (CVPR 2018).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nasframe import (
    RecipeConfig,
    Schedule,
    SearchSpaceConfig,
    hookimpl,
)
from nasframe_nasnet.config import NASNetConfig

if TYPE_CHECKING:
    from torch import nn


@hookimpl
def nasframe_search_spaces() -> Mapping[str, type[SearchSpaceConfig] | SearchSpaceConfig]:
    """The paper's space, and a small space for 8x8 digits, which trains in seconds."""
    # On digits, 20 to 25 ms per step of 64 on one core; nine in ten pass 0.9 in four epochs.
    small = NASNetConfig(blocks=3, cells=1, filters=8, stages=2)
    return {"nasnet": NASNetConfig, "nasnet_small": small}


@hookimpl
def nasframe_published() -> Mapping[str, Callable[..., nn.Module]]:
    """NASNet-A in all its sizes; the cells of NASNet-B and -C were never published."""
    from nasframe_nasnet.zoo import nasnet_a

    return {"nasnet_a": nasnet_a}


def published(name: str, **settings: Any) -> nn.Module:
    """Make a network of the paper: ``published("nasnet_a", cells=4, filters=44)``.

    Args:
        name: ``nasnet_a``.
        settings: arguments of ``nasframe_nasnet.zoo.nasnet_a``.

    Raises:
        NasframeError: if the name is unknown or a setting is invalid.
    """
    from nasframe_nasnet.published_cells import find_published

    return find_published(name, nasframe_published())(**settings)


@hookimpl
def nasframe_recipes() -> Mapping[str, RecipeConfig]:
    """Training of the paper's final networks, as in slim, and a version that takes minutes.

    For CIFAR-10, slim does not give the side of cutout, here from DeVries and Taylor (2017), nor
    the crop from 40 pixels and the mirroring, here from the paper's search. For ImageNet, the
    recipe is slim's for the large network; drop path grows over 250,000 steps, here 312 epochs.
    """
    cifar10 = RecipeConfig(
        epochs=600,
        batch_size=32,
        optimizer="momentum",
        lr=0.025,
        momentum=0.9,
        weight_decay=5e-4,
        gradient_clip=5,
        search_space={"drop_path_keep": 0.6, "auxiliary": True},
        pad=0,
        upsample=40,
        flip=True,
        cutout=16,
    )
    imagenet = RecipeConfig(
        epochs=312,
        batch_size=1600,  # 100 workers of 16
        optimizer="rmsproptf",
        epsilon=1.0,
        lr=1.5,
        momentum=0.9,
        weight_decay=5e-5,
        gradient_clip=10,
        schedule=Schedule.exponential,
        decay=0.97,
        decay_epochs=2.4,
        label_smoothing=0.1,
        ema=0.9999,
        search_space={"drop_path_keep": 0.7, "auxiliary": True, "dropout": 0.5},
    )
    # Small images leave no room for the auxiliary classifier.
    small = {"drop_path_keep": 0.9, "auxiliary": False}
    return {
        "nasnet_cifar10": cifar10,
        "nasnet_cifar10_small": replace(cifar10, epochs=30, cutout=8, search_space=small),
        "nasnet_imagenet": imagenet,
        # Learning rate and moving average are adapted to smaller batches and fewer steps.
        "nasnet_imagenet_small": replace(
            imagenet,
            epochs=30,
            batch_size=32,
            lr=0.03,
            ema=0.99,
            search_space={**imagenet.search_space, **small},
        ),
    }
