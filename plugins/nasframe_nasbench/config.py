"""Settings of the tables: what is searched, and what is looked up."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from nasframe import EvaluatorConfig, NasframeError, SearchSpaceConfig, setting
from nasframe_nasbench.space import CELLS, FILTERS

if TYPE_CHECKING:
    from nasframe import Evaluator, SearchSpace, Task


class Data(StrEnum):
    """The data sets on which the accuracies were reached."""

    cifar10 = "cifar10"
    cifar100 = "cifar100"


# Written as a call, since the words of the benchmark are no names for Python.
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
"""The devices on which latencies were measured."""


@dataclass(kw_only=True)
class NASBench201Config(SearchSpaceConfig):
    """The NAS-Bench-201 space: a cell of four nodes, one of five operations on each of six edges.

    Attributes:
        cells: cells in each of the three stages (the paper's N).
        filters: channels in the first stage; each later stage has twice as many.
    """

    cells: int = setting(CELLS, least=1)
    filters: int = setting(FILTERS, least=1)

    def build(self) -> SearchSpace:
        """Make the search space."""
        from nasframe_nasbench.space import NASBench201Space

        return NASBench201Space(self.cells, self.filters)


@dataclass(kw_only=True)
class NASBench201LookUpConfig(EvaluatorConfig):
    """Looks accuracy, size and measured latency up in NAS-Bench-201; the task does not matter.

    Accuracies are those after 200 epochs, the mean over the benchmark's seeds. Parameters, MACs
    and latency are those of the network for CIFAR-10. The 341 cells that do not join their input
    to their output are in it, too: they guess, and a phone runs them in almost no time.

    Attributes:
        data: on which the accuracies were reached, ``cifar10`` or ``cifar100``.
        device: where the latency was measured: a phone (``pixel3``), a Raspberry Pi (``raspi4``),
            a server's processor (``gold_6226``, ``silver_4114``), or a GTX 1080 Ti with batches of
            1, 32 or 256 images (``1080ti_1``, ``1080ti_32``, ``1080ti_256``).
    """

    data: Data = Data.cifar10
    device: Device = Device.pixel3

    def build(self, space: SearchSpace, task: Task) -> Evaluator:
        """Make the evaluator.

        Raises:
            NasframeError: if the table does not hold the space's networks.
        """
        from nasframe_nasbench.look_up import NASBench201LookUp

        return NASBench201LookUp(space, self.data.value, self.device.value)


@dataclass(kw_only=True)
class TableConfig(SearchSpaceConfig):
    """The rows of a table as architectures, for ``evaluator=table``; there are no networks.

    Attributes:
        path: a ``.csv`` file whose first line names the columns, or an ``.npz`` file of NumPy whose
            arrays are the columns; those of more than one dimension are passed over.
        choices: the columns that say which architecture a row is about; the options of each are its
            different values, sorted. Every other column of numbers is a metric.
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
        """Read the table, and make the search space."""
        from nasframe_nasbench.table_space import TableSpace

        return TableSpace(Path(self.path).expanduser(), self.choices)


@dataclass(kw_only=True)
class TableLookUpConfig(EvaluatorConfig):
    """Looks an architecture of ``search_space=table`` up; one that has no row is a failed trial."""

    def build(self, space: SearchSpace, task: Task) -> Evaluator:
        """Make the evaluator; the task does not matter.

        Raises:
            NasframeError: if the space is not a table.
        """
        from nasframe_nasbench.table_space import TableLookUp

        return TableLookUp(space)
