"""An LSTM policy over any list of choices (Zoph & Le 2017, sections 3.1 and 3.3).

Each choice is one step: a token is drawn from a softmax over its options, and is the next step's
input. All links of a target are drawn independently in one step: the probability that anchor j
feeds anchor i is sigmoid(v^T tanh(W_prev h_j + W_curr h_i)), where h are the LSTM's states at the
two anchors and all links share the weights (equation 5). The next input is the sum of their
embeddings, since the paper does not specify it. The policy has no notion of rewards; a learner
trains its parameters.

Shapes: B architectures, T choices (K plain, L links), S steps, O options (the maximum over
choices), H units.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from nasframe import Choice
from nasframe_rl.steps import plan_steps

Tokens = tuple[int, ...]
State = list[tuple[Tensor, Tensor]]

_NEVER = -1e9
"""A logit of probability 0. Not -inf: its product with a probability of 0 would be nan."""


def draw_uniforms(seed: int, numbers: Sequence[int], steps: int) -> Tensor:
    """Draw numbers in [0, 1) that depend only on the seed, a proposal's number and the step.

    Returns:
        One column per number, ``[steps, numbers]``.
    """
    columns = [
        np.random.default_rng([seed, number]).random(steps, dtype=np.float32) for number in numbers
    ]
    return torch.from_numpy(np.stack(columns, axis=1))


@final
class LSTMPolicy(nn.Module):
    """A distribution over architectures, for every active prefix of the choices.

    Args:
        choices: the T choices, in order.
        hidden: units of each LSTM layer and size of the embeddings, H.
        layers: LSTM layers.
        init_range: bound of the parameters' uniform initialization around 0.
        seed: seed of the initialization; torch's global generator is not used.
        share: whether similar choices share one softmax and their embeddings.
    """

    def __init__(
        self,
        choices: Sequence[Choice],
        hidden: int,
        layers: int,
        init_range: float,
        seed: int,
        share: bool = False,
    ) -> None:
        super().__init__()
        self.plan = made = plan_steps(choices, share)
        self.sizes, self.hidden = made.sizes, hidden
        self._most = max(2, *made.sizes)
        sizes_T = torch.tensor(made.sizes)
        self._most_T = sizes_T - 1
        padding_TO = _NEVER * (torch.arange(self._most) >= sizes_T[:, None]).float()
        self._padding_KO = padding_TO[made.soft]
        self._row_T, self._step_T, self._soft_K, self._head_K = (
            torch.tensor(values, dtype=torch.long)
            for values in (made.row, made.step, made.soft, made.head)
        )
        self._links_L, self._source_L, self._target_L = (
            torch.tensor(values, dtype=torch.long)
            for values in (made.links, made.sources, made.targets)
        )
        heads = len(set(made.head))
        self.embedding = nn.Parameter(torch.empty(made.rows, hidden))
        self.lstm = nn.LSTM(hidden, hidden, layers, device="meta").to_empty(device="cpu")
        self.head_GHO = nn.Parameter(torch.empty(heads, hidden, self._most))
        self.bias_GO = nn.Parameter(torch.empty(heads, self._most))
        if made.links:
            self.previous_HH = nn.Parameter(torch.empty(hidden, hidden))
            self.current_HH = nn.Parameter(torch.empty(hidden, hidden))
            self.link_H = nn.Parameter(torch.empty(hidden))
        generator = torch.Generator().manual_seed(seed)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -init_range, init_range, generator)

    @torch.inference_mode()
    def sample(
        self, uniforms_TB: Tensor, active: Sequence[int], exploration: float = 0.0
    ) -> tuple[list[Tokens], list[float]]:
        """Draw architectures in parallel, by inverting each distribution function.

        Args:
            uniforms_TB: random numbers in [0, 1), for at least the longest prefix.
            active: the number of choices of each architecture, at least 1.
            exploration: the probability of drawing a choice uniformly.

        Returns:
            Tokens and log-probability of each architecture; the log-probability is the policy's,
            without exploration.
        """

        def draw(logits_PBO: Tensor, first: int, last: int) -> Tensor:
            last_P = self._most_T[first:last]
            return _invert(logits_PBO, uniforms_TB[first:last], last_P, exploration)

        return self._decide(draw, active)

    @torch.inference_mode()
    def argmax(self, active: int) -> Tokens:
        """Return the most probable token of each choice, given the earlier tokens."""
        tokens, _ = self._decide(lambda logits_PBO, *_: logits_PBO.argmax(-1), [active])
        return tokens[0]

    def _decide(
        self, decide: Callable[[Tensor, int, int], Tensor], active: Sequence[int]
    ) -> tuple[list[Tokens], list[float]]:
        """Run the policy; ``decide`` gives the tokens of choices ``first`` to ``last - 1``."""
        longest, count = max(active), len(active)
        tokens_TB = torch.zeros(longest, count, dtype=torch.long)
        h_SBH = self.embedding.new_empty(self.plan.step[longest - 1] + 1, count, self.hidden)
        x_BH, state = self.embedding[:1].expand(count, -1), self._initial_state(count)
        for step in range(len(h_SBH)):
            h_SBH[step], state = self._step(x_BH, state)
            first, last = self.plan.steps[step].start, min(self.plan.steps[step].stop, longest)
            tokens_PB = decide(self._compute_logits(h_SBH, first, last), first, last)
            tokens_TB[first:last] = tokens_PB
            x_BH = self._embed(first, tokens_PB).sum(0)
        logits_TBO = self._compute_logits(h_SBH, 0, longest)
        log_probability_B, _ = _sum_active(logits_TBO, tokens_TB, torch.tensor(active))
        columns = tokens_TB.T.tolist()
        prefixes = [tuple(column[:n]) for column, n in zip(columns, active, strict=True)]
        return prefixes, log_probability_B.tolist()

    def score(self, architectures: Sequence[Tokens]) -> tuple[Tensor, Tensor]:
        """Score given architectures, with gradients.

        Returns:
            The log-probability of each, and the sum of the entropies (in nats) of its
            distributions, both of shape [B].
        """
        tokens_TB = pad_sequence([torch.tensor(tokens) for tokens in architectures])
        h_SBH, _ = self.lstm(self._embed_inputs(tokens_TB))
        logits_TBO = self._compute_logits(h_SBH, 0, len(tokens_TB))
        return _sum_active(logits_TBO, tokens_TB, torch.tensor([len(t) for t in architectures]))

    def _embed_inputs(self, tokens_TB: Tensor) -> Tensor:
        """Compute the input of each step (S, B, H): the sum of the last step's embeddings."""
        steps = self.plan.step[len(tokens_TB) - 1] + 1
        read = self.plan.steps[steps - 1].start
        e_TBH = self._embed(0, tokens_TB[:read])
        if self.plan.links:
            sums_SBH = e_TBH.new_zeros(steps - 1, *e_TBH.shape[1:])
            e_TBH = sums_SBH.index_add(0, self._step_T[:read], e_TBH)
        return torch.cat([self.embedding[:1].expand(1, tokens_TB.shape[1], -1), e_TBH])

    def _embed(self, first: int, tokens_TB: Tensor) -> Tensor:
        """Embed the tokens of some choices, starting at choice ``first``."""
        return self.embedding[self._row_T[first : first + len(tokens_TB), None] + tokens_TB]

    def _compute_logits(self, h_SBH: Tensor, first: int, last: int) -> Tensor:
        """Compute the logits (last - first, B, O) of the choices ``first`` to ``last - 1``."""
        soft, links = (
            slice(bisect_left(places, first), bisect_left(places, last))
            for places in (self.plan.soft, self.plan.links)
        )
        if links.start == links.stop:
            return self._softmax_logits(h_SBH, soft)
        if soft.start == soft.stop:
            return self._link_logits(h_SBH, links)
        logits_TBO = h_SBH.new_empty(last - first, h_SBH.shape[1], self._most)
        logits_TBO = logits_TBO.index_copy(
            0, self._soft_K[soft] - first, self._softmax_logits(h_SBH, soft)
        )
        return logits_TBO.index_copy(
            0, self._links_L[links] - first, self._link_logits(h_SBH, links)
        )

    def _softmax_logits(self, h_SBH: Tensor, soft: slice) -> Tensor:
        h_KBH = h_SBH[self._step_T[self._soft_K[soft]]]
        head_K = self._head_K[soft]
        bias_KO = self.bias_GO[head_K] + self._padding_KO[soft]
        return torch.baddbmm(bias_KO[:, None], h_KBH, self.head_GHO[head_K])

    def _link_logits(self, h_SBH: Tensor, links: slice) -> Tensor:
        """Compute links as softmaxes of two: no has the logit 0, so yes is a sigmoid."""
        previous_LBH = (h_SBH @ self.previous_HH)[self._source_L[links]]
        current_LBH = (h_SBH @ self.current_HH)[self._target_L[links]]
        yes_LB = torch.tanh(previous_LBH + current_LBH) @ self.link_H
        two_LBO = torch.stack([torch.zeros_like(yes_LB), yes_LB], -1)
        return F.pad(two_LBO, (0, self._most - 2), value=_NEVER)

    def _initial_state(self, count: int) -> State:
        zeros_BH = self.embedding.new_zeros(count, self.hidden)
        return [(zeros_BH, zeros_BH)] * self.lstm.num_layers

    def _step(self, x_BH: Tensor, state: State) -> tuple[Tensor, State]:
        """Compute one step of ``self.lstm``, in less than half of its own time for one step."""
        new_state = []
        for weights, layer_state in zip(self.lstm.all_weights, state, strict=True):
            layer_state = torch.lstm_cell(x_BH, layer_state, *weights)
            x_BH = layer_state[0]
            new_state.append(layer_state)
        return x_BH, new_state


def _invert(logits_PBO: Tensor, uniforms_PB: Tensor, last_P: Tensor, exploration: float) -> Tensor:
    """Return the tokens (P, B) at which the distribution functions pass the uniform numbers."""
    p_PBO = logits_PBO.softmax(-1)
    if exploration:
        known_PBO = logits_PBO > _NEVER / 2
        uniform_PBO = known_PBO.to(p_PBO.dtype) / (last_P[:, None, None] + 1)
        p_PBO = p_PBO.lerp(uniform_PBO, exploration)
    above_PBO = uniforms_PB[..., None] >= p_PBO.cumsum(-1)
    # Rounding may leave the last sum below 1, and the uniform number above it.
    return torch.minimum(above_PBO.sum(-1), last_P[:, None])


def _sum_active(logits_TBO: Tensor, tokens_TB: Tensor, active_B: Tensor) -> tuple[Tensor, Tensor]:
    """Sum log-probability of the tokens and entropy of the softmaxes over active choices."""
    log_softmax_TBO = logits_TBO.log_softmax(-1)
    chosen_TB = log_softmax_TBO.gather(-1, tokens_TB[..., None]).squeeze(-1)
    entropy_TB = -(log_softmax_TBO.exp() * log_softmax_TBO).sum(-1)
    active_TB = torch.arange(len(tokens_TB))[:, None] < active_B
    return (chosen_TB * active_TB).sum(0), (entropy_TB * active_TB).sum(0)
