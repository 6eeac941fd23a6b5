"""What a policy's parameters go down: losses of batches of architectures."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from nasframe_rl.policy import LSTMPolicy, Tokens


def policy_gradient_loss(
    policy: LSTMPolicy,
    architectures: Sequence[Tokens],
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
        policy: what is trained.
        architectures: m architectures that were drawn from it.
        advantages: of each.
        entropy: weight of the bonus: the mean, over the architectures, of the entropy of their
            distributions, summed over the choices.
        old: log-probability of each, when it was drawn; with ``clip`` only.
        clip: how far the ratio may move from 1.
    """
    log_probability_B, entropy_B = policy.score(architectures)
    advantage_B = log_probability_B.new_tensor(advantages)
    if clip is None:
        gain_B = advantage_B * log_probability_B
    else:
        ratio_B = (log_probability_B - log_probability_B.new_tensor(old)).exp()
        clipped_B = ratio_B.clamp(1 - clip, 1 + clip)
        gain_B = (advantage_B * ratio_B).minimum(advantage_B * clipped_B)
    return -gain_B.mean() - entropy * entropy_B.mean()


def likelihood_loss(policy: LSTMPolicy, architectures: Sequence[Tokens]) -> Tensor:
    """Minus the mean log-probability of some architectures."""
    log_probability_B, _ = policy.score(architectures)
    return -log_probability_B.mean()
