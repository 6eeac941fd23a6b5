"""Measurement of the blocks and networks of a search space into a table."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING

import torch

from nasframe.api.parts import SearchSpace
from nasframe.api.types import Architecture, Block, TaskShape
from nasframe.errors import NasframeError, format_error
from nasframe.meters.latency.inputs import CPU, build_reference
from nasframe.meters.latency.interleaved import measure_in_turns
from nasframe.meters.latency.intervals import Interval
from nasframe.meters.latency.timing import TimedRun, measure_pairs
from nasframe.storage.locks import exclusive_lock
from nasframe.training.devices import seed_generators

if TYPE_CHECKING:
    from nasframe.meters.latency.runtimes import Runtime
    from nasframe.meters.latency.table import Table
    from nasframe.meters.latency.table_file import TableFile

PATIENCE = 5000
"""Number of random networks without a new block after which all blocks count as found. A block that
appears in one of 432 networks, for 432 options of a block, is missed once in 100,000 tables."""

TURN = 20
"""Number of blocks measured in turns with each other, about as many as in a network."""

WIDTH = 0.05
"""Relative width of the 95 % interval of a block's ratio at which its measurement stops; in a sum
of many blocks the errors largely cancel."""

SECONDS = 0.3
"""Maximum seconds of measurement of a block."""

WHOLE_WIDTH = 0.02
"""Same as ``WIDTH``, for a whole network."""


def draw_random_architecture(space: SearchSpace, seed: str) -> Architecture:
    """Draw a random architecture, the same for equal seeds."""
    draw = random.Random(seed)
    return Architecture(tuple(draw.randrange(len(choice.options)) for choice in space.choices))


class TableFiller:
    """Measures the blocks and networks that a table lacks.

    Args:
        file: the table.
        space: a search space whose networks are chains of blocks.
        task: shape of the inputs, and number of outputs.
        runtime: runs the networks.
        batch: inputs per run.
        seconds: maximum time of measurement of a whole network.
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
        """Current content of the table."""
        return self._file.table

    def network(self, number: int) -> Architecture:
        """Draw the architecture of a number; the lowest numbers correct the sums."""
        return draw_random_architecture(self._space, f"network {number}")

    def chain(self, architecture: Architecture) -> Sequence[Block]:
        """Return the blocks of a network."""
        return self._space.blocks(architecture, self._task) or ()

    def missing(self, networks: Iterable[Architecture], *, all_others: bool) -> list[Block]:
        """Return the blocks that the table lacks, each once.

        Args:
            networks: networks whose blocks are needed.
            all_others: add the blocks of the whole space, found by drawing random networks.
        """
        blocks = {block.key: block for network in networks for block in self.chain(network)}
        number = last_new = 0
        while all_others and number - last_new <= PATIENCE:
            for block in self.chain(draw_random_architecture(self._space, f"blocks {number}")):
                if block.key not in blocks:
                    blocks[block.key] = block
                    last_new = number
            number += 1
        return [block for key, block in blocks.items() if key not in self.table.ratios]

    def measure_blocks(self, blocks: Sequence[Block]) -> Iterator[int]:
        """Measure blocks into the table; yields the number of blocks after each group."""
        for start in range(0, len(blocks), TURN):
            turn = blocks[start : start + TURN]
            with exclusive_lock():
                runs = [self._prepare(block) for block in turn]
                seconds = SECONDS * len(turn)
                figures = measure_in_turns(runs, self._reference, width=WIDTH, seconds=seconds)
            for block, (ms, ratio) in zip(turn, figures, strict=True):
                self._file.append({"block": block.key, **_to_fields(ms, ratio)})
            yield len(turn)

    def measure_networks(self, numbers: Iterable[int]) -> Iterator[int]:
        """Measure whole networks with known blocks into the table; yields 1 after each."""
        for number in numbers:
            architecture = self.network(number)
            keys = [block.key for block in self.chain(architecture)]
            build = partial(self._space.build, architecture, self._task)
            whole = Block(architecture.key, build, self._task.input_shape)
            with exclusive_lock():
                pair = (self._prepare(whole), self._reference)
                (timing,) = measure_pairs([pair], width=WHOLE_WIDTH, seconds=self._seconds)
            fields = _to_fields(timing.ms.median, timing.ratio)
            name = {"network": number, "tokens": architecture.key, "sum": self.table.sum(keys)}
            self._file.append({**name, **fields})
            yield 1

    def _prepare(self, block: Block) -> TimedRun:
        """Prepare a block with seeded weights and a random input for timing.

        Raises:
            NasframeError: if the block cannot be run.
        """
        try:
            with seed_generators(0, CPU):
                module = block.build().eval()
                inputs = (torch.randn(self._batch, *block.input_shape),)
            return self._runtime.prepare(module, inputs)
        except Exception as error:
            raise NasframeError(f"{block.key} cannot be measured: {format_error(error)}") from error

    @cached_property
    def _reference(self) -> TimedRun:
        return self._runtime.prepare(*build_reference())


def _to_fields(ms: float, ratio: Interval) -> dict[str, float]:
    bounds = {"ratio_low": ratio.low, "ratio_high": ratio.high}
    return {"ms": ms, "ratio": ratio.median, **bounds}
