"""``nasframe-report --compare``: its figures against closed forms, and real studies end to end."""

from __future__ import annotations

import json
import math
import re
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise, product
from pathlib import Path
from statistics import mean
from typing import Any
from xml.etree import ElementTree

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from journals import config, edited, journal, trials
from PIL import Image
from scipy import stats
from throwaway import TOYS, Shell, distribution, shell
from toys import toy_study

from nasframe import Architecture, NasframeError, option, read_result, run
from nasframe.report.comparison import best_so_far, chart, sentences, statistics
from nasframe.report.comparison.compare import compare
from nasframe.report.comparison.groups import Contender, Contest, read_contest
from nasframe.report.comparison.policies import ask_policies, ask_policy
from nasframe.report.comparison.studies import Study, find_studies, read_study
from nasframe.report.comparison.types import Comparison
from nasframe.storage import events
from nasframe.storage.journal import JOURNAL_FILE, Journal

pytestmark = pytest.mark.alone

SEEDS = range(6)
BUDGET = 40


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seeds of three controllers."""
    folder = tmp_path_factory.mktemp("runs")
    for controller, seed in product(("evolution", "pqt", "random"), SEEDS):
        run(config(folder / f"{controller}-{seed}", controller=controller, seed=seed))
    return folder


def race(**rewards: Sequence[Sequence[float]]) -> Contest:
    """A contest of contenders whose studies, one a seed, have these rewards."""
    contenders = tuple(
        Contender(
            label,
            label,
            {seed: hand_made(f"{label}-{seed}", values) for seed, values in enumerate(studies)},
        )
        for label, studies in rewards.items()
    )
    return Contest(None, contenders, (), in_points=True)


def hand_made(name: str, rewards: Sequence[float], over: bool = False) -> Study:
    array = np.array(rewards, float)
    values = np.where(np.isfinite(array), array, np.nan)
    return Study(Path(name), {}, array, values, over)


# Statistics


def test_the_interval_of_a_mean_is_students() -> None:
    values = [0.91, 0.93, 0.92, 0.95]
    found = statistics.estimate(values)
    assert found is not None
    assert found.margin is not None
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.mean - found.margin, found.mean + found.margin) == pytest.approx((low, high))
    assert found.count == 4
    one = statistics.estimate([0.5])
    assert one == statistics.Estimate(0.5, None, 1)
    assert statistics.estimate([0.5, math.nan]) is None
    assert statistics.estimate([]) is None


@given(st.lists(st.integers(-8, 8), min_size=1, max_size=9))
def test_the_test_flips_all_signs(eighths: list[int]) -> None:
    differences = [Fraction(n, 8) for n in eighths]
    flips = [
        abs(sum(sign * d for sign, d in zip(signs, differences, strict=True)))
        for signs in product((1, -1), repeat=len(differences))
    ]
    expected = mean(flip >= abs(sum(differences)) for flip in flips)
    assert statistics.compute_sign_flip_p([float(d) for d in differences]) == pytest.approx(
        expected
    )


def test_many_pairs_are_tested_by_the_same_draws() -> None:
    differences = np.random.default_rng(1).normal(0.4, 1, 30)
    p = statistics.compute_sign_flip_p(differences)
    assert p == statistics.compute_sign_flip_p(differences)
    assert p == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.01)


def test_holm_by_hand() -> None:
    assert statistics.correct_p_values([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert statistics.correct_p_values([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert statistics.correct_p_values([]) == []


def test_how_many_pairs_it_takes() -> None:
    assert statistics.compute_least_p(5, 1) == 0.0625
    assert statistics.compute_least_p(6, 1) == 0.03125
    assert [statistics.count_pairs_needed(n) for n in (1, 2, 3, 6)] == [6, 7, 7, 8]


# Curves

REWARDS = st.lists(
    st.lists(st.sampled_from([-math.inf, 0.0, 0.25, 0.5, 0.75, 1.0]), min_size=12, max_size=12),
    min_size=1,
    max_size=3,
)


def stack(rewards: Sequence[Sequence[float]]) -> tuple[best_so_far.Floats, best_so_far.Floats]:
    """Rewards, and values that tell trials apart."""
    rewards_SN = np.array(rewards, float)
    values_SN = np.arange(rewards_SN.size).reshape(rewards_SN.shape) ** 2.0
    return rewards_SN, np.where(np.isfinite(rewards_SN), values_SN, np.nan)


@given(REWARDS)
def test_the_best_few_are_those_of_a_sorted_list(rewards: list[list[float]]) -> None:
    rewards_SN, values_SN = stack(rewards)
    found = best_so_far.compute_top_means(rewards_SN, values_SN, (1, 2, 5))
    for (k, size), s, n in product(enumerate((1, 2, 5)), range(len(rewards)), range(12)):
        rated = [i for i in range(n + 1) if np.isfinite(rewards_SN[s, i])]
        best = sorted(rated, key=lambda i: (-rewards_SN[s, i], i))[:size]
        expected = mean(values_SN[s, best]) if len(best) == size else math.nan
        assert found[k, s, n] == pytest.approx(expected, nan_ok=True)


@given(REWARDS, st.randoms())
def test_the_best_so_far_only_rises_and_forgets_the_order(
    rewards: list[list[float]], draw: Any
) -> None:
    rewards_SN = np.array(rewards)
    values_SN = np.where(np.isfinite(rewards_SN), rewards_SN, np.nan)
    (best_SN,) = best_so_far.compute_top_means(rewards_SN, values_SN, (1,))
    assert (np.diff(np.where(np.isnan(best_SN), -1, best_SN)) >= 0).all()
    order = draw.sample(range(12), 12)
    (other_SN,) = best_so_far.compute_top_means(rewards_SN[:, order], values_SN[:, order], (1,))
    np.testing.assert_array_equal(other_SN[:, -1], best_SN[:, -1])


def test_the_first_trial_that_is_good_enough() -> None:
    best_SN = np.array([[0.1, 0.5, 0.9], [0.1, 0.2, 0.3]])
    assert best_so_far.find_first_reaching(best_SN, 0.5, lower=False).tolist() == [2, math.inf]
    assert best_so_far.find_first_reaching(best_SN, 0.1, lower=True).tolist() == [1, 1]


# Figures


def test_the_figures_of_a_race_by_hand() -> None:
    fail = -math.inf
    slow, fast = [fail, 0.2, 0.2, 0.4], [0.5, 0.3, 0.9, 0.1]
    found = compare(race(slow=[slow, slow], fast=[fast, [0.6] * 4]), [2, 4], 0.6)
    first, second = found.rows
    assert (found.budget, found.marks, found.lower) == (4, (2, 4), False)
    assert [first.best[n].mean for n in (2, 4)] == pytest.approx([0.2, 0.4])
    assert first.area.mean == pytest.approx((0.1 + 0.2 + 0.2 + 0.4) / 4), "0.1 is the worst of all"
    assert [second.best[n].mean for n in (2, 4)] == pytest.approx([0.55, 0.75])
    assert second.area.mean == pytest.approx(((0.5 + 0.5 + 0.9 + 0.9) / 4 + 0.6) / 2)
    assert (first.reached, first.median_reach) == (0, None)
    assert (second.reached, second.median_reach) == (2, 2.0), "trial 3 and trial 1"
    assert first.top[1] is not None
    assert first.top[1].mean == pytest.approx(0.4)
    assert first.top[5] is None, "four trials have no best five"
    assert list(first.curves) == [1]


def test_half_of_the_studies_may_never_get_there() -> None:
    found = compare(race(a=[[0.1, 0.9], [0.1, 0.2], [0.9, 0.9], [0.2, 0.2]]), [2], 0.9)
    assert (found.rows[0].reached, found.rows[0].median_reach) == (2, None)


def test_by_default_all_are_to_reach_what_the_worst_has_in_the_end() -> None:
    found = compare(race(a=[[0.1, 0.3], [0.1, 0.5]], b=[[0.2, 0.8]]))
    assert found.reach == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("budget", "marks"),
    [(7, (7,)), (8, (2, 4, 8)), (300, (75, 150, 300)), (1234, (310, 620, 1234))],
)
def test_usual_marks_are_round(budget: int, marks: tuple[int, ...]) -> None:
    assert compare(race(a=[[0.5] * budget])).marks == marks


def test_differences_are_paired_by_seed() -> None:
    rng = np.random.default_rng(0)
    luck = rng.random(8)
    better = luck + 0.01 + rng.random(8) / 1000
    found = compare(race(a=luck[:7, None].tolist(), b=better[:, None].tolist()))
    (difference,) = found.differences
    reference = stats.ttest_rel(luck[:7], better[:7]).confidence_interval(0.95)
    assert difference.difference.margin is not None
    low = difference.difference.mean - difference.difference.margin
    assert low == pytest.approx(reference.low)
    assert (difference.difference.count, difference.p) == (7, 2 / 2**7), "seed 7 has no partner"
    assert difference.least_p == difference.p


def test_p_values_are_corrected_for_all_pairs() -> None:
    up = [[i / 100 + 0.1] for i in range(6)]
    found = compare(race(a=up, b=[[x + 0.1] for [x] in up], c=[[x + 0.2] for [x] in up]))
    assert [d.p for d in found.differences] == pytest.approx([3 * 2 / 2**6] * 3)
    assert {d.least_p for d in found.differences} == {3 * 2 / 2**6}
    text = " ".join(sentences.write_sentences(found))
    assert text.count("no difference can be concluded") == 3
    assert "6 seeds cannot show a difference at the 5 % level" in text
    assert "among 3 comparisons: 7 are needed" in text


def test_a_study_that_found_its_end_holds_its_last_value() -> None:
    entries = race(a=[[0.1, 0.2, 0.3, 0.4]], b=[[0.5, 0.7]])
    a, b = entries.contenders
    ended = Contender("b", "b", {0: replace(b.studies[0], over=True)})
    found = compare(replace(entries, contenders=(a, ended)), [1, 4])
    assert (found.budget, found.over) == (4, 1)
    assert found.rows[1].best[4].mean == 0.7
    assert "1 study ended before 4 trials" in sentences.write_sentences(found)[0]
    assert found.rows[1].curves[1].trials == (1, 2, 3, 4)


def test_an_unfinished_study_sets_the_budget() -> None:
    entries = race(a=[[0.1, 0.2, 0.3, 0.4]], b=[[0.5, 0.7]])
    found = compare(entries)
    assert found.budget == 2
    assert sentences.write_sentences(found)[0] == (
        "Compared over 2 trials: b-0 has no more, the longest study has 4."
    )
    with pytest.raises(NasframeError, match=r"--at 3: b-0 has 2 trials\. Compare at 2 at most"):
        compare(entries, [1, 3])


def test_nothing_can_be_said_of_failures_alone() -> None:
    with pytest.raises(NasframeError, match="none of the first 2 trials of any study succeeded"):
        compare(race(a=[[-math.inf] * 2]))


# Words


def said(found: Comparison) -> str:
    return "\n".join(sentences.write_sentences(found))


def test_sentences_claim_what_is_shown() -> None:
    seeds = [0.5 + i / 1000 for i in range(8)]
    found = compare(race(random=[[x] for x in seeds], pqt=[[x + 0.031] for x in seeds]))
    assert said(found) == (
        "pqt over random at 1 trials: +3.10 points (95 % interval +3.10 to +3.10), p = 0.0078, "
        "8 seeds.\nThis holds for this search space, evaluator and budget."
    )


def test_without_evidence_nothing_is_claimed() -> None:
    found = compare(race(random=[[0.1], [0.2]], pqt=[[0.4], [0.1]]))
    assert "no difference can be concluded: +10.00 points" in said(found)
    assert "2 seeds cannot show a difference at the 5 % level with this test: 6 are" in said(found)
    assert "over" not in said(found)


def test_the_baseline_is_random_and_the_best_two_are_compared() -> None:
    races = {"a": 0.1, "random": 0.2, "b": 0.3, "c": 0.4}
    found = compare(race(**{k: [[v + s / 99] for s in range(9)] for k, v in races.items()}))
    pairs = [line.partition(" at ")[0] for line in sentences.write_sentences(found)[:4]]
    assert pairs == ["c over random", "b over random", "random over a", "c over b"]


def test_no_seed_in_common_is_no_test() -> None:
    entries = race(a=[[0.1]], random=[[0.2]])
    other = Contender("a", "a", {7: entries.contenders[0].studies[0]})
    found = compare(replace(entries, contenders=(other, entries.contenders[1])))
    assert found.differences == ()
    assert "a and random have no seed in common, and were not tested." in said(found)


def test_one_seed_has_no_interval() -> None:
    found = compare(race(a=[[0.1]], b=[[0.2]]))
    assert "b and a at 1 trials: no difference can be concluded: +10.00 points, p = 1" in said(
        found
    )


def test_plain_numbers_are_no_points() -> None:
    found = compare(replace(race(a=[[1.0]] * 2, b=[[1.5]] * 2), in_points=False))
    assert "+0.5 (95 % interval +0.5 to +0.5)" in said(found)


# From journals


def test_failed_trials_count_rejected_ones_are_not_trained_and_duplicates_do_not_count(
    tmp_path: Path,
) -> None:
    ok, failed, rejected, twin, late = trials(0.5, None, 0.0, 0.5, 0.7)
    rejected = replace(rejected, rejected="too slow")
    twin = replace(twin, duplicate_of=0)
    journal(tmp_path, [late, ok, twin, failed, rejected])
    study = read_study(tmp_path, None)
    assert study is not None
    assert not study.over
    assert study.rewards_N.tolist() == [0.5, -math.inf, -math.inf, 0.7], "in the order of numbers"
    np.testing.assert_array_equal(study.values_N, [0.5, math.nan, math.nan, 0.7])


def test_a_metric_is_that_of_the_best_reward_and_of_a_series_the_last(tmp_path: Path) -> None:
    told = trials(0.5, 0.7, 0.6, test=[0.9, 0.1, 0.8], loss_epochs=[(9.0, 1.0), (9.0, 2.0), (3.0,)])
    journal(tmp_path, told)
    found = compare(read_contest([tmp_path], "test"), [1, 2, 3])
    assert [found.rows[0].best[n].mean for n in (1, 2, 3)] == [0.9, 0.1, 0.1]
    series = read_study(tmp_path, "loss_epochs")
    assert series is not None
    assert series.values_N.tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(NasframeError, match="trial 0 has no metric 'tset'; did you mean test?"):
        read_study(tmp_path, "tset")


def test_of_a_loss_less_is_better(tmp_path: Path) -> None:
    for name, best in (("random", 3.0), ("evolution", 2.0)):
        for seed in range(6):
            losses = [5.0, best + seed / 10]
            told = trials(*(1 / loss for loss in losses), loss=losses)
            journal(tmp_path / f"{name}-{seed}", told, controller=name, seed=seed)
    found = compare(read_contest([tmp_path], "loss"))
    assert found.lower
    assert [row.label for row in sentences.rank_contenders(found)] == ["evolution", "random"]
    assert found.reach == pytest.approx(3.25)
    assert "evolution over random at 2 trials: -1 (95 % interval -1 to -1)" in said(found)
    assert "less of it is better" in said(found)


def test_a_study_is_over_after_so_many_duplicates_or_all_architectures(tmp_path: Path) -> None:
    told = [trials(0.5)[0], *(replace(t, duplicate_of=0) for t in trials(*[0.5] * 4)[1:])]
    ended = {"max_duplicates": 3}
    assert read_study(journal(tmp_path / "a", told, **ended), None).over  # type: ignore[union-attr]
    more = {"max_duplicates": 4}
    assert not read_study(journal(tmp_path / "b", told, **more), None).over  # type: ignore[union-attr]
    log = Journal(tmp_path / "a")
    log.append(events.encode_resumed({"max_duplicates": (3, 9)}))
    log.close()
    assert not read_study(tmp_path / "a", None).over  # type: ignore[union-attr]


def test_a_study_of_all_architectures_is_over(tmp_path: Path) -> None:
    table = "".join(f"{a},{a / 4}\n" for a in range(3))
    (tmp_path / "table.csv").write_text(f"a,val_accuracy\n{table}")
    space = option("search_space", "table", path=tmp_path / "table.csv", choices=["a"])
    for trials_, over in ((2, False), (9, True)):
        folder = tmp_path / str(trials_)
        made = replace(config(folder, trials=trials_, evaluator="table"), search_space=space)
        if trials_ == 2:
            made = replace(made, evaluator=option("evaluator", "table"))
        run(made)
        study = read_study(folder, None)
        assert study is not None
        assert study.over is over


def test_folders_are_searched_at_any_depth_and_each_study_counts_once(tmp_path: Path) -> None:
    one = journal(tmp_path / "x" / "y" / "one", trials(0.5))
    two = journal(tmp_path / "two", trials(0.5))
    journal(two / "weights", trials(0.5))
    assert find_studies([tmp_path, one, tmp_path / "x" / ".." / "two"]) == [two, one]


def labels(*folders: Path) -> list[str]:
    return [contender.label for contender in read_contest(folders).contenders]


def test_labels_say_what_differs(tmp_path: Path) -> None:
    def made(name: str, **settings: Any) -> Path:
        return journal(tmp_path / name, trials(0.5), **settings)

    pqt = made("pqt", controller="pqt")
    fast = made("fast", controller="pqt")
    edited(fast, controller__lr=0.05)
    nas = made("nas", controller="reinforce_nas")
    later = made("later", controller="pqt", seed=1, trials=999, max_failures=3, keep=0)
    assert labels(pqt, fast, nas, later) == ["pqt", "pqt(lr=0.05)", "reinforce_nas"]
    assert labels(pqt) == ["pqt"]
    assert labels(pqt, made("batch", controller="pqt", batch=8)) == ["batch=None", "batch=8"]
    other = made("space", search_space="nasnet")
    assert labels(pqt, other) == ["pqt search_space=nasbench201", "random search_space=nasnet"]
    metered = made("metered", controller="pqt", meters={"size": option("meters", "size")})
    assert labels(pqt, metered) == ["without meters.size", "meters.size=size"]


def test_a_setting_that_an_older_journal_lacks_has_its_default(tmp_path: Path) -> None:
    old = journal(tmp_path / "old", trials(0.5), controller="pqt")
    first = json.loads((old / JOURNAL_FILE).read_text().split("\n")[0])
    controller = {k: v for k, v in first["config"]["controller"].items() if k != "queue"}
    evaluator = {k: v for k, v in first["config"]["evaluator"].items() if k != "data"}
    edited(old, controller=controller, evaluator=evaluator)
    assert labels(old, journal(tmp_path / "new", trials(0.5), controller="pqt", seed=1)) == ["pqt"]


def test_a_part_without_its_plugin_goes_by_its_class(tmp_path: Path) -> None:
    run(toy_study(tmp_path / "toys"))
    assert labels(tmp_path) == ["ToyController(batch=4)"]


@pytest.mark.parametrize(
    ("changed", "words_"),
    [
        ({"objective": "accuracy_latency"}, "objective=accuracy_latency"),
        ({"evaluator": "train"}, "evaluator=train"),
        ({"task": "cifar10"}, "task=cifar10"),
    ],
)
def test_what_came_about_differently_is_not_compared(
    tmp_path: Path, changed: Mapping[str, str], words_: str
) -> None:
    journal(tmp_path / "a", trials(0.5))
    journal(tmp_path / "b", trials(0.5), controller="pqt", **changed)
    with pytest.raises(NasframeError, match="cannot be compared") as caught:
        read_contest([tmp_path])
    group = words_.partition("=")[0]
    assert re.search(rf"a has {group}=\w+, .*b has {re.escape(words_)}: ", str(caught.value))


def test_a_copy_is_refused(tmp_path: Path) -> None:
    journal(tmp_path / "a", trials(0.5), seed=3)
    journal(tmp_path / "b", trials(0.5, 0.6), seed=3)
    with pytest.raises(NasframeError, match="a and .*b are the same search with the same seed, 3"):
        read_contest([tmp_path])


def test_studies_without_trials_are_left_out(tmp_path: Path) -> None:
    empty = journal(tmp_path / "empty", [], seed=1)
    torn = tmp_path / "torn"
    torn.mkdir()
    (torn / JOURNAL_FILE).write_text('{"event":"stu')
    with pytest.raises(NasframeError, match="no study has a trial yet in .*empty"):
        read_contest([empty, torn])
    journal(tmp_path / "full", trials(0.5))
    found = compare(read_contest([tmp_path]))
    assert found.rows[0].seeds == (0,)
    assert sentences.write_sentences(found)[0] == f"Left out, without a trial: {empty} and 1 more."


def test_folders_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(NasframeError, match="cannot read .*nowhere: No such file"):
        find_studies([tmp_path / "nowhere"])
    (tmp_path / "file").write_text("")
    with pytest.raises(NasframeError, match="cannot read .*file: Not a directory"):
        find_studies([tmp_path / "file"])
    (tmp_path / "void").mkdir()
    with pytest.raises(NasframeError, match=r"no study in .*void: a study's folder has a journal"):
        find_studies([tmp_path / "void"])
    damaged = journal(tmp_path / "damaged", trials(0.5))
    with (damaged / JOURNAL_FILE).open("a") as file:
        file.write("nonsense\n")
    with pytest.raises(NasframeError, match="line 4, is damaged"):
        read_contest([damaged])


# Real studies


def test_real_studies_are_compared_as_their_results_say(runs: Path) -> None:
    found = compare(read_contest([runs], "test_accuracy"), [10, BUDGET])
    assert [row.label for row in found.rows] == ["evolution", "pqt", "random"]
    assert found.in_points
    assert not found.lower
    for row in found.rows:
        assert row.seeds == tuple(SEEDS)
        results = [read_result(runs / f"{row.label}-{seed}") for seed in SEEDS]
        new = [[t for t in r.trials if t.duplicate_of is None] for r in results]
        best = [max(t[:10], key=lambda t: t.reward or 0) for t in new]
        assert row.best[10].mean == pytest.approx(mean(t.metrics["test_accuracy"] for t in best))
        tops = [t.metrics["test_accuracy"] for r in results for t in r.top(25)]
        assert row.top[25] is not None
        assert row.top[25].mean == pytest.approx(mean(tops))


def test_the_curves_are_the_statistics(runs: Path) -> None:
    found = compare(read_contest([runs]))
    panels = chart.draw_comparison(found).to_dict()
    assert len(panels["hconcat"]) == 3
    for panel, size in zip(panels["hconcat"], best_so_far.TOP_SIZES, strict=True):
        points = panels["datasets"][(panel.get("data") or panel["layer"][0]["data"])["name"]]
        for row in found.rows:
            curve = row.curves[size]
            mine = [p for p in points if p["contender"] == row.label]
            assert [p["trials"] for p in mine] == list(range(size, BUDGET + 1)) == [*curve.trials]
            assert [p["mean"] for p in mine] == list(curve.mean)
            assert curve.margin is not None
            width = [(p["high"] - p["low"]) / 2 for p in mine]
            assert width == pytest.approx(curve.margin)
        ends = [row.curves[size].mean[-1] for row in found.rows]
        tops = [row.top[size] for row in found.rows]
        assert ends == pytest.approx([top.mean for top in tops if top is not None])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9).map(sorted))
def test_names_do_not_overlap(values: list[float]) -> None:
    places = chart.spread_values(values, 0.2, 1.0)
    assert all(b - a >= 0.2 - 1e-9 for a, b in pairwise(places))
    assert places[-1] <= 1
    assert chart.spread_values([0.1, 0.4, 0.9], 0.2, 1.0) == [0.1, 0.4, 0.9]


def test_long_curves_are_thinned() -> None:
    rewards = np.random.default_rng(0).random((3, 1000))
    (row,) = compare(race(a=rewards.tolist())).rows
    curve = row.curves[1]
    assert len(curve.trials) == 300
    assert (curve.trials[0], curve.trials[-1]) == (1, 1000)
    best = np.maximum.accumulate(rewards, 1).mean(0)
    assert curve.mean == pytest.approx([best[n - 1] for n in curve.trials])


def test_many_contenders_have_a_look_of_their_own() -> None:
    found = compare(race(**{f"c{i}": [[0.1, 0.1 + i / 99]] for i in range(9)}))
    spec = chart.draw_comparison(found).to_dict()
    encoding = spec["hconcat"][0]["layer"][1]["encoding"]
    colours = encoding["color"]["scale"]["range"]
    dashes = encoding["strokeDash"]["scale"]["range"]
    assert len({(c, tuple(d)) for c, d in zip(colours, dashes, strict=True)}) == 9


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf", ".html"])
def test_the_picture_opens(tmp_path: Path, suffix: str) -> None:
    label = "</script><script>alert(1)</script>\x1b[31m"
    path = tmp_path / f"picture{suffix}"
    chart.save_comparison(compare(race(**{label: [[0.1, 0.2]], "b": [[0.1, 0.3]]})), path)
    data = path.read_bytes()
    if suffix == ".svg":
        text = "".join(ElementTree.fromstring(data).itertext())
        assert "alert(1)" in text
        assert "Best so far" in text
    elif suffix == ".png":
        with Image.open(path) as image:
            assert image.width > 600
    elif suffix == ".pdf":
        assert data.startswith(b"%PDF")
    else:
        assert b"<script>alert" not in data
        assert rb"\u003cscript>alert(1)" in data
        assert not re.search(rb"<script[^>]* src=", data), "all by itself"
    with pytest.raises(NasframeError, match="cannot write .*No such file"):
        chart.save_comparison(compare(race(a=[[0.1, 0.2]])), tmp_path / "nowhere" / path.name)


# The policy's own choice


def test_the_own_choice_of_a_replayed_policy(runs: Path) -> None:
    folder = runs / "pqt-2"
    space = option("search_space", "nasbench201").build()
    made = option("controller", "pqt").build(space.choices, 2, space.active)
    told = read_result(folder).trials
    made.tell(told[: len(told) // made.batch * made.batch])  # a batch is told when it is complete
    tokens = made.argmax(len(told))
    evaluator = option("evaluator", "nasbench201").build(space, option("task", "digits").build())
    metrics = evaluator.evaluate(Architecture(tokens), None)
    before = (folder / JOURNAL_FILE).read_bytes()
    choice = ask_policy(folder, "test_accuracy", evaluate=True)
    assert choice is not None
    assert choice.value == metrics["test_accuracy"]
    tried = [t for t in told if t.architecture.tokens == tokens]
    assert choice.tried is bool(tried)
    unknown = ask_policy(folder, None, evaluate=False)
    assert unknown is not None
    assert unknown.value == (tried[0].reward if tried else None)
    assert (folder / JOURNAL_FILE).read_bytes() == before
    assert ask_policy(runs / "random-2", None, evaluate=True) is None


def test_own_choices_are_summed_up_by_contender(runs: Path) -> None:
    entries = read_contest([runs / "random-0", *(runs / f"pqt-{seed}" for seed in SEEDS)])
    (known,), (all_,) = ask_policies(entries), ask_policies(entries, evaluate=True)
    assert (known.label, known.studies) == ("pqt", 6)
    choices = [ask_policy(runs / f"pqt-{seed}", None, evaluate=True) for seed in SEEDS]
    assert known.tried == all_.tried == sum(c.tried for c in choices if c is not None)
    assert all_.choice is not None
    assert all_.choice.count == 6
    assert all_.choice.mean == pytest.approx(mean(c.value for c in choices if c and c.value))
    assert (known.choice.count if known.choice else 0) == known.tried
    best = [read_result(runs / f"pqt-{seed}").best for seed in SEEDS]
    assert all_.best is not None
    assert all_.best.mean == pytest.approx(mean(t.reward for t in best if t and t.reward))


# As a command

LIKING = """
import os, time
from dataclasses import dataclass
from nasframe import hookimpl
from toy_plugin import ToyController, ToyControllerConfig

class Liking(ToyController):
    def argmax(self, number):
        time.sleep(float(os.environ.get("THINKS", 0)))
        if "DIES" in os.environ:
            os._exit(1)
        return (0, self._seed) if self._seed < 4 else (4, 4)

@dataclass(kw_only=True)
class LikingConfig(ToyControllerConfig):
    '''Likes what its seed says.'''

    def build(self, choices, seed, active):
        return Liking(choices, seed)

@hookimpl
def nasframe_controllers():
    return {"liking": LikingConfig}
"""


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Toy studies of two controllers with five seeds each, of 6 trials."""
    toy = shell(tmp_path_factory.mktemp("toys"))
    distribution(toy.path, "liking", {"liking": "liking"}, liking=LIKING)
    parts = [*(p for p in TOYS if not p.startswith("controller")), "meters=[toy]", "trials=6"]
    sweep = ("controller=liking,toy_fast", "seed=0,1,2,3,4", "dir=cmp")
    assert toy("nasframe", "-m", *parts, *sweep).returncode == 0
    return toy


def test_the_command_shows_what_it_writes(toys: Shell) -> None:
    before = {path: path.read_bytes() for path in toys.cwd.rglob(JOURNAL_FILE)}
    assert len(before) == 10
    more = ("--evaluate", "--at", "6,3", "--reach", "0.7", "--json", "all.json")
    done = toys("nasframe-report", "--compare", "cmp", *more, COLUMNS="120")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads((toys.cwd / "all.json").read_text())
    rows = {row["label"]: row for row in found["rows"]}
    assert set(rows) == {"liking", "toy_fast"}
    assert found["marks"] == [3, 6]
    for label, row in rows.items():
        line = re.search(rf"{label} +│ +5 │ (.*) │ (.*) │\n", done.stdout)
        assert line is not None
        for mark, cell in zip(("3", "6"), line.groups(), strict=True):
            value = row["best"][mark]
            assert cell.strip() == f"{value['mean']:.4f} ± {value['margin']:.4f}"
        reached = rf"{label} .*│ +(\S+|more than 6) │ +{row['reached']} of 5 │"
        assert re.search(reached, done.stdout)
    (liking,) = found["policies"]
    assert (liking["tried"], liking["choice"]["count"]) == (4, 5), "the last one was evaluated"
    assert liking["choice"]["mean"] == pytest.approx((0 + 0.1 + 0.2 + 0.3 + 0.8) / 5)
    assert "Picture: cmp/compare.svg" in done.stdout
    ElementTree.parse(toys.cwd / "cmp" / "compare.svg")
    assert {path: path.read_bytes() for path in before} == before


def test_the_command_asks_controllers_with_an_argmax(toys: Shell) -> None:
    done = toys("nasframe-report", "--compare", "cmp", "--json", "some.json")
    assert re.search(r"liking +│ .* │ .* │ +4 of 5 │", done.stdout)
    some = json.loads((toys.cwd / "some.json").read_text())["policies"]
    assert [(one["label"], one["tried"], one["studies"]) for one in some] == [("liking", 4, 5)]
    assert some[0]["choice"]["mean"] == pytest.approx((0 + 0.1 + 0.2 + 0.3) / 4)


def test_ctrl_c_ends_everything_at_once(toys: Shell) -> None:
    process = toys.start("nasframe-report", "--compare", "cmp", THINKS="1000")
    assert process.stdout is not None
    while "Picture" not in process.stdout.readline():
        assert process.poll() is None
    asking = psutil.Process(process.pid)
    while len(asking.children()) < 2:  # one of which tracks resources
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=60)
    assert (process.returncode, complaints) == (130, "")


def test_whose_mistake_it_is(toys: Shell) -> None:
    wrong = toys("nasframe-report", "--compare", "cmp", THINKS="-1")
    assert wrong.returncode == 2
    assert "Picture: " in wrong.stdout
    blamed = "nasframe-report: Liking.argmax (liking) raised ValueError: sleep length must"
    assert blamed in wrong.stderr
    killed = toys("nasframe-report", "--compare", "cmp", DIES="")
    reason = "nasframe-report: a process that read studies was killed, perhaps for lack of memory\n"
    assert (killed.returncode, killed.stderr) == (2, reason)


def test_a_name_from_a_journal_is_shown_as_it_is(tmp_path: Path, toys: Shell) -> None:
    for seed in range(2):
        told = [replace(t, architecture=Architecture((0, 0))) for t in trials(0.5)]
        folder = journal(tmp_path / str(seed), told, seed=seed)
        edited(folder, controller={"type": "evil:[red]Evil[/red]", "a": "\x1b[31m"}, seed=seed)
    done = toys("nasframe-report", "--compare", str(tmp_path), "--picture", "evil.html")
    assert "[red]Evil[/red](a=\N{REPLACEMENT CHARACTER}[31m)" in done.stdout
    assert "no installed plugin offers evil:[red]Evil[/red]" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("", "one of the arguments DIR --compare is required"),
        ("--compare nowhere", "nasframe-report: cannot read nowhere: No such file or directory"),
        ("--compare cmp --at 3,x", "3,x: must be numbers of trials, as 100,200,300"),
        ("--compare cmp --at 9", "has 6 trials. Compare at 6 at most"),
        ("--compare cmp --reach nan", "nan: must be a number"),
        ("--compare cmp --picture a.gif", "a.gif: must end in .svg, .png, .pdf, .html"),
        ("--compare cmp --picture no/a.svg", "there is no folder no to write no/a.svg into"),
        ("--compare cmp --json no/a.json", "there is no folder no to write no/a.json into"),
        ("--compare cmp --metric valu", "has no metric 'valu'; did you mean value?"),
    ],
)
def test_mistakes_are_told_in_a_line(toys: Shell, arguments: str, complaint: str) -> None:
    done = toys("nasframe-report", *arguments.split())
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
