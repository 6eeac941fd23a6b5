"""Hooks for the core's own options, registered like those of any plugin."""

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
    """Offer the core's tasks."""
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
    """Offer the core's evaluators."""
    return {"train": TrainConfig}


@hookimpl
def nasframe_meters() -> Mapping[str, type[MeterConfig]]:
    """Offer the core's meters."""
    return {
        "command": CommandConfig,
        "onnx": OnnxConfig,
        "size": SizeConfig,
        "table": TableConfig,
        "torch": TorchConfig,
    }


@hookimpl
def nasframe_loggers() -> Mapping[str, type[LoggerConfig]]:
    """Offer the core's loggers."""
    return {
        "csv": CSVConfig,
        "mlflow": MLflowConfig,
        "tensorboard": TensorBoardConfig,
        "wandb": WandbConfig,
    }


@hookimpl
def nasframe_stoppers() -> Mapping[str, type[StopperConfig]]:
    """Offer the core's stoppers."""
    return {"none": NoStopperConfig}


@hookimpl
def nasframe_recipes() -> Mapping[str, type[RecipeConfig]]:
    """Offer the core's recipe."""
    return {"small": RecipeConfig}


@hookimpl
def nasframe_executors() -> Mapping[str, type[ExecutorConfig]]:
    """Offer the core's executors."""
    return {"process": ProcessConfig, "ray": RayConfig, "serial": SerialConfig}


@hookimpl
def nasframe_exporters() -> Mapping[str, type[ExporterConfig]]:
    """Offer the core's export formats."""
    return {
        "onnx": OnnxFileConfig,
        "source": SourceConfig,
        "state_dict": StateDictConfig,
        "torch": ProgramConfig,
    }
