"""Differences between two implementations of the published networks.

Slim is the authors' code. timm's ``nasnetalarge`` has the authors' weights in PyTorch, but its
average pools of stride 2 count the padding as zeros, which TensorFlow leaves out.
"""

from __future__ import annotations

from enum import StrEnum

from torch import nn

from nasframe_nasnet.layers import Pool
from nasframe_nasnet.stacking import Skeleton


class Flavour(StrEnum):
    """The implementation whose pool borders and batch norms a published network has."""

    google = "google"
    timm = "timm"


def apply_flavour(network: nn.Module, flavour: Flavour, skeleton: Skeleton) -> None:
    """Set the borders and batch norms of a network to those of one implementation.

    Args:
        network: a network as built by the space, with TensorFlow's borders.
        flavour: the implementation.
        skeleton: the skeleton, since slim's batch norms for ImageNet and CIFAR differ.
    """
    if flavour is Flavour.timm:
        set_norms(network, eps=1e-3, momentum=0.1)
        _count_borders(network)
    elif skeleton is Skeleton.imagenet:
        set_norms(network, eps=1e-3, momentum=1 - 0.9997)
    else:
        set_norms(network, eps=1e-5, momentum=0.1)


def set_norms(network: nn.Module, *, eps: float, momentum: float) -> None:
    """Set epsilon and momentum of all batch norms."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps, module.momentum = eps, momentum


def _count_borders(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, Pool) and module.mean and module.stride == 2:
            module.divisor = module.kernel**2
