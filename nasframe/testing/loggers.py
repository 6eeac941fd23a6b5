"""The contract of loggers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from nasframe.api.config import LoggerConfig
from nasframe.api.parts import Logger
from nasframe.api.types import Trial
from nasframe.study.observer import Observer
from nasframe.study.run import run
from nasframe.testing.part import PartContract
from nasframe.testing.toys import ToyEvaluatorConfig, toy_study

_SETTINGS = {"trials": 20, "controller.type": "toy", "hours": None, "freeze": ["first"]}
_ROWS: list[tuple[int, dict[str, float]]] = [
    (1, {"trial": 0, "failed": 1}),
    (2, {"trial": 2, "failed": 1, "reward": 0.5}),
    (3, {"trial": 1, "failed": 1, "reward": 0.25, "latency_ms": 3.5}),
]


class LoggerContract(PartContract):
    """Tests of the requirements on loggers; see ``PartContract``."""

    @abstractmethod
    def config(self) -> LoggerConfig:
        """Return the settings of the logger to test."""

    @abstractmethod
    def read(self, folder: Path) -> Sequence[tuple[int, Mapping[str, float]]]:
        """Read the logged rows of a folder's run, step and values, in stored order."""

    def test_nothing_is_written_before_the_start(self, tmp_path: Path) -> None:
        self._logger(tmp_path / "run")
        assert not list(tmp_path.iterdir()), "build wrote files"

    def test_rows_are_kept_in_order(self, tmp_path: Path) -> None:
        logger = self._logger(tmp_path)
        assert logger.start(_SETTINGS) == 0, "a new run has a last step"
        for row in _ROWS:
            logger.log(*row)
        logger.close()
        self._check_rows(tmp_path, _ROWS)

    def test_a_run_is_resumed(self, tmp_path: Path) -> None:
        """Even a run that was killed, and so never closed."""
        for count in (1, 2, 3):
            logger = self._logger(tmp_path)
            last = logger.start(_SETTINGS)
            known = (0, count - 1)
            assert last in known, f"start returned {last!r} after {count - 1} rows, not in {known}"
            for row in _ROWS[last:count]:
                logger.log(*row)
            self._check_rows(tmp_path, _ROWS[:count])

    def test_each_folder_is_a_run_of_its_own(self, tmp_path: Path) -> None:
        for name, count in (("a", 2), ("b", 3)):
            logger = self._logger(tmp_path / name)
            assert logger.start(_SETTINGS) == 0, "a new run has a last step"
            for row in _ROWS[:count]:
                logger.log(*row)
            logger.close()
        self._check_rows(tmp_path / "a", _ROWS[:2])
        self._check_rows(tmp_path / "b", _ROWS)

    def test_a_study_has_each_trial_once(self, tmp_path: Path) -> None:
        study = toy_study(
            tmp_path, logger={"yours": self.config()}, evaluator=ToyEvaluatorConfig(fails=3)
        )
        assert run(study, observers=[_Interrupter(5)]).interrupted
        notes = _NoteRecorder()
        result = run(study, observers=[notes])
        assert not notes.texts, notes.texts
        numbers = [trial.number for trial in result.trials if trial.duplicate_of is None]
        rows = self.read(tmp_path)
        assert [step for step, _ in rows] == list(range(1, len(numbers) + 1))
        assert [values["trial"] for _, values in rows] == numbers

    def _logger(self, folder: Path) -> Logger:
        logger = self.config().build(folder)
        assert isinstance(logger, Logger), f"build returned {logger!r:.80}"
        return logger

    def _check_rows(self, folder: Path, rows: Sequence[tuple[int, Mapping[str, float]]]) -> None:
        found = [(step, dict(values)) for step, values in self.read(folder)]
        assert found == list(rows), f"logged {rows}, but read {found}"


class _Interrupter(Observer):
    """Raises ``KeyboardInterrupt`` after some trials."""

    def __init__(self, trials: int) -> None:
        self._trials_left = trials

    def on_result(self, trial: Trial) -> None:
        """Count the trial, and interrupt the study after the last one."""
        self._trials_left -= 1
        if self._trials_left == 0:
            raise KeyboardInterrupt


class _NoteRecorder(Observer):
    """Records the notes."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def on_message(self, text: str) -> None:
        """Record the note."""
        self.texts.append(text)
