"""A study: its parts are built and checked, its journal is opened and replayed, and it runs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from nasframe import header, journal
from nasframe.api import Objective
from nasframe.config import Parts, StudyConfig
from nasframe.enqueue import read_architectures
from nasframe.errors import NasframeError, nearest
from nasframe.executors.worker import Worker, merge_meters
from nasframe.journal import Journal
from nasframe.keeper import Keeper
from nasframe.ledger import Ledger, proposals_of, trial_of
from nasframe.loop import Loop
from nasframe.progress import Progress
from nasframe.result import StudyResult, read_result


def run(config: StudyConfig, *, progress: Progress | None = None) -> StudyResult:
    """Run a study, or go on with the one in its folder.

    Args:
        config: what to search, and how; ``config.dir`` is the study's folder.
        progress: is told what happens; by default nobody is.

    Returns:
        The trials, and why the study ended; after Ctrl-C what was told until then.

    Raises:
        NasframeError: if parts do not fit together, the folder holds another study, another
            process is at work in it, or data or disk cannot be used.
    """
    parts = _parts(config)
    study = _Study(config, parts, progress or Progress())
    log = Journal(config.dir)
    try:
        return study.run(log)
    finally:
        log.close()


def _parts(config: StudyConfig) -> Parts:
    return Parts(
        search_space=config.search_space,
        task=config.task,
        evaluator=config.evaluator,
        meters=config.meters,
        folder=config.dir,
        keep_weights=config.keep > 0,
    )


class _Study:
    """The parts of a study in the driver."""

    def __init__(self, config: StudyConfig, parts: Parts, progress: Progress) -> None:
        worker = Worker(parts)
        self._config = config
        self._parts = parts
        self._progress = progress
        self._space = worker.space
        self._objective = config.objective.build()
        check_fit(worker, self._objective)
        self._stopper = config.stopper.build()
        space = self._space
        self._controller = config.controller.build(space.choices, config.seed, space.active)
        self._enqueued = read_architectures(config.enqueue, space) if config.enqueue else []
        self._ledger = Ledger(space, self._controller, config.synchronous)
        self._decisions: dict[tuple[int, int], bool] = {}

    def run(self, log: Journal) -> StudyResult:
        """Search with an open journal."""
        config, ledger = self._config, self._ledger
        self._resume(log)
        keeper = Keeper(config.dir, config.keep, ledger.trials.values())
        self._progress.started(config.dir, ledger.evaluated, config.trials)
        executor = config.executor.build(self._parts)
        loop = Loop(
            config=config,
            space=self._space,
            controller=self._controller,
            objective=self._objective,
            stopper=self._stopper,
            executor=executor,
            journal=log,
            ledger=ledger,
            keeper=keeper,
            progress=self._progress,
            decisions=self._decisions,
            enqueued=self._enqueued,
        )
        try:
            ended = loop.run()
            trials = tuple(ledger.trials[number] for number in sorted(ledger.trials))
            result = StudyResult(config.dir, trials, ended)
        except KeyboardInterrupt:  # wherever it struck, the journal is right
            trials = read_result(config.dir).trials
            result = StudyResult(config.dir, trials, "interrupted", interrupted=True)
        finally:
            executor.close()
        self._progress.ended(result, self._space.describe)
        return result

    def _resume(self, log: Journal) -> None:
        """Write the journal's header, or replay what stands in it."""
        new = header.make(self._config)
        events = journal.read(self._config.dir)
        old = next(events, None)
        if old is None:
            log.append(new, sync=True)
            return
        try:
            resumption = header.compare(old, new, self._config)
        except NasframeError:
            if any(event["event"] == "told" for event in events):
                raise
            log.clear()  # nothing was learned with the other configuration
            log.append(new, sync=True)
            return
        self._replay(events)
        for note in resumption.notes:
            self._progress.note(note)
        changes = dict(resumption.changes)
        event = {"event": "resumed", "changes": changes, "time": round(time.time(), 3)}
        log.append(event, sync=True)

    def _replay(self, events: Iterable[Mapping[str, Any]]) -> None:
        for line, event in enumerate(events, 2):
            try:
                self._replay_event(event)
            except (KeyError, TypeError, ValueError) as error:
                path = self._config.dir / journal.FILE
                raise NasframeError(
                    f"{path}, line {line}, does not follow from what stands before it "
                    f"({type(error).__name__}: {error}); the file was left as it was"
                ) from error

    def _replay_event(self, event: Mapping[str, Any]) -> None:
        match event["event"]:
            case "asked":
                self._ledger.asked(proposals_of(event))
            case "told":
                info = self._ledger.pending[event["number"]].info
                self._ledger.told(trial_of(event, info), event["elapsed"])
            case "reported" if self._stopper is not None:
                at = (event["number"], event["epoch"])
                self._stopper.decide(*at, event["metrics"])
                self._decisions[at] = event["go_on"]


def check_fit(worker: Worker, objective: Objective) -> None:
    """Check that the task fits the space, and that something gives what the objective needs.

    Raises:
        NasframeError: if not.
    """
    space, task = worker.space, worker.task
    if task.kind not in space.kinds:
        raise NasframeError(
            f"search_space: {type(space).__name__} builds networks for {' and '.join(space.kinds)} "
            f"tasks, but task {type(task).__name__} is of kind {task.kind}"
        )
    meters = {name: dict.fromkeys(m.provides, 0.0) for name, m in worker.meters.items()}
    provided = {*worker.evaluator.provides, *merge_meters(meters)}
    for name in objective.needs:
        if name not in provided:
            raise NasframeError(
                f"objective needs {name}, which neither the evaluator nor a meter provides; "
                f"{nearest(name, provided)}"
            )
