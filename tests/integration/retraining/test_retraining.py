"""Training in full: recipes against their formulas, exact resumption, ranking, and what is left."""

from __future__ import annotations

import csv
import json
import math
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small import SPACE, search
from throwaway import shell
from torch import Tensor, nn
from torch.nn import functional as F
from toys import toy_study

import nasframe
import nasframe.export.networks
from nasframe import (
    NasframeError,
    RecipeConfig,
    RetrainConfig,
    load,
    option,
    read_result,
    retrain,
)
from nasframe.retraining.config import TrainerConfig
from nasframe.retraining.distributed import check_devices
from nasframe.retraining.fit import _choose_precision, train_network
from nasframe.storage.locks import try_lock
from nasframe.storage.weights import read_weights
from nasframe.tasks.image_task import ImageTask
from nasframe.training.evaluator import set_memory_format
from nasframe.training.optimizer import make_optimizer
from nasframe.training.schedules import compute_factor
from nasframe.zoo.lookup import look_up_network

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("study") / "it"
    search(folder, trials=3, keep=0)
    return folder


def config(study: Path, folder: Path, **settings: Any) -> RetrainConfig:
    recipe = {"epochs": 2, **settings.pop("recipe", {})}
    return RetrainConfig(
        study=study,
        search_space=settings.pop("search_space", SPACE),
        task=settings.pop("task", option("task", "digits")),
        recipe=RecipeConfig(**recipe),
        dir=folder,
        **settings,
    )


def silent(line: str) -> None:
    pass


# Recipes


@given(st.integers(1, 300), st.integers(1, 50), st.floats(0, 1), st.data())
def test_the_learning_rate_is_the_closed_form_at_every_step(
    epochs: int, steps_an_epoch: int, warm: float, data: st.DataObject
) -> None:
    steps = epochs * steps_an_epoch
    step = data.draw(st.integers(0, steps))
    warmup = round(warm * epochs * 0.9, 2)
    epoch = epochs * step / steps
    made = {
        name: compute_factor(
            RecipeConfig(epochs=epochs, warmup_epochs=warmup, schedule=name),  # type: ignore[arg-type]
            step,
            steps,
        )
        for name in ("cosine", "exponential", "constant")
    }
    if epoch < warmup:
        assert list(made.values()) == pytest.approx([epoch / warmup] * 3)
        return
    half = math.pi * (epoch - warmup) / (epochs - warmup)
    assert made["cosine"] == pytest.approx((1 + math.cos(half)) / 2, abs=1e-9)
    assert made["constant"] == 1
    places = data.draw(st.lists(st.floats(0.1, 300), min_size=1))
    steps_ = RecipeConfig(epochs=epochs, schedule="steps", decay=0.5, milestones=places)  # type: ignore[arg-type]
    down = sum(place <= epoch for place in places)
    assert compute_factor(steps_, step, steps) == pytest.approx(0.5**down)
    times = epoch / 2.4
    if abs(times - round(times)) > 1e-9:
        assert made["exponential"] == pytest.approx(0.97 ** math.floor(times))


def test_mnasnets_clock_runs_during_the_warm_up() -> None:
    """Its code: the first rate after five epochs of warm-up is 0.256 x 0.97 ^ 2 at batch 4096."""
    recipe = RecipeConfig(epochs=350, warmup_epochs=5, schedule="exponential", lr=0.256)  # type: ignore[arg-type]
    steps = 350 * 313
    assert recipe.lr * compute_factor(recipe, 5 * 313, steps) == pytest.approx(0.2409, abs=5e-5)
    assert recipe.lr * compute_factor(recipe, 313, steps) == pytest.approx(0.256 / 5)


class Line(nn.Module):
    """A network without anything random."""

    def __init__(self) -> None:
        super().__init__()
        self.flat, self.linear = nn.Flatten(), nn.Linear(64, 10)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        logits: Tensor = self.linear(self.flat(x_NCHW))
        return logits


def fitted(folder: Path, **settings: Any) -> tuple[RecipeConfig, nn.Module, list[Any]]:
    """A recipe without momentum, the network that it gives, and all batches that it has seen."""
    batches: list[Any] = []

    class Watched(ImageTask):
        def loss(self, module: nn.Module, batch: Any, state: Any) -> Any:
            batches.append(batch)
            return super().loss(module, batch, state)

    task: Any = option("task", "digits").build()
    task.__class__ = Watched
    torch.manual_seed(0)
    recipe = RecipeConfig(epochs=2, momentum=0.0, weight_decay=0.0, batch_size=200, **settings)
    network, _ = train_network(
        Line(), task, recipe, seed=1, device=CPU, folder=folder, on_epoch=lambda rows: None
    )
    return recipe, network, batches


def descent(recipe: RecipeConfig, batches: list[Any]) -> Iterator[nn.Module]:
    """Plain gradient descent: the network before the first, and after each step."""
    torch.manual_seed(0)
    network = Line()
    yield network
    half = len(batches) // recipe.epochs
    ends = [
        (place % half + 1) % recipe.accumulate == 0 or place % half + 1 == half
        for place in range(len(batches))
    ]
    step, gradients = 0, [torch.zeros_like(weight) for weight in network.parameters()]
    for (x, y), end in zip(batches, ends, strict=True):
        loss = F.cross_entropy(network(x), y) / recipe.accumulate
        for total, part in zip(
            gradients, torch.autograd.grad(loss, list(network.parameters())), strict=True
        ):
            total += part
        if end:
            rate = recipe.lr * compute_factor(recipe, step, sum(ends))
            with torch.no_grad():
                for weight, gradient in zip(network.parameters(), gradients, strict=True):
                    weight -= rate * gradient
                    gradient.zero_()
            step += 1
            yield network


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_rmsproptf_is_tensorflows(tmp_path: Path, momentum: float) -> None:
    """Epsilon is inside of the root, the squares begin at 1, the rate is inside of the momentum."""
    torch.manual_seed(0)
    config = RecipeConfig(optimizer="rmsproptf", epsilon=0.1, momentum=momentum, weight_decay=0.01)
    module = nn.Linear(3, 2)
    optimizer = make_optimizer(module, config)
    weights = [w.detach().clone() for w in module.parameters()]
    squares = [torch.ones_like(w) for w in weights]
    moved = [torch.zeros_like(w) for w in weights]
    for place in range(5):
        rate = 0.1 / (place + 1)
        optimizer.param_groups[0]["lr"] = optimizer.param_groups[1]["lr"] = rate
        optimizer.zero_grad()
        module(torch.randn(4, 3)).square().sum().backward()
        for k, parameter in enumerate(module.parameters()):
            assert parameter.grad is not None
            decay = 0.01 if parameter.ndim > 1 else 0.0
            gradient = parameter.grad + decay * weights[k]
            squares[k] = 0.9 * squares[k] + 0.1 * gradient**2
            moved[k] = momentum * moved[k] + rate * gradient / (squares[k] + 0.1).sqrt()
            weights[k] = weights[k] - moved[k]
        optimizer.step()
        torch.testing.assert_close([w.detach() for w in module.parameters()], weights)


@pytest.mark.parametrize("accumulate", [1, 4])
def test_training_is_plain_descent_along_the_schedule(tmp_path: Path, accumulate: int) -> None:
    """With 6 batches an epoch, a step of 4 and one of the remaining 2."""
    recipe, network, batches = fitted(
        tmp_path, accumulate=accumulate, optimizer="momentum", lr=0.5, warmup_epochs=0.5
    )
    assert len(batches) == 12
    *_, wanted = descent(recipe, batches)
    torch.testing.assert_close(network.state_dict(), wanted.state_dict())


def test_the_kept_weights_are_the_moving_average(tmp_path: Path) -> None:
    recipe, network, batches = fitted(tmp_path, ema=0.8, optimizer="momentum", accumulate=2)
    first, *rest = ([w.detach().clone() for w in n.parameters()] for n in descent(recipe, batches))
    average = first
    for weights in rest:
        average = [0.8 * old + 0.2 * new for old, new in zip(average, weights, strict=True)]
    torch.testing.assert_close(list(network.parameters()), average, check_stride=False)


def test_smoothed_labels_are_learned_and_hard_ones_validated() -> None:
    task: Any = option("task", "digits").build()
    task.label_smoothing = 0.1
    x, y = next(task.validation_batches(50, CPU))
    network = Line()
    logits = network(x).detach()
    target = F.one_hot(y, 10) * 0.9 + 0.1 / 10
    smooth = -(target * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(task.loss(network, (x, y), None)[0], smooth)
    _right, total, _count = task.tally(network, (x, y), None)[0].tolist()
    assert total == pytest.approx(float(F.cross_entropy(logits, y, reduction="sum")), rel=1e-5)


def test_what_the_recipe_says_of_space_and_task_replaces_their_settings() -> None:
    recipe = RecipeConfig(
        search_space={"drop_path_keep": 0.6, "auxiliary": True, "dropout": None},
        cutout=4,
        flip=True,
    )
    space, task = (
        recipe.space(option("search_space", "nasnet")),
        recipe.task(option("task", "digits", pad=1)),
    )
    assert (space.drop_path_keep, space.auxiliary) == (0.6, True)  # type: ignore[attr-defined]
    assert (task.cutout, task.flip, task.pad) == (4, True, 1)  # type: ignore[attr-defined]
    with pytest.raises(NasframeError, match=r"recipe.search_space.drop_path_keep=0.6: this search"):
        recipe.space(option("search_space", "mnasnet"))
    with pytest.raises(NasframeError, match=r"recipe.cutout=4: this task has no such setting"):
        RecipeConfig(cutout=4).task(option("task", "text"))
    with pytest.raises(NasframeError, match=r"schedule=steps and milestones=.* need each other"):
        RecipeConfig(milestones=[3])
    with pytest.raises(NasframeError, match=r"warmup_epochs=3: must be at most epochs=2"):
        RecipeConfig(epochs=2, warmup_epochs=3)


# The whole


def test_the_best_are_trained_ranked_tested_once_and_kept(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests: list[int] = []
    given = ImageTask.test_batches

    def counted(self: ImageTask, *args: Any) -> Any:
        tests.append(1)
        return given(self, *args)

    monkeypatch.setattr(ImageTask, "test_batches", counted)
    said: list[str] = []
    settings = config(study, tmp_path / "it", top=2)
    state = torch.random.get_rng_state()
    found = retrain(settings, said.append)
    assert torch.equal(torch.random.get_rng_state(), state)
    wanted = [one.trial.number for one in nasframe.candidates(study, 2)]
    assert {name for name, _ in found.ranking} == {f"trial-{number}" for number in wanted}
    rates = [metrics["val_accuracy"] for _, metrics in found.ranking]
    assert rates == sorted(rates, reverse=True)
    assert found.name == found.ranking[0][0]
    assert len(tests) == 1
    assert len(said) == 2 * 2 + 1
    assert not list(tmp_path.glob("**/*.ckpt"))

    network = load(tmp_path / "it")
    task = option("task", "digits").build()
    tally = sum(
        task.tally(network, batch, None)[0]
        for batch in given(task, 64, CPU)  # type: ignore[arg-type]
    )
    assert task.metrics(tally.tolist())["val_accuracy"] == found.metrics["test_accuracy"]
    assert network.data_config["input_size"] == [1, 8, 8]
    winner = int(found.name.removeprefix("trial-"))
    path = tmp_path / "it" / found.name / "weights.safetensors"
    assert read_weights(path)[1]["trial"] == winner
    with (tmp_path / "it" / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[-1]["val_accuracy"]) == found.metrics["val_accuracy"]
    about = json.loads((tmp_path / "it" / "network.json").read_text())
    assert about["metrics"] == dict(found.metrics)
    assert tuple(about["tokens"]) == read_result(study).trials[winner].architecture.tokens
    assert "nasframe.load(" in (tmp_path / "it" / "README.md").read_text()

    again = retrain(settings, said.append)
    assert again == found
    assert len(tests) == 1
    assert len(said) == 6


def test_a_study_that_has_gone_on_does_not_change_what_is_trained(
    tmp_path: Path,
) -> None:
    search(tmp_path / "study", keep=0)
    settings = config(tmp_path / "study", tmp_path / "it", top=9, recipe={"epochs": 1})
    first = retrain(settings, silent)
    search(tmp_path / "study", keep=0, trials=4)
    assert retrain(settings, silent) == first
    assert len(first.ranking) == 2


def test_the_network_may_be_larger_than_the_child(study: Path, tmp_path: Path) -> None:
    larger = replace(SPACE, cells=2, filters=6)
    found = retrain(config(study, tmp_path, search_space=larger, recipe={"epochs": 1}), silent)
    tokens = read_result(study).trials[int(found.name.removeprefix("trial-"))].architecture
    wanted = larger.build().build(tokens, option("task", "digits").build())
    assert found.metrics["parameters"] == sum(p.numel() for p in wanted.parameters())
    assert load(tmp_path).state_dict().keys() == wanted.state_dict().keys()


def test_a_trial_can_be_named(study: Path, tmp_path: Path) -> None:
    found = retrain(config(study, tmp_path, trial=2, recipe={"epochs": 1}), silent)
    assert found.name == "trial-2"
    assert len(found.ranking) == 1


def test_the_architectures_of_a_file_are_trained(tmp_path: Path) -> None:
    draw = random.Random(0)
    choices = SPACE.build().choices
    lines = [[draw.randrange(len(choice.options)) for choice in choices] for _ in range(2)]
    (tmp_path / "file").write_text("".join(f"{line}\n" for line in lines))
    run_ = shell(tmp_path)
    words = ("search_space=nasnet_small", "search_space.filters=4", "task=digits")
    files = (f"architectures={tmp_path / 'file'}", "dir=it", "recipe.epochs=1")
    done = run_("nasframe-retrain", *words, *files)
    assert (done.returncode, done.stderr) == (0, "")
    for place, line in enumerate(lines, 1):
        network = json.loads(
            (run_.cwd / "it" / f"architecture-{place}" / "network.json").read_text()
        )
        assert network["tokens"] == line


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("nasnet_a", {"cells": 1, "filters": 8, "skeleton": "cifar"}),
        ("mobilenetv3_small_050", {"drop_rate": 0.1}),
    ],
)
def test_a_named_network_is_trained(name: str, settings: dict[str, Any], tmp_path: Path) -> None:
    run_ = shell(tmp_path)
    words = [f"settings.{key}={value}" for key, value in settings.items()]
    task = ("task=digits", "recipe.epochs=1", "dir=it")
    done = run_("nasframe-retrain", f"network={name}", *words, *task)
    assert (done.returncode, done.stderr) == (0, "")
    network = load(run_.cwd / "it")
    assert network.eval()(torch.randn(2, 1, 8, 8)).shape == (2, 10)
    assert name in (run_.cwd / "it" / "README.md").read_text()
    given = nasframe.export.networks.find_network(str(run_.cwd / "it"))
    assert given.example[0].shape == (2, 1, 8, 8)


def test_training_starts_from_weights_of_another_task(study: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    retrain(config(study, first, trial=0), silent)
    old = read_weights(first / "weights.safetensors")[0]
    x, y = np.zeros((20, 8, 8, 1), np.uint8), np.arange(20) % 4
    np.savez(tmp_path / "four.npz", x_train=x, y_train=y)
    four = option("task", "arrays", path=tmp_path / "four.npz", validation=0.2)
    again = config(
        study,
        tmp_path / "second",
        trial=0,
        task=four,
        init=first,
        freeze=["stem", "cells.0"],
        recipe={"epochs": 1},
    )
    found = retrain(again, silent)
    new = read_weights(tmp_path / "second" / "weights.safetensors")[0]
    assert new["classifier.weight"].shape[0] == 4
    assert "test_accuracy" not in found.metrics
    same = {name for name in new if new[name].shape == old[name].shape}
    same = {name for name in same if torch.equal(new[name], old[name])}
    kept = {name for name in new if name.startswith(("stem.", "cells.0."))}
    assert kept <= same
    assert not any(name.startswith("cells.1.align") for name in same)
    larger = replace(SPACE, filters=8)
    with pytest.raises(NasframeError, match=r"init=.*weights.safetensors: does not fit: the net"):
        retrain(replace(again, search_space=larger, dir=tmp_path / "third"), silent)
    for changes, reason in {("init", tmp_path / "no"): "init=.*no: there is no such file"}.items():
        with pytest.raises(NasframeError, match=reason):
            retrain(replace(again, **dict([changes]), dir=tmp_path / "fourth"), silent)  # type: ignore[arg-type]
    with pytest.raises(NasframeError, match=r"freeze=cell.0: no layer has this name; did you mean"):
        retrain(replace(again, freeze=["cell.0"], dir=tmp_path / "fifth"), silent)


WORDS = (
    "recipe.epochs=6",
    "recipe.ema=0.9",
    "freeze=[stem]",
    "recipe.search_space.auxiliary=false",
    "search_space.dropout=0.2",
)


def test_killed_and_resumed_gives_the_same_weights_to_the_last_bit(
    study: Path, tmp_path: Path
) -> None:
    run_ = shell(tmp_path)
    words = ("nasframe-retrain", f"study={study}", "top=2", *WORDS)
    whole = run_(*words, "dir=whole")
    assert (whole.returncode, whole.stderr) == (0, "")
    for lines in (1, 4, 3):  # of what is left
        process = run_.start(*words, "dir=killed")
        assert process.stdout is not None
        for _ in range(lines):
            process.stdout.readline()
        process.kill()
        process.communicate()
    rest = run_(*words, "dir=killed")
    assert (rest.returncode, rest.stderr) == (0, "")
    assert rest.stdout.splitlines()[-1] == whole.stdout.splitlines()[-1]
    assert not list(run_.cwd.glob("**/*.ckpt"))
    for path in (run_.cwd / "whole").glob("**/*"):
        other = run_.cwd / "killed" / path.relative_to(run_.cwd / "whole")
        if path.suffix == ".csv":
            assert other.read_bytes() == path.read_bytes(), path
        if path.suffix == ".safetensors":
            (state, about), (wanted, _) = read_weights(other), read_weights(path)
            assert all(torch.equal(state[name], wanted[name]) for name in wanted), path
            assert state.keys() == wanted.keys()
            assert about["recipe"]["epochs"] == 6


# Several devices, loggers, an early end


def together(study: Path, folder: Path, devices: int, **settings: Any) -> Any:
    recipe = {"epochs": 2, "batch_size": 64, "momentum": 0.0, **settings.pop("recipe", {})}
    several = TrainerConfig(devices=devices, sync_batchnorm=settings.pop("sync", False))
    return config(study, folder, trial=0, recipe=recipe, trainer=several, **settings)


@pytest.mark.slow
def test_two_devices_train_one_network(study: Path, tmp_path: Path) -> None:
    """As processes on the CPU; in a process of its own, since this one may have used threads."""
    run_ = shell(tmp_path)
    words = (f"study={study}", "trial=0", "recipe.epochs=3", "recipe.ema=0.9")
    alone = run_("nasframe-retrain", *words, "dir=alone")
    both = run_("nasframe-retrain", *words, "trainer.devices=2", "dir=both")
    assert (both.returncode, both.stderr) == (0, "")
    assert len(both.stdout.splitlines()) == len(alone.stdout.splitlines()) == 4
    of = {n: json.loads((run_.cwd / n / "network.json").read_text()) for n in ("alone", "both")}
    metrics = [of[name]["metrics"] for name in ("alone", "both")]
    assert metrics[1]["val_accuracy"] == pytest.approx(metrics[0]["val_accuracy"], abs=0.15)
    network = load(run_.cwd / "both")
    task = option("task", "digits").build()  # type: ignore[attr-defined]
    tally = sum(task.tally(network, batch, None)[0] for batch in task.test_batches(64, CPU))
    assert task.metrics(tally.tolist())["val_accuracy"] == metrics[1]["test_accuracy"]
    assert not list(run_.cwd.glob("**/*.ckpt"))
    fast = run_("nasframe-retrain", *words, "trainer={devices: 2, strategy: ddp}", "dir=fast")
    assert fast.returncode == 2
    assert "give trainer.strategy=ddp_find_unused" in fast.stderr
    more = ("trainer.devices=2", "logger=tensorboard", "dir=sweep")
    sweep = run_("nasframe-retrain", "-m", *words, "seed=0,1", *more)
    assert (sweep.returncode, sweep.stderr) == (0, "")
    assert len(list((run_.cwd / "sweep").glob("*/weights.safetensors"))) == 2


PART = """
import sys, torch
from pathlib import Path
from torch import nn
from nasframe import RecipeConfig, option
from nasframe.retraining.config import TrainerConfig
from nasframe.retraining.fit import train_network
torch.manual_seed(0)
network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
devices, size = map(int, sys.argv[1:3])
recipe = RecipeConfig(epochs=1, momentum=0, weight_decay=0, batch_size=size, lr=0.5)
task = option("task", "digits").build()
network, rows = train_network(network, task, recipe, seed=1, device=torch.device("cpu"),
    folder=Path(sys.argv[3]), on_epoch=lambda rows: None, together=TrainerConfig(devices=devices))
print(rows[0]["val_loss"], network[1].weight.sum().item())
"""


def test_two_devices_make_the_steps_of_one(tmp_path: Path) -> None:
    """The mean of two halves' gradients is that of the whole, if the halves are equally large."""
    found = []
    for devices in (1, 2):
        folder = tmp_path / str(devices)
        folder.mkdir()
        words = [sys.executable, "-c", PART, str(devices), "400", str(folder)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        found.append([float(word) for word in done.stdout.split()])
    assert found[1] == pytest.approx(found[0], rel=5e-3)  # 179 and 180 images are not quite


def test_what_goes_wrong_on_one_of_several_devices_is_a_line(tmp_path: Path) -> None:
    run_ = shell(tmp_path)
    draw = np.random.default_rng(0)
    x = draw.integers(0, 255, (20, 8, 8, 1), dtype=np.uint8)
    np.savez(run_.cwd / "few.npz", x_train=x, y_train=np.arange(20) % 2)
    words = ("network=mnasnet_small", "trainer.devices=2", "recipe.epochs=1")
    few = ("task=arrays", "task.path=few.npz", "task.validation=0.1", "recipe.batch_size=8")
    done = run_("nasframe-retrain", *words, *few, "dir=few")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == (
        "nasframe-retrain: trainer.devices=2: the number of batches is 1; "
        "give a smaller recipe.batch_size"
    )


def test_a_signal_ends_all_devices(study: Path, tmp_path: Path) -> None:
    run_ = shell(tmp_path)
    words = (f"study={study}", "recipe.epochs=500", "trainer.devices=2", "dir=it")
    process = run_.start("nasframe-retrain", *words)
    assert process.stdout is not None
    for _ in range(2):
        process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130
    with try_lock(run_.cwd / "it") as free:
        assert free


def test_cuda_rests_in_a_process_that_forks(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this process does before and after it forks, as if it had two GPUs."""

    def touched(*args: Any) -> None:
        raise AssertionError("CUDA was begun")

    monkeypatch.setattr(torch.cuda, "_lazy_init", touched)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr("nasframe.retraining.run.train_network", not_trained)
    monkeypatch.setattr("nasframe.retraining.run.run_in_fork", lambda test: {})
    found = retrain(together(study, tmp_path / "it", 2, device="cuda"), silent)
    assert found.metrics["val_accuracy"] == 0.5
    place = torch.device("cuda", 0)
    recipe = RecipeConfig()
    assert _choose_precision(recipe, place, TrainerConfig(devices=2)) == "bf16-mixed"


ROW = {"epoch": 1.0, "lr": 0.1, "val_accuracy": 0.5}


def not_trained(network: nn.Module, *args: Any, on_epoch: Any, **more: Any) -> Any:
    on_epoch([ROW])
    return network, [ROW]


def test_several_devices_are_refused_where_they_cannot_be(study: Path, tmp_path: Path) -> None:
    with pytest.raises(NasframeError, match="trainer.devices=2: a text is read in order"):
        check_devices(TrainerConfig(devices=2), option("task", "text").build(), CPU)  # type: ignore[attr-defined]
    with pytest.raises(NasframeError, match="trainer.devices=2000: there are fewer batches"):
        retrain(together(study, tmp_path, 2000), silent)


def written(folder: Path, logger: str) -> list[float]:
    """The validation accuracies that a logger has kept."""
    if logger == "csv":
        with (folder / "csv" / "metrics.csv").open() as file:
            return [float(row["val_accuracy"]) for row in csv.DictReader(file)]
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    found = [(event.step, event.value) for event in events.Scalars("val_accuracy")]
    assert [step for step, _ in found] == list(range(1, len(found) + 1))
    return [value for _, value in found]


@pytest.mark.parametrize("logger", ["csv", "tensorboard"])
def test_loggers_are_told_each_epoch(logger: str, study: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    settings = config(study, tmp_path / "it", trial=0, recipe={"epochs": 4})
    settings.logger = {logger: option("logger", logger)}

    class Enough(Exception):
        pass

    def stop(line: str) -> None:
        if "epoch 3" in line:
            raise Enough

    with pytest.raises(Enough):
        retrain(settings, stop)
    retrain(settings, silent)
    folder = tmp_path / "it" / "trial-0"
    with (folder / "curves.csv").open() as file:
        wanted = [float(row["val_accuracy"]) for row in csv.DictReader(file)]
    assert len(wanted) == 4
    assert written(folder, logger) == pytest.approx(wanted)


def test_a_missing_logger_is_named(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nasframe.loggers.config.find_spec", lambda name: None)
    loggers = {"wandb": option("logger", "wandb")}
    refused(config(study, tmp_path, logger=loggers), "logger=wandb needs wandb: pip install wandb")


def test_patience_ends_the_training_and_is_resumed(study: Path, tmp_path: Path) -> None:
    recipe = {"epochs": 30, "patience": 2, "lr": 1e-6}
    settings = config(study, tmp_path / "it", trial=0, recipe=recipe)
    retrain(settings, silent)
    with (tmp_path / "it" / "curves.csv").open() as file:
        rates = [float(row["val_accuracy"]) for row in csv.DictReader(file)]
    best = rates.index(max(rates))
    assert len(rates) == best + 3 < 30
    said: list[str] = []

    class Enough(Exception):
        pass

    def stop(line: str) -> None:
        said.append(line)
        if f"epoch {len(rates)}/" in line:
            raise Enough

    again = replace(settings, dir=tmp_path / "again")
    with pytest.raises(Enough):
        retrain(again, stop)
    retrain(again, said.append)
    assert (tmp_path / "again" / "curves.csv").read_text() == (
        tmp_path / "it" / "curves.csv"
    ).read_text()


def test_what_the_user_says_of_the_space_holds(study: Path, tmp_path: Path) -> None:
    run_ = shell(tmp_path)
    words = (f"study={study}", "recipe=nasnet_cifar10", "recipe.epochs=1", "recipe.upsample=null")
    more = ("search_space.auxiliary=false", "search_space.drop_path_keep=0.8", "task.cutout=2")
    done = run_("nasframe-retrain", *words, *more, "dir=it")
    assert (done.returncode, done.stderr) == (0, "")
    about = json.loads((run_.cwd / "it" / "network.json").read_text())
    assert about["search_space"]["drop_path_keep"] == 0.8
    assert about["data"]["cutout"] == 2
    assert not about["search_space"]["auxiliary"]
    assert about["data"]["flip"]


# Mistakes


def refused(settings: RetrainConfig, reason: str) -> None:
    before = {path: path.read_bytes() for path in settings.dir.glob("**/*") if path.is_file()}
    with pytest.raises(NasframeError, match=reason):
        retrain(settings, silent)
    after = {path: path.read_bytes() for path in settings.dir.glob("**/*") if path.is_file()}
    assert before == after


def test_what_does_not_go_together_is_refused_at_once(study: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    refused(config(study, new, trial=99), "holds no trial 99")
    refused(config(study, new, task=option("task", "text")), "of kind sequence, and the networks")
    smaller = replace(SPACE, blocks=2)
    refused(config(study, new, search_space=smaller), "does not fit this search space")
    refused(config(study, new, device="cuda:77"), "this machine has cpu:0")
    assert not new.exists()


def test_a_folder_holds_one_retraining(study: Path, tmp_path: Path) -> None:
    settings = config(study, tmp_path / "it", recipe={"epochs": 1})
    retrain(settings, silent)
    refused(config(study, tmp_path / "it", recipe={"epochs": 2}), "recipe.epochs was 1, is now 2")
    (tmp_path / "new").mkdir()
    with try_lock(tmp_path / "new"):
        refused(config(study, tmp_path / "new"), "another process is at work there")
    refused(config(study, study), "holds something else")
    retrain(replace(settings, device="cpu"), silent)  # what does not change the result may change


def test_a_damaged_checkpoint_is_named(study: Path, tmp_path: Path) -> None:
    settings = config(study, tmp_path / "it", trial=0)

    class Enough(Exception):
        pass

    def stop(line: str) -> None:
        if "epoch 2" in line:
            raise Enough

    with pytest.raises(Enough):
        retrain(settings, stop)
    path = tmp_path / "it" / "trial-0" / "checkpoint.ckpt"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(NasframeError, match=r"checkpoint.ckpt: cannot be resumed.*\nRemove"):
        retrain(settings, silent)
    path.unlink()
    assert retrain(settings, silent).metrics["epoch"] == 2


def test_other_data_in_the_same_place_are_noticed(study: Path, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)

    def write() -> None:
        x = draw.integers(0, 255, (30, 8, 8, 1), dtype=np.uint8)
        np.savez(tmp_path / "data.npz", x_train=x, y_train=np.arange(30) % 3)

    write()
    task = option("task", "arrays", path=tmp_path / "data.npz", validation=0.2)
    settings = config(study, tmp_path / "it", task=task, trial=0)

    class Enough(Exception):
        pass

    def stop(line: str) -> None:
        raise Enough

    with pytest.raises(Enough):
        retrain(settings, stop)
    write()
    with pytest.raises(NasframeError, match="holds a retraining on other data"):
        retrain(settings, silent)


def test_a_network_that_diverges_does_not_end_the_others(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ImageTask.metrics
    calls: list[int] = []

    def metrics(self: ImageTask, tally: Any) -> dict[str, float]:
        calls.append(1)
        found = given(self, tally)
        return {**found, "val_loss": math.nan} if len(calls) == 1 else found

    monkeypatch.setattr(ImageTask, "metrics", metrics)
    said: list[str] = []
    found = retrain(config(study, tmp_path, top=2, recipe={"epochs": 1}), said.append)
    assert len(found.ranking) == 1
    assert "network 1 of 2  failed: val_loss is nan" in said[0]


def test_layouts_and_clipping_are_those_of_the_recipe(study: Path, tmp_path: Path) -> None:
    seen: list[bool] = []

    class Watched(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(x.is_contiguous())
            return super().forward(x)

    network = nn.Sequential(Watched(1, 2, 3), nn.Flatten(), nn.Linear(72, 10))
    network = set_memory_format(network, channels_last=False)
    recipe = RecipeConfig(epochs=1, gradient_clip=1e-12, weight_decay=0, channels_last=False)
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    task = option("task", "digits").build()
    kept, rows = train_network(
        network, task, recipe, seed=0, device=CPU, folder=tmp_path, on_epoch=lambda rows: None
    )
    assert all(seen)
    torch.testing.assert_close(kept.state_dict(), before, rtol=0, atol=1e-9)
    assert rows[-1]["lr"] == pytest.approx(recipe.lr * compute_factor(recipe, 16, 17))


def test_a_search_is_refused_in_the_folder_of_a_retraining(study: Path, tmp_path: Path) -> None:
    retrain(config(study, tmp_path / "it", recipe={"epochs": 1}), silent)
    found = look_up_network(str(tmp_path / "it"))
    assert found.inputs.input_shape == (1, 8, 8)
    with torch.no_grad():
        x = torch.rand(2, 1, 8, 8)
        assert found.make()(x).equal(load(tmp_path / "it")(x)), "it can be measured, too"
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(NasframeError, match="holds a network trained in full: choose another dir"):
        nasframe.run(toy_study(tmp_path / "it"))
    assert sorted(tmp_path.rglob("*")) == before


def test_damaged_results_are_named(study: Path, tmp_path: Path) -> None:
    retrain(config(study, tmp_path / "it", recipe={"epochs": 1}), silent)
    weights = tmp_path / "it" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(NasframeError, match="weights.safetensors"):
        load(tmp_path / "it")
    weights.unlink()
    with pytest.raises(NasframeError, match="weights.safetensors"):
        load(tmp_path / "it")


# The command line


MISTAKES: dict[tuple[str, ...], str] = {
    (): "give study=DIR, architectures=FILE or network=NAME",
    ("network=nasnet_a",): "task is required: give task=NAME",
    ("architectures=a", "task=digits"): "search_space is required: give search_space=NAME",
    ("network=nasnet_b", "task=digits"): "no network is called 'nasnet_b'",
    ("network=nasnet_a", "task=text"): "of kind sequence, and the networks are for image",
    ("network=nasnet_a", "task=digits", "settings.cell=3"): "nasnet_a has no 'cell'",
    ("study={}", "network=nasnet_a"): "give one of study=DIR, architectures=FILE and",
    ("study=nowhere",): "no study in nowhere",
    ("study={}", "recipe.optimizer=adamm"): "recipe.optimizer=adamm is not known",
    ("study={}", "recipe.epsilon=1"): "recipe.optimizer=sgd cannot be used here",
    ("study={}", "freeze=[stem,cells,classifier]"): "freeze: nothing is left to learn",
    ("network=vit_tiny_patch16_224", "task=digits"): "network cannot read inputs of shape",
    ("network=resnet18", "task=digits", "settings.pretrained=true"): "init=FILE starts from",
    ("study={}", "device=cuda:77"): "device=cuda:77: this machine has",
    ("study={}", "recipe=smal"): "unknown option recipe=smal; did you mean small?",
    ("study={}", "recipe.epoch=3"): "unknown key recipe.epoch",
    ("study={}", "recipe.epochs=0"): "recipe.epochs=0: must be at least 1",
    ("study={}", "tops=3"): "unknown key tops; did you mean top",
    ("study={}", "-m", "study=a,b"): "study cannot be swept over",
    ("study={}", "search_space.dropout=2"): "search_space.dropout=2",
}
"""Words of the command line, and what is said of them; ``{}`` is a study."""


@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_mistakes_on_the_command_line_are_a_line(study: Path, tmp_path: Path, step: int) -> None:
    run_ = shell(tmp_path)
    (tmp_path / "empty").mkdir()
    mistakes = list(MISTAKES.items())[::step]
    given = [
        [*(word.replace("{}", str(study)) for word in words), "dir=it"] for words, _ in mistakes
    ]
    for done, (words, reason) in zip(run_.each("nasframe-retrain", given), mistakes, strict=True):
        assert done.returncode == 2, words
        assert done.stdout == "", words
        assert done.stderr.startswith("nasframe-retrain: "), done.stderr
        assert reason in done.stderr, done.stderr
        assert done.stderr.count("\n") <= 2
        assert not (run_.cwd / "it").exists()


def test_help_tells_every_option_and_setting(tmp_path: Path) -> None:
    said = shell(tmp_path)("nasframe-retrain", "--help").stdout
    for word in ("detector=OPTION", "search_space=OPTION", "trainer.devices=1", "freeze=[]"):
        assert word in said
    assert "trainer=" not in said
    assert "recipe.epochs=60" in said


def test_ctrl_c_says_how_to_go_on(study: Path, tmp_path: Path) -> None:
    run_ = shell(tmp_path)
    words = ("nasframe-retrain", f"study={study}", "recipe.epochs=500", "dir=it")
    process = run_.start(*words)
    assert process.stdout is not None
    for _ in range(2):  # the second one tells that the first epoch is on the disk
        process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == ""
    assert out.splitlines()[-1] == "Interrupted: run the same command with dir=it to resume"
    assert list((run_.cwd / "it").glob("*/checkpoint.ckpt"))


def test_a_grid_is_a_sweep(study: Path, tmp_path: Path) -> None:
    run_ = shell(tmp_path)
    words = (f"study={study}", "-m", "recipe.lr=0.02,0.2,0", "recipe.epochs=1", "dir=it")
    done = run_("nasframe-retrain", *words)
    assert done.returncode == 1
    assert "recipe.lr=0 recipe.epochs=1: recipe.lr=0.0: must be greater than 0" in done.stderr
    ranked = done.stdout.split("the best first:\n")[1].splitlines()
    rates = [float(line.split()[1]) for line in ranked]
    assert len(rates) == 2
    assert rates == sorted(rates, reverse=True)
    again = run_("nasframe-retrain", *words)
    assert again.stdout.split("the best first:\n")[1].splitlines() == ranked
