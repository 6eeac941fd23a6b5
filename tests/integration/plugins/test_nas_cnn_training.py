"""Children of the convolutional space of NAS learn."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from experiments import experiment
from nas_cnns import Rows, flat, space
from shapes import Images
from sklearn.datasets import load_digits

import nasframe
from nasframe import Architecture


def test_children_learn_digits() -> None:
    torch.manual_seed(0)
    rows: Rows = [((1, 1, 0), ()), ((0, 1, 1), (0,)), ((1, 0, 0), (0, 1)), ((1, 1, 1), (0, 2))]
    made = space(layers=4, kernel=[3, 5], filters=[8, 12])
    network = made.build(Architecture(flat(rows)), Images((1, 8, 8)))
    digits = load_digits()
    x_NCHW = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
    y_N = torch.tensor(digits.target)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    for epoch in range(4):
        for batch in torch.randperm(1078).split(64):
            optimizer.zero_grad()
            F.cross_entropy(network(x_NCHW[batch]), y_N[batch]).backward()
            optimizer.step()
        for group in optimizer.param_groups:
            group["lr"] = 0.1 * (1 - (epoch + 1) / 4)
    with torch.no_grad():
        correct = network.eval()(x_NCHW[1078:]).argmax(1) == y_N[1078:]
    assert correct.float().mean() > 0.9


def test_the_small_search_runs_with_growing_depth(tmp_path: Path) -> None:
    overrides = ["trials=4", "search_space.grow_every=2", "evaluator.epochs=1"]
    study = experiment("nas_cifar10_small", f"dir={tmp_path}/study", *overrides)
    trials = nasframe.run(study).trials
    assert [len(trial.architecture.tokens) for trial in trials] == [18, 18, 33, 33]
    assert all(trial.reward == max(trial.metrics["val_accuracy_epochs"]) ** 3 for trial in trials)
