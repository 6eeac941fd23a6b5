"""The plain, immutable values that the parts of a study exchange."""

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
"""Measurements of one architecture: numbers by name; a series has one value per epoch."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One categorical decision of a search space.

    Args:
        name: unique in its space, for example ``normal.block0.left_op``.
        options: the alternatives; a token is an index into them.
    """

    name: str
    options: tuple[Any, ...]

    def __post_init__(self) -> None:
        if not self.options:
            raise NasframeError(f"choice {self.name!r} has no options")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link(Choice):
    """A yes-or-no choice: whether the output of an earlier part is an input of a later part.

    A part has an *anchor*: the number of choices before it. The links of one target stand together,
    at its anchor, in the order of their sources. None is conditioned on another, so all are drawn
    in one step (Zoph & Le 2017, 3.3).

    Args:
        source: the anchor of the earlier part.
        target: the anchor of the later part: the index of the first of its links.
    """

    options: tuple[Any, ...] = field(default=(False, True), init=False)
    source: int
    target: int


@dataclass(frozen=True, slots=True)
class Architecture:
    """A point of a search space: for each active choice the index of its option."""

    tokens: tuple[int, ...]

    @property
    def key(self) -> str:
        """The tokens as text, ``3-0-1``: the form for command lines."""
        return "-".join(map(str, self.tokens))

    def named(self, choices: Sequence[Choice]) -> dict[str, Any]:
        """Return the chosen options by the names of their choices."""
        return {
            choice.name: choice.options[token]
            for choice, token in zip(choices, self.tokens, strict=False)
        }


@dataclass(frozen=True, slots=True)
class Proposal:
    """A controller's request: tokens, and numbers to be returned with the result."""

    tokens: tuple[int, ...]
    info: Mapping[str, float] = field(default_factory=dict)


class TrialState(StrEnum):
    """The outcome of a trial.

    Attributes:
        TRAINED: trained to its end; it has a reward.
        STOPPED: ended early by the stopper; it has a reward unless the stopper ``fails`` it. It
            never counts as a failure.
        REJECTED: refused by the objective; it has no reward and ranks below every trained trial.
        FAILED: it raised an error, or a metric or its reward is not a finite number.
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
        info: numbers from the controller's proposal; empty for an enqueued architecture.
        metrics: the results of meters and evaluator.
        reward: the objective's value; ``None`` if the trial failed, was rejected, or was stopped
            by a stopper that fails what it stops.
        seconds: how long measuring and training took.
        error: why the trial failed.
        rejected: why the objective refused it.
        duplicate_of: the number of the earlier proposal whose metrics these are.
        devices: the device of each meter whose metrics depend on one.
        stopped: the epoch after which the stopper ended it, or ``None``.
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
        """The outcome, once it is over; a duplicate has the state of the first trial."""
        if self.rejected is not None:
            return TrialState.REJECTED
        if self.stopped is not None:
            return TrialState.STOPPED
        return TrialState.FAILED if self.reward is None else TrialState.TRAINED


class TaskShape(Protocol):
    """The facts of a task that a search space may know: enough to build a network."""

    @property
    def kind(self) -> str:
        """The kind of data: ``image`` or ``sequence``."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input without the batch: (channels, height, width) of an image.

        One step of a token sequence has the shape ().
        """

    @property
    def outputs(self) -> int:
        """The number of output values for each input: classes, or words of a vocabulary."""


@dataclass(frozen=True, slots=True)
class Block:
    """One link of a network that is a chain.

    Args:
        key: everything that its latency depends on, as text: operation, sizes, input shape. Blocks
            with equal keys do the same work.
        build: makes the untrained module; its input and output have a batch dimension.
        input_shape: the shape of its input without the batch.
    """

    key: str
    build: Callable[[], nn.Module]
    input_shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Context:
    """The surroundings of an evaluation, for an evaluator or a meter.

    Args:
        folder: the study's folder.
        device: the device to use: ``auto``, ``cpu``, ``cuda:1``.
        seed: the child's own seed: a stable hash of ``evaluator.seed`` and the canonical key.
        report: sends the metrics after an epoch (from 1); false means: stop now.
        cancelled: whether the child must end at once.
        weights: the file for the trained weights (safetensors), or ``None``.
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
        metrics: its results.
        seconds: how long it took.
        error: why it failed.
        fatal: whether the study must end because its configuration, data or disk is at fault.
        devices: the device of each meter whose metrics depend on one.
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
    """A trained network to be exported.

    Attributes:
        name: of letters, digits and ``_.+-`` only, since it appears in files.
        network: in evaluation mode, on the CPU.
        kind: of its task.
        data_config: the preparation of inputs in plain values; see ``Task.data_config``.
        example: arguments of the network: two random inputs. For images x_NCHW; for sequences
            x_TB and ``None``, the first state.
        weights: the file that it was read from, if any.
    """

    name: str
    network: nn.Module
    kind: str
    data_config: Mapping[str, Any]
    example: tuple[Any, ...]
    weights: Path | None = None
