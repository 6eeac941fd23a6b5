"""Where the published networks of two code bases differ, beside their names.

Slim is the authors' code; timm's ``nasnetalarge`` carries their weights over to PyTorch, but its
average pools of stride 2 count the padding, as zeros, which TensorFlow leaves out.
"""

from __future__ import annotations

from enum import StrEnum

from torch import nn

from nasframe_nasnet.layers import Pool
from nasframe_nasnet.stacking import Skeleton


class Flavour(StrEnum):
    """Whose borders of pools, and whose batch norms, a published network has."""

    google = "google"
    timm = "timm"


def season(network: nn.Module, flavour: Flavour, skeleton: Skeleton) -> None:
    """Give a network the borders of one code base, and its settings of batch norm.

    Args:
        network: as a space builds it, with TensorFlow's borders.
        flavour: whose.
        skeleton: slim has other batch norms for ImageNet than for CIFAR.
    """
    if flavour is Flavour.timm:
        set_norms(network, eps=1e-3, momentum=0.1)
        _count_borders(network)
    elif skeleton is Skeleton.imagenet:
        set_norms(network, eps=1e-3, momentum=1 - 0.9997)
    else:
        set_norms(network, eps=1e-5, momentum=0.1)


def set_norms(network: nn.Module, *, eps: float, momentum: float) -> None:
    """Set what is added to the variances, and the weight of a batch in the running statistics."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps, module.momentum = eps, momentum


def _count_borders(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, Pool) and module.mean and module.stride == 2:
            module.divisor = module.kernel**2
