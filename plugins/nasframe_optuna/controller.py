"""The controller with a sampler of Optuna.

An Optuna study in memory stores only the told trials; rejected trials have a value below all
rewards. Each proposal comes from a new sampler, seeded from the study's seed and the proposal's
number, for a trial that is never stored.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, TypeAlias, final

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.storages import InMemoryStorage
from optuna.trial import create_trial

from nasframe import Choice, Controller, Proposal, RewardFloor, Trial, TrialState, threads

_Tokens: TypeAlias = tuple[int, ...]

_STUDY_NAME = "told"

_MAX_DUPLICATES = 3
"""Duplicates in a row after which proposals are drawn uniformly until one is new: a Gaussian
process that is certain of the best network, or does not know that it failed, always repeats it."""


@final
class OptunaController(Controller):
    """Proposes architectures by a sampler of Optuna, from the told trials.

    Args:
        choices: the choices in order.
        seed: seed of the study.
        active: returns the number of active choices for a proposal's number.
        sampler: ``tpe``, ``gp`` or ``random``.
        startup_trials: number of successful trials before the sampler models them.
        multivariate: whether ``tpe`` models all choices jointly.
        batch: number of proposals from the same model.
    """

    def __init__(
        self,
        choices: Sequence[Choice],
        seed: int,
        active: Callable[[int], int],
        *,
        sampler: str,
        startup_trials: int,
        multivariate: bool,
        batch: int,
    ) -> None:
        self.batch = batch
        self._kind = sampler
        self._startup_trials = startup_trials
        self._multivariate = multivariate
        self._distributions: dict[str, BaseDistribution] = {
            choice.name: CategoricalDistribution(range(len(choice.options))) for choice in choices
        }
        self._seed = seed
        self._active = active
        self._repeats = 0
        self._floor = RewardFloor()
        self._told: list[tuple[_Tokens, float | None]] = []
        self._clear()

    def _clear(self) -> None:
        """Start with an empty storage."""
        self._storage = _Storage()
        self._stored: list[tuple[_Tokens, float]] = []
        with _silence_optuna():
            optuna.create_study(storage=self._storage, study_name=_STUDY_NAME, direction="maximize")

    def ask(self, numbers: Sequence[int]) -> list[Proposal]:
        """Draw a proposal for each number from the same model."""
        with _silence_optuna(), threads(1) if self._kind == "gp" else nullcontext():
            return [self._propose(number) for number in numbers]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Store the trials that did not fail, including duplicates, in the order told."""
        for trial in trials:
            self._repeats = 0 if trial.duplicate_of is None else self._repeats + 1
            if trial.reward is not None:
                self._floor.tell(trial.reward)
            if trial.reward is not None or trial.state is TrialState.REJECTED:
                self._told.append((trial.architecture.tokens, trial.reward))
        self._store()

    def _store(self) -> None:
        """Store new trials, or all trials again if the value of rejected trials has fallen."""
        floor = self._floor.reward
        if floor is None:
            return
        values = [(tokens, floor if value is None else value) for tokens, value in self._told]
        if values[: len(self._stored)] != self._stored:
            self._clear()
        with _silence_optuna():
            study = optuna.load_study(study_name=_STUDY_NAME, storage=self._storage)
            for tokens, value in values[len(self._stored) :]:
                params = dict(zip(self._distributions, tokens, strict=False))
                distributions = {name: self._distributions[name] for name in params}
                study.add_trial(
                    create_trial(params=params, distributions=distributions, value=value)
                )
        self._stored = values

    def _propose(self, number: int) -> Proposal:
        sampler = self._make_sampler(number)
        # A study caches the trials that it has read; a new one reads all trials told so far.
        study = optuna.load_study(study_name=_STUDY_NAME, storage=self._storage, sampler=sampler)
        trial = create_trial(state=optuna.trial.TrialState.RUNNING)
        wanted = list(self._distributions.items())[: self._active(number)]
        joint = sampler.infer_relative_search_space(study, trial)
        drawn = sampler.sample_relative(study, trial, joint)
        tokens = (
            drawn[name]
            if name in drawn
            else sampler.sample_independent(study, trial, name, options)
            for name, options in wanted
        )
        return Proposal(tuple(tokens))

    def _make_sampler(self, number: int) -> BaseSampler:
        seed = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
        match "random" if self._repeats >= _MAX_DUPLICATES else self._kind:
            case "tpe":
                return TPESampler(
                    n_startup_trials=self._startup_trials,
                    multivariate=self._multivariate,
                    constant_liar=False,
                    seed=seed,
                )
            case "gp":
                return GPSampler(n_startup_trials=self._startup_trials, seed=seed)
            case _:
                return RandomSampler(seed=seed)


@final
class _Storage(InMemoryStorage):
    """Storage that drops a sampler's attributes of a proposal, since its trial is not stored."""

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Ignore the attribute."""


@contextmanager
def _silence_optuna() -> Iterator[None]:
    """Silence Optuna: messages on new studies, experimental arguments, independent draws."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)
