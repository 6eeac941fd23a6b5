"""The contract of executors."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nasframe.api.config import ExecutorConfig
from nasframe.api.parts import Executor
from nasframe.api.types import Report, Result, Step
from nasframe.study.run import run
from nasframe.testing.part import PartContract
from nasframe.testing.studies import journal_events
from nasframe.testing.toys import ToyControllerConfig, ToyEvaluatorConfig, ToyMeterConfig, toy_study

_TOKENS, _OTHER = (1, 2, 3, 4), (0, 0, 0, 1)


def wait_for_message(executor: Executor) -> Report | Result:
    """Wait for the next report or result; empty lists, which signal capacity, are ignored."""
    while not (messages := executor.wait()):
        pass
    (message,) = messages
    return message


def wait_for_result(executor: Executor) -> Result:
    """Wait for the next result; children continue after their reports."""
    while isinstance(message := wait_for_message(executor), Report):
        executor.reply(message.number, True)
    return message


class ExecutorContract(PartContract):
    """Tests of the requirements on executors; see ``PartContract``."""

    @abstractmethod
    def config(self) -> ExecutorConfig:
        """Return the settings of the executor to test."""

    def test_there_is_room_for_a_step(self, tmp_path: Path) -> None:
        with self._executor(tmp_path) as executor:
            assert executor.capacity >= 1

    def test_reports_come_before_the_result(self, tmp_path: Path) -> None:
        with self._executor(tmp_path, epochs=3) as executor:
            executor.submit(7, Step.TRAIN, _TOKENS)
            for epoch in (1, 2, 3):
                message = wait_for_message(executor)
                assert isinstance(message, Report), f"{message}: epoch {epoch} was not reported"
                assert (message.number, message.epoch) == (7, epoch)
                executor.reply(7, True)
            result = wait_for_result(executor)
            assert (result.number, result.step, result.error) == (7, Step.TRAIN, None)
            assert abs(result.metrics["val_accuracy"] - 0.1) < 1e-9  # type: ignore[operator]

    def test_a_child_that_is_stopped_returns_its_last_metrics(self, tmp_path: Path) -> None:
        with self._executor(tmp_path, epochs=3) as executor:
            executor.submit(0, Step.TRAIN, _TOKENS)
            wait_for_message(executor)
            executor.reply(0, False)
            result = wait_for_message(executor)
            assert isinstance(result, Result)
            assert result.metrics["val_accuracy_epochs"] == (0.1 / 3,)

    def test_meters_measure(self, tmp_path: Path) -> None:
        with self._executor(tmp_path) as executor:
            executor.submit(0, Step.MEASURE, _TOKENS)
            assert wait_for_result(executor).metrics == {"cost": 10.0}

    def test_a_cancelled_step_gives_no_result(self, tmp_path: Path) -> None:
        for reported in (False, True):
            with self._executor(tmp_path, epochs=3) as executor:
                executor.submit(0, Step.TRAIN, _TOKENS)
                if reported:
                    wait_for_message(executor)
                executor.cancel(0)
                executor.submit(1, Step.MEASURE, _OTHER)
                result = wait_for_message(executor)
                assert isinstance(result, Result)
                assert (result.number, result.metrics) == (1, {"cost": 1.0})

    def test_an_error_is_reported_in_one_line(self, tmp_path: Path) -> None:
        with self._executor(tmp_path, fails=1) as executor:
            executor.submit(0, Step.TRAIN, _TOKENS)
            result = wait_for_result(executor)
            assert (result.error, result.fatal) == ("RuntimeError: this child failed", False)

    def test_an_exit_during_preparation_is_ignored(self, tmp_path: Path) -> None:
        with self._executor(tmp_path, unready=True) as executor:
            executor.submit(0, Step.MEASURE, _TOKENS)
            assert wait_for_result(executor).error is None

    def test_an_interrupt_raised_by_a_child_is_a_failure(self, tmp_path: Path) -> None:
        with self._executor(tmp_path, interrupts=1) as executor:
            executor.submit(0, Step.TRAIN, _TOKENS)
            assert "KeyboardInterrupt" in (wait_for_result(executor).error or "")
            executor.submit(1, Step.MEASURE, _OTHER)
            assert wait_for_result(executor).error is None

    def test_a_step_that_takes_too_long_fails_and_the_next_one_has_its_time(
        self, tmp_path: Path
    ) -> None:
        for epochs in (10, 400):
            settings = {"timeout": 1.5, "epochs": epochs, "seconds": 6.0}
            with self._executor(tmp_path, **settings) as executor:
                executor.submit(0, Step.TRAIN, _TOKENS)
                result = wait_for_result(executor)
                assert result.error == "TimeoutError: took longer than trial_timeout=1.5 s"
                assert result.seconds >= 1.5
                executor.submit(1, Step.MEASURE, _OTHER)
                result = wait_for_result(executor)
                assert (result.number, result.metrics) == (1, {"cost": 1.0})

    def test_a_study_takes_the_same_course_as_in_this_process(self, tmp_path: Path) -> None:
        settings = {"controller": ToyControllerConfig(batch=3), "trials": 12}
        run(toy_study(tmp_path / "here", **settings))
        run(toy_study(tmp_path / "there", executor=self.config(), **settings))
        assert journal_events(tmp_path / "there") == journal_events(tmp_path / "here")

    @contextmanager
    def _executor(
        self, folder: Path, *, timeout: float | None = None, **settings: Any
    ) -> Iterator[Executor]:
        study = toy_study(
            folder,
            evaluator=ToyEvaluatorConfig(**settings),
            meters={"toy": ToyMeterConfig()},
            keep=0,
            trial_timeout=timeout,
        )
        executor = self.config().build(study.parts())
        try:
            yield executor
        finally:
            executor.close()
