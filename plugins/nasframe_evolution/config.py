"""Settings of regularized evolution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nasframe import Choice, Controller, ControllerConfig, setting


@dataclass(kw_only=True)
class EvolutionConfig(ControllerConfig):
    """Regularized evolution (Real et al. 2019): mutates the best of recent networks.

    The defaults suit searches of 100 to 1,000 trials; the paper, with 20,000, has a population of
    100 and a tournament of 25.

    Attributes:
        population: number of potential parents, the latest networks that did not fail. A rejected
            network is a parent only if a tournament has no trained network.
        tournament: number of members, drawn with replacement, whose best is the parent.
        batch: number of proposals from the same population. It should be at least the number of
            workers, which wait for each other, and much smaller than the population.
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
