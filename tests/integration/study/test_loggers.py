"""The curves of a study in Lightning's loggers, also of one that was interrupted."""

from __future__ import annotations

import csv
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from toys import ToyControllerConfig, ToyEvaluatorConfig, toy_study

from nasframe import StudyConfig, StudyResult, Trial, TrialState, option, run
from nasframe.study.observer import Observer

EVALUATOR = ToyEvaluatorConfig(fails=3)


def study(folder: Path, *loggers: str, **settings: Any) -> StudyConfig:
    return toy_study(
        folder,
        logger={name: option("logger", name) for name in loggers},
        evaluator=EVALUATOR,
        controller=ToyControllerConfig(batch=3),
        **settings,
    )


class Interrupts(Observer):
    """Ctrl-C after some trials."""

    def __init__(self, trials: int) -> None:
        self._left = trials

    def on_result(self, trial: Trial) -> None:
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt


def read_csv(folder: Path) -> list[dict[str, float]]:
    with (folder / "csv" / "metrics.csv").open() as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


def read_tensorboard(folder: Path) -> list[dict[str, float]]:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    rows: dict[int, dict[str, float]] = {}
    for name in events.Tags()["scalars"]:
        for event in events.Scalars(name):
            rows.setdefault(event.step, {"step": event.step})[name] = event.value
    return [rows[step] for step in sorted(rows)]


READERS = {"csv": read_csv, "tensorboard": read_tensorboard}


def check(rows: list[dict[str, float]], result: StudyResult) -> None:
    """Every trial that was no duplicate has a row, with what the result says of it."""
    new = [trial for trial in result.trials if trial.duplicate_of is None]
    assert [row["step"] for row in rows] == list(range(1, len(new) + 1))
    assert [row["trial"] for row in rows] == [trial.number for trial in new]
    failed = list(accumulate(trial.state is TrialState.FAILED for trial in new))
    assert 0 < failed[-1] < len(new)
    assert [row["failed"] for row in rows] == failed
    done = [(row, t) for row, t in zip(rows, new, strict=True) if t.reward is not None]
    assert [row["reward"] for row, _ in done] == pytest.approx([t.reward for _, t in done])
    assert [row["best"] for row, _ in done] == pytest.approx(
        list(accumulate((t.reward or 0 for _, t in done), max))
    )
    for row, trial in done:
        assert row["val_accuracy"] == pytest.approx(trial.metrics["val_accuracy"])
        assert row["val_accuracy_epochs"] == pytest.approx(row["val_accuracy"])
    assert all("reward" not in row for row, t in zip(rows, new, strict=True) if t.error)


@pytest.mark.parametrize("logger", list(READERS))
def test_each_trial_has_a_row_also_after_an_interruption(logger: str, tmp_path: Path) -> None:
    config = study(tmp_path, logger, trials=12)
    assert run(config, observers=[Interrupts(5)]).interrupted
    result = run(config)
    check(READERS[logger](tmp_path), result)


def test_a_finished_study_is_left_as_it_is(tmp_path: Path) -> None:
    config = study(tmp_path, "csv", trials=4)
    run(config)
    (tmp_path / "csv" / "metrics.csv").write_text("mine")
    run(config)
    assert (tmp_path / "csv" / "metrics.csv").read_text() == "mine"


@pytest.mark.parametrize("logger", list(READERS))
def test_the_logger_is_free_to_change(logger: str, tmp_path: Path) -> None:
    """One that begins later is told what was before; one that goes on is told no row twice."""
    run(study(tmp_path, trials=4))
    run(study(tmp_path, logger, trials=8))
    result = run(study(tmp_path, logger, trials=12))
    check(READERS[logger](tmp_path), result)


class Notes(Observer):
    """Keeps what is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def on_message(self, text: str) -> None:
        self.notes.append(text)


def test_a_logger_that_fails_ends_no_study(tmp_path: Path) -> None:
    (tmp_path / "csv").write_text("a file where a folder is to be")
    notes = Notes()
    result = run(study(tmp_path, "csv", trials=6), observers=[notes])
    assert result.ended == "6 trials were run"
    (note,) = notes.notes
    assert note.startswith("logger=csv failed: ")
    assert note.endswith(". Its curves end here; the rest continues")
