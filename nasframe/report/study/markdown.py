"""What studies found, as Markdown: for a pull request, a note, a README."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from nasframe.report.comparison.sentences import number
from nasframe.report.study.text import figure
from nasframe.report.study.types import Findings


def markdown(found: Iterable[Findings], sentences: Iterable[str], top: int) -> str:
    """The text.

    Args:
        found: the studies.
        sentences: what a comparison of them says.
        top: the number of networks to show.
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
            number(network.reward),
            *(figure(network.metrics[name]) for name in findings.shown),
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
        [str(one), *(figure(networks[one].metrics[name]) for name in names)]
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
    """Text on one line that Markdown takes for nothing else."""
    return re.sub(r"([\\`*_{}\[\]<>|#~!])", r"\\\1", " ".join(text.split()))
