"""Workers in other processes: what happens there to a child, and what the study sees of it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from benches import Bench, is_alive, workers_of
from places import HELPERS
from toys import toy_study

from nasframe import (
    NasframeError,
    Report,
    Result,
    Step,
    Trial,
    option,
    run,
)
from nasframe.study.observer import Observer
from nasframe.testing import journal_events

pytestmark = pytest.mark.alone

CHILD = (1, 2, 3, 4)
PROGRAM = HELPERS / "toy_program.py"


@pytest.fixture(params=["process", "ray"])
def name(request: pytest.FixtureRequest) -> str:
    if request.param == "ray":
        request.getfixturevalue("local_ray")
    return str(request.param)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("killed", "was ended by SIGKILL, perhaps for lack of memory"),
        ("crashes", "was ended by SIGSEGV"),
        ("leaves", "died"),
    ],
)
def test_a_step_whose_worker_died_is_tried_again_and_then_fails(
    name: str, tmp_path: Path, how: str, reason: str
) -> None:
    work = Bench(name, tmp_path, retries=2, **{how: 1}, deaths=2)
    try:
        assert work.run(0, CHILD).error is None
        assert work.attempts == 3
    finally:
        work.executor.close()
    work = Bench(name, tmp_path, retries=1, **{how: 1}, deaths=1000)
    try:
        result = work.run(1, CHILD)
        assert result.error == f"its worker {reason if name == 'process' else 'died'}"
        assert not result.fatal
        assert work.attempts == 5
        assert work.run(2, (2, 2, 3, 4)).error is None
    finally:
        work.executor.close()


def test_an_exception_is_not_tried_again(name: str, tmp_path: Path) -> None:
    work = Bench(name, tmp_path, retries=5, fails=1)
    assert work.run(0, CHILD).error == "RuntimeError: this child failed"
    assert work.attempts == 1
    assert work.run(1, (2, 2, 3, 4)).error is None
    work.executor.close()


def test_a_child_that_hangs_fails_when_its_time_is_over(name: str, tmp_path: Path) -> None:
    work = Bench(name, tmp_path, timeout=1.5, retries=3, hangs=1, deaths=1000)
    start = time.monotonic()
    result = work.run(0, CHILD)
    assert result.error == "TimeoutError: took longer than trial_timeout=1.5 s"
    assert 1.5 <= result.seconds < time.monotonic() - start
    assert work.attempts == 1
    assert work.run(1, (2, 2, 3, 4)).error is None
    work.executor.close()


def test_what_is_no_number_is_a_failure(name: str, tmp_path: Path) -> None:
    work = Bench(name, tmp_path, odd=1)
    assert "not a number or a tuple: use float(x)" in (work.run(0, CHILD).error or "")
    assert work.run(1, (2, 2, 3, 4)).error is None
    work.executor.close()


def test_a_worker_that_dies_while_it_has_nothing_to_do_is_replaced(
    name: str, tmp_path: Path
) -> None:
    work = Bench(name, tmp_path, retries=0)
    for number in range(3):
        assert work.run(number, CHILD).error is None
        (worker,) = work.workers()
        worker.kill()
        while is_alive(worker):
            time.sleep(0.001)
        time.sleep(0.25 * number)  # before and after it is noticed
    assert work.run(3, CHILD, Step.MEASURE).metrics == {"cost": 10.0}
    work.executor.close()


def test_workers_end_with_the_executor(name: str, tmp_path: Path) -> None:
    work = Bench(name, tmp_path, workers=2, hangs=1, deaths=1000)
    work.executor.submit(1, Step.TRAIN, CHILD)
    work.run(0, (2, 2, 3, 4))
    workers = work.workers()
    assert len(workers) == 2
    work.executor.close()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive


def test_steps_run_at_the_same_time(name: str, tmp_path: Path) -> None:
    work = Bench(name, tmp_path, workers=2, epochs=1)
    for number in (0, 1):
        work.executor.submit(number, Step.TRAIN, CHILD)
    reports: set[int] = set()
    while len(reports) < 2:  # each waits for its answer while the other one runs
        message = work.next()
        assert isinstance(message, Report)
        reports.add(message.number)
    for number in (1, 0):
        work.executor.reply(number, True)
        result = work.next()
        assert isinstance(result, Result)
        assert result.number == number
    work.executor.close()


def test_wrong_settings_are_told(tmp_path: Path) -> None:
    for name in ("process", "ray"):
        with pytest.raises(NasframeError, match="workers"):
            option("executor", name, workers=0)
    for settings in ({"trial_timeout": 0}, {"retries": -1}):
        with pytest.raises(NasframeError, match=next(iter(settings))):
            toy_study(tmp_path, **settings)


def test_a_study_is_the_same_with_any_number_of_workers(name: str, tmp_path: Path) -> None:
    for folder, executor in {
        "serial": option("executor", "serial"),
        "one": option("executor", name, workers=1),
        "two": option("executor", name, workers=2),
    }.items():
        run(toy_study(tmp_path / folder, executor=executor, trials=30))
    assert journal_events(tmp_path / "serial") == journal_events(tmp_path / "one")
    assert journal_events(tmp_path / "serial") == journal_events(tmp_path / "two")
    assert len(journal_events(tmp_path / "two")) > 30


def told(journal: Path) -> int:
    return journal.read_bytes().count(b'"told"') if journal.exists() else 0


def test_a_killed_driver_takes_its_workers_along_and_the_study_goes_on(tmp_path: Path) -> None:
    """Under Ray, too: ``test_first_minutes.py`` has it with real children."""

    def start(name: str) -> subprocess.Popen[bytes]:
        words = (str(tmp_path / name), str(tmp_path / f"{name}.log"), "0.1", "2")
        return subprocess.Popen([sys.executable, PROGRAM, *words], stdout=subprocess.DEVNULL)

    assert start("whole").wait() == 0
    journal = tmp_path / "killed" / "journal.jsonl"
    for _ in range(3):
        driver = start("killed")
        before = told(journal)
        while told(journal) < before + 2:
            time.sleep(0.01)
        workers = workers_of(psutil.Process(driver.pid), "process")
        driver.kill()
        driver.wait()
        gone, alive = psutil.wait_procs(workers, timeout=20)
        assert len(gone) == 2
        assert not alive
    assert start("killed").wait() == 0
    assert journal_events(tmp_path / "killed")[1:] == journal_events(tmp_path / "whole")[1:]


class Scales(Observer):
    """What the workers hold after each trial: memory in bytes, files and threads."""

    def __init__(self) -> None:
        self.held: list[tuple[int, int, int]] = []

    def on_result(self, trial: Trial) -> None:
        if trial.duplicate_of is None:
            (worker,) = workers_of(psutil.Process(), "process")
            self.held.append((worker.memory_info().rss, worker.num_fds(), worker.num_threads()))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_five_hundred_children_leave_nothing_in_their_worker(tmp_path: Path) -> None:
    scales = Scales()
    study = toy_study(
        tmp_path,
        search_space=option("search_space", "nasnet_small"),
        task=option("task", "digits"),
        controller=option("controller", "random"),
        objective=option("objective", "accuracy"),
        evaluator=option("evaluator", "train", epochs=1),
        executor=option("executor", "process"),
        trials=500,
    )
    trials = run(study, observers=[scales]).trials
    assert [trial.error for trial in trials] == [None] * 500
    early, late = scales.held[49], scales.held[499]
    print([round(held[0] / 2**20) for held in scales.held[9::50]], early, late)
    assert late[0] <= 1.05 * early[0]
    assert late[1:] == early[1:]
