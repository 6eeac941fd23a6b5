"""Settings of tables: search spaces and evaluators."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from nasframe import EvaluatorConfig, NasframeError, SearchSpaceConfig, setting
from nasframe_nasbench.space import STAGE_CELLS, STAGE_FILTERS

if TYPE_CHECKING:
    from nasframe import Evaluator, SearchSpace, Task


class Data(StrEnum):
    """The data sets of the accuracies."""

    cifar10 = "cifar10"
    cifar100 = "cifar100"


# Written as a call, since some names of the benchmark are not valid in Python.
Device = StrEnum(
    "Device",
    [
        "pixel3",
        "raspi4",
        "gold_6226",
        "silver_4114",
        "1080ti_1",
        "1080ti_32",
        "1080ti_256",
    ],
)
"""The devices of the measured latencies."""


@dataclass(kw_only=True)
class NASBench201Config(SearchSpaceConfig):
    """The NAS-Bench-201 space: cells of four nodes, with one of five operations on each edge.

    Attributes:
        cells: cells in each of the three stages (the paper's N).
        filters: channels in the first stage; each later stage has twice as many.
    """

    cells: int = setting(STAGE_CELLS, least=1)
    filters: int = setting(STAGE_FILTERS, least=1)

    def build(self) -> SearchSpace:
        """Make the search space."""
        from nasframe_nasbench.space import NASBench201Space

        return NASBench201Space(self.cells, self.filters)


@dataclass(kw_only=True)
class NASBench201LookUpConfig(EvaluatorConfig):
    """Looks up accuracy, size and measured latency in NAS-Bench-201, whatever the task.

    Accuracies are after 200 epochs, averaged over the benchmark's seeds. Parameters, MACs and
    latency are for the CIFAR-10 network. The table includes the 341 cells without a path from input
    to output: their accuracies are chance, and their latencies on phones near zero.

    Attributes:
        data: the data set of the accuracies, ``cifar10`` or ``cifar100``.
        device: the device of the latency: a phone (``pixel3``), a Raspberry Pi (``raspi4``), a
            server's processor (``gold_6226``, ``silver_4114``), or a GTX 1080 Ti with batches of 1,
            32 or 256 images (``1080ti_1``, ``1080ti_32``, ``1080ti_256``).
    """

    data: Data = Data.cifar10
    device: Device = Device.pixel3

    def build(self, space: SearchSpace, task: Task) -> Evaluator:
        """Make the evaluator.

        Raises:
            NasframeError: if the table does not contain the space's networks.
        """
        from nasframe_nasbench.look_up import NASBench201LookUp

        return NASBench201LookUp(space, self.data.value, self.device.value)


@dataclass(kw_only=True)
class TableConfig(SearchSpaceConfig):
    """The rows of a table as architectures, for ``evaluator=table``; there are no networks.

    Attributes:
        path: a ``.csv`` file with column names in its first line, or an ``.npz`` file of NumPy with
            columns as arrays; arrays with more than one dimension are ignored.
        choices: the columns that identify the architecture of a row; their options are their
            sorted distinct values. All other columns of numbers are metrics.
    """

    path: Path = setting(MISSING)
    choices: list[str] = setting(MISSING)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.choices or len(set(self.choices)) < len(self.choices):
            raise NasframeError(
                f"search_space.choices={self.choices}: must name columns of the table, each once"
            )

    def build(self) -> SearchSpace:
        """Read the table and make the search space."""
        from nasframe_nasbench.table_space import TableSpace

        return TableSpace(Path(self.path).expanduser(), self.choices)


@dataclass(kw_only=True)
class TableLookUpConfig(EvaluatorConfig):
    """Looks up architectures of ``search_space=table``; a missing row is a failed trial."""

    def build(self, space: SearchSpace, task: Task) -> Evaluator:
        """Make the evaluator, whatever the task.

        Raises:
            NasframeError: if the space is not a table.
        """
        from nasframe_nasbench.table_space import TableLookUp

        return TableLookUp(space)
