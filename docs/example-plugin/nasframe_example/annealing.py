"""A controller: simulated annealing (Kirkpatrick et al., 1983)."""

import math
import random
from dataclasses import dataclass

from nasframe import Controller, ControllerConfig, Proposal, setting


class Annealing(Controller):
    """Goes from architecture to neighbour; to worse ones, too, but ever more seldom."""

    def __init__(self, choices, seed, active, config):
        self.choices, self.seed, self.active, self.config = choices, seed, active, config
        self.batch = config.batch
        self.place, self.told = None, 0

    def ask(self, numbers):
        """Neighbours of where it is; ``ask`` changes nothing."""
        return [self.neighbour(number) for number in numbers]

    def neighbour(self, number):
        draw = random.Random(f"{self.seed} {number}")
        tokens = [draw.randrange(len(c.options)) for c in self.choices[: self.active(number)]]
        if self.place is not None:
            kept = list(self.place.architecture.tokens[: len(tokens)])
            change = draw.randrange(len(kept))
            kept[change] = tokens[change]
            tokens[: len(kept)] = kept
        return Proposal(tuple(tokens))

    def tell(self, trials):
        """Moves; never to a trial without a reward, which failed or was rejected."""
        for trial in (trial for trial in trials if trial.reward is not None):
            self.told += 1
            if self.place is None or self.accepts(trial.reward - self.place.reward):
                self.place = trial

    def accepts(self, gain):
        """Always what is better; what is worse by chance, as the temperature allows."""
        temperature = self.config.temperature * self.config.cooling**self.told
        chance = math.exp(min(0.0, gain) / max(temperature, 1e-9))
        return random.Random(f"{self.seed} accepts {self.told}").random() < chance


@dataclass(kw_only=True)
class AnnealingConfig(ControllerConfig):
    """Simulated annealing."""

    temperature: float = setting(0.05, above=0)
    cooling: float = setting(0.97, above=0, most=1)
    batch: int = setting(2, least=1)

    def build(self, choices, seed, active):
        return Annealing(choices, seed, active, self)
