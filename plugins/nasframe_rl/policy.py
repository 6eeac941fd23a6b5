"""An LSTM policy over any list of choices (Zoph & Le 2017, section 3.1).

One step a choice: a softmax over its options, from which a token is drawn that is the next
step's input. The policy knows nothing of rewards; a learner trains its parameters.

Shapes: B architectures, T choices, O options (of the choice that has most), H units.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from nasframe import Choice

Tokens = tuple[int, ...]


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread: the policy is small, and its results depend on their number."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def uniforms(seed: int, numbers: Sequence[int], steps: int) -> Tensor:
    """Numbers in [0, 1) that depend on the seed, a proposal's number and the step alone.

    Returns:
        One column a number, ``[steps, numbers]``.
    """
    columns = [
        np.random.default_rng([seed, number]).random(steps, dtype=np.float32) for number in numbers
    ]
    return torch.from_numpy(np.stack(columns, axis=1))


@final
class LSTMPolicy(nn.Module):
    """A distribution over architectures of every active prefix of the choices.

    Args:
        choices: the decisions in their order; their number is T.
        hidden: units of each LSTM layer and of the embeddings: H.
        layers: LSTM layers.
        init_range: all parameters are drawn uniformly from plus or minus this.
        seed: of that draw; torch's global generator is not touched.
    """

    first_row_T: Tensor
    padding_TO: Tensor

    def __init__(
        self, choices: Sequence[Choice], hidden: int, layers: int, init_range: float, seed: int
    ) -> None:
        super().__init__()
        self.sizes = [len(choice.options) for choice in choices]
        sizes_T = torch.tensor(self.sizes)
        steps, most = len(self.sizes), max(self.sizes)
        # Row 0 is the learned input of the first step; the options of the last choice have no row.
        self.register_buffer("first_row_T", 1 + sizes_T.cumsum(0) - sizes_T)
        # Not -inf: its product with a probability of 0, in the entropy, would be nan.
        padding_TO = -1e9 * (torch.arange(most) >= sizes_T[:, None]).float()
        self.register_buffer("padding_TO", padding_TO)
        self.embedding = nn.Parameter(torch.empty(1 + sum(self.sizes[:-1]), hidden))
        self.lstm = nn.LSTM(hidden, hidden, layers, device="meta").to_empty(device="cpu")
        self.head_THO = nn.Parameter(torch.empty(steps, hidden, most))
        self.bias_TO = nn.Parameter(torch.empty(steps, most))
        generator = torch.Generator().manual_seed(seed)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -init_range, init_range, generator)

    @torch.inference_mode()
    def sample(
        self, uniforms_TB: Tensor, active: Sequence[int]
    ) -> tuple[list[Tokens], list[float]]:
        """Draw architectures, all in step, by inverting each softmax's distribution function.

        Args:
            uniforms_TB: random numbers in [0, 1), at least as many as the longest prefix.
            active: how many choices each architecture has, at least 1.

        Returns:
            Tokens and log-probability of each architecture.
        """
        bias_TO = self.bias_TO + self.padding_TO
        state = self._initial_state(len(active))
        rows_B = torch.zeros(len(active), dtype=torch.long)
        tokens, logits = [], []
        for step in range(max(active)):
            h_BH, state = self._step(self.embedding[rows_B], state)
            logits_BO = torch.addmm(bias_TO[step], h_BH, self.head_THO[step])
            cumulative_BO = logits_BO.softmax(-1).cumsum(-1)
            above_BO = uniforms_TB[step, :, None] >= cumulative_BO
            # Rounding may leave the last sum below 1, and the uniform number above it.
            tokens_B = above_BO.sum(-1).clamp_(max=self.sizes[step] - 1)
            rows_B = self.first_row_T[step] + tokens_B
            tokens.append(tokens_B)
            logits.append(logits_BO)
        tokens_TB = torch.stack(tokens)
        log_probability_B, _ = _sums(torch.stack(logits), tokens_TB, torch.tensor(active))
        columns = tokens_TB.T.tolist()
        prefixes = [tuple(column[:n]) for column, n in zip(columns, active, strict=True)]
        return prefixes, log_probability_B.tolist()

    def score(self, architectures: Sequence[Tokens]) -> tuple[Tensor, Tensor]:
        """Score known architectures, with gradients.

        Returns:
            The log-probability of each, and the sum of the entropies (in nats) of the softmaxes
            that it met on its way, both of shape [B].
        """
        tokens_TB = pad_sequence([torch.tensor(tokens) for tokens in architectures])
        steps, count = tokens_TB.shape
        rows_TB = tokens_TB[:-1] + self.first_row_T[: steps - 1, None]
        rows_TB = torch.cat([rows_TB.new_zeros(1, count), rows_TB])
        h_TBH, _ = self.lstm(self.embedding[rows_TB])
        logits_TBO = torch.einsum("tbh,tho->tbo", h_TBH, self.head_THO[:steps])
        logits_TBO = logits_TBO + (self.bias_TO + self.padding_TO)[:steps, None]
        return _sums(logits_TBO, tokens_TB, torch.tensor([len(t) for t in architectures]))

    def _initial_state(self, count: int) -> list[tuple[Tensor, Tensor]]:
        zeros_BH = self.embedding.new_zeros(count, self.lstm.hidden_size)
        return [(zeros_BH, zeros_BH)] * self.lstm.num_layers

    def _step(
        self, x_BH: Tensor, state: list[tuple[Tensor, Tensor]]
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """One step of ``self.lstm``, which itself takes more than twice as long for one step."""
        new_state = []
        for weights, layer_state in zip(self.lstm.all_weights, state, strict=True):
            layer_state = torch.lstm_cell(x_BH, layer_state, *weights)
            x_BH = layer_state[0]
            new_state.append(layer_state)
        return x_BH, new_state


def _sums(logits_TBO: Tensor, tokens_TB: Tensor, active_B: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probability of the tokens and entropy of the softmaxes, over the active steps."""
    log_softmax_TBO = logits_TBO.log_softmax(-1)
    chosen_TB = log_softmax_TBO.gather(-1, tokens_TB[..., None]).squeeze(-1)
    entropy_TB = -(log_softmax_TBO.exp() * log_softmax_TBO).sum(-1)
    active_TB = torch.arange(len(tokens_TB))[:, None] < active_B
    return (chosen_TB * active_TB).sum(0), (entropy_TB * active_TB).sum(0)
