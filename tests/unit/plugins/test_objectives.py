"""Objectives: how accuracy, latency, other costs and perplexity make a reward, and limits."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_module
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from toys import TokenMeterConfig, ToyEvaluatorConfig, toy_study

from nasframe import (
    Architecture,
    NasframeError,
    Objective,
    ObjectiveConfig,
    Trial,
    TrialState,
    option,
    run,
)
from nasframe.cli.hydra_app import register_configs
from nasframe.cli.search import build_study_config
from nasframe.registry.options import options
from nasframe.study.observer import Observer
from nasframe.study.scoring import score_trial
from nasframe_objectives.config import (
    AccuracyConfig,
    AccuracyLatencyConfig,
    Reduction,
    WeightedConfig,
)

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


def latency(name: str = "accuracy_latency", **settings: Any) -> Objective:
    objective = option("objective", name, **settings).build()
    assert isinstance(objective, Objective)
    return objective


def reward(objective: Objective, accuracy: float, latency_ms: float) -> float:
    return objective.score({"val_accuracy": accuracy, "latency_ms": latency_ms})


@pytest.mark.parametrize(
    ("name", "latency_ms", "expected"),
    [
        ("accuracy_latency", 84.0, 0.744074),
        ("accuracy_latency", 60.0, 0.761807),
        ("accuracy_latency", 75.0, 0.75),
        ("accuracy_latency_soft", 84.0, 0.744074),
        ("accuracy_latency_soft", 60.0, 0.761807),
        ("accuracy_latency_soft", 75.0, 0.75),
        ("accuracy_latency_hard", 84.0, 0.669643),
        ("accuracy_latency_hard", 70.0, 0.75),
        ("accuracy_latency_hard", 75.0, 0.75),
        ("accuracy_latency_absolute", 84.0, 0.75 - 0.07 * 0.12),
        ("accuracy_latency_absolute", 60.0, 0.75 - 0.07 * 0.2),
        ("accuracy_latency_absolute", 75.0, 0.75),
    ],
)
def test_the_reward_of_mnasnet(name: str, latency_ms: float, expected: float) -> None:
    """On both sides of the paper's target, which is the default, and at it; TuNAS' reward, too."""
    objective = latency(name)
    metrics = {"val_accuracy": 0.75, "latency_ms": latency_ms}
    assert set(objective.needs) == set(metrics)
    assert objective.score(metrics) == pytest.approx(expected, abs=1e-6)
    assert objective.rejects(metrics) is None


def test_the_published_networks_are_worth_the_same() -> None:
    """Those of the paper lie on one line of equal reward, above MobileNetV2 and NASNet-A."""
    objective = latency("accuracy_latency_soft")
    networks = [(0.752, 78.0), (0.756, 84.0), (0.767, 103.0), (0.720, 75.0), (0.740, 183.0)]
    rewards = [reward(objective, *network) for network in networks]
    assert rewards == pytest.approx([0.74994, 0.75003, 0.75016, 0.72, 0.69521], abs=5e-6)


def test_a_twentieth_more_accuracy_is_worth_twice_the_latency() -> None:
    """As the paper chose its exponent: 5 % for a doubling."""
    slow, fast = reward(latency(), 0.5 * 1.05, 160.0), reward(latency(), 0.5, 80.0)
    assert slow == pytest.approx(fast, rel=1e-3)


MILLISECONDS = st.floats(1e-3, 1e3)
EXPONENTS = st.floats(-2, 0)


@given(MILLISECONDS, MILLISECONDS, EXPONENTS, EXPONENTS)
def test_faster_is_never_worse(one: float, other: float, alpha: float, beta: float) -> None:
    objective = latency(target_ms=5.0, alpha=alpha, beta=beta)
    slow, fast = (reward(objective, 0.9, ms) for ms in (max(one, other), min(one, other)))
    assert fast >= slow * (1 - 1e-12)


@given(st.floats(-2, -0.01), st.floats(1e-3, 1), st.floats(0, 0.99))
def test_the_absolute_reward_wants_the_target(beta: float, far: float, nearer: float) -> None:
    objective = latency("accuracy_latency_absolute", target_ms=5.0, beta=beta)
    for sign in (1, -0.999):
        near = reward(objective, 0.9, 5 * (1 + sign * far * nearer))
        assert reward(objective, 0.9, 5 * (1 + sign * far)) < near <= 0.9


@given(
    st.sampled_from([o.name for o in options() if o.name.startswith("accuracy_latency")]),
    st.floats(0, 1),
    st.floats(0, 1),
    MILLISECONDS,
)
def test_more_accurate_is_better(name: str, one: float, other: float, latency_ms: float) -> None:
    assume(abs(one - other) > 1e-9)
    objective = latency(name, target_ms=5.0)
    low, high = (reward(objective, x, latency_ms) for x in (min(one, other), max(one, other)))
    assert high > low


def test_accuracy_and_latency_are_read_by_their_names() -> None:
    for name in ("accuracy_latency", "accuracy_latency_absolute"):
        objective = latency(name, metric="top5", latency="onnx.latency_ms")
        assert objective.needs == ("top5", "onnx.latency_ms")
        assert objective.score({"top5": 0.75, "onnx.latency_ms": 75.0}) == 0.75


WEIGHTED = WeightedConfig(targets={"latency_ms": 5.0}, weights={"latency_ms": -1.0})


@pytest.mark.parametrize(
    "config",
    [AccuracyLatencyConfig(), option("objective", "accuracy_latency_absolute"), WEIGHTED],
)
@pytest.mark.parametrize(
    ("latency_ms", "error"),
    [
        (0.0, "ValueError: latency_ms is 0.0: must be a positive number"),
        (-1.0, "ValueError: latency_ms is -1.0: must be a positive number"),
        (math.inf, "ValueError: latency_ms is inf: must be a positive number"),
        (math.nan, "ValueError: latency_ms is nan: must be a positive number"),
        ((1.0, 2.0), "ValueError: latency_ms must be one number, not a series"),
    ],
)
def test_a_latency_that_is_none_fails_the_trial(
    config: ObjectiveConfig, latency_ms: Any, error: str
) -> None:
    trial = Trial(0, Architecture(()), metrics={"val_accuracy": 0.9, "latency_ms": latency_ms})
    blamed = score_trial(trial, config.build()).error
    assert blamed == f"Limited.score (nasframe_objectives): {error}"


@pytest.mark.parametrize(
    ("objective", "name", "value", "wanted"),
    [
        ("accuracy_latency", "target_ms", 0.0, "greater than 0"),
        ("accuracy_latency", "alpha", 0.07, "at most 0"),
        ("accuracy_latency_hard", "beta", 1.0, "at most 0"),
        ("accuracy_latency_absolute", "beta", 0.07, "at most 0"),
        ("accuracy_latency_absolute", "target_ms", -1.0, "greater than 0"),
        ("accuracy", "max_parameters", 0.0, "greater than 0"),
        ("perplexity", "max_latency_ms", -1.0, "greater than 0"),
    ],
)
def test_what_makes_no_sense_is_refused(
    objective: str, name: str, value: float, wanted: str
) -> None:
    with pytest.raises(NasframeError, match=f"{name}={value}: must be {wanted}"):
        option("objective", objective, **{name: value})


# Any metrics


@given(st.floats(0, 1), MILLISECONDS, MILLISECONDS, EXPONENTS)
def test_with_latency_alone_the_weighted_reward_is_mnasnets(
    accuracy: float, latency_ms: float, target_ms: float, weight: float
) -> None:
    weighted = WeightedConfig(targets={"latency_ms": target_ms}, weights={"latency_ms": weight})
    mnasnet = AccuracyLatencyConfig(target_ms=target_ms, alpha=weight, beta=weight)
    metrics = {"val_accuracy": accuracy, "latency_ms": latency_ms}
    assert weighted.build().score(metrics) == mnasnet.build().score(metrics)


def test_each_metric_has_its_own_weight() -> None:
    targets = {"parameters": 2e6, "latency_ms": 20.0, "samples_per_second": 100.0}
    weights = {"parameters": -0.5, "latency_ms": -1.0, "samples_per_second": 2.0}
    objective = WeightedConfig(metric="top5", targets=targets, weights=weights).build()
    metrics = {"top5": 0.8, "parameters": 8e6, "latency_ms": 10.0, "samples_per_second": 50.0}
    assert set(objective.needs) == set(metrics)
    assert objective.score(metrics) == pytest.approx(0.8 * 0.5 * 2 * 0.25)
    assert objective.score({"top5": 0.8, **targets}) == 0.8


@pytest.mark.parametrize(
    ("targets", "weights", "error"),
    [
        ({"a": 1.0}, {}, "targets and weights must have the same names: a only in one of them"),
        ({"a": 1.0, "c": 1.0}, {"b": 1.0, "c": 1.0}, "the same names: a and b only in one of them"),
        ({"a": 0.0}, {"a": 1.0}, "targets.a=0.0: must be a positive number"),
        ({"a": math.inf}, {"a": 1.0}, "targets.a=inf: must be a positive number"),
        ({"a": 1.0}, {"a": math.nan}, "weights.a=nan: must be a finite number"),
        # What Hydra makes of +objective.targets.onnx.latency_ms=1
        ({"onnx": {"latency_ms": 1}}, {"onnx": {}}, "targets.onnx={'latency_ms': 1}: must be"),
        ({"a": 1.0}, {"a": {}}, "weights.a={}: must be a finite number"),
    ],
)
def test_targets_and_weights_must_agree(targets: Any, weights: Any, error: str) -> None:
    with pytest.raises(NasframeError) as caught:
        WeightedConfig(targets=targets, weights=weights)
    assert error in str(caught.value)


def on_command_line(*words: str) -> ObjectiveConfig:
    register_configs()
    with initialize_config_module("nasframe.conf", version_base="1.3"):
        return build_study_config(
            compose("study", [*words, "dir=runs/x"]), Path("runs/x")
        ).objective


def test_targets_and_weights_are_given_on_the_command_line() -> None:
    """In the words of the documentation, and with a name that has a dot."""
    assert on_command_line(
        "objective=weighted",
        "+objective.targets={latency_ms: 20, parameters: 2e6}",
        "+objective.weights={latency_ms: -0.07, parameters: -0.05}",
    ) == WeightedConfig(
        targets={"latency_ms": 20.0, "parameters": 2e6},
        weights={"latency_ms": -0.07, "parameters": -0.05},
    )
    assert on_command_line(
        "objective=weighted",
        "+objective.targets={onnx.latency_ms: 20}",
        "+objective.weights={onnx.latency_ms: -1}",
    ) == WeightedConfig(targets={"onnx.latency_ms": 20.0}, weights={"onnx.latency_ms": -1.0})


# Limits


MINE = [o.name for o in options() if o.group == "objective" and o.plugin == "objectives"]


@pytest.mark.parametrize("name", MINE)
@pytest.mark.parametrize("metric", ["parameters", "macs", "latency_ms", "activation_bytes"])
def test_every_objective_has_every_limit(name: str, metric: str) -> None:
    objective = option("objective", name, **{f"max_{metric}": 2_000_001}).build()
    assert metric in objective.needs
    others = dict.fromkeys(objective.needs, 0.5)
    at_limit, above = {**others, metric: 2_000_001}, {**others, metric: 2_000_001.5}
    assert objective.rejects(at_limit) is None
    assert objective.score(at_limit) == option("objective", name).build().score(at_limit)
    reason = f"{metric} is 2000001.5, above the limit of 2000001"
    assert objective.rejects(above) == objective.rejects({metric: 2_000_001.5}) == reason
    assert score_trial(Trial(0, Architecture(()), metrics=above), objective).reward is None
    assert objective.rejects({}) is None  # the evaluator may give it


def test_the_limit_is_of_the_latency_that_is_chosen() -> None:
    objective = latency(latency="onnx.latency_ms", max_latency_ms=5.0)
    assert objective.needs == ("val_accuracy", "onnx.latency_ms")
    assert objective.rejects({"onnx.latency_ms": 4.0, "torch.latency_ms": 9.0}) is None
    assert objective.rejects({"onnx.latency_ms": 6.0}) == (
        "onnx.latency_ms is 6, above the limit of 5"
    )


def broken(trial: Trial) -> str | None:
    first, *others = trial.architecture.tokens
    if sum(others) > 7:
        return f"parameters is {sum(others)}, above the limit of 7"
    return f"latency_ms is {1 + first}, above the limit of 3" if first > 2 else None


def test_a_network_above_a_limit_is_not_trained(tmp_path: Path) -> None:
    config = toy_study(
        tmp_path / "study",
        objective=option("objective", "accuracy", max_latency_ms=3.0, max_parameters=7),
        evaluator=ToyEvaluatorConfig(log=tmp_path / "trained"),
        meters={"token": TokenMeterConfig()},
        trials=40,
    )
    trials = [trial for trial in run(config).trials if trial.duplicate_of is None]
    assert [trial.rejected for trial in trials] == [broken(trial) for trial in trials]
    trained = [t.architecture.key for t in trials if t.state is TrialState.TRAINED]
    assert (tmp_path / "trained").read_text().split() == trained
    assert 0 < len(trained) < 40 == len(trials)
    assert all(trial.reward is None for trial in trials if trial.rejected)


def test_what_only_the_evaluator_gives_is_rejected_after_the_training(tmp_path: Path) -> None:
    config = toy_study(
        tmp_path,
        search_space=option("search_space", "nasbench201"),
        task=option("task", "digits"),
        controller=option("controller", "random"),
        objective=option("objective", "accuracy", max_latency_ms=5.0),
        evaluator=option("evaluator", "nasbench201"),
        trials=50,
    )
    trials = run(config).trials
    slow = [trial for trial in trials if trial.metrics["latency_ms"] > 5.0]  # type: ignore[operator]
    assert 0 < len(slow) < 50
    assert {(trial.reward, trial.state) for trial in slow} == {(None, TrialState.REJECTED)}
    assert all(t.reward == t.metrics["val_accuracy"] for t in trials if t not in slow)
    assert {trial.rejected for trial in trials if trial not in slow} == {None}


def test_a_limit_on_what_nothing_measures_is_refused_at_once(tmp_path: Path) -> None:
    objective = option("objective", "accuracy", max_macs=1e6)
    with pytest.raises(NasframeError, match="needs macs, which neither the evaluator nor a meter"):
        run(toy_study(tmp_path / "study", objective=objective))
    assert not (tmp_path / "study").exists()


def test_a_limit_on_a_series_fails_the_trial() -> None:
    objective = option("objective", "accuracy", max_latency_ms=5.0).build()
    with pytest.raises(ValueError, match="latency_ms must be one number, not a series"):
        objective.rejects({"latency_ms": (1.0, 2.0)})


class _Notes(Observer):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def on_message(self, text: str) -> None:
        self.notes.append(text)


def test_a_limit_that_spares_no_training_is_told(tmp_path: Path) -> None:
    said = {}
    for name, meters in (("without", {}), ("with", {"size": option("meters", "size")})):
        config = toy_study(
            tmp_path / name,
            search_space=option("search_space", "nasbench201"),
            task=option("task", "digits"),
            controller=option("controller", "random"),
            objective=option("objective", "accuracy", max_parameters=1e5),
            evaluator=option("evaluator", "nasbench201"),
            meters=meters,
            trials=2,
        )
        run(config, observers=[(notes := _Notes())])
        said[name] = notes.notes
    assert said["with"] == []
    assert [note for note in said["without"] if "meters=[size] would give it before it" in note]
