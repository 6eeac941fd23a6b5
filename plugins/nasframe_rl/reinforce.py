"""REINFORCE with a moving-average baseline (Zoph & Le 2017, section 3.2, equations 1 to 4).

What differs from the paper: one process instead of parameter servers and replicas, and an
entropy bonus.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import final

import torch
from torch import Tensor
from torch.optim import Adam

from nasframe import Controller, Proposal, Trial
from nasframe_rl.policy import LSTMPolicy, Tokens, one_thread, uniforms


def reinforce_loss(
    policy: LSTMPolicy,
    architectures: Sequence[Tokens],
    advantages: Sequence[float],
    entropy: float,
) -> Tensor:
    """The loss whose gradient is minus that of equation 4, and of the entropy bonus.

    Args:
        policy: what is trained.
        architectures: m architectures drawn from it.
        advantages: the reward of each, minus the baseline.
        entropy: weight of the bonus: the mean, over the architectures, of the entropy of their
            softmaxes, summed over the steps.
    """
    log_probability_B, entropy_B = policy.score(architectures)
    advantage_B = log_probability_B.new_tensor(advantages)
    return -(advantage_B * log_probability_B).mean() - entropy * entropy_B.mean()


@final
class REINFORCE(Controller):
    """Learns from batches of its own proposals, in the order in which they are told.

    A failed trial keeps its place in the batch and teaches nothing, so that in a synchronous
    study each update uses what the newest policy has proposed. Enqueued architectures (empty
    ``info``) are passed over: the policy did not draw them.

    The baseline is the moving average of the rewards of earlier updates. The first update has
    none, and takes the mean of its own: against 0 it would favour all that it has seen.
    """

    def __init__(
        self,
        policy: LSTMPolicy,
        seed: int,
        active: Callable[[int], int],
        *,
        batch: int,
        lr: float,
        baseline_decay: float,
        entropy: float,
    ) -> None:
        self.batch = batch
        self._policy = policy
        self._seed = seed
        self._active = active
        self._baseline_decay = baseline_decay
        self._entropy = entropy
        self._optimizer = Adam(policy.parameters(), lr=lr)
        self._baseline: float | None = None
        self._told: list[Trial] = []

    def ask(self, numbers: Sequence[int]) -> list[Proposal]:
        """Draw an architecture from the policy for each number."""
        active = [self._active(number) for number in numbers]
        with one_thread():
            drawn = self._policy.sample(uniforms(self._seed, numbers, max(active)), active)
        return [
            Proposal(tokens, {"log_probability": log_probability})
            for tokens, log_probability in zip(*drawn, strict=True)
        ]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Collect trials, and update the policy whenever ``batch`` of them are there."""
        for trial in trials:
            if trial.info:
                self._told.append(trial)
            if len(self._told) == self.batch:
                self._learn()
                self._told.clear()

    def _learn(self) -> None:
        results = [(t.architecture.tokens, t.reward) for t in self._told if t.reward is not None]
        if not results:
            return
        rewards = [reward for _, reward in results]
        baseline = fmean(rewards) if self._baseline is None else self._baseline
        advantages = [reward - baseline for reward in rewards]
        with one_thread():
            self._optimizer.zero_grad()
            architectures = [tokens for tokens, _ in results]
            loss = reinforce_loss(self._policy, architectures, advantages, self._entropy)
            torch.autograd.backward(loss)
            self._optimizer.step()
        for reward in rewards:
            baseline = self._baseline_decay * baseline + (1 - self._baseline_decay) * reward
        self._baseline = baseline
