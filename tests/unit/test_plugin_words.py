"""The core knows no word of a plugin: attributes, hooks and settings say what a plugin owns."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

import nasframe
from nasframe.registry import renamed
from nasframe.registry.options import GROUPS, networks, options

CORE = Path(nasframe.__file__).parent
DATA = {Path(renamed.__file__).relative_to(CORE): {key for _, key in renamed.SETTINGS}}
"""Files in which words of plugins are data: names that stand in folders of older versions."""

ENGLISH = set(
    """
    TableConfig accuracy advantage alpha anchors annotations auxiliary base baseline beta bias
    c cells clip data detection entropy evolution exploration extended fail filters flat head
    hidden images kernel largest latency layers median metric nas objectives of parameters
    perplexity population power proposals queue random rate sampler samples share smallest
    stages stem stoppers stride strides table tied units weighted width
    """.split()  # noqa: SIM905
)
"""Words of the language, of the field, or of PyTorch: where they stand, no setting is meant."""

QUOTED = re.compile(r"[\"'](auxiliary|cells|filters|stem)\.?[\"']")
"""Words of the language that name layers or settings where they are quoted."""
GIVEN = re.compile(rf"\b({'|'.join(GROUPS)})(?:=|\.(?=\w+=))(\w+)")
"""An option or a setting as it is given on a command line."""


def _of_plugins() -> set[str]:
    """Names of options, settings and networks that only plugins have."""
    ours = {o.type for o in options() if o.type.__module__.partition(".")[0] == "nasframe"}
    theirs = [o for o in options() if o.type not in ours or o.plugin != "builtin"]
    words = {name for o in theirs for name in (o.name, o.plugin, o.type.__name__)}
    words |= {field.name for o in theirs if o.type not in ours for field in fields(o.type)}
    words |= {network.name for network in networks()}
    words |= {name for o in theirs for name in getattr(o.node, "search_space", {})}
    return words - {field.name for kind in ours for field in fields(kind)} - set(_of_the_api())


def _of_the_api() -> Iterator[str]:
    """The names that the core's own API defines."""
    for path in (CORE / "api").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.arg):
                yield node.arg
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                yield node.name
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                yield node.target.id


def _sources() -> list[Path]:
    kinds = (".py", ".txt")
    paths = [path for path in CORE.rglob("*") if path.suffix in kinds]
    return sorted(path for path in paths if "conf" not in path.relative_to(CORE).parts)


def _found(path: Path, words: set[str]) -> list[str]:
    """Where a file has one of the words, or one of all in what is given on a command line."""
    data = DATA.get(path.relative_to(CORE), set())
    places = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        hits = set(re.findall(r"\w+", line)) & (words - ENGLISH)
        hits |= {name for _, name in GIVEN.findall(line)} & words
        hits |= set(QUOTED.findall(line)) & words
        places += [f"{path.relative_to(CORE)}:{number}: {hit}" for hit in sorted(hits - data)]
    return places


def test_the_core_has_no_word_of_a_plugin() -> None:
    words = _of_plugins()
    assert {"drop_path_keep", "auxiliary", "coco", "nasnet_a", "reinforce"} <= words
    assert [place for path in _sources() for place in _found(path, words)] == []


@pytest.mark.parametrize(
    "line",
    [
        "network.drop_path_keep = 0.5",
        'optional=("auxiliary.",)',
        '"search_space.cells=2"',
        '"controller=reinforce,random"',
        '"as in nasnet_a:cells=4"',
    ],
)
def test_such_a_word_is_found(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "CORE", tmp_path)
    path = tmp_path / "it.py"
    path.write_text(f"x = 1\n{line}\n")
    words = {"drop_path_keep", "auxiliary", "nasnet_a", "reinforce", "cells"}
    assert all(place.startswith("it.py:2: ") for place in _found(path, words))
    assert _found(path, words)
