"""The search loop: ask, measure, train, score, journal, tell."""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nasframe.api import (
    Architecture,
    Controller,
    Executor,
    Metrics,
    Objective,
    Proposal,
    Report,
    Result,
    SearchSpace,
    Step,
    Stopper,
    Trial,
)
from nasframe.config import StudyConfig
from nasframe.enqueue import check_tokens
from nasframe.errors import NasframeError
from nasframe.journal import Journal
from nasframe.keeper import Keeper
from nasframe.ledger import Ledger, asked_event, told_event
from nasframe.progress import Progress

_WORTH_A_SYNC = 0.02
"""Seconds of trials that a power failure may cost: about what it takes to sync a file. A real child
takes longer, so each is on the disk when it is told; look-ups in a table share a sync."""


@dataclass(slots=True)
class _Running:
    """A trial that was begun: its canonical key, and what is known of it so far."""

    key: Hashable
    trial: Trial


@dataclass(kw_only=True)
class Loop:
    """One session of a study, from where its ledger stands to its end.

    Attributes:
        decisions: what the stopper decided before, by number and epoch: a child that is trained
            again after a kill is stopped where it was stopped.
        enqueued: architectures to evaluate before the controller is asked.
    """

    config: StudyConfig
    space: SearchSpace
    controller: Controller
    objective: Objective
    stopper: Stopper | None
    executor: Executor
    journal: Journal
    ledger: Ledger
    keeper: Keeper
    progress: Progress
    decisions: dict[tuple[int, int], bool]
    enqueued: Sequence[tuple[int, ...]]
    running: dict[int, _Running] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._start = time.monotonic() - self.ledger.elapsed
        self._size = self.space.size
        self._queue = deque(sorted(self.ledger.pending))
        self._twins: defaultdict[Hashable, list[int]] = defaultdict(list)
        self._keys: set[Hashable] = set()
        self._duplicates = self.ledger.trailing_duplicates()
        self._failures = 0
        self._last_error = ""
        self._at_stake = 0.0

    def run(self) -> str:
        """Search until a limit is reached; returns which, in words."""
        while True:
            self._fill()
            if not self.running:
                return self._limit() or ""
            for message in self.executor.wait():
                if isinstance(message, Report):
                    self._answer(message)
                else:
                    self._end_step(message)

    def _elapsed(self) -> float:
        return time.monotonic() - self._start

    def _limit(self) -> str | None:
        """Which limit forbids to begin another trial, if one does."""
        config = self.config
        begun = self.ledger.evaluated + len(self.running)
        if config.trials is not None and begun >= config.trials:
            return f"{begun} trials were run"
        if config.hours is not None and self._elapsed() >= config.hours * 3600:
            return f"{config.hours:g} hours are over"
        if self._failures >= config.max_failures:
            return f"{self._failures} trials in a row failed, the last with {self._last_error}"
        if self._duplicates >= config.max_duplicates:
            return f"the last {self._duplicates} proposals were all known already"
        if begun >= self._size:
            return "every architecture of the search space was tried"
        return None

    def _fill(self) -> None:
        """Begin trials while there is room for them and no limit is reached."""
        while len(self.running) < self.executor.capacity and not self._limit():
            if not self._queue:
                if self.ledger.pending and self.config.synchronous:
                    return
                self._ask()
            self._begin(self._queue.popleft())

    def _ask(self) -> None:
        first = self.ledger.next_number
        if first == 0 and self.enqueued:
            proposals = [Proposal(tokens) for tokens in self.enqueued]
        else:
            size = self.config.batch or self.controller.batch
            proposals = self._ask_controller(range(first, first + size))
        self.journal.append(asked_event(first, proposals))
        self.ledger.asked(proposals)
        self._queue.extend(range(first, self.ledger.next_number))

    def _ask_controller(self, numbers: range) -> list[Proposal]:
        proposals = self.controller.ask(numbers)
        name = type(self.controller).__name__
        if len(proposals) != len(numbers):
            raise NasframeError(
                f"{name} was asked for {len(numbers)} proposals and gave {len(proposals)}"
            )
        for number, proposal in zip(numbers, proposals, strict=True):
            try:
                check_tokens(proposal.tokens, self.space.choices[: self.space.active(number)])
            except NasframeError as error:
                raise NasframeError(f"{name}: proposal {number} {error}") from error
        return proposals

    def _begin(self, number: int) -> None:
        proposal = self.ledger.pending[number]
        architecture = Architecture(proposal.tokens)
        key = self.space.canonical(architecture)
        if key in self.ledger.known or key in self._keys:
            self._duplicates += 1
            self._twins[key].append(number)
            if key in self.ledger.known:
                self._tell_twins(key)
            return
        self._duplicates = 0
        self._keys.add(key)
        self.running[number] = _Running(key, Trial(number, architecture, proposal.info))
        step = Step.MEASURE if self.config.meters else Step.TRAIN
        self.executor.submit(number, step, proposal.tokens)

    def _answer(self, report: Report) -> None:
        """Decide whether a child goes on: as before, if it is trained again."""
        go_on = True
        if self.stopper is not None:
            at = (report.number, report.epoch)
            if at not in self.decisions:
                self.decisions[at] = self.stopper.decide(*at, report.metrics)
                self.journal.append(_reported_event(report, self.decisions[at]))
            go_on = self.decisions[at]
        self.progress.reported(report)
        self.executor.reply(report.number, go_on)

    def _end_step(self, result: Result) -> None:
        if result.fatal:
            raise NasframeError(str(result.error))
        running = self.running[result.number]
        before = running.trial
        trial = running.trial = replace(
            before,
            metrics={**result.metrics, **before.metrics},  # what was measured goes before
            seconds=round(before.seconds + result.seconds, 6),
            error=result.error,
        )
        if trial.error is None and result.step is Step.MEASURE:
            reason = self.objective.rejects(trial.metrics)
            if reason is None:
                tokens = trial.architecture.tokens
                self.executor.submit(trial.number, Step.TRAIN, tokens)
                return
            trial = replace(trial, reward=0.0, rejected=reason)
        del self.running[trial.number]
        self._keys.remove(running.key)
        self._tell(scored(trial, self.objective))
        self._tell_twins(running.key)

    def _tell_twins(self, key: Hashable) -> None:
        """Tell those that are the same network again what was found for the first of them."""
        original = self.ledger.trials[self.ledger.known[key]]
        for number in self._twins.pop(key, ()):
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

    def _tell(self, trial: Trial) -> None:
        if trial.duplicate_of is None:
            self._failures = self._failures + 1 if trial.error else 0
            self._last_error = trial.error or ""
        elapsed = self._elapsed()
        self._at_stake += trial.seconds
        sync = self._at_stake >= _WORTH_A_SYNC
        self.journal.append(told_event(trial, time.time(), elapsed), sync=sync)
        if sync:
            self._at_stake = 0.0
        self.ledger.told(trial, elapsed)
        self.keeper.told(trial)
        self.progress.told(trial)


def _reported_event(report: Report, go_on: bool) -> dict[str, Any]:
    return {
        "event": "reported",
        "number": report.number,
        "epoch": report.epoch,
        "metrics": dict(report.metrics),
        "go_on": go_on,
        "time": round(time.time(), 3),
    }


def scored(trial: Trial, objective: Objective) -> Trial:
    """The trial with its reward; failed if a number is not finite or the objective raises."""
    if trial.error is not None or trial.rejected is not None:
        return replace(trial, metrics=_finite(trial.metrics))
    bad = [name for name, value in trial.metrics.items() if not _is_finite(value)]
    if bad:
        error = f"{bad[0]} is {trial.metrics[bad[0]]}"
        return replace(trial, metrics=_finite(trial.metrics), error=error)
    try:
        reward = float(objective.score(trial.metrics))
    except Exception as error:
        return replace(trial, error=f"objective: {type(error).__name__}: {error}")
    if not math.isfinite(reward):
        return replace(trial, error=f"the reward is {reward}")
    return replace(trial, reward=reward)


def _finite(metrics: Metrics) -> Metrics:
    return {name: value for name, value in metrics.items() if _is_finite(value)}


def _is_finite(value: Any) -> bool:
    numbers = value if isinstance(value, tuple) else (value,)
    return all(isinstance(number, int | float) and math.isfinite(number) for number in numbers)
