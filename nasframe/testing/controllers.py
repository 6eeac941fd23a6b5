"""What a controller must keep to."""

from __future__ import annotations

import math
import random
import sys
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from statistics import mean
from typing import Any, ClassVar
from unittest import SkipTest

from nasframe.api.config import ControllerConfig
from nasframe.api.parts import Controller
from nasframe.api.types import TrialState
from nasframe.testing.bandit import (
    CHOICES,
    NEUTRAL,
    Search,
    all_rejected,
    all_trained,
    dyadic_reward,
    is_refused,
    mirrored,
    reward_of,
    shifted,
    some_rejected,
)
from nasframe.testing.part import PartContract

_SHALLOW, _GROWS = 2, 12
"""In the contract's growing space, proposals below the second number decide this many choices."""


def _all(number: int) -> int:
    return len(CHOICES)


def _growing(number: int) -> int:
    return _SHALLOW if number < _GROWS else len(CHOICES)


class ControllerContract(PartContract):
    """What a controller must keep to, as tests; see ``PartContract``.

    Attributes:
        learns: whether it learns a bandit: each choice has one best option, whatever the others
            are, and in the last quarter of ``proposals`` it must have come a third of the way
            from the mean reward of random search to the highest reward.
        proposals: see above; 60 or more, or random search would be taken for a learner.
        failures_count: whether a failed trial, or a rejected one before any was trained, which
            must teach nothing, counts all the same: for a batch to be complete, say.
        portions_matter: whether it matters which trials are told in one call. A study resumes
            with the same calls; an asynchronous one has calls with one trial each.
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
        self._search(_all).finish(24)
        assert _random_states() == before, "a global random generator was used"

    def test_replay_gives_the_same_proposals(self) -> None:
        """That is how a study is resumed; architectures of the user come first, without info."""
        search, resumed = self._search(_growing), self._build(_growing)
        search.enqueue([(2, 0, 1, 1, 1, 0, 0, 2), (0, 0), (1, 0, 0, 0, 2, 1, 0, 0)])
        search.finish(_GROWS + 20)
        search.replay(resumed)
        search.compare(resumed, "told the same trials, another controller proposed something else")

    def test_portions_do_not_matter(self) -> None:
        if self.portions_matter:
            raise SkipTest("declared by portions_matter")
        search = self._search(_all)
        search.finish(24)
        for size in (1, 5, len(search.trials)):
            other = self._build(_all)
            for first in range(0, len(search.trials), size):
                other.tell(search.trials[first : first + size])
            search.compare(other, f"it learned something else from portions of {size}")

    def test_failed_trials_teach_nothing(self) -> None:
        search, other = self._search(_all), self._build(_all)
        search.finish(40)
        states = {trial.state for trial in search.trials}
        assert TrialState.FAILED in states, "too few networks to fail"
        self._tell_without(other, search, TrialState.FAILED)
        search.compare(other, "it learned from trials without a reward")

    def test_rejected_trials_teach_nothing_before_one_is_trained(self) -> None:
        search, other = Search(self._build(_all), all_rejected), self._build(_all)
        search.finish(24)
        self._tell_without(other, search, TrialState.REJECTED)
        search.compare_tokens(other, "it learned from rejected trials, and none was trained")

    def test_a_constant_added_to_all_rewards_changes_nothing(self) -> None:
        """Rejected trials rank below trained ones, whatever the sign of the rewards."""
        search = Search(self._build(_all), some_rejected, dyadic_reward)
        search.finish(40)
        for constant in (1.0, -1.0, 8.0, -8.0):
            other = self._build(_all)
            search.replay(other, partial(shifted, constant=constant))
            search.compare_tokens(other, f"with {constant} added to all rewards")

    def test_rejected_networks_are_not_sought(self) -> None:
        """At most as often as random search meets them, within three standard deviations."""
        negative = Search(self._build(_all), some_rejected, lambda tokens: reward_of(tokens) - 2)
        negative.finish(self.proposals)
        last = negative.trials[-(self.proposals // 4) :]
        share = mean(is_refused(trial.architecture.tokens) for trial in last)
        most = NEUTRAL + 3 * math.sqrt(NEUTRAL * (1 - NEUTRAL) / len(last))
        assert share <= most, f"{share:.2f} of its last proposals were rejected, {most:.2f} allowed"

    def test_a_bandit_is_learned(self) -> None:
        if not self.learns:
            raise SkipTest("declared by learns")
        search = Search(self._build(_all), all_trained)
        search.finish(self.proposals)
        last = search.trials[-(self.proposals // 4) :]
        reached = mean(reward_of(trial.architecture.tokens) for trial in last)
        uniform = mean(1 / len(choice.options) for choice in CHOICES)
        wanted = uniform + (1 - uniform) / 3
        assert reached >= wanted, f"mean reward {reached:.3f}, wanted {wanted:.3f}"

    def _tell_without(self, other: Controller, search: Search, state: TrialState) -> None:
        """Tell what was told but for trials of a state, or with others in their places."""
        for portion in search.portions:
            if self.failures_count:
                other.tell([mirrored(t) if t.state is state else t for t in portion])
            else:
                other.tell([t for t in portion if t.state is not state])

    def _build(self, active: Callable[[int], int]) -> Controller:
        return self.config().build(CHOICES, 5, active)

    def _search(self, active: Callable[[int], int]) -> Search:
        return Search(self._build(active))


def _check(tokens: Sequence[int], number: int) -> None:
    """Whether tokens are an architecture of the growing space at a number."""
    active = _growing(number)
    proposal = f"proposal {number} in a space of the contract's own"
    assert len(tokens) == active, f"{proposal}: {active} choices are active: {tokens}"
    for token, choice in zip(tokens, CHOICES, strict=False):
        fits = isinstance(token, int) and 0 <= token < len(choice.options)
        assert fits, f"{proposal}: {token!r} is no option of {choice}"


def _random_states() -> list[Any]:
    """Of the global generators of Python, and of NumPy and torch if they are loaded."""
    states: list[Any] = [random.getstate()]
    if "numpy" in sys.modules:
        _, keys, *rest = sys.modules["numpy"].random.get_state()
        states.append((keys.tolist(), rest))
    if "torch" in sys.modules:
        states.append(sys.modules["torch"].get_rng_state().tolist())
    return states
