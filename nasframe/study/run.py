"""A study: its parts are built and checked, its journal is opened and replayed, and it runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from nasframe.api.parts import Controller, Executor, Objective
from nasframe.api.study_config import StudyConfig
from nasframe.api.types import TrialState
from nasframe.errors import NasframeError
from nasframe.executors.worker import Worker
from nasframe.registry.calls import built
from nasframe.storage import events, header, journal
from nasframe.storage.journal import FILE, Journal
from nasframe.storage.network_folder import is_final
from nasframe.study.early_stopping import Decisions
from nasframe.study.enqueue import read_architectures
from nasframe.study.logger_observer import observe_with_loggers
from nasframe.study.loop import Loop
from nasframe.study.observer import Observer, Observers
from nasframe.study.preflight import check_fit, check_space, check_stopping, late_limits
from nasframe.study.replay import replay
from nasframe.study.result import StudyResult, read_result
from nasframe.study.retention import Keeper
from nasframe.study.state import Ledger


def run(config: StudyConfig, *, observers: Sequence[Observer] = ()) -> StudyResult:
    """Run a study, or go on with the one in its folder.

    Args:
        config: what to search, and how; ``config.dir`` is the study's folder.
        observers: hear what happens, in this order; the loggers of ``config`` before them.

    Returns:
        The trials, and why the study ended; after Ctrl-C what was told until then.

    Raises:
        NasframeError: if parts do not fit together, the folder holds another study, another
            process is at work in it, or data or disk cannot be used.
    """
    everyone = Observers([])
    everyone.all = [*observe_with_loggers(config, everyone.note), *observers]
    if is_final(config.dir):
        raise NasframeError(f"{config.dir} holds a network trained in full: choose another dir")
    # A folder that is in use is refused at once; a new one is made when all else is right.
    log = Journal(config.dir) if (config.dir / FILE).exists() else None
    try:
        study = _Study(config, everyone)
        log = log or Journal(config.dir)
        return study.run(log)
    finally:
        try:
            everyone.closed()
        finally:
            if log is not None:
                log.close()


class _Study:
    """The parts of a study in the driver."""

    def __init__(self, config: StudyConfig, observer: Observer) -> None:
        worker = Worker(config.parts())
        space = worker.space
        self._config = config
        self._observer = observer
        self._space = space
        self._objective = built(config.objective.build, Objective)
        check_space(space)
        check_fit(worker, self._objective)
        self._notes = late_limits(worker, self._objective)
        self._stopper = config.stopper.build()
        if self._stopper is not None:
            check_stopping(worker, self._objective)
        self._epochs = worker.evaluator.epochs
        build = config.controller.build
        self._controller = built(build, Controller, space.choices, config.seed, space.active)
        self._ledger = Ledger(space, self._controller, config.synchronous)
        self._decisions: Decisions = {}
        worker.recall  # noqa: B018  # refuses a cache that cannot be used
        new = not (config.dir / FILE).exists()
        self._enqueued = self._read_enqueued() if new else []

    def run(self, log: Journal) -> StudyResult:
        """Search with an open journal."""
        try:
            ended = self._search(log)
        except KeyboardInterrupt:  # wherever it struck, the journal is right
            try:
                trials = read_result(self._config.dir).trials
            except NasframeError:  # someone removes the folder: do not go on because of that
                raise KeyboardInterrupt from None
            result = StudyResult(self._config.dir, trials, "interrupted", interrupted=True)
        else:
            told = self._ledger.trials
            trials = tuple(told[number] for number in sorted(told))
            result = StudyResult(self._config.dir, trials, ended)
        self._observer.ended(result, self._space.describe)
        return result

    def _search(self, log: Journal) -> str:
        config, ledger = self._config, self._ledger
        resumed = self._resume(log)
        for note in self._notes:
            self._observer.note(note)
        loop = self._loop(log)
        trials = ledger.trials.values()
        best = max((t.reward for t in trials if t.reward is not None), default=None)
        if (over := loop.over) is not None:  # nothing is written, and nothing started
            self._observer.started(config, ledger.evaluated, best, ledger.elapsed)
            return over
        if resumed is not None:
            log.append(resumed, sync=True)
        ledger.learn()
        executor = built(config.executor.build, Executor, config.parts())
        try:
            self._observer.started(config, ledger.evaluated, best, ledger.elapsed)
            return loop.run(executor)
        finally:
            executor.close()

    def _loop(self, log: Journal) -> Loop:
        config, ledger = self._config, self._ledger
        return Loop(
            config=config,
            space=self._space,
            controller=self._controller,
            objective=self._objective,
            stopper=self._stopper,
            journal=log,
            ledger=ledger,
            keeper=Keeper(config.dir, config.keep, ledger.trials.values()),
            observer=self._observer,
            decisions=self._decisions,
            epochs=self._epochs,
            enqueued=self._enqueued,
        )

    def _read_enqueued(self) -> list[tuple[int, ...]]:
        file = self._config.enqueue
        return read_architectures(file, self._space) if file is not None else []

    def _resume(self, log: Journal) -> dict[str, Any] | None:
        """Write the journal's header, or replay what stands in it; returns what is to be added."""
        config, folder = self._config, self._config.dir
        new = header.make(config)
        old = next(journal.read(folder), None)
        if old is None:
            log.append(new, sync=True)
            return None
        try:
            resumption = header.compare(old, new, _changes(config), config)
        except NasframeError:
            if any(isinstance(event, events.Told) for event in events.history(folder)):
                raise
            self._observer.note("Nothing was told yet with the former settings: beginning anew")
            log.clear()
            log.append(new, sync=True)
            return None
        self._decisions = replay(folder, self._space, self._ledger, config, self._stopper)
        if self._ledger.next_number == 0:
            self._enqueued = self._read_enqueued()
        for note in (*resumption.notes, *self._rejection_notes()):
            self._observer.note(note)
        self._ledger.resumed(config.max_failures)
        return events.resumed(resumption.changes)

    def _rejection_notes(self) -> list[str]:
        """What is to be said if rejected trials counted as rewards of 0 when the study began."""
        trials = self._ledger.trials.values()
        if not any(trial.state is TrialState.REJECTED for trial in trials):
            return []
        if not events.has_rewarded_rejections(self._config.dir):
            return []
        return [
            "rejected networks had the reward 0 when this study began, and have none now: its "
            "controller ranks them last, so the rest of the study differs from what it would "
            "have been"
        ]


def _changes(config: StudyConfig) -> dict[str, Any]:
    """The settings that were changed when the study went on before, with their last values."""
    changes: dict[str, Any] = {}
    for event in journal.read(config.dir, "resumed"):
        with suppress(Exception):  # what is wrong with the line, the replay tells
            changes |= {key: values[1] for key, values in event["changes"].items()}
    return changes
