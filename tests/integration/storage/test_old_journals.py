"""Journals that older versions wrote: kept in ``tests/data``, they must be read for ever."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from journals import config, edited
from places import DATA

from nasframe import NasframeError, Trial, read_result, run
from nasframe.report.study.analyze import analyze_study
from nasframe.storage.journal import JOURNAL_FILE
from nasframe.study.observer import Observer

OLD = DATA / "journal_schema1.jsonl"


class Notes(Observer):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def on_message(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(OLD, tmp_path / JOURNAL_FILE)
    return tmp_path


def study(folder: Path, trials: int, **settings: Any) -> tuple[list[str], tuple[Trial, ...]]:
    notes = Notes()
    result = run(
        config(folder, trials=trials, controller="evolution", **settings), observers=[notes]
    )
    return notes.notes, result.trials


def test_a_journal_of_the_first_schema_is_read_reported_and_gone_on_with(folder: Path) -> None:
    before = OLD.read_text()
    assert [t.number for t in read_result(folder).trials] == list(range(15))
    assert analyze_study(folder).trials == 15
    notes, trials = study(folder, 20)
    assert [t.number for t in trials] == list(range(20))
    newer = [note for note in notes if note.startswith("settings newer than this study take their")]
    assert len(newer) == 1
    for setting in (" retries=", " objective.latency="):
        assert setting in newer[0]
    assert (folder / JOURNAL_FILE).read_text().startswith(before)
    _, whole = study(folder / "whole", 20)
    assert [(t.architecture, t.reward) for t in trials] == [
        (t.architecture, t.reward) for t in whole
    ]


def test_a_setting_that_is_newer_and_differs_is_refused(folder: Path) -> None:
    newer = config(folder, trials=20, controller="evolution")
    newer.objective.max_parameters = 9000  # type: ignore[attr-defined]
    with pytest.raises(NasframeError, match="objective.max_parameters was None, is now 9000"):
        run(newer)
    assert (folder / JOURNAL_FILE).read_text() == OLD.read_text()


def test_another_version_of_a_plugin_is_noted(folder: Path) -> None:
    first, rest = (folder / JOURNAL_FILE).read_text().split("\n", 1)
    event = json.loads(first)
    event["plugins"]["evolution"] = "0.0.9"
    event["plugins"]["vanished"] = "1.2"
    (folder / JOURNAL_FILE).write_text(f"{json.dumps(event)}\n{rest}")
    notes, _ = study(folder, 20)
    assert any(
        note.startswith("evolution was 0.0.9 when this study started and is ") for note in notes
    )
    assert any(note.startswith("vanished was 1.2 ") and "missing now" in note for note in notes)


def test_a_study_of_a_plugin_that_is_missing_is_read_but_not_gone_on_with(folder: Path) -> None:
    edited(folder, search_space__type="vanished:SpaceConfig")
    assert len(read_result(folder).trials) == 15
    assert analyze_study(folder).networks[0].words.count("-") == 5  # by its tokens
    with pytest.raises(NasframeError, match="search_space was Space, is now NASBench201"):
        study(folder, 20)


def test_the_clock_may_jump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jumps = iter([10**9, -(10**8), 0] * 1000)
    monkeypatch.setattr("time.time", lambda: 1.8e9 + next(jumps))
    for trials in (10, 20):
        study(tmp_path, trials)
    lines = (tmp_path / JOURNAL_FILE).read_text().splitlines()
    told = [json.loads(line) for line in lines if '"told"' in line]
    assert len(told) == 20
    assert all(0 <= event["seconds"] < 60 for event in told)
    elapsed = [event["elapsed"] for event in told]
    assert elapsed == sorted(elapsed)
    assert elapsed[0] >= 0
    assert elapsed[-1] < 60
