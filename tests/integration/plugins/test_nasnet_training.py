"""Children of the NASNet space in training: the paper's search, and what regularises a network."""

from __future__ import annotations

import math
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hydra import compose, initialize_config_module
from shapes import Images
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torchvision import datasets

import nasframe
from nasframe import Architecture, Context, StudyConfig, TaskShape, option
from nasframe.cli.hydra_app import register_configs
from nasframe.cli.search import build_study_config
from nasframe_nasnet import nasframe_search_spaces
from nasframe_nasnet.config import NASNetConfig
from nasframe_nasnet.space import NASNetSpace


def alone(folder: Path) -> Context:
    return Context(folder, "cpu", 0, lambda epoch, metrics: True, lambda: False)


# The search of the paper


@pytest.fixture
def search(tmp_path: Path) -> StudyConfig:
    """The settings of ``experiment=nasnet_cifar10``."""
    register_configs()
    with initialize_config_module("nasframe.conf", version_base="1.3"):
        cfg = compose("study", ["experiment=nasnet_cifar10", f"task.root={tmp_path}"])
    return build_study_config(cfg, tmp_path)


def test_the_search_is_the_papers(search: StudyConfig) -> None:
    wanted = {
        "search_space": {"blocks": 5, "cells": 2, "stages": 3, "drop_path_keep": 1.0},
        "task": {"upsample": 40, "flip": True, "pad": 0, "validation": 0.1, "cutout": 0},
        "controller": {
            **{"layers": 1, "hidden": 100, "init_range": 0.1},
            **{"lr": 3.5e-4, "batch": 20, "entropy": 1e-5, "baseline_decay": 0.95},
        },
        "objective": {"metric": "val_accuracy", "power": 1.0},
        "evaluator": {"epochs": 20, "momentum": 0.9},
    }
    for group, settings in wanted.items():
        found = vars(getattr(search, group))
        assert {name: found[name] for name in settings} == settings
    assert search.trials == 20_000
    space = search.search_space.build()
    assert len(space.choices) == 50
    assert f"{space.size:.2e}" == "5.23e+36"


@pytest.fixture
def cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """60 images in the files of CIFAR-10's training set, and a test set that cannot be read."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    draw = np.random.default_rng(0)
    for number in range(1, 6):
        x = draw.integers(0, 256, (12, 3072), dtype=np.uint8)
        y = [(12 * number + i) % 10 for i in range(12)]
        (folder / f"data_batch_{number}").write_bytes(pickle.dumps({"data": x, "labels": y}))
    (folder / "test_batch").write_bytes(b"never read")
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    # These files are not the originals: torchvision shall not compare them.
    kind = datasets.CIFAR10
    monkeypatch.setattr(kind, "train_list", [[name, None] for name, _ in kind.train_list])
    monkeypatch.setattr(kind, "test_list", [])
    monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": None})


@pytest.mark.usefixtures("cifar")
def test_a_child_of_the_search_trains_20_epochs_along_a_cosine(
    search: StudyConfig, tmp_path: Path
) -> None:
    """With one filter, so that it is quick; a tenth of each class is for validation."""
    search.search_space = NASNetConfig(filters=1)
    space, task = search.search_space.build(), search.task.build()
    assert task.train_examples() == 50  # at least one image of each class is for validation
    rates: list[float] = []

    def note(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        rates.append(optimizer.param_groups[0]["lr"])

    evaluator = search.evaluator.build(space, task)
    handle = register_optimizer_step_pre_hook(note)
    try:
        metrics = evaluator.evaluate(Architecture((0, 1, 4, 0, 0) * 10), alone(tmp_path))
    finally:
        handle.remove()
    assert metrics["epochs"] == len(metrics["val_accuracy_epochs"]) == 20
    wanted = [0.025 * (1 + math.cos(math.pi * step / 40)) / 2 for step in range(40)]
    assert rates == pytest.approx(wanted)


# The auxiliary classifier and ScheduledDropPath


class Kept(NASNetSpace):
    """Keeps the last network that it made."""

    network: nn.Module

    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        self.network = super().build(architecture, task)
        return self.network


@pytest.fixture
def large_digits(tmp_path: Path) -> Iterator[Any]:
    """700 digits of 16x16 pixels."""
    digits = load_digits()
    x = np.kron(digits.images[:700] / 16, np.ones((1, 2, 2)))
    np.savez(tmp_path / "digits.npz", x_train=x, y_train=digits.target[:700])
    return option("task", "arrays", path=tmp_path / "digits.npz", validation=0.2).build()


def test_a_child_learns_with_auxiliary_classifier_and_drop_path(
    large_digits: Any, tmp_path: Path
) -> None:
    config = NASNetConfig(blocks=1, cells=1, filters=8, auxiliary=True, drop_path_keep=0.8)
    space = Kept(config.blocks, config.stacking(), (None, None))
    evaluator = option("evaluator", "train", epochs=4, batch_size=16).build(space, large_digits)
    metrics = evaluator.evaluate(Architecture((0, 1, 9, 8, 0) * 2), alone(tmp_path))
    assert metrics["val_accuracy"] > 0.8
    paced = [m for m in space.network.modules() if hasattr(m, "training_progress")]
    steps = 4 * large_digits.train_steps(16)
    assert [m.training_progress for m in paced] == [(steps - 1) / steps] * 5


def test_a_study_with_all_that_belongs_to_the_training(large_digits: Any, tmp_path: Path) -> None:
    """The kept network predicts as it was validated, by its one classifier."""
    study = StudyConfig(
        search_space=NASNetConfig(
            blocks=1, cells=1, filters=8, auxiliary=True, drop_path_keep=0.9, dropout=0.1
        ),
        task=option("task", "arrays", path=tmp_path / "digits.npz", validation=0.2),
        controller=option("controller", "random"),
        objective=option("objective", "accuracy"),
        evaluator=option("evaluator", "train", epochs=2, batch_size=32),
        executor=option("executor", "serial"),
        stopper=option("stopper", "none"),
        meters={"size": option("meters", "size")},
        dir=tmp_path / "study",
        trials=2,
    )
    best = nasframe.run(study).best
    assert best is not None
    assert best.metrics["macs"]
    network = nasframe.load(tmp_path / "study")
    right = total = 0
    for x_NCHW, y_N in large_digits.validation_batches(64, torch.device("cpu")):
        with torch.no_grad():
            right += int((network(x_NCHW).argmax(1) == y_N).sum())
        total += len(y_N)
    assert right / total == pytest.approx(best.metrics["val_accuracy"])


def test_what_is_dropped_is_drawn_from_the_childs_own_seed(
    large_digits: Any, tmp_path: Path
) -> None:
    space = NASNetConfig(blocks=1, cells=1, filters=4, drop_path_keep=0.5, dropout=0.5).build()
    evaluator = option("evaluator", "train", epochs=2).build(space, large_digits)
    architecture = Architecture((0, 1, 8, 9, 0) * 2)
    first, again = (evaluator.evaluate(architecture, alone(tmp_path)) for _ in range(2))
    assert first["val_loss_epochs"] == again["val_loss_epochs"]


def test_children_of_the_small_space_learn_digits() -> None:
    space = nasframe_search_spaces()["nasnet_small"]
    assert isinstance(space, NASNetConfig)
    torch.manual_seed(0)
    cell = (0, 1, 10, 5, 0, 2, 0, 8, 0, 1, 1, 3, 9, 4, 0)
    network = space.build().build(Architecture(cell * 2), Images((1, 8, 8)))
    digits = load_digits()
    x_NCHW = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
    y_N = torch.tensor(digits.target)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    for epoch in range(5):
        for batch in torch.randperm(1078).split(64):
            optimizer.zero_grad()
            F.cross_entropy(network(x_NCHW[batch]), y_N[batch]).backward()
            optimizer.step()
        for group in optimizer.param_groups:
            group["lr"] = 0.1 * (1 - (epoch + 1) / 5)
    with torch.no_grad():
        correct = network.eval()(x_NCHW[1078:]).argmax(1) == y_N[1078:]
    assert correct.float().mean() > 0.9
