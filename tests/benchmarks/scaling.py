"""How many workers one driver keeps busy: ``python tests/benchmarks/scaling.py``.

A discrete-event model around the real loop. Controller, loop and journal are those of a study, with
the journal on the disk; the workers alone are modelled: a child takes a time that is drawn, reports
after each epoch, and waits for the answer. The clock of the model stands still while the loop
waits and runs as long as the loop works, so that a worker that has ended waits until the driver
has time for it. To that is added, for each message, what an executor needs for it.
"""

from __future__ import annotations

import argparse
import heapq
import random
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from nasframe import (
    Executor,
    ExecutorConfig,
    Parts,
    Report,
    Result,
    Step,
    StudyConfig,
    option,
    run,
)

EPOCHS = 5
SPREAD = 0.45
"""Standard deviation of the logarithm of a child's time, see docs/scaling.md."""


@dataclass
class Child:
    """A child at work: since when it trains its present epoch, and how long each takes."""

    number: int
    epoch_seconds: float
    since: float = 0.0
    epochs: int = 0


class ModelledExecutor(Executor):
    """Workers that exist in the model alone; what they do takes no real time."""

    def __init__(self, workers: int, seconds: float, message_ms: float) -> None:
        self._workers, self._seconds, self._message = workers, seconds, message_ms / 1e3
        self._draw = random.Random(0)
        self._events: list[tuple[float, int]] = []
        self._children: dict[int, Child] = {}
        self._spans: list[tuple[float, float]] = []
        self._begun: list[float] = []
        self._clock, self._real = 0.0, time.perf_counter()

    @property
    def capacity(self) -> int:
        """The number of workers."""
        return self._workers

    def submit(self, number: int, step: Step, tokens: tuple[int, ...]) -> None:
        """Begin a child, with a time of its own."""
        seconds = self._seconds * self._draw.lognormvariate(-(SPREAD**2) / 2, SPREAD)
        self._begun.append(self._now())
        self._children[number] = Child(number, seconds / EPOCHS)
        self._go_on(number)

    def wait(self) -> list[Report | Result]:
        """The next report or end; the clock goes on to it, if it is not past it already."""
        now = self._now()
        end, number = heapq.heappop(self._events)
        child = self._children[number]
        self._spans.append((child.since, end))
        self._clock, self._real = max(now, end) + self._message, time.perf_counter()
        metrics = {"val_accuracy": self._draw.random()}
        if child.epochs < EPOCHS:
            child.epochs += 1
            return [Report(number, child.epochs, metrics)]
        del self._children[number]
        return [Result(number, Step.TRAIN, metrics, child.epoch_seconds * EPOCHS)]

    def reply(self, number: int, go_on: bool) -> None:
        """Let the child train its next epoch, or end after the last."""
        self._go_on(number)

    def cancel(self, number: int) -> None:
        """Nobody cancels here."""
        raise NotImplementedError

    def close(self) -> None:
        """Nothing to give back."""

    def busy(self) -> float:
        """Which part of the time workers were busy, from when all were to the last beginning."""
        first, last = self._begun[self._workers], self._begun[-1]
        spans = (max(0.0, min(end, last) - max(start, first)) for start, end in self._spans)
        return sum(spans) / (self._workers * (last - first))

    def _now(self) -> float:
        return self._clock + time.perf_counter() - self._real

    def _go_on(self, number: int) -> None:
        child = self._children[number]
        child.since = self._now()
        seconds = child.epoch_seconds if child.epochs < EPOCHS else 0.0
        heapq.heappush(self._events, (child.since + seconds, number))


@dataclass(kw_only=True)
class ModelledConfig(ExecutorConfig):
    """Settings of the model; ``made`` is where the executor is found afterwards."""

    workers: int
    seconds: float
    message_ms: float
    made: list[ModelledExecutor] = field(default_factory=list)

    def build(self, parts: Parts) -> Executor:
        """Make the executor."""
        self.made.append(ModelledExecutor(self.workers, self.seconds, self.message_ms))
        return self.made[0]


def busy(config: ModelledConfig, controller: str, synchronous: bool, rounds: int) -> float:
    """Which part of the time the workers are busy."""
    with tempfile.TemporaryDirectory() as folder:
        run(
            StudyConfig(
                dir=Path(folder),
                search_space=option("search_space", "nasnet"),
                task=option("task", "digits"),
                controller=option("controller", controller),
                objective=option("objective", "accuracy"),
                evaluator=option("evaluator", "train"),
                stopper=option("stopper", "none"),
                executor=config,
                synchronous=synchronous,
                trials=config.workers * rounds,
                keep=0,
            )
        )
    return config.made[0].busy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--controller", default="ppo_nasnet")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 8, 64, 256, 450, 512])
    parser.add_argument("--seconds", type=float, nargs="+", default=[1, 10, 60])
    parser.add_argument("--message-ms", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=10, help="children for each worker")
    parser.add_argument("--synchronous", action="store_true")
    args = parser.parse_args()
    print("seconds", *args.workers, sep="\t")
    for seconds in args.seconds:
        print(f"{seconds:g}", end="", flush=True)
        for workers in args.workers:
            config = ModelledConfig(workers=workers, seconds=seconds, message_ms=args.message_ms)
            share = busy(config, args.controller, args.synchronous, max(args.rounds, 40 // workers))
            print(f"\t{share:.1%}", end="", flush=True)
        print()


if __name__ == "__main__":
    main()
