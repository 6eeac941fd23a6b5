"""Loggers on the command line, one of them a third party's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from throwaway import TOYS, Shell, distribution, shell

LINES = '''
"""Rows as lines of JSON."""

import json
from dataclasses import dataclass
from pathlib import Path

from nasframe import Logger, LoggerConfig, hookimpl, setting


class Lines(Logger):
    def __init__(self, path, unit):
        self.path, self.unit = path, unit

    def start(self, settings):
        rows = self.path.read_text().splitlines() if self.path.exists() else []
        return len(rows)

    def log(self, step, values):
        with self.path.open("a") as file:
            file.write(json.dumps({self.unit: step, **values}) + "\\n")


@dataclass(kw_only=True)
class LinesConfig(LoggerConfig):
    """Lines.

    Attributes:
        unit: the name of a step.
        width: of nothing.
    """

    unit: str = "step"
    width: int = setting(1, least=1)

    def build(self, folder):
        return Lines(folder / "rows.jsonl", self.unit)


@hookimpl
def nasframe_loggers():
    return {"lines": LinesConfig, "lines_short": LinesConfig(unit="s")}
'''


@pytest.fixture
def toy(tmp_path: Path) -> Shell:
    made = shell(tmp_path)
    distribution(made.path, "nasframe-lines", {"lines": "lines_plugin"}, lines_plugin=LINES)
    return made


def steps(toy: Shell, folder: str, unit: str = "step") -> list[int]:
    lines = (toy.cwd / folder / "rows.jsonl").read_text().splitlines()
    return [json.loads(line)[unit] for line in lines]


def test_a_logger_of_a_third_party_is_chosen_set_and_resumed(toy: Shell) -> None:
    words = (*TOYS, "logger=[csv,lines]", "logger.lines.unit=row", "dir=it")
    for trials in (3, 5):
        done = toy("nasframe", *words, f"trials={trials}")
        assert (done.returncode, done.stderr) == (0, "")
    assert steps(toy, "it", "row") == [1, 2, 3, 4, 5]
    assert (toy.cwd / "it" / "csv" / "metrics.csv").read_text().count("\n") == 6


@pytest.mark.parametrize(
    ("words", "name", "unit"),
    [
        (("logger=lines", "logger.lines.unit=row"), "lines", "row"),
        (("logger.unit=row", "logger=lines"), "lines", "row"),
        (("logger=[lines]", "logger.unit=row"), "lines", "row"),
        (("logger=lines_short",), "lines_short", "s"),
    ],
)
def test_the_settings_of_a_single_logger(
    toy: Shell, words: tuple[str, ...], name: str, unit: str
) -> None:
    done = toy("nasframe", *TOYS, *words, "dir=it", "--cfg", "job")
    shown = f"logger:\n  {name}:\n    unit: {unit}\n    width: 1\n"
    assert shown in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("word", ["logger=none", "logger=[]"])
def test_no_logger(toy: Shell, word: str) -> None:
    done = toy("nasframe", *TOYS, word, "dir=it", "trials=1")
    assert (done.returncode, done.stderr) == (0, "")
    assert toy.files() == {"it", "it/journal.jsonl"}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ("logger=cvs", "unknown option logger=[cvs]; did you mean csv?"),
        ("logger=[csv,line]", "unknown option logger=[line]; did you mean lines"),
        ("logger.lines.unit=row", "logger.lines is not chosen; add it with logger=[lines]"),
        (
            "logger=[csv,lines] logger.unit=row",
            "unknown key logger.unit: give logger.lines.unit or logger.lines_short.unit",
        ),
        ("logger=lines logger.units=n", "logger.lines has no units; did you mean unit?"),
        ("logger=lines logger.width=a", "logger.lines.width=a: must be int"),
        ("logger=lines logger.width=0", "logger.lines.width=0: must be at least 1"),
        ("logger=[csv", "cannot read 'logger=[csv'"),
    ],
)
def test_a_mistake_with_a_logger_is_told(toy: Shell, args: str, words: str) -> None:
    done = toy("nasframe", *TOYS, *args.split())
    assert done.stderr.startswith("nasframe: ")
    assert words in done.stderr
    assert (done.returncode, done.stdout, toy.files()) == (2, "", set())


def test_a_sweep_over_loggers(toy: Shell) -> None:
    done = toy("nasframe", "-m", *TOYS, "logger=none,lines,[csv,lines]", "trials=2", "dir=s")
    assert (done.returncode, done.stderr) == (0, "")
    folders = sorted((toy.cwd / "s").glob("*/"))
    assert len(folders) == 3
    assert sum((folder / "rows.jsonl").exists() for folder in folders) == 2
    done = toy("nasframe", "-m", *TOYS, "logger=lines", "logger.unit=a,b", "trials=2", "dir=t")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(list((toy.cwd / "t").glob("*/rows.jsonl"))) == 2


def test_help_and_the_list_of_plugins_know_it(toy: Shell) -> None:
    for script in ("nasframe", "nasframe-retrain"):
        text = toy(script, "--help").stdout
        assert "logger=[OPTION,...]" in text
        assert "lines_short" in text
    assert "logger=lines, lines_short" in toy("nasframe-plugins").stdout


def test_a_logger_cannot_be_named_none(toy: Shell) -> None:
    source = LINES.replace('"lines_short"', '"none"')
    (toy.path / "lines_plugin.py").write_text(source)
    done = toy("nasframe", *TOYS)
    assert done.returncode == 2
    assert "plugin 'lines': logger=none chooses nothing: rename the option" in done.stderr
