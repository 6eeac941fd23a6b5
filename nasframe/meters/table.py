"""Latency of a network from a table of its blocks, without measuring."""

from __future__ import annotations

from pathlib import Path

from nasframe.api.parts import Meter, SearchSpace, Task
from nasframe.api.types import Architecture, Context, Metrics
from nasframe.meters.latency.table import read_table


class TableMeter(Meter):
    """Adds up the latencies of the blocks and corrects the sum by the table's whole networks.

    Args:
        path: a table written by ``nasframe-latency --table``.
        space: gives the blocks of a network.
        task: gives the shape of the inputs.

    Raises:
        NasframeError: if the table is missing, unfinished or for other networks.
    """

    provides = ("latency_ms",)

    def __init__(self, path: Path, space: SearchSpace, task: Task) -> None:
        self._table = read_table(path)
        self._table.check(space, task)
        self._line = self._table.line()
        self._space = space
        self._task = task
        self.device = self._table.header["device"]

    def measure(self, architecture: Architecture, context: Context) -> Metrics:
        """Look up the blocks and add up their latencies.

        Raises:
            LookupError: if the table lacks a block; names the block and the command that adds it.
        """
        blocks = self._space.blocks(architecture, self._task) or ()
        try:
            blocks_sum = self._table.sum(block.key for block in blocks)
        except LookupError as error:
            raise LookupError(
                f"{error}; add it: {self._table.command} {architecture.key}"
            ) from None
        return {"latency_ms": self._line.at(blocks_sum)}
