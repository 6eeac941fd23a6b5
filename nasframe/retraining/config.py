"""What is to be trained in full, and how; and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path

from nasframe.config import Config, SearchSpaceConfig, TaskConfig, setting
from nasframe.recipe import RecipeConfig


@dataclass(kw_only=True)
class RetrainConfig(Config):
    """One retraining.

    Attributes:
        study: the folder of the study whose best networks are trained.
        top: how many of them; the best one by validation is the winner.
        trial: the number of a trial to be trained instead.
        recipe: how they are trained.
        search_space: the study's; sizes that leave its choices as they are may be others.
        task: the study's, or one of the same kind.
        dir: the folder for what is found; the same folder again goes on.
        init: a folder of ``nasframe-retrain``, or a file of weights, from which training starts:
            those of the same network; its classifier begins anew if the task has another number of
            classes.
        freeze: beginnings of the names of layers that stay as they are, such as ``stem``.
        seed: of weights, batches and what is random in the networks.
        device: ``auto`` (CUDA if there is one, else the CPU), ``cpu``, ``cuda``, ``cuda:1`` or
            ``mps``.
        threads: CPU threads; results are equal only for equal threads.
    """

    study: Path
    search_space: SearchSpaceConfig
    task: TaskConfig
    recipe: RecipeConfig
    dir: Path = setting(MISSING, free=True)
    top: int = setting(1, least=1)
    trial: int | None = setting(None, least=0)
    init: Path | None = None
    freeze: list[str] = setting([])
    seed: int = setting(0, least=0, most=2**63 - 1)
    device: str = setting("auto", free=True)
    threads: int = setting(1, least=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.study = Path(self.study).expanduser()
        self.dir = Path(self.dir).expanduser()
        self.init = None if self.init is None else Path(self.init).expanduser()


@dataclass(frozen=True, slots=True)
class Retrained:
    """What a retraining has found.

    Attributes:
        folder: with the winner's weights, and in folders of their own those of all that were
            trained.
        trial: the winner's number in its study.
        metrics: its last metrics on the validation data, and those on the test data.
        ranking: number and validation metrics of each network, the best first.
    """

    folder: Path
    trial: int
    metrics: Mapping[str, float]
    ranking: tuple[tuple[int, Mapping[str, float]], ...]
