"""What a search costs beside its children: ``python tests/benchmarks/search.py``.

A free evaluator, 50 choices of 13 options, the journal on disk; each controller in a process of its
own. The baseline in the same run is Optuna's random sampler over the same 50 choices, in memory and
on its journal file. Times are wall-clock milliseconds a trial.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path.append(str(Path(__file__).parents[1] / "helpers"))

from toys import ToyEvaluatorConfig, ToySpaceConfig, toy_study

from nasframe import Trial, option, run
from nasframe.study.observer import Observer

CHOICES, OPTIONS = 50, 13


class Marks(Observer):
    """Notes the time and the memory after each 1,000 trials."""

    def __init__(self) -> None:
        self.trials: list[int] = []
        self.seconds: list[float] = []
        self.bytes: list[int] = []

    def mark(self, number: int) -> None:
        self.trials.append(number)
        self.seconds.append(time.perf_counter())
        self.bytes.append(psutil.Process().memory_info().rss)

    def on_result(self, trial: Trial) -> None:
        if trial.number == 99 or (trial.number + 1) % 1000 == 0:
            self.mark(trial.number + 1)


def measure(controller: str, trials: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        marks = Marks()
        config = toy_study(
            Path(folder),
            search_space=ToySpaceConfig(choices=CHOICES, options=OPTIONS),
            evaluator=ToyEvaluatorConfig(epochs=1),
            controller=option("controller", controller),
            trials=trials,
            keep=0,
        )
        run(config, observers=[marks])
        size = (Path(folder) / "journal.jsonl").stat().st_size

    def each(first: int, last: int) -> float:
        spent = marks.seconds[last] - marks.seconds[first]
        return 1e3 * spent / (marks.trials[last] - marks.trials[first])

    half = len(marks.trials) // 2
    growth = (marks.bytes[-1] - marks.bytes[1]) / (marks.trials[-1] - marks.trials[1])
    print(
        f"{controller:<22} {each(0, -1):6.2f} ms a trial; "
        f"{each(0, 1):6.2f} from trial 100 to 1,000, "
        f"{each(half, -1):6.2f} from {marks.trials[half]:,} to {marks.trials[-1]:,}; "
        f"memory {growth / 1024:5.2f} KB, journal {size / trials / 1024:5.2f} KB a trial",
        flush=True,
    )


def measure_optuna(journal: bool, trials: int) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        storage = None
        if journal:
            backend = optuna.storages.journal.JournalFileBackend(f"{folder}/optuna.log")
            storage = optuna.storages.JournalStorage(backend)
        study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0), storage=storage
        )

        def objective(trial: optuna.Trial) -> float:
            return float(
                sum(trial.suggest_categorical(f"c{i}", range(OPTIONS)) for i in range(CHOICES))
            )

        start = time.perf_counter()
        study.optimize(objective, n_trials=trials)
        each = 1e3 * (time.perf_counter() - start) / trials
    name = "Optuna, journal file" if journal else "Optuna, in memory"
    print(f"{name:<22} {each:6.2f} ms a trial, over {trials} trials", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20_000)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    parts = {
        "memory": lambda: measure_optuna(journal=False, trials=300),
        "journal": lambda: measure_optuna(journal=True, trials=300),
        "random": lambda: measure("random", arguments.trials),
        "reinforce": lambda: measure("reinforce", arguments.trials),
    }
    if arguments.only:
        parts[arguments.only]()
        return
    for part in parts:
        command = [sys.executable, __file__, "--trials", str(arguments.trials), "--only", part]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
