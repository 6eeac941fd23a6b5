"""With what weights a training in full begins, and which of them stay."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from nasframe.errors import NasframeError, nearest
from nasframe.storage.network_folder import WEIGHTS
from nasframe.storage.weights import load_weights

HEADS = ("head.", "roi_heads.box_predictor.")
"""Of torchvision's detectors, what depends on the number of classes."""


def begin_with(
    network: nn.Module, path: Path | None, outputs: int, *, fresh: tuple[str, ...] = ()
) -> None:
    """Fill a network with trained weights, the classifier aside if it has other classes.

    Args:
        network: what is filled; a second classifier that the file lacks stays as it is.
        path: a folder of a network that was trained in full, or a file of weights; ``None`` leaves
            the network as it is.
        outputs: how many values the network gives.
        fresh: beginnings of names of weights that begin anew if their shapes are others.

    Raises:
        NasframeError: if the file cannot be read, or is of another network.
    """
    if path is None:
        return
    file = path / WEIGHTS if path.is_dir() else path
    try:
        load_weights(network, file, optional=("auxiliary.",), outputs=outputs, fresh=fresh)
    except NasframeError as error:
        raise NasframeError(str(error).replace("weights=", "init=", 1)) from error


def freeze(network: nn.Module, names: Sequence[str]) -> list[nn.Module]:
    """Keep the layers of these names from learning.

    Args:
        network: of which they are.
        names: beginnings of names, of whole parts: ``cells.1`` is not a part of ``cells.10``.

    Returns:
        The layers, which must stay in evaluation mode.

    Raises:
        NasframeError: if a name stands for nothing.
    """
    known = dict(network.named_modules())
    for name in names:
        if name not in known or not name:
            raise NasframeError(f"freeze={name}: no layer has this name; {nearest(name, known)}")
        known[name].requires_grad_(False)
    return [known[name] for name in names]
