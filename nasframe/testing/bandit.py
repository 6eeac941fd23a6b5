"""A search without networks: asks a controller, and tells it artificial rewards."""

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
"""Choices of several sizes, one with a single option, and links."""

_OPTIMUM = (1, 0, 1, 2, 2, 0, 1, 0)
"""The architecture with the highest reward: a reward is the share of equal tokens."""

_REJECTED = (0, 2)
"""Place and token of the architectures that break a limit."""

NEUTRAL = 1 / len(CHOICES[_REJECTED[0]].options)
"""The share of rejected networks among uniformly drawn architectures."""

Outcome = Callable[[int, tuple[int, ...]], TrialState]
"""The state of a network, by the number of its first proposal and its tokens."""


def train_all(number: int, tokens: tuple[int, ...]) -> TrialState:
    """Train every network."""
    return TrialState.TRAINED


def fail_some(number: int, tokens: tuple[int, ...]) -> TrialState:
    """Fail one network in five, and train the others."""
    return TrialState.FAILED if number % 5 == 4 else TrialState.TRAINED


def reject_some(number: int, tokens: tuple[int, ...]) -> TrialState:
    """Fail one network in five; reject the others if they break the limit."""
    state = fail_some(number, tokens)
    return TrialState.REJECTED if state is TrialState.TRAINED and is_rejected(tokens) else state


def reject_all(number: int, tokens: tuple[int, ...]) -> TrialState:
    """Reject every network."""
    return TrialState.REJECTED


def is_rejected(tokens: Sequence[int]) -> bool:
    """Return whether an architecture breaks the limit."""
    place, token = _REJECTED
    return tokens[place] == token


def compute_reward(tokens: Sequence[int]) -> float:
    """Return the reward of an architecture, from 0 to 1."""
    return mean(token == best for token, best in zip(tokens, _OPTIMUM, strict=False))


def compute_dyadic_reward(tokens: Sequence[int]) -> float:
    """Return the reward rounded to multiples of 1/64, so that sums with integers are exact."""
    return round(64 * compute_reward(tokens)) / 64


def shift_reward(trial: Trial, constant: float) -> Trial:
    """Return the trial with its reward raised by a constant."""
    return trial if trial.reward is None else replace(trial, reward=trial.reward + constant)


def mirror_trial(trial: Trial) -> Trial:
    """Return the trial with another architecture: each token counted from the end."""
    pairs = zip(trial.architecture.tokens, CHOICES, strict=False)
    tokens = tuple(len(choice.options) - 1 - token for token, choice in pairs)
    return replace(trial, architecture=Architecture(tokens))


class Search:
    """Asks a controller and tells it the outcome of its proposals, like a study.

    Args:
        controller: the controller to ask and tell.
        outcome: returns the state of a network.
        reward: returns the reward of a trained network.

    Attributes:
        controller: see above.
        portions: the trials that were told, by call.
        next: number of the next proposal.
    """

    def __init__(
        self,
        controller: Controller,
        outcome: Outcome = fail_some,
        reward: Callable[[Sequence[int]], float] = compute_reward,
    ) -> None:
        self.controller = controller
        self.portions: list[list[Trial]] = []
        self.next = 0
        self._outcome = outcome
        self._reward = reward
        self._first_numbers: dict[tuple[int, ...], int] = {}

    @property
    def trials(self) -> list[Trial]:
        """All trials that were told."""
        return [trial for portion in self.portions for trial in portion]

    def run(self, proposals: int) -> Iterator[tuple[range, list[Proposal]]]:
        """Ask and tell, batch by batch, until there are ``proposals`` proposals."""
        while self.next < proposals:
            numbers = range(self.next, self.next + self.controller.batch)
            proposed = self.controller.ask(numbers)
            self._tell(proposed)
            yield numbers, proposed

    def finish(self, proposals: int) -> None:
        """Run to the end."""
        for _ in self.run(proposals):
            pass

    def enqueue(self, architectures: Sequence[tuple[int, ...]]) -> None:
        """Tell architectures enqueued by the user."""
        self._tell([Proposal(tokens) for tokens in architectures])

    def replay(self, other: Controller, change: Callable[[Trial], Trial] = lambda t: t) -> None:
        """Tell another controller the same trials, changed by ``change``."""
        for portion in self.portions:
            other.tell([change(trial) for trial in portion])

    def compare(self, other: Controller, otherwise: str) -> None:
        """Assert that another controller makes the same next proposals, with identical info."""
        ours, theirs = self._ask_both(other)
        assert ours == theirs, f"{otherwise}: {ours} != {theirs}"

    def compare_tokens(self, other: Controller, otherwise: str) -> None:
        """Assert that another controller proposes the same architectures next."""
        ours, theirs = ([p.tokens for p in proposals] for proposals in self._ask_both(other))
        assert ours == theirs, f"{otherwise}: {ours} != {theirs}"

    def _ask_both(self, other: Controller) -> tuple[list[Proposal], list[Proposal]]:
        numbers = range(self.next, self.next + self.controller.batch)
        return self.controller.ask(numbers), other.ask(numbers)

    def _tell(self, proposals: Sequence[Proposal]) -> None:
        portion = [self._make_trial(self.next + i, p) for i, p in enumerate(proposals)]
        self.next += len(portion)
        self.portions.append(portion)
        self.controller.tell(portion)

    def _make_trial(self, number: int, proposal: Proposal) -> Trial:
        first = self._first_numbers.setdefault(proposal.tokens, number)
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
