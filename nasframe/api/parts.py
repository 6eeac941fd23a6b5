"""What each part of a study promises: one abstract class for each kind."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nasframe.api.drawing import Drawing, listed

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
        choices: the decisions in the order in which a controller makes them.
        kinds: the kinds of task that its networks fit.
    """

    choices: tuple[Choice, ...]
    kinds: tuple[str, ...]

    @abstractmethod
    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        """Make the untrained network; its weights come from torch's global generator.

        A network for images maps x_NCHW to logits (N, outputs). In training it may return
        ``(logits, auxiliary_logits)``: the loss of the second counts ``auxiliary_weight``, an
        attribute of the network, times. A network for sequences of tokens maps (x_TB, state) to
        (logits (T, B, outputs), state); its first state is ``None``, and a state is a tensor or a
        tuple of states. A module in it that has the attribute ``training_progress`` is told there,
        before each training step, which part of all the steps was made: from 0 to below 1.

        A network may have two more attributes, tuples of beginnings of the names of weights:
        ``training_only_prefixes`` of modules that only training needs, such as an auxiliary
        classifier, which a file of weights may lack, and which is ``None`` in a backbone; and
        ``head_prefixes`` of weights that depend on the number of classes, and start anew in a
        training from weights of other classes.
        """

    def active(self, number: int) -> int:
        """How many choices, from the first, are decided for proposal ``number``: all of them."""
        return len(self.choices)

    def canonical(self, architecture: Architecture) -> Hashable:
        """A key that architectures share when they are known to be the same network.

        Children are seeded by its ``repr``: use tuples of numbers and strings.
        """
        return architecture.tokens

    def blocks(self, architecture: Architecture, task: TaskShape) -> Sequence[Block] | None:
        """The network as a chain of blocks, of which each is called with what the last one gave.

        Of them latencies are put together, see the meter ``table``. ``None`` if it is no chain.
        """
        return None

    def describe(self, architecture: Architecture) -> str:
        """The architecture in words, on one line."""
        return ", ".join(f"{k}={v}" for k, v in architecture.named(self.choices).items())

    def draw(self, architecture: Architecture) -> Drawing:
        """What a picture of the architecture shows; by default a list of what was chosen."""
        return listed(self.choices, architecture.tokens)

    @property
    def size(self) -> int:
        """The number of architectures with every choice active."""
        return math.prod(len(choice.options) for choice in self.choices)


class Task(ABC):
    """Data, and what is asked of it.

    Shapes are known at once; the data are read on first use. A batch is whatever the task's own
    ``loss`` and ``tally`` understand: ``(x_NCHW, y_N)`` for images.

    Attributes:
        kind: ``image``, ``sequence`` or ``detection``.
        input_shape: the shape of one input, without the batch.
        outputs: how many values the network gives.
        provides: the names of the metrics that ``metrics`` returns.
        data_config: how inputs are prepared, in timm's words: ``input_size``, ``mean``, ``std``.
        label_smoothing: the share of a label that ``loss`` spreads over all classes, set by who
            trains; ``None`` where there are no classes.
    """

    kind: str
    input_shape: tuple[int, ...]
    outputs: int
    provides: tuple[str, ...]
    label_smoothing: float | None = None

    @property
    @abstractmethod
    def data_config(self) -> Mapping[str, Any]:
        """How inputs are prepared, in plain values (may read the data)."""

    def fingerprint(self) -> str | None:
        """A text that is another one if the data are, such as a digest of them.

        It may read the data. ``None`` if there is none: metrics are then put into no cache.
        """
        return None

    @abstractmethod
    def train_batches(
        self, batch_size: int, device: torch.device, generator: torch.Generator
    ) -> Iterable[Any]:
        """One epoch of training batches on ``device``, shuffled and augmented by ``generator``."""

    @abstractmethod
    def train_steps(self, batch_size: int) -> int:
        """How many batches an epoch has."""

    def train_examples(self) -> int:
        """How many inputs an epoch of training reads, for the metric ``samples_per_second``."""
        return self.train_steps(batch_size=1)

    @abstractmethod
    def example(self) -> tuple[Any, ...]:
        """Arguments with which a network can be called: one input of zeros, on torch's device."""

    @abstractmethod
    def validation_batches(self, batch_size: int, device: torch.device) -> Iterable[Any]:
        """All validation batches on ``device``, in a fixed order, not augmented."""

    def test_batches(self, batch_size: int, device: torch.device) -> Iterable[Any] | None:
        """All test batches, like those of validation; ``None`` if there is no test set.

        A search never reads them: they tell how good the final network is, once.
        """
        return None

    @abstractmethod
    def loss(self, module: nn.Module, batch: Any, state: Any) -> tuple[torch.Tensor, Any]:
        """The mean training loss of one batch, and the state to carry to the next one."""

    @abstractmethod
    def tally(self, module: nn.Module, batch: Any, state: Any) -> tuple[Any, Any]:
        """What one validation batch gives to the metrics, and the state to carry to the next one.

        The first is what ``+`` adds up over batches: sums, as one float tensor; or a list with an
        item for each input, where a metric needs them all.
        """

    @abstractmethod
    def metrics(self, tally: Sequence[Any]) -> dict[str, float]:
        """The metrics of an epoch from the sums over its validation batches, or from the list."""


class Controller(ABC):
    """Proposes architectures and learns from their rewards.

    ``ask`` changes nothing and draws from generators seeded by the study's seed and the numbers;
    ``tell`` is the only change, and deterministic. So a controller is recovered by replay.

    Attributes:
        batch: how many proposals it likes to be asked for at once.
    """

    batch: int

    @abstractmethod
    def ask(self, numbers: Sequence[int]) -> list[Proposal]:
        """Propose one architecture for each number."""

    @abstractmethod
    def tell(self, trials: Sequence[Trial]) -> None:
        """Learn from trials, by their state.

        One that has a reward (trained, or stopped) counts by it. A rejected one has none and ranks
        below every trained one, whatever the sign and scale of their rewards; before any was
        trained it teaches nothing. Any other one without a reward teaches nothing.
        """

    def argmax(self, number: int) -> tuple[int, ...] | None:
        """The architecture that its policy holds most probable, for proposal ``number``.

        Each choice is the most probable one after those before it. ``None`` if it has no policy.
        """
        return None


class Objective(ABC):
    """Makes one reward of an architecture's metrics; higher is better.

    Attributes:
        needs: the names of the metrics that it reads.
        limits: those of them that ``rejects`` reads.
        targets: those of them that are to be at most so much, for who is told that none is.
        in_points: whether the reward is a share, as an accuracy is: a hundredth of it is a point.
    """

    needs: tuple[str, ...]
    limits: tuple[str, ...] = ()
    targets: Mapping[str, float] = MappingProxyType({})
    in_points: bool = False

    @abstractmethod
    def score(self, metrics: Metrics) -> float:
        """The reward."""

    def rejects(self, metrics: Metrics) -> str | None:
        """Why a network with these metrics is refused, or ``None`` if it is not.

        It is asked when meters have measured the untrained network, which is not trained then, and
        again with all metrics before ``score``. A refused network has no reward.
        """
        return None


class Evaluator(ABC):
    """Turns an architecture into metrics: by training a child, or by looking it up.

    Attributes:
        provides: the names of the metrics that it returns.
        reports: the names of those that it reports after each epoch; none, if it is over at once.
        epochs: after how many epochs a child has been trained to its end.
    """

    provides: tuple[str, ...]
    reports: tuple[str, ...] = ()
    epochs: int = 0

    def prepare(self) -> None:  # noqa: B027
        """Make ready for the first evaluation: import what is heavy, read the data.

        It is called once where evaluations run, and not in the driver, which starts sooner then.
        What it raises is passed over: the first evaluation tells it.
        """

    def fingerprint(self) -> str | None:
        """All that its metrics depend on beside settings, data and versions, such as the device.

        It is asked where evaluations run. ``None`` if this cannot be said, or a cache would save
        nothing: metrics are then put into none.
        """
        return None

    @abstractmethod
    def evaluate(self, architecture: Architecture, context: Context) -> Metrics:
        """Measure the architecture.

        An exception is a failed trial, but a ``NasframeError`` ends the study: it says that the
        configuration or the data are at fault.
        """


class Meter(ABC):
    """A source of metrics that needs no training.

    Attributes:
        provides: the names of the metrics that it returns.
        device: where it measures, in words; ``None`` if its metrics do not depend on it. A study
            has one device of each meter: metrics of two cannot be compared.
    """

    provides: tuple[str, ...]
    device: str | None = None

    @abstractmethod
    def measure(self, architecture: Architecture, context: Context) -> Metrics:
        """Measure the untrained network; an exception is a failed trial."""


class Stopper(ABC):
    """Ends children that are not worth the rest of their training.

    It lives in the driver. It is asked about the reports in the order in which they come, those
    of several children at once in any order, and its answers are journaled. When a study goes on
    it is asked all of that again: its answers must depend on what it was asked before alone.

    Attributes:
        fails: whether a child that it has ended is a failed trial; else its reward is what the
            objective gives for the epoch that it has reached.
    """

    fails: bool = False

    @abstractmethod
    def decide(self, number: int, epoch: int, reward: float, metrics: Metrics) -> bool:
        """Whether a child goes on; it is not asked after the last epoch.

        Args:
            number: of the trial.
            epoch: after which its child waits for an answer, from 1.
            reward: what the objective gives for the child as it is.
            metrics: what the child has reported.
        """


class Executor(ABC):
    """Where evaluations run. Only numbers, steps and tokens go in; only plain values come out."""

    @property
    @abstractmethod
    def capacity(self) -> int:
        """How many steps can run at the same time, now: at least one."""

    @abstractmethod
    def submit(self, number: int, step: Step, tokens: tuple[int, ...]) -> None:
        """Begin a step of a trial."""

    @abstractmethod
    def wait(self) -> list[Report | Result]:
        """Block until a running step has reported or ended, or until ``capacity`` has grown.

        In the last case the list may be empty.
        """

    @abstractmethod
    def reply(self, number: int, go_on: bool) -> None:
        """Answer a ``Report``: whether the child goes on."""

    @abstractmethod
    def cancel(self, number: int) -> None:
        """End a running step as soon as possible; no result of it is returned any more."""

    @abstractmethod
    def close(self) -> None:
        """End everything that runs and give all resources back."""


class Exporter(ABC):
    """Writes a trained network into files, and opens such files to run them.

    It writes where it is asked to. The core then compares the outputs of the opened files with the
    network's on random inputs, and moves the files to their places only if they agree.

    Attributes:
        suffixes: the ending of each file that it writes, the main one first, such as ``.onnx``.
        kinds: the kinds of task whose networks it can write.
    """

    suffixes: tuple[str, ...]
    kinds: tuple[str, ...] = ("image",)

    def refuses(self, network: Exportable) -> str | None:
        """Why it cannot write this network, on one line, or ``None`` if it can try."""
        return None

    @abstractmethod
    def write(self, network: Exportable, paths: Sequence[Path]) -> None:
        """Write the files.

        Args:
            network: what is written.
            paths: one for each of ``suffixes``, in a folder that is empty; their names are final.
        """

    @abstractmethod
    def open(self, network: Exportable, paths: Sequence[Path]) -> Callable[..., torch.Tensor]:
        """Read the files again.

        Args:
            network: for what the files lack: of ``state_dict`` the layers. Its weights must not
                be used.
            paths: the files that ``write`` has written.

        Returns:
            A function from the network's arguments, for any number of inputs, to the logits that
            the files give.
        """

    def remarks(self, network: Exportable) -> Sequence[str]:
        """Lines for the user once the files are in their places, such as a latency."""
        return ()


class Logger(ABC):
    """Writes the curves of one run: rows of numbers, each with its step.

    A run is a study, with a row for each trial, or the training of one network, with a row for
    each epoch. A run that was interrupted or killed is resumed by another logger of the same
    settings and folder, and stays one run. A logger that raises is left out from then on, which is
    said once; the study or the training continues.
    """

    @abstractmethod
    def start(self, settings: Mapping[str, Any]) -> int:
        """Open the run.

        Args:
            settings: those of the study or the training, by ``group.name``, in plain values; for a
                run that is new.

        Returns:
            The last step that the run has already, or 0 if it is new or is written anew: all rows
            with later steps follow, in the order of their steps.
        """

    @abstractmethod
    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write a row.

        Args:
            step: from 1, larger than that of the row before.
            values: finite numbers by name; rows may have different names.
        """

    def close(self) -> None:  # noqa: B027
        """End the run, for now: it may be resumed. Called only after ``start``."""
