"""Our own parts keep to the contracts of their kinds, and a part that does not is found out."""

from __future__ import annotations

import random
import types
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from toys import Said

from nasframe import (
    Architecture,
    Choice,
    Evaluator,
    Link,
    Meter,
    Objective,
    ObjectiveConfig,
    SearchSpaceConfig,
    Stopper,
    option,
    testing,
)
from nasframe.registry.options import Option, options
from nasframe.testing.toys import ToySpace


def complete(group: str) -> list[Option]:
    """An option of each config class of a group that needs no setting."""
    found: dict[type, Option] = {}
    for item in options():
        given = all(
            f.default is not MISSING or f.default_factory is not MISSING for f in fields(item.type)
        )
        if item.group == group and given:
            found.setdefault(item.type, item)
    return list(found.values())


def ours(group: str, contract: type, **more: Any) -> None:
    """Test classes of this module: the contract for each of our parts of a kind."""
    for item in complete(group):
        body = {"config": lambda self, item=item: option(item.group, item.name), **more}
        name = f"Test_{group}_{item.name}"
        globals()[name] = type(name, (contract,), {**body, "__module__": __name__})


ours("search_space", testing.SearchSpaceContract, drawn=1)
ours("objective", testing.ObjectiveContract)
ours("meters", testing.MeterContract)


class TestDigits(testing.TaskContract):
    def config(self) -> Any:
        return option("task", "digits")


class TestText(testing.TaskContract):
    def config(self) -> Any:
        return option("task", "text")


class TestTrain(testing.EvaluatorContract):
    def config(self) -> Any:
        return option("evaluator", "train", epochs=2)


class TestLookUp(testing.EvaluatorContract):
    def config(self) -> Any:
        return option("evaluator", "nasbench201")

    def space(self) -> Any:
        return option("search_space", "nasbench201")


class TestASHA(testing.StopperContract):
    def config(self) -> Any:
        return option("stopper", "asha")


class TestMedian(testing.StopperContract):
    def config(self) -> Any:
        return option("stopper", "median")


class TestToys(testing.SearchSpaceContract):
    def config(self) -> SearchSpaceConfig:
        return testing.ToySpaceConfig()


# Faults


def given(contract: type, part: Any) -> Any:
    """The contract of a part that is there already."""
    config = types.SimpleNamespace(build=lambda *parts: part)
    return type("Given", (contract,), {"config": lambda self: config})()


class Space(ToySpace):
    """The toys' space with something changed."""

    def __init__(self, **changed: Any) -> None:
        super().__init__(testing.ToySpaceConfig())
        for name, value in changed.items():
            setattr(self, name, value)


SHARED = nn.Linear(256, 10)


def flat(linear: nn.Linear) -> nn.Module:
    return nn.Sequential(nn.Flatten(), linear)


def auxiliary(architecture: Any, task: Any) -> nn.Module:
    """Two logits always, and no weight of the second."""

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(256, task.outputs)

        def forward(self, x: Any) -> Any:
            return self.head(x.flatten(1)), self.head(x.flatten(1))

    return Two()


def misplaced() -> tuple[Choice, ...]:
    return (Choice("a", (1, 2)), Link("b", source=0, target=2))


SPACES = [
    (
        {"choices": (Choice("a", (1,)), Choice("a", (2,)))},
        "have_names",
        "two choices have the same name",
    ),
    ({"choices": ()}, "have_names", "nothing to choose"),
    ({"active": lambda number: 9}, "have_names", r"active\(0\) is 9 of 4"),
    ({"choices": misplaced()}, "links_stand", "links into 2 are at"),
    ({"kinds": ("images",)}, "same_settings", "kinds are"),
    ({"canonical": lambda a: a}, "keys_are_plain", "use tuples of numbers and strings"),
    ({"canonical": lambda a: ()}, "equal_keys", "parameters"),
    ({"describe": lambda a: "a\nb"}, "described_and_drawn", "not one line"),
    ({"draw": lambda a: "svg"}, "described_and_drawn", "draw returned 'svg'"),
    (
        {"build": lambda a, t: flat(nn.Linear(256, 3))},
        "output_for_each",
        r"\(3, 3\), not \(3, 10\)",
    ),
    ({"build": auxiliary}, "output_for_each", "no auxiliary_weight"),
    ({"build": lambda a, t: flat(SHARED)}, "weights_come", "the same weights|share weights"),
    ({"build": lambda a, t: flat(SHARED).requires_grad_(False)}, "networks_learn", "grad"),
]


@pytest.mark.parametrize(("changed", "test", "words"), SPACES, ids=[s[1] for s in SPACES])
def test_a_fault_of_a_space_is_found(changed: dict[str, Any], test: str, words: str) -> None:
    contract = testing.SearchSpaceContract
    with pytest.raises((AssertionError, RuntimeError), match=words):
        tried(given(contract, Space(**changed)), test)
    tried(given(contract, Space()), test)


def tried(contract: Any, test: str, *arguments: Any) -> None:
    """Run the one test whose name has a part."""
    (name,) = [name for name in dir(contract) if name.startswith("test_") and test in name]
    getattr(contract, name)(*arguments)


@pytest.mark.parametrize(
    ("score", "rejects", "test", "words"),
    [
        (lambda m: "high", lambda m: None, "reward_is_a_number", "is 'high'"),
        (lambda m: float("nan"), lambda m: None, "reward_is_a_number", "is nan"),
        (lambda m: m.get("other", 0), lambda m: None, "needs_and_nothing", "reads other"),
        (lambda m: random.random(), lambda m: None, "same_reward", "the rewards of"),
        (lambda m: 1, lambda m: "", "has_a_reason", "rejects: ''"),
    ],
)
def test_a_fault_of_an_objective_is_found(score: Any, rejects: Any, test: str, words: str) -> None:
    contract = testing.ObjectiveContract
    with pytest.raises(AssertionError, match=words):
        tried(given(contract, Said(score, rejects)), test)
    tried(given(contract, Said(lambda m: m["val_accuracy"], lambda m: None)), test)


class Flipping(Stopper):
    """Answers by the number of questions, or as it is told."""

    def __init__(self, answer: Callable[[int, float], Any]) -> None:
        self._answer = answer

    def decide(self, number: int, epoch: int, reward: float, metrics: Any) -> bool:
        return self._answer(epoch, reward)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("answer", "test", "words"),
    [
        (lambda epoch, reward: random.random() < 0.5, "depend_on", "gave other answers"),
        (lambda epoch, reward: "yes", "depend_on", "answered 'yes'"),
        (lambda epoch, reward: reward < 0.2, "best_child", "the best in every epoch"),
        (lambda epoch, reward: True, "best_child", "it stopped 0"),
    ],
)
def test_a_fault_of_a_stopper_is_found(answer: Any, test: str, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        tried(given(testing.StopperContract, Flipping(answer)), test)


class Counting(Meter):
    """How often it was asked."""

    provides = ("asked",)

    def __init__(self, gives: str) -> None:
        self._gives, self._asked = gives, 0

    def measure(self, architecture: Architecture, context: Any) -> Any:
        self._asked += 1
        return {self._gives: self._asked}


def test_a_fault_of_a_meter_is_found(tmp_path: Path) -> None:
    contract = testing.MeterContract
    with pytest.raises(AssertionError, match=r"it returned \['other'\]"):
        tried(given(contract, Counting("other")), "promises", tmp_path)
    with pytest.raises(AssertionError, match="set device"):
        tried(given(contract, Counting("asked")), "the_same_again", tmp_path)


class Lazy(Evaluator):
    """Does what it is told to do wrong."""

    provides, reports, epochs = ("val_accuracy",), ("val_accuracy",), 2

    def __init__(self, fault: str) -> None:
        self._fault = fault

    def fingerprint(self) -> Any:
        return object() if self._fault == "fingerprint" else "here"

    def evaluate(self, architecture: Architecture, context: Any) -> Any:
        for epoch in range(1, 2 if self._fault == "epochs" else 3):
            go_on = context.report(epoch, {} if self._fault == "reports" else {"val_accuracy": 0.5})
            if not go_on and self._fault != "deaf":
                break
        accuracy = random.random() if self._fault == "random" else 0.5
        return {} if self._fault == "provides" else {"val_accuracy": accuracy}


@pytest.mark.parametrize(
    ("fault", "test", "words"),
    [
        ("provides", "promises", "it did not return val_accuracy"),
        ("random", "same_child", "returned other metrics"),
        ("epochs", "reports_each", r"the epochs \[1\], not \[1, 2\]"),
        ("reports", "reports_each", r"it reported \[\]"),
        ("deaf", "is_stopped", r"asked to stop, it reported \[1, 2\]"),
        ("fingerprint", "fingerprint", "fingerprint: <object"),
    ],
)
def test_a_fault_of_an_evaluator_is_found(
    fault: str, test: str, words: str, tmp_path: Path
) -> None:
    places = () if fault == "fingerprint" else (tmp_path,)
    with pytest.raises(AssertionError, match=words):
        tried(given(testing.EvaluatorContract, Lazy(fault)), test, *places)
    tried(given(testing.EvaluatorContract, Lazy("")), test, *places)


class Changed:
    """A task of digits in which something is changed."""

    def __init__(self, **changed: Any) -> None:
        self._task = option("task", "digits").build()
        self._changed = changed

    def __getattr__(self, name: str) -> Any:
        return self._changed[name] if name in self._changed else getattr(self._task, name)


def constant(*arguments: Any) -> Any:
    loss, state = option("task", "digits").build().loss(*arguments)
    return 0 * loss, state


@pytest.mark.parametrize(
    ("changed", "test", "words"),
    [
        ({"kind": "pictures"}, "says_what", "kind is 'pictures'"),
        ({"train_steps": lambda batch: 7}, "has_its_steps", "train_steps says 7"),
        ({"train_batches": lambda *a: [1, 2]}, "generator_alone", "returned the same epoch"),
        ({"validation_batches": lambda *a: iter(())}, "validation_is", "no validation batches"),
        ({"validation_batches": lambda *a: [torch.rand(3)]}, "validation_is", "they are different"),
        ({"provides": ("val_accuracy",)}, "that_it_provides", "it returned"),
        ({"loss": constant}, "network_learns", "the loss is"),
        ({"fingerprint": lambda: 5}, "fingerprint", "fingerprint: 5"),
    ],
)
def test_a_fault_of_a_task_is_found(changed: dict[str, Any], test: str, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        tried(given(testing.TaskContract, Changed(**changed)), test)


@dataclass(kw_only=True)
class Unkept(ObjectiveConfig):
    """Settings of which one is neither plain nor can be pickled."""

    function: Any = field(default_factory=lambda: lambda: 0)

    def build(self) -> Objective:
        return Said(lambda m: 0, lambda m: None)


def test_a_fault_of_settings_is_found() -> None:
    contract: Any = type("It", (testing.ObjectiveContract,), {"config": lambda self: Unkept()})()
    for test in ("plain_values", "reach_a_worker"):
        with pytest.raises(Exception, match="function|pickle|JSON"):
            tried(contract, test)


def test_a_heavy_module_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "weighty.py").write_text(
        "import torch\nfrom nasframe.testing import ToySpaceConfig\n"
        "class Weighty(ToySpaceConfig): ...\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import weighty  # type: ignore[import-not-found]

    body = {"config": lambda self: weighty.Weighty()}
    contract: Any = type("It", (testing.SearchSpaceContract,), body)()
    with pytest.raises(AssertionError, match=r"import weighty loads torch: import it in build\(\)"):
        contract.test_its_module_is_light()
