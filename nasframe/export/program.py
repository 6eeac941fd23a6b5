"""Export of trained networks to programs of ``torch.export``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from nasframe.api.parts import Exporter
from nasframe.api.types import Exportable


class ProgramExporter(Exporter):
    """Writes a program for any batch."""

    suffixes = (".pt2",)

    def write(self, network: Exportable, paths: Sequence[Path]) -> None:
        """Trace the network and save the program."""
        batch = {0: torch.export.Dim("batch")}
        program = torch.export.export(network.network, network.example, dynamic_shapes=(batch,))
        torch.export.save(program, paths[0])

    def open(self, network: Exportable, paths: Sequence[Path]) -> Callable[..., Tensor]:
        """Load the program as a module."""
        return torch.export.load(paths[0]).module()
