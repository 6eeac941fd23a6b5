"""The cache of evaluations: who may use what of it, and what becomes of it when things break."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from throwaway import TOYS, Shell, shell
from toys import ToyEvaluatorConfig, ToySpaceConfig, ToyStopperConfig, toy_study

from nasframe import (
    NasframeError,
    StudyConfig,
    TrialState,
    candidates,
    load,
    option,
    read_result,
    run,
)
from nasframe._support import system
from nasframe.executors import cached
from nasframe.executors.worker import Worker
from nasframe.report.study.analyze import analyze_study
from nasframe.report.study.text import format_findings
from nasframe.storage.evaluation_cache import CachedEvaluation, EvaluationCache
from nasframe.storage.journal import JOURNAL_FILE, read_journal
from nasframe.training import evaluator as training


def never() -> bool:
    return False


def entries(folder: Path) -> dict[Path, tuple[int, int]]:
    """The files of a cache, and what changes when one is written again."""
    found = ((path, path.stat()) for path in folder.glob("*/[!.]*.json"))
    return {path: (stat.st_ino, stat.st_mtime_ns) for path, stat in found}


def logged(tmp_path: Path, name: str, **settings: Any) -> StudyConfig:
    """A study that notes in a file what it has trained."""
    given = {
        "search_space": ToySpaceConfig(choices=3, options=3, symmetric=True),
        "evaluator": ToyEvaluatorConfig(log=tmp_path / "log"),
        "cache": tmp_path / "cache",
        "trials": 8,
        **settings,
    }
    return toy_study(tmp_path / name, **given)


def keys(tmp_path: Path) -> list[tuple[str, ...]]:
    """What was trained: canonical keys."""
    return [tuple(sorted(line.split("-"))) for line in (tmp_path / "log").read_text().split()]


def test_studies_share_what_they_train(tmp_path: Path) -> None:
    studies = [run(logged(tmp_path, str(seed), seed=seed)) for seed in range(4)]
    trained = keys(tmp_path)
    assert len(trained) == len(set(trained)) == len(entries(tmp_path / "cache"))
    trials = [trial for study in studies for trial in study.trials if trial.duplicate_of is None]
    assert len(trials) == 32
    assert sum(not trial.cached for trial in trials) == len(trained) < 32
    by_key: dict[tuple[int, ...], set[Any]] = {}
    for trial in trials:
        by_key.setdefault(tuple(sorted(trial.architecture.tokens)), set()).add(trial.reward)
    # Twins have the metrics of the one that was trained.
    assert all(len(rewards) == 1 for rewards in by_key.values())
    assert read_result(tmp_path / "3").trials == studies[3].trials


def test_what_came_from_the_cache_is_marked(tmp_path: Path) -> None:
    accuracy = option("objective", "accuracy")
    run(logged(tmp_path, "a", objective=accuracy))
    run(logged(tmp_path, "b", objective=accuracy))
    told = [event for event in read_journal(tmp_path / "b") if event["event"] == "told"]
    assert all(event["cached"] is True for event in told)
    assert not any("cached" in event for event in read_journal(tmp_path / "a"))
    assert str(list(format_findings(analyze_study(tmp_path / "b"), 3))[1]).startswith(
        "8 trials came from the ca"
    )
    without = run(logged(tmp_path, "c", objective=accuracy, cache=None))
    assert [t.metrics["val_accuracy"] for t in without.trials] == [
        event["metrics"]["val_accuracy"] for event in told
    ]


def test_failed_and_stopped_children_are_not_put_there(tmp_path: Path) -> None:
    evaluator = ToyEvaluatorConfig(log=tmp_path / "log", fails=1)
    space = ToySpaceConfig(choices=3, options=3)
    failed = run(logged(tmp_path, "a", evaluator=evaluator, search_space=space))
    assert any(trial.error for trial in failed.trials)
    good = sum(t.state is TrialState.TRAINED and t.duplicate_of is None for t in failed.trials)
    assert len(entries(tmp_path / "cache")) == good
    there = tmp_path / "another"
    stopped = run(logged(tmp_path, "b", stopper=ToyStopperConfig(), cache=there)).trials
    ended = [t for t in stopped if t.duplicate_of is None and t.state is TrialState.STOPPED]
    assert ended
    assert len(entries(there)) == 8 - len(ended)


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"key": 1}', "\x00\xff", "other"])
def test_a_damaged_entry_is_evaluated_again(tmp_path: Path, damage: str) -> None:
    run(logged(tmp_path, "a"))
    path = next(iter(entries(tmp_path / "cache")))
    whole = json.loads(path.read_text())
    other = json.dumps({**whole, "key": {**whole["key"], "seed": 1}})
    path.write_text(other if damage == "other" else damage)
    again = run(logged(tmp_path, "b"))
    assert sum(not t.cached for t in again.trials if t.duplicate_of is None) == 1
    repaired = json.loads(path.read_text())
    assert repaired["key"] == whole["key"]
    assert repaired["metrics"]["val_accuracy"] == whole["metrics"]["val_accuracy"]
    assert len(keys(tmp_path)) == 9


@pytest.mark.parametrize("value", [1e999, "a", None, [None], {"a": 1}])
def test_metrics_in_an_entry_are_finite_numbers(tmp_path: Path, value: Any) -> None:
    cache = EvaluationCache(tmp_path)
    with cache.slot({"a": 1}, never) as slot:
        slot.write(CachedEvaluation({"x": 1.0, "y": (1.0, 2.0)}, None))
        assert slot.read() == CachedEvaluation({"x": 1.0, "y": (1.0, 2.0)}, None)
    (path,) = entries(tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "metrics": {"x": value}}))
    with cache.slot({"a": 1}, never) as slot:
        assert slot.read() is None


def test_a_cache_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NasframeError, match="cache: cannot write .*file: File exists"):
        run(logged(tmp_path, "a", cache=tmp_path / "file"))
    table = {
        "search_space": option("search_space", "nasbench201"),
        "evaluator": option("evaluator", "nasbench201"),
        "objective": option("objective", "accuracy"),
    }
    with pytest.raises(NasframeError, match="does not say what its metrics depend on"):
        run(logged(tmp_path, "b", **table))
    assert not (tmp_path / "b").exists()


# What an entry is for


def digits(folder: Path, **settings: Any) -> StudyConfig:
    parts = {
        "search_space": option("search_space", "nasnet_small", filters=4),
        "task": option("task", "digits"),
        "controller": option("controller", "random"),
        "objective": option("objective", "accuracy"),
        "evaluator": option("evaluator", "train", epochs=1),
        "executor": option("executor", "serial"),
        "stopper": option("stopper", "none"),
        "trials": 1,
    }
    return StudyConfig(**{**parts, "dir": folder, "cache": folder.parent / "cache", **settings})


def arrays(path: Path, change: int) -> Any:
    """A data set of which one pixel may be changed."""
    draw = np.random.default_rng(0)
    x_train = draw.integers(0, 255, (200, 8, 8, 1), np.uint8)
    x_train[0, 0, 0, 0] ^= change
    np.savez(path, x_train=x_train, y_train=np.arange(200) % 10)
    return option("task", "arrays", path=path)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache in which the first network is, of both data sets."""
    folder = tmp_path_factory.mktemp("first")
    run(digits(folder / "a"))
    run(digits(folder / "b", task=arrays(folder / "data.npz", 0)))
    assert len(entries(folder / "cache")) == 2
    return folder


def trained(config: StudyConfig) -> bool:
    (trial,) = run(config).trials
    assert trial.error is None
    return not trial.cached


def test_the_same_again_is_looked_up(first: Path, tmp_path: Path) -> None:
    cache = first / "cache"
    other = {"seed": 0, "keep": 0, "objective": option("objective", "accuracy", power=3)}
    assert not trained(digits(tmp_path / "a", cache=cache, **other))
    assert not trained(digits(tmp_path / "b", cache=cache, task=arrays(first / "data.npz", 0)))
    executor = option("executor", "process")
    assert not trained(digits(tmp_path / "c", cache=cache, executor=executor))


EVALUATORS = {
    "epochs": 2,
    "precision": "bfloat16",
    "threads": 2,
    "seed": 1,
    "lr": 0.02,
    "batch_size": 32,
    "optimizer": "adamw",
    "channels_last": False,
}


@pytest.mark.parametrize("name", EVALUATORS)
def test_another_setting_of_the_evaluator_is_trained(
    first: Path, tmp_path: Path, name: str
) -> None:
    settings = {"epochs": 1, name: EVALUATORS[name]}
    evaluator = option("evaluator", "train", **settings)
    assert trained(digits(tmp_path / "a", cache=first / "cache", evaluator=evaluator))


def test_another_space_or_data_set_is_trained(first: Path, tmp_path: Path) -> None:
    cache = first / "cache"
    space = option("search_space", "nasnet_small", filters=5)
    assert trained(digits(tmp_path / "a", cache=cache, search_space=space))
    augmented = option("task", "digits", pad=1)
    assert trained(digits(tmp_path / "b", cache=cache, task=augmented))
    # In the same file one pixel is another one.
    assert trained(digits(tmp_path / "c", cache=cache, task=arrays(first / "data.npz", 1)))
    arrays(first / "data.npz", 0)


@pytest.mark.parametrize("name", ["torch", "nasframe", "pytorch-lightning"])
def test_another_version_is_trained(
    first: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = cached.version
    monkeypatch.setattr(cached, "version", lambda n: "0.0.1" if n == name else real(n))
    assert trained(digits(tmp_path / "a", cache=first / "cache"))


def test_another_device_is_trained(
    first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "cpu_name", lambda: f"not {system.cpu_name()}")
    assert trained(digits(tmp_path / "a", cache=first / "cache"))


def test_texts_are_told_apart() -> None:
    prints = {
        option("task", "text", **settings).build().fingerprint()
        for settings in ({}, {"level": "word"}, {"vocabulary": 50}, {"validation": 0.2})
    }
    assert len(prints) == 4


def test_code_that_was_changed_is_told_apart(tmp_path: Path) -> None:
    """Whoever is at work on a plugin does not raise its version with each change."""
    program = (
        "import sys; from nasframe import SearchSpaceConfig; import mine\n"
        "from nasframe.executors.cached import hash_sources\n"
        "print(hash_sources((mine.Mine(),)))"
    )
    found = []
    for code in ("1", "2", "1"):
        (tmp_path / "mine.py").write_text(
            "from nasframe import SearchSpaceConfig\n"
            f"class Mine(SearchSpaceConfig):\n    def build(self): return {code}\n"
        )
        command = [sys.executable, "-B", "-c", program]
        env = {**os.environ, "PYTHONPATH": str(tmp_path)}
        found.append(subprocess.run(command, env=env, capture_output=True, text=True).stdout)
    assert found[0] == found[2] != found[1]
    assert "mine" in found[0]


# Weights


def test_weights_come_along_while_the_study_that_trained_them_has_them(tmp_path: Path) -> None:
    run(digits(tmp_path / "a", trials=2))
    run(digits(tmp_path / "b", trials=2))
    for number in (0, 1):
        one, other = (load(tmp_path / name, number).state_dict() for name in "ab")
        assert all(torch.equal(one[key], other[key]) for key in one)
    for file in (tmp_path / "a" / "weights").iterdir():
        file.unlink()
    (tmp_path / "b" / "weights" / "0.safetensors").write_bytes(b"not weights")
    result = run(digits(tmp_path / "c", trials=2))
    assert all(trial.cached for trial in result.trials)
    with pytest.raises(NasframeError, match="holds no weights of any trial"):
        load(tmp_path / "c")


def test_candidates_know_how_they_were_trained(tmp_path: Path) -> None:
    result = run(digits(tmp_path / "a", trials=4))
    found = candidates(tmp_path / "a", 3)
    assert [one.trial for one in found] == result.top(3)
    keys = [json.loads(path.read_text())["key"] for path in entries(tmp_path / "cache")]
    seeds = {key["architecture"]: key["seed"] for key in keys}
    for one in found:
        assert (one.seed, one.epochs) == (seeds[repr(one.key)], 1)


def test_a_network_is_a_candidate_once(tmp_path: Path) -> None:
    """In an older journal two twins may stand as two trials."""
    run(digits(tmp_path / "a", trials=3))
    path = tmp_path / "a" / JOURNAL_FILE
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    (asked,) = (line for line in lines if line["event"] == "asked")
    told = [line for line in lines if line["event"] == "told"]
    asked["tokens"][1] = told[1]["tokens"] = told[0]["tokens"]
    told[1]["reward"] = told[0]["reward"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    numbers = [one.trial.number for one in candidates(tmp_path / "a", 5)]
    assert sorted(numbers) == [0, 2]


# Several at once


def test_two_that_want_the_same_network_train_it_once(tmp_path: Path) -> None:
    """Four studies at a time, each of all 10 networks, in the same order."""
    evaluator = ToyEvaluatorConfig(log=tmp_path / "log", seconds=0.05)
    configs = [logged(tmp_path, str(n), trials=10, evaluator=evaluator) for n in range(4)]
    threads = [threading.Thread(target=run, args=(config,)) for config in configs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(keys(tmp_path)) == sorted(set(keys(tmp_path)))
    assert len(keys(tmp_path)) == 10
    assert all(len(read_result(config.dir).top(99)) == 10 for config in configs)
    assert not list((tmp_path / "cache").rglob("*.lock"))


def test_who_waits_for_another_one_can_be_cancelled(tmp_path: Path) -> None:
    cache = EvaluationCache(tmp_path)
    with (
        cache.slot({"a": 1}, never),
        pytest.raises(TimeoutError),
        cache.slot({"a": 1}, lambda: True),
    ):
        raise AssertionError("it is held")
    with cache.slot({"a": 1}, lambda: True):
        pass


WRITER = """
import os, random, sys
from pathlib import Path
from nasframe.storage.evaluation_cache import EvaluationCache, CachedEvaluation
cache, draw = EvaluationCache(Path(sys.argv[1])), random.Random(int(sys.argv[2]))
print("ready", flush=True)
while True:
    key = {"n": draw.randrange(20)}
    with cache.slot(key, lambda: False) as slot:
        entry = slot.read()
        assert entry is None or entry.metrics["n"] == key["n"], entry
        slot.write(CachedEvaluation({"n": key["n"], "series": (0.5,) * draw.randrange(2000)}, None))
"""


def test_processes_that_write_and_are_killed_corrupt_nothing(tmp_path: Path) -> None:
    draw = random.Random(0)

    def writer(seed: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", WRITER, str(tmp_path), str(seed)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def end(process: subprocess.Popen[str]) -> None:
        process.kill()
        process.communicate()

    writers = [writer(seed) for seed in range(3)]
    for seed in range(10):
        place = draw.randrange(3)
        threading.Event().wait(draw.uniform(0, 0.05))
        assert writers[place].poll() is None  # no assertion of its own has failed
        end(writers[place])
        writers[place] = writer(100 + seed)
    for process in writers:
        assert process.poll() is None
        end(process)
    cache = EvaluationCache(tmp_path)
    for number in range(20):
        with cache.slot({"n": number}, never) as slot:
            entry = slot.read()
            assert entry is not None
            assert entry.metrics["n"] == number


@pytest.fixture
def toy(tmp_path: Path) -> Shell:
    return shell(tmp_path)


WORDS = [word for word in TOYS if "controller" not in word]
SWEEP = ("-m", *WORDS, "controller=random,evolution", "seed=0,1,2", "trials=12", "dir=it")


def begun(log: Path) -> int:
    """How many trainings were begun."""
    return len(log.read_text().split()) if log.exists() else 0


JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")


@pytest.mark.parametrize(("launcher", "at_once"), [((), 1), (JOBLIB, 2)])
def test_a_sweep_trains_each_network_once_however_often_it_is_killed(
    toy: Shell, launcher: tuple[str, ...], at_once: int
) -> None:
    """Two controllers, three seeds, 12 of 25 networks each: what is there is trained once."""
    log, kills = toy.cwd / "log", 3
    sweep = (*SWEEP, *launcher, "cache=cache", "executor=serial")
    for kill in range(kills):
        process = toy.start("nasframe", *sweep, TOY_LOG=str(log))
        wanted = 6 * (kill + 1)
        while process.poll() is None and begun(log) < wanted:
            threading.Event().wait(0.01)
        assert process.poll() is None, "it ended before it was killed"
        for part in [*psutil.Process(process.pid).children(recursive=True), process]:
            part.kill()
        process.communicate()
    before = entries(toy.cwd / "cache")
    done = toy("nasframe", *sweep, TOY_LOG=str(log))
    assert (done.returncode, done.stderr) == (0, "")
    after = entries(toy.cwd / "cache")
    assert before.items() <= after.items()  # what is there is never written again
    trials = [
        trial
        for path in (toy.cwd / "it").glob(f"*/{JOURNAL_FILE}")
        for trial in read_result(path.parent).trials
        if trial.duplicate_of is None
    ]
    distinct = {trial.architecture.tokens for trial in trials}
    assert len(trials) == 6 * 12
    assert len(after) == len(distinct)
    assert len(set(log.read_text().split())) == len(distinct)
    assert begun(log) - len(distinct) <= at_once * kills  # only what was killed in the middle


def test_the_same_sweep_again_skips_goes_on_and_extends(toy: Shell) -> None:
    first = toy("nasframe", *SWEEP)
    assert first.returncode == 0
    assert "finished before" not in first.stdout
    journals = {path: path.read_bytes() for path in (toy.cwd / "it").glob(f"*/{JOURNAL_FILE}")}
    assert len(journals) == 6
    again = toy("nasframe", *SWEEP, "executor.workers=2", "keep=1", "retries=2")
    assert again.returncode == 0
    assert again.stdout.count("finished before") == 6
    assert {path: path.read_bytes() for path in journals} == journals
    words = ("-m", *WORDS, "seed=3,2,0", "controller=evolution,random", "dir=it", "trials=12")
    more = toy("nasframe", *words)
    assert more.returncode == 0
    assert more.stdout.count("finished before") == 4
    assert {path: path.read_bytes() for path in journals} == journals
    assert len(list((toy.cwd / "it").glob(f"*/{JOURNAL_FILE}"))) == 8
    larger = toy("nasframe", *words, "trials=14")
    assert larger.returncode == 0
    assert "finished before" not in larger.stdout
    assert all(path.read_bytes().startswith(data) for path, data in journals.items())


def test_free_settings_name_a_folder_only_if_they_are_swept_over(toy: Shell) -> None:
    words = ("-m", *TOYS, "trials=1", "dir=it")
    assert toy("nasframe", *words, "executor=serial,process", "keep=5").returncode == 0
    names = sorted(path.name for path in (toy.cwd / "it").iterdir() if path.is_dir())
    assert len(names) == 2
    assert "executor-process" in names[0]
    assert "executor-serial" in names[1]
    assert not any("keep" in name for name in names)


def test_a_worker_of_its_own_uses_the_same_entries(tmp_path: Path) -> None:
    config = logged(tmp_path, "a", trials=3)
    run(config)
    one = Worker(replace(config, dir=tmp_path / "b").parts()).recall
    other = Worker(replace(config, evaluator=ToyEvaluatorConfig(log=tmp_path / "l")).parts()).recall
    same = Worker(config.parts()).recall
    assert one is not None
    assert other is not None
    assert same is not None
    assert one.conditions == same.conditions != other.conditions
