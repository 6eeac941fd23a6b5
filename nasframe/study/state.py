"""State of a study, derived from its journal: proposals, trials and the controller's knowledge.

A running study and its replay call the same methods, so a resumed study has exactly the state of
the interrupted one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence

from nasframe.api.parts import Controller, SearchSpace
from nasframe.api.types import Proposal, Trial, TrialState
from nasframe.registry.calls import blame_part, describe_part


class Ledger:
    """The state of a study.

    Args:
        space: computes the canonical keys.
        controller: told the trials after ``learn``: a whole batch in the order of its numbers if
            ``synchronous``, else each trial as it ends.
        synchronous: whether to tell whole batches.

    Attributes:
        trials: the trials told, by number.
        pending: the proposals without a result, by number.
        known: the number of the first told proposal of each canonical key.
        complete: number of trials with every choice of the space active.
        failures: number of consecutive failures at the end of the trials, in the order of numbers.
        next_number: number of the next proposal.
        elapsed: the study's running time when the last trial was told, in seconds.
    """

    def __init__(self, space: SearchSpace, controller: Controller, synchronous: bool) -> None:
        self._space = space
        self._controller = controller
        self._synchronous = synchronous
        self._batch: deque[int] = deque()
        self._front = 0
        self._untold: list[list[Trial]] | None = []
        self.trials: dict[int, Trial] = {}
        self.pending: dict[int, Proposal] = {}
        self.known: dict[Hashable, int] = {}
        self.complete = 0
        self.failures = 0
        self.next_number = 0
        self.elapsed = 0.0

    def record_asked(self, proposals: Sequence[Proposal]) -> None:
        """Add a batch of proposals, which get the next numbers."""
        for proposal in proposals:
            self.pending[self.next_number] = proposal
            self._batch.append(self.next_number)
            self.next_number += 1

    def record_told(self, trial: Trial, elapsed: float) -> None:
        """Add a trial, and tell the controller all trials that are due."""
        del self.pending[trial.number]
        self.trials[trial.number] = trial
        self.elapsed = elapsed
        if trial.duplicate_of is None:
            self.known[self._space.canonical(trial.architecture)] = trial.number
            self.complete += len(trial.architecture.tokens) == len(self._space.choices)
        self._count_failures()
        if not self._synchronous:
            self._tell([trial])
        elif not self.pending:
            self._tell([self.trials[number] for number in self._batch])
            self._batch.clear()

    def record_resumed(self, max_failures: int) -> None:
        """Resume the study: reset the count of failures if it had ended the study."""
        if self.failures >= max_failures:
            self.failures = 0

    def learn(self) -> None:
        """Tell the controller all trials so far, and later ones immediately.

        Deferred, because a study that is found to be finished need not wait for it.
        """
        untold, self._untold = self._untold, None
        for trials in untold or []:
            self._tell(trials)

    def _tell(self, trials: list[Trial]) -> None:
        if self._untold is not None:
            self._untold.append(trials)
            return
        with blame_part(describe_part(self._controller, "tell")):
            self._controller.tell(trials)

    def _count_failures(self) -> None:
        """Count failures up to the first number without a result: results come in any order."""
        while (trial := self.trials.get(self._front)) is not None:
            self._front += 1
            if trial.duplicate_of is None:
                failed = trial.state is TrialState.FAILED
                self.failures = self.failures + 1 if failed else 0

    @property
    def evaluated(self) -> int:
        """The number of trials: told proposals that are not duplicates."""
        return len(self.known)
