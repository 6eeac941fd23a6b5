"""Settings of regularized evolution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nasframe import Choice, Controller, ControllerConfig, setting


@dataclass(kw_only=True)
class EvolutionConfig(ControllerConfig):
    """Regularized evolution (Real et al. 2019): mutants of the best of the latest networks.

    The defaults suit searches of 100 to 1,000 trials; the paper, with 20,000, has a population of
    100 and a tournament of 25.

    Attributes:
        population: how many networks can be parents: the latest that did not fail, a rejected
            one only where a tournament has no trained one.
        tournament: of how many members, drawn with replacement, the best is the parent.
        batch: how many proposals come from the same population. It should be no smaller than the
            number of workers, which wait for each other, and much smaller than the population.
    """

    population: int = setting(20, least=1)
    tournament: int = setting(10, least=1)
    batch: int = setting(4, least=1)

    def build(
        self, choices: tuple[Choice, ...], seed: int, active: Callable[[int], int]
    ) -> Controller:
        """Make the controller."""
        from nasframe_evolution.controller import EvolutionController

        return EvolutionController(
            choices,
            seed,
            active,
            population=self.population,
            tournament=self.tournament,
            batch=self.batch,
        )
