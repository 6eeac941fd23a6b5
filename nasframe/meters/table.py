"""How long a network takes, from a table of its blocks: nothing is measured."""

from __future__ import annotations

from pathlib import Path

from nasframe.api.parts import Meter, SearchSpace, Task
from nasframe.api.types import Architecture, Context, Metrics
from nasframe.meters.latency.table import read


class TableMeter(Meter):
    """Adds up the latencies of the blocks, and corrects the sum as the table's whole networks tell.

    Args:
        path: a table that ``nasframe-latency --table`` has made.
        space: makes the networks.
        task: their inputs.

    Raises:
        NasframeError: if there is no such table, or it is for other networks, or not finished.
    """

    provides = ("latency_ms",)

    def __init__(self, path: Path, space: SearchSpace, task: Task) -> None:
        self._table = read(path)
        self._table.check(space, task)
        self._line = self._table.line()
        self._space = space
        self._task = task
        self.device = self._table.header["device"]

    def measure(self, architecture: Architecture, context: Context) -> Metrics:
        """Look the blocks up.

        Raises:
            LookupError: naming a block that the table lacks, and the command that adds it.
        """
        blocks = self._space.blocks(architecture, self._task) or ()
        try:
            blocks_sum = self._table.sum(block.key for block in blocks)
        except LookupError as error:
            raise LookupError(
                f"{error}; add it: {self._table.command} {architecture.key}"
            ) from None
        return {"latency_ms": self._line.at(blocks_sum)}
