"""The trained networks that can be exported, by what people call them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from nasframe.api.types import Exportable
from nasframe.errors import NasframeError
from nasframe.storage.network_folder import WEIGHTS, is_detector
from nasframe.storage.weights import load_weights, weights_path
from nasframe.study.result import load
from nasframe.training.devices import seeded
from nasframe.zoo.lookup import Images, find

if TYPE_CHECKING:
    from torch import nn

CPU = torch.device("cpu")
KINDS = {"input_size": "image", "vocabulary": "sequence"}
"""What the ``data_config`` of each kind of task has, and the others have not."""
STEPS = 7
"""The length of random sequences: enough for a state to matter."""


def find_network(name: str, weights: Path | None = None) -> Exportable:
    """Load the network of a name.

    Args:
        name: a folder of ``nasframe-retrain`` or of a study, ``FOLDER:NUMBER`` for a trial of a
            study, or a network that a plugin publishes, with settings as in ``NAME:classes=10``.
        weights: a file with the weights of a published network.

    Raises:
        NasframeError: if there is no such network, it has no weights, or it is a detector.
    """
    folder, colon, number = name.rpartition(":")
    if Path(name).is_dir():
        network, called, own = load(name), Path(name).resolve().name, Path(name, WEIGHTS)
    elif colon and number.isdecimal():
        network, called = load(folder, int(number)), f"{Path(folder).resolve().name}-{number}"
        own = weights_path(Path(folder), int(number))
    else:
        return _published(name, weights)
    if weights is not None:
        raise NasframeError(f"--weights is for published networks; {name} has its own")
    if is_detector(own):
        raise NasframeError(f"{name}: holds a detector; only classifiers are exported")
    return describe_network(called, network, weights=own)


def _published(name: str, weights: Path | None) -> Exportable:
    found = find(name)
    if weights is None:
        raise NasframeError(f"{name} has random weights: give --weights FILE, or a folder")
    network = found.make()
    load_weights(network, weights)
    assert isinstance(found.inputs, Images)
    return describe_network(name, network, found.inputs.input_shape, weights)


def describe_network(
    name: str,
    network: nn.Module,
    input_shape: tuple[int, ...] | None = None,
    weights: Path | None = None,
) -> Exportable:
    """Put together what an exporter may know of a network.

    Args:
        name: any text; what could mean something in a file name or a source is replaced.
        network: in evaluation mode, on the CPU; its ``data_config`` tells images from texts.
        input_shape: of an image, if the network does not say it.
        weights: the file from which it was read.

    Raises:
        NasframeError: if nothing is known of its inputs.
    """
    config: dict[str, Any] = dict(getattr(network, "data_config", None) or {})
    if input_shape is not None:
        config.setdefault("input_size", input_shape)
    kind = next((kind for key, kind in KINDS.items() if key in config), None)
    if kind is None:
        raise NasframeError(f"{name}: its data_config has none of {', '.join(KINDS)}")
    example = random_inputs(kind, config, 2)
    return Exportable(plain_name(name), network, kind, config, example, weights)


def random_inputs(kind: str, data_config: Any, count: int) -> tuple[Any, ...]:
    """Make ``count`` random inputs of a network, the same ones for equal counts."""
    with seeded(count, CPU):
        if kind == "image":
            return (torch.randn(count, *data_config["input_size"]),)
        return torch.randint(len(data_config["vocabulary"]), (STEPS, count)), None


def plain_name(name: str) -> str:
    """Replace what could mean something in a file name or in a source."""
    return re.sub(r"[^\w.+-]+", "-", name)
