"""Loggers as parts: their contract, several at once, failures, and journals of older versions."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from journals import config, edited
from places import DATA
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from toys import ToyControllerConfig, ToyEvaluatorConfig, toy_study

from nasframe import (
    Logger,
    LoggerConfig,
    NasframeError,
    Observer,
    RecipeConfig,
    StudyConfig,
    option,
    read_result,
    retrain,
    run,
)
from nasframe.registry.options import Option, options
from nasframe.report.study.analyze import analyze_study
from nasframe.retraining import RetrainConfig
from nasframe.storage.journal import JOURNAL_FILE
from nasframe.testing import LoggerContract

OLD = DATA / "journal_schema1.jsonl"
Rows = Sequence[tuple[int, Mapping[str, float]]]


def read_csv(folder: Path) -> Rows:
    with (folder / "csv" / "metrics.csv").open() as file:
        rows = [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]
    return [(int(row.pop("step")), row) for row in rows]


def read_tensorboard(folder: Path) -> Rows:
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    rows: dict[int, dict[str, float]] = {}
    for name in events.Tags()["scalars"]:
        for event in events.Scalars(name):
            row = rows.setdefault(event.step, {})
            assert name not in row, f"{name} stands twice at {event.step}"
            row[name] = event.value
    return sorted(rows.items())


class TestCSV(LoggerContract):
    def config(self) -> LoggerConfig:
        return option("logger", "csv")  # type: ignore[no-any-return]

    def read(self, folder: Path) -> Rows:
        return read_csv(folder)


class TestTensorBoard(LoggerContract):
    def config(self) -> LoggerConfig:
        return option("logger", "tensorboard")  # type: ignore[no-any-return]

    def read(self, folder: Path) -> Rows:
        return read_tensorboard(folder)


@pytest.mark.parametrize(
    "item", [pytest.param(o, id=o.name) for o in options() if o.group == "logger"]
)
def test_nasframe_loggers(item: Option, tmp_path: Path) -> None:
    """Each logger is made without writing, or says which package it needs."""
    config = option("logger", item.name)
    if item.name == "csv" or find_spec(item.name) is not None:
        assert isinstance(config.build(tmp_path), Logger)
    else:
        with pytest.raises(NasframeError, match=f"{item.name}: pip install {item.name}$"):
            run(toy_study(tmp_path / "it", logger={item.name: config}))
    assert not list(tmp_path.iterdir())


# Loggers that fail


class Lines(Logger):
    """Keeps rows in a list, and fails where it is told to."""

    def __init__(self, config: LinesConfig) -> None:
        self._config = config

    def start(self, settings: Mapping[str, Any]) -> int:
        self._fail("start")
        return "no step" if self._config.fails == "step" else 0  # type: ignore[return-value]

    def log(self, step: int, values: Mapping[str, float]) -> None:
        if step == 3:
            self._fail("log")

    def close(self) -> None:
        self._fail("close")

    def _fail(self, where: str) -> None:
        LOG.append(f"{self._config.fails}: {where}")
        if self._config.fails == where:
            raise RuntimeError("the server\nis down")


LOG: list[str] = []


@dataclass(kw_only=True)
class LinesConfig(LoggerConfig):
    """Settings of ``Lines``."""

    fails: str

    def build(self, folder: Path) -> Logger:
        return Lines(self)


class Notes(Observer):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def on_message(self, text: str) -> None:
        self.texts.append(text)


def study(folder: Path, *loggers: str, **settings: Any) -> StudyConfig:
    parts: dict[str, Any] = {name: option("logger", name) for name in loggers}
    parts |= settings.pop("more", {})
    evaluator = ToyEvaluatorConfig(fails=3)
    return toy_study(
        folder,
        logger=parts,
        evaluator=evaluator,
        controller=ToyControllerConfig(batch=3),
        **{"trials": 6, **settings},
    )


def retraining(folder: Path) -> RetrainConfig:
    (folder / "tokens.txt").write_text("[0, 0, 0, 0, 0, 0]\n")
    return RetrainConfig(
        architectures=folder / "tokens.txt",
        search_space=option("search_space", "nasbench201", cells=1, filters=4),
        task=option("task", "digits"),
        recipe=RecipeConfig(epochs=1),
        dir=folder / "it",
    )


def test_two_loggers_have_the_same_rows(tmp_path: Path) -> None:
    run(study(tmp_path, "csv", "tensorboard", trials=5))
    run(study(tmp_path, "csv", "tensorboard", trials=9))
    table, board = read_csv(tmp_path), read_tensorboard(tmp_path)
    assert [step for step, _ in table] == list(range(1, 10))
    for (step, row), (other, values) in zip(table, board, strict=True):
        assert step == other
        assert values == pytest.approx(row)


@pytest.mark.parametrize("fails", ["start", "log", "close", "step"])
def test_a_logger_that_fails_is_left_out_and_the_others_stay(fails: str, tmp_path: Path) -> None:
    LOG.clear()
    notes = [Notes(), Notes()]
    config = study(tmp_path, "csv", more={"mine": LinesConfig(fails=fails)})
    assert run(config, observers=notes).ended == "6 trials were run"
    assert notes[0].texts == notes[1].texts
    (note,) = notes[0].texts
    assert note.startswith("logger=mine failed: Lines.start" if fails in ("start", "step") else "")
    assert ("gave 'no step', no step" if fails == "step" else "is down (") in note
    assert note.endswith(". Its curves end here; the rest continues")
    assert "\n" not in note
    assert LOG.count(f"{fails}: close") == (fails == "close")
    assert [step for step, _ in read_csv(tmp_path)] == [1, 2, 3, 4, 5, 6]


def test_each_logger_fails_by_itself(tmp_path: Path) -> None:
    notes = Notes()
    more = {name: LinesConfig(fails=name) for name in ("start", "log")}
    result = run(study(tmp_path, more=more), observers=[notes])
    assert result.ended == "6 trials were run"
    assert [text.partition(" ")[0] for text in notes.texts] == ["logger=start", "logger=log"]


def test_what_a_logger_missed_it_gets_later(tmp_path: Path) -> None:
    """TensorBoard's folder was a file for a while."""
    run(study(tmp_path, "tensorboard", trials=3))
    (tmp_path / "tensorboard").rename(tmp_path / "aside")
    (tmp_path / "tensorboard").write_text("")
    run(study(tmp_path, "tensorboard", trials=6))
    (tmp_path / "tensorboard").unlink()
    (tmp_path / "aside").rename(tmp_path / "tensorboard")
    run(study(tmp_path, "tensorboard", trials=9))
    assert [step for step, _ in read_tensorboard(tmp_path)] == list(range(1, 10))


def test_another_logger_is_noted_in_the_journal(tmp_path: Path) -> None:
    run(study(tmp_path, "csv", trials=3))
    run(study(tmp_path, "tensorboard", trials=6))
    lines = map(json.loads, (tmp_path / JOURNAL_FILE).read_text().splitlines())
    (changes,) = [line["changes"] for line in lines if line["event"] == "resumed"]
    assert changes["logger.csv.type"] == ["nasframe:CSVConfig", None]
    assert changes["logger.tensorboard.type"] == [None, "nasframe:TensorBoardConfig"]


def test_a_retraining_with_loggers_is_as_quiet_as_without(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    config = retraining(tmp_path)
    config.logger = {name: option("logger", name) for name in ("csv", "tensorboard")}
    retrain(config, said.append)
    assert capfd.readouterr() == ("", "")
    (table,) = (read_csv(folder) for folder in (tmp_path / "it").glob("*/"))
    (board,) = (read_tensorboard(folder) for folder in (tmp_path / "it").glob("*/"))
    assert [step for step, _ in table] == [step for step, _ in board] == [1]
    assert len(said) == 2


# Older versions


@pytest.mark.parametrize(("word", "loggers"), [("csv", ["csv"]), ("none", []), ("wandb", ["csv"])])
def test_a_study_with_a_logger_of_one_word_is_resumed(
    word: str, loggers: list[str], tmp_path: Path
) -> None:
    shutil.copy(OLD, tmp_path / JOURNAL_FILE)
    edited(tmp_path, logger=word)
    with (tmp_path / JOURNAL_FILE).open("a") as file:
        for changed in (["none", "tensorboard"], ["tensorboard", word]):
            event = {"event": "resumed", "changes": {"logger": changed}, "time": 0}
            file.write(json.dumps(event) + "\n")
    assert len(read_result(tmp_path).trials) == analyze_study(tmp_path).trials == 15
    parts = {name: option("logger", name) for name in loggers}
    notes = Notes()
    old = config(tmp_path, controller="evolution", trials=20, logger=parts)
    run(old, observers=[notes])
    assert not any("logger" in text for text in notes.texts)
    if loggers:
        assert [step for step, _ in read_csv(tmp_path)] == list(range(1, 21))
    lines = [json.loads(line) for line in (tmp_path / JOURNAL_FILE).read_text().splitlines()]
    changes = [line for line in lines if line["event"] == "resumed"][-1]["changes"]
    assert changes.keys() - {"trials"} == (
        {"logger.csv.type", "logger.wandb.type"} if word == "wandb" else set()
    )


def test_a_retraining_with_a_logger_of_one_word_is_known(tmp_path: Path) -> None:
    config = retraining(tmp_path)
    first = retrain(config)
    file = tmp_path / "it" / "retrain.json"
    stored = json.loads(file.read_text())
    stored["config"]["logger"] = "tensorboard"
    file.write_text(json.dumps(stored))
    config.logger = {"csv": option("logger", "csv")}
    assert retrain(config) == first
