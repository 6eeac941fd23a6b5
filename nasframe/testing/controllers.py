"""The contract of controllers."""

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
    compute_dyadic_reward,
    compute_reward,
    is_rejected,
    mirror_trial,
    reject_all,
    reject_some,
    shift_reward,
    train_all,
)
from nasframe.testing.part import PartContract

_SHALLOW, _GROWS = 2, 12
"""In the growing space, proposals below number ``_GROWS`` make only ``_SHALLOW`` choices."""


def _count_all(number: int) -> int:
    return len(CHOICES)


def _count_active(number: int) -> int:
    return _SHALLOW if number < _GROWS else len(CHOICES)


class ControllerContract(PartContract):
    """Tests of the requirements on controllers; see ``PartContract``.

    Attributes:
        learns: whether it learns a bandit: each choice has one best option, independent of the
            others, and the mean reward of the last quarter of ``proposals`` must reach a third of
            the way from random search to the highest reward.
        proposals: see above; at least 60, since random search may pass with fewer.
        failures_count: whether failed trials, and rejected trials before any is trained, count
            although they teach nothing, for example to complete a batch.
        portions_matter: whether the grouping of trials into calls of ``tell`` matters. A resumed
            study repeats the same calls; an asynchronous study tells each trial separately.
    """

    learns: ClassVar[bool] = True
    proposals: ClassVar[int] = 120
    failures_count: ClassVar[bool] = False
    portions_matter: ClassVar[bool] = False

    @abstractmethod
    def config(self) -> ControllerConfig:
        """Return the settings of the controller to test."""

    def test_a_proposal_is_an_option_for_each_active_choice(self) -> None:
        search = self._search(_count_active)
        for numbers, proposals in search.run(_GROWS + 20):
            assert len(proposals) == len(numbers), f"asked for {len(numbers)}: {proposals}"
            for number, proposal in zip(numbers, proposals, strict=True):
                _check_tokens(proposal.tokens, number)
                finite = all(math.isfinite(value) for value in proposal.info.values())
                assert finite, f"info of proposal {number} is not finite: {proposal.info}"

    def test_argmax_is_an_architecture_or_none(self) -> None:
        asked, silent = self._search(_count_active), self._build(_count_active)
        for numbers, _ in asked.run(_GROWS + 20):
            tokens = asked.controller.argmax(numbers[0])
            if tokens is not None:
                _check_tokens(tokens, numbers[0])
        asked.replay(silent)
        asked.compare(silent, "argmax changed its state")

    def test_ask_changes_nothing(self) -> None:
        asked, silent = self._search(_count_active), self._build(_count_active)
        for _, proposals in asked.run(_GROWS + 20):
            again = asked.controller.ask(range(asked.next, asked.next + len(proposals)))
            asked.controller.ask([asked.next + 1000])
            same = asked.controller.ask(range(asked.next, asked.next + len(proposals)))
            assert again == same, "asked twice for the same numbers, it proposed different ones"
        asked.replay(silent)
        asked.compare(silent, "ask changed its state")

    def test_ask_and_tell_leave_global_random_states_alone(self) -> None:
        before = _get_random_states()
        self._search(_count_all).finish(24)
        assert _get_random_states() == before, "it used a global random generator"

    def test_replay_gives_the_same_proposals(self) -> None:
        """A study is resumed in this way; the user's architectures come first, without info."""
        search, resumed = self._search(_count_active), self._build(_count_active)
        search.enqueue([(2, 0, 1, 1, 1, 0, 0, 2), (0, 0), (1, 0, 0, 0, 2, 1, 0, 0)])
        search.finish(_GROWS + 20)
        search.replay(resumed)
        search.compare(resumed, "told the same trials, another controller proposed different ones")

    def test_portions_do_not_matter(self) -> None:
        if self.portions_matter:
            raise SkipTest("disabled by portions_matter")
        search = self._search(_count_all)
        search.finish(24)
        for size in (1, 5, len(search.trials)):
            other = self._build(_count_all)
            for first in range(0, len(search.trials), size):
                other.tell(search.trials[first : first + size])
            search.compare(other, f"it learned differently from portions of {size}")

    def test_failed_trials_teach_nothing(self) -> None:
        search, other = self._search(_count_all), self._build(_count_all)
        search.finish(40)
        states = {trial.state for trial in search.trials}
        assert TrialState.FAILED in states, "no network failed: it proposed too few"
        self._tell_without(other, search, TrialState.FAILED)
        search.compare(other, "it learned from failed trials")

    def test_rejected_trials_teach_nothing_before_one_is_trained(self) -> None:
        search, other = Search(self._build(_count_all), reject_all), self._build(_count_all)
        search.finish(24)
        self._tell_without(other, search, TrialState.REJECTED)
        search.compare_tokens(other, "it learned from rejected trials before any was trained")

    def test_a_constant_added_to_all_rewards_changes_nothing(self) -> None:
        """Rejected trials rank below trained ones, whatever the sign of the rewards."""
        search = Search(self._build(_count_all), reject_some, compute_dyadic_reward)
        search.finish(40)
        for constant in (1.0, -1.0, 8.0, -8.0):
            other = self._build(_count_all)
            search.replay(other, partial(shift_reward, constant=constant))
            search.compare_tokens(other, f"with {constant} added to all rewards")

    def test_rejected_networks_are_not_sought(self) -> None:
        """They are at most as frequent as in random search, within three standard deviations."""
        negative = Search(
            self._build(_count_all), reject_some, lambda tokens: compute_reward(tokens) - 2
        )
        negative.finish(self.proposals)
        last = negative.trials[-(self.proposals // 4) :]
        share = mean(is_rejected(trial.architecture.tokens) for trial in last)
        limit = NEUTRAL + 3 * math.sqrt(NEUTRAL * (1 - NEUTRAL) / len(last))
        assert share <= limit, f"rejected {share:.2f} of its last proposals, limit {limit:.2f}"

    def test_a_bandit_is_learned(self) -> None:
        if not self.learns:
            raise SkipTest("disabled by learns")
        search = Search(self._build(_count_all), train_all)
        search.finish(self.proposals)
        last = search.trials[-(self.proposals // 4) :]
        reached = mean(compute_reward(trial.architecture.tokens) for trial in last)
        uniform = mean(1 / len(choice.options) for choice in CHOICES)
        wanted = uniform + (1 - uniform) / 3
        assert reached >= wanted, f"mean reward {reached:.3f}, must be at least {wanted:.3f}"

    def _tell_without(self, other: Controller, search: Search, state: TrialState) -> None:
        """Tell all trials except those in a state, or replace them by other architectures."""
        for portion in search.portions:
            if self.failures_count:
                other.tell([mirror_trial(t) if t.state is state else t for t in portion])
            else:
                other.tell([t for t in portion if t.state is not state])

    def _build(self, active: Callable[[int], int]) -> Controller:
        return self.config().build(CHOICES, 5, active)

    def _search(self, active: Callable[[int], int]) -> Search:
        return Search(self._build(active))


def _check_tokens(tokens: Sequence[int], number: int) -> None:
    """Assert that tokens are an architecture of the growing space at a number."""
    active = _count_active(number)
    proposal = f"proposal {number} in the contract's space"
    assert len(tokens) == active, f"{proposal}: must make {active} choices: {tokens}"
    for token, choice in zip(tokens, CHOICES, strict=False):
        fits = isinstance(token, int) and 0 <= token < len(choice.options)
        assert fits, f"{proposal}: {token!r} is not an option of {choice}"


def _get_random_states() -> list[Any]:
    """Return the states of Python's global generator, and NumPy's and torch's if loaded."""
    states: list[Any] = [random.getstate()]
    if "numpy" in sys.modules:
        _, keys, *rest = sys.modules["numpy"].random.get_state()
        states.append((keys.tolist(), rest))
    if "torch" in sys.modules:
        states.append(sys.modules["torch"].get_rng_state().tolist())
    return states
