"""How soft and hard exponents spread a search over latencies, as in figure 6 of the MnasNet paper.

    nasframe -m search_space=nasbench201 evaluator=nasbench201 evaluator.device=pixel3 \\
        controller=ppo_nasnet objective=accuracy_latency_soft,accuracy_latency_hard \\
        objective.target_ms=5 trials=1000 'seed=range(10)' dir=runs/figure6
    python tests/benchmarks/figure6.py runs/figure6 docs/pictures

For each objective it prints how the latencies of the proposals 500 to 1,000, duplicates included,
are distributed, and draws for one seed the networks with their Pareto front above a histogram.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any, TypeAlias

import altair as alt
import numpy as np

from nasframe import read_result
from nasframe.storage import journal
from nasframe.study.pareto import find_front

BLUE, GREEN, GREY, RED = "#0072B2", "#009E73", "#BBBBBB", "#D55E00"
Points: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

SAMPLES = 1000
"""So many proposals count. The paper has 3,000 of a space of 1e13 networks; in one of 15,625 a
policy has come to its end by then."""

LONGEST_MS = 30.0
BINS = 60


def proposals(folder: Path) -> Points:
    """Latency in ms and validation accuracy of each proposal."""
    metrics = [trial.metrics for trial in read_result(folder).trials[:SAMPLES]]
    return np.array([(m["latency_ms"], m["val_accuracy"]) for m in metrics], float)


def told(studies: Sequence[Points], target: float) -> str:
    """How the latencies are distributed in the second half, the mean over the studies."""
    latencies = [points[SAMPLES // 2 :, 0] for points in studies]
    fast = mean(float(np.mean(one <= target)) for one in latencies)
    near = mean(float(np.mean((one > target / 2) & (one <= target))) for one in latencies)
    quantiles = np.mean([np.quantile(one, (0.05, 0.25, 0.5, 0.75, 0.95)) for one in latencies], 0)
    return (
        f"{len(studies)} searches, proposals {SAMPLES // 2} to {SAMPLES}; "
        f"{fast:.1%} take at most {target:g} ms, {near:.1%} more than half of it, too; "
        f"5, 25, 50, 75, 95 %: {', '.join(f'{value:.2f}' for value in quantiles)} ms"
    )


def drawn(points: Points, target: float, title: str) -> alt.VConcatChart:
    """The networks and their front, and how often each latency was proposed in each half."""
    networks = np.unique(points, axis=0)
    best = networks[find_front(networks * (1, -1))]

    def rows(values: Points) -> alt.InlineData:
        return alt.InlineData([{"x": float(x), "y": float(y)} for x, y in values])

    scale = alt.Scale(domain=[0, LONGEST_MS])
    x = alt.X("x:Q", title="latency, ms", scale=scale)
    y = alt.Y("y:Q", title="validation accuracy", scale=alt.Scale(domain=[0.5, 0.95]))
    rule = alt.Chart(rows(np.array([(target, 0.0)]))).mark_rule(color=RED, strokeDash=[4, 3])
    dots = alt.Chart(rows(networks)).mark_circle(color=GREEN, size=9, clip=True).encode(x=x, y=y)
    line = alt.Chart(rows(best)).mark_line(color=BLUE, interpolate="step-after", clip=True)
    above = (dots + line.encode(x=x, y=y) + rule.encode(x=x)).properties(width=360, height=200)
    halves = {"first half": points[: SAMPLES // 2, 0], "second half": points[SAMPLES // 2 :, 0]}
    counted = [
        {"x": float(low), "to": float(high), "y": int(count), "proposals": half}
        for half, latencies in halves.items()
        for count, low, high in _bins(latencies)
    ]
    colors = alt.Scale(domain=list(halves), range=[GREY, GREEN])
    bars = alt.Chart(alt.InlineData(counted)).mark_bar(clip=True)
    bars = bars.encode(
        x=alt.X("x:Q", bin="binned", title="latency, ms", scale=scale),
        x2="to:Q",
        y=alt.Y("y:Q", title="proposals", stack=True),
        color=alt.Color("proposals:N", scale=colors, legend=alt.Legend(title=None)),
    )
    below = (bars + rule.encode(x=x)).properties(width=360, height=100)
    chart: alt.VConcatChart = alt.vconcat(above, below)
    return chart.properties(title=title)


def _bins(latencies: Points) -> zip[tuple[Any, ...]]:
    """How many there are, from where to where."""
    counts, edges = np.histogram(latencies, BINS, (0, LONGEST_MS))
    return zip(counts, edges[:-1], edges[1:], strict=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("studies", type=Path)
    parser.add_argument("pictures", type=Path)
    arguments = parser.parse_args()
    arguments.pictures.mkdir(parents=True, exist_ok=True)
    studies = defaultdict(list)
    for folder in sorted(file.parent for file in arguments.studies.rglob(journal.JOURNAL_FILE)):
        objective = next(journal.read_journal(folder))["config"]["objective"]
        exponents = (objective["alpha"], objective["beta"])
        studies[exponents, objective["target_ms"]].append(proposals(folder))
    for (exponents, target), found in studies.items():
        name = "soft" if exponents[0] == exponents[1] else "hard"
        print(f"{name}: {told(found, target)}")
        title = f"{name}: exponents {exponents[0]:g} and {exponents[1]:g}"
        file = arguments.pictures / f"figure6_{name}.png"
        drawn(found[0], target, title).save(file, scale_factor=1.5)


if __name__ == "__main__":
    main()
