"""What is to be trained in full, and how; and what came of it."""

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
    """How several devices train together, by Lightning's names."""

    ddp = "ddp_fork"
    ddp_find_unused_parameters_true = "ddp_fork_find_unused_parameters_true"


@dataclass(kw_only=True)
class TrainerConfig(Config):
    """The devices of one machine that train together.

    Attributes:
        devices: how many; each has an equal part of every batch. ``recipe.precision=auto`` is then
            bfloat16 on GPUs.
        strategy: ``ddp`` takes less time, where every weight has a gradient: those of a cell that
            does not read both of its inputs have none.
        sync_batchnorm: whether batch norms see the parts of a batch as one.
    """

    devices: int = setting(1, least=1)
    strategy: Strategy = Strategy.ddp_find_unused_parameters_true
    sync_batchnorm: bool = False


@dataclass(kw_only=True)
class RetrainConfig(Config):
    """One training in full, of networks from one of three places.

    Attributes:
        study: the folder of the study whose best networks are trained.
        top: how many of them; the best one by validation is the winner.
        trial: the number of a trial to be trained instead.
        architectures: a file with an architecture of ``search_space`` on each line, as tokens or
            by names, like that of a study's ``enqueue``; all are trained.
        network: the name of a network that a plugin publishes, or that timm knows.
        settings: of ``network``, by name.
        recipe: how they are trained.
        search_space: the study's; sizes that leave its choices as they are may be others.
        task: the study's, or one of the same kind.
        detector: makes one of the networks, where the task asks for it; they are its backbone.
        dir: the folder for what is found; the same folder again goes on.
        init: a folder of ``nasframe-retrain``, or a file of weights, from which training starts:
            those of the same network; its classifier begins anew if the task has another number of
            classes. A detector starts from a classifier's, or from those of the same detector.
        freeze: beginnings of the names of layers that stay as they are, such as ``features.0``.
        seed: of weights, batches and what is random in the networks.
        device: ``auto`` (CUDA if there is one, else the CPU), ``cpu``, ``cuda``, ``cuda:1`` or
            ``mps``.
        threads: CPU threads; results are equal only for equal threads.
        trainer: several devices; ``device`` is then their kind.
        logger: where the curves of each network are written, by name.
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
                "a network that has a name belongs to no search space: leave out search_space"
                if self.network is not None
                else "search_space is required: the one to which the architectures belong"
            )


@dataclass(frozen=True, slots=True)
class Retrained:
    """What a retraining has found.

    Attributes:
        folder: with the winner's weights, and in folders of their own those of all that were
            trained.
        name: the winner's, of its folder: ``trial-7`` of a study, ``architecture-3`` of a file,
            ``network``.
        metrics: its last metrics on the validation data, and those on the test data.
        ranking: name and validation metrics of each network, the best first.
    """

    folder: Path
    name: str
    metrics: Mapping[str, float]
    ranking: tuple[tuple[str, Mapping[str, float]], ...]
