"""Whatever happens to a study, the same command goes on with it as if it had not happened."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import (
    ShuffledConfig,
    ToyController,
    ToyControllerConfig,
    ToyEvaluatorConfig,
    ToyMeterConfig,
    ToyObjectiveConfig,
    ToySpaceConfig,
    ToyStopperConfig,
    toy_study,
)

from nasframe import (
    Controller,
    Evaluator,
    NasframeError,
    Proposal,
    StudyConfig,
    read_result,
    run,
)
from nasframe.storage.journal import JOURNAL_FILE, read_journal
from nasframe.testing import journal_events


def course(folder: Path) -> list[dict[str, Any]]:
    """What happened, without the header."""
    return journal_events(folder)[1:]


@st.composite
def studies(draw: st.DrawFn) -> dict[str, Any]:
    """Settings of a study in which much can go wrong."""
    metered = draw(st.booleans())
    return {
        "search_space": ToySpaceConfig(
            choices=draw(st.integers(1, 3)),
            options=draw(st.sampled_from([3, 5])),
            symmetric=draw(st.booleans()),
        ),
        "controller": ToyControllerConfig(batch=draw(st.sampled_from([1, 3, 4, 7]))),
        "evaluator": ToyEvaluatorConfig(
            epochs=draw(st.integers(1, 2)), fails=draw(st.sampled_from([-1, 2]))
        ),
        "meters": {"toy": ToyMeterConfig()} if metered else {},
        "objective": ToyObjectiveConfig(most=draw(st.sampled_from([6, 1000])) if metered else 1000),
        "max_duplicates": draw(st.sampled_from([3, 60])),
        "max_failures": 100,  # a study that ended after failures goes on: tested below
        "trials": draw(st.sampled_from([5, 12])),
    }


def ill_treated(config: StudyConfig, draw: random.Random) -> None:
    """Run a study in pieces: fewer trials first, interrupted, its journal cut anywhere."""
    journal = config.dir / JOURNAL_FILE
    assert config.trials is not None
    for trials in sorted(draw.randint(1, config.trials) for _ in range(6)):
        executor = ShuffledConfig(
            workers=draw.randint(1, 6), seed=draw.randrange(10**6), interrupts=0.1
        )
        run(replace(config, trials=trials, executor=executor))
        data = journal.read_bytes()
        if draw.random() < 0.5:
            first = data.index(b"\n") + 1
            journal.write_bytes(data[: draw.randrange(first, len(data) + 1)])
            if not list(read_told(config.dir)):
                journal.unlink()
    run(replace(config, executor=ShuffledConfig(workers=draw.randint(1, 6))))


def read_told(folder: Path) -> list[int]:
    return [event["number"] for event in read_journal(folder) if event["event"] == "told"]


@given(settings_=studies(), seed=st.integers(0, 10**6))
@settings(max_examples=100, deadline=None)
def test_synchronous_studies_take_one_course_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, settings_: dict[str, Any], seed: int
) -> None:
    take_one_course(tmp_path_factory.mktemp("study"), settings_, seed)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@given(settings_=studies(), seed=st.integers(0, 10**6))
@settings(max_examples=3000, deadline=None)
def test_synchronous_studies_take_one_course_all_night(
    tmp_path_factory: pytest.TempPathFactory, settings_: dict[str, Any], seed: int
) -> None:
    take_one_course(tmp_path_factory.mktemp("study"), settings_, seed)


def take_one_course(folder: Path, settings_: dict[str, Any], seed: int) -> None:
    run(toy_study(folder / "whole", **settings_))
    ill_treated(toy_study(folder / "ill", **settings_), random.Random(seed))
    numbers = read_told(folder / "ill")
    assert len(numbers) == len(set(numbers)), "told twice"
    assert course(folder / "ill") == course(folder / "whole")
    shutil.rmtree(folder)


@given(settings_=studies(), seed=st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_asynchronous_studies_stand_where_their_journal_says(
    tmp_path_factory: pytest.TempPathFactory, settings_: dict[str, Any], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("study")
    ill_treated(toy_study(folder, synchronous=False, **settings_), random.Random(seed))
    learned = 0
    infos = {}
    for event in read_journal(folder):
        if event["event"] == "asked":
            for i, info in enumerate(event["info"]):
                assert info == {"learned": learned}
                infos[event["number"] + i] = info
        elif event["event"] == "told":
            assert event["number"] in infos
            controller = ToyController((), 0, len, 1)
            controller._learned = learned
            controller.tell([t for t in read_result(folder).trials if t.number == event["number"]])
            learned = controller._learned
    numbers = read_told(folder)
    assert len(numbers) == len(set(numbers))
    shutil.rmtree(folder)


def test_a_twin_that_was_begun_before_a_kill_is_told(tmp_path: Path) -> None:
    """Six workers had told 3 and 5; with 0, 1 and 2 the limit is reached, and 4 is still owed."""
    file = tmp_path / "first.txt"
    file.write_text("0-0-1\n0-0-2\n0-0-3\n0-0-4\n1-0-0\n0-1-1")
    space = ToySpaceConfig(choices=3, symmetric=True)
    for name in ("whole", "killed"):
        run(toy_study(tmp_path / name, search_space=space, enqueue=file, trials=5))
    journal = tmp_path / "killed" / JOURNAL_FILE
    lines = journal.read_text().splitlines(keepends=True)
    told = {json.loads(line)["number"]: line for line in lines[2:]}
    assert sorted(told) == [0, 1, 2, 3, 4, 5]
    journal.write_text("".join([*lines[:2], told[5], told[3]]))
    run(toy_study(tmp_path / "killed", search_space=space, enqueue=file, trials=5))
    assert course(tmp_path / "killed") == course(tmp_path / "whole")


def test_a_count_of_failures_outlives_a_kill_but_not_its_study(tmp_path: Path) -> None:
    file = tmp_path / "first.txt"
    file.write_text("\n".join(f"0-0-{i}-{j}" for i in range(5) for j in range(5)))
    evaluator = ToyEvaluatorConfig(fails=0)
    config = toy_study(tmp_path / "a", evaluator=evaluator, max_failures=3, enqueue=file)
    for trials, told in ((1, 1), (2, 2), (50, 3), (50, 6), (50, 9)):
        result = run(replace(config, trials=trials))
        assert len(result.trials) == told
    assert result.ended.startswith("3 trials in a row failed, the last with RuntimeError: this")


def test_enqueued_architectures_are_read_once(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("\ufeff0-0-0-1\n1-1-1-1", encoding="utf-8")
    run(toy_study(tmp_path / "a", enqueue=file, trials=1))
    file.unlink()
    result = run(toy_study(tmp_path / "a", enqueue=file, trials=4))
    assert [t.architecture.key for t in result.trials[:2]] == ["0-0-0-1", "1-1-1-1"]


def test_budgets_are_compared_with_the_last_ones(tmp_path: Path) -> None:
    for trials in (5, 15):
        run(toy_study(tmp_path, trials=trials))
    with pytest.raises(NasframeError, match="trials was 15, is now 8"):
        run(toy_study(tmp_path, trials=8))
    assert len(run(toy_study(tmp_path, trials=None, hours=0.0001)).trials) > 15


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    names = {"llama.safetensors", "model.safetensors.index.json", "7b.safetensors"}
    ours = {"99.safetensors", ".98.safetensors.123", ".97-0123456789ab.safetensors"}
    for name in names | ours:
        (folder / name).write_text("")
    run(toy_study(tmp_path, trials=3, keep=1))
    assert {path.name for path in folder.iterdir()} > names
    assert len(list(folder.iterdir())) == len(names) + 1


def test_weights_that_were_moved_away_are_not_missed(tmp_path: Path) -> None:
    run(toy_study(tmp_path, trials=5, keep=2))
    shutil.rmtree(tmp_path / "weights")
    run(toy_study(tmp_path, trials=15, keep=2))
    assert len(list((tmp_path / "weights").iterdir())) == 2


def test_a_folder_that_disappears_ends_the_study(tmp_path: Path) -> None:
    @dataclass(kw_only=True)
    class Removes(ToyEvaluatorConfig):
        def build(self, space: Any, task: Any) -> Any:
            shutil.rmtree(tmp_path / "a", ignore_errors=True)
            return super().build(space, task)

    with pytest.raises(NasframeError, match="was removed while the study ran"):
        run(toy_study(tmp_path / "a", evaluator=Removes(seconds=0.03), keep=0))


# What a child, an objective or a controller may do


def test_a_child_that_exits_is_a_failed_trial(tmp_path: Path) -> None:
    result = run(toy_study(tmp_path, evaluator=ToyEvaluatorConfig(exits=2)))
    assert {t.error for t in result.trials if t.architecture.tokens[0] == 2} == {"SystemExit: 3"}


@pytest.mark.parametrize("stopper", [ToyStopperConfig(), None])
def test_a_child_that_gives_nan_is_a_failed_trial(tmp_path: Path, stopper: Any) -> None:
    config = toy_study(tmp_path, evaluator=ToyEvaluatorConfig(nan=1))
    result = run(replace(config, stopper=stopper) if stopper else config)
    failed = {t.error for t in result.trials if t.architecture.tokens[0] == 1}
    assert failed == {"val_accuracy is nan, which is not a finite number"}
    assert all(t.error is None for t in result.trials if t.architecture.tokens[0] != 1)


def test_a_meter_that_gives_nan_saves_the_training(tmp_path: Path) -> None:
    log = tmp_path / "log"
    config = toy_study(
        tmp_path / "a",
        meters={"toy": ToyMeterConfig(nan=1)},
        evaluator=ToyEvaluatorConfig(log=log),
    )
    result = run(config)
    failed = [t for t in result.trials if t.architecture.tokens[0] == 1]
    assert {t.error for t in failed} == {
        "meter toy: ToyMeter (nasframe): cost is nan, which is not a finite number"
    }
    assert not any(line.startswith("1") for line in log.read_text().split())


def test_an_objective_that_raises_fails_the_trial(tmp_path: Path) -> None:
    config = toy_study(
        tmp_path,
        meters={"toy": ToyMeterConfig()},
        objective=ToyObjectiveConfig(raises=True),
        max_failures=2,
    )
    errors = [trial.error for trial in run(config).trials]
    assert errors == 2 * ["ToyObjective.rejects (nasframe): ZeroDivisionError: on purpose"]


class Odd(Controller):
    batch = 2

    def __init__(self, proposals: list[Proposal]) -> None:
        self._proposals = proposals

    def ask(self, numbers: Sequence[int]) -> list[Proposal]:
        return self._proposals

    def tell(self, trials: Any) -> None:
        pass


@pytest.mark.parametrize(
    ("tokens", "info", "message"),
    [
        ((0, 0, 0, 9), {}, r"proposal 0 token 9 of c3 is out of range: 0 to 4"),
        ((0, 0, 0), {}, r"proposal 0 has 3 tokens for 4 choices"),
        ((0, 0, 0, np.int64(1)), {}, r"proposal 0 token np.int64\(1\) of c3 is not an int"),
        ((0, 0, 0, 1.0), {}, r"proposal 0 token 1.0 of c3 is not an int"),
        ((0, 0, 0, 1), {"p": float("nan")}, r"proposal 0 has info that is not finite"),
        (None, {}, r"was asked for 2 proposals and gave 0"),
    ],
)
def test_a_controller_that_proposes_nonsense_is_named(
    tmp_path: Path, tokens: Any, info: dict[str, float], message: str
) -> None:
    @dataclass(kw_only=True)
    class OddConfig(ToyControllerConfig):
        def build(self, *_: Any) -> Controller:
            return Odd([] if tokens is None else 2 * [Proposal(tokens, info)])

    with pytest.raises(NasframeError, match=rf"Odd.ask \(test_resume\):? {message}"):
        run(toy_study(tmp_path, controller=OddConfig()))


class Bad(Controller):
    """Does one thing wrong."""

    batch = 2

    def __init__(self, wrong: str) -> None:
        self._wrong = wrong
        if wrong == "batch":
            self.batch = None  # type: ignore[assignment]

    def ask(self, numbers: Sequence[int]) -> list[Proposal]:
        if self._wrong == "ask":
            raise KeyError("boo")
        proposals = [Proposal((0, 0, 0, number % 5)) for number in numbers]
        if self._wrong == "none":
            return None  # type: ignore[return-value]
        return [p.tokens for p in proposals] if self._wrong == "tuples" else proposals  # type: ignore[misc]

    def tell(self, trials: Any) -> None:
        raise KeyError("boo")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("build", r"BadConfig.build \(test_resume\) raised ImportError: no foo \(.*py:\d+\)"),
        ("returned", r"BadConfig.build \(test_resume\) must return a Controller, not None"),
        ("batch", r"Bad.batch \(test_resume\) raised TypeError: .* \(.*loop.py:\d+\)"),
        ("ask", r"Bad.ask \(test_resume\) raised KeyError: 'boo' \(.*test_resume.py:\d+\)"),
        ("none", r"Bad.ask \(test_resume\) must return a list of Proposal, not None"),
        (
            "tuples",
            r"Bad.ask \(test_resume\) must return a list of Proposal, not \[\(0, 0, 0, 0\), ",
        ),
        ("tell", r"Bad.tell \(test_resume\) raised KeyError: 'boo' \(.*test_resume.py:\d+\)"),
    ],
)
def test_whoever_wrote_a_controller_is_told_where_it_is_wrong(
    tmp_path: Path, wrong: str, message: str
) -> None:
    @dataclass(kw_only=True)
    class BadConfig(ToyControllerConfig):
        def build(self, *_: Any) -> Controller:
            if wrong == "build":
                raise ImportError("no foo")
            return None if wrong == "returned" else Bad(wrong)  # type: ignore[return-value]

    with pytest.raises(NasframeError, match=message):
        run(toy_study(tmp_path, controller=BadConfig()))


class OddEvaluator(Evaluator):
    provides = ("val_accuracy",)

    def __init__(self, gives: Any) -> None:
        self._gives = gives

    def evaluate(self, architecture: Any, context: Any) -> Any:
        return self._gives


@pytest.mark.parametrize(
    ("gives", "error"),
    [
        ("0.5", "OddEvaluator (test_resume) must return metrics by name, not '0.5'"),
        ({"acc": 0.5}, "OddEvaluator (test_resume) did not return val_accuracy"),
        (
            {"val_accuracy": "0.5"},
            "OddEvaluator (test_resume): val_accuracy is '0.5', not a number or a tuple",
        ),
        ({"val_accuracy": 10**400}, "val_accuracy is 1000000000"),
    ],
)
def test_what_an_evaluator_gives_is_checked(tmp_path: Path, gives: Any, error: str) -> None:
    @dataclass(kw_only=True)
    class OddConfig(ToyEvaluatorConfig):
        def build(self, space: Any, task: Any) -> Evaluator:
            return OddEvaluator(gives)

    result = run(toy_study(tmp_path, evaluator=OddConfig(), max_failures=1))
    assert (result.trials[0].error or "").startswith(error)


def test_a_space_that_grows_is_not_exhausted_by_its_small_architectures(tmp_path: Path) -> None:
    space = ToySpaceConfig(choices=2, options=3, grows=40)
    result = run(toy_study(tmp_path, search_space=space, trials=100))
    assert len({t.architecture.tokens for t in result.trials}) == 3 + 9
    assert result.ended == "every architecture of the search space was tried"


# A journal that was tampered with


def told_lines(folder: Path) -> list[str]:
    run(toy_study(folder, trials=6))
    return (folder / JOURNAL_FILE).read_text().splitlines()


@pytest.mark.parametrize(
    ("event", "key", "value"),
    [
        ("asked", "number", 1),
        ("asked", "tokens", [[9, 9, 9, 9]]),
        ("asked", "tokens", 3),
        ("told", "number", 77),
        ("told", "tokens", [0, 0]),
        ("told", "metrics", []),
        ("told", "reward", "high"),
        ("told", "elapsed", None),
    ],
)
def test_a_line_that_says_something_else_is_refused(
    tmp_path: Path, event: str, key: str, value: Any
) -> None:
    lines = told_lines(tmp_path)
    number = next(i for i, line in enumerate(lines) if line.startswith(f'{{"event":"{event}"'))
    lines[number] = json.dumps({**json.loads(lines[number]), key: value})
    text = "\n".join([*lines, ""])
    (tmp_path / JOURNAL_FILE).write_text(text)
    with pytest.raises(NasframeError, match=rf"line {number + 1}, does not follow"):
        run(toy_study(tmp_path, trials=6))
    if value != [[9, 9, 9, 9]]:  # which takes the space to see
        with pytest.raises(NasframeError, match=rf"line {number + 1}, does not follow"):
            read_result(tmp_path)
    assert (tmp_path / JOURNAL_FILE).read_text() == text


@pytest.mark.parametrize(("key", "value"), [("schema", "x"), ("config", None), ("versions", [])])
def test_a_header_that_says_something_else_is_refused(tmp_path: Path, key: str, value: Any) -> None:
    first, *others = told_lines(tmp_path)
    text = "\n".join([json.dumps({**json.loads(first), key: value}), *others, ""])
    (tmp_path / JOURNAL_FILE).write_text(text)
    for use in (lambda: run(toy_study(tmp_path, trials=6)), lambda: read_result(tmp_path)):
        with pytest.raises(NasframeError, match="line 1, is damaged"):
            use()
    assert (tmp_path / JOURNAL_FILE).read_text() == text
