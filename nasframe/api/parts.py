"""The abstract class of each kind of part: what it must do."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nasframe.api.drawing import Drawing, draw_choices

if TYPE_CHECKING:
    import torch
    from torch import nn

    from nasframe.api.types import (
        Architecture,
        Block,
        Choice,
        Context,
        Exportable,
        Metrics,
        Proposal,
        Report,
        Result,
        Step,
        TaskShape,
        Trial,
    )


class SearchSpace(ABC):
    """An ordered list of choices, and the way from an architecture to a network.

    Attributes:
        choices: the decisions, in the order in which a controller makes them.
        kinds: the kinds of task that its networks fit.
    """

    choices: tuple[Choice, ...]
    kinds: tuple[str, ...]

    @abstractmethod
    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        """Build the untrained network; its weights come from torch's global generator.

        A network for images maps x_NCHW to logits (N, outputs). In training it may return
        ``(logits, auxiliary_logits)``; the second loss is multiplied by the network's attribute
        ``auxiliary_weight``. A network for token sequences maps (x_TB, state) to
        (logits (T, B, outputs), state); the first state is ``None``, and a state is a tensor or a
        tuple of states. Before each training step, the attribute ``training_progress`` of every
        module that has one is set to the share of steps already made, from 0 to below 1.

        A network may have two more attributes, tuples of prefixes of weight names:
        ``training_only_prefixes`` for modules that only training needs, such as an auxiliary
        classifier; a weight file may lack them, and in a backbone they are ``None``.
        ``head_prefixes`` for weights that depend on the number of classes; they start from scratch
        when training starts from weights for other classes.
        """

    def active(self, number: int) -> int:
        """Return how many choices, from the first, proposal ``number`` decides; by default all."""
        return len(self.choices)

    def canonical(self, architecture: Architecture) -> Hashable:
        """Return a key, equal for architectures that are known to be the same network.

        Its ``repr`` seeds the child: use tuples of numbers and strings.
        """
        return architecture.tokens

    def blocks(self, architecture: Architecture, task: TaskShape) -> Sequence[Block] | None:
        """Return the network as a chain of blocks, each fed with the output of the one before.

        The meter ``table`` adds up their latencies. ``None`` if the network is not a chain.
        """
        return None

    def describe(self, architecture: Architecture) -> str:
        """Return the architecture as one line of text."""
        return ", ".join(f"{k}={v}" for k, v in architecture.named(self.choices).items())

    def draw(self, architecture: Architecture) -> Drawing:
        """Return the drawing of the architecture; by default a list of the chosen options."""
        return draw_choices(self.choices, architecture.tokens)

    @property
    def size(self) -> int:
        """The number of architectures with every choice active."""
        return math.prod(len(choice.options) for choice in self.choices)


class Task(ABC):
    """Data and a question about them.

    Shapes are known at once; the data are read on first use. A batch is whatever the task's own
    ``loss`` and ``tally`` accept: ``(x_NCHW, y_N)`` for images.

    Attributes:
        kind: ``image``, ``sequence`` or ``detection``.
        input_shape: the shape of one input, without the batch.
        outputs: the number of output values of the network.
        provides: the names of the metrics that ``metrics`` returns.
        data_config: the preparation of inputs, with timm's keys: ``input_size``, ``mean``, ``std``.
        label_smoothing: the share of a label that ``loss`` spreads over all classes, set by the
            training; ``None`` for tasks without classes.
    """

    kind: str
    input_shape: tuple[int, ...]
    outputs: int
    provides: tuple[str, ...]
    label_smoothing: float | None = None

    @property
    @abstractmethod
    def data_config(self) -> Mapping[str, Any]:
        """The preparation of inputs, in plain values; may read the data."""

    def fingerprint(self) -> str | None:
        """Return a text that changes with the data, such as a digest.

        May read the data. ``None`` disables the cache.
        """
        return None

    @abstractmethod
    def train_batches(
        self, batch_size: int, device: torch.device, generator: torch.Generator
    ) -> Iterable[Any]:
        """Yield an epoch of batches on ``device``, shuffled and augmented by ``generator``."""

    @abstractmethod
    def train_steps(self, batch_size: int) -> int:
        """Return the number of batches in an epoch."""

    def train_examples(self) -> int:
        """Return the inputs in a training epoch, for the metric ``samples_per_second``."""
        return self.train_steps(batch_size=1)

    @abstractmethod
    def example(self) -> tuple[Any, ...]:
        """Return arguments for a network: one input of zeros, on torch's default device."""

    @abstractmethod
    def validation_batches(self, batch_size: int, device: torch.device) -> Iterable[Any]:
        """Yield all validation batches on ``device``, in a fixed order, without augmentation."""

    def test_batches(self, batch_size: int, device: torch.device) -> Iterable[Any] | None:
        """Return all test batches, prepared as in validation; ``None`` without a test set.

        A search never reads them. The final network is tested on them once.
        """
        return None

    @abstractmethod
    def loss(self, module: nn.Module, batch: Any, state: Any) -> tuple[torch.Tensor, Any]:
        """Return the mean training loss of a batch, and the state for the next batch."""

    @abstractmethod
    def tally(self, module: nn.Module, batch: Any, state: Any) -> tuple[Any, Any]:
        """Return a validation batch's contribution to the metrics, and the state for the next one.

        Contributions are added with ``+`` over batches: a float tensor of sums; or a list with an
        item for each input, where a metric needs them all.
        """

    @abstractmethod
    def metrics(self, tally: Sequence[Any]) -> dict[str, float]:
        """Compute the metrics of an epoch from the added contributions of its batches."""


class Controller(ABC):
    """Proposes architectures and learns from their rewards.

    ``ask`` changes nothing and draws from generators seeded by the study's seed and the numbers;
    ``tell`` is the only change, and deterministic: replaying all trials restores a controller.

    Attributes:
        batch: the preferred number of proposals per request.
    """

    batch: int

    @abstractmethod
    def ask(self, numbers: Sequence[int]) -> list[Proposal]:
        """Propose one architecture for each number."""

    @abstractmethod
    def tell(self, trials: Sequence[Trial]) -> None:
        """Learn from trials, by their state.

        A trained or stopped trial counts by its reward. A rejected trial has none and ranks below
        every trained one, whatever the sign and scale of rewards; before the first trained trial it
        teaches nothing. Any other trial without a reward teaches nothing.
        """

    def argmax(self, number: int) -> tuple[int, ...] | None:
        """Return the tokens that the policy holds most probable, for proposal ``number``.

        Each choice is the most probable one given the choices before it. ``None`` without a policy.
        """
        return None


class Objective(ABC):
    """Computes one reward from an architecture's metrics; higher is better.

    Attributes:
        needs: the names of the metrics that it reads.
        limits: the needed metrics that ``rejects`` reads.
        targets: maximum values of needed metrics; the user is warned when no network meets them.
        in_points: whether the reward is a share, such as an accuracy: 0.01 is a point.
    """

    needs: tuple[str, ...]
    limits: tuple[str, ...] = ()
    targets: Mapping[str, float] = MappingProxyType({})
    in_points: bool = False

    @abstractmethod
    def score(self, metrics: Metrics) -> float:
        """Compute the reward."""

    def rejects(self, metrics: Metrics) -> str | None:
        """Return why a network with these metrics is rejected, or ``None`` to accept it.

        Called with the meters' metrics of the untrained network, which is then not trained, and
        again with all metrics before ``score``. A rejected network has no reward.
        """
        return None


class Evaluator(ABC):
    """Turns an architecture into metrics: by training a child, or by looking it up.

    Attributes:
        provides: the names of the metrics that it returns.
        reports: the metrics that it reports after each epoch; empty if it does not report.
        epochs: the number of epochs of a complete training.
    """

    provides: tuple[str, ...]
    reports: tuple[str, ...] = ()
    epochs: int = 0

    def prepare(self) -> None:  # noqa: B027
        """Prepare the first evaluation: import heavy packages, read the data.

        Called once in the process that evaluates, not in the driver. Errors are ignored here; they
        surface in the first evaluation.
        """

    def fingerprint(self) -> str | None:
        """Return what its metrics depend on beside settings, data and versions, such as the device.

        Called in the process that evaluates. ``None`` disables the cache.
        """
        return None

    @abstractmethod
    def evaluate(self, architecture: Architecture, context: Context) -> Metrics:
        """Measure the architecture.

        An exception fails the trial. A ``NasframeError`` ends the study: the configuration or the
        data are at fault.
        """


class Meter(ABC):
    """A source of metrics that needs no training.

    Attributes:
        provides: the names of the metrics that it returns.
        device: the name of its device; ``None`` if its metrics do not depend on one. A study uses
            one device per meter, since metrics of two devices cannot be compared.
    """

    provides: tuple[str, ...]
    device: str | None = None

    @abstractmethod
    def measure(self, architecture: Architecture, context: Context) -> Metrics:
        """Measure the untrained network; an exception fails the trial."""


class Stopper(ABC):
    """Ends the training of unpromising children early.

    It lives in the driver and is asked about each report in the order of arrival, which is
    arbitrary among concurrent children; its answers are journaled. A resumed study asks it all of
    this again: answers must depend only on earlier questions.

    Attributes:
        fails: whether a stopped child has no reward; else it has the objective's value for the
            epoch that it reached.
    """

    fails: bool = False

    @abstractmethod
    def decide(self, number: int, epoch: int, reward: float, metrics: Metrics) -> bool:
        """Return whether a child continues; not called after the last epoch.

        Args:
            number: of the trial.
            epoch: the epoch that has just ended, from 1; the child waits for the answer.
            reward: the objective's value for the child as it is.
            metrics: the child's report.
        """


class Executor(ABC):
    """Runs evaluations. Numbers, steps and tokens go in; plain values come out."""

    @property
    @abstractmethod
    def capacity(self) -> int:
        """The number of steps that can run at the same time, now: at least one."""

    @abstractmethod
    def submit(self, number: int, step: Step, tokens: tuple[int, ...]) -> None:
        """Start a step of a trial."""

    @abstractmethod
    def wait(self) -> list[Report | Result]:
        """Block until a running step reports or ends, or ``capacity`` grows.

        The list may be empty in the last case.
        """

    @abstractmethod
    def reply(self, number: int, go_on: bool) -> None:
        """Answer a ``Report``: whether the child continues."""

    @abstractmethod
    def cancel(self, number: int) -> None:
        """End a running step as soon as possible; its result is dropped."""

    @abstractmethod
    def close(self) -> None:
        """End all running steps and release all resources."""


class Exporter(ABC):
    """Writes a trained network into files, and opens such files to run them.

    It writes to given paths. The core then compares the outputs of the opened files with the
    network's on random inputs, and moves the files into place only if they agree.

    Attributes:
        suffixes: the suffix of each file that it writes, the main file first, such as ``.onnx``.
        kinds: the kinds of task whose networks it can write.
    """

    suffixes: tuple[str, ...]
    kinds: tuple[str, ...] = ("image",)

    def refuses(self, network: Exportable) -> str | None:
        """Return, in one line, why it cannot write this network, or ``None`` if it can."""
        return None

    @abstractmethod
    def write(self, network: Exportable, paths: Sequence[Path]) -> None:
        """Write the files.

        Args:
            network: the network to write.
            paths: one for each of ``suffixes``, in an empty folder; their names are final.
        """

    @abstractmethod
    def open(self, network: Exportable, paths: Sequence[Path]) -> Callable[..., torch.Tensor]:
        """Open the written files.

        Args:
            network: for what the files lack, such as the layers of ``state_dict``. Its weights must
                not be used.
            paths: the files from ``write``.

        Returns:
            A function from the network's arguments, for any batch size, to the files' logits.
        """

    def remarks(self, network: Exportable) -> Sequence[str]:
        """Return lines for the user once the files are in place, such as a latency."""
        return ()


class Logger(ABC):
    """Writes the curves of one run: rows of numbers, each with its step.

    A run is a study, with a row for each trial, or the training of one network, with a row for
    each epoch. An interrupted or killed run is resumed by a logger with the same settings and
    folder, and stays one run. A logger that raises is dropped with a single note; the study or the
    training continues.
    """

    @abstractmethod
    def start(self, settings: Mapping[str, Any]) -> int:
        """Open the run.

        Args:
            settings: of the study or the training, by ``group.name``, in plain values; for a new
                run.

        Returns:
            The last step that the run already has, or 0 for a new or rewritten run. All rows with
            later steps follow, in the order of steps.
        """

    @abstractmethod
    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write a row.

        Args:
            step: from 1, larger than in the row before.
            values: finite numbers by name; rows may have different names.
        """

    def close(self) -> None:  # noqa: B027
        """End the run; it may be resumed later. Called only after ``start``."""
