"""Run a study: build and check its parts, open and replay its journal, and search."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from nasframe.api.parts import Controller, Executor, Objective
from nasframe.api.study_config import StudyConfig
from nasframe.api.types import TrialState
from nasframe.errors import NasframeError
from nasframe.executors.worker import Worker
from nasframe.registry.calls import build_part
from nasframe.storage import events, header, journal
from nasframe.storage.journal import JOURNAL_FILE, Journal
from nasframe.storage.network_folder import is_final
from nasframe.study.early_stopping import Decisions
from nasframe.study.enqueue import read_architectures
from nasframe.study.logger_observer import observe_with_loggers
from nasframe.study.loop import Loop
from nasframe.study.observer import Observer, Observers
from nasframe.study.preflight import check_fit, check_space, check_stopping, describe_late_limits
from nasframe.study.replay import replay
from nasframe.study.result import StudyResult, read_result
from nasframe.study.retention import Keeper
from nasframe.study.state import Ledger


def run(config: StudyConfig, *, observers: Sequence[Observer] = ()) -> StudyResult:
    """Run a study, or resume the one in its folder.

    Args:
        config: the study's configuration; ``config.dir`` is its folder.
        observers: informed of all events, in this order, after the loggers of ``config``.

    Returns:
        The trials, and why the study ended; after Ctrl-C the trials until then.

    Raises:
        NasframeError: if parts do not fit together, the folder holds another study or is used by
            another process, or data or disk cannot be used.
    """
    everyone = Observers([])
    everyone.all = [*observe_with_loggers(config, everyone.on_message), *observers]
    if is_final(config.dir):
        raise NasframeError(f"{config.dir} holds a network trained in full: choose another dir")
    # A folder in use is refused at once; a new one is created after all other checks.
    log = Journal(config.dir) if (config.dir / JOURNAL_FILE).exists() else None
    try:
        study = _Study(config, everyone)
        log = log or Journal(config.dir)
        return study.run(log)
    finally:
        try:
            everyone.on_close()
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
        self._objective = build_part(config.objective.build, Objective)
        check_space(space)
        check_fit(worker, self._objective)
        self._notes = describe_late_limits(worker, self._objective)
        self._stopper = config.stopper.build()
        if self._stopper is not None:
            check_stopping(worker, self._objective)
        self._epochs = worker.evaluator.epochs
        build = config.controller.build
        self._controller = build_part(build, Controller, space.choices, config.seed, space.active)
        self._ledger = Ledger(space, self._controller, config.synchronous)
        self._decisions: Decisions = {}
        worker.recall  # noqa: B018  # raises if the cache cannot be used
        new = not (config.dir / JOURNAL_FILE).exists()
        self._enqueued = self._read_enqueued() if new else []

    def run(self, log: Journal) -> StudyResult:
        """Search with an open journal."""
        try:
            ended = self._search(log)
        except KeyboardInterrupt:  # the journal is valid at any moment
            try:
                trials = read_result(self._config.dir).trials
            except NasframeError:  # the folder was removed: still stop
                raise KeyboardInterrupt from None
            result = StudyResult(self._config.dir, trials, "interrupted", interrupted=True)
        else:
            told = self._ledger.trials
            trials = tuple(told[number] for number in sorted(told))
            result = StudyResult(self._config.dir, trials, ended)
        self._observer.on_end(result, self._space.describe)
        return result

    def _search(self, log: Journal) -> str:
        config, ledger = self._config, self._ledger
        resumed = self._resume(log)
        for note in self._notes:
            self._observer.on_message(note)
        loop = self._make_loop(log)
        trials = ledger.trials.values()
        best = max((t.reward for t in trials if t.reward is not None), default=None)
        if (over := loop.over) is not None:  # write and start nothing
            self._observer.on_start(config, ledger.evaluated, best, ledger.elapsed)
            return over
        if resumed is not None:
            log.append(resumed, sync=True)
        ledger.learn()
        executor = build_part(config.executor.build, Executor, config.parts())
        try:
            self._observer.on_start(config, ledger.evaluated, best, ledger.elapsed)
            return loop.run(executor)
        finally:
            executor.close()

    def _make_loop(self, log: Journal) -> Loop:
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
        """Write a new journal's header, or replay the journal and return the event to append."""
        config, folder = self._config, self._config.dir
        new = header.make_header(config)
        old = next(journal.read_journal(folder), None)
        if old is None:
            log.append(new, sync=True)
            return None
        try:
            resumption = header.compare_headers(old, new, _read_changes(config), config)
        except NasframeError:
            if any(isinstance(event, events.Told) for event in events.read_events(folder)):
                raise
            self._observer.on_message("The former settings have no finished trial: starting over")
            log.clear()
            log.append(new, sync=True)
            return None
        self._decisions = replay(folder, self._space, self._ledger, config, self._stopper)
        if self._ledger.next_number == 0:
            self._enqueued = self._read_enqueued()
        for note in (*resumption.notes, *self._describe_rejections()):
            self._observer.on_message(note)
        self._ledger.record_resumed(config.max_failures)
        return events.encode_resumed(resumption.changes)

    def _describe_rejections(self) -> list[str]:
        """Return a note if rejected trials had a reward of 0 when the study started."""
        trials = self._ledger.trials.values()
        if not any(trial.state is TrialState.REJECTED for trial in trials):
            return []
        if not events.has_rewarded_rejections(self._config.dir):
            return []
        return [
            "rejected networks had the reward 0 when this study started and have none now: its "
            "controller ranks them last, so later proposals differ from the older version's"
        ]


def _read_changes(config: StudyConfig) -> dict[str, Any]:
    """Read the settings changed by earlier resumptions, with their last values."""
    changes: dict[str, Any] = {}
    for event in journal.read_journal(config.dir, "resumed"):
        with suppress(Exception):  # the replay reports a malformed line
            changes |= {key: values[1] for key, values in event["changes"].items()}
    return changes
