"""The state of a trial: one property, and rejected networks that rank below all trained ones."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journals import journal, trials
from toys import TokenMeterConfig, toy_study

from nasframe import (
    Architecture,
    Choice,
    RewardFloor,
    StudyConfig,
    Trial,
    TrialState,
    option,
    read_result,
    run,
)
from nasframe.cli.console import ConsoleObserver
from nasframe.report.comparison.studies import read_study as compared
from nasframe.report.page.trials import read_record
from nasframe.report.study.analyze import analyze_study
from nasframe.storage.journal import JOURNAL_FILE
from nasframe.study.observer import Observer
from nasframe.study.result import candidates, rank_trials
from nasframe_rl.advantages import Advantages
from nasframe_rl.config import Advantage
from nasframe_rl.elite import Elite

FINITE = st.floats(allow_nan=False, allow_infinity=False)
OUTCOMES = st.lists(st.one_of(st.none(), FINITE), max_size=30)
"""A reward, or ``None`` for a rejected trial."""


def made(number: int, reward: float | None, **given: Any) -> Trial:
    rejected = "too slow" if reward is None else None
    return Trial(number, Architecture((number,)), reward=reward, **{"rejected": rejected, **given})


@pytest.mark.parametrize(
    ("fields", "state", "failed"),
    [
        ({"reward": 0.5}, "trained", False),
        ({"reward": -0.5}, "trained", False),
        ({"reward": 0.5, "stopped": 2}, "stopped", False),
        ({"error": "stopped after epoch 2", "stopped": 2}, "stopped", False),
        ({"rejected": "too slow"}, "rejected", False),
        ({"rejected": "too slow", "stopped": 2}, "rejected", False),
        ({"error": "out of memory"}, "failed", True),
        ({}, "failed", True),
    ],
)
def test_the_state_follows_from_the_fields(
    fields: dict[str, Any], state: str, failed: bool
) -> None:
    trial = Trial(0, Architecture((1,)), **fields)
    assert trial.state == TrialState(state)
    assert replace(trial, duplicate_of=3).state is trial.state
    assert (trial.state is TrialState.FAILED) is failed


# Ranks


@given(st.lists(FINITE, min_size=1))
def test_the_floor_is_below_every_reward(rewards: list[float]) -> None:
    floor = RewardFloor()
    for reward in rewards:
        floor.tell(reward)
    assert floor.reward is not None
    assert math.isfinite(floor.reward)
    lowest = min(rewards)
    assert floor.reward < lowest or lowest == -1.7976931348623157e308


@given(st.lists(st.integers(-640, 640), min_size=1), st.integers(-64, 64))
def test_the_floor_moves_with_the_rewards(sixtyfourths: list[int], constant: int) -> None:
    floors = RewardFloor(), RewardFloor()
    for number in sixtyfourths:
        floors[0].tell(number / 64)
        floors[1].tell(number / 64 + constant)
    assert floors[0].reward is not None
    assert floors[1].reward == floors[0].reward + constant


def test_there_is_no_floor_before_the_first_reward() -> None:
    assert RewardFloor().reward is None


@given(OUTCOMES)
def test_rejected_trials_have_no_rank(rewards: list[float | None]) -> None:
    told = [made(number, reward) for number, reward in enumerate(rewards)]
    ranked = rank_trials(told)
    assert {trial.state for trial in ranked} <= {TrialState.TRAINED}
    known = [reward for reward in rewards if reward is not None]
    assert [trial.reward for trial in ranked] == sorted(known, reverse=True)


@pytest.mark.parametrize("kind", list(Advantage))
@given(updates=st.lists(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), max_size=6)))
def test_a_rejected_trial_has_a_smaller_advantage_than_every_trained_one(
    kind: Advantage, updates: list[list[float | None]]
) -> None:
    advantages, trained = Advantages(kind, 0.9), False
    for rewards in updates:
        found = advantages(rewards)
        trained = trained or any(reward is not None for reward in rewards)
        assert len(found) == len(rewards) * trained
        pairs = list(zip(rewards, found, strict=False))
        low = [value for reward, value in pairs if reward is None]
        high = [value for reward, value in pairs if reward is not None]
        assert all(a < b or math.isclose(a, b, rel_tol=1e-6) for a in low for b in high)
        assert all(map(math.isfinite, found))


@given(OUTCOMES)
def test_a_rejected_trial_is_never_imitated(rewards: list[float | None]) -> None:
    elite = Elite(4)
    for number, reward in enumerate(rewards):
        elite.add(made(number, reward))
    trained = [(number,) for number, reward in enumerate(rewards) if reward is not None]
    assert set(elite.best()) <= set(trained)
    assert len(elite.best()) == min(4, len(trained))


def test_a_sampler_is_given_rejected_trials_below_all_others() -> None:
    choices = (Choice("a", tuple(range(9))),)
    controller: Any = option("controller", "optuna").build(choices, 0, lambda number: 1)
    for number, reward in enumerate([None, -3.0, None, -1.0, -8.0, None]):
        controller.tell([made(number, reward)])
        stored = dict(controller._stored)
        trained = [n for n in stored if n[0] in (1, 3, 4)]
        rejected = set(stored) - set(trained)
        assert not rejected or max(map(stored.__getitem__, rejected)) < min(
            map(stored.__getitem__, trained)
        )
    assert len(stored) == 6


# Studies


def limited(folder: Path, **settings: Any) -> StudyConfig:
    """Rewards are negative: the accuracy is made up and below 0.2, the latency far off."""
    objective = option(
        "objective", "accuracy_latency_absolute", target_ms=1.0, beta=-5.0, max_latency_ms=4.0
    )
    parts: dict[str, Any] = {
        "controller": option("controller", "evolution", population=4),
        "meters": {"token": TokenMeterConfig()},
        "objective": objective,
        "trials": 30,
    }
    return toy_study(folder, **{**parts, **settings})


def test_a_rejected_network_never_beats_a_negative_reward(tmp_path: Path) -> None:
    """The evaluator alone gives the latency: a network above the limit is rejected when trained."""
    parts = {g: option(g, "nasbench201") for g in ("search_space", "evaluator")}
    result = run(limited(tmp_path, task=option("task", "digits"), meters={}, **parts))
    states = {trial.state for trial in result.trials}
    assert states == {TrialState.TRAINED, TrialState.REJECTED}
    trained = [t for t in result.trials if t.state is TrialState.TRAINED]
    assert max(t.reward for t in trained if t.reward is not None) < 0
    assert {t.reward for t in result.trials if t.state is TrialState.REJECTED} == {None}
    assert result.best is not None
    assert result.best.state is TrialState.TRAINED
    fine = {t.number for t in trained}
    assert {t.number for t in result.top(99)} <= fine
    assert {one.trial.number for one in candidates(tmp_path, 99)} <= fine
    assert {t.number for t in result.pareto("val_accuracy", "latency_ms")} <= fine
    found = analyze_study(tmp_path)
    assert {network.number for network in found.networks} <= fine
    assert found.rejected == sum(
        t.state is TrialState.REJECTED and t.duplicate_of is None for t in result.trials
    )


def test_what_people_are_shown_of_a_rejected_network_is_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = limited(tmp_path)
    result = run(config, observers=[ConsoleObserver(("val_accuracy",), "nasframe")])
    out = capsys.readouterr().out
    new = [trial for trial in result.trials if trial.duplicate_of is None]
    rejected = [trial for trial in new if trial.state is TrialState.REJECTED]
    for trial in rejected:
        assert f"trial {trial.number:>3}  rejected: {trial.rejected}\n" in out
    assert f"{len(rejected)} rejected, " in out
    rows = {row.trial: row for row in read_record(tmp_path).rows}
    told = read_result(tmp_path).dataframe()
    for trial in rejected:
        row = rows[trial.number]
        assert (row.state, row.reason, row.reward) == ("rejected", trial.rejected, None)
        assert told.loc[trial.number, "reason"] == trial.rejected
        assert math.isnan(told.loc[trial.number, "reward"])
    study = compared(tmp_path, None)
    assert study is not None
    assert [reward == -math.inf for reward in study.rewards_N] == [t in rejected for t in new]


def test_the_journal_has_no_reward_for_a_rejected_network(tmp_path: Path) -> None:
    run(limited(tmp_path))
    told = [json.loads(line) for line in (tmp_path / JOURNAL_FILE).read_text().splitlines()]
    rejected = [event for event in told if "rejected" in event]
    assert rejected
    assert not any("reward" in event for event in rejected)


# Journals of before


class Notes(Observer):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def on_message(self, text: str) -> None:
        self.notes.append(text)


def of_before(folder: Path) -> None:
    """Let a journal look as if an older version had written it."""
    lines = (folder / JOURNAL_FILE).read_text().splitlines()
    events = [json.loads(line) for line in lines]
    events = [{**event, "reward": 0.0} if "rejected" in event else event for event in events]
    lines = [json.dumps(event, separators=(",", ":")) for event in events]
    (folder / JOURNAL_FILE).write_text("\n".join(lines) + "\n")


def test_rejected_trials_of_an_older_journal_have_no_reward(tmp_path: Path) -> None:
    good, bad = trials(-0.5, 0.0, val_accuracy=[-0.5, 0.0], parameters=[1.0, 9.0])
    journal(tmp_path, [good, replace(bad, rejected="too large")])
    assert '"reward":0.0,"rejected":"too large"' in (tmp_path / JOURNAL_FILE).read_text()
    told = read_result(tmp_path)
    assert [trial.reward for trial in told.trials] == [-0.5, None]
    assert told.best is not None
    assert told.best.number == 0


def test_an_older_study_is_resumed_with_a_note(tmp_path: Path) -> None:
    run(limited(tmp_path))
    of_before(tmp_path)
    progress = Notes()
    result = run(limited(tmp_path, trials=40), observers=[progress])
    (note,) = progress.notes
    old = "rejected networks had the reward 0 when this study started and have none now"
    assert note.startswith(old)
    assert len([trial for trial in result.trials if trial.duplicate_of is None]) == 40


def test_a_study_of_today_is_resumed_without_a_note(tmp_path: Path) -> None:
    run(limited(tmp_path))
    progress = Notes()
    run(limited(tmp_path, trials=40), observers=[progress])
    assert progress.notes == []


def test_resumed_or_not_a_study_with_rejections_takes_one_course(tmp_path: Path) -> None:
    whole = run(limited(tmp_path / "a", trials=40)).trials
    run(limited(tmp_path / "b", trials=20))
    resumed = run(limited(tmp_path / "b", trials=40)).trials
    assert [(t.architecture, t.state) for t in whole] == [
        (t.architecture, t.state) for t in resumed
    ]
