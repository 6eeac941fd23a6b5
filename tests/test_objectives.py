"""Objectives: which epochs count, how accuracy, latency and perplexity make a reward."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from nasframe import Architecture, NasframeError, Objective, Trial, option
from nasframe.scoring import scored
from nasframe_objectives import AccuracyConfig, Reduction

SERIES = (0.95, 0.5, 0.88, 0.90, 0.89, 0.90, 0.87)


def accuracy(**settings: Any) -> Objective:
    objective = option("objective", "accuracy", **settings).build()
    assert isinstance(objective, Objective)
    return objective


def test_the_reward_of_zoph_and_le() -> None:
    objective = accuracy(of=Reduction.max_last5, power=3.0)
    assert objective.score({"val_accuracy_epochs": (0.88, 0.90, 0.89, 0.90, 0.87)}) == (
        pytest.approx(0.729, abs=1e-12)
    )


@pytest.mark.parametrize(
    ("of", "metrics", "reward"),
    [
        (Reduction.last, {"val_accuracy": 0.87}, 0.87),
        (Reduction.max, {"val_accuracy_epochs": SERIES}, 0.95),
        (Reduction.max_last5, {"val_accuracy_epochs": SERIES}, 0.90),
    ],
)
def test_each_reduction_needs_exactly_what_it_reads(
    of: Reduction, metrics: dict[str, Any], reward: float
) -> None:
    objective = accuracy(of=of)
    assert objective.needs == tuple(metrics)
    assert objective.score(metrics) == reward
    assert objective.rejects({}) is None


@settings(deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=12),
    st.sampled_from([0.5, 1.0, 2.0, 3.0]),
)
def test_it_is_the_power_of_the_best_epoch_that_counts(series: list[float], power: float) -> None:
    metrics: dict[str, Any] = {"top5_epochs": tuple(series), "top5": series[-1]}
    last, best, best5 = (
        accuracy(metric="top5", of=of, power=power).score(metrics) for of in Reduction
    )
    assert last == series[-1] ** power
    assert best == max(value**power for value in series)
    assert best5 == max(value**power for value in series[-5:])
    assert last <= best5 <= best


def test_another_metric_is_read_by_its_name() -> None:
    assert accuracy(metric="top5").needs == ("top5",)
    assert accuracy(metric="top5", of=Reduction.max).needs == ("top5_epochs",)


def test_words_of_a_command_line_become_a_reduction() -> None:
    words = OmegaConf.from_dotlist(["of=max_last5", "power=3"])
    config = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(AccuracyConfig), words))
    assert config == AccuracyConfig(of=Reduction.max_last5, power=3.0)


def test_a_power_must_be_positive() -> None:
    with pytest.raises(NasframeError, match="power=0.0: must be greater than 0"):
        accuracy(power=0.0)


def perplexity(**settings: Any) -> Objective:
    objective = option("objective", "perplexity", **settings).build()
    assert isinstance(objective, Objective)
    return objective


@pytest.mark.parametrize(("value", "reward"), [(100.0, 0.008), (62.4, 0.0205457), (4.0, 5.0)])
def test_the_reward_of_a_recurrent_cell(value: float, reward: float) -> None:
    objective = perplexity()
    assert objective.needs == ("val_perplexity",)
    assert objective.score({"val_perplexity": value}) == pytest.approx(reward, rel=1e-5)
    assert perplexity(c=1.0).score({"val_perplexity": value}) == pytest.approx(reward / 80, 1e-5)


@given(st.lists(st.floats(1, 1e300), min_size=1, max_size=12))
def test_the_lowest_perplexity_that_counts_makes_the_reward(series: list[float]) -> None:
    metrics: dict[str, Any] = {"ppl_epochs": tuple(series), "ppl": series[-1]}
    rewards = [perplexity(metric="ppl", of=of).score(metrics) for of in Reduction]
    lowest = series[-1], min(series), min(series[-5:])
    assert rewards == [pytest.approx(80 / value / value) for value in lowest]


def test_the_constant_must_be_positive() -> None:
    with pytest.raises(NasframeError, match="c=-1.0: must be greater than 0"):
        perplexity(c=-1.0)


def latency(**settings: Any) -> Objective:
    objective = option("objective", "accuracy_latency", **settings).build()
    assert isinstance(objective, Objective)
    return objective


@pytest.mark.parametrize(
    ("exponents", "latency_ms", "reward"),
    [
        ({}, 84.0, 0.744074),
        ({}, 60.0, 0.761807),
        ({}, 75.0, 0.75),
        ({"alpha": 0.0, "beta": -1.0}, 84.0, 0.669643),
        ({"alpha": 0.0, "beta": -1.0}, 70.0, 0.75),
        ({"alpha": 0.0, "beta": -1.0}, 75.0, 0.75),
    ],
)
def test_the_reward_of_mnasnet(
    exponents: dict[str, float], latency_ms: float, reward: float
) -> None:
    objective = latency(target_ms=75.0, **exponents)
    metrics = {"val_accuracy": 0.75, "latency_ms": latency_ms}
    assert set(objective.needs) == set(metrics)
    assert objective.score(metrics) == pytest.approx(reward, abs=5e-7)
    assert objective.rejects(metrics) is None


def test_a_twentieth_more_accuracy_is_worth_twice_the_latency() -> None:
    """As the paper chose its exponent: 5 % for a doubling."""
    slow = latency().score({"val_accuracy": 0.5 * 1.05, "latency_ms": 160.0})
    fast = latency().score({"val_accuracy": 0.5, "latency_ms": 80.0})
    assert slow == pytest.approx(fast, rel=1e-3)


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.floats(-2, 0), st.floats(-2, 0))
def test_faster_is_never_worse(one: float, other: float, alpha: float, beta: float) -> None:
    objective = latency(target_ms=5.0, alpha=alpha, beta=beta)
    slow, fast = (
        objective.score({"val_accuracy": 0.9, "latency_ms": ms})
        for ms in (max(one, other), min(one, other))
    )
    assert fast >= slow * (1 - 1e-12)


@pytest.mark.parametrize(
    ("latency_ms", "error"),
    [
        (0.0, "objective: ValueError: latency_ms is 0.0: must be a positive number"),
        (-1.0, "objective: ValueError: latency_ms is -1.0: must be a positive number"),
        (float("inf"), "objective: ValueError: latency_ms is inf: must be a positive number"),
        (float("nan"), "objective: ValueError: latency_ms is nan: must be a positive number"),
        ((1.0, 2.0), "objective: ValueError: latency_ms must be one number, not a series"),
    ],
)
def test_a_latency_that_is_none_fails_the_trial(latency_ms: Any, error: str) -> None:
    trial = Trial(0, Architecture(()), metrics={"val_accuracy": 0.9, "latency_ms": latency_ms})
    assert scored(trial, latency()).error == error


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("target_ms", 0.0, "greater than 0"),
        ("alpha", 0.07, "at most 0"),
        ("beta", 1.0, "at most 0"),
    ],
)
def test_a_reward_for_slowness_is_refused(name: str, value: float, wanted: str) -> None:
    with pytest.raises(NasframeError, match=f"{name}={value}: must be {wanted}"):
        latency(**{name: value})
