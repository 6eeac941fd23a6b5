"""Controllers that learn by policy gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nasframe import Choice, Controller, ControllerConfig, hookimpl, setting


@dataclass(kw_only=True)
class REINFORCEConfig(ControllerConfig):
    """An LSTM policy trained by REINFORCE with a moving-average baseline (Zoph & Le 2017, 3.2).

    The defaults suit searches of 30 to 500 trials and rewards between 0 and 1. The paper, with
    12,800 trials, has lr 0.0006, batches of 8, two layers of 35 units and no entropy bonus.

    Attributes:
        lr: learning rate of Adam.
        batch: how many proposals make one update; what a study asks for at once by default.
        hidden: LSTM units a layer, and the size of a token's embedding.
        layers: LSTM layers.
        baseline_decay: how much of the baseline stays at each new reward.
        entropy: weight of the entropy bonus, in units of reward a nat.
        init_range: parameters start uniform in plus or minus this.
    """

    lr: float = setting(0.02, above=0)
    batch: int = setting(4, least=1)
    hidden: int = setting(64, least=1)
    layers: int = setting(1, least=1)
    baseline_decay: float = setting(0.9, least=0, most=1)
    entropy: float = setting(0.003, least=0)
    init_range: float = setting(0.1, above=0)

    def build(
        self, choices: tuple[Choice, ...], seed: int, active: Callable[[int], int]
    ) -> Controller:
        """Make the controller."""
        from nasframe_rl.policy import LSTMPolicy
        from nasframe_rl.reinforce import REINFORCE

        policy = LSTMPolicy(choices, self.hidden, self.layers, self.init_range, seed)
        return REINFORCE(
            policy,
            seed,
            active,
            batch=self.batch,
            lr=self.lr,
            baseline_decay=self.baseline_decay,
            entropy=self.entropy,
        )


@hookimpl
def nasframe_controllers() -> Mapping[str, type[ControllerConfig]]:
    """REINFORCE."""
    return {"reinforce": REINFORCEConfig}
