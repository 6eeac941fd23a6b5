"""Configurations to plain values and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from toys import ToySpaceConfig, toy_study

from nasframe import NasframeError, ObjectiveConfig, setting
from nasframe.registry.serialization import (
    collect_defaults,
    flatten,
    from_plain,
    to_plain,
    type_name,
)


class Colour(Enum):
    RED = "r"
    BLUE = "b"


@dataclass(kw_only=True)
class Everything(ObjectiveConfig):
    colour: Colour = Colour.RED
    path: Path | None = None
    sizes: list[int] = setting([1, 2], least=1)
    names: dict[str, float] = setting({"a": 1.0})
    rate: float | None = setting(0.1, above=0, most=1)
    name: str = "x"

    def build(self) -> None:  # type: ignore[override]
        raise AssertionError


def test_there_and_back() -> None:
    config = Everything(colour=Colour.BLUE, path=Path("a/b"), sizes=[3], rate=None)
    plain = json.loads(json.dumps(to_plain(config)))
    assert from_plain(plain, {type_name(Everything): Everything}) == config


@dataclass
class Inner:
    a: int = 1


@dataclass(kw_only=True)
class Unusual(ObjectiveConfig):
    anything: Any = 3
    inner: Inner = field(default_factory=Inner)
    pair: tuple[int, ...] = (1, 2)
    several: Sequence[int] = (3,)
    table: Mapping[str, int] = field(default_factory=lambda: {"type": 4})
    flag: bool = True
    rate: float = 0.5

    def build(self) -> None:  # type: ignore[override]
        raise AssertionError


def test_kinds_that_only_their_plugin_knows_are_let_through() -> None:
    plain = json.loads(json.dumps(to_plain(Unusual(flag=1, rate=2))))  # type: ignore[arg-type]
    config = from_plain(plain, {type_name(Unusual): Unusual})
    assert isinstance(config, Unusual)
    assert (config.anything, config.flag, config.rate, config.table) == (3, 1, 2, {"type": 4})
    assert list(config.pair) == [1, 2]
    assert list(config.several) == [3]


@pytest.mark.parametrize(
    ("key", "value"),
    [("colour", "GREEN"), ("sizes", 3), ("names", [1]), ("rate", "x"), ("name", 1)],
)
def test_values_of_another_kind_are_refused(key: str, value: object) -> None:
    plain = {**to_plain(Everything()), key: value}
    with pytest.raises(NasframeError, match=rf"Everything cannot be used: TypeError: {key} is"):
        from_plain(plain, {type_name(Everything): Everything})


def test_a_class_that_no_plugin_offers_is_not_imported() -> None:
    with pytest.raises(NasframeError, match="no installed plugin offers os:system"):
        from_plain({"type": "os:system"}, {type_name(Everything): Everything})


def test_flat_and_defaults(tmp_path: Path) -> None:
    config = toy_study(tmp_path, search_space=ToySpaceConfig(choices=9))
    now, usual = flatten(to_plain(config)), collect_defaults(config)
    assert now["search_space.choices"] == 9
    assert usual["search_space.choices"] == 4
    assert usual["keep"] == now["keep"] == 3
    assert "search_space.type" not in usual


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sizes": [1, 0]}, r"sizes=\[1, 0\]: must be at least 1"),
        ({"rate": 0.0}, "rate=0.0: must be greater than 0"),
        ({"rate": 1.5}, "rate=1.5: must be at most 1"),
        ({"rate": float("nan")}, "rate=nan: must be a finite number"),
        ({"rate": float("inf")}, "rate=inf: must be a finite number"),
    ],
)
def test_bounds(settings: dict[str, float], message: str) -> None:
    with pytest.raises(NasframeError, match=message):
        Everything(**settings)  # type: ignore[arg-type]


def test_a_study_has_a_limit(tmp_path: Path) -> None:
    assert toy_study(tmp_path, trials=None).trials == 30
    assert toy_study(tmp_path, trials=None, hours=1.0).trials is None
