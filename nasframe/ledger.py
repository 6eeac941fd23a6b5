"""What the journal implies: who was asked, what was told, and what the controller has learned.

A running study and its replay go through the same two methods, so that a resumed study stands
exactly where the interrupted one stood.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from nasframe.api import Architecture, Controller, Proposal, SearchSpace, Trial


class Ledger:
    """The state of a study.

    Args:
        space: gives the canonical keys.
        controller: is told the trials: a whole batch in the order of its numbers if
            ``synchronous``, else each as it comes.
        synchronous: see above.

    Attributes:
        trials: what was told, by number.
        pending: what was asked and not told yet, by number.
        known: the number of the first told proposal of each canonical key.
        next_number: of the next proposal.
        elapsed: for how many seconds the study had run when the last trial was told.
    """

    def __init__(self, space: SearchSpace, controller: Controller, synchronous: bool) -> None:
        self._space = space
        self._controller = controller
        self._synchronous = synchronous
        self._batch: deque[int] = deque()
        self.trials: dict[int, Trial] = {}
        self.pending: dict[int, Proposal] = {}
        self.known: dict[Hashable, int] = {}
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
        if not self._synchronous:
            self._controller.tell([trial])
        elif not self.pending:
            self._controller.tell([self.trials[number] for number in self._batch])
            self._batch.clear()

    @property
    def evaluated(self) -> int:
        """How many trials there are: told proposals that are not duplicates."""
        return len(self.known)

    def trailing_duplicates(self) -> int:
        """How many of the last told proposals were duplicates, in a row from the highest number."""
        count = 0
        for number in sorted(self.trials, reverse=True):
            if self.trials[number].duplicate_of is None:
                break
            count += 1
        return count


def asked_event(first: int, proposals: Sequence[Proposal]) -> dict[str, Any]:
    """The journal's line for a batch of proposals."""
    return {
        "event": "asked",
        "number": first,
        "tokens": [list(proposal.tokens) for proposal in proposals],
        "info": [dict(proposal.info) for proposal in proposals],
    }


def proposals_of(event: Mapping[str, Any]) -> list[Proposal]:
    """The proposals of a line of the journal."""
    pairs = zip(event["tokens"], event["info"], strict=True)
    return [Proposal(tuple(tokens), info) for tokens, info in pairs]


def told_event(trial: Trial, now: float, elapsed: float) -> dict[str, Any]:
    """The journal's line for a trial; what is absent is left out."""
    event: dict[str, Any] = {
        "event": "told",
        "number": trial.number,
        "tokens": list(trial.architecture.tokens),
        "metrics": dict(trial.metrics),
        "reward": trial.reward,
        "error": trial.error,
        "rejected": trial.rejected,
        "duplicate": trial.duplicate_of,
        "seconds": trial.seconds,
        "elapsed": round(elapsed, 3),
        "time": round(now, 3),
    }
    return {key: value for key, value in event.items() if value is not None}


def trial_of(event: Mapping[str, Any], info: Mapping[str, float]) -> Trial:
    """The trial of a line of the journal."""
    metrics = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in event["metrics"].items()
    }
    return Trial(
        number=event["number"],
        architecture=Architecture(tuple(event["tokens"])),
        info=info,
        metrics=metrics,
        reward=event.get("reward"),
        seconds=event["seconds"],
        error=event.get("error"),
        rejected=event.get("rejected"),
        duplicate_of=event.get("duplicate"),
    )
