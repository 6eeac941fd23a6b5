"""What a controller must keep to."""

from __future__ import annotations

import math
import random
import sys
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from statistics import mean
from typing import Any, ClassVar
from unittest import SkipTest

from nasframe.api.config import ControllerConfig
from nasframe.api.parts import Controller
from nasframe.api.types import Architecture, Choice, Link, Proposal, Trial
from nasframe.testing.part import PartContract

_CHOICES = (
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
"""The rewards of the contract are the share of choices that are as here."""

_SHALLOW, _GROWS = 2, 12
"""In the contract's growing space, proposals below the second number decide this many choices."""


def _all(number: int) -> int:
    return len(_CHOICES)


def _growing(number: int) -> int:
    return _SHALLOW if number < _GROWS else len(_CHOICES)


class ControllerContract(PartContract):
    """What a controller must keep to, as tests; see ``PartContract``.

    Attributes:
        learns: whether it learns a bandit: each choice has one best option, whatever the others
            are, and in the last quarter of ``proposals`` it must have come a third of the way
            from the mean reward of random search to the highest reward.
        proposals: see above; 60 or more, or random search would be taken for a learner.
        failures_count: whether a failed trial, which must teach nothing, counts all the same: for
            a batch to be complete, say.
        portions_matter: whether it matters which trials are told in one call. A study resumes
            with the same calls; but one that is told as results come has calls of one trial.
    """

    learns: ClassVar[bool] = True
    proposals: ClassVar[int] = 120
    failures_count: ClassVar[bool] = False
    portions_matter: ClassVar[bool] = False

    @abstractmethod
    def config(self) -> ControllerConfig:
        """The settings of the controller to be tested."""

    def test_a_proposal_is_an_option_for_each_active_choice(self) -> None:
        search = self._search(_growing)
        for numbers, proposals in search.run(_GROWS + 20):
            assert len(proposals) == len(numbers), f"asked for {len(numbers)}: {proposals}"
            for number, proposal in zip(numbers, proposals, strict=True):
                _check(proposal.tokens, number)
                finite = all(math.isfinite(value) for value in proposal.info.values())
                assert finite, f"{number}: not finite: {proposal.info}"

    def test_argmax_is_an_architecture_if_there_is_one(self) -> None:
        asked, silent = self._search(_growing), self._build(_growing)
        for numbers, _ in asked.run(_GROWS + 20):
            tokens = asked.controller.argmax(numbers[0])
            if tokens is not None:
                _check(tokens, numbers[0])
        asked.replay(silent)
        asked.compare(silent, "it learned from being asked for its argmax")

    def test_ask_changes_nothing(self) -> None:
        asked, silent = self._search(_growing), self._build(_growing)
        for _, proposals in asked.run(_GROWS + 20):
            again = asked.controller.ask(range(asked.next, asked.next + len(proposals)))
            asked.controller.ask([asked.next + 1000])
            same = asked.controller.ask(range(asked.next, asked.next + len(proposals)))
            assert again == same, "asked twice for the same numbers, it proposed something else"
        asked.replay(silent)
        asked.compare(silent, "it learned from being asked")

    def test_ask_and_tell_leave_global_random_states_alone(self) -> None:
        before = _random_states()
        for _ in self._search(_all).run(24):
            pass
        assert _random_states() == before, "a global random generator was used"

    def test_replay_gives_the_same_proposals(self) -> None:
        """That is how a study is resumed; architectures of the user come first, without info."""
        search, resumed = self._search(_growing), self._build(_growing)
        search.enqueue([(2, 0, 1, 1, 1, 0, 0, 2), (0, 0), (1, 0, 0, 0, 2, 1, 0, 0)])
        for _ in search.run(_GROWS + 20):
            pass
        search.replay(resumed)
        search.compare(resumed, "told the same trials, another controller proposed something else")

    def test_portions_do_not_matter(self) -> None:
        if self.portions_matter:
            raise SkipTest("declared by portions_matter")
        search = self._search(_all)
        for _ in search.run(24):
            pass
        for size in (1, 5, len(search.trials)):
            other = self._build(_all)
            for first in range(0, len(search.trials), size):
                other.tell(search.trials[first : first + size])
            search.compare(other, f"it learned something else from portions of {size}")

    def test_failed_trials_teach_nothing(self) -> None:
        search, other = self._search(_all), self._build(_all)
        for _ in search.run(40):
            pass
        assert any(trial.reward is None for trial in search.trials), "too few networks to fail"
        for portion in search.portions:
            if self.failures_count:
                other.tell([t if t.reward is not None else _mirrored(t) for t in portion])
            else:
                other.tell([t for t in portion if t.reward is not None])
        search.compare(other, "it learned from trials without a reward")

    def test_a_bandit_is_learned(self) -> None:
        if not self.learns:
            raise SkipTest("declared by learns")
        search = self._search(_all, fails=False)
        for _ in search.run(self.proposals):
            pass
        last = search.trials[-(self.proposals // 4) :]
        reached = mean(_reward(trial.architecture.tokens) for trial in last)
        uniform = mean(1 / len(choice.options) for choice in _CHOICES)
        wanted = uniform + (1 - uniform) / 3
        assert reached >= wanted, f"mean reward {reached:.3f}, wanted {wanted:.3f}"

    def _build(self, active: Callable[[int], int]) -> Controller:
        return self.config().build(_CHOICES, 5, active)

    def _search(self, active: Callable[[int], int], *, fails: bool = True) -> _Search:
        return _Search(self._build(active), fails)


class _Search:
    """Asks a controller and tells it rewards that are made up, as a study would.

    Attributes:
        controller: which is asked and told.
        portions: what it was told, by call.
        next: the next number.
    """

    def __init__(self, controller: Controller, fails: bool) -> None:
        self.controller = controller
        self.portions: list[list[Trial]] = []
        self.next = 0
        self._fails = fails
        self._known: dict[tuple[int, ...], int] = {}

    @property
    def trials(self) -> list[Trial]:
        return [trial for portion in self.portions for trial in portion]

    def run(self, proposals: int) -> Iterator[tuple[range, list[Proposal]]]:
        """Ask and tell, batch by batch, until there are so many proposals."""
        while self.next < proposals:
            numbers = range(self.next, self.next + self.controller.batch)
            asked = self.controller.ask(numbers)
            self._tell(asked)
            yield numbers, asked

    def enqueue(self, architectures: Sequence[tuple[int, ...]]) -> None:
        self._tell([Proposal(tokens) for tokens in architectures])

    def replay(self, other: Controller) -> None:
        for portion in self.portions:
            other.tell(portion)

    def compare(self, other: Controller, otherwise: str) -> None:
        numbers = range(self.next, self.next + self.controller.batch)
        ours, theirs = self.controller.ask(numbers), other.ask(numbers)
        assert ours == theirs, f"{otherwise}: {ours} != {theirs}"

    def _tell(self, proposals: Sequence[Proposal]) -> None:
        portion = [self._trial(self.next + i, p) for i, p in enumerate(proposals)]
        self.next += len(portion)
        self.portions.append(portion)
        self.controller.tell(portion)

    def _trial(self, number: int, proposal: Proposal) -> Trial:
        first = self._known.setdefault(proposal.tokens, number)
        failed = self._fails and first % 5 == 4
        return Trial(
            number,
            Architecture(proposal.tokens),
            proposal.info,
            reward=None if failed else _reward(proposal.tokens),
            error="it failed" if failed else None,
            duplicate_of=first if first < number else None,
        )


def _reward(tokens: Sequence[int]) -> float:
    return mean(token == best for token, best in zip(tokens, _OPTIMUM, strict=False))


def _check(tokens: Sequence[int], number: int) -> None:
    """Whether tokens are an architecture of the growing space at a number."""
    active = _growing(number)
    proposal = f"proposal {number} in a space of the contract's own"
    assert len(tokens) == active, f"{proposal}: {active} choices are active: {tokens}"
    for token, choice in zip(tokens, _CHOICES, strict=False):
        fits = isinstance(token, int) and 0 <= token < len(choice.options)
        assert fits, f"{proposal}: {token!r} is no option of {choice}"


def _mirrored(trial: Trial) -> Trial:
    """The trial, had it been another architecture."""
    pairs = zip(trial.architecture.tokens, _CHOICES, strict=False)
    tokens = tuple(len(choice.options) - 1 - token for token, choice in pairs)
    return replace(trial, architecture=Architecture(tokens))


def _random_states() -> list[Any]:
    """Of the global generators of Python, and of NumPy and torch if they are loaded."""
    states: list[Any] = [random.getstate()]
    if "numpy" in sys.modules:
        _, keys, *rest = sys.modules["numpy"].random.get_state()
        states.append((keys.tolist(), rest))
    if "torch" in sys.modules:
        states.append(sys.modules["torch"].get_rng_state().tolist())
    return states
