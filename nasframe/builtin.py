"""What the core itself offers: config classes and hooks, through the same door as any plugin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nasframe.config import (
    EvaluatorConfig,
    ExecutorConfig,
    MeterConfig,
    Parts,
    StopperConfig,
    TaskConfig,
    setting,
)
from nasframe.hookspecs import hookimpl
from nasframe.meters.config import CommandConfig, OnnxConfig, TableConfig, TorchConfig
from nasframe.tasks.config import (
    ArraysConfig,
    Dataset,
    DigitsConfig,
    FolderConfig,
    TextConfig,
    TorchvisionConfig,
)
from nasframe.training.config import TrainConfig

if TYPE_CHECKING:
    from nasframe.api import Executor, Meter, SearchSpace, Stopper, Task


@dataclass(kw_only=True)
class NoStopperConfig(StopperConfig):
    """Every child trains to its end."""

    def build(self) -> Stopper | None:
        """No stopper."""
        return None


@dataclass(kw_only=True)
class SerialConfig(ExecutorConfig):
    """One evaluation at a time, in this process."""

    def build(self, parts: Parts) -> Executor:
        """Make the executor."""
        from nasframe.executors.serial import SerialExecutor

        return SerialExecutor(parts)


@dataclass(kw_only=True)
class ProcessConfig(ExecutorConfig):
    """Evaluations in worker processes, which stay; on a machine with GPUs each has one of its own.

    Attributes:
        workers: how many evaluations run at the same time; each child computes with
            ``evaluator.threads``.
    """

    workers: int = setting(1, least=1)

    def build(self, parts: Parts) -> Executor:
        """Make the executor."""
        from nasframe.executors.process import ProcessExecutor

        return ProcessExecutor(parts, self.workers)


@dataclass(kw_only=True)
class SizeConfig(MeterConfig):
    """Parameters, multiply-adds, and the bytes of weights and activations."""

    def build(self, space: SearchSpace, task: Task) -> Meter:
        """Make the meter."""
        from nasframe.meters.size import SizeMeter

        return SizeMeter(space, task)


@hookimpl
def nasframe_tasks() -> Mapping[str, type[TaskConfig] | TaskConfig]:
    """The core's tasks."""
    return {
        "arrays": ArraysConfig,
        "cifar10": TorchvisionConfig(dataset=Dataset.CIFAR10),
        "cifar100": TorchvisionConfig(dataset=Dataset.CIFAR100),
        "digits": DigitsConfig,
        "fashion_mnist": TorchvisionConfig(dataset=Dataset.FashionMNIST, pad=2),
        "imagefolder": FolderConfig,
        "text": TextConfig,
    }


@hookimpl
def nasframe_evaluators() -> Mapping[str, type[EvaluatorConfig]]:
    """The core's evaluators."""
    return {"train": TrainConfig}


@hookimpl
def nasframe_meters() -> Mapping[str, type[MeterConfig]]:
    """The core's meters."""
    return {
        "command": CommandConfig,
        "onnx": OnnxConfig,
        "size": SizeConfig,
        "table": TableConfig,
        "torch": TorchConfig,
    }


@hookimpl
def nasframe_stoppers() -> Mapping[str, type[StopperConfig]]:
    """The core's stoppers."""
    return {"none": NoStopperConfig}


@hookimpl
def nasframe_executors() -> Mapping[str, type[ExecutorConfig]]:
    """The core's executors."""
    return {"process": ProcessConfig, "serial": SerialConfig}
