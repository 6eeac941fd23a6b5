"""The configuration of a study."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field
from pathlib import Path

from nasframe.api.config import (
    Config,
    ControllerConfig,
    EvaluatorConfig,
    ExecutorConfig,
    LoggerConfig,
    MeterConfig,
    ObjectiveConfig,
    Parts,
    SearchSpaceConfig,
    StopperConfig,
    TaskConfig,
    setting,
)


@dataclass(kw_only=True)
class StudyConfig(Config):
    """One search.

    Attributes:
        dir: the study's folder; the same folder again goes on with the study.
        seed: of the controller; children have their own (``evaluator.seed``).
        trials: how many trials to run; ``None`` for no limit, or for 30 if ``hours`` gives none.
        hours: after how many hours of running no further trial is begun; ``None`` for no limit.
        batch: how many proposals are asked for at once; ``None`` takes the controller's own.
        synchronous: tell a batch in the order of its numbers once it is complete.
        keep: of how many of the best children the weights stay in the folder.
        enqueue: a file of architectures to evaluate first.
        cache: a folder of evaluations that studies share: what one has trained, the others look
            up. ``None`` for none.
        trial_timeout: seconds that measuring a network may take, and training it; the trial fails
            then. ``None`` for no limit.
        retries: how often a trial is tried again whose worker was lost: killed, or crashed.
        max_failures: the study ends after so many failed trials in a row.
        max_duplicates: the study ends after so many proposals in a row without a new network.
        logger: where curves of the study are written beside its journal, by name.
    """

    search_space: SearchSpaceConfig
    task: TaskConfig
    controller: ControllerConfig
    objective: ObjectiveConfig
    evaluator: EvaluatorConfig
    executor: ExecutorConfig = setting(MISSING, free=True)
    stopper: StopperConfig
    meters: dict[str, MeterConfig] = field(default_factory=dict)
    logger: dict[str, LoggerConfig] = setting({}, free=True)
    dir: Path = setting(Path("runs/study"), free=True)
    seed: int = setting(0, least=0, most=2**63 - 1)
    trials: int | None = setting(None, least=1, free=True)
    hours: float | None = setting(None, above=0, free=True)
    batch: int | None = setting(None, least=1)
    synchronous: bool = True
    keep: int = setting(3, least=0, free=True)
    enqueue: Path | None = None
    cache: Path | None = setting(None, free=True)
    trial_timeout: float | None = setting(None, above=0, free=True)
    retries: int = setting(1, least=0, free=True)
    max_failures: int = setting(10, least=1, free=True)
    max_duplicates: int = setting(1000, least=1, free=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.dir = Path(self.dir).expanduser()
        self.enqueue = None if self.enqueue is None else Path(self.enqueue).expanduser()
        self.cache = None if self.cache is None else Path(self.cache).expanduser()
        if self.trials is None and self.hours is None:
            self.trials = 30

    def parts(self) -> Parts:
        """What a worker needs of this."""
        return Parts(
            search_space=self.search_space,
            task=self.task,
            evaluator=self.evaluator,
            meters=self.meters,
            folder=self.dir,
            keep_weights=self.keep > 0,
            trial_timeout=self.trial_timeout,
            retries=self.retries,
            cache=None if self.cache is None else self.cache.absolute(),
        )
