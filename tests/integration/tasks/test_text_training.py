"""Text tasks train networks, and a search of cells learns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from experiments import experiment
from texts import CPU, LstmSpace, measured, rounds, text_task
from torch import Tensor

import nasframe
from nasframe import (
    Architecture,
    Context,
    SearchSpace,
    SearchSpaceConfig,
    StudyConfig,
    Task,
    option,
)
from nasframe.api.config import Precision
from nasframe.tasks.level import Level
from nasframe.tasks.text import TextTask


@dataclass(kw_only=True)
class LstmConfig(SearchSpaceConfig):
    def build(self) -> SearchSpace:
        return LstmSpace()


def trained(folder: Path, task: Task, space: SearchSpace | None = None, **how: Any) -> Any:
    evaluator = option("evaluator", "train", device="cpu", **how).build(space or LstmSpace(), task)
    context = Context(folder, "cpu", 0, lambda epoch, metrics: True, lambda: False)
    return evaluator.evaluate(Architecture((1,)), context)


def unigram_perplexity(task: TextTask, counted: Tensor, predicted: Tensor) -> float:
    counts_K = torch.bincount(counted, minlength=task.outputs).double()
    log_K = (counts_K / counts_K.sum()).log()
    return math.exp(-log_K[predicted].mean().item())


def test_a_small_lstm_learns_and_does_so_again(tmp_path: Path) -> None:
    task = text_task()
    how = {"epochs": 2, "lr": 1.0, "gradient_clip": 1.0}
    metrics, again = (trained(tmp_path, task, **how) for _ in range(2))
    tokens, _ = rounds(task, 1)
    predicted = torch.cat([y for _, y, _ in task.validation_batches(1, CPU)]).flatten()
    known = predicted[predicted > 0]
    assert metrics["val_perplexity"] < 0.5 * unigram_perplexity(task, tokens.flatten(), known)
    assert metrics["val_perplexity_epochs"] == again["val_perplexity_epochs"]
    assert metrics["val_perplexity"] == math.exp(metrics["val_loss"])
    rate = metrics["samples_per_second"] * metrics["train_seconds"]
    assert rate == pytest.approx(2 * task.train_examples())


def test_bfloat16_gives_nearly_the_same(tmp_path: Path) -> None:
    task = text_task(steps=20)
    losses = [
        trained(tmp_path, task, epochs=1, lr=0.5, precision=precision)["val_loss"]
        for precision in (Precision.float32, Precision.bfloat16)
    ]
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


def small_study(folder: Path, **task: Any) -> StudyConfig:
    return StudyConfig(
        search_space=LstmConfig(),
        task=option("task", "text", **task),
        controller=option("controller", "random"),
        objective=option("objective", "perplexity"),
        evaluator=option("evaluator", "train", device="cpu", epochs=1, lr=1.0, gradient_clip=1.0),
        executor=option("executor", "serial"),
        stopper=option("stopper", "none"),
        meters={"size": option("meters", "size")},
        dir=folder,
        trials=2,
    )


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The space of these tests among the installed ones."""
    from nasframe.registry import options

    mine = options.Option("search_space", "lstm", LstmConfig, "tests")
    offered = (*options.options(), mine)
    monkeypatch.setattr(options, "options", lambda: offered)


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("level", Level)
def test_the_best_network_of_a_study_reads_text(tmp_path: Path, level: Level) -> None:
    """All that is needed beside the network is in its ``data_config``."""
    result = nasframe.run(small_study(tmp_path / "study", level=level))
    assert result.best is not None
    perplexity = result.best.metrics["val_perplexity"]
    assert isinstance(perplexity, float)
    assert result.best.reward == pytest.approx(80 / perplexity**2)
    network: Any = nasframe.load(tmp_path / "study")
    vocabulary = network.data_config["vocabulary"]
    assert network.data_config["level"] == level.name
    numbers = {token: i for i, token in enumerate(vocabulary)}
    text = "If the object" if level is Level.char else ["If", "the", "object"]
    x_TB = torch.tensor([[numbers.get(token, 0)] for token in text])
    with torch.no_grad():
        logits_TBK, _ = network(x_TB, None)
        module, task = network, text_task(level=level)
        assert measured(task, module)["val_perplexity"] == pytest.approx(perplexity, rel=1e-5)
    assert logits_TBK.shape == (len(text), 1, len(vocabulary))


def test_the_small_search_finds_a_cell_that_learns(tmp_path: Path) -> None:
    """Characters by their frequencies alone have a perplexity of 25."""
    study = experiment("nas_ptb_small", f"dir={tmp_path}/study", "trials=3", "evaluator.epochs=1")
    trials = nasframe.run(study).trials
    perplexities = [trial.metrics["val_perplexity"] for trial in trials if trial.error is None]
    assert all(isinstance(value, float) for value in perplexities)
    assert min(perplexities) < 15  # type: ignore[type-var, operator]
