"""The search loop on parts that cost nothing: budgets, duplicates, failures, folders, resuming."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from places import HELPERS
from toys import (
    ToyEvaluatorConfig,
    ToyMeterConfig,
    ToyObjectiveConfig,
    ToySpaceConfig,
    ToyTaskConfig,
    toy_study,
)

from nasframe import (
    NasframeError,
    Report,
    Trial,
    option,
    read_result,
    run,
)
from nasframe.storage.journal import JOURNAL_FILE, read_journal
from nasframe.study.observer import Observer
from nasframe.testing import journal_events

PROGRAM = HELPERS / "toy_program.py"


def trained(result_trials: tuple[Trial, ...]) -> list[Trial]:
    return [trial for trial in result_trials if trial.duplicate_of is None]


def test_trials_are_counted_without_duplicates(tmp_path: Path) -> None:
    space = ToySpaceConfig(choices=3, options=3, symmetric=True)
    result = run(toy_study(tmp_path, search_space=space, trials=8))
    assert len(trained(result.trials)) == 8
    assert len(result.trials) > 8
    assert result.ended == "8 trials were run"


def test_a_duplicate_has_the_metrics_of_the_first(tmp_path: Path) -> None:
    log = tmp_path / "log"
    space = ToySpaceConfig(choices=3, options=3, symmetric=True)
    evaluator = ToyEvaluatorConfig(log=log)
    result = run(toy_study(tmp_path, search_space=space, evaluator=evaluator, trials=10))
    keys = [tuple(sorted(map(int, line.split("-")))) for line in log.read_text().split()]
    assert len(keys) == len(set(keys)) == 10
    by_number = {trial.number: trial for trial in result.trials}
    duplicates = [trial for trial in result.trials if trial.duplicate_of is not None]
    assert duplicates
    for trial in duplicates:
        first = by_number[trial.duplicate_of]
        assert first.number < trial.number
        assert sorted(first.architecture.tokens) == sorted(trial.architecture.tokens)
        assert (first.metrics, first.reward) == (trial.metrics, trial.reward)


def test_the_twin_of_a_failed_trial_is_failed(tmp_path: Path) -> None:
    space = ToySpaceConfig(choices=1, options=2)
    config = toy_study(
        tmp_path,
        search_space=space,
        evaluator=ToyEvaluatorConfig(fails=1),
        trials=5,
    )
    result = run(replace(config, batch=12))
    assert result.ended == "every architecture of the search space was tried"
    failed = [trial for trial in result.trials if trial.error]
    assert len(failed) > 1
    assert {trial.error for trial in failed} == {"RuntimeError: this child failed"}
    assert {trial.reward for trial in failed} == {None}


def test_a_space_without_new_networks_ends_the_study(tmp_path: Path) -> None:
    space = ToySpaceConfig(choices=2, options=2, symmetric=True)
    result = run(toy_study(tmp_path, search_space=space, trials=9, max_duplicates=30))
    assert len(trained(result.trials)) == 3
    assert result.ended == "the last 30 proposals were all duplicates"


def test_failures_in_a_row_end_the_study(tmp_path: Path) -> None:
    file = tmp_path / "first.txt"
    file.write_text("1 0 0 0\n0 0 0 0\n0 0 0 1\n1 0 0 1\n0 0 0 2\n0 0 0 3\n0 0 0 4\n1 1 1 1")
    evaluator = ToyEvaluatorConfig(fails=0)
    config = toy_study(tmp_path / "a", evaluator=evaluator, enqueue=file, max_failures=3)
    result = run(config)
    assert result.ended == "3 trials in a row failed, the last with RuntimeError: this child failed"
    assert [trial.error is None for trial in result.trials] == [
        True,
        *2 * [False],
        True,
        *3 * [False],
    ]


def test_a_failed_child_does_not_end_the_search(tmp_path: Path) -> None:
    result = run(toy_study(tmp_path, evaluator=ToyEvaluatorConfig(fails=2), trials=20))
    errors = [trial.error for trial in trained(result.trials)]
    assert len(errors) == 20
    assert 0 < errors.count("RuntimeError: this child failed") < 20


def test_a_reward_that_is_not_a_number_is_a_failure(tmp_path: Path) -> None:
    result = run(toy_study(tmp_path, objective=ToyObjectiveConfig(nan=True), max_failures=3))
    error = "ToyObjective.score (nasframe): the reward is nan, which is not a finite number"
    assert [trial.error for trial in result.trials] == [error] * 3


def test_a_full_disk_in_a_child_ends_the_study_and_tells_nothing(tmp_path: Path) -> None:
    config = toy_study(tmp_path, evaluator=ToyEvaluatorConfig(full=2))
    with pytest.raises(NasframeError, match="No space left on device"):
        run(config)
    assert not [e for e in read_journal(tmp_path) if e["event"] == "told" and e["tokens"][0] == 2]


def test_hours(tmp_path: Path) -> None:
    evaluator = ToyEvaluatorConfig(seconds=0.02)
    result = run(toy_study(tmp_path, evaluator=evaluator, trials=None, hours=0.3 / 3600))
    assert result.ended == "8.33333e-05 hours are over"
    assert 1 < len(result.trials) < 16


def test_rejected_networks_are_not_trained(tmp_path: Path) -> None:
    log = tmp_path / "log"
    config = toy_study(
        tmp_path,
        meters={"toy": ToyMeterConfig()},
        objective=ToyObjectiveConfig(most=8),
        evaluator=ToyEvaluatorConfig(log=log),
    )
    trials = trained(run(config).trials)
    rejected = [trial for trial in trials if trial.rejected]
    assert {sum(t.architecture.tokens) > 8 for t in rejected} == {True}
    assert {(trial.reward, trial.error) for trial in rejected} == {(None, None)}
    assert len(trials) == 20
    assert len(log.read_text().split()) == 20 - len(rejected)
    assert all(t.metrics["cost"] == sum(t.architecture.tokens) for t in trials)


def test_best_and_top(tmp_path: Path) -> None:
    result = run(toy_study(tmp_path))
    rewards = sorted((t.reward or 0 for t in trained(result.trials)), reverse=True)
    assert [trial.reward for trial in result.top(5)] == rewards[:5]
    assert result.best == result.top(1)[0]


def test_the_best_weights_stay(tmp_path: Path) -> None:
    result = run(toy_study(tmp_path, keep=3, trials=15))
    names = {int(file.stem) for file in (tmp_path / "weights").iterdir()}
    assert names == {trial.number for trial in result.top(3)}
    (tmp_path / "weights" / "999.safetensors").write_bytes(b"of a killed child")
    result = run(toy_study(tmp_path, keep=2, trials=25))
    names = {int(file.stem) for file in (tmp_path / "weights").iterdir()}
    assert names == {trial.number for trial in result.top(2)}


def test_enqueued_architectures_come_first(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("# my baseline\n0-1-2-3\n\nc0=4, c1=4, c2=4, c3=4\n[0, 0, 0, 1]\n")
    result = run(toy_study(tmp_path / "a", enqueue=file, trials=6))
    tokens = [trial.architecture.tokens for trial in result.trials]
    assert tokens[:3] == [(0, 1, 2, 3), (4, 4, 4, 4), (0, 0, 0, 1)]
    assert [dict(trial.info) for trial in result.trials[:3]] == [{}, {}, {}]
    assert len(trained(result.trials)) == 6


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0-1-2", "has 3 tokens for 4 choices"),
        ("0-1-2-9", r"token 9 of c3 is out of range: 0 to 4"),
        ("0-x-2-1", "tokens are whole numbers"),
        ("c0=1, c1=1, c2=1", "an option of c3 is missing"),
        ("c0=1, c1=1, c2=1, c3=7", "c3=7: there is 0, 1, 2, 3, 4"),
        ("c0=1, c1=1, c2=1, c3=1, c4=1", "there is no choice c4"),
        ("{c0: 1}", "is not valid JSON"),
    ],
)
def test_mistakes_in_an_enqueued_file(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "mine.txt"
    file.write_text(f"0-0-0-0\n{line}\n")
    with pytest.raises(NasframeError, match=f"mine.txt, line 2: {message}"):
        run(toy_study(tmp_path / "a", enqueue=file))
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objective": ToyObjectiveConfig(metric="latency_ms")}, "objective needs latency_ms"),
        ({"task": ToyTaskConfig(kind="text")}, "is of kind text"),
    ],
)
def test_parts_that_do_not_fit(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(NasframeError, match=message):
        run(toy_study(tmp_path / "a", **settings))
    assert not (tmp_path / "a").exists()


# Going on with a study


def whole(folder: Path, **settings: Any) -> list[dict[str, Any]]:
    run(toy_study(folder, **settings))
    return journal_events(folder)


def test_the_same_seed_gives_the_same_journal(tmp_path: Path) -> None:
    assert whole(tmp_path / "a") == whole(tmp_path / "b")
    assert whole(tmp_path / "a") != whole(tmp_path / "c", seed=1)


def test_numbers_of_another_kind_are_read_as_they_were_written(tmp_path: Path) -> None:
    for trials in (6.0, 8.0):
        run(toy_study(tmp_path, trials=trials, synchronous=1, keep=True, seed=False, retries=2.0))
        assert len(read_result(tmp_path).trials) >= trials


def test_a_finished_study_is_only_shown_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    config = toy_study(tmp_path / "a", evaluator=ToyEvaluatorConfig(log=log))
    first = run(config)
    size = log.stat().st_size
    assert run(config).trials == first.trials
    assert log.stat().st_size == size


@pytest.mark.parametrize("synchronous", [True, False])
def test_a_study_with_a_larger_budget_is_the_longer_study(
    tmp_path: Path, synchronous: bool
) -> None:
    for trials in (5, 6, 17):
        run(toy_study(tmp_path / "a", trials=trials, synchronous=synchronous))
    grown = journal_events(tmp_path / "a")[1:]
    assert grown == whole(tmp_path / "b", trials=17, synchronous=synchronous)[1:]
    changes = [e["changes"] for e in read_journal(tmp_path / "a") if e["event"] == "resumed"]
    assert changes == [{"trials": [5, 6]}, {"trials": [6, 17]}]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 1}, "seed was 0, is now 1"),
        ({"trials": 10}, "trials was 20, is now 10"),
        ({"search_space": ToySpaceConfig(options=4)}, "search_space.options was 5, is now 4"),
        (
            {"controller": option("controller", "random")},
            "controller was ToyController, is now Random",
        ),
        ({"meters": {"toy": ToyMeterConfig()}}, "meters.toy was None"),
    ],
)
def test_a_changed_configuration_is_refused(
    tmp_path: Path, change: dict[str, Any], named: str
) -> None:
    run(toy_study(tmp_path))
    data = (tmp_path / JOURNAL_FILE).read_bytes()
    with pytest.raises(NasframeError, match=named):
        run(toy_study(tmp_path, **change))
    assert (tmp_path / JOURNAL_FILE).read_bytes() == data


def test_a_study_in_which_nothing_was_told_begins_anew(tmp_path: Path) -> None:
    with pytest.raises(NasframeError, match="No space"):
        config = toy_study(tmp_path, search_space=ToySpaceConfig(options=1))
        run(replace(config, evaluator=ToyEvaluatorConfig(full=0)))
    assert len(run(toy_study(tmp_path)).trials) >= 20


class Notes(Observer):
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.reports: list[Report] = []

    def on_message(self, text: str) -> None:
        self.texts.append(text)

    def on_report(self, report: Report) -> None:
        self.reports.append(report)


def edit_header(folder: Path, edit: Any) -> None:
    lines = (folder / JOURNAL_FILE).read_text().splitlines(keepends=True)
    header = json.loads(lines[0])
    edit(header)
    (folder / JOURNAL_FILE).write_text(json.dumps(header) + "\n" + "".join(lines[1:]))


def test_a_key_that_an_older_journal_lacks_takes_its_default(tmp_path: Path) -> None:
    run(toy_study(tmp_path))
    edit_header(tmp_path, lambda header: header["config"]["evaluator"].pop("epochs"))
    edit_header(tmp_path, lambda header: header["config"]["evaluator"].pop("hangs"))
    notes = Notes()
    run(toy_study(tmp_path), observers=[notes])
    assert notes.texts == [
        "settings newer than this study take their defaults: evaluator.epochs=2, evaluator.hangs=-1"
    ]
    with pytest.raises(NasframeError, match="evaluator.epochs was None, is now 3"):
        run(toy_study(tmp_path, evaluator=ToyEvaluatorConfig(epochs=3)))


def test_another_version_is_noted(tmp_path: Path) -> None:
    run(toy_study(tmp_path))
    edit_header(tmp_path, lambda header: header["versions"].update(torch="1.0"))
    notes = Notes()
    run(toy_study(tmp_path), observers=[notes])
    assert len(notes.texts) == 1
    assert notes.texts[0].startswith("torch was 1.0 when this study started")


def test_a_line_that_does_not_follow_is_refused(tmp_path: Path) -> None:
    run(toy_study(tmp_path))
    lines = (tmp_path / JOURNAL_FILE).read_text().splitlines(keepends=True)
    del lines[1]
    (tmp_path / JOURNAL_FILE).write_text("".join(lines))
    with pytest.raises(NasframeError, match=r"line 2, does not follow .* left unchanged"):
        run(toy_study(tmp_path))
    assert (tmp_path / JOURNAL_FILE).read_text() == "".join(lines)


def test_an_interruption_stays_one_if_the_folder_is_removed(tmp_path: Path) -> None:
    class Removes(Observer):
        def on_result(self, trial: Trial) -> None:
            shutil.rmtree(tmp_path / "a")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(toy_study(tmp_path / "a"), observers=[Removes()])


def start(tmp_path: Path, seconds: float = 0.06) -> subprocess.Popen[str]:
    arguments = [str(tmp_path / "killed"), str(tmp_path / "log"), str(seconds)]
    command = [sys.executable, str(PROGRAM), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_killed_at_any_moment_it_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    draw, kills = random.Random(0), 0
    while True:
        process = start(tmp_path)
        try:
            process.communicate(timeout=draw.uniform(0.01, 0.25))
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            kills += 1
    assert process.returncode == 0
    assert kills >= 3
    tokens = (tmp_path / "log").read_text().split()
    alone = [sys.executable, str(PROGRAM), str(tmp_path / "whole"), str(tmp_path / "log2"), "0"]
    subprocess.run(alone, check=True)
    course = [
        [e for e in journal_events(tmp_path / name) if e["event"] != "study"]
        for name in ("killed", "whole")
    ]
    assert course[0] == course[1]
    assert len(tokens) <= 25 + kills, "what was told is not evaluated again"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_ctrl_c_keeps_what_was_told(tmp_path: Path, name: str) -> None:
    process = start(tmp_path, seconds=0.2)
    time.sleep(0.7)
    process.send_signal(getattr(signal, name))
    process.communicate(timeout=60)
    assert process.returncode == (130 if name == "SIGINT" else -signal.SIGTERM)
    told = [e for e in read_journal(tmp_path / "killed") if e["event"] == "told"]
    assert 1 <= len(told) < 10
