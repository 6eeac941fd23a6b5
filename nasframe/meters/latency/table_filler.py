"""The blocks of a search space, and the measurements that make a table of them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING

import torch

from nasframe.api.parts import SearchSpace
from nasframe.api.types import Architecture, Block, TaskShape
from nasframe.errors import NasframeError, one_line
from nasframe.meters.latency.inputs import CPU, reference
from nasframe.meters.latency.interleaved import in_turns
from nasframe.meters.latency.intervals import Interval
from nasframe.meters.latency.timing import Run, measure
from nasframe.storage.locks import exclusive_lock
from nasframe.training.devices import seeded

if TYPE_CHECKING:
    from nasframe.meters.latency.runtimes import Runtime
    from nasframe.meters.latency.table import Table
    from nasframe.meters.latency.table_file import TableFile

PATIENCE = 5000
"""All blocks are found when so many random networks in a row bring no new one. A block that is in
one network of 432, as many as a block may have options, is missed once in 100,000 tables."""

TURN = 20
"""So many blocks are measured together: about as many as a network has."""

WIDTH = 0.05
"""How wide the 95 % interval of a block's ratio may be, as a share of it; in a sum of many, their
errors largely cancel."""

SECONDS = 0.3
"""How long a block is measured, at most."""

WHOLE_WIDTH = 0.02
"""As ``WIDTH``, of a whole network."""


def drawn(space: SearchSpace, seed: str) -> Architecture:
    """A random architecture, always the same for a seed."""
    draw = random.Random(seed)
    return Architecture(tuple(draw.randrange(len(choice.options)) for choice in space.choices))


class Filler:
    """Measures what a table lacks.

    Args:
        file: the table.
        space: whose networks are chains of blocks.
        task: the shape of their inputs, and how many outputs they have.
        runtime: runs them.
        batch: how many inputs they get at once.
        seconds: how long a whole network is measured, at most.
    """

    def __init__(
        self,
        file: TableFile,
        space: SearchSpace,
        task: TaskShape,
        runtime: Runtime,
        batch: int,
        seconds: float,
    ) -> None:
        self._file = file
        self._space = space
        self._task = task
        self._runtime = runtime
        self._batch = batch
        self._seconds = seconds

    @property
    def table(self) -> Table:
        """The table, as it is by now."""
        return self._file.table

    def network(self, number: int) -> Architecture:
        """The architecture of a number; those of low numbers correct the sums."""
        return drawn(self._space, f"network {number}")

    def chain(self, architecture: Architecture) -> Sequence[Block]:
        """The blocks of a network."""
        return self._space.blocks(architecture, self._task) or ()

    def missing(self, networks: Iterable[Architecture], *, all_others: bool) -> list[Block]:
        """The blocks of networks that the table lacks, each once.

        Args:
            networks: the networks.
            all_others: whether to add those of all others of the space, as far as random ones
                show them.
        """
        blocks = {block.key: block for network in networks for block in self.chain(network)}
        number = last = 0
        while all_others and number - last <= PATIENCE:
            for block in self.chain(drawn(self._space, f"blocks {number}")):
                if block.key not in blocks:
                    blocks[block.key] = block
                    last = number
            number += 1
        return [block for key, block in blocks.items() if key not in self.table.ratios]

    def measure_blocks(self, blocks: Sequence[Block]) -> Iterator[int]:
        """Measure blocks into the table; tells after some how many they were."""
        for start in range(0, len(blocks), TURN):
            turn = blocks[start : start + TURN]
            with exclusive_lock():
                runs = [self._prepared(block) for block in turn]
                seconds = SECONDS * len(turn)
                found = in_turns(runs, self._reference, width=WIDTH, seconds=seconds)
            for block, (ms, ratio) in zip(turn, found, strict=True):
                self._file.append({"block": block.key, **_figures(ms, ratio)})
            yield len(turn)

    def measure_networks(self, numbers: Iterable[int]) -> Iterator[int]:
        """Measure whole networks, whose blocks are there, into the table; tells after each: 1."""
        for number in numbers:
            architecture = self.network(number)
            keys = [block.key for block in self.chain(architecture)]
            build = partial(self._space.build, architecture, self._task)
            whole = Block(architecture.key, build, self._task.input_shape)
            with exclusive_lock():
                pair = (self._prepared(whole), self._reference)
                (timing,) = measure([pair], width=WHOLE_WIDTH, seconds=self._seconds)
            figures = _figures(timing.ms.median, timing.ratio)
            name = {"network": number, "tokens": architecture.key, "sum": self.table.sum(keys)}
            self._file.append({**name, **figures})
            yield 1

    def _prepared(self, block: Block) -> Run:
        """A block with seeded weights and a random input, ready to be timed.

        Raises:
            NasframeError: if it cannot be run.
        """
        try:
            with seeded(0, CPU):
                module = block.build().eval()
                inputs = (torch.randn(self._batch, *block.input_shape),)
            return self._runtime.prepare(module, inputs)
        except Exception as error:
            raise NasframeError(f"{block.key} cannot be measured: {one_line(error)}") from error

    @cached_property
    def _reference(self) -> Run:
        return self._runtime.prepare(*reference())


def _figures(ms: float, ratio: Interval) -> dict[str, float]:
    bounds = {"ratio_low": ratio.low, "ratio_high": ratio.high}
    return {"ms": ms, "ratio": ratio.median, **bounds}
