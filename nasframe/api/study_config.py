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
        dir: the study's folder; the same folder again resumes the study.
        seed: of the controller; children have their own (``evaluator.seed``).
        trials: the number of trials; ``None`` for no limit, or for 30 without ``hours``.
        hours: hours of running after which no further trial starts; ``None`` for no limit.
        batch: proposals per request to the controller; ``None`` for the controller's own number.
        synchronous: tell a batch in the order of its numbers once it is complete.
        keep: the number of best children whose weights stay in the folder.
        enqueue: a file of architectures to evaluate first.
        cache: a folder of evaluations that studies share: a network that one has trained, the
            others look up. ``None`` for none.
        trial_timeout: maximum seconds for measuring a network, and again for training it; a trial
            that takes longer fails. ``None`` for no limit.
        retries: how often a trial is repeated when its worker is killed or crashes.
        max_failures: failed trials in a row that end the study.
        max_duplicates: proposals in a row without a new network that end the study.
        logger: loggers by name, which write curves beside the journal.
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
        """Return the settings that a worker needs."""
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
