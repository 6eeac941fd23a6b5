"""The controller of all policies: samples from a policy and trains it batch by batch.

Unlike in the papers, there is one process instead of parameter servers and replicas. It uses one
thread, since the policy is small and results depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

import torch
from torch.optim import Adam

from nasframe import Controller, Proposal, Trial, TrialState, threads
from nasframe_rl.advantages import Advantages
from nasframe_rl.elite import Elite
from nasframe_rl.exploration import Exploration
from nasframe_rl.losses import compute_policy_loss
from nasframe_rl.policy import LSTMPolicy, draw_uniforms


@final
class PolicyController(Controller):
    """Learns from batches of its own proposals, in the order in which they are told.

    A failed trial keeps its place in the batch but is not learned from, so that in a synchronous
    study each update uses proposals of the newest policy. A rejected trial has an advantage below
    all trained trials, and is never imitated. Enqueued architectures (empty ``info``) are not the
    policy's: they only enter the queue of the best.

    Args:
        policy: the policy to sample and train.
        seed: seed of the study.
        active: returns the number of active choices for a proposal's number.
        batch: proposals per update.
        lr: learning rate of Adam.
        entropy: weight of the entropy bonus.
        exploration: the probability of drawing a choice uniformly.
        advantages: computes advantages from rewards.
        epochs: optimizer steps per update.
        clip: PPO's limit of the ratio of probabilities; ``None`` for REINFORCE.
        elite: the best architectures, whose likelihood is raised, too; ``None`` to imitate none.
    """

    def __init__(
        self,
        policy: LSTMPolicy,
        seed: int,
        active: Callable[[int], int],
        *,
        batch: int,
        lr: float,
        entropy: float,
        exploration: Exploration,
        advantages: Advantages,
        epochs: int = 1,
        clip: float | None = None,
        elite: Elite | None = None,
    ) -> None:
        self.batch = batch
        self._policy = policy
        self._seed = seed
        self._active = active
        self._entropy = entropy
        self._exploration = exploration
        self._advantages = advantages
        self._epochs = epochs
        self._clip = clip
        self._elite = elite
        self._optimizer = Adam(policy.parameters(), lr=lr, fused=True)
        self._updates = 0
        self._told: list[Trial] = []

    def ask(self, numbers: Sequence[int]) -> list[Proposal]:
        """Draw an architecture from the policy for each number."""
        active = [self._active(number) for number in numbers]
        draws_TB = draw_uniforms(self._seed, numbers, max(active))
        with threads(1):
            drawn = self._policy.sample(draws_TB, active, self._exploration.share)
        return [
            Proposal(tokens, {"log_probability": log_probability, "update": self._updates})
            for tokens, log_probability in zip(*drawn, strict=True)
        ]

    def argmax(self, number: int) -> tuple[int, ...]:
        """Return the architecture of the most probable tokens, each given the earlier ones."""
        with threads(1):
            return self._policy.argmax(self._active(number))

    def tell(self, trials: Sequence[Trial]) -> None:
        """Collect trials; updates the policy after each ``batch`` of them."""
        for trial in trials:
            if self._elite is not None:
                self._elite.add(trial)
            if trial.info:
                self._told.append(trial)
            if len(self._told) == self.batch:
                with threads(1):
                    self._learn([trial for trial in self._told if _is_informative(trial)])
                self._exploration.adapt(self._told)
                self._told.clear()

    def _learn(self, trials: Sequence[Trial]) -> None:
        advantages = self._advantages([trial.reward for trial in trials])
        if not advantages:
            return
        drawn = [trial.architecture.tokens for trial in trials]
        best = [] if self._elite is None else self._elite.best()
        for _ in range(self._epochs):
            log_probability_B, entropy_B = self._policy.score([*drawn, *best])
            loss = compute_policy_loss(
                log_probability_B[: len(drawn)],
                entropy_B[: len(drawn)],
                advantages,
                entropy=self._entropy,
                old=[trial.info["log_probability"] for trial in trials],
                clip=self._clip,
            )
            if best:
                loss = loss - log_probability_B[len(drawn) :].mean()
            self._optimizer.zero_grad()
            torch.autograd.backward(loss)
            self._optimizer.step()
        self._updates += 1


def _is_informative(trial: Trial) -> bool:
    return trial.reward is not None or trial.state is TrialState.REJECTED
