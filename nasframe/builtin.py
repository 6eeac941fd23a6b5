"""What the core itself offers: hooks, through the same door as any plugin."""

from __future__ import annotations

from collections.abc import Mapping

from nasframe.api.config import (
    EvaluatorConfig,
    ExecutorConfig,
    ExporterConfig,
    LoggerConfig,
    MeterConfig,
    StopperConfig,
    TaskConfig,
)
from nasframe.api.hookspecs import hookimpl
from nasframe.api.recipe import RecipeConfig
from nasframe.executors.config import ProcessConfig, RayConfig, SerialConfig
from nasframe.export.config import OnnxFileConfig, ProgramConfig, SourceConfig, StateDictConfig
from nasframe.loggers.config import CSVConfig, MLflowConfig, TensorBoardConfig, WandbConfig
from nasframe.meters.config import (
    CommandConfig,
    OnnxConfig,
    SizeConfig,
    TableConfig,
    TorchConfig,
)
from nasframe.study.config import NoStopperConfig
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


@hookimpl
def nasframe_exporters() -> Mapping[str, type[ExporterConfig]]:
    """The core's export formats."""
    return {
        "onnx": OnnxFileConfig,
        "source": SourceConfig,
        "state_dict": StateDictConfig,
        "torch": ProgramConfig,
    }
