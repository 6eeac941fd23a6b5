"""A table of blocks: the latency of a network is put together from those of its blocks.

A file of JSON lines. The first tells what the table was made for, and where; each other one tells
of a block, or of a whole network, as soon as it is measured. So nothing is lost if that is
interrupted: the same command goes on, and cuts off a line that was written in part.

What is added up are ratios to the reference network, which ran right before and after: a machine
that is faster in one minute than in another changes the milliseconds, and hardly the ratios.

A sum is not yet a network, in which nothing comes between two blocks. So some networks are measured
whole, too, and a straight line through them corrects the sums. It gives a ratio, which becomes
milliseconds by those of the reference network beside all the whole networks, their median.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from nasframe.api.parts import SearchSpace
from nasframe.api.types import Architecture, TaskShape
from nasframe.errors import NasframeError

SCHEMA = 1
"""The version of the format; a table with a higher one is refused."""

FITTED = 20
"""Through how many whole networks, numbered from 0, the line goes."""

NEAR = 0.02
"""A network that lies farther from the line than this part of its latency counts for less."""


class Whole(NamedTuple):
    """A network that was measured whole, and the sum of its blocks' ratios."""

    ms: float
    ratio: float
    sum: float


class Line(NamedTuple):
    """Milliseconds of a network by the sum of its blocks' ratios: a constant, and a slope."""

    constant: float
    slope: float

    def at(self, ratios: float) -> float:
        """The milliseconds at a sum."""
        return self.constant + self.slope * ratios


class Table:
    """What is known of blocks and networks.

    Attributes:
        path: the file.
        header: its first line.
        ratios: latencies of blocks, as ratios to the reference network's, by their keys.
        networks: those that were measured whole, by number.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self.path = path
        self.header = header
        self.ratios: dict[str, float] = {}
        self.networks: dict[int, Whole] = {}

    @property
    def command(self) -> str:
        """The command that goes on with it."""
        return f"nasframe-latency --table {self.path} {self.header['options']}"

    @property
    def reference_ms(self) -> float:
        """Milliseconds of the reference network, beside the networks that were measured whole."""
        return median(one.ms / one.ratio for one in self.networks.values())

    def take(self, line: Mapping[str, Any]) -> None:
        """Take in what a line tells."""
        if "block" in line:
            self.ratios[line["block"]] = line["ratio"]
        else:
            whole = Whole(line["ms"], line["ratio"], line["sum"])
            self.networks[line["network"]] = whole

    def sum(self, keys: Iterable[str]) -> float:
        """The sum of the ratios of blocks.

        Raises:
            LookupError: naming a block that is not there.
        """
        try:
            return sum(self.ratios[key] for key in keys)
        except KeyError as error:
            raise LookupError(f"no latency of the block {error}") from None

    def line(self) -> Line:
        """The line through the first networks that were measured whole.

        Raises:
            NasframeError: if they are not all there.
        """
        from scipy.optimize import least_squares

        if not set(range(FITTED)) <= set(self.networks):
            raise NasframeError(f"{self.path} is not finished; go on with: {self.command}")
        networks = [self.networks[number] for number in range(FITTED)]

        def distances(line: tuple[float, float]) -> list[float]:
            return [Line(*line).at(one.sum) / one.ratio - 1 for one in networks]

        found = least_squares(distances, (0.0, 1.0), loss="soft_l1", f_scale=NEAR).x
        return Line(*(self.reference_ms * float(number) for number in found))

    def check(self, space: SearchSpace, task: TaskShape) -> None:
        """Refuse networks for which it was not made.

        Raises:
            NasframeError: saying what differs.
        """
        for name, here in outline(space, task).items():
            if (there := self.header[name]) != here:
                if isinstance(here, list):
                    pairs = zip_longest(there, here)
                    there, here = next(pair for pair in pairs if pair[0] != pair[1])
                raise NasframeError(
                    f"{self.path} is for other networks ({self.header['options']}): "
                    f"{name}={there!r}, and here {here!r}"
                )


def outline(space: SearchSpace, task: TaskShape) -> dict[str, Any]:
    """What tells the networks of a space and a task from others; of networks, the first one.

    Raises:
        NasframeError: if they are no chains of blocks.
    """
    first = space.blocks(Architecture((0,) * len(space.choices)), task)
    if first is None:
        raise NasframeError("the networks of this search space are no chains of blocks")
    return {
        "input": "x".join(map(str, task.input_shape)),
        "outputs": task.outputs,
        "blocks": [block.key for block in first],
    }


def read(path: Path) -> Table:
    """Read a table; a last line that is still being written is left out.

    Raises:
        NasframeError: if there is none, a line is damaged, or nasframe is too old for it.
    """
    try:
        first, *lines = path.read_bytes().split(b"\n")[:-1] or [b""]
    except OSError as error:
        raise NasframeError(
            f"no table of blocks in {path}: {error.strerror}; make one with: "
            f"nasframe-latency --table {path} --space NAME"
        ) from error
    with _naming(path, 1):
        header = json.loads(first)
        newer = header["table"] > SCHEMA
    if newer:
        raise NasframeError(f"{path} was written by nasframe {header['nasframe']}, a newer one")
    table = Table(path, header)
    for number, line in enumerate(lines, 2):
        with _naming(path, number):
            table.take(json.loads(line))
    return table


@contextmanager
def _naming(path: Path, number: int) -> Iterator[None]:
    """Name the line that cannot be used."""
    try:
        yield
    except (ValueError, TypeError, LookupError) as error:
        raise NasframeError(f"{path}, line {number}, is no line of a table of blocks") from error
