"""Text tasks, and a small network that reads them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nasframe import Architecture, Choice, SearchSpace, Task, TaskShape, option
from nasframe.tasks.text import TextTask

CPU = torch.device("cpu")


def text_task(**settings: Any) -> TextTask:
    task = option("task", "text", **settings).build()
    assert isinstance(task, TextTask)
    return task


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def measured(task: Task, module: nn.Module, batch_size: int = 64) -> dict[str, float]:
    state, sums = None, torch.zeros(2)
    with torch.no_grad():
        for batch in task.validation_batches(batch_size, CPU):
            tally, state = task.tally(module, batch, state)
            sums += tally
    return task.metrics(sums.tolist())


class Lstm(nn.Module):
    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.layers = nn.LSTM(width, width)
        self.head = nn.Linear(width, words)

    def forward(self, x_TB: Tensor, state: Any) -> tuple[Tensor, Any]:
        y_TBD, state = self.layers(self.embedding(x_TB), state)
        return self.head(y_TBD), state


class LstmSpace(SearchSpace):
    kinds = ("sequence",)
    choices = (Choice("width", (16, 32)),)

    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        return Lstm(task.outputs, self.choices[0].options[architecture.tokens[0]])


def rounds(task: TextTask, batch_size: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Inputs and targets of the streams of one epoch, (S, B)."""
    x, y = zip(*task.train_batches(batch_size, CPU, generator(seed)), strict=True)
    return torch.cat(x), torch.cat(y)


def words(text: str) -> list[str]:
    lines = text.split("\n")
    return [word for line in lines[:-1] for word in [*line.split(), "<eos>"]] + lines[-1].split()
