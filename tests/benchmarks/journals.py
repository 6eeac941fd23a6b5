"""What a journal of 100,000 trials costs: ``python tests/benchmarks/journals.py``.

A study of the default search space at random, with metrics as a child of 5 epochs gives them, but
made up. Then, each in a process of its own: the journal is read, the study is resumed (twice: as it
is, and for 100 trials more), and the report is made. The baseline is to parse each line with
Python's ``json`` and to keep nothing.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from nasframe import (
    Architecture,
    Context,
    Evaluator,
    EvaluatorConfig,
    Metrics,
    SearchSpace,
    StudyConfig,
    Task,
    option,
    read_result,
    run,
)

EPOCHS = 5
REPORT = str(Path(sys.executable).with_name("nasframe-report"))


class MadeUp(Evaluator):
    """Gives in no time what a child would."""

    provides = ("val_accuracy", "val_loss", "parameters")

    def evaluate(self, architecture: Architecture, context: Context) -> Metrics:
        """Draw the metrics."""
        draw = random.Random(context.seed)
        accuracies = tuple(sorted(draw.random() for _ in range(EPOCHS)))
        losses = tuple(2.3 - accuracy for accuracy in accuracies)
        return {
            "val_accuracy": accuracies[-1],
            "val_loss": losses[-1],
            "val_accuracy_epochs": accuracies,
            "val_loss_epochs": losses,
            "epochs": EPOCHS,
            "parameters": draw.randrange(10**5),
            "train_seconds": draw.random(),
            "samples_per_second": 1000 * draw.random(),
        }


@dataclass(kw_only=True)
class MadeUpConfig(EvaluatorConfig):
    """Metrics that are made up."""

    def build(self, space: SearchSpace, task: Task) -> Evaluator:
        """Make the evaluator."""
        return MadeUp()


def study(folder: Path, trials: int) -> StudyConfig:
    return StudyConfig(
        dir=folder,
        search_space=option("search_space", "nasnet_small"),
        task=option("task", "digits"),
        controller=option("controller", "random"),
        objective=option("objective", "accuracy"),
        evaluator=MadeUpConfig(),
        executor=option("executor", "serial"),
        stopper=option("stopper", "none"),
        trials=trials,
        keep=0,
    )


def parse(folder: Path) -> None:
    for line in (folder / "journal.jsonl").open():
        json.loads(line)


def measured(what: str, folder: Path, trials: int) -> None:
    """Do one thing, and print its seconds and the bytes that it holds in the end."""
    with tempfile.TemporaryDirectory() as other:
        run(study(Path(other), 1))  # imports are not counted
    before = psutil.Process().memory_info().rss
    start = time.perf_counter()
    if what == "parse":
        kept: object = parse(folder)
    elif what == "read":
        kept = read_result(folder)
    else:
        kept = run(study(folder, trials))
    seconds = time.perf_counter() - start
    held = psutil.Process().memory_info().rss - before
    del kept
    print(f"{what}\t{seconds:.2f} s\t{held / trials / 1024:.2f} KiB a trial", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        measured(args.measure[0], Path(args.measure[1]), args.trials)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = time.perf_counter()
        run(study(folder, args.trials))
        size = (folder / "journal.jsonl").stat().st_size
        print(f"written in {time.perf_counter() - start:.0f} s: {size / args.trials:.0f} B a trial")
        for what, trials in (
            ("parse", args.trials),
            ("read", args.trials),
            ("resume", args.trials),
            ("go on", args.trials + 100),
        ):
            words = ["--trials", str(trials), "--measure", what, name]
            subprocess.run([sys.executable, __file__, *words], check=True)
        start = time.perf_counter()
        report = subprocess.Popen([REPORT, name], stdout=subprocess.DEVNULL)
        most = 0
        while report.poll() is None:
            most = max(most, psutil.Process(report.pid).memory_info().rss)
            time.sleep(0.02)
        seconds = time.perf_counter() - start
        print(f"report\t{seconds:.2f} s\t{most / 2**20:.0f} MiB at most")


if __name__ == "__main__":
    main()
