"""How much faster several workers are, and what they cost: ``python tests/benchmarks/workers.py``.

First real children: the default search on digits, each time with new seeds, in one process on one
thread and on two, in two worker processes that need not wait for each other, and in two actors of
a local Ray; the contenders take turns. Times run from the first told trial to the last. Then a
free evaluator: milliseconds of a trial with each executor.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
import warnings
from pathlib import Path
from statistics import median

sys.path.append(str(Path(__file__).parents[1] / "helpers"))

from toys import ToyEvaluatorConfig, ToySpaceConfig, toy_study

from nasframe import ExecutorConfig, StudyConfig, Trial, option, run
from nasframe.study.observer import Observer

CONTENDERS = {
    "serial, one thread": (option("executor", "serial"), 1),
    "serial, two threads": (option("executor", "serial"), 2),
    "process": (option("executor", "process", workers=2), 1),
    "ray": (option("executor", "ray", workers=2), 1),
}


class Clock(Observer):
    """When the trials were told."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_result(self, trial: Trial) -> None:
        self.times.append(time.perf_counter())

    def seconds(self) -> float:
        """Of a trial, the first one aside."""
        return (self.times[-1] - self.times[0]) / (len(self.times) - 1)


def seconds(config: StudyConfig) -> float:
    clock = Clock()
    run(config, observers=[clock])
    return clock.seconds()


def children(executor: ExecutorConfig, threads: int, trials: int, seed: int) -> float:
    """Seconds a trial of real children."""
    with tempfile.TemporaryDirectory() as folder:
        return seconds(
            StudyConfig(
                dir=Path(folder),
                search_space=option("search_space", "nasnet_small"),
                task=option("task", "digits"),
                controller=option("controller", "random"),
                objective=option("objective", "accuracy"),
                evaluator=option("evaluator", "train", threads=threads),
                executor=executor,
                stopper=option("stopper", "none"),
                trials=trials,
                seed=seed,
                synchronous=False,
                keep=0,
            )
        )


def free(executor: ExecutorConfig, trials: int) -> float:
    """Seconds a trial of an evaluator that does nothing."""
    with tempfile.TemporaryDirectory() as folder:
        return seconds(
            toy_study(
                Path(folder),
                search_space=ToySpaceConfig(choices=20, options=10),
                evaluator=ToyEvaluatorConfig(epochs=1),
                executor=executor,
                trials=trials,
                synchronous=False,
                keep=0,
            )
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    rounds: list[dict[str, float]] = []
    for seed in range(args.repeats):
        rounds.append(
            {
                name: children(executor, threads, args.trials, seed)
                for name, (executor, threads) in CONTENDERS.items()
            }
        )
        print("  ".join(f"{name}: {1 / s * 60:.1f} a minute" for name, s in rounds[-1].items()))
    for two in ("process", "ray"):
        for name in ("serial, one thread", "serial, two threads"):
            ratio = median(times[name] / times[two] for times in rounds)
            print(f"{two}, two workers: {ratio:.2f} times the trials of {name}", flush=True)
    for name in ("serial, one thread", "process", "ray"):
        print(f"a free evaluator, {name}: {1e3 * free(CONTENDERS[name][0], 3000):.2f} ms a trial")


if __name__ == "__main__":
    main()
