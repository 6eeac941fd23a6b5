"""Settings of random search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nasframe import Choice, Controller, ControllerConfig


@dataclass(kw_only=True)
class RandomConfig(ControllerConfig):
    """Draws each active choice uniformly from its options."""

    def build(
        self, choices: tuple[Choice, ...], seed: int, active: Callable[[int], int]
    ) -> Controller:
        """Make the controller."""
        from nasframe_random.controller import RandomController

        return RandomController(choices, seed, active)
