"""The NASNet search space: a Normal and a Reduction cell, stacked to a network for images.

Zoph et al., "Learning Transferable Architectures for Scalable Image Recognition" (CVPR 2018).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from nasframe import (
    NasframeError,
    RecipeConfig,
    Schedule,
    SearchSpaceConfig,
    hookimpl,
    setting,
)

if TYPE_CHECKING:
    from torch import nn

    from nasframe import SearchSpace


class Skeleton(StrEnum):
    """How cells are stacked: for small images, or for photographs."""

    cifar = "cifar"
    imagenet = "imagenet"


class DropPathSchedule(StrEnum):
    """By what the share of dropped paths grows: the step (the paper), or also the cell (slim)."""

    time = "time"
    time_and_depth = "time_and_depth"


@dataclass(kw_only=True)
class NASNetConfig(SearchSpaceConfig):
    """NASNet's two cells (Zoph et al. 2018, 3), for images of any size.

    The defaults are the paper's; it does not say how wide the children of its search were, and 32
    is the width of its smallest network (6 @ 768). What the paper leaves open is as in the authors'
    code, "slim" (tensorflow/models, research/slim/nets/nasnet).

    Attributes:
        blocks: blocks in a cell (the paper's B).
        cells: Normal cells in a stage (the paper's N).
        filters: channels of a cell's states in the first stage; each later stage has twice as many.
        stages: groups of Normal cells; a Reduction cell stands between two of them.
        skeleton: ``cifar`` begins with a convolution at full resolution, ``imagenet`` with a
            strided one and two Reduction cells of a quarter and a half of ``filters``.
        stem_multiplier: channels of the first convolution, in ``filters`` (``cifar``) or in units
            of 32 (``imagenet``).
        skip_reduction: the cell after a Reduction cell reads, as its second input, what that one
            read as second, not as first; slim's ``skip_reduction_layer_input``.
        normal_outputs: the states that a Normal cell gives; null for those that no block reads.
        reduction_outputs: the same of a Reduction cell.
        auxiliary: train a second classifier, whose loss counts 0.4 times, on the last cell before
            the second Reduction cell; its map must be 5x5 or larger.
        drop_path_keep: share of the paths in a cell that are kept at the end of the training; 1
            drops none, and the paper's network for CIFAR-10 has 0.6.
        drop_path_schedule: whether the share that is dropped grows with ``time`` alone, or from
            cell to cell, too.
        dropout: share of the features that is dropped before the classifier in training.
    """

    blocks: int = setting(5, least=1)
    cells: int = setting(2, least=1)
    filters: int = setting(32, least=1)
    stages: int = setting(3, least=2)
    skeleton: Skeleton = Skeleton.cifar
    stem_multiplier: int = setting(3, least=1)
    skip_reduction: bool = False
    normal_outputs: list[int] | None = setting(None, least=0)
    reduction_outputs: list[int] | None = setting(None, least=0)
    auxiliary: bool = False
    drop_path_keep: float = setting(1.0, above=0, most=1)
    drop_path_schedule: DropPathSchedule = DropPathSchedule.time_and_depth
    dropout: float = setting(0.0, least=0, most=0.99)

    def __post_init__(self) -> None:
        super().__post_init__()
        last = self.blocks + 1
        for name in ("normal_outputs", "reduction_outputs"):
            states = getattr(self, name)
            if states is None:
                continue
            if not states or max(states) > last or len(set(states)) < len(states):
                raise NasframeError(
                    f"{name}={states}: must be some of the states 0 to {last}, each once"
                )
        if self.auxiliary and self.stages < 3:
            raise NasframeError(
                "auxiliary=true: its place is before the second Reduction cell; give at least "
                f"stages=3, not {self.stages}, or auxiliary=false (of a recipe: "
                "recipe.search_space.auxiliary)"
            )
        if self.skeleton is Skeleton.imagenet and self.filters < 8:
            raise NasframeError(
                f"filters={self.filters}: must be at least 8 with skeleton=imagenet, "
                "whose first cell has a quarter of them"
            )

    def build(self) -> SearchSpace:
        """Make the search space."""
        from nasframe_nasnet.space import NASNetSpace

        return NASNetSpace(self)


@hookimpl
def nasframe_search_spaces() -> Mapping[str, type[SearchSpaceConfig] | SearchSpaceConfig]:
    """The paper's space, and a small one whose children learn 8x8 digits in seconds."""
    # On digits 20 to 25 ms a step of 64 on one core, and nine in ten pass 0.9 in four epochs.
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
        NasframeError: if there is no such network, or a setting is wrong.
    """
    from nasframe_nasnet.zoo import look_up

    return look_up(name, nasframe_published())(**settings)


@hookimpl
def nasframe_recipes() -> Mapping[str, RecipeConfig]:
    """The training of the paper's final networks, as in slim, and the same in a few minutes.

    Not said there of CIFAR-10: cutout's side, which is that of DeVries and Taylor (2017); and the
    crop from 40 pixels and the mirroring, which are the paper's for the search. That of ImageNet is
    slim's for the large network; its epochs are the 250,000 steps over which drop path grows.
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
        # The rate and the average are those of fewer images in a step, and of fewer steps.
        "nasnet_imagenet_small": replace(
            imagenet,
            epochs=30,
            batch_size=32,
            lr=0.03,
            ema=0.99,
            search_space={**imagenet.search_space, **small},
        ),
    }
