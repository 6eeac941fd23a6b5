"""Learning rates of children and final networks: closed forms, former values, one set of words."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from throwaway import shell
from torch import nn
from torch.nn import functional as F
from torch.optim.optimizer import register_optimizer_step_pre_hook

from nasframe import (
    Architecture,
    Choice,
    Context,
    Evaluator,
    NasframeError,
    RecipeConfig,
    Schedule,
    SearchSpace,
    Task,
    TaskShape,
    option,
)
from nasframe.api.optimization import OptimizationConfig
from nasframe.training.config import TrainConfig
from nasframe.training.schedules import FACTORS, compute_factor

KINDS = [TrainConfig, RecipeConfig]
"""Who has a schedule."""


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Any:
    """The class of a child's settings, or of a final network's."""
    return request.param


def rates(config: OptimizationConfig, steps: int) -> list[float]:
    """The factors of all steps, and of the one that would come then."""
    return [compute_factor(config, step, steps) for step in range(steps + 1)]


# Closed forms

FORMER: list[tuple[dict[str, Any], list[float]]] = [
    (
        {},
        [
            1.0,
            0.9829629131445341,
            0.9330127018922194,
            0.8535533905932737,
            0.75,
            0.6294095225512604,
            0.5,
            0.3705904774487396,
            0.2500000000000001,
            0.14644660940672627,
            0.06698729810778065,
            0.0170370868554659,
            0.0,
        ],
    ),
    (
        {"warmup_epochs": 0.5},
        [
            0.0,
            0.6666666666666666,
            0.9944154131125642,
            0.9504844339512095,
            0.8665259359149131,
            0.75,
            0.6112604669781572,
            0.4626349532067879,
            0.3173294878168027,
            0.18825509907063326,
            0.08688061284200266,
            0.022213597106929606,
            0.0,
        ],
    ),
    (
        {"warmup_epochs": 1.5, "schedule": "exponential", "decay": 0.8, "decay_epochs": 0.4},
        [
            0.0,
            0.2222222222222222,
            0.4444444444444444,
            0.6666666666666666,
            0.8888888888888888,
            0.4096000000000001,
            0.4096000000000001,
            0.3276800000000001,
            0.2621440000000001,
            0.20971520000000007,
            0.1677721600000001,
            0.13421772800000006,
            0.13421772800000006,
        ],
    ),
    (
        {"schedule": "steps", "decay": 0.5, "milestones": [1, 1.5, 1.5]},
        [1.0, 1.0, 1.0, 0.5, 0.5] + [0.125] * 8,
    ),
    (
        {"schedule": "constant", "warmup_epochs": 1.0},
        [0.0, 0.3333333333333333, 0.6666666666666666] + [1.0] * 10,
    ),
]
"""What version 0.1.0 gave first, for four epochs of three steps."""


@pytest.mark.parametrize(("settings", "wanted"), FORMER)
def test_the_factors_are_to_the_last_bit_what_they_were(
    settings: dict[str, Any], wanted: list[float]
) -> None:
    assert rates(RecipeConfig(epochs=4, **settings), 12) == wanted
    assert rates(TrainConfig(epochs=4, **settings), 12) == pytest.approx(wanted, abs=1e-15)


@given(st.integers(1, 600), st.integers(1, 1500), st.data())
def test_a_cosine_is_to_the_last_bit_what_it_was(
    epochs: int, steps_an_epoch: int, data: st.DataObject
) -> None:
    """A child's was computed from steps, that of a final network from epochs."""
    steps = epochs * steps_an_epoch
    step = data.draw(st.integers(0, steps))
    from_steps = 0.5 + 0.5 * math.cos(math.pi * step / steps)
    assert compute_factor(TrainConfig(epochs=epochs), step, steps) == from_steps
    warm = data.draw(st.one_of(st.just(0.0), st.floats(0, 0.9))) * epochs
    recipe = RecipeConfig(epochs=epochs, warmup_epochs=warm)
    if (epoch := epochs * step / steps) >= warm:
        done = (epoch - warm) / (epochs - warm)
        assert compute_factor(recipe, step, steps) == 0.5 + 0.5 * math.cos(math.pi * done)


def test_a_cosine_restarts_in_each_cycle_after_the_warm_up(kind: Any) -> None:
    found = rates(kind(epochs=7, warmup_epochs=1, cycles=3), 70)
    assert found[:10] == pytest.approx([step / 10 for step in range(10)])
    half = [0.5 + 0.5 * math.cos(math.pi * step / 20) for step in range(20)]
    assert found[10:70] == pytest.approx(half * 3)
    assert found[70] == 0


@given(st.integers(1, 40), st.integers(1, 20), st.integers(1, 9))
def test_a_restart_is_a_whole_rate_at_its_step(
    epochs: int, steps_an_epoch: int, cycles: int
) -> None:
    config = TrainConfig(epochs=epochs * cycles, cycles=cycles)
    found = rates(config, epochs * cycles * steps_an_epoch)
    assert found[: -1 : epochs * steps_an_epoch] == [1.0] * cycles


def test_steps_and_decay_keep_to_their_epochs(kind: Any) -> None:
    steps = rates(kind(epochs=6, schedule="steps", milestones=[2, 4], decay=0.1), 12)
    assert steps == pytest.approx([1.0] * 4 + [0.1] * 4 + [0.01] * 5)
    decayed = rates(kind(epochs=6, schedule="exponential", decay=0.5, decay_epochs=2), 6)
    assert decayed == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]


def test_a_warm_up_may_last_as_long_as_the_training(kind: Any) -> None:
    assert rates(kind(epochs=2, warmup_epochs=2), 4) == [0, 0.25, 0.5, 0.75, 1.0]


def test_each_word_has_its_function() -> None:
    assert list(FACTORS) == list(Schedule)


def test_children_and_final_networks_have_the_same_words() -> None:
    shared = {item.name for item in fields(OptimizationConfig)}
    for kind in KINDS:
        assert shared <= {item.name for item in fields(kind)}
        differing = {
            item.name
            for item in fields(OptimizationConfig)
            if item.default != kind.__dataclass_fields__[item.name].default
        }
        assert differing == ({"epochs", "weight_decay"} if kind is RecipeConfig else set())


def test_settings_that_contradict_each_other_are_refused(kind: Any) -> None:
    with pytest.raises(NasframeError, match=r"schedule=steps and milestones=.* need each other"):
        kind(schedule="steps")
    with pytest.raises(NasframeError, match=r"warmup_epochs=9: must be at most epochs=3"):
        kind(epochs=3, warmup_epochs=9)
    with pytest.raises(NasframeError, match=r"cycles=2 needs schedule=cosine"):
        kind(schedule="constant", cycles=2)


# A child


class Line(SearchSpace):
    """One layer."""

    choices = (Choice("one", (0,)),)
    kinds = ("image", "sequence")

    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, task.outputs))


DIGITS = option("task", "digits").build()
STEPS = DIGITS.train_steps(256)


def child(task: Task = DIGITS, **settings: Any) -> Evaluator:
    made: Evaluator = TrainConfig(epochs=4, batch_size=256, **settings).build(Line(), task)
    return made


def trained(evaluator: Evaluator) -> tuple[dict[str, Any], list[float]]:
    """The metrics of a child, and the learning rate of each of its steps."""
    seen: list[float] = []
    hook = register_optimizer_step_pre_hook(
        lambda optimizer, args, kwargs: seen.append(optimizer.param_groups[0]["lr"])
    )
    context = Context(Path(), "cpu", 7, lambda epoch, metrics: True, lambda: False)
    try:
        return dict(evaluator.evaluate(Architecture((0,)), context)), seen
    finally:
        hook.remove()


@pytest.mark.parametrize(
    "settings",
    [
        {"schedule": "constant"},
        {"warmup_epochs": 1.0, "cycles": 3},
        {"schedule": "steps", "milestones": [1, 3], "decay": 0.1},
        {"schedule": "exponential", "decay": 0.5, "decay_epochs": 0.5},
    ],
)
def test_a_child_is_trained_along_its_schedule(settings: dict[str, Any]) -> None:
    config = TrainConfig(epochs=4, **settings)
    metrics, seen = trained(child(lr=0.2, **settings))
    assert seen == [0.2 * compute_factor(config, step, 4 * STEPS) for step in range(4 * STEPS)]
    assert metrics["val_accuracy"] > 0.3


def test_a_constant_rate_is_constant() -> None:
    assert set(trained(child(schedule="constant", lr=0.1))[1]) == {0.1}


def test_a_child_has_an_epsilon() -> None:
    usual, tiny = (trained(child(optimizer="adamw", epsilon=e))[0] for e in (None, 1e-8))
    large = trained(child(optimizer="adamw", epsilon=1.0))[0]
    assert usual["val_loss"] == tiny["val_loss"] != large["val_loss"]
    with pytest.raises(
        NasframeError, match=r"evaluator\.optimizer=sgd cannot .* no epsilon; remove epsilon=1"
    ):
        child(epsilon=1.0)


def test_a_child_learns_smoothed_labels() -> None:
    smooth, hard = child(label_smoothing=0.3), child()
    assert trained(hard)[0]["val_loss"] != trained(smooth)[0]["val_loss"]
    x, y = next(iter(DIGITS.validation_batches(50, torch.device("cpu"))))
    network = Line().build(Architecture((0,)), DIGITS)
    target = F.one_hot(y, 10) * 0.7 + 0.03
    wanted = -(target * network(x).log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(DIGITS.loss(network, (x, y), None)[0], wanted)
    trained(hard)  # on the same task, which keeps nothing of the other child
    assert DIGITS.label_smoothing == 0


def test_labels_that_are_not_there_are_not_smoothed() -> None:
    text = option("task", "text").build()
    with pytest.raises(NasframeError, match=r"evaluator\.label_smoothing=0\.1: this task has no"):
        child(text, label_smoothing=0.1)


def test_the_command_line_has_schedules(tmp_path: Path) -> None:
    console = shell(tmp_path)
    job = console("nasframe", "evaluator.schedule=constant", "evaluator.cycles=1", "--cfg", "job")
    assert "\n  schedule: constant\n  cycles: 1\n" in job.stdout
    wrong = console("nasframe", "evaluator.schedule=linear", "trials=1")
    assert wrong.returncode == 2
    assert "evaluator.schedule=linear" in wrong.stderr
    alone = console("nasframe", "evaluator.schedule=steps", "trials=1")
    assert alone.returncode == 2
    assert "schedule=steps and milestones" in alone.stderr
    shown = console("nasframe-retrain", "--help").stdout
    assert shown.index("recipe.lr=") < shown.index("recipe.cycles=") < shown.index("recipe.ema=")
