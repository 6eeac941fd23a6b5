"""Initial weights of a full training, and frozen layers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from nasframe.errors import NasframeError, nearest
from nasframe.storage.network_folder import WEIGHTS_FILE
from nasframe.storage.weights import load_weights


def load_initial_weights(network: nn.Module, path: Path | None, outputs: int) -> None:
    """Load trained weights into a network, except a classifier for other classes.

    Args:
        network: the network. Its attribute ``training_only_prefixes`` names weights that the
            file may lack, ``head_prefixes`` weights that stay random if their shapes differ.
        path: folder of a retrained network, or file of weights; ``None`` leaves the network
            unchanged.
        outputs: number of outputs of the network.

    Raises:
        NasframeError: if the file cannot be read or belongs to another network.
    """
    if path is None:
        return
    file = path / WEIGHTS_FILE if path.is_dir() else path
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


def freeze_layers(network: nn.Module, names: Sequence[str]) -> list[nn.Module]:
    """Exclude layers from training, with all their sublayers.

    Args:
        network: the network.
        names: names of layers, as in ``named_modules``.

    Returns:
        The layers, which must stay in evaluation mode.

    Raises:
        NasframeError: if a name matches no layer.
    """
    known = dict(network.named_modules())
    for name in names:
        if name not in known or not name:
            raise NasframeError(f"freeze={name}: no layer has this name; {nearest(name, known)}")
        known[name].requires_grad_(False)
    return [known[name] for name in names]
