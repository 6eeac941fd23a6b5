"""With what weights a training in full begins, and which of them stay."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from nasframe.errors import NasframeError, nearest
from nasframe.storage.network_folder import WEIGHTS
from nasframe.storage.weights import load_weights


def begin_with(network: nn.Module, path: Path | None, outputs: int) -> None:
    """Fill a network with trained weights, the classifier aside if it has other classes.

    Args:
        network: what is filled. Its attribute ``training_only_prefixes`` names weights that the
            file may lack, and ``head_prefixes`` weights that start anew if their shapes differ.
        path: a folder of a network that was trained in full, or a file of weights; ``None`` leaves
            the network as it is.
        outputs: how many values the network gives.

    Raises:
        NasframeError: if the file cannot be read, or is of another network.
    """
    if path is None:
        return
    file = path / WEIGHTS if path.is_dir() else path
    try:
        load_weights(
            network,
            file,
            optional=getattr(network, "training_only_prefixes", ()),
            outputs=outputs,
            fresh=getattr(network, "head_prefixes", ()),
        )
    except NasframeError as error:
        raise NasframeError(str(error).replace("weights=", "init=", 1)) from error


def freeze(network: nn.Module, names: Sequence[str]) -> list[nn.Module]:
    """Keep the layers of these names from learning.

    Args:
        network: of which they are.
        names: beginnings of names, of whole parts: ``part.1`` is not a part of ``part.10``.

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
