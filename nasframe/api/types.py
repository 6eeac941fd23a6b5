"""What passes between the parts of a study: plain, immutable values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from nasframe.errors import NasframeError

if TYPE_CHECKING:
    from torch import nn


Metrics: TypeAlias = Mapping[str, float | tuple[float, ...]]
"""What is known of one architecture: numbers by name; a series has one value an epoch."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One categorical decision of a search space.

    Args:
        name: what is decided, unique in its space, for example ``normal.block0.left_op``.
        options: what can be chosen; a token is an index into it.
    """

    name: str
    options: tuple[Any, ...]

    def __post_init__(self) -> None:
        if not self.options:
            raise NasframeError(f"choice {self.name!r} has no options")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link(Choice):
    """One yes or no: whether what an earlier part of the network gives is fed to a later part.

    A part has an *anchor*: a place in the list of choices, told by how many choices stand before
    it. The links of one target stand together, at its anchor, in the order of their sources;
    none of them is conditioned on another, so that all are drawn in one step (Zoph & Le 2017, 3.3).

    Args:
        source: the anchor of the earlier part.
        target: the anchor of the later part: the index of the first of its links.
    """

    options: tuple[Any, ...] = field(default=(False, True), init=False)
    source: int
    target: int


@dataclass(frozen=True, slots=True)
class Architecture:
    """A point of a search space: the index of the chosen option, for each active choice."""

    tokens: tuple[int, ...]

    @property
    def key(self) -> str:
        """The tokens as text, ``3-0-1``: how people name an architecture on a command line."""
        return "-".join(map(str, self.tokens))

    def named(self, choices: Sequence[Choice]) -> dict[str, Any]:
        """The chosen options by the names of their choices."""
        return {
            choice.name: choice.options[token]
            for choice, token in zip(choices, self.tokens, strict=False)
        }


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a controller asked for: tokens, and numbers that it wants back with the result."""

    tokens: tuple[int, ...]
    info: Mapping[str, float] = field(default_factory=dict)


class TrialState(StrEnum):
    """What became of a trial: its network was trained, or why it was not trained to its end.

    Attributes:
        TRAINED: trained to its end; it has a reward.
        STOPPED: ended early by the stopper; it has a reward unless the stopper ``fails`` it, and
            is no failure in either case.
        REJECTED: refused by the objective; it has no reward and ranks below all that have one.
        FAILED: it raised an error, or has metrics or a reward that are no finite numbers.
    """

    TRAINED = "trained"
    STOPPED = "stopped"
    REJECTED = "rejected"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Trial:
    """A proposal with its result.

    Args:
        number: the proposal's number, from 0, in the order of asking.
        architecture: what was evaluated.
        info: the numbers that the controller gave with its proposal; empty if a user enqueued it.
        metrics: what meters and evaluator measured.
        reward: what the objective made of the metrics; ``None`` if the trial failed, was rejected,
            or was stopped by a stopper that fails what it stops.
        seconds: how long measuring and training took.
        error: why the trial failed.
        rejected: why the objective refused it.
        duplicate_of: the number of the earlier proposal whose metrics these are.
        devices: where its meters measured, by meter; of those alone whose metrics depend on it.
        stopped: after which epoch the stopper has ended it; ``None`` if it has not.
        cached: whether the evaluator's metrics come from a cache.
    """

    number: int
    architecture: Architecture
    info: Mapping[str, float] = field(default_factory=dict)
    metrics: Metrics = field(default_factory=dict)
    reward: float | None = None
    seconds: float = 0.0
    error: str | None = None
    rejected: str | None = None
    duplicate_of: int | None = None
    devices: Mapping[str, str] = field(default_factory=dict)
    stopped: int | None = None
    cached: bool = False

    @property
    def state(self) -> TrialState:
        """What became of it, once it is over; a duplicate has the state of the first one."""
        if self.rejected is not None:
            return TrialState.REJECTED
        if self.stopped is not None:
            return TrialState.STOPPED
        return TrialState.FAILED if self.reward is None else TrialState.TRAINED


class TaskShape(Protocol):
    """All that a search space may know of a task: enough to build a network for it."""

    @property
    def kind(self) -> str:
        """What the data are: ``image`` or ``sequence``."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input without the batch: (channels, height, width) of an image.

        A step of a sequence of tokens has the shape ().
        """

    @property
    def outputs(self) -> int:
        """How many values the network gives for each input: classes, or words of a vocabulary."""


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a network that is a chain of such parts.

    Args:
        key: all that its latency depends on, in words: its operation and sizes, and the shape of
            its input. Blocks of equal keys do the same work.
        build: makes it, untrained, with a batch before its input and output.
        input_shape: the shape of its input without the batch.
    """

    key: str
    build: Callable[[], nn.Module]
    input_shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Context:
    """What an evaluator or a meter is given beside the architecture.

    Args:
        folder: the study's folder.
        device: where to work: ``auto``, ``cpu``, ``cuda:1``.
        seed: the child's own seed: a stable hash of ``evaluator.seed`` and the canonical key.
        report: tell the metrics reached after an epoch (from 1); false means: stop now.
        cancelled: whether the study wants the child to end at once.
        weights: where to leave the trained weights (safetensors), or ``None``.
    """

    folder: Path
    device: str
    seed: int
    report: Callable[[int, Metrics], bool]
    cancelled: Callable[[], bool]
    weights: Path | None = None


class Step(StrEnum):
    """The two steps of a trial: meters on the untrained network, then the evaluator."""

    MEASURE = "measure"
    TRAIN = "train"


@dataclass(frozen=True, slots=True)
class Report:
    """A child's metrics after an epoch; the child waits for ``Executor.reply``."""

    number: int
    epoch: int
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Result:
    """The end of one step of a trial: metrics, or the error.

    Args:
        number: of the trial.
        step: which step ended.
        metrics: what it measured.
        seconds: how long it took.
        error: why it failed.
        fatal: whether the study must end, as its configuration, data or disk is at fault.
        devices: where meters measured, by meter; of those alone whose metrics depend on it.
        cached: whether the metrics come from a cache.
    """

    number: int
    step: Step
    metrics: Metrics
    seconds: float
    error: str | None = None
    fatal: bool = False
    devices: Mapping[str, str] = field(default_factory=dict)
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Exportable:
    """A trained network that is written into a file.

    Attributes:
        name: what it is called; of letters, digits and ``_.+-`` only, as it stands in files.
        network: in evaluation mode, on the CPU.
        kind: of the task that it was trained on.
        data_config: how inputs are prepared, in plain values; see ``Task.data_config``.
        example: arguments of the network: two random inputs. For images x_NCHW; for sequences
            x_TB and ``None``, the first state.
        weights: the file from which it was read, if there is one.
    """

    name: str
    network: nn.Module
    kind: str
    data_config: Mapping[str, Any]
    example: tuple[Any, ...]
    weights: Path | None = None
