"""A child on a CUDA device: ``pytest -m gpu``; most machines have none, so not by default."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from nasframe import (
    Architecture,
    Choice,
    Context,
    SearchSpace,
    StudyConfig,
    TaskShape,
    option,
    run,
)

pytestmark = pytest.mark.gpu


def test_auto_takes_the_gpu_in_bfloat16_and_gives_its_memory_back(tmp_path: Path) -> None:
    space = option("search_space", "nasnet_small").build()
    evaluator = option("evaluator", "train").build(space, option("task", "digits").build())
    reports: list[int] = []
    used: list[int] = []

    def report(epoch: int, metrics: object) -> bool:
        reports.append(epoch)
        used.append(torch.cuda.memory_allocated())
        return True

    context = Context(tmp_path, "auto", 0, report, lambda: False, tmp_path / "w.safetensors")
    architecture = Architecture(tuple(0 for _ in space.choices))
    before = 0
    for _ in range(3):
        metrics = evaluator.evaluate(architecture, context)
        before = before or torch.cuda.memory_allocated()
    assert min(used) > before, "the child lay on the device"
    assert torch.cuda.memory_allocated() <= before * 1.05, "and left it"
    assert reports == 3 * [1, 2, 3, 4, 5]
    assert metrics["val_accuracy"] > 0.5  # type: ignore[operator]
    assert (tmp_path / "w.safetensors").is_file()


def test_a_compiled_child_learns_and_leaves_the_device(tmp_path: Path) -> None:
    task = option("task", "digits").build()
    evaluator = option("evaluator", "train", device="cuda", compile=True).build(HungrySpace(), task)
    context = Context(tmp_path, "auto", 0, lambda *_: True, lambda: False)
    metrics = evaluator.evaluate(Architecture((0,)), context)
    used = torch.cuda.memory_allocated()
    evaluator.evaluate(Architecture((0,)), context)
    assert torch.cuda.memory_allocated() <= used
    assert metrics["val_accuracy"] > 0.5  # type: ignore[operator]


@pytest.mark.parametrize("executor", ["process", "ray"])
def test_several_children_share_a_card(tmp_path: Path, executor: str) -> None:
    if executor == "ray":
        pytest.importorskip("ray")
    share = {"gpus": 0.5} if executor == "ray" else {}
    config = StudyConfig(
        dir=tmp_path,
        search_space=option("search_space", "nasnet_small"),
        task=option("task", "digits"),
        controller=option("controller", "random"),
        objective=option("objective", "accuracy"),
        evaluator=option("evaluator", "train", device="cuda"),
        executor=option("executor", executor, workers=2, **share),
        stopper=option("stopper", "none"),
        trials=6,
        synchronous=False,
    )
    trials = run(config).trials
    assert len(trials) == 6
    assert all(trial.reward is not None and trial.reward > 0.5 for trial in trials)


class Hungry(nn.Module):
    """Wants more memory than any device has."""

    def forward(self, x_NCHW: Tensor) -> Tensor:
        return x_NCHW + torch.empty(2**50, dtype=torch.uint8, device=x_NCHW.device).sum()


class HungrySpace(SearchSpace):
    choices = (Choice("hungry", (False, True)),)
    kinds = ("image",)

    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        first = Hungry() if architecture.tokens[0] else nn.Identity()
        return nn.Sequential(first, nn.Flatten(), nn.Linear(64, task.outputs))


def test_a_child_without_memory_fails_and_the_next_one_trains(tmp_path: Path) -> None:
    settings = {"epochs": 5, "device": "cuda"}
    task = option("task", "digits").build()
    evaluator = option("evaluator", "train", **settings).build(HungrySpace(), task)
    context = Context(tmp_path, "auto", 0, lambda *_: True, lambda: False)
    for _ in range(3):
        with pytest.raises(torch.cuda.OutOfMemoryError):
            evaluator.evaluate(Architecture((1,)), context)
        metrics = evaluator.evaluate(Architecture((0,)), context)
        assert metrics["val_accuracy"] > 0.5  # type: ignore[operator]
