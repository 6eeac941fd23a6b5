"""The conclusions of a comparison as sentences that claim no more than it shows."""

from __future__ import annotations

from collections.abc import Iterator

from nasframe.report.comparison.statistics import SIGNIFICANCE, Estimate, count_pairs_needed
from nasframe.report.comparison.types import Comparison, ContenderRow, Difference

BASELINE = "random"
"""The controller to compare others with, if present."""


def rank_contenders(comparison: Comparison) -> list[ContenderRow]:
    """Return the contenders by their result at the last mark, the best first."""
    sign = 1 if comparison.lower else -1
    return sorted(comparison.rows, key=lambda r: sign * r.best[comparison.marks[-1]].mean)


def write_sentences(comparison: Comparison) -> list[str]:
    """Write the terms of a comparison, the differences of contenders, and their scope."""
    return [*_explain_terms(comparison), *_explain_differences(comparison)]


def _explain_terms(comparison: Comparison) -> Iterator[str]:
    if comparison.metric is not None:
        direction = "less of it is better, as it falls while the reward rises"
        yield (
            f"Ranked and tested by {comparison.metric} of the trial with the best reward so far"
            + (f"; {direction}." if comparison.lower else ".")
        )
    if comparison.longest > comparison.budget:
        yield (
            f"Compared over {comparison.budget} trials: {comparison.limiting} has no more, "
            f"the longest study has {comparison.longest}."
        )
    if comparison.over:
        ended = _format_count(comparison.over, "study", "studies")
        yield (
            f"{ended} ended before {comparison.budget} trials, having found no new networks: "
            "the last value counts from there on."
        )
    if comparison.empty:
        first, more = comparison.empty[0], len(comparison.empty) - 1
        yield f"Left out, without a trial: {first}" + (f" and {more} more." if more else ".")


def _explain_differences(comparison: Comparison) -> Iterator[str]:
    if len(comparison.rows) < 2:
        yield "There is only one contender: nothing to compare it with."
        return
    for pair in _choose_pairs(comparison):
        difference = next((d for d in comparison.differences if {d.first, d.second} == pair), None)
        if difference is None:
            yield f"{' and '.join(sorted(pair))} have no seed in common, and were not tested."
        else:
            yield _explain_difference(comparison, difference)
    comparisons = len(comparison.differences)
    if comparisons > 1:
        yield f"Each p is corrected for {comparisons} comparisons (Holm)."
    yield "This holds for this search space, evaluator and budget."


def _choose_pairs(comparison: Comparison) -> list[set[str]]:
    """Pair each contender with the baseline, the best first; then the best two."""
    rows = rank_contenders(comparison)
    baselines = [row for row in comparison.rows if row.controller == BASELINE]
    baseline = (baselines or comparison.rows)[0]
    pairs = [{row.label, baseline.label} for row in rows if row is not baseline]
    best = {row.label for row in rows[:2]}
    return pairs if best in pairs else [*pairs, best]


def _explain_difference(comparison: Comparison, pair: Difference) -> str:
    better, other, sign = pair.first, pair.second, 1
    if (pair.difference.mean < 0) != comparison.lower:
        better, other, sign = pair.second, pair.first, -1
    size = _format_difference(pair.difference, sign, comparison.in_points)
    seeds = _format_count(pair.difference.count, "seed", "seeds")
    figures = f"{size}, {_format_p(pair.p)}, {seeds}"
    mark = comparison.marks[-1]
    margin = pair.difference.margin
    apart = margin is not None and abs(pair.difference.mean) > margin
    if pair.p < SIGNIFICANCE and apart:
        return f"{better} over {other} at {mark} trials: {figures}."
    text = f"{better} and {other} at {mark} trials: no difference can be concluded: {figures}."
    if pair.p < SIGNIFICANCE:  # the two tests disagree
        return f"{text} p is below {SIGNIFICANCE}, but the interval includes 0: run more seeds."
    if pair.least_p < SIGNIFICANCE:
        return text
    comparisons = len(comparison.differences)
    among = f" among {comparisons} comparisons" if comparisons > 1 else ""
    return (
        f"{text} {seeds[0].upper()}{seeds[1:]} cannot show a difference at the 5 % level with this "
        f"test{among}: {count_pairs_needed(comparisons)} are needed."
    )


def _format_difference(difference: Estimate, sign: int, in_points: bool) -> str:
    """Format a difference and its interval: ``+0.31 points (95 % interval +0.20 to +0.42)``."""
    mean = sign * difference.mean
    text = _format_signed(mean, in_points) + (" points" if in_points else "")
    if difference.margin is None:
        return text
    bounds = (mean - difference.margin, mean + difference.margin)
    return "{} (95 % interval {} to {})".format(
        text, *(_format_signed(b, in_points) for b in bounds)
    )


def _format_signed(value: float, in_points: bool) -> str:
    return f"{100 * value:+.2f}" if in_points else f"{value:+.3g}"


def _format_p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"


def _format_count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def format_value(value: float) -> str:
    """Format a value for a table."""
    return f"{value:.4f}" if abs(value) < 100 else f"{value:,.1f}"


def format_estimate(value: Estimate | None) -> str:
    """Format a mean with half its interval; a dash if there is no mean."""
    if value is None:
        return "-"
    margin = "" if value.margin is None else f" ± {format_value(value.margin)}"
    return f"{format_value(value.mean)}{margin}"
