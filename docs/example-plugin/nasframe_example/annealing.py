"""A controller: simulated annealing (Kirkpatrick et al., 1983)."""

import math
import random
from dataclasses import dataclass

from nasframe import Controller, ControllerConfig, Proposal, setting


class Annealing(Controller):
    """Moves from architecture to neighbour, to a worse one with falling probability."""

    def __init__(self, choices, seed, active, config):
        self.choices, self.seed, self.active, self.config = choices, seed, active, config
        self.batch = config.batch
        self.current, self.count = None, 0

    def ask(self, numbers):
        """Propose neighbours of the current architecture; does not change any state."""
        return [self.propose(number) for number in numbers]

    def propose(self, number):
        draw = random.Random(f"{self.seed} {number}")
        tokens = [draw.randrange(len(c.options)) for c in self.choices[: self.active(number)]]
        if self.current is not None:
            kept = list(self.current.architecture.tokens[: len(tokens)])
            change = draw.randrange(len(kept))
            kept[change] = tokens[change]
            tokens[: len(kept)] = kept
        return Proposal(tuple(tokens))

    def tell(self, trials):
        """Move; never to a trial without a reward, which failed or was rejected."""
        for trial in (trial for trial in trials if trial.reward is not None):
            self.count += 1
            if self.current is None or self.accept(trial.reward - self.current.reward):
                self.current = trial

    def accept(self, gain):
        """Accept better rewards always, worse ones with a probability by temperature."""
        temperature = self.config.temperature * self.config.cooling**self.count
        chance = math.exp(min(0.0, gain) / max(temperature, 1e-9))
        return random.Random(f"{self.seed} accepts {self.count}").random() < chance


@dataclass(kw_only=True)
class AnnealingConfig(ControllerConfig):
    """Simulated annealing."""

    temperature: float = setting(0.05, above=0)
    cooling: float = setting(0.97, above=0, most=1)
    batch: int = setting(2, least=1)

    def build(self, choices, seed, active):
        return Annealing(choices, seed, active, self)
