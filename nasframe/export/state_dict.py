"""Export of a network's weights by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor

from nasframe.api.parts import Exporter
from nasframe.api.types import Exportable
from nasframe.errors import NasframeError
from nasframe.storage.weights import read_weights, save_weights


class StateDictExporter(Exporter):
    """Writes a safetensors file, with ``data_config`` in its metadata."""

    suffixes = (".safetensors",)
    kinds = ("image", "sequence")

    def write(self, network: Exportable, paths: Sequence[Path]) -> None:
        """Write the file, and compare each stored tensor with the network's."""
        save_state(network, paths[0])

    def open(self, network: Exportable, paths: Sequence[Path]) -> Callable[..., Tensor]:
        """Return a copy of the network with the weights of the file."""
        module = deepcopy(network.network)
        state, _ = read_weights(paths[0])
        module.load_state_dict(state)
        return module


def save_state(network: Exportable, path: Path) -> None:
    """Write the weights, and check that each stored tensor equals the network's to the last bit.

    Raises:
        NasframeError: if a tensor differs.
    """
    save_weights(network.network, path, {"data_config": network.data_config})
    state, _ = read_weights(path)
    own = network.network.state_dict()
    if own.keys() != state.keys() or not all(torch.equal(own[k], state[k]) for k in own):
        raise NasframeError(f"{path.name}: differs from the network when read again; it is removed")
