"""A search for accuracy alone and one for a latency: ``python tests/benchmarks/target.py``.

The target is half the median latency of random networks. Both searches have as many trials, and
train each child alike; told are the five best of each by its own reward. Every study measures for
itself, and goes on where it was interrupted.
"""

from __future__ import annotations

import argparse
import subprocess
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median

from nasframe import Trial, read_result

TOP = 5
RANDOM = 50
CHILDREN = ("experiment=mnasnet_imagenet_small", "controller=pqt", "keep=0")


def run(folder: Path, *words: str) -> None:
    """Run a study, or go on with it."""
    script = Path(sysconfig.get_path("scripts")) / "nasframe"
    subprocess.run([script, f"dir={folder}", *words], check=True, stdout=subprocess.DEVNULL)


def values(trials: Sequence[Trial], name: str) -> list[float]:
    found = [trial.metrics[name] for trial in trials]
    return [value for value in found if not isinstance(value, tuple)]


def show(title: str, trials: Sequence[Trial], target_ms: float) -> float:
    """Print the best trials; returns their mean accuracy."""
    accuracies, latencies = values(trials, "val_accuracy"), values(trials, "latency_ms")
    print(
        f"{title:<30} accuracy {mean(accuracies):.2%}, ms "
        + ", ".join(f"{ms:.2f}" for ms in latencies)
        + f"; at most {max(latencies) / target_ms:.0%} of the target",
        flush=True,
    )
    return mean(accuracies)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dir", type=Path, default=Path("runs/target"))
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--objective", default="accuracy_latency_hard")
    parser.add_argument("words", nargs="*", help="more settings of all studies")
    arguments = parser.parse_args()
    common = (*CHILDREN, *arguments.words)
    words = ("controller=random", "evaluator.epochs=1", f"trials={RANDOM}")
    run(arguments.dir / "random", *common, *words)
    latencies = values(read_result(arguments.dir / "random").trials, "latency_ms")
    target_ms = median(latencies) / 2
    print(
        f"{RANDOM} random networks: {min(latencies):.2f} to {max(latencies):.2f} ms, median "
        f"{median(latencies):.2f}; the target is {target_ms:.2f} ms"
    )
    for seed in range(arguments.seeds):
        size = (f"seed={seed}", f"trials={arguments.trials}")
        found = []
        for objective in ("accuracy", arguments.objective):
            folder = arguments.dir / f"{objective}-{seed}"
            words = (f"objective={objective}", *size)
            if objective != "accuracy":
                words += (f"objective.target_ms={target_ms:.3g}",)
            run(folder, *common, *words)
            best = read_result(folder).top(TOP)
            found.append(show(f"{objective}, seed {seed}", best, target_ms))
        print(f"{'':<30} {100 * (found[0] - found[1]):+.2f} points lost", flush=True)


if __name__ == "__main__":
    main()
