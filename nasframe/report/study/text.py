"""The report of one study on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from nasframe._support.text import to_text
from nasframe.report.comparison.sentences import format_value
from nasframe.report.study.types import Findings, Front, Rescored, Rescoring, TrainedNetwork
from nasframe.study.metrics import is_contended


def format_findings(findings: Findings, top: int) -> Iterator[Table | Text]:
    """Format findings as tables and lines of text.

    Args:
        findings: the findings of a study.
        top: how many networks to show.
    """
    yield to_text(
        f"{findings.folder}: {findings.trials} trials, {findings.failed} failed, "
        f"{findings.rejected} rejected, {findings.duplicates} duplicates; "
        f"objective={findings.objective}"
    )
    if findings.cached:
        yield to_text(f"{findings.cached} trials came from the cache and were not trained")
    if (saved := findings.stopping) is not None:
        share = 1 - saved.epochs / saved.all_epochs
        yield to_text(
            f"{saved.trials} stopped early: {saved.epochs:,} of {saved.all_epochs:,} epochs were "
            f"trained, {share:.0%} saved"
        )
    if busy := sum(is_contended(network.metrics) for network in findings.networks):
        yield to_text(
            f"{busy} latencies were measured while others kept the processor busy: compare "
            "ratios, or measure on a quiet machine"
        )
    if findings.missed is not None:
        yield to_text(findings.missed)
    networks = {network.number: network for network in findings.networks}
    yield from _format_best(findings.networks[:top], findings.shown)
    if findings.front is not None:
        yield from _format_front(findings.front, networks)
    else:
        yield to_text(f"No Pareto front: {findings.without_front}")
    if findings.rescoring is not None:
        yield from _format_rescoring(findings, findings.rescoring, top)


def _format_best(
    networks: Sequence[TrainedNetwork], shown: Sequence[str]
) -> Iterator[Table | Text]:
    yield from _format_title(f"The best {len(networks)}")
    table = _make_table(["trial", "reward", *shown])
    for network in networks:
        metrics = (format_metric(network.metrics[name]) for name in shown)
        table.add_row(str(network.number), format_value(network.reward), *metrics)
    yield table
    yield from _format_architectures(networks)


def _format_architectures(networks: Sequence[TrainedNetwork]) -> Iterator[Text]:
    for network in networks:
        yield to_text(f"trial {network.number}  {network.words}")


def _format_front(front: Front, networks: dict[int, TrainedNetwork]) -> Iterator[Table | Text]:
    names = [goal.name for goal in front.goals]
    yield from _format_title(f"Pareto front: {', '.join(map(str, front.goals))}")
    table = _make_table(["trial", *names, "reward"])
    for one in front.numbers:
        metrics = (format_metric(networks[one].metrics[name]) for name in names)
        table.add_row(str(one), *metrics, format_value(networks[one].reward))
    yield table
    values = zip(names, front.reference, strict=True)
    limits = ", ".join(f"{name} {format_metric(value)}" for name, value in values)
    worst = " (the worst values of these networks)" if front.worst else ""
    yield to_text(f"Hypervolume: {front.hypervolume:.6g}, with the reference {limits}{worst}")


def _format_rescoring(findings: Findings, rescoring: Rescoring, top: int) -> Iterator[Table | Text]:
    networks = {network.number: network for network in findings.networks}
    best = rescoring.networks[:top]
    names = ["rank", "trial", "reward", "own rank", "own reward", *findings.shown]
    yield from _format_title(f"The best {len(best)} under objective={rescoring.objective}")
    table = _make_table(names)
    for one in best:
        own = networks[one.number]
        table.add_row(
            "-" if one.rank is None else str(one.rank),
            str(one.number),
            _format_reward(one),
            str(own.rank),
            format_value(own.reward),
            *(format_metric(own.metrics[name]) for name in findings.shown),
        )
    yield table
    yield from _format_architectures([networks[one.number] for one in best])
    yield from _explain_unranked(findings, rescoring)


def _format_reward(network: Rescored) -> str:
    if network.rejected is not None:
        return "rejected"
    return "failed" if network.reward is None else format_value(network.reward)


def _explain_unranked(findings: Findings, rescoring: Rescoring) -> Iterator[Text]:
    """Explain which networks have no rank, and why."""
    total = len(findings.networks)
    rejected = [one for one in rescoring.networks if one.rejected is not None]
    if rejected:
        first = f"trial {rejected[0].number}: {rejected[0].rejected}"
        yield to_text(f"It rejects {len(rejected)} of {total}; {first}")
    failed = [one for one in rescoring.networks if one.error is not None]
    if failed:
        first = f"trial {failed[0].number}: {failed[0].error}"
        yield to_text(f"It gives {len(failed)} of {total} no reward; {first}")
    if findings.rejected:
        yield to_text(
            "Left out, as the study's own objective rejected them: "
            f"{findings.rejected} of {findings.trials} trials"
        )


def _format_title(text: str) -> Iterator[Text]:
    yield Text()
    yield to_text(text)


def _make_table(names: Sequence[str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(to_text(name.replace("_", " ")), justify="right", overflow="fold")
    return table


def format_metric(value: float) -> str:
    """Format a metric: without decimals for a count, with more digits for a small value."""
    if value == int(value) and abs(value) >= 10:
        return f"{value:,.0f}"
    return f"{value:.3g}" if 0 < abs(value) < 0.01 else format_value(value)
