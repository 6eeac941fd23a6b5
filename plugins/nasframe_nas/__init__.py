"""The search spaces of Zoph & Le, "Neural Architecture Search with Reinforcement Learning" (2017).

A convolutional network that is written layer by layer, and a recurrent cell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nasframe import (
    NasframeError,
    RecipeConfig,
    Schedule,
    SearchSpaceConfig,
    hookimpl,
    nearest,
)
from nasframe_nas.config import NASCNNConfig, NASRNNConfig

if TYPE_CHECKING:
    from torch import nn


@hookimpl
def nasframe_search_spaces() -> Mapping[str, type[SearchSpaceConfig] | SearchSpaceConfig]:
    """The paper's two spaces, and that of recurrent cells with more options."""
    extended = NASRNNConfig(extended=True)
    return {"nas_cnn": NASCNNConfig, "nas_rnn": NASRNNConfig, "nas_rnn_extended": extended}


@hookimpl
def nasframe_recipes() -> Mapping[str, RecipeConfig]:
    """The full training of the paper's networks and models, and the same in a few minutes.

    The paper trains its winner on a grid of learning rates, weight decays and epochs of the decay,
    without their values. The rest is whose it refers to: DenseNet's for images (Huang et al. 2016),
    Zaremba et al.'s (2014) medium network for words, where the loss is here the mean, and not the
    sum, of 35 steps. That of characters is the paper's own (its appendix).
    """
    images = RecipeConfig(
        epochs=300,
        batch_size=64,
        lr=0.1,
        momentum=0.9,
        weight_decay=1e-4,
        schedule=Schedule.steps,
        decay=0.1,
        milestones=[150, 225],
        pad=0,
        upsample=40,
        flip=True,
    )
    words = RecipeConfig(
        epochs=39,
        batch_size=20,
        optimizer="momentum",
        momentum=0.0,
        lr=35,
        weight_decay=0.0,
        gradient_clip=5 / 35,
        schedule=Schedule.steps,
        decay=1 / 1.2,
        milestones=list(range(6, 39)),
    )
    characters = RecipeConfig(
        epochs=50,  # ours
        batch_size=32,
        optimizer="adam",
        lr=1e-3,
        weight_decay=0.0,
        gradient_clip=1.0,  # ours
        schedule=Schedule.constant,
    )
    return {
        "nas_cifar10": images,
        "nas_cifar10_small": replace(images, epochs=30, milestones=[15, 22]),
        "nas_ptb": words,
        # At the rate of 35 a small text, or a cell that was found in few trials, often diverges.
        "nas_ptb_small": replace(words, epochs=10, lr=5, milestones=list(range(4, 10))),
        "nas_ptb_char": characters,
        "nas_ptb_char_small": replace(characters, epochs=10, lr=2e-3),
    }


@hookimpl
def nasframe_published() -> Mapping[str, Callable[..., nn.Module]]:
    """What the paper found."""
    from nasframe_nas.cnn_published import nas_cnn_v1
    from nasframe_nas.rnn_published import nas_ptb_cell

    return {"nas_cnn_v1": nas_cnn_v1, "nas_ptb_cell": nas_ptb_cell}


def published(name: str, **settings: Any) -> nn.Module:
    """Make a network that the paper found: ``published("nas_cnn_v1", classes=100)``.

    Args:
        name: the network's name.
        settings: arguments of the function that makes it.

    Raises:
        NasframeError: if there is no such network.
    """
    known = nasframe_published()
    if name not in known:
        raise NasframeError(f"no network {name!r} is published here; {nearest(name, known)}")
    return known[name](**settings)
