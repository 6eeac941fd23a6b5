"""The policy-gradient loss of a batch of architectures."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

from torch import Tensor

_MAX_RATIO = 3.0
"""The maximum ratio of probabilities: above it, the loss of a bad architecture has no gradient (the
dual clip of Ye et al., "Mastering Complex Control in MOBA Games with Deep Reinforcement Learning",
2020). The ratio of a very improbable architecture, drawn by exploration, could overflow."""


def compute_policy_loss(
    log_probability_B: Tensor,
    entropy_B: Tensor,
    advantages: Sequence[float],
    *,
    entropy: float,
    old: Sequence[float] = (),
    clip: float | None = None,
) -> Tensor:
    """Compute the loss of REINFORCE (Zoph & Le 2017, equation 4) or, with ``clip``, of PPO.

    PPO (Schulman et al. 2017, equation 7) weights each advantage by the ratio of the architecture's
    probabilities now and when drawn, and ignores ratios that have moved too far already.

    Args:
        log_probability_B: log-probabilities of the architectures under the current policy.
        entropy_B: entropies of their distributions, summed over the choices.
        advantages: the advantage of each architecture.
        entropy: weight of the bonus, which is the mean entropy.
        old: log-probabilities when drawn; only for ``clip``.
        clip: maximum distance of the ratio from 1.
    """
    advantage_B = log_probability_B.new_tensor(advantages)
    if clip is None:
        gain_B = advantage_B * log_probability_B
    else:
        limit = max(_MAX_RATIO, 1 + clip)
        ratio_B = (
            (log_probability_B - log_probability_B.new_tensor(old)).clamp(max=log(limit)).exp()
        )
        clipped_B = ratio_B.clamp(1 - clip, 1 + clip)
        gain_B = (advantage_B * ratio_B).minimum(advantage_B * clipped_B)
    return -gain_B.mean() - entropy * entropy_B.mean()
