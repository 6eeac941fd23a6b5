"""``nasframe-report DIR``: fronts against brute force, re-scored studies against real ones."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations, pairwise, product
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from journals import config, edited, journal, trials
from places import ROOT
from throwaway import distribution, shell

from nasframe import NasframeError, option, read_result, run
from nasframe.cli.overrides import make_config
from nasframe.cli.report import main
from nasframe.report.study import chart
from nasframe.report.study.analyze import analyze_study
from nasframe.report.study.types import Findings
from nasframe.storage.journal import JOURNAL_FILE
from nasframe.study import metrics, pareto
from nasframe.study.result import rank_trials

METRICS = ("val_accuracy", "test_accuracy", "parameters", "macs", "latency_ms")
SIGNS = {"val_accuracy": -1, "test_accuracy": -1}


def study(folder: Path, objective: str = "accuracy", **more: Any) -> Path:
    """Run a study; settings of its objective are ``objective__KEY``."""
    own = {k.removeprefix("objective__"): more.pop(k) for k in list(more) if "__" in k}
    made = replace(config(folder, **more), objective=option("objective", objective, **own))
    run(made)
    return folder


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search for accuracy and latency that proposes some networks twice."""
    folder = tmp_path_factory.mktemp("phone")
    more = {"controller": "evolution", "trials": 150}
    return study(folder, "accuracy_latency", objective__target_ms=20.0, **more)


# The front


def dominates(a: Sequence[float], b: Sequence[float]) -> bool:
    return all(x <= y for x, y in zip(a, b, strict=True)) and tuple(a) != tuple(b)


def points(metrics: int, most: int = 12) -> st.SearchStrategy[list[list[float]]]:
    """Points on a small grid, so that many coordinates are equal."""
    coordinate = st.integers(0, 5).map(float)
    point = st.lists(coordinate, min_size=metrics, max_size=metrics)
    return st.lists(point, min_size=1, max_size=most)


@given(st.one_of(points(2), points(3)))
def test_the_front_is_what_no_other_dominates(costs: list[list[float]]) -> None:
    expected = [i for i, a in enumerate(costs) if not any(dominates(b, a) for b in costs)]
    found = pareto.find_front(np.array(costs))
    assert sorted(found) == expected
    assert [costs[i] for i in found] == sorted(costs[i] for i in expected)


@given(points(2) | points(3) | points(4), st.integers(3, 6))
def test_the_hypervolume_is_the_number_of_dominated_cells(
    costs: list[list[float]], edge: int
) -> None:
    cells = product(range(edge), repeat=len(costs[0]))
    dominated = sum(
        any(all(x <= c for x, c in zip(p, cell, strict=True)) for p in costs) for cell in cells
    )
    found = pareto.compute_hypervolume(np.array(costs), np.full(len(costs[0]), float(edge)))
    assert found == pytest.approx(dominated)


@given(
    st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=6),
    st.floats(0.5, 1.5),
)
def test_the_hypervolume_is_that_of_a_union_of_boxes(costs: list[list[float]], edge: float) -> None:
    """By inclusion and exclusion."""
    total = 0.0
    for size in range(1, len(costs) + 1):
        for some in combinations(costs, size):
            sides = np.maximum(0, edge - np.max(some, axis=0))
            total -= (-1) ** size * float(np.prod(sides))
    reference = np.full(3, edge)
    found = pareto.compute_hypervolume(np.array(costs), reference)
    assert found == pytest.approx(total, abs=1e-9)
    shuffled = np.array(costs)[::-1]
    front = shuffled[pareto.find_front(shuffled)]
    assert pareto.compute_hypervolume(front, reference) == pytest.approx(found, abs=1e-12)


@pytest.mark.parametrize("metrics", [2, 3, 5])
def test_the_hypervolume_is_that_of_drawn_points(metrics: int) -> None:
    rng = np.random.default_rng(metrics)
    costs = rng.random((40, metrics))
    draws = rng.random((20_000, metrics))
    below = np.zeros(len(draws), bool)
    for point in costs:
        below |= (draws >= point).all(1)
    found = pareto.compute_hypervolume(costs, np.ones(metrics))
    assert found == pytest.approx(below.mean(), abs=4 * 0.5 / len(draws) ** 0.5)


def test_hypervolumes_by_hand() -> None:
    assert pareto.compute_hypervolume(np.array([[1.0, 2.0]]), np.array([4.0, 4.0])) == 6
    stairs = np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]])
    assert pareto.compute_hypervolume(stairs, np.array([4.0, 4.0])) == 6
    simplex = np.array([p for p in product(range(5), repeat=3) if sum(p) == 4], float)
    assert pareto.compute_hypervolume(simplex, np.full(3, 5.0)) == sum(
        a + b + c >= 4 for a, b, c in product(range(5), repeat=3)
    )
    assert pareto.compute_hypervolume(np.array([[4.0, 0.0]]), np.array([4.0, 4.0])) == 0


# Which metrics


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("val_accuracy", True),
        ("onnx.latency_ms", False),
        ("parameters", False),
        ("macs", False),
        ("activation_bytes", False),
        ("val_perplexity", False),
        ("val_loss", False),
        ("train_seconds", False),
        ("energy_mj", False),
    ],
)
def test_what_is_better_is_known_by_name(name: str, more: bool) -> None:
    found = metrics.parse_goals([name, "other:max"], [name, "other"])
    assert found == [metrics.Goal(name, more), metrics.Goal("other", True)]
    opposite = "min" if more else "max"
    assert (
        metrics.parse_goals([f"{name}:{opposite}", "other:min"], [name, "other"])[0].more
        is not more
    )


@pytest.mark.parametrize(
    ("given_", "complaint"),
    [
        ("a:max", "takes two different metrics or more, not a:max; there is a, b"),
        ("a:max,a:min", "takes two different metrics or more, not a:max,a:min"),
        ("a,b:min", "a: say whether more or less of it is better, with a:max or a:min"),
        ("a:big,b:min", "a:big: say whether more or less"),
        ("a:max,c", "the study has no metric 'c'; there is a, b"),
        ("", "the study has no metric ''; there is a, b"),
    ],
)
def test_wrong_metrics_are_explained(given_: str, complaint: str) -> None:
    with pytest.raises(NasframeError, match=re.escape(complaint)):
        metrics.parse_goals(given_.split(","), ["b", "a"])


def test_usual_metrics() -> None:
    accuracy = ["val_accuracy", "parameters"]
    assert metrics.choose_front_metrics(["val_accuracy"], accuracy) == accuracy
    assert metrics.choose_front_metrics(["val_accuracy"], [*accuracy, "latency_ms"]) == [
        "val_accuracy",
        "latency_ms",
    ]
    one = [*accuracy, "latency_ms_low", "onnx.latency_ms"]
    assert metrics.choose_front_metrics(["val_accuracy"], one) == [
        "val_accuracy",
        "onnx.latency_ms",
    ]
    two = [*one, "torch.latency_ms"]
    assert metrics.choose_front_metrics(["val_accuracy"], two) == accuracy, (
        "which of two is not known"
    )
    assert metrics.choose_front_metrics(["val_accuracy", "torch.latency_ms"], two) == [
        *("val_accuracy", "torch.latency_ms", "parameters")
    ]
    assert metrics.choose_front_metrics(["val_accuracy_epochs"], accuracy) == accuracy
    assert metrics.choose_front_metrics(["value"], ["value"]) == ["value"]


# Real studies


@pytest.mark.parametrize("names", [("val_accuracy", "latency_ms"), METRICS[1:4], METRICS])
def test_the_front_of_a_real_study_by_brute_force(phone: Path, names: tuple[str, ...]) -> None:
    found = analyze_study(phone, metrics=names)
    new = [t for t in read_result(phone).trials if t.duplicate_of is None]
    costs = {t.number: [SIGNS.get(n, 1) * float(t.metrics[n]) for n in names] for t in new}  # type: ignore[arg-type]
    expected = {n for n, a in costs.items() if not any(dominates(b, a) for b in costs.values())}
    assert found.front is not None
    assert len(found.front.numbers) == len(set(found.front.numbers))
    assert set(found.front.numbers) == expected
    firsts = [costs[number][0] for number in found.front.numbers]
    assert firsts == sorted(firsts)
    worst = np.max(list(costs.values()), axis=0)
    assert found.front.reference == tuple(
        w * SIGNS.get(n, 1) for w, n in zip(worst, names, strict=True)
    )
    volume = pareto.compute_hypervolume(np.array(list(costs.values())), worst)
    assert found.front.worst
    assert found.front.hypervolume == pytest.approx(volume)


def test_a_study_is_summed_up(phone: Path) -> None:
    found = analyze_study(phone)
    result = read_result(phone)
    duplicates = sum(t.duplicate_of is not None for t in result.trials)
    assert duplicates > 0
    assert (found.trials, found.failed, found.rejected, found.duplicates) == (150, 0, 0, duplicates)
    assert found.objective == "accuracy_latency(target_ms=20.0)"
    assert found.shown == ("val_accuracy", "latency_ms", "parameters")
    assert [network.number for network in found.networks] == [
        t.number for t in rank_trials(result.trials)
    ]
    assert [network.rank for network in found.networks] == list(range(1, 151))
    best, space = found.networks[0], option("search_space", "nasbench201").build()
    assert result.best is not None
    assert best.reward == result.best.reward
    assert best.words == space.describe(result.best.architecture)
    assert best.metrics == result.best.metrics


def test_the_hypervolume_of_a_given_reference(phone: Path) -> None:
    found = analyze_study(phone, reference=[0.5, 10.0])
    assert found.front is not None
    assert not found.front.worst
    inside = [
        (n.metrics["val_accuracy"], n.metrics["latency_ms"])
        for n in found.networks
        if n.metrics["val_accuracy"] > 0.5 and n.metrics["latency_ms"] < 10
    ]
    area, reached = 0.0, 0.5
    for accuracy, latency in sorted(inside, key=lambda pair: pair[1]):
        area += (10 - latency) * max(0.0, accuracy - reached)
        reached = max(reached, accuracy)
    assert found.front.hypervolume == pytest.approx(area)
    with pytest.raises(NasframeError, match="--reference needs 2 values: of val_accuracy, latency"):
        analyze_study(phone, reference=[0.5], strict=True)


def test_what_was_not_trained_is_in_no_front(tmp_path: Path) -> None:
    values = {"val_accuracy": [0.5, 0.6, 0.9, 0.7, 0.6], "latency_ms": [1.0, 2.0, 0.1, 0.1, 2.0]}
    good, better, rejected, failed, twin = trials(0.5, 0.6, 0.0, None, 0.6, **values)
    rejected, twin = replace(rejected, rejected="too large"), replace(twin, duplicate_of=1)
    found = analyze_study(journal(tmp_path, [twin, failed, better, rejected, good]))
    assert found.front is not None
    assert found.front.numbers == (1, 0)
    assert (found.trials, found.failed, found.rejected, found.duplicates) == (4, 1, 1, 1)


def test_of_a_series_the_last_value_counts(tmp_path: Path) -> None:
    series: dict[str, Any] = {
        "val_accuracy_epochs": [(0.9, 0.1), (0.1, 0.9)],
        "parameters": [1, 2],
        "x": [(), (1.0,)],
    }
    found = analyze_study(
        journal(tmp_path, trials(0.5, 0.6, **series)), metrics=["val_accuracy_epochs", "parameters"]
    )
    assert found.front is not None
    assert found.front.numbers == (1, 0)
    assert set(found.networks[0].metrics) == {"val_accuracy_epochs", "parameters"}, "not x"


def test_a_study_may_have_no_front(tmp_path: Path) -> None:
    folder = journal(tmp_path, trials(0.5, 0.6, val_accuracy=[0.5, 0.6]))
    found = analyze_study(folder)
    assert found.front is None
    assert found.without_front == (
        "a Pareto front takes two different metrics or more, not val_accuracy; "
        "there is val_accuracy"
    )
    with pytest.raises(NasframeError, match="takes two different metrics"):
        analyze_study(folder, strict=True)


def test_without_a_trained_network_there_is_nothing_to_report(tmp_path: Path) -> None:
    failed, rejected = trials(None, 0.0)
    folder = journal(tmp_path / "a", [failed, replace(rejected, rejected="too large")])
    with pytest.raises(NasframeError, match="no trained network: of 2 trials 1 failed, 1 were rej"):
        analyze_study(folder)
    torn = tmp_path / "torn"
    torn.mkdir()
    (torn / JOURNAL_FILE).write_text('{"event":"stu')
    with pytest.raises(NasframeError, match="torn has no trial yet"):
        analyze_study(torn)


def test_without_the_plugin_of_its_space_a_network_goes_by_its_tokens(tmp_path: Path) -> None:
    folder = journal(tmp_path, trials(0.5, val_accuracy=[0.5]))
    edited(folder, search_space={"type": "gone:Space"})
    assert analyze_study(folder).networks[0].words == "0-0-0-0-0-0"


# Another objective


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("accuracy_latency", {"target_ms": 5.0, "alpha": -0.2, "beta": -0.5}),
        ("accuracy_latency_hard", {"target_ms": 3.0}),
        ("accuracy_latency_absolute", {"target_ms": 4.0, "beta": -0.5}),
        ("accuracy", {"metric": "test_accuracy", "power": 3.0}),
        ("accuracy", {"max_latency_ms": 6.0}),
        ("weighted", {"targets": {"macs": 4e7}, "weights": {"macs": -0.1}}),
    ],
)
def test_rescored_as_a_study_with_that_objective_would(
    tmp_path: Path, name: str, values: dict[str, Any]
) -> None:
    first = study(tmp_path / "first", "accuracy_latency")
    second = study(tmp_path / "second", name, **{f"objective__{k}": v for k, v in values.items()})
    told = read_result(second).trials
    assert [t.architecture for t in told] == [t.architecture for t in read_result(first).trials]
    found = analyze_study(first, objective=option("objective", name, **values)).rescoring
    assert found is not None
    new = {t.number: t for t in told if t.duplicate_of is None}
    assert {one.number for one in found.networks} == set(new)
    for one in found.networks:
        assert one.reward == pytest.approx(new[one.number].reward, abs=1e-12)
        assert one.error is None
    limit = values.get("max_latency_ms")
    above = {n for n, t in new.items() if limit and t.metrics["latency_ms"] > limit}
    assert {one.number for one in found.networks if one.rejected} == above
    assert [one.rank for one in found.networks if one.rank] == list(
        range(1, len(new) - len(above) + 1)
    )
    ranked = [t.number for t in rank_trials(told) if t.number not in above]
    assert [one.number for one in found.networks if one.rank] == ranked


def test_what_meters_reject_is_rejected_again_for_the_same_reason(tmp_path: Path) -> None:
    parts: dict[str, Any] = {"meters": {"size": option("meters", "size")}, "trials": 12}
    all_ = study(tmp_path / "all", **parts)
    few = study(tmp_path / "few", objective__max_parameters=3e5, **parts)
    told = {t.number: t for t in read_result(few).trials if t.duplicate_of is None}
    rejected = {number: t.rejected for number, t in told.items() if t.rejected}
    assert 0 < len(rejected) < len(told)
    limited = option("objective", "accuracy", max_parameters=3e5)
    found = analyze_study(all_, objective=limited).rescoring
    assert found is not None
    assert {one.number: one.rejected for one in found.networks if one.rejected} == rejected
    assert {one.number: one.reward for one in found.networks} == {
        n: t.reward for n, t in told.items()
    }
    again = analyze_study(few, objective=option("objective", "accuracy", power=2.0))
    assert again.rescoring is not None
    assert again.rejected == len(rejected)
    assert {one.number for one in again.rescoring.networks} == told.keys() - rejected.keys()


def test_an_objective_may_fail_for_some_networks(tmp_path: Path) -> None:
    told = trials(0.5, 0.6, val_accuracy=[0.5, 0.6], latency_ms=[2.0, 0.0])
    found = analyze_study(
        journal(tmp_path, told), objective=option("objective", "accuracy_latency")
    )
    assert found.rescoring is not None
    good, bad = found.rescoring.networks
    assert (good.number, good.rank, bad.number, bad.rank, bad.reward) == (0, 1, 1, None, None)
    blamed = "Limited.score (nasframe_objectives): ValueError: "
    assert bad.error == f"{blamed}latency_ms is 0.0: must be a positive number"


def test_a_metric_that_the_study_lacks_is_no_part_of_a_reward(tmp_path: Path) -> None:
    folder = journal(tmp_path, trials(0.5, val_accuracy=[0.5], parameters=[9]))
    complaint = "needs latency_ms, which the study does not have; there is parameters, val_accuracy"
    with pytest.raises(NasframeError, match=complaint):
        analyze_study(folder, objective=option("objective", "accuracy_latency"))


# Settings

ODD = """
from dataclasses import MISSING, dataclass
from enum import Enum
from pathlib import Path
from nasframe import Objective, ObjectiveConfig, hookimpl, setting

class Word(Enum):
    a = "a"
    b = "b"

class Odd(Objective):
    needs = ("val_accuracy",)

    def score(self, metrics):
        return metrics["val_accuracy"]

@dataclass(kw_only=True)
class OddConfig(ObjectiveConfig):
    '''Settings of every type.'''

    must: int = setting(MISSING)
    flag: bool = False
    word: Word = Word.a
    path: Path | None = None
    factor: float | None = 2.0
    sizes: list[int] = setting([])
    scale: dict[str, float] = setting({})

    def build(self):
        return Odd()

@hookimpl
def nasframe_objectives():
    return {"odd": OddConfig}
"""


def test_settings_of_every_type(tmp_path: Path, phone: Path) -> None:
    console = shell(tmp_path)
    distribution(console.path, "odd", {"odd": "odd"}, odd=ODD)
    words = "must=3 flag=True word=b path=a=b factor=null sizes=[1,2] scale.onnx.ms=2e6 scale.b=1"
    more = [part for word in words.split() for part in ("--set", word)]
    done = console("nasframe-report", str(phone), "--objective", "odd", *more)
    assert (done.returncode, done.stderr) == (0, "")
    expected = (
        "odd(must=3, flag=True, word=b, path=a=b, factor=None, sizes=[1, 2], "
        "scale={'onnx.ms': 2000000.0, 'b': 1.0})"
    )
    assert f"under objective={expected}\n" in done.stdout
    done = console("nasframe-report", str(phone), "--objective", "odd")
    complaint = "nasframe-report: objective=odd needs --set must=VALUE\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", complaint)


@pytest.mark.parametrize(
    ("name", "word", "complaint"),
    [
        ("accuracy", "power", "--set power: write KEY=VALUE"),
        ("accuracy", "power=x", "--set power=x: must be float"),
        ("accuracy", "max_macs=", "--set max_macs=: must be float or null"),
        ("accuracy", "power=nan", "power=nan: must be a finite number"),
        ("accuracy", "powr=2", "objective=accuracy has no 'powr'; did you mean power?"),
        ("accuracy", "of=first", "--set of=first: Invalid value 'first', expected one of [last"),
        ("weighted", "targets=3", "--set targets=3: write targets.NAME=VALUE"),
        ("weighted", "targets.a=x", "--set targets.a=x: must be float"),
        ("acuracy", "power=2", "objective=acuracy is not known; did you mean accuracy"),
    ],
)
def test_wrong_settings_are_explained(name: str, word: str, complaint: str) -> None:
    with pytest.raises(NasframeError) as caught:
        make_config("objective", name, [word])
    assert str(caught.value).startswith(complaint)


def test_a_preset_keeps_its_settings() -> None:
    config = make_config("objective", "accuracy_latency_hard", ["target_ms=5", "target_ms=6"])
    assert config == option("objective", "accuracy_latency_hard", target_ms=6.0)


# The picture


def drawn(found: Findings) -> tuple[dict[str, Any], list[list[dict[str, Any]]]]:
    """The picture's description, and the data of its layers."""
    assert found.front is not None
    spec = chart.draw_front(found, found.front).to_dict()
    return spec, [spec["datasets"][layer["data"]["name"]] for layer in spec["layer"]]


def test_the_picture_shows_all_networks_and_the_front(phone: Path) -> None:
    found = analyze_study(phone)
    assert found.front is not None
    spec, (grey, line, blue, named) = drawn(found)
    values = {
        n.number: {"trial": n.number, "x": n.metrics["latency_ms"], "y": n.metrics["val_accuracy"]}
        for n in found.networks
    }
    assert grey == list(values.values())
    assert line == blue == [values[number] for number in found.front.numbers]
    assert all(point in blue for point in named)
    assert len(named) > 3
    titles = [spec["layer"][0]["encoding"][axis]["title"] for axis in "xy"]
    assert titles == ["latency_ms", "val_accuracy"]


def test_numbers_in_the_picture_do_not_overlap_and_are_within_it(phone: Path) -> None:
    spec, (*_, named) = drawn(analyze_study(phone))
    encoding = spec["layer"][0]["encoding"]
    x, y = (encoding[axis]["scale"]["domain"] for axis in "xy")
    places = [
        (480 * (p["x"] - x[0]) / (x[1] - x[0]), 360 * (p["y"] - y[0]) / (y[1] - y[0]))
        for p in named
    ]
    assert all(30 < across < 480 and 0 < up < 345 for across, up in places)
    for (a, b), (c, d) in combinations(places, 2):
        assert abs(a - c) > 14 or abs(b - d) > 12


def test_networks_that_are_far_off_do_not_squeeze_the_others(tmp_path: Path) -> None:
    accuracy = [0.1, *(0.9 + i / 1000 for i in range(30))]
    told = trials(*accuracy, val_accuracy=accuracy, parameters=range(1, 32))
    spec, (grey, *_, named) = drawn(analyze_study(journal(tmp_path / "far", told)))
    assert len(grey) == 31
    assert spec["layer"][0]["encoding"]["y"]["scale"]["domain"][0] > 0.85
    assert spec["title"]["text"] == "Pareto front of 31 networks; 1 of them beyond the axes"
    assert 0 not in [point["trial"] for point in named]
    spec, _ = drawn(analyze_study(journal(tmp_path / "near", told[1:])))
    assert spec["title"]["text"] == "Pareto front of 30 networks"
    accuracy = [0.1, *[0.9] * 30]
    told = trials(*accuracy, val_accuracy=accuracy, parameters=range(31, 0, -1))
    _, (*_, named) = drawn(analyze_study(journal(tmp_path / "ties", told)))
    assert [point["trial"] for point in named] == [30], "of equally accurate ones the smallest"


@pytest.mark.parametrize("ways", [("max", "min"), ("max", "max"), ("min", "min"), ("min", "max")])
def test_the_line_is_the_border_of_what_is_dominated(phone: Path, ways: tuple[str, str]) -> None:
    """Just beyond its corner no network lies, and just behind it one does."""
    found = analyze_study(phone, metrics=[f"val_accuracy:{ways[0]}", f"latency_ms:{ways[1]}"])
    spec, (grey, line, *_) = drawn(found)
    after = spec["layer"][1]["mark"]["interpolate"] == "step-after"
    points = sorted(line, key=lambda point: point["x"])
    sign = {"max": 1, "min": -1}
    for left, right in pairwise(points):
        corner = {"y": (left if after else right)["y"], "x": (right if after else left)["x"]}
        inner = [
            p
            for p in points
            if all(sign[w] * (p[k] - corner[k]) >= 0 for w, k in zip(ways, "yx", strict=True))
        ]
        assert inner, "a network of the front dominates the corner"
        outer = [
            p
            for p in grey
            if all(sign[w] * (p[k] - corner[k]) > 0 for w, k in zip(ways, "yx", strict=True))
        ]
        assert not outer, "none is better in both"


def test_a_front_of_three_metrics_has_no_line(phone: Path) -> None:
    spec, layers = drawn(analyze_study(phone, metrics=METRICS[2:]))
    assert [layer["mark"]["type"] for layer in spec["layer"]] == ["circle", "circle", "text"]
    assert len(layers[0]) == 150


# As a command

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the console script's function: the status, and what it writes."""
    monkeypatch.setenv("COLUMNS", "120")

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["nasframe-report", *map(str, arguments)])
        status = 0
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
        out, err = capsys.readouterr()
        return status, out, err

    return call


def table(text: str, title: str) -> list[list[str]]:
    """The cells of a table that follows a line."""
    _, _, rest = text.partition(f"\n{title}\n")
    lines = rest.split("\n")[1:]
    rows = [line.split() for line in lines]
    return rows[: next(i for i, row in enumerate(rows) if not row or not row[0][0].isdigit())]


def test_the_command_shows_what_it_writes(phone: Path, tmp_path: Path, command: Command) -> None:
    before = (phone / JOURNAL_FILE).read_bytes()
    more = ("--top", 5, "--objective", "accuracy", "--set", "max_latency_ms=6")
    status, out, err = command(phone, *more, "--json", tmp_path / "all.json")
    assert (status, err) == (0, "")
    assert (phone / JOURNAL_FILE).read_bytes() == before
    (found,) = json.loads((tmp_path / "all.json").read_text())["studies"]
    networks = {network["number"]: network for network in found["networks"]}
    assert len(networks) == 150
    best = [[str(n["number"]), f"{n['reward']:.4f}"] for n in found["networks"][:5]]
    assert [row[:2] for row in table(out, "The best 5")] == best
    assert all(f"trial {number}  {networks[int(number)]['words']}\n" in out for number, _ in best)
    title = "Pareto front: val_accuracy (more is better), latency_ms (less is better)"
    front = [
        [str(n), *(f"{networks[n]['metrics'][m]:.4f}" for m in ("val_accuracy", "latency_ms"))]
        for n in found["front"]["numbers"]
    ]
    shown = table(out, title)
    assert [row[:2] for row in shown] == [row[:2] for row in front]
    assert [float(row[2]) for row in shown] == pytest.approx(
        [float(row[2]) for row in front], abs=1e-4
    )
    assert f"Hypervolume: {found['front']['hypervolume']:.6g}, with the reference" in out
    again = [
        [
            str(one["rank"]),
            str(one["number"]),
            f"{one['reward']:.4f}",
            str(own["rank"]),
            f"{own['reward']:.4f}",
        ]
        for one in found["rescoring"]["networks"][:5]
        for own in [networks[one["number"]]]
    ]
    rescored = table(out, "The best 5 under objective=accuracy(max_latency_ms=6.0)")
    assert [row[:5] for row in rescored] == again
    rejected = [one for one in found["rescoring"]["networks"] if one["rejected"]]
    assert f"It rejects {len(rejected)} of 150; trial " in out
    assert out.endswith(f"Picture: {phone}/pareto.svg\nPage: {phone}/report.html\n")
    ElementTree.parse(phone / "pareto.svg")


def test_what_has_no_rank_is_told(tmp_path: Path, command: Command) -> None:
    values: dict[str, Any] = {
        "val_accuracy": [0.5, 0.6, 0.7, 0.0],
        "latency_ms": [2.0, 0.0, 9.0, 0.0],
    }
    *trained, rejected = trials(0.5, 0.6, 0.7, 0.0, **values)
    folder = journal(tmp_path / "s", [*trained, replace(rejected, rejected="too large")])
    more = ("--objective", "accuracy_latency", "--set", "max_latency_ms=5")
    _, out, _ = command(folder, *more)
    rows = table(out, "The best 3 under objective=accuracy_latency(max_latency_ms=5.0)")
    assert [row[1:3] for row in rows] == [["0", f"{0.5 * (2 / 75) ** -0.07:.4f}"]]
    assert re.search(r"^ +- +2 +rejected +1 +0\.7000 ", out, re.M)
    assert re.search(r"^ +- +1 +failed +2 +0\.6000 ", out, re.M)
    assert "It rejects 1 of 3; trial 2: latency_ms is 9, above the lim" in out
    blamed = "Limited.score (nasframe_objectives): ValueError: latency_ms is 0.0"
    assert f"It gives 1 of 3 no reward; trial 1: {blamed}" in out
    assert "objective rejected them: 1 of 4 trials\n" in out


def test_several_studies_are_reported_one_by_one(tmp_path: Path, command: Command) -> None:
    values: dict[str, Any] = {"val_accuracy": [0.5, 0.6], "parameters": [10, 20]}
    folders = [journal(tmp_path / name, trials(0.5, 0.6, **values)) for name in "ab"]
    status, out, _ = command(tmp_path, "--reference", "0,30", "--json", tmp_path / "x.json")
    assert status == 0
    assert [line for line in out.split("\n") if line.startswith("Picture")] == [
        f"Picture: {folder}/pareto.svg" for folder in folders
    ]
    studies = json.loads((tmp_path / "x.json").read_text())["studies"]
    assert [one["folder"] for one in studies] == list(map(str, folders))
    assert {one["front"]["hypervolume"] for one in studies} == {0.5 * 10 + 0.6 * 10}
    for option_ in ("--objective", "accuracy"), ("--picture", "a.svg"):
        complaint = f"nasframe-report: {option_[0]} takes one study, not 2: give its folder\n"
        assert command(tmp_path, *option_) == (2, "", complaint)


def test_a_study_without_a_front_is_reported(tmp_path: Path, command: Command) -> None:
    folder = journal(tmp_path / "s", trials(0.5, val_accuracy=[0.5]))
    status, out, _ = command(folder)
    assert status == 0
    assert "No Pareto front: a Pareto front takes two different metrics" in out
    assert not (folder / "pareto.svg").exists()
    status, out, err = command(folder, "--picture", tmp_path / "a.svg")
    assert (status, out) == (2, "")
    assert "takes two different metrics" in err


def test_a_mistyped_option_is_told_with_the_nearest_one(command: Command) -> None:
    status, out, err = command("anywhere", "--paretto", "a,b")
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("nasframe-report: unknown option --paretto; did you mean --pareto")
    assert line.endswith("(nasframe-report --help lists all options)")


def test_names_from_a_journal_are_shown_as_they_are(tmp_path: Path, command: Command) -> None:
    evil = "[red]x[/red]\x1b[31m</script><script>alert(1)"
    told = trials(0.5, 0.6, **{"val_accuracy": [0.5, 0.6], evil: [1.0, 2.0]})
    folder = journal(tmp_path / "s", told)
    page = tmp_path / "a.html"
    status, out, _ = command(folder, "--pareto", f"val_accuracy,{evil}:min", "--picture", page)
    assert status == 0
    assert "[red]x[/red]\N{REPLACEMENT CHARACTER}[31m" in out
    assert "\x1b" not in out
    assert "<script>alert" not in page.read_text()
    status, _, err = command(folder, "--pareto", "val_accuracy,x")
    assert status == 2
    assert "there is [red]x[/red]\N{REPLACEMENT CHARACTER}[31m" in err
    assert "\x1b" not in err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("", "one of the arguments DIR --compare is required"),
        ("{} --compare {}", "argument --compare: not allowed with argument DIR"),
        ("{} --reach 0", "--reach requires --compare"),
        ("{} --evaluate", "--evaluate requires --compare"),
        ("--compare {} --objective accuracy", "--objective cannot be combined with --compare"),
        ("--compare {} --top 3", "--top cannot be combined with --compare"),
        ("{} --set power=2", "--set requires --objective NAME"),
        ("{} --top 0", "0: must be a whole number of at least 1"),
        ("{} --reference 1,x", "argument --reference: x: must be a number"),
        ("{} --reference 1", "--reference needs 2 values: of val_accuracy, latency_ms"),
        ("{} --pareto val_accuracy,energy", "no metric 'energy'; there is latency_ms, macs, par"),
        ("{} --objective weighted --set targets.energy=1 --set weights.energy=1", "needs energy"),
        ("{} --picture a.gif", "a.gif: must end in .svg, .png, .pdf, .html"),
        ("nowhere", "cannot read nowhere: No such file or directory"),
    ],
)
def test_mistakes_are_told_in_a_line(
    phone: Path, command: Command, arguments: str, complaint: str
) -> None:
    status, out, err = command(*arguments.replace("{}", str(phone)).split())
    assert (status, out) == (2, "")
    assert complaint in err.rstrip("\n").split("\n")[-1]


def test_the_documented_report_runs(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "report.md").read_text()
    block, _ = re.findall(r"^```console\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    console = shell(tmp_path)
    shown = ""
    for line in block.splitlines():
        done = console(*line.split())
        assert (done.returncode, done.stderr) == (0, ""), line
        shown += done.stdout
    (first, second) = re.findall(r"^```text\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    there = {" ".join(line.split()) for line in shown.splitlines()}
    for line in (first + second).replace("...\n", "").splitlines():
        assert line.startswith("rank") or " ".join(line.split()) in there, line
