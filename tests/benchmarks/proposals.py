"""What studies in a table had found after so many proposals, duplicates included.

``python tests/benchmarks/proposals.py FOLDER``: the folder of a multirun; for each controller the
mean over its seeds of the test accuracy (%) of the trial that was best by reward, its standard
error, how many networks were new, and how many studies had ended before.
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from pathlib import Path
from statistics import mean, stdev

from nasframe import StudyResult, Trial, read_result
from nasframe.study.result import rank_trials

MARKS = (1_000, 10_000)


def accuracy(trial: Trial) -> float:
    value = trial.metrics["test_accuracy"]
    assert not isinstance(value, tuple)
    return 100 * value


def show(name: str, studies: list[StudyResult], mark: int) -> None:
    firsts = [[t for t in study.trials if t.number < mark] for study in studies]
    ranked = [rank_trials(trials) for trials in firsts]
    accuracies = [accuracy(trials[0]) for trials in ranked]
    error = stdev(accuracies) / len(accuracies) ** 0.5 if len(accuracies) > 1 else math.nan
    new = mean(map(len, ranked))
    ended = sum(len(trials) < mark for trials in firsts)
    print(
        f"{name:<20}{mark:>7,} proposals: {mean(accuracies):.2f} +- {error:.2f}, "
        f"{new:,.0f} networks, {ended} of {len(studies)} studies had ended"
    )


def main() -> None:
    contenders = defaultdict(list)
    for journal in sorted(Path(sys.argv[1]).rglob("journal.jsonl")):
        name = journal.parent.name.partition("+")[0]
        contenders[name].append(read_result(journal.parent))
    for name, studies in contenders.items():
        for mark in MARKS:
            show(name, studies, mark)


if __name__ == "__main__":
    main()
