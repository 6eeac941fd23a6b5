"""What a notebook is given: front, drawings, charts, and what each object shows of itself."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from journals import config, journal, trials

from nasframe import NasframeError, StudyResult, plot, read_result, run


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    folder = tmp_path_factory.mktemp("studies") / "seed=0"
    return run(config(folder))


def dominated(one: tuple[float, float], others: list[tuple[float, float]]) -> bool:
    """Whether another one has no lower first value and no higher second value, and is not equal."""
    return any(a >= one[0] and b <= one[1] and (a, b) != one for a, b in others)


def test_the_front_is_what_no_network_dominates(result: StudyResult) -> None:
    front = result.pareto()
    trained = [trial for trial in result.trials if trial.duplicate_of is None]
    values: dict[int, tuple[Any, Any]] = {
        t.number: (t.metrics["val_accuracy"], t.metrics["latency_ms"]) for t in trained
    }
    wanted = {n for n, one in values.items() if not dominated(one, list(values.values()))}
    assert {trial.number for trial in front} == wanted
    accuracies = [values[trial.number][0] for trial in front]
    assert accuracies == sorted(accuracies, reverse=True)
    assert result.pareto("val_accuracy:max", "latency_ms:min") == front
    assert result.pareto("parameters", "val_accuracy")[0] == min(
        trained, key=lambda t: (t.metrics["parameters"], -values[t.number][0])
    )


def test_a_front_by_metrics_that_are_not_there(result: StudyResult, tmp_path: Path) -> None:
    with pytest.raises(NasframeError, match="no metric 'nothing'"):
        result.pareto("val_accuracy", "nothing")
    journal(tmp_path, trials(0.5, 0.25, val_accuracy=[0.5, 0.25]))
    with pytest.raises(NasframeError, match="takes two different metrics or more"):
        read_result(tmp_path).pareto()


def test_without_networks_there_is_no_front_and_no_drawing(tmp_path: Path) -> None:
    result = StudyResult(tmp_path, ())
    assert result.pareto() == []
    with pytest.raises(NasframeError, match="has no trained network"):
        result.draw()


def test_an_architecture_is_drawn(result: StudyResult) -> None:
    best = result.best
    assert best is not None
    assert result.draw() == result.draw(best.number)
    words = " ".join(ElementTree.fromstring(result.draw(0)._repr_html_()).itertext())
    tokens = result.trials[0].architecture.tokens
    operations = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
    assert set(words.split()) & set(operations) == {operations[k] for k in tokens} - {"none"}
    with pytest.raises(NasframeError, match="has no trial 999"):
        result.draw(999)


def test_a_result_shows_its_best_networks(result: StudyResult) -> None:
    html = result._repr_html_()
    assert html.startswith(f"<p>{len(result.trials)} proposals in {result.folder}. 40 trials")
    assert html.count("<tr>") == 6
    assert html.endswith("</svg>\n")


def data(chart: Any, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = chart.to_dict()["datasets"][name]
    return found


def test_rewards_against_trials(result: StudyResult) -> None:
    chart = plot(result)
    new = [trial for trial in result.trials if trial.duplicate_of is None]
    rows = data(chart, "trials")
    assert [(row["trial"], row["reward"]) for row in rows] == [(t.number, t.reward) for t in new]
    assert {row["study"] for row in rows} == {"seed=0"}
    best = data(chart, "best_trial")
    highest = dict(
        zip((t.number for t in new), accumulate((t.reward or 0 for t in new), max), strict=True)
    )
    assert all(row["reward"] == highest[row["trial"]] for row in best)
    assert best[-1]["trial"] == new[-1].number


def test_the_best_so_far_never_falls_with_time(result: StudyResult) -> None:
    best = data(plot(result.folder, "time"), "best_elapsed")
    rewards, minutes = [row["reward"] for row in best], [row["elapsed"] for row in best]
    assert rewards == sorted(rewards)
    assert minutes == sorted(minutes)


def test_studies_below_a_folder_have_their_names(result: StudyResult) -> None:
    run(config(result.folder.parent / "seed=1", seed=1, trials=40))
    chart = plot(result.folder.parent)
    assert {row["study"] for row in data(chart, "trials")} == {"seed=0", "seed=1"}
    assert '"labelLimit": 400' in chart.to_json()
    assert plot(result.folder.parent, "comparison").to_dict()["hconcat"]


def test_a_front_is_drawn_and_written(result: StudyResult, tmp_path: Path) -> None:
    plot(result, "pareto").save(str(tmp_path / "chart.svg"))  # type: ignore[attr-defined]
    words = " ".join(ElementTree.parse(tmp_path / "chart.svg").getroot().itertext())
    assert "Pareto front of" in words
    assert f" {result.pareto()[0].number} " in f" {words} "
    with pytest.raises(NasframeError, match="of one study, not of 2"):
        plot([result, run(config(tmp_path / "other", seed=5))], "pareto")


@pytest.mark.parametrize(
    ("studies", "kind", "words"),
    [
        ([], "trials", "no study was given"),
        (["nothing"], "trials", "cannot read nothing"),
        (None, "pie", "there is no chart 'pie'"),
    ],
)
def test_mistakes(result: StudyResult, studies: list[str] | None, kind: str, words: str) -> None:
    with pytest.raises(NasframeError, match=words):
        plot(result if studies is None else studies, kind)  # type: ignore[arg-type]
