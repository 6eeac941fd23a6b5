"""The report of studies as Markdown, for a pull request, a note or a README."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from nasframe.report.comparison.sentences import format_value
from nasframe.report.study.text import format_metric
from nasframe.report.study.types import Findings


def format_markdown(found: Iterable[Findings], sentences: Iterable[str], top: int) -> str:
    """Format findings as Markdown.

    Args:
        found: the findings of each study.
        sentences: the conclusions of a comparison of the studies.
        top: how many networks to show.
    """
    lines = [f"{_escape(sentence)}\n" for sentence in sentences]
    for findings in found:
        lines += _format_study(findings, top)
    return "\n".join(lines) + "\n"


def _format_study(findings: Findings, top: int) -> Iterator[str]:
    yield f"## {_escape(str(findings.folder))}\n"
    yield (
        f"{findings.trials} trials, {findings.failed} failed, {findings.rejected} rejected, "
        f"{findings.duplicates} duplicates; objective {_escape(findings.objective)}.\n"
    )
    yield f"### The best {len(findings.networks[:top])}\n"
    rows = [
        [
            str(network.number),
            format_value(network.reward),
            *(format_metric(network.metrics[name]) for name in findings.shown),
            network.words,
        ]
        for network in findings.networks[:top]
    ]
    yield from _format_table(["trial", "reward", *findings.shown, "architecture"], rows)
    if (front := findings.front) is None:
        yield f"No Pareto front: {_escape(findings.without_front or '')}.\n"
        return
    yield f"### Pareto front: {_escape(', '.join(map(str, front.goals)))}\n"
    networks = {network.number: network for network in findings.networks}
    names = [goal.name for goal in front.goals]
    points = [
        [str(one), *(format_metric(networks[one].metrics[name]) for name in names)]
        for one in front.numbers
    ]
    yield from _format_table(["trial", *names], points)


def _format_table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield _format_row(names)
    yield "|---" * len(names) + "|"
    yield from map(_format_row, rows)
    yield ""


def _format_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(_escape, cells))} |"


def _escape(text: str) -> str:
    """Join text into one line and escape Markdown syntax."""
    return re.sub(r"([\\`*_{}\[\]<>|#~!])", r"\\\1", " ".join(text.split()))
