"""The contract of controllers: ours keep to it, and one that does not is found out."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any
from unittest import SkipTest

import pytest
from controllers import configured

from nasframe import (
    Choice,
    Controller,
    ControllerConfig,
    Proposal,
    Trial,
    TrialState,
)
from nasframe.testing import ControllerContract


class TestRandom(ControllerContract):
    learns = False

    def config(self) -> ControllerConfig:
        return configured("random")


class TestEvolution(ControllerContract):
    def config(self) -> ControllerConfig:
        return configured("evolution")


class TestREINFORCE(ControllerContract):
    failures_count = True

    def config(self) -> ControllerConfig:
        return configured("reinforce")


class TestPPO(ControllerContract):
    failures_count = True

    def config(self) -> ControllerConfig:
        return configured("ppo")


class TestPQT(ControllerContract):
    failures_count = True

    def config(self) -> ControllerConfig:
        return configured("pqt")


class Flawed(Controller):
    """Draws at random, from all that it was told, with one fault."""

    def __init__(
        self, choices: Sequence[Choice], seed: int, active: Callable[[int], int], fault: str
    ) -> None:
        self.batch = 3
        self._choices, self._seed, self._active, self._fault = choices, seed, active, fault
        self._told = [str(id(self))] if fault == "replay" else []
        self._first: float | None = None
        self._asked = 0

    def ask(self, numbers: Sequence[int]) -> list[Proposal]:
        self._asked += self._fault == "ask"
        proposals = [self._propose(number) for number in numbers]
        return proposals[:-1] if self._fault == "fewer" else proposals

    def _propose(self, number: int) -> Proposal:
        draw = random.Random(f"{self._seed} {number} {self._asked} {self._told}")
        if self._fault == "global":
            random.random()
        active = len(self._choices) if self._fault == "active" else self._active(number)
        beyond = self._fault == "range"
        tokens: list[Any] = [draw.randrange(len(c.options) + beyond) for c in self._choices]
        if self._fault == "words":
            tokens = [c.options[token] for c, token in zip(self._choices, tokens, strict=True)]
        info = {"score": math.nan if self._fault == "info" else 0.5}
        return Proposal(tuple(tokens[:active]), info)

    def tell(self, trials: Sequence[Trial]) -> None:
        if self._fault == "portions":
            self._told.append(str(len(trials)))
        for trial in trials:
            if self._first is None:
                self._first = trial.reward
            if (value := self._value(trial)) is not None:
                self._told.append(f"{trial.architecture.key} {value}")

    def _value(self, trial: Trial) -> float | None:
        """What a trial counts for, in differences from the first reward."""
        if trial.reward is not None:
            return trial.reward - (self._first or 0.0) * (self._fault != "scale")
        if trial.state is TrialState.REJECTED:
            if self._fault == "zero":
                return 0.0 - (self._first or 0.0)
            return None if self._first is None and self._fault != "early" else -math.inf
        return 0.0 if self._fault == "failures" else None


class Seeker(Flawed):
    """Proposes the best that it was told, and takes a rejected one for a reward of 0."""

    best: Trial | None = None

    def _propose(self, number: int) -> Proposal:
        proposal = super()._propose(number)
        return proposal if self.best is None else Proposal(self.best.architecture.tokens)

    def tell(self, trials: Sequence[Trial]) -> None:
        known = [t for t in (self.best, *trials) if t is not None and t.error is None]
        self.best = max(known, key=lambda trial: trial.reward or 0.0, default=None)


@dataclass(kw_only=True)
class FlawedConfig(ControllerConfig):
    fault: str = ""

    def build(
        self, choices: tuple[Choice, ...], seed: int, active: Callable[[int], int]
    ) -> Controller:
        return (Seeker if self.fault == "seeks" else Flawed)(choices, seed, active, self.fault)


def contract(fault: str, **says: bool) -> ControllerContract:
    """The contract of a controller with a fault, and what it says of itself."""
    body = {"config": lambda self: FlawedConfig(fault=fault), **says}
    found: ControllerContract = type("Contract", (ControllerContract,), body)()
    return found


TESTS = [name for name in vars(ControllerContract) if name.startswith("test_")]
SKIPPED = ("test_a_bandit_is_learned", "test_portions_do_not_matter")


@pytest.mark.parametrize(
    ("fault", "test", "words"),
    [
        ("fewer", "test_a_proposal_is_an_option_for_each_active_choice", "asked for 3"),
        (
            "active",
            "test_a_proposal_is_an_option_for_each_active_choice",
            "contract's space: must make 2 choices",
        ),
        ("range", "test_a_proposal_is_an_option_for_each_active_choice", "is not an option of"),
        ("words", "test_a_proposal_is_an_option_for_each_active_choice", "is not an option of"),
        ("info", "test_a_proposal_is_an_option_for_each_active_choice", "not finite"),
        ("ask", "test_ask_changes_nothing", "asked twice for the same numbers"),
        ("global", "test_ask_and_tell_leave_global_random_states_alone", "it used a global"),
        ("replay", "test_replay_gives_the_same_proposals", "told the same trials"),
        ("portions", "test_portions_do_not_matter", "from portions of 1"),
        ("failures", "test_failed_trials_teach_nothing", "learned from failed trials"),
        ("early", "test_rejected_trials_teach_nothing_before", "before any was trained"),
        ("scale", "test_a_constant_added_to_all_rewards_changes", "with 1.0 added to all rewards"),
        ("zero", "test_a_constant_added_to_all_rewards_changes", "with 1.0 added to all rewards"),
        ("seeks", "test_rejected_networks_are_not_sought", "rejected 1.00 of its last proposals"),
        ("", "test_a_bandit_is_learned", "mean reward"),
    ],
)
def test_a_fault_is_found(fault: str, test: str, words: str) -> None:
    (name,) = [name for name in TESTS if name.startswith(test)]
    with pytest.raises(AssertionError, match=words):
        getattr(contract(fault), name)()
    if fault:
        getattr(contract("", learns=False), name)()


def test_a_failed_trial_that_counts_must_not_teach() -> None:
    with pytest.raises(AssertionError, match="learned from failed trials"):
        contract("failures", failures_count=True).test_failed_trials_teach_nothing()


def test_what_a_controller_says_of_itself_is_not_tested() -> None:
    says = {"learns": False, "portions_matter": True, "failures_count": True}
    for name in TESTS:
        expected = pytest.raises(SkipTest) if name in SKIPPED else nullcontext()
        with expected:
            getattr(contract("portions", **says), name)()
