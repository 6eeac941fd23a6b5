"""The search spaces of Zoph & Le, "Neural Architecture Search with Reinforcement Learning" (2017).

Convolutional networks, described layer by layer, and recurrent cells.
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
    """The paper's two spaces, and recurrent cells with more options."""
    extended = NASRNNConfig(extended=True)
    return {"nas_cnn": NASCNNConfig, "nas_rnn": NASRNNConfig, "nas_rnn_extended": extended}


@hookimpl
def nasframe_recipes() -> Mapping[str, RecipeConfig]:
    """Full training of the paper's networks and models, and a version that takes minutes.

    The paper trains its best network on a grid of learning rates, weight decays and decay epochs,
    but gives no values. The values here are those of the works that it cites: DenseNet for images
    (Huang et al. 2016), and the medium network of Zaremba et al. (2014) for words; there the loss
    is the sum over 35 steps, here it is the mean. For characters they are from its appendix.
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
        # At a rate of 35, small texts and cells from short searches often diverge.
        "nas_ptb_small": replace(words, epochs=10, lr=5, milestones=list(range(4, 10))),
        "nas_ptb_char": characters,
        "nas_ptb_char_small": replace(characters, epochs=10, lr=2e-3),
    }


@hookimpl
def nasframe_published() -> Mapping[str, Callable[..., nn.Module]]:
    """The paper's best network and cell."""
    from nasframe_nas.cnn_published import nas_cnn_v1
    from nasframe_nas.rnn_published import nas_ptb_cell

    return {"nas_cnn_v1": nas_cnn_v1, "nas_ptb_cell": nas_ptb_cell}


def published(name: str, **settings: Any) -> nn.Module:
    """Make one of the paper's networks: ``published("nas_cnn_v1", classes=100)``.

    Args:
        name: the network's name.
        settings: arguments of its function.

    Raises:
        NasframeError: if the name is unknown.
    """
    known = nasframe_published()
    if name not in known:
        raise NasframeError(f"no network {name!r} is published here; {nearest(name, known)}")
    return known[name](**settings)
