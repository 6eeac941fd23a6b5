"""How many epochs a stopper saves, at an equal number of trials and for equally good networks.

``stopping.py FULL STOPPED [--trials N] [--retrain SEEDS]``: two sweeps over the same seeds, without
a stopper and with one. Both are read from their journals. ``--retrain`` trains what each has found
anew, with other seeds of the children: the best few of many noisy rewards are partly the luckiest,
the more so the more children were trained to their end.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev

from nasframe import Architecture, Context, read_result
from nasframe.registry.options import restore_config
from nasframe.storage import journal

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


def by_seed(folder: Path) -> dict[int, Path]:
    """The studies of a sweep."""
    paths = sorted(path.parent for path in folder.glob(f"*/{journal.JOURNAL_FILE}"))
    return {next(journal.read_journal(path))["config"]["seed"]: path for path in paths}


class Retraining:
    """Trains networks of studies that differ in nothing but controller, stopper and seed."""

    def __init__(self, folder: Path, seeds: int) -> None:
        config = next(journal.read_journal(folder))["config"]
        parts = [
            restore_config(group, config[group]) for group in ("search_space", "task", "evaluator")
        ]
        space, task = (part.build() for part in parts[:2])
        self._evaluator = parts[2].build(space, task)
        self._seeds = range(1_000_000, 1_000_000 + seeds)
        self._accuracies: dict[tuple[int, ...], float] = {}

    def best(self, folder: Path, epochs: int) -> float:
        """The mean accuracy of the best few networks that a study finds within so many epochs."""
        trials = [t for t in read_result(folder).trials if t.duplicate_of is None]
        spent, found = 0.0, []
        for trial in trials:
            cost = trial.metrics.get("epochs", 0)
            spent += cost if isinstance(cost, int | float) else 0
            if spent > epochs:
                break
            if trial.reward is not None:
                found.append((trial.reward, trial.architecture))
        found.sort(key=lambda pair: pair[0])
        return fmean(self._accuracy(architecture) for _, architecture in found[-TOP:])

    def _accuracy(self, architecture: Architecture) -> float:
        if architecture.tokens not in self._accuracies:
            contexts = [
                Context(Path("."), "auto", seed, lambda *_: True, lambda: False)
                for seed in self._seeds
            ]
            metrics = [self._evaluator.evaluate(architecture, context) for context in contexts]
            self._accuracies[architecture.tokens] = fmean(m["val_accuracy"] for m in metrics)  # type: ignore[misc]
        return self._accuracies[architecture.tokens]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("full", type=Path)
    parser.add_argument("stopped", type=Path)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--retrain", type=int, default=0, metavar="SEEDS")
    args = parser.parse_args()
    full, stopped = by_seed(args.full), by_seed(args.stopped)
    seeds = sorted(full.keys() & stopped.keys())
    whole = [course(full[seed])[: args.trials] for seed in seeds]
    short = [course(stopped[seed]) for seed in seeds]
    print("seed\tepochs\ttop 5\tepochs stopped\ttop 5")
    for seed, one, other in zip(seeds, whole, short, strict=True):
        row = (one, other[: args.trials])
        cells = [f"{sum(e for e, _ in s)}\t{top([r for _, r in s]):.4f}" for s in row]
        print(seed, *cells, sep="\t")
    budget = round(fmean(sum(e for e, _ in study) for study in whole))
    longest = max(epochs for study in whole for epochs, _ in study)
    print("mean top 5 after so many epochs: epochs, full, stopped")
    for tenth in range(1, 11):
        epochs = budget * tenth // 10
        print(f"{epochs}\t{after(whole, epochs):.4f}\t{after(short, epochs):.4f}")
    goal = after(whole, budget)
    first = next((e for e in range(longest, budget + 1) if after(short, e) >= goal), None)
    print(f"as good as full after {budget} epochs: stopped after {first}", flush=True)
    if not args.retrain:
        return
    print(
        "the top 5 trained anew: epochs, full, stopped, their mean difference, its standard error"
    )
    retraining = Retraining(full[seeds[0]], args.retrain)
    for tenth in (10, 8, 6, 4):
        epochs = budget * tenth // 10
        pairs = [
            (retraining.best(full[seed], budget), retraining.best(stopped[seed], epochs))
            for seed in seeds
        ]
        means = "\t".join(f"{fmean(column):.4f}" for column in zip(*pairs, strict=True))
        change = [b - a for a, b in pairs]
        error = stdev(change) / len(change) ** 0.5
        print(f"{epochs}\t{means}\t{fmean(change):+.4f}\t{error:.4f}", flush=True)


if __name__ == "__main__":
    main()
