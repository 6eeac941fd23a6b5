"""The folder of a network trained in full: its files, and loading the network.

``weights.safetensors`` holds the weights, with everything needed to build the network in its
metadata; ``network.json`` repeats that in human-readable form, with the metrics.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasframe.api.config import DetectorConfig
from nasframe.api.types import Architecture, TaskShape
from nasframe.errors import NasframeError, format_error, nearest
from nasframe.registry.options import networks, published, restore_config
from nasframe.registry.restore import restore_space
from nasframe.storage.files import write_atomically
from nasframe.storage.weights import read_metadata, read_weights

if TYPE_CHECKING:
    from torch import nn

WEIGHTS_FILE, NETWORK_FILE = "weights.safetensors", "network.json"


@dataclass(frozen=True, slots=True)
class Shape:
    """A ``TaskShape`` without data."""

    kind: str
    input_shape: tuple[int, ...]
    outputs: int


def is_final(folder: Path) -> bool:
    """Return whether a folder holds a network trained in full."""
    return (folder / NETWORK_FILE).is_file()


def is_detector(path: Path) -> bool:
    """Return whether a folder or a weights file holds a detector, not a classifier."""
    file = path / WEIGHTS_FILE if path.is_dir() else path
    return read_metadata(file).get("detector") is not None


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write plain values as human-readable JSON, atomically."""
    write_atomically(path, (json.dumps(value, indent=2) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read the values that ``write_json`` wrote.

    Raises:
        NasframeError: if the file does not exist or is damaged.
    """
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise NasframeError(f"{path}: cannot be read: {format_error(error)}") from error
    if not isinstance(value, dict):
        raise NasframeError(f"{path}: is not a JSON object")
    return value


def build_network(
    about: Mapping[str, Any],
    shape: TaskShape,
    initialize: Callable[[nn.Module], None] = lambda network: None,
) -> nn.Module:
    """Build an untrained network from its description.

    Args:
        about: plain values: ``search_space`` and ``tokens``; or ``network``, a name published by
            a plugin or known to timm, and its ``settings``. With ``detector``, a detector's
            settings, the network becomes its backbone.
        shape: the shape of the network's task.
        initialize: called with the network, before it becomes a backbone.

    Raises:
        NasframeError: if the network cannot be built.
    """
    if about.get("detector") is None:
        network = _build_classifier(about, shape)
        initialize(network)
        return network
    network = _build_classifier(about, Shape("image", shape.input_shape, shape.outputs))
    initialize(network)
    detector: DetectorConfig = restore_config("detector", about["detector"])
    return detector.build(network, shape)


def _build_classifier(about: Mapping[str, Any], shape: TaskShape) -> nn.Module:
    if "network" in about:
        return _build_named(about["network"], about["settings"], shape)
    return restore_space(about).build(Architecture(tuple(about["tokens"])), shape)


def _build_named(name: str, settings: Mapping[str, Any], shape: TaskShape) -> nn.Module:
    import timm

    for key in settings:
        if key.startswith(("pretrained", "weights", "checkpoint", "cache")):
            raise NasframeError(f"settings.{key}: init=FILE starts from trained weights")
    channels, height, _ = shape.input_shape
    known = {network.name: inspect.signature(network.make).parameters for network in networks()}
    if name in known:
        fitting = {"classes": shape.outputs, "channels": channels, "size": height}
        fitting = {key: value for key, value in fitting.items() if key in known[name]}
        return published(name, **{**fitting, **settings})
    check_timm_name(name)
    try:
        return timm.create_model(name, num_classes=shape.outputs, in_chans=channels, **settings)
    except (TypeError, RuntimeError) as error:
        raise NasframeError(f"{name}: cannot be built: {format_error(error)}") from error


def check_timm_name(name: str) -> None:
    """Check that timm knows a network's name.

    Raises:
        NasframeError: with the nearest names of timm and of plugins, if it does not.
    """
    import timm

    if not timm.is_model(name):
        known = [network.name for network in networks()]
        near = get_close_matches(name, timm.list_models(), 3, 0.5)
        raise NasframeError(f"no network is called {name!r}; {nearest(name, {*known, *near})}")


def build_trained_network(
    about: Mapping[str, Any], task: Mapping[str, Any], state: Any
) -> nn.Module:
    """Build a network and load its weights, in evaluation mode.

    Args:
        about: the network's description, as for building it untrained.
        task: the facts of its task.
        state: its weights by name.

    Returns:
        The network; its ``data_config`` says how to prepare inputs.
    """
    shape = Shape(task["kind"], tuple(task["input_shape"]), task["outputs"])
    module = build_network(about, shape)
    module.load_state_dict(state)
    module.data_config = task["data_config"]
    return module.eval()


def load_final_network(folder: Path) -> nn.Module:
    """Load the network of a folder, in evaluation mode.

    Raises:
        NasframeError: if a file is missing or damaged, or a plugin is not installed.
    """
    path = folder / WEIGHTS_FILE
    state, metadata = read_weights(path)
    try:
        return build_trained_network(metadata, metadata["task"], state)
    except NasframeError as error:
        raise NasframeError(f"{path}: {error}") from error
    except Exception as error:
        raise NasframeError(f"{path}: does not fit its network: {format_error(error)}") from error
