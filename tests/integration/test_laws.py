"""What must hold for everything that is registered, and for every hook."""

from __future__ import annotations

import ast
import inspect
import random
from contextlib import nullcontext
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from places import ROOT, TESTS
from torch import nn
from toys import toy_study

from nasframe import (
    Architecture,
    Context,
    Evaluator,
    Executor,
    Meter,
    NasframeError,
    Objective,
    SearchSpace,
    Stopper,
    Task,
    Trial,
    option,
    published,
    run,
)
from nasframe.api import hookspecs
from nasframe.cli.help import parse_attributes
from nasframe.registry.options import GROUPS, Option, Published, networks, options
from nasframe.retraining.fit import train_network
from nasframe.storage.network_folder import Shape as TaskOf
from nasframe.study.scoring import score_trial
from nasframe.testing import ControllerContract, SearchSpaceContract

HOOKS = [name for name in vars(hookspecs) if name.startswith("nasframe_")]
TASKS = {"image": "digits", "sequence": "text"}
"""A task of each kind that needs no file."""
SPACES = {"nasbench201": "nasbench201"}
"""The spaces of evaluators that do not know all of them."""


def named(group: str) -> list[Any]:
    return [pytest.param(o, id=o.name) for o in options() if o.group == group]


def complete(group: str) -> list[Any]:
    """Those that need no setting; the others have tests of their own."""
    return [
        param
        for param in named(group)
        if all(
            field.default is not MISSING or field.default_factory is not MISSING
            for field in fields(param.values[0].type)
        )
    ]


def config(item: Option) -> Any:
    return option(item.group, item.name)


def some_architecture(space: SearchSpace, seed: int) -> Architecture:
    draw = random.Random(seed)
    return Architecture(tuple(draw.randrange(len(c.options)) for c in space.choices))


def alone(folder: Path) -> Context:
    return Context(folder, "cpu", 0, lambda epoch, metrics: True, lambda: False)


def test_each_group_has_a_hook_and_each_hook_a_group() -> None:
    grouped = [hook for hook, _ in GROUPS.values()]
    assert sorted([*grouped, "nasframe_published"]) == sorted(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_is_documented(hook: str) -> None:
    assert hook in (ROOT / "docs" / "hooks.md").read_text()
    doc = inspect.getdoc(getattr(hookspecs, hook)) or ""
    assert "Returns:" in doc
    assert all(f"``{group}=" in doc for group, (name, _) in GROUPS.items() if name == hook)
    assert not inspect.signature(getattr(hookspecs, hook)).parameters, "to be documented, too"


def test_each_hook_has_a_test_of_its_name() -> None:
    names = {
        node.name
        for file in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    assert {f"test_{hook}" for hook in HOOKS} <= names


@pytest.mark.parametrize("item", [pytest.param(o, id=f"{o.group}={o.name}") for o in options()])
def test_each_setting_is_documented(item: Option) -> None:
    documented = {name for base in item.type.__mro__ for name in parse_attributes(base)}
    assert {field.name for field in fields(item.type)} <= documented
    assert (
        f"{item.type.__module__}.{item.type.__name__}"
        in (ROOT / "docs" / "settings.md").read_text()
    )


def contract(kind: type, item: Option) -> Any:
    """The contract of an option; tests of contracts hold one of each class to all of it."""
    return type("It", (kind,), {"config": lambda self: config(item), "drawn": 1})()


@pytest.mark.parametrize("item", complete("search_space"))
def test_nasframe_search_spaces(item: Option) -> None:
    """Each space gives a network that learns, from its architecture and nothing else."""
    space = config(item).build()
    assert isinstance(space, SearchSpace)
    kept = contract(SearchSpaceContract, item)
    kept.test_choices_have_names_and_options()
    kept.test_links_stand_at_the_anchor_of_their_target()
    kept.test_an_architecture_is_described_and_drawn()
    task = option("task", TASKS[space.kinds[0]]).build()
    network = space.build(some_architecture(space, 1), task).train()
    batch = next(iter(task.train_batches(16, torch.device("cpu"), torch.Generator())))
    loss, _ = task.loss(network, batch, None)
    loss.backward()
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    assert loss.isfinite()
    assert gradients
    assert all(g.isfinite().all() for g in gradients)


@pytest.mark.parametrize("item", named("task"))
def test_nasframe_tasks(item: Option, tmp_path: Path) -> None:
    """Each task knows its shapes at once; one whose data are missing says where it looked."""
    import torch

    names = {field.name for field in fields(item.type)}
    places = {
        name: tmp_path / "nowhere"
        for name in ("path", "root", "annotations", "images")
        if name in names
    }
    settings = {**places, **({"download": False} if "download" in names else {})}
    with nothing_there(bool(places)):
        task = option("task", item.name, **settings).build()
        assert isinstance(task, Task)
        assert len(task.input_shape) == {"image": 3, "sequence": 0}[task.kind]
        assert task.outputs > 1
        batches = list(task.train_batches(32, torch.device("cpu"), torch.Generator()))
        assert len(batches) == task.train_steps(32)
        batch_first = 2 if task.kind == "sequence" else 1
        assert batches[0][0].shape[batch_first:] == task.input_shape


def nothing_there(expected: bool) -> Any:
    return pytest.raises(NasframeError, match="nowhere") if expected else nullcontext()


@pytest.mark.parametrize("item", named("controller"))
def test_nasframe_controllers(item: Option) -> None:
    """Each controller proposes what is in range, changes nothing by it, and is exact in replay."""
    kept = contract(ControllerContract, item)
    kept.test_a_proposal_is_an_option_for_each_active_choice()
    kept.test_ask_changes_nothing()
    kept.test_replay_gives_the_same_proposals()
    kept.test_rejected_trials_teach_nothing_before_one_is_trained()
    kept.test_a_constant_added_to_all_rewards_changes_nothing()


@pytest.mark.parametrize("item", named("objective"))
def test_nasframe_objectives(item: Option) -> None:
    """Each objective makes a number of what it needs."""
    objective = config(item).build()
    assert isinstance(objective, Objective)
    assert objective.needs
    metrics = dict.fromkeys(objective.needs, 0.5)
    trial = score_trial(Trial(0, Architecture(()), metrics=metrics), objective)
    assert trial.error is None
    assert isinstance(trial.reward, float)


@pytest.mark.parametrize("item", named("evaluator"))
def test_nasframe_evaluators(item: Option, tmp_path: Path) -> None:
    """Each evaluator gives exactly the metrics that it promises, and the same ones again."""
    space = space_for(item.name, tmp_path)
    task = option("task", "digits").build()
    settings = {"epochs": 1} if item.name == "train" else {}
    evaluator = option("evaluator", item.name, **settings).build(space, task)
    assert isinstance(evaluator, Evaluator)
    architecture = some_architecture(space, 2)
    metrics = [evaluator.evaluate(architecture, alone(tmp_path)) for _ in range(2)]
    assert sorted(metrics[0]) == sorted(evaluator.provides)
    for name in evaluator.provides:
        assert name.endswith(("seconds", "per_second")) or metrics[0][name] == metrics[1][name]


def space_for(evaluator: str, folder: Path) -> SearchSpace:
    """A table knows the architectures of its own space alone."""
    if evaluator == "table":
        (folder / "table.csv").write_text("a,val_accuracy\n0,0.5\n1,0.25\n")
        config = option("search_space", "table", path=folder / "table.csv", choices=["a"])
    else:
        config = option("search_space", SPACES.get(evaluator, "nasnet_small"))
    space = config.build()
    assert isinstance(space, SearchSpace)
    return space


@pytest.mark.parametrize("item", complete("meters"))
def test_nasframe_meters(item: Option) -> None:
    """Each meter says what it gives; that it does is in its contract."""
    space = option("search_space", "nasnet_small").build()
    meter = config(item).build(space, option("task", "digits").build())
    assert isinstance(meter, Meter)
    assert meter.provides


@pytest.mark.parametrize("item", named("stopper"))
def test_nasframe_stoppers(item: Option, tmp_path: Path) -> None:
    """Each stopper goes with a study."""
    stopper = config(item)
    assert stopper.build() is None or isinstance(stopper.build(), Stopper)
    trials = run(toy_study(tmp_path, stopper=stopper)).trials
    assert len([trial for trial in trials if trial.duplicate_of is None]) == 20


@pytest.mark.parametrize("item", named("recipe"))
def test_nasframe_recipes(item: Option, tmp_path: Path) -> None:
    """Each recipe trains a network, and says nothing of its plugin's space that it has not."""
    recipe: Any = config(item)
    space = {"nas": "nas_rnn" if "ptb" in item.name else "nas_cnn"}.get(item.plugin, item.plugin)
    space = space if space in ("nas_rnn", "nas_cnn", "mnasnet") else "nasnet"
    recipe.space(option("search_space", space))
    recipe.task(option("task", "text" if space == "nas_rnn" else "cifar10"))
    few = {"epochs": 2, "batch_size": 32, "warmup_epochs": 0, "ema": None, "gradient_clip": 0}
    task = option("task", "digits").build()
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    _, rows = train_network(
        network,
        task,
        replace(recipe, **few, lr=min(recipe.lr, 0.03)),
        seed=0,
        device=torch.device("cpu"),
        folder=tmp_path,
        on_epoch=lambda rows: None,
    )
    assert [row["epoch"] for row in rows] == [1, 2]
    assert rows[-1]["val_accuracy"] > 0.5


@pytest.mark.parametrize("item", named("detector"))
def test_nasframe_detectors(item: Option) -> None:
    """Each detector finds and learns on a published network; what it learns has its own test."""
    task = TaskOf("detection", (3, 64, 64), 2)
    detector = config(item).build(published("mnasnet_small"), task)
    images = [torch.rand(3, 64, 64) for _ in range(2)]
    box = torch.tensor([[8.0, 8.0, 40.0, 40.0]])
    targets = [{"boxes": box, "labels": torch.tensor([label])} for label in (1, 2)]
    losses = detector.train()(images, targets)
    assert losses
    assert all(loss.isfinite() for loss in losses.values())
    found = detector.eval()(images)
    assert [sorted(one) for one in found] == [["boxes", "labels", "scores"]] * 2


@pytest.mark.parametrize("item", named("executor"))
def test_nasframe_executors(item: Option, tmp_path: Path) -> None:
    """Each executor runs a study; what it must keep to is tested with the serial one."""
    executor = config(item)
    result = run(toy_study(tmp_path, executor=executor))
    assert len(result.top(100)) == 20
    built = executor.build(toy_study(tmp_path).parts())
    assert isinstance(built, Executor)
    assert built.capacity >= 1
    built.close()


@pytest.mark.parametrize("network", [pytest.param(n, id=n.name) for n in networks()])
def test_nasframe_published(network: Published) -> None:
    """Each published network can be made with its defaults; classifiers say what they read."""
    import torch

    arguments = inspect.signature(network.make).parameters
    assert all(a.kind is a.KEYWORD_ONLY for a in arguments.values())
    if {"classes", "channels"} <= set(arguments):
        with torch.device("meta"), torch.no_grad():
            module: Any = network.make(classes=7, channels=1).eval()
            size = module.data_config["input_size"]
            assert size[0] == 1
            assert module(torch.zeros(2, *size)).shape == (2, 7)
