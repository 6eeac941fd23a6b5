"""What the journal implies: who was asked, what was told, and what the controller has learned.

A running study and its replay go through the same methods, so that a resumed study stands exactly
where the interrupted one stood.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence

from nasframe.api.parts import Controller, SearchSpace
from nasframe.api.types import Proposal, Trial, TrialState
from nasframe.registry.calls import blaming, called


class Ledger:
    """The state of a study.

    Args:
        space: gives the canonical keys.
        controller: is told the trials from ``learn`` on: a whole batch in the order of its numbers
            if ``synchronous``, else each as it comes.
        synchronous: see above.

    Attributes:
        trials: what was told, by number.
        pending: what was asked and not told yet, by number.
        known: the number of the first told proposal of each canonical key.
        complete: how many trials had every choice of the space active.
        failures: how many of the last trials failed, in a row and in the order of numbers.
        next_number: of the next proposal.
        elapsed: for how many seconds the study had run when the last trial was told.
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

    def asked(self, proposals: Sequence[Proposal]) -> None:
        """Take up a batch of proposals, which get the next numbers."""
        for proposal in proposals:
            self.pending[self.next_number] = proposal
            self._batch.append(self.next_number)
            self.next_number += 1

    def told(self, trial: Trial, elapsed: float) -> None:
        """Take up a trial, and tell the controller what it is to know by now."""
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

    def resumed(self, max_failures: int) -> None:
        """The study goes on: one that ended after too many failures begins to count again."""
        if self.failures >= max_failures:
            self.failures = 0

    def learn(self) -> None:
        """Tell the controller what was told so far, and from now on all at once.

        A study that turns out to be finished is not made to wait for that.
        """
        untold, self._untold = self._untold, None
        for trials in untold or []:
            self._tell(trials)

    def _tell(self, trials: list[Trial]) -> None:
        if self._untold is not None:
            self._untold.append(trials)
            return
        with blaming(called(self._controller, "tell")):
            self._controller.tell(trials)

    def _count_failures(self) -> None:
        """Go on to the first number that was not told: results may come in another order."""
        while (trial := self.trials.get(self._front)) is not None:
            self._front += 1
            if trial.duplicate_of is None:
                failed = trial.state is TrialState.FAILED
                self.failures = self.failures + 1 if failed else 0

    @property
    def evaluated(self) -> int:
        """How many trials there are: told proposals that are not duplicates."""
        return len(self.known)
