"""How many epochs a stopper saves, at an equal number of trials and for equally good networks.

``stopping.py FULL STOPPED [--trials N]``: two sweeps over the same seeds, without a stopper and
with one. Both are read from their journals.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from nasframe import journal, read_result

TOP = 5


def course(folder: Path) -> list[tuple[int, float]]:
    """Of each trial, in the order of asking, its epochs and its reward."""
    trials = [trial for trial in read_result(folder).trials if trial.duplicate_of is None]
    worst = min(trial.reward for trial in trials if trial.reward is not None)
    rewards = [worst if trial.reward is None else trial.reward for trial in trials]
    epochs = [trial.metrics.get("epochs", 0) for trial in trials]
    return [(int(e), r) for e, r in zip(epochs, rewards, strict=True) if isinstance(e, int | float)]


def top(rewards: Sequence[float]) -> float:
    """The mean of the best few."""
    return fmean(sorted(rewards)[-TOP:])


def after(studies: Sequence[list[tuple[int, float]]], epochs: int) -> float:
    """The mean, over studies, of what each has found within so many epochs."""
    found = []
    for study in studies:
        spent, rewards = 0, []
        for cost, reward in study:
            spent += cost
            if spent > epochs:
                break
            rewards.append(reward)
        found.append(top(rewards))
    return fmean(found)


def by_seed(folder: Path) -> dict[int, list[tuple[int, float]]]:
    """The studies of a sweep."""
    paths = sorted(path.parent for path in folder.glob(f"*/{journal.FILE}"))
    return {next(journal.read(path))["config"]["seed"]: course(path) for path in paths}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("full", type=Path)
    parser.add_argument("stopped", type=Path)
    parser.add_argument("--trials", type=int, default=100)
    args = parser.parse_args()
    full, stopped = by_seed(args.full), by_seed(args.stopped)
    seeds = sorted(full.keys() & stopped.keys())
    whole = [full[seed][: args.trials] for seed in seeds]
    short = [stopped[seed] for seed in seeds]
    print("seed\tepochs\ttop 5\tepochs stopped\ttop 5")
    for seed, one, other in zip(seeds, whole, short, strict=True):
        row = (one, other[: args.trials])
        cells = [f"{sum(e for e, _ in s)}\t{top([r for _, r in s]):.4f}" for s in row]
        print(seed, *cells, sep="\t")
    budget = round(fmean(sum(e for e, _ in study) for study in whole))
    print("mean top 5 after so many epochs: epochs, full, stopped")
    for tenth in range(1, 11):
        epochs = budget * tenth // 10
        print(f"{epochs}\t{after(whole, epochs):.4f}\t{after(short, epochs):.4f}")
    goal = after(whole, budget)
    first = next((e for e in range(TOP, budget + 1) if after(short, e) >= goal), None)
    print(f"as good as full after {budget} epochs: stopped after {first}")


if __name__ == "__main__":
    main()
