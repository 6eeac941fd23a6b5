"""Table of blocks: the latency of a network is computed from the latencies of its blocks.

A file of JSON lines. The first line says which networks and device the table is for; each further
line holds a block or a whole network, written as soon as it is measured. An interrupted run loses
nothing: the same command resumes, and cuts off a partly written line.

The sum adds up ratios to the reference network, which ran right before and after. A machine whose
speed changes from minute to minute changes the milliseconds, and hardly the ratios.

The sum of separately timed blocks is not the latency of a network, which runs them back to back.
So some networks are measured whole, and a straight line through them corrects the sums. It gives a
ratio. The median time of the reference network beside the whole networks turns it into
milliseconds.
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
"""Version of the format; tables with a higher version are rejected."""

FITTED_NETWORKS = 20
"""Number of whole networks, counted from number 0, to which the line is fitted."""

NEAR = 0.02
"""Relative distance from the line beyond which a network gets less weight."""


class Whole(NamedTuple):
    """Latency of a network measured whole, and the sum of its blocks' ratios."""

    ms: float
    ratio: float
    sum: float


class Line(NamedTuple):
    """A line from the sum of a network's block ratios to its milliseconds."""

    constant: float
    slope: float

    def at(self, ratios: float) -> float:
        """Return the milliseconds for a sum of ratios."""
        return self.constant + self.slope * ratios


class Table:
    """Measured blocks and networks.

    Attributes:
        path: the file.
        header: its first line.
        ratios: latencies of blocks relative to the reference network, by block key.
        networks: networks measured whole, by number.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self.path = path
        self.header = header
        self.ratios: dict[str, float] = {}
        self.networks: dict[int, Whole] = {}

    @property
    def command(self) -> str:
        """Command that resumes filling the table."""
        return f"nasframe-latency --table {self.path} {self.header['options']}"

    @property
    def reference_ms(self) -> float:
        """Median milliseconds of the reference network beside the networks measured whole."""
        return median(whole.ms / whole.ratio for whole in self.networks.values())

    def take(self, line: Mapping[str, Any]) -> None:
        """Add the block or network of a line."""
        if "block" in line:
            self.ratios[line["block"]] = line["ratio"]
        else:
            whole = Whole(line["ms"], line["ratio"], line["sum"])
            self.networks[line["network"]] = whole

    def sum(self, keys: Iterable[str]) -> float:
        """Add up the ratios of blocks.

        Raises:
            LookupError: if the table lacks a block; names it.
        """
        try:
            return sum(self.ratios[key] for key in keys)
        except KeyError as error:
            raise LookupError(f"no latency of the block {error}") from None

    def line(self) -> Line:
        """Fit the line to the first networks measured whole, with soft-L1 loss on relative errors.

        Raises:
            NasframeError: if some are not measured yet.
        """
        from scipy.optimize import least_squares

        if not set(range(FITTED_NETWORKS)) <= set(self.networks):
            raise NasframeError(f"{self.path} is not finished; resume it with: {self.command}")
        wholes = [self.networks[number] for number in range(FITTED_NETWORKS)]

        def compute_errors(line: tuple[float, float]) -> list[float]:
            return [Line(*line).at(whole.sum) / whole.ratio - 1 for whole in wholes]

        solution = least_squares(compute_errors, (0.0, 1.0), loss="soft_l1", f_scale=NEAR).x
        return Line(*(self.reference_ms * float(number) for number in solution))

    def check(self, space: SearchSpace, task: TaskShape) -> None:
        """Check that the table is for the networks of a space and task.

        Raises:
            NasframeError: if it is for others; names the difference.
        """
        for name, wanted in describe_networks(space, task).items():
            if (stored := self.header[name]) != wanted:
                if isinstance(wanted, list):
                    pairs = zip_longest(stored, wanted)
                    stored, wanted = next(pair for pair in pairs if pair[0] != pair[1])
                raise NasframeError(
                    f"{self.path} is for other networks ({self.header['options']}): "
                    f"{name}={stored!r}, and this study has {wanted!r}"
                )


def describe_networks(space: SearchSpace, task: TaskShape) -> dict[str, Any]:
    """Describe the networks of a space and task: input, outputs, blocks of the first network.

    Raises:
        NasframeError: if the networks are not chains of blocks.
    """
    first = space.blocks(Architecture((0,) * len(space.choices)), task)
    if first is None:
        raise NasframeError("the networks of this search space are not chains of blocks")
    return {
        "input": "x".join(map(str, task.input_shape)),
        "outputs": task.outputs,
        "blocks": [block.key for block in first],
    }


def read_table(path: Path) -> Table:
    """Read a table, without an incomplete last line.

    Raises:
        NasframeError: if it is missing, a line is damaged, or a newer nasframe wrote it.
    """
    try:
        first, *lines = path.read_bytes().split(b"\n")[:-1] or [b""]
    except OSError as error:
        raise NasframeError(
            f"no table of blocks in {path}: {error.strerror}; write it with: "
            f"nasframe-latency --table {path} --space NAME"
        ) from error
    with _name_line(path, 1):
        header = json.loads(first)
        newer = header["table"] > SCHEMA
    if newer:
        raise NasframeError(
            f"{path} was written by a newer nasframe, {header['nasframe']}: update nasframe"
        )
    table = Table(path, header)
    for number, line in enumerate(lines, 2):
        with _name_line(path, number):
            table.take(json.loads(line))
    return table


@contextmanager
def _name_line(path: Path, number: int) -> Iterator[None]:
    """Name the file and line in errors of the block."""
    try:
        yield
    except (ValueError, TypeError, LookupError) as error:
        raise NasframeError(f"{path}, line {number}, is not a line of a table of blocks") from error
