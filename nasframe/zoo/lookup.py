"""Untrained networks by name: of plugins, of timm, of studies and of retrainings."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasframe.errors import NasframeError
from nasframe.registry.options import networks, published, restore_config
from nasframe.registry.restore import restore_space
from nasframe.storage import journal
from nasframe.storage.network_folder import (
    check_timm_name,
    is_detector,
    is_final,
    load_final_network,
)
from nasframe.study.result import read_result

if TYPE_CHECKING:
    from torch import nn

    from nasframe.meters.latency.inputs import Examples


@dataclass(frozen=True, slots=True)
class ImageInputs:
    """Inputs that are images of one size, (channels, height, width)."""

    input_shape: tuple[int, ...]
    outputs: int = 0
    kind: str = "image"

    def example(self) -> tuple[Any, ...]:
        """Return one image of zeros, (1, channels, height, width)."""
        import torch

        return (torch.zeros(1, *self.input_shape),)


@dataclass(frozen=True, slots=True)
class NamedNetwork:
    """A network that is built on demand.

    Attributes:
        name: the name, as given.
        make: builds the network in evaluation mode.
        inputs: description of its inputs.
    """

    name: str
    make: Callable[[], nn.Module]
    inputs: Examples


def look_up_network(name: str, size: int | None = None) -> NamedNetwork:
    """Find a network by name.

    Args:
        name: a network that a plugin publishes, with settings as in ``NAME:KEY=VALUE,KEY=VALUE``;
            else a timm model; ``FOLDER:NUMBER`` for a trial of a study; or a folder of
            ``nasframe-retrain``.
        size: height and width of the images, for networks of plugins and timm; by default the
            network's own.

    Raises:
        NasframeError: if a network or setting is unknown, with the nearest names; or if the
            network is not for images.
    """
    if is_final(Path(name)):
        return _find_retrained(name)
    folder, colon, number = name.rpartition(":")
    if colon and "=" not in number:
        return _find_trial(name, Path(folder), number)
    plain, _, words = name.partition(":")
    if words or any(network.name == plain for network in networks()):
        make, input_shape = _find_published(plain, words)
    else:
        make, input_shape = _find_timm(plain)
    if size is not None:
        input_shape = (input_shape[0], size, size)
    return NamedNetwork(name, lambda: make().eval(), ImageInputs(input_shape))


def _find_published(name: str, words: str) -> tuple[Callable[[], nn.Module], tuple[int, ...]]:
    pairs = [word.partition("=") for word in words.split(",") if word]
    if not all(equals for _, equals, _ in pairs):
        raise NasframeError(f"{name}:{words}: settings must be KEY=VALUE, separated by commas")
    make = partial(published, name, **{key: _parse_value(text) for key, _, text in pairs})
    try:
        data_config: Any = getattr(make(), "data_config", None)
    except (TypeError, ValueError) as error:
        raise NasframeError(f"{name}:{words} cannot be built: {error}") from error
    if data_config is None:
        raise NasframeError(f"{name} is not a network for images: it has no data_config")
    return make, tuple(data_config["input_size"])


def _parse_value(text: str) -> Any:
    """Parse a number, ``true``, ``false`` or ``null`` as in JSON; else return the text."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _find_timm(name: str) -> tuple[Callable[[], nn.Module], tuple[int, ...]]:
    import timm

    check_timm_name(name)
    config: Any = timm.get_pretrained_cfg(name)
    return partial(timm.create_model, name), config.input_size


def _find_retrained(name: str) -> NamedNetwork:
    network: Any = load_final_network(Path(name))
    if "input_size" not in network.data_config or is_detector(Path(name)):
        raise NasframeError(f"{name} is not a network for images of one size")
    return NamedNetwork(
        name,
        partial(load_final_network, Path(name)),
        ImageInputs(tuple(network.data_config["input_size"])),
    )


def _find_trial(name: str, folder: Path, number: str) -> NamedNetwork:
    header = next(journal.read_journal(folder), None)
    trials = {str(trial.number): trial for trial in read_result(folder).trials}
    if header is None or number not in trials:
        raise NasframeError(f"{folder} has no finished trial {number!r}")
    config = header["config"]
    space = restore_space(config)
    task = restore_config("task", config["task"]).build()
    architecture = trials[number].architecture
    return NamedNetwork(name, lambda: space.build(architecture, task).eval(), task)
