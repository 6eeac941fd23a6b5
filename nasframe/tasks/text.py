"""Language modelling: predict each token of a text from the tokens before it.

Shapes: T steps of a window, B streams of a batch, K entries of the vocabulary, N tokens of a text,
S tokens of a stream.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasframe.api.parts import Task
from nasframe.tasks.corpus import Corpus
from nasframe.tasks.digest import compute_digest
from nasframe.tasks.level import Level

State: TypeAlias = Tensor | tuple["State", ...] | None

SEGMENT = 20
"""Length of a segment of the validation text, in windows."""

_SKIPPED = -100
"""The target that ``cross_entropy`` ignores."""


class TextTask(Task):
    """Next-token prediction, with back-propagation through time truncated after ``steps`` tokens.

    Training: the text forms a ring, which is opened at a random place in each epoch and cut into
    ``batch_size`` streams. Each stream is read window by window; the state is carried over, its
    gradient is not (Zaremba et al., "Recurrent Neural Network Regularization", 2014, 4.1). A batch
    is ``(x_TB, y_TB)``, and each y is the token after its x; windows have at most ``steps`` tokens
    and nearly equal lengths.

    Validation: each token is predicted exactly once. The text, a continuation of the training
    text, is cut into segments of at most 20 times ``steps`` tokens, whatever the batch size. Each
    is read from an empty state, after the ``steps`` tokens before it, so that metrics do not
    depend on ``batch_size``. A batch is ``(x_TB, y_TB, begins)``, where ``begins`` resets the
    state.

    Args:
        corpus: the text.
        steps: maximum length of a window.
        load_test: reads the tokens of the test text; ``None`` without a test text.
    """

    kind = "sequence"
    input_shape = ()

    def __init__(
        self, corpus: Corpus, steps: int, load_test: Callable[[], Tensor] | None = None
    ) -> None:
        self.outputs = len(corpus.vocabulary)
        self.provides = ("val_loss", "val_perplexity")
        if corpus.level is Level.char:
            self.provides += ("val_bpc",)
        self._corpus = corpus
        self._steps = steps
        self._load_test = load_test
        self._by_device: dict[torch.device, Tensor] = {}

    @property
    def data_config(self) -> Mapping[str, Any]:
        """``level``, and ``vocabulary``: the token of each number; unknown tokens are number 0."""
        return {"level": self._corpus.level.name, "vocabulary": self._corpus.vocabulary}

    def fingerprint(self) -> str:
        """Return a digest of the tokens, the length of the training text and the vocabulary."""
        corpus = self._corpus
        return compute_digest(
            [corpus.tokens_N], f"{corpus.training} {corpus.level} {corpus.vocabulary}"
        )

    def train_batches(
        self, batch_size: int, device: torch.device, generator: torch.Generator
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield an epoch of windows; the place where the ring is opened is drawn first."""
        count, windows = self._corpus.training, self.train_steps(batch_size)
        length = -(-count // batch_size)
        start = int(torch.randint(count, (), generator=generator, device=generator.device))
        place = torch.arange(start, start + batch_size * length + 1, device=device) % count
        text = self._tokens_on(device)[place]
        streams = (part.view(batch_size, length) for part in (text[:-1], text[1:]))
        x_SB, y_SB = (part_BS.t().contiguous() for part_BS in streams)
        yield from zip(x_SB.tensor_split(windows), y_SB.tensor_split(windows), strict=True)

    def train_steps(self, batch_size: int) -> int:
        """Return the number of windows in a stream."""
        return -(-self._corpus.training // (batch_size * self._steps))

    def train_examples(self) -> int:
        """Return the number of training tokens."""
        return self._corpus.training

    def example(self) -> tuple[Tensor, None]:
        """Return one token and no state."""
        return torch.zeros(1, 1, dtype=torch.long), None

    def validation_batches(
        self, batch_size: int, device: torch.device
    ) -> Iterator[tuple[Tensor, Tensor, bool]]:
        """Yield the windows of the first ``batch_size`` segments, then those of the next ones."""
        text_N = self._tokens_on(device)[self._corpus.training - self._steps - 1 :]
        return self._cut_windows(text_N, batch_size)

    def test_batches(
        self, batch_size: int, device: torch.device
    ) -> Iterator[tuple[Tensor, Tensor, bool]] | None:
        """Return windows like those for validation; the text continues the validation text."""
        if self._load_test is None:
            return None
        before_N = self._corpus.tokens_N[-self._steps - 1 :]
        return self._cut_windows(torch.cat([before_N, self._load_test()]).to(device), batch_size)

    def loss(
        self, module: nn.Module, batch: tuple[Tensor, Tensor], state: State
    ) -> tuple[Tensor, State]:
        """Return the cross entropy in nats per token, and the state without its gradient."""
        x_TB, y_TB = batch
        logits_TBK, state = module(x_TB, state)
        return _cross_entropy(logits_TBK, y_TB, "mean"), _detach(state)

    def tally(
        self, module: nn.Module, batch: tuple[Tensor, Tensor, bool], state: State
    ) -> tuple[Tensor, State]:
        """Return the sum of cross entropies, the number of tokens, and the state."""
        x_TB, y_TB, begins = batch
        logits_TBK, state = module(x_TB, None if begins else state)
        loss = _cross_entropy(logits_TBK, y_TB, "sum")
        return torch.stack([loss, (y_TB != _SKIPPED).sum(dtype=loss.dtype)]), state

    def metrics(self, tally: Sequence[float]) -> dict[str, float]:
        """Return ``val_loss`` in nats per token, ``val_perplexity``, and ``val_bpc`` in bits."""
        loss = tally[0] / tally[1]
        perplexity = math.exp(loss) if loss < 700 else math.inf
        metrics = {"val_loss": loss, "val_perplexity": perplexity, "val_bpc": loss / math.log(2)}
        return {name: metrics[name] for name in self.provides}

    def _cut_windows(self, text_N: Tensor, count: int) -> Iterator[tuple[Tensor, Tensor, bool]]:
        for x_SB, y_SB in self._cut_segments(text_N, count):
            for start in range(0, len(x_SB), self._steps):
                window = slice(start, start + self._steps)
                yield x_SB[window], y_SB[window], start == 0

    def _cut_segments(self, text_N: Tensor, count: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield inputs and targets of ``count`` segments at a time, (S, B).

        The text starts with the ``steps`` + 1 tokens before the first token to predict. The first
        ``steps`` targets of a segment belong to the previous segment, and the last targets of the
        last segment may lie beyond the text: both are skipped.
        """
        before = self._steps
        tokens = len(text_N) - before - 1
        segments = -(-tokens // (SEGMENT * self._steps))
        length = -(-tokens // segments)
        rest = (0, segments * length - tokens)
        x_SV = F.pad(text_N[:-1], rest).unfold(0, before + length, length).t()
        y_SV = F.pad(text_N[1:], rest, value=_SKIPPED).unfold(0, before + length, length).t()
        y_SV = y_SV.clone()
        y_SV[:before] = _SKIPPED
        yield from zip(torch.split(x_SV, count, 1), torch.split(y_SV, count, 1), strict=True)

    def _tokens_on(self, device: torch.device) -> Tensor:
        if device not in self._by_device:
            self._by_device[device] = self._corpus.tokens_N.to(device)
        return self._by_device[device]


def _cross_entropy(logits_TBK: Tensor, y_TB: Tensor, reduction: str) -> Tensor:
    logits = logits_TBK.flatten(0, 1).float()
    return F.cross_entropy(logits, y_TB.flatten(), reduction=reduction, ignore_index=_SKIPPED)


def _detach(state: State) -> State:
    if isinstance(state, tuple):
        return tuple(_detach(part) for part in state)
    return None if state is None else state.detach()
