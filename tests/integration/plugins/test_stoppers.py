"""Stoppers: their rules against plain definitions, and studies that end children early."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import (
    ToyEvaluatorConfig,
    ToyMeterConfig,
    ToyObjectiveConfig,
    ToyStopperConfig,
    toy_study,
)

from nasframe import (
    Metrics,
    NasframeError,
    Stopper,
    StopperConfig,
    StudyConfig,
    option,
    run,
)
from nasframe.cli.console import ConsoleObserver
from nasframe.report.study.analyze import analyze_study
from nasframe.report.study.text import format_findings
from nasframe.storage.journal import JOURNAL_FILE, read_journal
from nasframe.testing import journal_events

pytestmark = pytest.mark.alone

Asked = tuple[int, int, float]
"""The number of a trial, the epoch, the reward."""


def stopper(name: str, **settings: Any) -> Stopper:
    built = option("stopper", name, **settings).build()
    assert isinstance(built, Stopper)
    return built


REPORTS = st.lists(
    st.lists(st.integers(0, 5).map(lambda n: n / 5), min_size=1, max_size=10), max_size=12
)
"""Of each child the rewards by epoch, with ties."""


def in_some_order(children: list[list[float]], draw: Any) -> list[Asked]:
    """What a stopper is asked if the children run at the same time."""
    epochs = [0] * len(children)
    asked = []
    while left := [n for n, child in enumerate(children) if epochs[n] < len(child)]:
        number = left[draw.draw(st.integers(0, len(left) - 1))]
        epochs[number] += 1
        asked.append((number, epochs[number], children[number][epochs[number] - 1]))
    return asked


def decided(rule: Stopper, asked: Sequence[Asked]) -> dict[tuple[int, int], bool]:
    """The answers; a child that was ended says no more."""
    answers: dict[tuple[int, int], bool] = {}
    ended: set[int] = set()
    for number, epoch, reward in asked:
        if number not in ended:
            answers[number, epoch] = rule.decide(number, epoch, reward, {})
            ended |= set() if answers[number, epoch] else {number}
    return answers


@given(REPORTS, st.integers(1, 3), st.integers(2, 4), st.data())
def test_asha_lets_the_best_of_each_eta_go_on(
    children: list[list[float]], first: int, eta: int, draw: Any
) -> None:
    asked = in_some_order(children, draw)
    answers = decided(stopper("asha", min_epochs=first, eta=eta), asked)
    rungs = {first * eta**k for k in range(5)}
    heard = [one for one in asked if one[:2] in answers]
    for place, (number, epoch, reward) in enumerate(heard):
        there = [r for _, e, r in heard[: place + 1] if e == epoch]
        better = sum(other > reward for other in there)
        among_the_best = better < -(-len(there) // eta)
        assert answers[number, epoch] == (epoch not in rungs or among_the_best)


@given(REPORTS, st.integers(1, 3), st.integers(1, 4), st.data())
def test_median_ends_what_is_below_the_median_of_running_averages(
    children: list[list[float]], first: int, least: int, draw: Any
) -> None:
    asked = in_some_order(children, draw)
    answers = decided(stopper("median", min_epochs=first, min_trials=least), asked)
    heard = [one for one in asked if one[:2] in answers]
    for place, (number, epoch, _) in enumerate(heard):
        others = [n for n, e, _ in heard[:place] if e == epoch and answers[n, e]]
        averages = [fmean(children[n][:epoch]) for n in others]
        enough = epoch >= first and len(averages) >= least
        below = enough and max(children[number][:epoch]) < median(averages)
        assert answers[number, epoch] == (not below)


@pytest.mark.parametrize("name", ["asha", "median"])
def test_the_first_child_and_each_record_go_on(name: str) -> None:
    rule = stopper(name)
    for number in range(50):
        assert all(rule.decide(number, epoch, number + epoch, {}) for epoch in range(1, 10))


def test_in_the_long_run_one_of_eta_goes_on_from_a_rung() -> None:
    """Rewards from a golden-ratio sequence, which is uniform: 1/3 of 3,000, and 1/9 of them."""
    rule = stopper("asha")
    rewards = [(number * 0.6180339887498949) % 1 for number in range(3000)]
    asked = [(n, e, reward) for n, reward in enumerate(rewards) for e in range(1, 6)]
    answers = decided(rule, asked)
    reached = [sum((n, e) in answers for n in range(3000)) for e in (1, 2, 3, 4)]
    assert reached == pytest.approx([3000, 1000, 1000, 333], rel=0.05)


# Studies


STOPPERS = {
    "toy": ToyStopperConfig(),
    "asha": option("stopper", "asha"),
    "median": option("stopper", "median", min_trials=2),
}


def study(folder: Path, name: str, **settings: Any) -> StudyConfig:
    evaluator = ToyEvaluatorConfig(epochs=4)
    given = {"evaluator": evaluator, "stopper": STOPPERS[name], "trials": 16, **settings}
    return toy_study(folder, **given)


@pytest.mark.parametrize("name", STOPPERS)
def test_a_stopped_child_has_the_reward_that_it_has_reached(tmp_path: Path, name: str) -> None:
    result = run(study(tmp_path, name))
    reports = [e for e in read_journal(tmp_path) if e["event"] == "reported"]
    stopped = {e["number"]: e for e in reports if not e["go_on"]}
    assert stopped
    for trial in (t for t in result.trials if t.duplicate_of is None):
        epochs = len(trial.metrics["val_accuracy_epochs"])  # type: ignore[arg-type]
        if trial.number in stopped:
            end = stopped[trial.number]
            assert trial.stopped == epochs == end["epoch"] < 4
            assert trial.reward == end["reward"] == end["metrics"]["val_accuracy"]
        else:
            assert (trial.stopped, epochs) == (None, 4)
    assert max(e["epoch"] for e in reports) == 3  # of the last one there is nothing to decide


@pytest.mark.parametrize("name", STOPPERS)
def test_a_study_cut_off_anywhere_takes_the_same_course(tmp_path: Path, name: str) -> None:
    run(study(tmp_path / "a", name))
    lines = (tmp_path / "a" / JOURNAL_FILE).read_text().splitlines(keepends=True)
    events = [json.loads(line) for line in lines]
    for cut in range(2, len(lines), 4):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / JOURNAL_FILE).write_text("".join(lines[:cut]))
        run(study(folder, name))
        assert journal_events(folder) == journal_events(tmp_path / "a"), events[cut]


def journaled(folder: Path) -> tuple[list[bool], list[bool]]:
    """The decisions in a journal, and those of a new stopper that hears the same reports."""
    reports = [e for e in read_journal(folder) if e["event"] == "reported"]
    rule = stopper("asha")
    again = [rule.decide(e["number"], e["epoch"], e["reward"], e["metrics"]) for e in reports]
    return [e["go_on"] for e in reports], again


@pytest.mark.parametrize("synchronous", [True, False])
@pytest.mark.parametrize("executor", ["process", "ray"])
def test_decisions_follow_the_order_of_the_reports(
    tmp_path: Path, executor: str, synchronous: bool
) -> None:
    config = study(
        tmp_path,
        "asha",
        evaluator=ToyEvaluatorConfig(epochs=4, seconds=0.04),
        executor=option("executor", executor, workers=2),
        synchronous=synchronous,
    )
    run(config)
    then, again = journaled(tmp_path)
    assert then == again
    assert not all(then)
    lines = (tmp_path / JOURNAL_FILE).read_text().splitlines(keepends=True)
    (tmp_path / JOURNAL_FILE).write_text("".join(lines[: len(lines) // 2]))
    trials = [trial for trial in run(config).trials if trial.duplicate_of is None]
    then, again = journaled(tmp_path)
    assert then == again
    assert sum(trial.stopped is not None for trial in trials) == then.count(False)


def test_a_stopped_child_may_be_a_failed_trial(tmp_path: Path) -> None:
    stops = option("stopper", "asha", fail=True)
    result = run(study(tmp_path, "asha", stopper=stops, trials=30, max_failures=2))
    assert result.ended == "30 trials were run"  # stopped ones are no reason to end a study
    stopped = [t for t in result.trials if t.stopped is not None]
    assert len(stopped) > 2
    for trial in stopped:
        assert (trial.reward, trial.error) == (None, f"stopped after epoch {trial.stopped}")
        assert trial.metrics
    assert not {t.number for t in stopped} & {t.number for t in result.top(30)}


def test_the_reward_so_far_counts_what_meters_measured_and_all_epochs(tmp_path: Path) -> None:
    """Twice the cost halves the reward, and the best of the last five epochs counts."""
    weighted = option("objective", "weighted", targets={"cost": 1.0}, weights={"cost": -1.0})
    meters = {"toy": ToyMeterConfig()}
    run(study(tmp_path / "a", "asha", objective=weighted, meters=meters))
    for event in (e for e in read_journal(tmp_path / "a") if e["event"] == "reported"):
        accuracy = event["metrics"]["val_accuracy"]  # the sum of the tokens, which is the cost,
        assert event["reward"] == pytest.approx(event["epoch"] / 400)  # / 100 x epoch / 4
        assert accuracy > 0
    series = option("objective", "accuracy", of="max_last5", power=3)
    result = run(study(tmp_path / "b", "asha", objective=series))
    ends = {e["number"]: e for e in read_journal(tmp_path / "b") if e["event"] == "reported"}
    for trial in (t for t in result.trials if t.stopped is not None and t.duplicate_of is None):
        assert trial.reward == ends[trial.number]["reward"]


def test_a_stopper_needs_a_reward_after_each_epoch(tmp_path: Path) -> None:
    late = ToyObjectiveConfig(metric="train_seconds")
    with pytest.raises(
        NasframeError, match="train_seconds, which is known only after a full training"
    ):
        run(study(tmp_path, "asha", objective=late))
    table = {
        "search_space": option("search_space", "nasbench201"),
        "evaluator": option("evaluator", "nasbench201"),
        "objective": option("objective", "accuracy"),
    }
    with pytest.raises(NasframeError, match="reports no epochs, so nothing can be stopped"):
        run(study(tmp_path, "asha", **table))
    assert not list(tmp_path.iterdir())


@dataclass(kw_only=True)
class BrokenConfig(StopperConfig):
    def build(self) -> Stopper:
        return Broken()


class Broken(Stopper):
    def decide(self, number: int, epoch: int, reward: float, metrics: Metrics) -> bool:
        raise KeyError("rung")


def test_a_stopper_that_raises_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        NasframeError, match=r"Broken.decide \(test_stoppers\) raised KeyError.*stoppers.py"
    ):
        run(study(tmp_path, "asha", stopper=BrokenConfig()))


def test_a_reported_line_without_a_finite_reward_is_refused(tmp_path: Path) -> None:
    run(study(tmp_path, "asha"))
    whole = (tmp_path / JOURNAL_FILE).read_text()
    for reward in ('"0.5"', "null", "1" * 400):
        lines = whole.splitlines(keepends=True)
        place = next(i for i, line in enumerate(lines) if '"reported"' in line)
        event = json.loads(lines[place])
        lines[place] = lines[place].replace(f'"reward":{event["reward"]}', f'"reward":{reward}')
        assert lines[place] not in whole
        (tmp_path / JOURNAL_FILE).write_text("".join(lines))
        with pytest.raises(NasframeError, match=f"line {place + 1}, does not follow"):
            run(study(tmp_path, "asha"))


def test_the_report_and_the_terminal_tell_what_was_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = study(tmp_path, "asha", objective=option("objective", "accuracy"))
    result = run(config, observers=[ConsoleObserver(["val_accuracy"], "nasframe")])
    new = [trial for trial in result.trials if trial.duplicate_of is None]
    epochs = sum(len(trial.metrics["val_accuracy_epochs"]) for trial in new)  # type: ignore[arg-type]
    stopped = [trial for trial in new if trial.stopped is not None]
    told = capsys.readouterr().out
    assert told.count("stopped after epoch") == len(stopped)
    assert f"0 failed, {len(stopped)} stopped early, " in told
    line = str(list(format_findings(analyze_study(tmp_path), 3))[1])
    figures = f"{len(stopped)} stopped early: {epochs} of 64 epochs were trained"
    assert line == f"{figures}, {1 - epochs / 64:.0%} saved"


def test_a_real_child_is_stopped_in_the_course_that_it_would_have_taken(tmp_path: Path) -> None:
    def real(folder: str, name: str) -> dict[int, Any]:
        config = StudyConfig(
            search_space=option("search_space", "nasnet_small"),
            task=option("task", "digits"),
            controller=option("controller", "random"),
            objective=option("objective", "accuracy"),
            evaluator=option("evaluator", "train", epochs=3),
            executor=option("executor", "serial"),
            stopper=option("stopper", name),
            dir=tmp_path / folder,
            trials=5,
        )
        return {trial.number: trial for trial in run(config).trials}

    whole, short = real("a", "none"), real("b", "asha")
    ends = {trial.stopped for trial in short.values()}
    assert 1 in ends
    assert None in ends
    for number, trial in short.items():
        epochs = trial.stopped or 3
        for name in ("val_accuracy_epochs", "val_loss_epochs"):
            series = whole[number].metrics[name]
            assert trial.metrics[name] == series[:epochs]
        assert trial.metrics["epochs"] == epochs
