"""What a policy's parameters go down: the loss of a batch of architectures."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

from torch import Tensor

_MOST_RATIO = 3.0
"""Above it a bad architecture is no further unlearned in an update (Ye et al., "Mastering Complex
Control in MOBA Games with Deep Reinforcement Learning", 2020: dual clip). One that exploration drew
against all odds could else have a ratio that no float holds."""


def policy_gradient_loss(
    log_probability_B: Tensor,
    entropy_B: Tensor,
    advantages: Sequence[float],
    *,
    entropy: float,
    old: Sequence[float] = (),
    clip: float | None = None,
) -> Tensor:
    """Without ``clip`` the loss of REINFORCE (Zoph & Le 2017, equation 4), else that of PPO.

    PPO (Schulman et al. 2017, equation 7) weighs by the ratio of the probabilities now and when
    the architecture was drawn, and ends where that has moved too far in the wanted direction.

    Args:
        log_probability_B: of architectures that were drawn from a policy, as it is now.
        entropy_B: of the distributions that each met on its way, summed over the choices.
        advantages: of each.
        entropy: weight of the bonus, which is the mean entropy.
        old: log-probability of each, when it was drawn; with ``clip`` only.
        clip: how far the ratio may move from 1.
    """
    advantage_B = log_probability_B.new_tensor(advantages)
    if clip is None:
        gain_B = advantage_B * log_probability_B
    else:
        most = max(_MOST_RATIO, 1 + clip)
        ratio_B = (log_probability_B - log_probability_B.new_tensor(old)).clamp(max=log(most)).exp()
        clipped_B = ratio_B.clamp(1 - clip, 1 + clip)
        gain_B = (advantage_B * ratio_B).minimum(advantage_B * clipped_B)
    return -gain_B.mean() - entropy * entropy_B.mean()
