"""A search without networks: a controller is asked, and told rewards that are made up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from statistics import mean

from nasframe.api.parts import Controller
from nasframe.api.types import Architecture, Choice, Link, Proposal, Trial, TrialState

CHOICES = (
    Choice("layer0.kernel", (1, 3, 5)),
    Choice("layer0.width", (16,)),
    Link("layer1.from0", source=0, target=2),
    Choice("layer1.kernel", (1, 3, 5)),
    Choice("layer1.width", (16, 32, 64, 128)),
    Link("layer2.from0", source=0, target=5),
    Link("layer2.from1", source=2, target=5),
    Choice("layer2.kernel", (1, 3, 5)),
)
"""Choices of several sizes, one that leaves no choice, and links."""

_OPTIMUM = (1, 0, 1, 2, 2, 0, 1, 0)
"""The rewards are the share of choices that are as here."""

_REFUSED = (0, 2)
"""A limit is broken by architectures that have this token (the second) at this place."""

NEUTRAL = 1 / len(CHOICES[_REFUSED[0]].options)
"""The share of rejected networks among architectures that are drawn uniformly."""

Outcome = Callable[[int, tuple[int, ...]], TrialState]
"""What becomes of a network, by its number when it was new and its tokens."""


def all_trained(number: int, tokens: tuple[int, ...]) -> TrialState:
    """Every network is trained."""
    return TrialState.TRAINED


def some_fail(number: int, tokens: tuple[int, ...]) -> TrialState:
    """One in five fails."""
    return TrialState.FAILED if number % 5 == 4 else TrialState.TRAINED


def some_rejected(number: int, tokens: tuple[int, ...]) -> TrialState:
    """One in five fails; of the others those are rejected that break the limit."""
    state = some_fail(number, tokens)
    return TrialState.REJECTED if state is TrialState.TRAINED and is_refused(tokens) else state


def all_rejected(number: int, tokens: tuple[int, ...]) -> TrialState:
    """No network keeps to the limits."""
    return TrialState.REJECTED


def is_refused(tokens: Sequence[int]) -> bool:
    """Whether an architecture breaks the limit."""
    place, token = _REFUSED
    return tokens[place] == token


def reward_of(tokens: Sequence[int]) -> float:
    """The reward: from 0 to 1."""
    return mean(token == best for token, best in zip(tokens, _OPTIMUM, strict=False))


def dyadic_reward(tokens: Sequence[int]) -> float:
    """The reward, rounded to multiples of 1/64: sums with whole numbers are exact."""
    return round(64 * reward_of(tokens)) / 64


def shifted(trial: Trial, constant: float) -> Trial:
    """The trial, had all rewards been higher by a constant."""
    return trial if trial.reward is None else replace(trial, reward=trial.reward + constant)


def mirrored(trial: Trial) -> Trial:
    """The trial, had it been another architecture."""
    pairs = zip(trial.architecture.tokens, CHOICES, strict=False)
    tokens = tuple(len(choice.options) - 1 - token for token, choice in pairs)
    return replace(trial, architecture=Architecture(tokens))


class Search:
    """Asks a controller and tells it what becomes of its proposals, as a study would.

    Args:
        controller: is asked and told.
        outcome: what becomes of a network.
        reward: of a trained one.

    Attributes:
        controller: see above.
        portions: what it was told, by call.
        next: the next number.
    """

    def __init__(
        self,
        controller: Controller,
        outcome: Outcome = some_fail,
        reward: Callable[[Sequence[int]], float] = reward_of,
    ) -> None:
        self.controller = controller
        self.portions: list[list[Trial]] = []
        self.next = 0
        self._outcome = outcome
        self._reward = reward
        self._known: dict[tuple[int, ...], int] = {}

    @property
    def trials(self) -> list[Trial]:
        """All that it was told."""
        return [trial for portion in self.portions for trial in portion]

    def run(self, proposals: int) -> Iterator[tuple[range, list[Proposal]]]:
        """Ask and tell, batch by batch, up to a number of proposals."""
        while self.next < proposals:
            numbers = range(self.next, self.next + self.controller.batch)
            asked = self.controller.ask(numbers)
            self._tell(asked)
            yield numbers, asked

    def finish(self, proposals: int) -> None:
        """Run to the end."""
        for _ in self.run(proposals):
            pass

    def enqueue(self, architectures: Sequence[tuple[int, ...]]) -> None:
        """Tell architectures of the user."""
        self._tell([Proposal(tokens) for tokens in architectures])

    def replay(self, other: Controller, change: Callable[[Trial], Trial] = lambda t: t) -> None:
        """Tell another controller the same, with each trial changed."""
        for portion in self.portions:
            other.tell([change(trial) for trial in portion])

    def compare(self, other: Controller, otherwise: str) -> None:
        """Check that another controller proposes the same next, to the last bit of its info."""
        ours, theirs = self._ask_both(other)
        assert ours == theirs, f"{otherwise}: {ours} != {theirs}"

    def compare_tokens(self, other: Controller, otherwise: str) -> None:
        """Check that another controller proposes the same architectures next."""
        ours, theirs = ([p.tokens for p in proposals] for proposals in self._ask_both(other))
        assert ours == theirs, f"{otherwise}: {ours} != {theirs}"

    def _ask_both(self, other: Controller) -> tuple[list[Proposal], list[Proposal]]:
        numbers = range(self.next, self.next + self.controller.batch)
        return self.controller.ask(numbers), other.ask(numbers)

    def _tell(self, proposals: Sequence[Proposal]) -> None:
        portion = [self._trial(self.next + i, p) for i, p in enumerate(proposals)]
        self.next += len(portion)
        self.portions.append(portion)
        self.controller.tell(portion)

    def _trial(self, number: int, proposal: Proposal) -> Trial:
        first = self._known.setdefault(proposal.tokens, number)
        state = self._outcome(first, proposal.tokens)
        return Trial(
            number,
            Architecture(proposal.tokens),
            proposal.info,
            reward=self._reward(proposal.tokens) if state is TrialState.TRAINED else None,
            error="it failed" if state is TrialState.FAILED else None,
            rejected="it is above a limit" if state is TrialState.REJECTED else None,
            duplicate_of=first if first < number else None,
        )
