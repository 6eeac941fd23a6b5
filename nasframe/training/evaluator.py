"""The evaluator that trains each child with Lightning, on one device."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from nasframe._support.system import cpu_name, threads
from nasframe.api.config import Precision
from nasframe.api.optimization import OptimizationConfig
from nasframe.api.parts import Evaluator, SearchSpace, Task
from nasframe.api.types import Architecture, Context, Metrics
from nasframe.errors import ChildError, NasframeError
from nasframe.registry.calls import describe_failure, describe_part
from nasframe.storage.weights import describe_task, save_weights
from nasframe.training.compile import compile_apart
from nasframe.training.devices import check_environment, find_device, seed_generators
from nasframe.training.optimizer import check_optimizer


class TrainEvaluator(Evaluator):
    """Trains a child from scratch and validates it after each epoch.

    On a CPU, equal seeds and threads give equal metrics, to the last bit.

    Args:
        config: optimizer and schedule.
        space: builds the networks.
        task: data, loss and metrics.
        compile: whether to compile each child.
        threads: CPU threads per child.
        device: its name, used if the executor assigns none.

    Raises:
        NasframeError: if the optimizer or the device cannot be used, or labels cannot be smoothed.
    """

    def __init__(
        self,
        config: OptimizationConfig,
        space: SearchSpace,
        task: Task,
        *,
        compile: bool,
        threads: int,
        device: str,
    ) -> None:
        check_environment()
        find_device(device)
        check_optimizer(config, "evaluator")
        smooth_labels(task, config.label_smoothing, "evaluator")
        self._config = config
        self._compile, self._threads, self._device = compile, threads, device
        self._space = space
        self._task = task
        self.reports = task.provides
        self.epochs = config.epochs
        self.provides = (
            *task.provides,
            *(f"{name}_epochs" for name in task.provides),
            "epochs",
            "parameters",
            "train_seconds",
            "samples_per_second",
        )

    def prepare(self) -> None:
        """Import Lightning and read the data."""
        from nasframe.training import module, trainer  # noqa: F401

        self._task.data_config  # noqa: B018

    def fingerprint(self) -> str:
        """Return the device and its precision as text."""
        device = find_device(self._device)
        cuda = device.type == "cuda"
        name = torch.cuda.get_device_name(device) if cuda else f"{device.type} {cpu_name()}"
        return f"{name}, {choose_precision(self._config.precision, device)}"

    def evaluate(self, architecture: Architecture, context: Context) -> Metrics:
        """Train the child and return its metrics; ``train_seconds`` include validation.

        Raises:
            FloatingPointError: if the training diverges.
            Cancelled: if the study cancels the child.
        """
        name = self._device if context.device == "auto" else context.device
        device = find_device(name)
        with threads(self._threads), seed_generators(context.seed, device):
            network = self._build(architecture)
            history: list[dict[str, float]] = []
            with compile_network(network) if self._compile else nullcontext():
                seconds = self._fit(network, device, context, history)
        if context.weights is not None:
            save_weights(network, context.weights, self._metadata(architecture))
        return self._metrics(network, history, seconds)

    def _build(self, architecture: Architecture) -> nn.Module:
        """Build the network on the CPU, so that its initial weights are equal on any device."""
        name = describe_part(self._space, "build")
        try:
            network = self._space.build(architecture, self._task)
        except NasframeError:
            raise
        except Exception as error:
            raise ChildError(describe_failure(name, error)) from error
        if not isinstance(network, nn.Module):
            raise ChildError(f"{name} must return an nn.Module, not {network!r:.80}")
        if not any(parameter.requires_grad for parameter in network.parameters()):
            raise ChildError(f"{name} returned a network without trainable weights")
        return set_memory_format(network, channels_last=self._config.channels_last)

    def _fit(
        self,
        network: nn.Module,
        device: torch.device,
        context: Context,
        history: list[dict[str, float]],
    ) -> float:
        """Train, append the metrics of each epoch to ``history``, and return the seconds."""
        from nasframe.training.module import TrainingModule
        from nasframe.training.trainer import fit_module

        config, task = self._config, self._task

        def on_epoch(metrics: dict[str, float]) -> bool:
            history.append(metrics)
            return context.report(len(history), metrics)

        smooth_labels(task, config.label_smoothing, "evaluator")  # tasks may be shared
        child = TrainingModule(
            network,
            task,
            config,
            steps=config.epochs * task.train_steps(config.batch_size),
            on_epoch=on_epoch,
            cancelled=context.cancelled,
        )
        generator = torch.Generator().manual_seed(context.seed)
        start = time.perf_counter()
        fit_module(
            child,
            config,
            training=partial(task.train_batches, config.batch_size, device, generator),
            validation=partial(task.validation_batches, config.batch_size, device),
            device=device,
            precision=choose_precision(config.precision, device),
        )
        return time.perf_counter() - start

    def _metrics(
        self, network: nn.Module, history: list[dict[str, float]], seconds: float
    ) -> Metrics:
        series = {f"{name}_epochs": tuple(m[name] for m in history) for name in history[-1]}
        examples = self._task.train_examples() * len(history)
        return {
            **history[-1],
            **series,
            "epochs": len(history),
            "parameters": sum(p.numel() for p in network.parameters()),
            "train_seconds": seconds,
            "samples_per_second": examples / seconds,
        }

    def _metadata(self, architecture: Architecture) -> dict[str, Any]:
        return {"tokens": architecture.tokens, "task": describe_task(self._task)}


@contextmanager
def compile_network(network: nn.Module) -> Iterator[None]:
    """Compile a network inside the block; its compiled graphs are freed afterwards.

    Raises:
        NasframeError: if the network has a ``training_progress``, which changes at each step:
            each step would compile it again.
    """
    if any(hasattr(module, "training_progress") for module in network.modules()):
        raise NasframeError(
            "evaluator.compile=true: this network changes at each step (its training_progress) "
            "and would be compiled again each time; use evaluator.compile=false"
        )
    vars(network)["forward"] = compile_apart(network.forward)
    try:
        yield
    finally:
        del vars(network)["forward"]


def choose_precision(
    precision: Precision, device: torch.device
) -> Literal["32-true", "bf16-mixed"]:
    """Return Lightning's name of a precision; ``auto`` is bfloat16 on GPUs that support it."""
    if precision is Precision.auto:
        fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        precision = Precision.bfloat16 if fast else Precision.float32
    return "bf16-mixed" if precision is Precision.bfloat16 else "32-true"


def smooth_labels(task: Task, share: float, owner: str) -> None:
    """Set the label smoothing of a task's loss.

    Args:
        task: must have classes, unless the share is 0.
        share: the part of each label that is spread over all classes.
        owner: the group of the setting, ``evaluator`` or ``recipe``.

    Raises:
        NasframeError: if the task has no classes.
    """
    if task.label_smoothing is not None:
        task.label_smoothing = share
    elif share:
        raise NasframeError(f"{owner}.label_smoothing={share}: this task has no labels; use 0")


def set_memory_format(network: nn.Module, *, channels_last: bool) -> nn.Module:
    """Set the memory format of a network's weights and images."""
    if channels_last:
        return network.to(memory_format=torch.channels_last)
    network.register_forward_pre_hook(_channels_first)
    return network


def _channels_first(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Copy images to channels first: ``contiguous()`` would not copy images of one channel."""
    return tuple(
        x.clone(memory_format=torch.contiguous_format)
        if isinstance(x, Tensor) and x.ndim == 4
        else x
        for x in inputs
    )
