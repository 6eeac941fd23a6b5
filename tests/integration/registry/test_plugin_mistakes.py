"""Ordinary mistakes of plugins: each gives one message, with the part, its package and the fix."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from throwaway import Shell, distribution
from torch import nn
from toys import Said, ToyMeterConfig, toy_study

from nasframe import (
    Choice,
    Controller,
    ControllerConfig,
    Evaluator,
    EvaluatorConfig,
    Meter,
    MeterConfig,
    NasframeError,
    Objective,
    ObjectiveConfig,
    Proposal,
    SearchSpaceConfig,
    Stopper,
    StopperConfig,
    option,
    run,
)
from nasframe.testing.toys import ToySpace, ToySpaceConfig


def config(base: type, build: Callable[..., Any]) -> Any:
    """Settings of a part that is made by a function."""

    @dataclass(kw_only=True)
    class MineConfig(base):  # type: ignore[misc]
        def build(self, *parts: Any) -> Any:
            return build(*parts)

    return MineConfig()


def refusal(folder: Path, **parts: Any) -> str:
    """Why a study ends, or why its first trial failed; it is one line, or two."""
    try:
        trial = run(toy_study(folder, trials=2, **parts)).trials[0]
    except NasframeError as error:
        text = str(error)
    else:
        text = trial.error or ""
    assert len(text.splitlines()) <= 2, text
    return text


class Asking(Controller):
    batch = 2

    def __init__(self, ask: Callable[[Any], Any]) -> None:
        self._ask = ask

    def ask(self, numbers: Any) -> Any:
        return self._ask(numbers)

    def tell(self, trials: Any) -> None:
        raise KeyError("what was asked")


HERE = r"\(test_plugin_mistakes\)"


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda ns: [(0, 0, 0, 0) for _ in ns], rf"Asking.ask {HERE} must return a list of Prop"),
        (lambda ns: [Proposal((9, 0, 0, 0)) for _ in ns], "token 9 of c0 is out of range: 0 to 4"),
        (lambda ns: [Proposal((0,)) for _ in ns], "has 1 tokens for 4 choices"),
        (lambda ns: [Proposal((np.int64(1), 0, 0, 0)) for _ in ns], "of c0 is not an int"),
        (lambda ns: [], f"Asking.ask {HERE} was asked for 2 proposals and gave 0"),
        (lambda ns: 1 / 0, rf"Asking.ask {HERE} raised ZeroDivisionError: .* \(.*mistakes.py:\d+"),
        (
            lambda ns: [Proposal((n, 0, 0, 0)) for n in ns],
            f"Asking.tell {HERE} raised KeyError: 'what was asked'",
        ),
    ],
)
def test_of_a_controller(ask: Any, words: str, tmp_path: Path) -> None:
    controller = config(ControllerConfig, lambda *parts: Asking(ask))
    check(words, refusal(tmp_path, controller=controller))


def check(words: str, text: str) -> None:
    assert re.search(words, text), text


class Measuring(Evaluator, Meter):
    """An evaluator, or a meter."""

    provides = ("val_accuracy",)

    def __init__(self, give: Callable[[], Any]) -> None:
        self._give = give

    def evaluate(self, architecture: Any, context: Any) -> Any:
        return self._give()

    measure = evaluate


@pytest.mark.parametrize(
    ("give", "words"),
    [
        (lambda: 0.5, rf"Measuring {HERE} must return metrics by name, not 0.5"),
        (lambda: {"val_accuracy": "high"}, rf"Measuring {HERE}: val_accuracy is 'high', not a"),
        (lambda: {"val_accuracy": torch.tensor(0.5)}, r"is tensor\(0.5000\), not a number"),
        (lambda: {}, rf"Measuring {HERE}:? (it )?did not return val_accuracy"),
        (lambda: {"val_accuracy": math.inf}, "val_accuracy is inf, which is not a finite number"),
    ],
)
def test_of_an_evaluator_or_a_meter(give: Any, words: str, tmp_path: Path) -> None:
    evaluator = config(EvaluatorConfig, lambda *parts: Measuring(give))
    check(words, refusal(tmp_path / "a", evaluator=evaluator))
    meter = config(MeterConfig, lambda *parts: Measuring(give))
    check(f"meter mine: .*{words}", refusal(tmp_path / "b", meters={"mine": meter}))


@pytest.mark.parametrize(
    ("score", "rejects", "words"),
    [
        (lambda m: None, lambda m: None, "Said.score .toys.: the reward is None, which is not"),
        (lambda m: math.nan, lambda m: None, "the reward is nan, which is not a finite number"),
        (lambda m: m["acc"], lambda m: None, "reads 'acc', which is not among its needs"),
        (lambda m: 1 / 0, lambda m: None, "Said.score .toys.: ZeroDivisionError"),
        (lambda m: 1, lambda m: True, "Said.rejects .toys.: must return a reason as text, or"),
    ],
)
def test_of_an_objective(score: Any, rejects: Any, words: str, tmp_path: Path) -> None:
    objective = config(ObjectiveConfig, lambda: Said(score, rejects))
    check(words, refusal(tmp_path, objective=objective, meters={"toy": ToyMeterConfig()}))


class Space(ToySpace):
    def __init__(self, **changed: Any) -> None:
        super().__init__(ToySpaceConfig())
        vars(self).update(changed)


def sometimes(architecture: Any, task: Any) -> nn.Module:
    """Fails for some architectures."""
    if architecture.tokens[0] == 2:
        raise ValueError("kernel size can't be greater than the input")
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


TWICE = (Choice("a", (1, 2)), Choice("a", (1, 2)))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"choices": []}, f"Space.choices {HERE} must be a tuple of Choice, at least one, not"),
        ({"choices": TWICE}, f"Space.choices {HERE} has two choices named 'a'"),
        ({"active": lambda n: 9}, f"Space.active {HERE} must be from 1 to 4, and active.0. is 9"),
        ({"canonical": lambda a: [1]}, f"Space.canonical {HERE} raised TypeError: unhashable"),
        ({"build": sometimes}, rf"Space.build {HERE} raised ValueError: kernel size .*py:\d+"),
        ({"build": lambda a, t: None}, f"Space.build {HERE} must return an nn.Module, not None"),
        ({"build": lambda a, t: nn.Flatten()}, "returned a network without trainable weights"),
    ],
)
def test_of_a_space(changed: dict[str, Any], words: str, tmp_path: Path) -> None:
    text = refusal(
        tmp_path,
        search_space=config(SearchSpaceConfig, lambda: Space(**changed)),
        task=option("task", "digits"),
        evaluator=option("evaluator", "train", epochs=1),
    )
    check(words, text)


def test_a_build_that_fails_for_some_does_not_end_the_study(tmp_path: Path) -> None:
    study = toy_study(
        tmp_path,
        search_space=config(SearchSpaceConfig, lambda: Space(build=sometimes)),
        task=option("task", "digits"),
        evaluator=option("evaluator", "train", epochs=1),
        trials=5,
    )
    failed = [trial.error is not None for trial in run(study).trials]
    assert len(failed) >= 5
    assert any(failed)
    assert not all(failed)


class Deciding(Stopper):
    def decide(self, *question: Any) -> Any:
        return "yes"


class Wordy(Objective):
    needs = "val_accuracy"  # type: ignore[assignment]

    def score(self, metrics: Any) -> float:
        return 0.0


def test_of_names(tmp_path: Path) -> None:
    text = refusal(tmp_path, objective=config(ObjectiveConfig, Wordy))
    assert text == (
        "Wordy.needs (test_plugin_mistakes) must be a tuple of names, not 'val_accuracy'"
    )


def test_the_place_is_the_plugins_own(tmp_path: Path) -> None:
    """Where its own code was when something of a library failed."""
    space = config(SearchSpaceConfig, lambda: Space(build=lambda a, t: nn.Linear(-1, 2)))
    text = refusal(
        tmp_path,
        search_space=space,
        task=option("task", "digits"),
        evaluator=option("evaluator", "train", epochs=1),
    )
    check(r"Space.build .* raised RuntimeError: .*test_plugin_mistakes.py:\d+\)$", text)


def test_of_a_stopper(tmp_path: Path) -> None:
    text = refusal(tmp_path, stopper=config(StopperConfig, Deciding))
    assert "Deciding.decide (test_plugin_mistakes) must return True to continue or False" in text


@dataclass(kw_only=True)
class Unkept(EvaluatorConfig):
    """Settings that no journal can keep."""

    function: Any = field(default_factory=lambda: math.sin)

    def build(self, *parts: Any) -> Any:
        return Measuring(lambda: {"val_accuracy": 0.5})


def test_of_settings(tmp_path: Path) -> None:
    text = refusal(tmp_path / "a", evaluator=Unkept())
    assert "test_plugin_mistakes:Unkept.function is <built-in function sin>" in text
    local = config(EvaluatorConfig, lambda *parts: Measuring(lambda: {"val_accuracy": 0.5}))
    text = refusal(tmp_path / "b", evaluator=local, executor=option("executor", "process"))
    assert "executor=process cannot send the settings to workers" in text
    text = refusal(tmp_path / "c", controller=config(ControllerConfig, lambda *parts: None))
    assert text == "MineConfig.build (test_plugin_mistakes) must return a Controller, not None"


def test_a_plugin_that_makes_every_command_wait_is_told(tmp_path: Path) -> None:
    source = "import torch\nfrom nasframe import hookimpl\n"
    distribution(tmp_path / "site", "weighty-plugin", {"weighty": "weighty"}, weighty=source)
    (tmp_path / "work").mkdir()
    done = Shell(tmp_path / "work", tmp_path / "site", {})("nasframe-plugins")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "Problem: plugin 'weighty' (weighty-plugin 1.0) imports torch when it is loaded, so that "
        "every command waits for that: import it in build()"
    ]
