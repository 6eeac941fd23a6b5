"""The controller of regularized evolution.

Real, Aggarwal, Huang and Le, "Regularized Evolution for Image Classifier Architecture Search",
AAAI 2019, algorithm 1: each proposal mutates the best of a few members of the population, and the
oldest member is removed, however good it is. Unlike here, the paper's mutation changes nothing one
time in twenty. Here, duplicates do not enter the population, as they are not trained again.
Rejected networks enter it but lose to all trained networks; until a member was trained, there are
no parents.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import final

import numpy as np
import numpy.typing as npt

from nasframe import Choice, Controller, Proposal, Trial, TrialState


@final
class EvolutionController(Controller):
    """Mutates the winner of a tournament among recent networks.

    Until the population is full and one of its members was trained, architectures are drawn
    uniformly. If a proposal has more choices than its parent, the additional ones are drawn
    uniformly.

    Args:
        choices: the choices in order.
        seed: seed of the study.
        active: returns the number of active choices for a proposal's number.
        population: number of potential parents.
        tournament: number of members drawn to select a parent.
        batch: number of proposals from the same population.
    """

    def __init__(
        self,
        choices: Sequence[Choice],
        seed: int,
        active: Callable[[int], int],
        *,
        population: int,
        tournament: int,
        batch: int,
    ) -> None:
        self.batch = batch
        self._tournament = tournament
        self._sizes = np.array([len(choice.options) for choice in choices])
        self._seed = seed
        self._active = active
        self._population: deque[tuple[float | None, tuple[int, ...]]] = deque(maxlen=population)

    def ask(self, numbers: Sequence[int]) -> list[Proposal]:
        """Propose a mutant for each number, all from the same population."""
        return [self._propose(number) for number in numbers]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Add new networks to the population, in the order told, and remove the oldest."""
        for trial in trials:
            known = trial.reward is not None or trial.state is TrialState.REJECTED
            if known and trial.duplicate_of is None:
                self._population.append((trial.reward, trial.architecture.tokens))

    def _propose(self, number: int) -> Proposal:
        generator = np.random.default_rng([self._seed, number])
        tokens = generator.integers(self._sizes[: self._active(number)])
        if self._has_parents():
            parent = self._select_parent(generator)[: len(tokens)]
            tokens[: len(parent)] = parent
            self._mutate(tokens[: len(parent)], generator)
        return Proposal(tuple(tokens.tolist()))

    def _has_parents(self) -> bool:
        full = len(self._population) == self._population.maxlen
        return full and any(reward is not None for reward, _ in self._population)

    def _select_parent(self, generator: np.random.Generator) -> tuple[int, ...]:
        """Select the best of a few members, each drawn from the whole population."""
        drawn = generator.integers(len(self._population), size=self._tournament)
        _, tokens = max((self._population[i] for i in drawn), key=_get_fitness)
        return tokens

    def _mutate(self, tokens: npt.NDArray[np.int64], generator: np.random.Generator) -> None:
        """Change one choice that has several options to another option."""
        sizes = self._sizes[: len(tokens)]
        places = np.flatnonzero(sizes > 1)
        if len(places):
            place = generator.choice(places)
            step = generator.integers(1, sizes[place])
            tokens[place] = (tokens[place] + step) % sizes[place]


def _get_fitness(member: tuple[float | None, tuple[int, ...]]) -> float:
    reward, _ = member
    return -math.inf if reward is None else reward
