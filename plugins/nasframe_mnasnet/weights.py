"""Reading published weights into a published network, without executing code from the file."""

from __future__ import annotations

import re
from pathlib import Path

import timm.models
from torch import nn

from nasframe import NasframeError

OUTER = {
    "layers.0": "conv_stem",
    "layers.1": "bn1",
    "layers.3": "blocks.0.0.conv_dw",
    "layers.4": "blocks.0.0.bn1",
    "layers.6": "blocks.0.0.conv_pw",
    "layers.7": "blocks.0.0.bn2",
    "layers.14": "conv_head",
    "layers.15": "bn2",
    "classifier.1": "classifier",
}
INNER = {"0": "conv_pw", "1": "bn1", "3": "conv_dw", "4": "bn2", "6": "conv_pwl", "7": "bn3"}
"""torchvision's names of modules and ours; an inverted residual has those of ``INNER``."""


def load_weights(network: nn.Module, path: Path, name: str) -> None:
    """Fill a network from a safetensors or torch file with the names of timm or torchvision.

    Raises:
        NasframeError: if the file is missing or unreadable, or its weights do not fit.
    """
    path = path.expanduser()
    if not path.is_file():
        raise NasframeError(f"weights={path}: there is no such file")
    try:
        state = timm.models.load_state_dict(str(path), weights_only=True)
    except Exception as error:  # whatever a file that is none of both makes the readers raise
        reason = " ".join(str(error).split())[:200]
        raise NasframeError(f"weights={path}: cannot be read: {reason}") from error
    if "layers.0.weight" in state:
        state = {rename(key): value for key, value in state.items()}
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip()[:200]
        raise NasframeError(f"weights={path}: does not fit {name}: {first}") from error


def rename(key: str) -> str:
    """A name in torchvision's MNASNet as a name here: ``layers.8.2.layers.3.weight``."""
    module, _, tensor = key.rpartition(".")
    if found := re.fullmatch(r"layers\.(\d+)\.(\d+)\.layers\.(\d+)", module):
        stack, layer, place = found.groups()
        return f"blocks.{int(stack) - 7}.{layer}.{INNER.get(place, place)}.{tensor}"
    return f"{OUTER.get(module, module)}.{tensor}"
