"""Our searches in a table beside Optuna's and Ray Tune's: ``python tests/benchmarks/tables.py``.

NAS-Bench-201, CIFAR-10: trials a second, their ratio to Optuna's journal file, and the test
accuracy (%) of the trial with the best validation accuracy. All contenders look up the same values,
which costs microseconds; the time is wall-clock, from opening the table to the best trial. Each
contender runs in a process of its own, with one thread and on one core, after a study of 20 trials
that is not timed. They take turns, once with each seed; speeds and ratios are medians over the
seeds, accuracies means.

Every tool has its defaults. Our trials are distinct architectures, and what is proposed again comes
on top; a study of ours that proposes nothing new 1,000 times in a row ends early. Optuna and Ray
count what is proposed again as a trial. Files lie where temporary files do. Optuna's journal file
syncs what it appends at once; our trials share a sync if they take less time than it does. Ray
needs processes of its own and keeps all cores; it is started before the clock. By default it starts
a process for each trial, as many at once as there are cores: that row has 20 trials. Ray's other
row has one process for all trials (``reuse_actors``).
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean, median
from typing import Any

from nasframe import (
    Architecture,
    Context,
    Evaluator,
    StudyConfig,
    option,
    run,
)

WARM_UP = 20
BASELINE = "Optuna, TPE, journal file"
PARTS = {
    "search_space": "nasbench201",
    "task": "digits",  # has no say in what is looked up
    "objective": "accuracy",
    "evaluator": "nasbench201",
    "executor": "serial",
    "stopper": "none",
}
SPACE = option("search_space", PARTS["search_space"]).build()
OPTIONS = {choice.name: range(len(choice.options)) for choice in SPACE.choices}
ANYWHERE = Context(Path(), "cpu", 0, lambda epoch, metrics: True, lambda: False)

Row = dict[str, float]
Found = tuple[dict[str, int], int]
"""The best architecture, a token for each choice by name, and how many trials there were."""


def open_table() -> Evaluator:
    task = option("task", PARTS["task"]).build()
    evaluator = option("evaluator", PARTS["evaluator"]).build(SPACE, task)
    assert isinstance(evaluator, Evaluator)
    return evaluator


def look_up(evaluator: Evaluator, metric: str, tokens: dict[str, int]) -> Any:
    architecture = Architecture(tuple(tokens[name] for name in OPTIONS))
    return evaluator.evaluate(architecture, ANYWHERE)[metric]


def search_ours(controller: str, seed: int, trials: int, folder: Path) -> Found:
    parts = {group: option(group, name) for group, name in PARTS.items()}
    parts["controller"] = option("controller", controller)
    result = run(StudyConfig(**parts, dir=folder, seed=seed, trials=trials))
    assert result.best is not None
    best = dict(zip(OPTIONS, result.best.architecture.tokens, strict=True))
    return best, len(result.top(trials))


def search_optuna(sampler: str, storage: str, seed: int, trials: int, folder: Path) -> Found:
    import optuna
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    folder.mkdir()
    storages: dict[str, Callable[[], Any]] = {
        "memory": lambda: None,
        "journal": lambda: optuna.storages.JournalStorage(JournalFileBackend(f"{folder}/log")),
        "sqlite": lambda: f"sqlite:///{folder}/optuna.db",
    }
    evaluator = open_table()

    def objective(trial: optuna.Trial) -> float:
        tokens = {name: trial.suggest_categorical(name, o) for name, o in OPTIONS.items()}
        return float(look_up(evaluator, "val_accuracy", tokens))

    study = optuna.create_study(
        direction="maximize",
        sampler=getattr(optuna.samplers, sampler)(seed=seed),
        storage=storages[storage](),
    )
    study.optimize(objective, n_trials=trials)
    return study.best_params, len(study.trials)


def search_ray(reuse: bool, seed: int, trials: int, folder: Path) -> Found:
    import ray
    from ray import tune
    from ray.tune.search import BasicVariantGenerator

    if not ray.is_initialized():  # in the study that is not timed; it ends with the process
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        ray.init(include_dashboard=False, _temp_dir=str(folder.parent / "ray"), **quiet)

    def trainable(tokens: dict[str, int], evaluator: Evaluator) -> dict[str, float]:
        return {"val_accuracy": look_up(evaluator, "val_accuracy", tokens)}

    config = tune.TuneConfig(
        metric="val_accuracy",
        mode="max",
        num_samples=trials,
        search_alg=BasicVariantGenerator(max_concurrent=1 if reuse else 0, random_state=seed),
        reuse_actors=reuse,
    )
    results = tune.Tuner(
        tune.with_parameters(trainable, evaluator=open_table()),
        param_space={name: tune.choice(options) for name, options in OPTIONS.items()},
        tune_config=config,
        run_config=tune.RunConfig(storage_path=str(folder), verbose=0),
    ).fit()
    best = results.get_best_result().config
    assert best is not None
    return best, len(results)


@dataclass(frozen=True)
class Contender:
    """One row of the table.

    Attributes:
        search: searches with a seed and so many trials in a new folder.
        needs: the module without which it cannot.
        most_trials: how many it can afford.
        pinned: whether it is kept to one core.
    """

    search: Callable[[int, int, Path], Found]
    needs: str = "nasframe"
    most_trials: int | None = None
    pinned: bool = True


def with_optuna(sampler: str, storage: str) -> Contender:
    return Contender(partial(search_optuna, sampler, storage), "optuna")


CONTENDERS = {
    "nasframe, random": Contender(partial(search_ours, "random")),
    "nasframe, evolution": Contender(partial(search_ours, "evolution")),
    "nasframe, reinforce": Contender(partial(search_ours, "reinforce")),
    "nasframe, ppo": Contender(partial(search_ours, "ppo")),
    "nasframe, pqt": Contender(partial(search_ours, "pqt")),
    "nasframe, optuna (TPE)": Contender(partial(search_ours, "optuna"), "optuna"),
    "Optuna, random, in memory": with_optuna("RandomSampler", "memory"),
    "Optuna, TPE, in memory": with_optuna("TPESampler", "memory"),
    BASELINE: with_optuna("TPESampler", "journal"),
    "Optuna, TPE, SQLite": with_optuna("TPESampler", "sqlite"),
    "Ray Tune, random": Contender(
        partial(search_ray, False), "ray.tune", most_trials=20, pinned=False
    ),
    "Ray Tune, random, one process": Contender(partial(search_ray, True), "ray.tune", pinned=False),
}


def measure(contender: Contender, seed: int, trials: int, folder: Path) -> Row | None:
    """Search in this process; ``None`` if what it needs is not installed."""
    try:
        importlib.import_module(contender.needs)
    except ImportError:
        return None
    if contender.pinned and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    contender.search(seed, WARM_UP, folder / "warm")
    trials = min(trials, contender.most_trials or trials)
    start = time.perf_counter()
    best, done = contender.search(seed, trials, folder / "timed")
    seconds = time.perf_counter() - start
    accuracy = look_up(open_table(), "test_accuracy", best)
    return {"trials": done, "speed": done / seconds, "accuracy": accuracy}


def measure_apart(name: str, seed: int, trials: int) -> Row | None:
    """Search in a process of its own, whose last line is what it measured."""
    settings = {"OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--trials", str(trials)]
        command += ["--only", name, str(seed), folder]
        environment = {**os.environ, **settings}
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout
    result: Row | None = json.loads(output.splitlines()[-1])
    return result


def show(name: str, rows: list[Row], baseline: list[Row]) -> None:
    if not rows:
        print(f"{name:<32}not installed")
        return
    speeds = [row["speed"] for row in rows]
    ratios = [row["speed"] / other["speed"] for row, other in zip(rows, baseline, strict=False)]
    ratio = f"{median(ratios):.2f}" if ratios else ""
    accuracy = 100 * mean(row["accuracy"] for row in rows)
    trials = mean(row["trials"] for row in rows)
    print(f"{name:<32}{trials:>7.0f}{median(speeds):>10.1f}{ratio:>10}{accuracy:>15.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        name, seed, folder = arguments.only
        found = measure(CONTENDERS[name], int(seed), arguments.trials, Path(folder))
        print(json.dumps(found), flush=True)
        return
    rows: dict[str, list[Row]] = {name: [] for name in CONTENDERS}
    for seed in range(arguments.seeds):
        for name in CONTENDERS:
            row = measure_apart(name, seed, arguments.trials)
            rows[name] += [row] if row else []
    print(f"{'contender':<32}{'trials':>7}{'a second':>10}{'ratio':>10}{'test accuracy':>15}")
    for name, results in rows.items():
        show(name, results, rows[BASELINE])


if __name__ == "__main__":
    main()
