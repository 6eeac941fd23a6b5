"""Settings of the policy and its three learning rules."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from nasframe import Choice, Controller, ControllerConfig, setting

if TYPE_CHECKING:
    from nasframe_rl.controller import PolicyController


class Advantage(StrEnum):
    """How rewards are compared: by difference, in standard deviations, or by rank."""

    raw = "raw"
    normalized = "normalized"
    rank = "rank"


@dataclass(kw_only=True)
class PolicyConfig(ControllerConfig, ABC):
    """An LSTM policy (Zoph & Le 2017, 3.1 and 3.3) and its learning rule.

    Attributes:
        lr: learning rate of Adam.
        batch: proposals per update, and by default per request of a study.
        hidden: LSTM units per layer, and the size of a token's embedding.
        layers: LSTM layers.
        share: whether choices with the same options and the same last word of their names, like
            ``layer1.filters`` and ``layer2.filters``, share one softmax and their embeddings.
        init_range: bound of the parameters' uniform initialization around 0.
        advantage: ``raw`` (reward minus baseline), ``normalized`` (divided by the standard
            deviation of recent rewards) or ``rank`` (among recent rewards, from -1 to 1).
        baseline_decay: share of the baseline that each new reward keeps.
        entropy: weight of the entropy bonus, in units of advantage per nat.
        exploration: minimum probability of drawing a choice uniformly; unless it is 0, the
            probability grows while more than three quarters of the proposals are duplicates.
    """

    lr: float = setting(0.02, above=0)
    batch: int = setting(4, least=1)
    hidden: int = setting(64, least=1)
    layers: int = setting(1, least=1)
    share: bool = False
    init_range: float = setting(0.1, above=0)
    advantage: Advantage = Advantage.raw
    baseline_decay: float = setting(0.9, least=0, most=1)
    entropy: float = setting(0.003, least=0)
    exploration: float = setting(0.1, least=0, most=1)

    def controller(
        self,
        choices: tuple[Choice, ...],
        seed: int,
        active: Callable[[int], int],
        **learning: Any,
    ) -> PolicyController:
        """Make the controller; ``learning`` has the arguments of one learning rule."""
        from nasframe_rl.advantages import Advantages
        from nasframe_rl.controller import PolicyController
        from nasframe_rl.exploration import Exploration
        from nasframe_rl.policy import LSTMPolicy

        policy = LSTMPolicy(
            choices, self.hidden, self.layers, self.init_range, seed, share=self.share
        )
        return PolicyController(
            policy,
            seed,
            active,
            batch=self.batch,
            lr=self.lr,
            entropy=self.entropy,
            exploration=Exploration(self.exploration),
            advantages=Advantages(self.advantage.value, self.baseline_decay),
            **learning,
        )


@dataclass(kw_only=True)
class REINFORCEConfig(PolicyConfig):
    """REINFORCE with a moving-average baseline (Zoph & Le 2017, 3.2).

    The defaults suit searches of 30 to 1,000 trials and rewards between 0 and 1; ``reinforce_nas``
    has the values of the paper, which used 12,800 trials.
    """

    def build(
        self, choices: tuple[Choice, ...], seed: int, active: Callable[[int], int]
    ) -> Controller:
        """Make the controller."""
        return self.controller(choices, seed, active)


@dataclass(kw_only=True)
class PPOConfig(PolicyConfig):
    """Proximal policy optimization (Schulman et al. 2017), the controller of NASNet and MnasNet.

    Each batch is used several times. The ratio of an architecture's probability now to its
    probability when drawn is clipped, which also limits results that arrive after later updates.
    The papers give neither the number of epochs nor the clip; ``ppo_nasnet`` has their other
    values.

    Attributes:
        epochs: optimizer steps per update.
        clip: maximum distance of the ratio of probabilities from 1.
    """

    lr: float = setting(0.015, above=0)
    batch: int = setting(5, least=1)
    hidden: int = setting(100, least=1)
    baseline_decay: float = setting(0.95, least=0, most=1)
    entropy: float = setting(1e-5, least=0)
    epochs: int = setting(3, least=1)
    clip: float = setting(0.2, above=0)

    def build(
        self, choices: tuple[Choice, ...], seed: int, active: Callable[[int], int]
    ) -> Controller:
        """Make the controller."""
        return self.controller(choices, seed, active, epochs=self.epochs, clip=self.clip)


@dataclass(kw_only=True)
class PQTConfig(PolicyConfig):
    """Priority queue training (Abolafia et al. 2018), for small budgets.

    The policy imitates the best architectures so far, and also learns from the ranks of its
    rewards. A share of its choices stays uniform, so that it never stops exploring.

    Attributes:
        queue: number of best architectures to imitate.
    """

    advantage: Advantage = Advantage.rank
    entropy: float = setting(0.0, least=0)
    queue: int = setting(5, least=1)

    def build(
        self, choices: tuple[Choice, ...], seed: int, active: Callable[[int], int]
    ) -> Controller:
        """Make the controller."""
        from nasframe_rl.elite import Elite

        return self.controller(choices, seed, active, elite=Elite(self.queue))
