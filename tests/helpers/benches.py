"""An executor with real workers on a bench, with toys to evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
from toys import ToyEvaluatorConfig, ToyMeterConfig, toy_study, wait_for_message

from nasframe import Executor, Report, Result, Step, option


class Bench:
    """An executor at work, and its workers.

    Attributes:
        log: each attempt at an evaluation is a line in it.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        workers: int = 1,
        retries: int = 1,
        timeout: float | None = None,
        settings: dict[str, Any] | None = None,
        **evaluator: Any,
    ) -> None:
        self.log = folder / "log"
        self._name = name
        study = toy_study(
            folder,
            evaluator=ToyEvaluatorConfig(log=self.log, **evaluator),
            meters={"toy": ToyMeterConfig()},
            keep=0,
            trial_timeout=timeout,
            retries=retries,
        )
        config = option("executor", name, **{"workers": workers, **(settings or {})})
        self.executor: Executor = config.build(study.parts())

    def run(self, number: int, tokens: tuple[int, ...], step: Step = Step.TRAIN) -> Result:
        """Run a step to its end; every report is answered by go on."""
        self.executor.submit(number, step, tokens)
        while isinstance(message := self.next(), Report):
            self.executor.reply(message.number, True)
        return message

    def next(self) -> Report | Result:
        """The next message."""
        return wait_for_message(self.executor)

    @property
    def attempts(self) -> int:
        return len(self.log.read_text().split())

    def workers(self) -> list[psutil.Process]:
        return workers_of(psutil.Process(), self._name)


def workers_of(driver: psutil.Process, name: str) -> list[psutil.Process]:
    """The worker processes of an executor."""
    mark = {"process": "spawn_main", "ray": "ray::RayWorker"}[name]
    return [p for p in driver.children(recursive=True) if any(mark in word for word in _words(p))]


def is_alive(process: psutil.Process) -> bool:
    """Whether a process, which may be this one's child, still runs."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # it has ended
        return []
