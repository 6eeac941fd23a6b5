"""The search loop: ask for proposals, measure, train and score them, write the journal, tell."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace

from nasframe.api.parts import Controller, Executor, Objective, SearchSpace, Stopper
from nasframe.api.study_config import StudyConfig
from nasframe.api.types import (
    Architecture,
    Metrics,
    Proposal,
    Report,
    Result,
    Step,
    Trial,
    TrialState,
)
from nasframe.errors import NasframeError
from nasframe.registry.calls import blame_part, describe_part
from nasframe.storage import events
from nasframe.storage.journal import Journal
from nasframe.study.early_stopping import (
    Decisions,
    ask_stopper,
    compute_partial_reward,
    mark_stopped,
)
from nasframe.study.enqueue import check_tokens
from nasframe.study.observer import Observer
from nasframe.study.retention import Keeper
from nasframe.study.scoring import apply_result, is_over
from nasframe.study.state import Ledger

_SYNC_SECONDS = 0.02
"""Seconds of trials that a power failure may cost, about the time to sync a file. A real child
takes longer, so each is on the disk when it is told; look-ups in a table share a sync."""


@dataclass(slots=True)
class _Running:
    """A running trial.

    Attributes:
        key: its canonical key.
        trial: its results so far.
        since: the study's running time when it started, in seconds.
        reports: its metrics by epoch.
    """

    key: Hashable
    trial: Trial
    since: float
    reports: dict[int, Metrics] = field(default_factory=dict)


@dataclass(kw_only=True)
class Loop:
    """A running study, from its ledger's state to its end.

    Attributes:
        observer: informed of all events.
        decisions: the stopper's decisions on trials without a result: a child that is trained
            again is stopped at the same epoch.
        epochs: number of epochs of a full training.
        enqueued: architectures to evaluate before the controller is asked.
    """

    config: StudyConfig
    space: SearchSpace
    controller: Controller
    objective: Objective
    stopper: Stopper | None
    journal: Journal
    ledger: Ledger
    keeper: Keeper
    observer: Observer
    decisions: Decisions
    epochs: int
    enqueued: Sequence[tuple[int, ...]]

    def __post_init__(self) -> None:
        trials = self.ledger.trials
        self._start = time.monotonic() - self.ledger.elapsed
        self._size = self.space.size
        self._queue = deque(sorted(self.ledger.pending))
        self._running: dict[int, _Running] = {}
        self._twins: dict[Hashable, list[int]] = {}
        # Trials start in the order of their numbers: all up to the highest one told have started.
        self._started = max(trials, default=-1)
        self._newest = max((n for n, t in trials.items() if t.duplicate_of is None), default=-1)
        self._devices = {m: d for t in trials.values() for m, d in t.devices.items()}
        self._unsynced_seconds = 0.0

    @property
    def over(self) -> str | None:
        """The limit that forbids another trial, as text; ``None`` if there is none."""
        return None if self._must_restart() else self._find_limit()

    def run(self, executor: Executor) -> str:
        """Search until a limit is reached; return that limit as text."""
        self._executor = executor
        while True:
            self._fill_executor()
            if not self._running:
                return self._find_limit() or ""
            messages = executor.wait()
            # Good results are told before an error that ends the study.
            for message in sorted(messages, key=lambda m: isinstance(m, Result) and m.fatal):
                if isinstance(message, Report):
                    self._answer(message)
                else:
                    self._end_step(message)

    def _measure_elapsed(self) -> float:
        return time.monotonic() - self._start

    def _find_limit(self) -> str | None:
        """Return the limit that is reached by the finished and the running trials, as text."""
        config, ledger, running = self.config, self.ledger, len(self._running)
        duplicates = self._started - self._newest
        if config.trials is not None and ledger.evaluated + running >= config.trials:
            return f"{ledger.evaluated + running} trials were run"
        if config.hours is not None and self._measure_elapsed() >= config.hours * 3600:
            return f"{config.hours:g} hours are over"
        if ledger.failures >= config.max_failures:
            failed = (t for t in reversed(ledger.trials.values()) if t.state is TrialState.FAILED)
            error = next(failed).error
            return f"{ledger.failures} trials in a row failed, the last with {error}"
        if duplicates >= config.max_duplicates:
            return f"the last {duplicates} proposals were all duplicates"
        if ledger.complete + running >= self._size:
            return "every architecture of the search space was tried"
        return None

    def _fill_executor(self) -> None:
        """Start trials while the executor has capacity and no limit is reached."""
        while len(self._running) < self._executor.capacity:
            if self.over:
                return
            if not self._queue:
                if self.ledger.pending and self.config.synchronous:
                    return
                self._ask()
            self._start_trial(self._queue.popleft())

    def _must_restart(self) -> bool:
        """Return whether the next trial started before a kill: no limit then stops it."""
        return bool(self._queue) and self._queue[0] < self._started

    def _ask(self) -> None:
        first = self.ledger.next_number
        if first == 0 and self.enqueued:
            proposals = [Proposal(tokens) for tokens in self.enqueued]
        else:
            with blame_part(describe_part(self.controller, "batch")):
                numbers = range(first, first + (self.config.batch or self.controller.batch))
            proposals = self._ask_controller(numbers)
        self.journal.append(events.encode_asked(first, proposals))
        self.ledger.record_asked(proposals)
        self._queue.extend(range(first, self.ledger.next_number))

    def _ask_controller(self, numbers: range) -> list[Proposal]:
        name = describe_part(self.controller, "ask")
        with blame_part(name):
            proposals = self.controller.ask(numbers)
        if not isinstance(proposals, list) or not all(isinstance(p, Proposal) for p in proposals):
            raise NasframeError(f"{name} must return a list of Proposal, not {proposals!r:.80}")
        if not numbers or len(proposals) != len(numbers):
            raise NasframeError(
                f"{name} was asked for {len(numbers)} proposals and gave {len(proposals)}"
            )
        for number, proposal in zip(numbers, proposals, strict=True):
            try:
                check_tokens(proposal.tokens, self.space.choices[: self.space.active(number)])
                if not events.all_finite(proposal.info):
                    raise NasframeError(f"has info that is not finite: {proposal.info}")
            except NasframeError as error:
                raise NasframeError(f"{name}: proposal {number} {error}") from error
        return [Proposal(tuple(proposal.tokens), proposal.info) for proposal in proposals]

    def _start_trial(self, number: int) -> None:
        self._started = max(self._started, number)
        proposal = self.ledger.pending[number]
        architecture = Architecture(proposal.tokens)
        with blame_part(describe_part(self.space, "canonical")):
            key = self.space.canonical(architecture)
            hash(key)
        if key in self.ledger.known:
            self._tell_twin(number, key)
        elif key in self._twins:
            self._twins[key].append(number)
        else:
            self._newest = max(self._newest, number)
            self._twins[key] = []
            trial = Trial(number, architecture, proposal.info)
            self._running[number] = _Running(key, trial, self._measure_elapsed())
            self._submit(trial, Step.MEASURE if self.config.meters else Step.TRAIN)

    def _submit(self, trial: Trial, step: Step) -> None:
        self._executor.submit(trial.number, step, trial.architecture.tokens)
        self.observer.on_submit(trial.number, step)

    def _answer(self, report: Report) -> None:
        """Decide whether a child's training continues; as before if it is trained again."""
        go_on = events.all_finite(report.metrics)  # else its result will be a failure
        if go_on and self.stopper is not None and report.epoch < self.epochs:
            go_on = self._decide(self.stopper, report)
        self.observer.on_report(report)
        self._executor.reply(report.number, go_on)

    def _decide(self, stopper: Stopper, report: Report) -> bool:
        decided = self.decisions.setdefault(report.number, {})
        running = self._running[report.number]
        running.reports[report.epoch] = report.metrics
        if report.epoch not in decided:
            reward = compute_partial_reward(
                running.trial, running.reports, report.epoch, self.objective
            )
            if reward is None:  # the trial will be failed or rejected, with a reason
                return True
            decided[report.epoch] = go_on = ask_stopper(stopper, report, reward)
            self.journal.append(events.encode_reported(report, reward, go_on))
        return decided[report.epoch]

    def _end_step(self, result: Result) -> None:
        if result.fatal:
            raise NasframeError(str(result.error))
        running = self._running[result.number]
        if result.step is Step.MEASURE:
            self._check_devices(result)
            running.trial = replace(running.trial, devices=result.devices)
        trial = apply_result(running.trial, result, self.objective)
        if result.step is Step.MEASURE and not is_over(trial):
            running.trial = trial
            self._submit(trial, Step.TRAIN)
            return
        del self._running[trial.number]
        decided = self.decisions.pop(trial.number, {})
        trial = trial if self.stopper is None else mark_stopped(trial, decided, self.stopper)
        self._tell(trial, since=running.since)
        for number in self._twins.pop(running.key):
            self._tell_twin(number, running.key)

    def _check_devices(self, result: Result) -> None:
        """Refuse measurements on another device than before."""
        for meter, device in result.devices.items():
            first = self._devices.setdefault(meter, device)
            if device != first:
                raise NasframeError(
                    f"meter {meter} measured on {first!r} before and measures on {device!r} now: "
                    "the values differ\nResume on the first device, or choose another dir"
                )

    def _tell_twin(self, number: int, key: Hashable) -> None:
        """Tell a duplicate, with the result of the first trial of its network."""
        original = self.ledger.trials[self.ledger.known[key]]
        proposal = self.ledger.pending[number]
        self._tell(
            replace(
                original,
                number=number,
                architecture=Architecture(proposal.tokens),
                info=proposal.info,
                seconds=0.0,
                duplicate_of=original.number,
            )
        )

    def _tell(self, trial: Trial, since: float | None = None) -> None:
        elapsed = self._measure_elapsed()
        waited = 0.0 if since is None else max(0.0, elapsed - since - trial.seconds)
        self._unsynced_seconds += trial.seconds
        sync = self._unsynced_seconds >= _SYNC_SECONDS
        self.journal.append(events.encode_told(trial, elapsed, waited), sync=sync)
        if sync:
            self._unsynced_seconds = 0.0
        self.ledger.record_told(trial, elapsed)
        self.keeper.record(trial)
        self.observer.on_result(trial)
