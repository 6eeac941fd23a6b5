"""A study's folder is data: whatever stands in it, nothing is executed, and nothing gets out."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journals import config
from safetensors.torch import save_file

import nasframe
from nasframe import NasframeError, read_result, run
from nasframe.cli.report import main
from nasframe.storage.journal import JOURNAL_FILE
from nasframe.storage.weights import weights_path

NASFRAME = str(Path(sys.executable).with_name("nasframe"))

HOSTILE: list[Any] = [
    "../../outside",
    "/tmp/outside",
    "\x1b[2J\x07 \u202e[red]x[/red][link=file:///etc]y",
    "os:system",
    "",
    None,
    True,
    -1,
    1e999,
    float("nan"),
    10**400,
    0.5,
    [],
    {},
    [["../x"]],
    {"type": "os:system", "\x1b[2J": "\x1b[2J"},
]

Place = tuple[str | int, ...]


def places(value: Any, path: Place = ()) -> Iterator[Place]:
    """Every place inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from places(item, (*path, key))


def changed(value: Any, path: Place, by: Any) -> Any:
    """The value with something else in one place."""
    if not path:
        return by
    key, *rest = path
    copy = value.copy()
    copy[key] = changed(value[key], tuple(rest), by)
    return copy


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The journal of a study that went on once."""
    folder = tmp_path_factory.mktemp("study") / "study"
    for trials in (4, 8):
        run(config(folder, trials=trials, controller="evolution"))
    return [json.loads(line) for line in (folder / JOURNAL_FILE).read_text().splitlines()]


def use(folder: Path) -> str:
    """Do everything that can be done with a study; what was printed."""
    printed = io.StringIO()
    uses = (
        lambda: read_result(folder),
        lambda: run(config(folder, trials=8, controller="evolution")),
        lambda: nasframe.load(folder),
    )
    for one in uses:
        with contextlib.suppress(NasframeError):
            one()
    pictures = ["--picture", str(folder / "picture.svg"), "--json", str(folder / "all.json")]
    for words in ([str(folder), *pictures], ["--compare", str(folder), *pictures]):
        with (
            patch("nasframe.report.comparison.chart.write_chart"),  # each takes half a second
            patch("sys.argv", ["nasframe-report", *words]),
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
            contextlib.suppress(SystemExit),
        ):
            main()
    return printed.getvalue()


@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_stands_in_a_journal(
    lines: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    tampered(lines, tmp_path_factory.mktemp("outside"), data)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@given(data=st.data())
@settings(max_examples=10_000, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_stands_in_a_journal_all_night(
    lines: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    tampered(lines, tmp_path_factory.mktemp("outside"), data)


def tampered(lines: list[dict[str, Any]], outside: Path, data: st.DataObject) -> None:
    """Use a study in whose journal one or two values are others."""
    folder = outside / "a" / "study"
    folder.mkdir(parents=True)
    mutated = list(lines)
    for _ in range(data.draw(st.integers(1, 2))):
        number = data.draw(st.integers(0, len(lines) - 1))
        place = data.draw(st.sampled_from(list(places(mutated[number]))))
        mutated[number] = changed(mutated[number], place, data.draw(st.sampled_from(HOSTILE)))
    (folder / JOURNAL_FILE).write_text("".join(json.dumps(line) + "\n" for line in mutated))
    printed = use(folder)
    assert all(c.isprintable() or c == "\n" for c in printed), printed
    assert [path.name for path in outside.iterdir()] == ["a"]
    assert [path.name for path in (outside / "a").iterdir()] == ["study"]
    shutil.rmtree(outside)


METADATA = [
    {},
    {"task": "no JSON"},
    {"task": "3"},
    {"task": json.dumps({"kind": "image", "input_shape": 3, "outputs": 10, "data_config": {}})},
    {"task": json.dumps({"kind": "image", "input_shape": [3, 8, 8], "outputs": "x"})},
    {"task": json.dumps({"kind": "image", "input_shape": [3, 8, 8], "outputs": -4})},
    {
        "task": json.dumps(
            {"kind": "image", "input_shape": [1, 8, 8], "outputs": 10, "data_config": {}}
        )
    },
]


@pytest.mark.parametrize("metadata", METADATA)
def test_weights_of_something_else_are_refused(tmp_path: Path, metadata: dict[str, str]) -> None:
    result = run(config(tmp_path, trials=2, controller="random"))
    assert result.best is not None
    path = weights_path(tmp_path, result.best.number)
    path.parent.mkdir()
    save_file({"a": torch.zeros(1)}, path, metadata)
    with pytest.raises(NasframeError, match=f"{path.name}: is not a weights file"):
        nasframe.load(tmp_path)


def test_what_a_command_says_cannot_command_the_terminal(
    tmp_path: Path, lines: list[dict[str, Any]]
) -> None:
    header = changed(lines[0], ("config", "search_space", "type"), "evil:\x1b[2J")
    (tmp_path / JOURNAL_FILE).write_text(
        "".join(json.dumps(line) + "\n" for line in [header, *lines[1:]])
    )
    words = ["search_space=nasbench201", "evaluator=nasbench201", "controller=evolution"]
    command = [NASFRAME, *words, "trials=8", f"dir={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "search_space was \N{REPLACEMENT CHARACTER}" in done.stderr
    assert all(c.isprintable() or c == "\n" for c in done.stderr)
