"""What every executor does: reports wait for an answer, cancelled steps leave nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from toys import ToyEvaluatorConfig, ToyMeterConfig, next_message, toy_study

from nasframe import Executor, Report, Result, Step, option
from nasframe.executors.worker import child_seed, merge_meters


def make(name: str, folder: Path, timeout: float | None = None, **settings: Any) -> Executor:
    study = toy_study(
        folder,
        evaluator=ToyEvaluatorConfig(**settings),
        meters={"toy": ToyMeterConfig()},
        keep=0,
        trial_timeout=timeout,
    )
    executor = option("executor", name).build(study.parts())
    assert isinstance(executor, Executor)
    return executor


@pytest.fixture(params=["serial", "process", "ray"])
def name(request: pytest.FixtureRequest) -> str:
    if request.param == "ray":
        request.getfixturevalue("local_ray")
    return str(request.param)


@pytest.fixture
def executor(name: str, tmp_path: Path) -> Iterator[Executor]:
    executor = make(name, tmp_path, epochs=3)
    yield executor
    executor.close()


def test_reports_then_the_result(executor: Executor) -> None:
    executor.submit(7, Step.TRAIN, (1, 2, 3, 4))
    for epoch in (1, 2, 3):
        message = next_message(executor)
        assert isinstance(message, Report)
        assert (message.number, message.epoch) == (7, epoch)
        executor.reply(7, True)
    result = next_message(executor)
    assert isinstance(result, Result)
    assert (result.number, result.step, result.error) == (7, Step.TRAIN, None)
    assert result.metrics["val_accuracy"] == pytest.approx(0.1)


def test_a_child_that_is_told_to_stop_ends_with_what_it_reached(executor: Executor) -> None:
    executor.submit(0, Step.TRAIN, (1, 2, 3, 4))
    next_message(executor)
    executor.reply(0, False)
    result = next_message(executor)
    assert isinstance(result, Result)
    assert result.metrics["val_accuracy_epochs"] == pytest.approx((0.1 / 3,))


def test_measure(executor: Executor) -> None:
    executor.submit(0, Step.MEASURE, (1, 2, 3, 4))
    result = next_message(executor)
    assert isinstance(result, Result)
    assert result.metrics == {"cost": 10.0}


@pytest.mark.parametrize("reported", [False, True])
def test_a_cancelled_step_gives_no_result(executor: Executor, reported: bool) -> None:
    executor.submit(0, Step.TRAIN, (1, 2, 3, 4))
    if reported:
        next_message(executor)
    executor.cancel(0)
    executor.submit(1, Step.MEASURE, (0, 0, 0, 1))
    result = next_message(executor)
    assert isinstance(result, Result)
    assert (result.number, result.metrics) == (1, {"cost": 1.0})


def test_an_error_is_told_in_one_line(name: str, tmp_path: Path) -> None:
    executor = make(name, tmp_path, fails=1)
    executor.submit(0, Step.TRAIN, (1, 2, 3, 4))
    result = next_message(executor)
    executor.close()
    assert isinstance(result, Result)
    assert (result.error, result.fatal) == ("RuntimeError: this child failed", False)


def test_a_part_that_exits_while_it_is_made_ready_is_passed_over(name: str, tmp_path: Path) -> None:
    executor = make(name, tmp_path, unready=True)
    executor.submit(0, Step.MEASURE, (1, 2, 3, 4))
    result = next_message(executor)
    executor.close()
    assert isinstance(result, Result) and result.error is None


def test_an_interrupt_that_a_child_raises_is_its_failure(name: str, tmp_path: Path) -> None:
    executor = make(name, tmp_path, interrupts=1)
    executor.submit(0, Step.TRAIN, (1, 2, 3, 4))
    result = next_message(executor)
    assert isinstance(result, Result) and "KeyboardInterrupt" in (result.error or "")
    executor.submit(1, Step.MEASURE, (0, 0, 0, 1))
    result = next_message(executor)
    assert isinstance(result, Result) and result.error is None
    executor.close()


@pytest.mark.parametrize("epochs", [10, 400])
def test_a_step_that_takes_too_long_fails_and_the_next_one_has_its_time(
    name: str, tmp_path: Path, epochs: int
) -> None:
    executor = make(name, tmp_path, timeout=1.5, epochs=epochs, seconds=6.0)
    executor.submit(0, Step.TRAIN, (1, 2, 3, 4))
    while isinstance(message := next_message(executor), Report):
        executor.reply(0, True)
    assert isinstance(message, Result)
    assert message.error == "TimeoutError: took longer than trial_timeout=1.5 s"
    assert message.seconds >= 1.5
    executor.submit(1, Step.MEASURE, (0, 0, 0, 1))
    result = next_message(executor)
    assert isinstance(result, Result)
    assert (result.number, result.metrics) == (1, {"cost": 1.0})
    executor.close()


def test_the_seed_of_a_child_is_the_same_everywhere() -> None:
    assert child_seed(0, (1, 2, 3)) == 69552045639912747
    assert len({child_seed(seed, key) for seed in (0, 1) for key in ((1, 2), (2, 1))}) == 4


def test_a_name_that_two_meters_give_keeps_its_prefix() -> None:
    merged = merge_meters({"a": {"ms": 1.0, "x": 2.0}, "b": {"ms": 3.0}})
    assert merged == {"a.ms": 1.0, "x": 2.0, "b.ms": 3.0}
