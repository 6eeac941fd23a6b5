"""Files in words of other versions: renamed ones are understood, foreign ones refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from journals import config, edited

import nasframe
from nasframe import NasframeError, read_result, run
from nasframe.cli.report import main
from nasframe.registry.options import restore_config
from nasframe.registry.renamed import CLASSES, SETTINGS, Renamed
from nasframe.registry.serialization import check_settings, to_plain, translate_names
from nasframe.storage.journal import JOURNAL_FILE, read_journal
from nasframe.study.observer import Observer

SPACE = "nasframe_nasbench:NASBench201Config"
HINT = "written by another version of {}, perhaps a newer one\\? Install that version"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run(study(tmp_path / "study", 4))
    return tmp_path / "study"


def study(folder: Path, trials: int, **settings: Any) -> nasframe.StudyConfig:
    return config(folder, trials=trials, controller="evolution", **settings)


def rewritten(folder: Path, former: str, new: str) -> None:
    text = (folder / JOURNAL_FILE).read_text()
    assert new in text
    (folder / JOURNAL_FILE).write_text(text.replace(new, former))


class Notes(Observer):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def on_message(self, text: str) -> None:
        self.notes.append(text)


@pytest.mark.parametrize("place", ["search_space__foo", "objective__foo", "foo"])
def test_a_study_with_a_foreign_setting_is_reported_but_not_resumed(
    folder: Path, place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edited(folder, **{place: 3})
    before = (folder / JOURNAL_FILE).read_text()
    owner = {
        "search_space__foo": SPACE,
        "objective__foo": "nasframe_objectives:AccuracyConfig",
        "foo": "nasframe:StudyConfig",
    }[place]
    said = f"^{owner} has no setting 'foo': {HINT.format(owner.partition(':')[0])}$"
    with pytest.raises(NasframeError, match=said):
        run(study(folder, 8))
    assert (folder / JOURNAL_FILE).read_text() == before
    assert len(read_result(folder).trials) == 4
    monkeypatch.setattr("sys.argv", ["nasframe-report", str(folder)])
    if place == "objective__foo":  # without it nobody knows which metrics count
        with pytest.raises(SystemExit):
            main()
        assert "AccuracyConfig has no setting 'foo'" in capsys.readouterr().err
    else:
        main()
        assert "4 trials" in capsys.readouterr().out


def test_a_foreign_setting_of_a_part_is_refused_when_the_part_is_made(folder: Path) -> None:
    part = next(read_journal(folder))["config"]["search_space"]
    assert restore_config("search_space", part) == study(folder, 4).search_space
    with pytest.raises(NasframeError, match=f"^{SPACE} has no setting 'foo': "):
        restore_config("search_space", {**part, "foo": None})


def test_a_foreign_setting_of_an_executor_is_no_matter(folder: Path) -> None:
    """An executor may be another one each time."""
    edited(folder, executor__foo=3)
    assert len(run(study(folder, 6)).trials) == 6


def test_a_retraining_with_a_foreign_setting_is_refused(tmp_path: Path) -> None:
    from nasframe.api.recipe import RecipeConfig
    from nasframe.retraining.config import RetrainConfig
    from nasframe.retraining.run import SETTINGS_FILE as FILE_OF_SETTINGS
    from nasframe.retraining.run import retrain

    task = study(tmp_path, 1).task
    given = RetrainConfig(
        dir=tmp_path / "out", task=task, network="resnet18", recipe=RecipeConfig()
    )
    plain = to_plain(given)
    for path, owner in ((("foo",), "nasframe:RetrainConfig"), (("recipe", "foo"), "nasframe:Rec")):
        stored = json.loads(json.dumps(plain))
        place = stored
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = 1
        given.dir.mkdir(exist_ok=True)
        text = json.dumps({"nasframe": "9", "config": stored, "networks": []})
        (given.dir / FILE_OF_SETTINGS).write_text(text)
        with pytest.raises(NasframeError, match=rf"retrain.json: {owner}\w* has no setting 'foo'"):
            retrain(given, print)


def test_renamed_words_are_understood(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class, a setting, a member of an enum and the form of a value are others now."""
    monkeypatch.setitem(CLASSES, "nasframe_bench:OldConfig", SPACE)
    monkeypatch.setitem(SETTINGS, (SPACE, "width"), Renamed("filters"))
    words = {"final": "last"}
    objective = "nasframe_objectives:AccuracyConfig"
    changed = Renamed("of", lambda value: words.get(value, value))
    monkeypatch.setitem(SETTINGS, (objective, "of"), changed)
    whole = Renamed("trials", lambda value: value[0] if isinstance(value, list) else value)
    monkeypatch.setitem(SETTINGS, ("nasframe:StudyConfig", "trials"), whole)
    plain = next(read_journal(folder))["config"]
    rewritten(folder, "nasframe_bench:OldConfig", SPACE)
    rewritten(folder, '"width":', '"filters":')
    rewritten(folder, '"of":"final"', '"of":"last"')
    rewritten(folder, '"trials":[4]', '"trials":4')
    assert next(read_journal(folder))["config"] == plain
    notes = Notes()
    assert len(run(study(folder, 6), observers=[notes]).trials) == 6
    assert notes.notes == []
    old = {"type": "nasframe_bench:OldConfig", "cells": 5, "width": 8}
    assert restore_config("search_space", old).filters == 8


def test_a_renamed_setting_that_was_changed_on_the_way(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(study(folder, 6, keep=5))
    monkeypatch.setitem(SETTINGS, ("nasframe:StudyConfig", "kept"), Renamed("keep"))
    rewritten(folder, '"kept":', '"keep":')
    notes = Notes()
    run(study(folder, 8, keep=5), observers=[notes])
    assert notes.notes == []
    last = [json.loads(line) for line in (folder / JOURNAL_FILE).read_text().splitlines()]
    changes = [event["changes"] for event in last if event["event"] == "resumed"]
    assert changes == [{"kept": [3, 5], "trials": [4, 6]}, {"trials": [6, 8]}]


def test_what_is_of_today_stays_as_it_is(tmp_path: Path) -> None:
    plain = to_plain(study(tmp_path, 4))
    assert translate_names(plain) == plain == translate_names(translate_names(plain))
    check_settings(study(tmp_path, 4), plain)
