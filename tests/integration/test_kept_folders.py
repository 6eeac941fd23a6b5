"""Folders that version 0.1.0 made are read, reported, resumed, loaded and exported for ever.

They stand in ``tests/data/kept``, beside what that version says of them (``expected.json``). Tests
work in copies. Numbers of children that are trained anew may differ between processors: they are
compared within bounds; look-ups and what the controllers make of them are compared exactly.
"""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from kept import (
    JOURNAL,
    KEPT,
    STUDIES,
    command,
    compare,
    copied,
    digest,
    events,
    exported,
    logits,
    read,
    report,
    resume,
    resume_words,
    retrain,
    retrained,
    study_words,
    sweep_words,
    trials,
)

from nasframe import RetrainConfig, load, option
from nasframe import retrain as train_in_full

EXPECTED: dict[str, Any] = json.loads((KEPT / "expected.json").read_text())
WITH_REJECTIONS = [name for name, study in STUDIES.items() if "rejections" in study]
WITH_WEIGHTS = [name for name in STUDIES if "logits" in EXPECTED[name]]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands run in an empty folder with what settings name, as the kept ones did."""
    monkeypatch.chdir(tmp_path)
    copied(tmp_path)
    return tmp_path


def agree(found: Any, expected: Any, bound: float = 1e-6) -> None:
    """Hold values to those of version 0.1.0; more keys than it had are right, too."""
    if isinstance(expected, dict):
        assert expected.keys() <= found.keys()
        for key, value in expected.items():
            exact = key in ("number", "tokens", "stopped", "duplicate", "parameters", "macs")
            agree(found[key], value, 1e-6 if exact else bound)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            agree(one, other, bound)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=bound, abs=bound)
    else:
        assert found == expected


def bound(name: str) -> float:
    """How far metrics may be off after a resumption: children that are trained differ a little."""
    return 0.1 if any("epochs" in word for word in study_words(name, 1)) else 1e-4


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_is_read(name: str, here: Path) -> None:
    copied(here, name)
    agree(read(name), {key: EXPECTED[name][key] for key in ("trials", "best")})


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_is_reported(name: str, here: Path) -> None:
    copied(here, name)
    expected = EXPECTED[name]["report"]
    if name in WITH_REJECTIONS:  # what counts as rejected may change, and with it the ranks
        expected = {key: expected[key] for key in ("failed", "duplicates", "cached")}
    agree(report(name), expected)
    with open("rows.csv") as file:
        rows = list(csv.DictReader(file))
    for row, trial in zip(rows, EXPECTED[name]["trials"], strict=True):
        assert int(row["trial"]) == trial["number"]
        assert row["architecture"] == "-".join(map(str, trial["tokens"]))
        if name not in WITH_REJECTIONS and "reward" in trial:
            assert float(row["reward"]) == trial["reward"]


@pytest.mark.parametrize("name", [name for name in STUDIES if name not in WITH_REJECTIONS])
def test_a_study_is_resumed_as_by_the_version_that_made_it(name: str, here: Path) -> None:
    copied(here, name)
    agree(resume(name), EXPECTED[name]["events"], bound(name))
    assert Path(name, JOURNAL).read_bytes().startswith((KEPT / name / JOURNAL).read_bytes())


@pytest.mark.parametrize("name", WITH_REJECTIONS)
def test_a_study_with_rejections_is_resumed(name: str, here: Path) -> None:
    """Its events may be others: how a controller learns of rejections is not part of a journal."""
    copied(here, name)
    study = STUDIES[name]
    told = [event for event in resume(name) if event["event"] == "told"]
    assert sum("duplicate" not in event for event in told) == study["more"]
    assert len(trials(Path(name))) == len(EXPECTED[name]["trials"]) + len(told)


@pytest.mark.parametrize("name", ["random", "failures", "schedule"])
def test_a_finished_study_is_left_alone(name: str, here: Path) -> None:
    copied(here, name)
    assert command(*resume_words(name))[0] == 0
    assert Path(name, JOURNAL).read_bytes() == (KEPT / name / JOURNAL).read_bytes()


def test_a_killed_study_owes_its_pending_proposals_first(here: Path) -> None:
    copied(here, "killed")
    numbers = [trial["number"] for trial in trials(Path("killed"))]
    lines = events(Path("killed"), 0)
    asked = sum(len(event["tokens"]) for event in lines if event["event"] == "asked")
    assert len(numbers) < asked
    told = [event["number"] for event in resume("killed") if event["event"] == "told"]
    assert set(told[: asked - len(numbers)]) == set(range(asked)) - set(numbers)


def test_a_logger_writes_behind_the_curves_that_are_there(here: Path) -> None:
    copied(here, "logger")
    (path,) = Path("logger").rglob("metrics.csv")
    resume("logger")
    with open(path) as now, open(KEPT / path) as before:
        rows, old = list(csv.DictReader(now)), list(csv.DictReader(before))
    assert len(rows) == len(old) + STUDIES["logger"]["more"]
    assert [row["reward"] for row in rows[: len(old)]] == [row["reward"] for row in old]


@pytest.mark.parametrize("name", WITH_WEIGHTS)
def test_a_childs_weights_are_loaded(name: str, here: Path) -> None:
    copied(here, name)
    agree(logits(load(name)), EXPECTED[name]["logits"], 1e-4)


def test_the_studies_of_a_sweep_are_compared(here: Path) -> None:
    copied(here, "sweep")
    for folder, expected in EXPECTED["sweep"].items():
        agree(trials(Path("sweep", folder)), expected)
    agree(compare("sweep"), EXPECTED["compare"])


def test_a_sweep_is_resumed_in_its_folders(here: Path) -> None:
    copied(here, "sweep")
    done = subprocess.run(sweep_words(22), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    folders = {path.name for path in Path("sweep").iterdir() if path.is_dir()}
    assert folders == EXPECTED["sweep"].keys()
    for name, old in EXPECTED["sweep"].items():
        now = trials(Path("sweep", name))
        agree(now[: len(old)], old)
        assert sum("duplicate_of" not in trial for trial in now) == 22


def test_a_finished_retraining_is_loaded_and_left_alone(here: Path) -> None:
    copied(here, "trained", "weights")
    before = {path: path.read_bytes() for path in Path("trained").rglob("*") if path.is_file()}
    agree(retrain("trained"), EXPECTED["trained"], 1e-4)
    assert before == {path: path.read_bytes() for path in before}


def test_a_killed_retraining_ends_as_one_that_was_not(here: Path) -> None:
    copied(here, "trained", "trained_killed", "weights")
    assert list(Path("trained_killed").glob("trial-*/checkpoint.ckpt"))
    found = retrain("trained_killed")
    agree({**found, "digest": ""}, {**EXPECTED["trained_killed"], "digest": ""}, 0.02)
    now, then = load("trained_killed").state_dict(), load("trained").state_dict()
    torch.testing.assert_close(now, then, rtol=1e-2, atol=1e-3)


def test_a_kept_study_is_trained_in_full(here: Path) -> None:
    copied(here, "weights", "trained")
    line = ("study=weights", "top=1", "init=trained", "recipe.epochs=1", "dir=again")
    assert command("nasframe-retrain", *line)[0] == 0
    assert retrained("again")["tokens"] == EXPECTED["weights"]["best"][0]


def test_the_best_of_a_table_is_trained_in_full(here: Path) -> None:
    copied(here, "pqt")
    space = option("search_space", "nasbench201", cells=1, filters=4)
    recipe = option("recipe", "small", epochs=1)
    parts = {"search_space": space, "task": option("task", "digits"), "recipe": recipe}
    train_in_full(RetrainConfig(study=Path("pqt"), dir=Path("final"), **parts), lambda line: None)
    assert retrained("final")["tokens"] == EXPECTED["pqt"]["best"][0]


@pytest.mark.parametrize("format", ["onnx", "torch", "source"])
def test_exported_files_compute_what_the_network_does(format: str, here: Path) -> None:
    copied(here, "trained")
    agree(exported(format, Path("trained", "model")), EXPECTED["trained"]["logits"], 1e-4)


def test_exported_weights_are_the_networks(here: Path) -> None:
    from nasframe import load_weights

    copied(here, "trained")
    network = load("trained")
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    load_weights(network, Path("trained", "model.safetensors"))
    assert digest(network) == EXPECTED["trained"]["digest"]


@pytest.mark.parametrize(
    "format", [pytest.param("onnx", marks=pytest.mark.slow), "torch", "source"]
)
def test_a_kept_network_is_exported_again(format: str, here: Path) -> None:
    copied(here, "trained")
    assert command("nasframe-export", "trained", "--to", format, "--out", "new")[0] == 0
    agree(exported(format, Path("new")), EXPECTED["trained"]["logits"], 1e-4)


@pytest.mark.slow
def test_a_kept_child_is_exported(here: Path) -> None:
    copied(here, "weights")
    assert command("nasframe-export", "weights", "--to", "source", "--out", "child")[0] == 0
    agree(exported("source", Path("child")), EXPECTED["weights"]["logits"], 1e-4)


def test_a_kept_cache_is_used_further(here: Path) -> None:
    """Its evaluations count for the code and the processor that made them, and are not harmed."""
    copied(here, "cache")
    before = {path: path.read_bytes() for path in Path("cache").rglob("*.json")}
    for name in ("filled", "cached"):
        assert command(*study_words(name, 3))[0] == 0
    assert len(before) == 3
    assert before == {path: path.read_bytes() for path in before}
    found = trials(Path("cached"))
    assert [trial.get("cached") for trial in found] == [True] * 3
    old = EXPECTED["cached"]["trials"]
    agree([one["tokens"] for one in found], [one["tokens"] for one in old])
    assert all(one.get("cached") for one in old)


def test_a_kept_table_of_blocks_gives_the_same_latencies(here: Path) -> None:
    """Also for a study of today, and for networks that no kept study has met."""
    copied(here, "metered")
    old = EXPECTED["metered"]["trials"]
    expected = {tuple(trial["tokens"]): trial["metrics"]["latency_ms"] for trial in old}
    shutil.rmtree("metered")
    assert command(*study_words("metered", 3))[0] == 0
    for trial in trials(Path("metered")):
        assert trial["metrics"]["latency_ms"] == pytest.approx(expected[tuple(trial["tokens"])])
