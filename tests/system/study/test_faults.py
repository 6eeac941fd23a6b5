"""A study that is killed again and again, with the embedded table: real processes, real kills."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from places import HELPERS

from nasframe import Controller, option, read_result
from nasframe.storage.journal import JOURNAL_FILE, read_journal
from nasframe.testing import journal_events

pytestmark = pytest.mark.alone

PROGRAM = HELPERS / "table_program.py"
TRIALS = 3000


def start(folder: Path, executor: str, workers: int, synchronous: bool) -> subprocess.Popen[bytes]:
    words = (folder, TRIALS, executor, workers, int(synchronous))
    return subprocess.Popen([sys.executable, PROGRAM, *map(str, words)])


def killed(folder: Path, kills: int, executor: str, workers: int, synchronous: bool) -> None:
    """A study that is killed so often, each time after its journal has grown by some bytes."""
    draw, journal = random.Random(kills), folder / JOURNAL_FILE
    for _ in range(kills):
        process = start(folder, executor, workers, synchronous)
        before = journal.stat().st_size if journal.exists() else 0
        wanted = before + draw.randrange(300_000 // kills)
        while process.poll() is None and (not journal.exists() or journal.stat().st_size < wanted):
            time.sleep(draw.uniform(0, 0.002))
        assert process.poll() is None, "it ended before it was killed"
        process.kill()
        process.wait()
    assert start(folder, executor, workers, synchronous).wait() == 0


def course(folder: Path) -> list[object]:
    return [event for event in journal_events(folder) if event["event"] != "study"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """The course of the study that nobody kills."""
    folder = tmp_path_factory.mktemp("whole")
    assert start(folder, "serial", 1, True).wait() == 0
    events = course(folder)
    assert len(events) > TRIALS
    return events


def all_night(executor: str, kills: int) -> object:
    marks = [pytest.mark.slow, pytest.mark.timeout(3600)]
    return pytest.param(executor, kills, marks=marks)


@pytest.mark.parametrize(
    ("executor", "kills"),
    [
        ("serial", 50),
        ("process", 3),
        all_night("serial", 500),
        all_night("process", 100),
        all_night("ray", 30),
    ],
)
def test_a_synchronous_study_takes_the_same_course(
    whole: list[object], tmp_path: Path, executor: str, kills: int
) -> None:
    killed(tmp_path, kills, executor, 2, True)
    assert course(tmp_path) == whole


@pytest.mark.parametrize(
    ("executor", "kills"),
    [("process", 3), all_night("process", 100), all_night("ray", 30)],
)
def test_an_asynchronous_study_stands_where_its_journal_says(
    tmp_path: Path, executor: str, kills: int
) -> None:
    killed(tmp_path, kills, executor, 2, False)
    space = option("search_space", "nasbench201").build()
    controller: Controller = option("controller", "evolution").build(space.choices, 0, space.active)
    trials = {trial.number: trial for trial in read_result(tmp_path).trials}
    told: list[int] = []
    for event in read_journal(tmp_path):
        if event["event"] == "asked":
            first, count = event["number"], len(event["tokens"])
            proposals = controller.ask(range(first, first + count))
            assert [list(p.tokens) for p in proposals] == event["tokens"]
        elif event["event"] == "told":
            controller.tell([trials[event["number"]]])
            told.append(event["number"])
    assert len(told) == len(set(told))
    assert sorted(told) == list(range(max(told) + 1))
    assert sum(trial.duplicate_of is None for trial in trials.values()) == TRIALS
