"""Settings and result of a retraining."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from nasframe.api.config import (
    Config,
    DetectorConfig,
    LoggerConfig,
    SearchSpaceConfig,
    TaskConfig,
    setting,
)
from nasframe.api.recipe import RecipeConfig
from nasframe.errors import NasframeError


class Strategy(Enum):
    """Distributed strategy of Lightning."""

    ddp = "ddp_fork"
    ddp_find_unused_parameters_true = "ddp_fork_find_unused_parameters_true"


@dataclass(kw_only=True)
class TrainerConfig(Config):
    """Devices of one machine that train one network together.

    Attributes:
        devices: number of devices; each gets an equal part of every batch. With several GPUs,
            ``recipe.precision=auto`` is bfloat16.
        strategy: ``ddp`` is faster, but every weight must have a gradient; weights of a cell that
            reads only one of its inputs have none.
        sync_batchnorm: compute batch norm statistics over the whole batch, not each part.
    """

    devices: int = setting(1, least=1)
    strategy: Strategy = Strategy.ddp_find_unused_parameters_true
    sync_batchnorm: bool = False


@dataclass(kw_only=True)
class RetrainConfig(Config):
    """Full training of networks from a study, a file of architectures, or by name.

    Attributes:
        study: folder of the study whose best networks are trained.
        top: number of networks; the best by validation is the winner.
        trial: number of a trial to train instead of the best.
        architectures: file with an architecture of ``search_space`` on each line, as tokens or
            by names, like a study's ``enqueue``; all are trained.
        network: name of a network that a plugin publishes, or of timm.
        settings: settings of ``network``, by name.
        recipe: training settings.
        search_space: the study's; sizes may differ if the choices stay the same.
        task: the study's, or another of the same kind.
        detector: builds a detector with the network as backbone, for tasks of detection.
        dir: folder of the results; the same folder resumes.
        init: folder of ``nasframe-retrain`` or file with the initial weights, of the same network;
            the classifier restarts at random if the number of classes differs. A detector starts
            from the weights of a classifier or of the same detector.
        freeze: names of layers that stay unchanged, with all below, such as ``features.0``.
        seed: of weights, batches and random operations of the networks.
        device: ``auto`` (CUDA if available, else the CPU), ``cpu``, ``cuda``, ``cuda:1`` or
            ``mps``.
        threads: CPU threads; results are equal only for equal threads.
        trainer: several devices, of the kind ``device``.
        logger: loggers of each network's curves, by name.
    """

    search_space: SearchSpaceConfig | None = None
    task: TaskConfig
    recipe: RecipeConfig
    detector: DetectorConfig | None = None
    dir: Path = setting(MISSING, free=True)
    study: Path | None = None
    top: int = setting(1, least=1)
    trial: int | None = setting(None, least=0)
    architectures: Path | None = None
    network: str | None = None
    settings: dict[str, Any] = setting({})
    init: Path | None = None
    freeze: list[str] = setting([])
    seed: int = setting(0, least=0, most=2**63 - 1)
    device: str = setting("auto", free=True)
    threads: int = setting(1, least=1)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    logger: dict[str, LoggerConfig] = setting({}, free=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.dir = Path(self.dir).expanduser()
        for name in ("study", "architectures", "init"):
            path = getattr(self, name)
            setattr(self, name, None if path is None else Path(path).expanduser())
        sources = [getattr(self, name) for name in ("study", "architectures", "network")]
        if sum(source is not None for source in sources) != 1:
            raise NasframeError("give one of study=DIR, architectures=FILE and network=NAME")
        if (self.search_space is None) == (self.network is None):
            raise NasframeError(
                "a named network belongs to no search space: leave out search_space"
                if self.network is not None
                else "search_space is required: give the search space of the architectures"
            )


@dataclass(frozen=True, slots=True)
class Retrained:
    """Result of a retraining.

    Attributes:
        folder: folder with the winner's weights, and a subfolder for each trained network.
        name: name of the winner and its subfolder: ``trial-7`` of a study, ``architecture-3`` of a
            file, ``network``.
        metrics: the winner's last validation metrics, and its test metrics.
        ranking: name and validation metrics of each network, the best first.
    """

    folder: Path
    name: str
    metrics: Mapping[str, float]
    ranking: tuple[tuple[str, Mapping[str, float]], ...]
