"""The folder of a network that was trained in full: what stands in it, and loading it.

``weights.safetensors`` holds the weights, and in its metadata all that is needed to build the
network again; ``network.json`` says the same to people, with the metrics.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasframe.api import Architecture, SearchSpace
from nasframe.errors import NasframeError, one_line
from nasframe.plugins import restored
from nasframe.weights import read_weights, write_whole

if TYPE_CHECKING:
    from torch import nn

WEIGHTS, NETWORK = "weights.safetensors", "network.json"


@dataclass(frozen=True, slots=True)
class Shape:
    """A ``TaskShape`` without data."""

    kind: str
    input_shape: tuple[int, ...]
    outputs: int


def is_final(folder: Path) -> bool:
    """Whether a network that was trained in full stands there."""
    return (folder / NETWORK).is_file()


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write plain values for people and programs, whole or not at all."""
    write_whole(path, (json.dumps(value, indent=2) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """What ``write_json`` has written.

    Raises:
        NasframeError: if there is no such file, or it is damaged.
    """
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise NasframeError(f"{path}: cannot be read: {one_line(error)}") from error
    if not isinstance(value, dict):
        raise NasframeError(f"{path}: holds no JSON object")
    return value


def load_final(folder: Path) -> nn.Module:
    """The network of a folder, in evaluation mode.

    Raises:
        NasframeError: if a file is missing or damaged, or a plugin is not installed.
    """
    path = folder / WEIGHTS
    state, metadata = read_weights(path)
    try:
        space: SearchSpace = restored("search_space", metadata["search_space"]).build()
        task = metadata["task"]
        shape = Shape(task["kind"], tuple(task["input_shape"]), task["outputs"])
        module = space.build(Architecture(tuple(metadata["tokens"])), shape)
        module.load_state_dict(state)
        module.data_config = task["data_config"]
    except NasframeError as error:
        raise NasframeError(f"{path}: {error}") from error
    except Exception as error:
        raise NasframeError(f"{path}: holds no such network: {one_line(error)}") from error
    return module.eval()
