"""Trained networks for export, by human-readable names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from nasframe.api.types import Exportable
from nasframe.errors import NasframeError
from nasframe.storage.network_folder import WEIGHTS_FILE, is_detector
from nasframe.storage.weights import load_weights, weights_path
from nasframe.study.result import load
from nasframe.training.devices import seed_generators
from nasframe.zoo.lookup import ImageInputs, look_up_network

if TYPE_CHECKING:
    from torch import nn

CPU = torch.device("cpu")
KINDS = {"input_size": "image", "vocabulary": "sequence"}
"""Key of ``data_config`` that identifies each kind of task."""
STEPS = 7
"""Length of random sequences, enough for the state to matter."""


def find_network(name: str, weights: Path | None = None) -> Exportable:
    """Load a trained network by name.

    Args:
        name: folder of ``nasframe-retrain`` or of a study, ``FOLDER:NUMBER`` for a trial of a
            study, or a network that a plugin publishes, with settings as in ``NAME:classes=10``.
        weights: file with the weights of a published network.

    Raises:
        NasframeError: if the network is unknown, has no weights, or is a detector.
    """
    folder, colon, number = name.rpartition(":")
    if Path(name).is_dir():
        network, title, own = load(name), Path(name).resolve().name, Path(name, WEIGHTS_FILE)
    elif colon and number.isdecimal():
        network, title = load(folder, int(number)), f"{Path(folder).resolve().name}-{number}"
        own = weights_path(Path(folder), int(number))
    else:
        return _load_published(name, weights)
    if weights is not None:
        raise NasframeError(f"--weights is for published networks; {name} has its own")
    if is_detector(own):
        raise NasframeError(f"{name}: holds a detector; only classifiers are exported")
    return describe_network(title, network, weights=own)


def _load_published(name: str, weights: Path | None) -> Exportable:
    found = look_up_network(name)
    if weights is None:
        raise NasframeError(f"{name} has random weights: give --weights FILE, or a folder")
    network = found.make()
    load_weights(network, weights)
    assert isinstance(found.inputs, ImageInputs)
    return describe_network(name, network, found.inputs.input_shape, weights)


def describe_network(
    name: str,
    network: nn.Module,
    input_shape: tuple[int, ...] | None = None,
    weights: Path | None = None,
) -> Exportable:
    """Describe a network for exporters.

    Args:
        name: any text; characters special in file names or sources are replaced.
        network: a module on the CPU, in evaluation mode, with ``data_config``.
        input_shape: shape of an image, if ``data_config`` lacks it.
        weights: the file of its weights.

    Raises:
        NasframeError: if ``data_config`` does not describe the inputs.
    """
    config: dict[str, Any] = dict(getattr(network, "data_config", None) or {})
    if input_shape is not None:
        config.setdefault("input_size", input_shape)
    kind = next((kind for key, kind in KINDS.items() if key in config), None)
    if kind is None:
        raise NasframeError(f"{name}: its data_config needs one of the keys {', '.join(KINDS)}")
    example = draw_export_inputs(kind, config, 2)
    return Exportable(clean_name(name), network, kind, config, example, weights)


def draw_export_inputs(kind: str, data_config: Any, count: int) -> tuple[Any, ...]:
    """Draw ``count`` random inputs of a network, the same for equal counts."""
    with seed_generators(count, CPU):
        if kind == "image":
            return (torch.randn(count, *data_config["input_size"]),)
        return torch.randint(len(data_config["vocabulary"]), (STEPS, count)), None


def clean_name(name: str) -> str:
    """Replace characters that are special in file names or sources."""
    return re.sub(r"[^\w.+-]+", "-", name)
