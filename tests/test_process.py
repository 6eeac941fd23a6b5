"""Worker processes: what happens there to a child, and what the study sees of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from toys import ToyEvaluatorConfig, ToyMeterConfig, ToySpaceConfig, ToyTaskConfig, toy_study

from nasframe import Executor, NasframeError, Parts, Report, Result, Step, option, run
from nasframe.executors.workplace import device_of
from nasframe.testing import journal_events

CHILD = (1, 2, 3, 4)
PROGRAM = Path(__file__).with_name("toy_program.py")


class Bench:
    """An executor at work, and its workers."""

    def __init__(
        self,
        folder: Path,
        *,
        workers: int = 1,
        retries: int = 1,
        timeout: float | None = None,
        **evaluator: Any,
    ) -> None:
        self.log = folder / "log"
        parts = Parts(
            search_space=ToySpaceConfig(),
            task=ToyTaskConfig(),
            evaluator=ToyEvaluatorConfig(log=self.log, **evaluator),
            meters={"toy": ToyMeterConfig()},
            folder=folder,
            keep_weights=False,
            trial_timeout=timeout,
            retries=retries,
        )
        self.executor: Executor = option("executor", "process", workers=workers).build(parts)

    def run(self, number: int, tokens: tuple[int, ...], step: Step = Step.TRAIN) -> Result:
        """Run a step to its end; every report is answered by go on."""
        self.executor.submit(number, step, tokens)
        while True:
            for message in self.executor.wait():
                if isinstance(message, Result):
                    return message
                self.executor.reply(message.number, True)

    @property
    def attempts(self) -> int:
        return len(self.log.read_text().split())

    def workers(self) -> list[psutil.Process]:
        def is_worker(process: psutil.Process) -> bool:
            return any("spawn_main" in word for word in process.cmdline())

        return [p for p in psutil.Process().children() if is_worker(p)]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("killed", "was ended by SIGKILL, perhaps for lack of memory"),
        ("crashes", "was ended by SIGSEGV"),
        ("leaves", "died"),
    ],
)
def test_a_step_whose_worker_died_is_tried_again_and_then_fails(
    tmp_path: Path, how: str, reason: str
) -> None:
    work = Bench(tmp_path, retries=2, **{how: 1}, deaths=2)
    try:
        assert work.run(0, CHILD).error is None
        assert work.attempts == 3
    finally:
        work.executor.close()
    work = Bench(tmp_path, retries=1, **{how: 1}, deaths=1000)
    try:
        result = work.run(1, CHILD)
        assert result.error == f"its worker {reason}"
        assert not result.fatal
        assert work.attempts == 5
        assert work.run(2, (2, 2, 3, 4)).error is None
    finally:
        work.executor.close()


def test_an_exception_is_not_tried_again(tmp_path: Path) -> None:
    work = Bench(tmp_path, retries=5, fails=1)
    assert work.run(0, CHILD).error == "RuntimeError: this child failed"
    assert work.attempts == 1
    assert work.run(1, (2, 2, 3, 4)).error is None
    work.executor.close()


def test_a_child_that_hangs_fails_when_its_time_is_over(tmp_path: Path) -> None:
    work = Bench(tmp_path, timeout=1.5, retries=3, hangs=1, deaths=1000)
    start = time.monotonic()
    result = work.run(0, CHILD)
    assert result.error == "TimeoutError: took longer than trial_timeout=1.5 s"
    assert 1.5 <= result.seconds < time.monotonic() - start
    assert work.attempts == 1
    assert work.run(1, (2, 2, 3, 4)).error is None
    work.executor.close()


def test_what_cannot_be_sent_is_a_failure(tmp_path: Path) -> None:
    work = Bench(tmp_path, odd=1)
    assert "pickle" in (work.run(0, CHILD).error or "")
    assert work.run(1, (2, 2, 3, 4)).error is None
    work.executor.close()


UNGUARDED = """
import sys
from toys import toy_study
import nasframe
executor = nasframe.option("executor", "process")
nasframe.run(toy_study(sys.argv[1], executor=executor))
"""


def test_a_program_that_workers_cannot_import_is_told_how_to_change(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(UNGUARDED)
    env = {**os.environ, "PYTHONPATH": str(PROGRAM.parent)}
    words = [sys.executable, program, tmp_path / "study"]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60)
    last = done.stderr.strip().splitlines()[-2:]
    assert last[0].endswith("a worker process died before it began"), done.stderr
    assert 'if __name__ == "__main__":, or take executor=serial' in last[1]


def test_a_worker_that_dies_while_it_has_nothing_to_do_is_replaced(tmp_path: Path) -> None:
    work = Bench(tmp_path)
    for number in range(3):
        assert work.run(number, CHILD).error is None
        (worker,) = work.workers()
        worker.kill()
        while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.001)
        time.sleep(0.25 * number)  # before and after it is noticed
    assert work.run(3, CHILD, Step.MEASURE).metrics == {"cost": 10.0}
    work.executor.close()


def test_workers_end_with_the_executor(tmp_path: Path) -> None:
    work = Bench(tmp_path, workers=2, hangs=1, deaths=1000)
    work.run(0, (2, 2, 3, 4))
    work.executor.submit(1, Step.TRAIN, CHILD)
    workers = work.workers()
    assert len(workers) == 2
    work.executor.close()
    assert not any(worker.is_running() for worker in workers)


def test_steps_run_at_the_same_time(tmp_path: Path) -> None:
    work = Bench(tmp_path, workers=2, epochs=1)
    for number in (0, 1):
        work.executor.submit(number, Step.TRAIN, CHILD)
    reports: set[int] = set()
    while len(reports) < 2:  # each waits for its answer while the other one runs
        for message in work.executor.wait():
            assert isinstance(message, Report)
            reports.add(message.number)
    for number in (1, 0):
        work.executor.reply(number, True)
        (result,) = work.executor.wait()
        assert isinstance(result, Result) and result.number == number
    work.executor.close()


@pytest.mark.parametrize(
    ("place", "visible", "found", "device"),
    [
        (0, None, 0, None),
        (0, None, 2, "0"),
        (3, None, 2, "1"),
        (1, "5, 7", 8, "7"),
        (2, "5, 7", 8, "5"),
        (4, "GPU-1f", 0, "GPU-1f"),
    ],
)
def test_workers_share_the_gpus_in_turn(
    place: int, visible: str | None, found: int, device: str | None
) -> None:
    assert device_of(place, visible, range(found)) == device


def test_wrong_settings_are_told(tmp_path: Path) -> None:
    with pytest.raises(NasframeError, match="workers"):
        option("executor", "process", workers=0)
    for settings in ({"trial_timeout": 0}, {"retries": -1}):
        with pytest.raises(NasframeError, match=next(iter(settings))):
            toy_study(tmp_path, **settings)


def test_a_study_is_the_same_with_any_number_of_workers(tmp_path: Path) -> None:
    for name, executor in {
        "serial": option("executor", "serial"),
        "one": option("executor", "process"),
        "two": option("executor", "process", workers=2),
    }.items():
        run(toy_study(tmp_path / name, executor=executor, trials=30))
    assert journal_events(tmp_path / "serial") == journal_events(tmp_path / "one")
    assert journal_events(tmp_path / "serial") == journal_events(tmp_path / "two")
    assert len(journal_events(tmp_path / "two")) > 30


def test_a_killed_driver_takes_its_workers_along_and_the_study_goes_on(tmp_path: Path) -> None:
    def start(name: str) -> subprocess.Popen[bytes]:
        words = (str(tmp_path / name), str(tmp_path / f"{name}.log"), "0.1", "2")
        return subprocess.Popen([sys.executable, PROGRAM, *words], stdout=subprocess.DEVNULL)

    assert start("whole").wait() == 0
    journal = tmp_path / "killed" / "journal.jsonl"
    for _ in range(3):
        driver = start("killed")
        size = journal.stat().st_size if journal.exists() else 0
        while not journal.exists() or journal.stat().st_size < size + 1500:
            time.sleep(0.01)
        workers = psutil.Process(driver.pid).children(recursive=True)
        driver.kill()
        driver.wait()
        gone, alive = psutil.wait_procs(workers, timeout=10)
        assert len(gone) >= 2 and not alive
    assert start("killed").wait() == 0
    assert journal_events(tmp_path / "killed")[1:] == journal_events(tmp_path / "whole")[1:]
