"""What the core itself offers: config classes and hooks, through the same door as any plugin."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nasframe.api.config import (
    EvaluatorConfig,
    ExecutorConfig,
    LoggerConfig,
    MeterConfig,
    Parts,
    StopperConfig,
    TaskConfig,
    setting,
)
from nasframe.api.hookspecs import hookimpl
from nasframe.api.recipe import RecipeConfig
from nasframe.errors import NasframeError
from nasframe.loggers.config import CSVConfig, MLflowConfig, TensorBoardConfig, WandbConfig
from nasframe.meters.config import CommandConfig, OnnxConfig, TableConfig, TorchConfig
from nasframe.tasks.config import (
    ArraysConfig,
    Dataset,
    DigitsConfig,
    FolderConfig,
    ImageNetConfig,
    TextConfig,
    TorchvisionConfig,
)
from nasframe.training.config import TrainConfig

if TYPE_CHECKING:
    from nasframe.api.parts import Executor, Meter, SearchSpace, Stopper, Task


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
class RayConfig(ExecutorConfig):
    """Evaluations on Ray: a local one, or a cluster; needs ``nasframe[ray]``.

    Attributes:
        address: of a running cluster: ``auto``, ``host:6379`` or ``ray://host:10001``; ``None``
            takes the variable ``RAY_ADDRESS``, or begins a local Ray for this study.
        workers: how many evaluations run at the same time; ``None`` for as many as fit into what
            is free, which is looked at all the time.
        cpus: cores of each.
        gpus: GPUs of each, a fraction to share one; ``None`` for one if the cluster has some when
            the study begins. Where it is 0, children do not see any.
        resources: other resources of each, by the names that the cluster gave them.
    """

    address: str | None = None
    workers: int | None = setting(None, least=1)
    cpus: float = setting(1.0, least=0)
    gpus: float | None = setting(None, least=0)
    resources: dict[str, float] = setting({})

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, amount in self.resources.items():
            if name in ("CPU", "GPU") or not 0 < amount < math.inf:
                raise NasframeError(
                    f"resources.{name}={amount:g}: must be a resource of the cluster's own, and "
                    "more than 0; there is cpus and gpus for the others"
                )
        if self.gpus is not None and self.gpus > 1 and self.gpus % 1:
            raise NasframeError(f"gpus={self.gpus:g}: must be a whole number, or a fraction of 1")
        if not (self.cpus or self.gpus or self.resources):
            raise NasframeError("cpus=0: a trial must need something: cpus, gpus or resources")

    def build(self, parts: Parts) -> Executor:
        """Make the executor."""
        try:
            from nasframe.executors.ray import RayExecutor
        except ImportError as error:
            raise NasframeError(
                f"executor=ray needs Ray ({error}): pip install 'nasframe[ray]'"
            ) from error
        return RayExecutor(parts, self)


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
        "imagenet": ImageNetConfig,
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
def nasframe_loggers() -> Mapping[str, type[LoggerConfig]]:
    """The core's loggers."""
    return {
        "csv": CSVConfig,
        "mlflow": MLflowConfig,
        "tensorboard": TensorBoardConfig,
        "wandb": WandbConfig,
    }


@hookimpl
def nasframe_stoppers() -> Mapping[str, type[StopperConfig]]:
    """The core's stoppers."""
    return {"none": NoStopperConfig}


@hookimpl
def nasframe_recipes() -> Mapping[str, type[RecipeConfig]]:
    """The core's recipe."""
    return {"small": RecipeConfig}


@hookimpl
def nasframe_executors() -> Mapping[str, type[ExecutorConfig]]:
    """The core's executors."""
    return {"process": ProcessConfig, "ray": RayConfig, "serial": SerialConfig}
