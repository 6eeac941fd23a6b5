"""Settings given with ``--set``: read and checked as on the command line of ``nasframe``."""

from __future__ import annotations

from typing import Any

import pytest

from nasframe import NasframeError, option
from nasframe.cli.overrides import make_config


@pytest.mark.parametrize(
    ("name", "words", "settings"),
    [
        ("accuracy", ["power=1e-1"], {"power": 0.1}),
        ("accuracy", ["power=2"], {"power": 2.0}),
        ("accuracy", ["max_macs=null"], {"max_macs": None}),
        ("accuracy", ["max_macs=3", "max_macs=4"], {"max_macs": 4}),
        ("accuracy", ["metric=a=b"], {"metric": "a=b"}),
        ("accuracy", ["metric='a b'"], {"metric": "a b"}),
        ("accuracy", ["metric=7"], {"metric": "7"}),
        ("weighted", ["targets.a=1", "weights.a=-2"], {"targets": {"a": 1}, "weights": {"a": -2}}),
        ("weighted", ["targets.a.b=1", "weights.a.b=1"], "a.b"),
        ("weighted", ["targets={a: 1}", "weights={a: 1}"], "a"),
    ],
)
def test_values(name: str, words: list[str], settings: Any) -> None:
    if isinstance(settings, str):
        settings = {"targets": {settings: 1.0}, "weights": {settings: 1.0}}
    assert make_config("objective", name, words) == option("objective", name, **settings)


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        (["filters=[8]", "layers=[1]", "strides=[2]"], ([8], [1], [2])),
        (["filters=[8,16]", "layers=[1, 2]", "strides=[2,1]"], ([8, 16], [1, 2], [2, 1])),
    ],
)
def test_lists(words: list[str], settings: tuple[list[int], ...]) -> None:
    config = make_config("search_space", "mnasnet", words)
    assert (config.filters, config.layers, config.strides) == settings
    assert type(config.filters) is list


def test_a_member_of_an_enum_is_one() -> None:
    config = make_config("search_space", "mnasnet", ["flavour=google", "flat=yes"])
    assert config.flavour.name == "google"
    assert config.flat is True


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("filters=[8,x]", "--set filters[1]=x: must be int"),
        ("filters=8,16", "--set filters=8,16: must be list[int]"),
        ("filters=null", "--set filters=null: must be list[int]"),
        ("flavour=x", "--set flavour=x: Invalid value 'x', expected one of [timm, google]"),
        ("flat=perhaps", "--set flat=perhaps: must be bool"),
        ("stem=1.5", "--set stem=1.5: must be int"),
        ("stem=${oc.env:HOME}", "--set "),
        ("stem.a=1", "--set stem.a=1: stem takes one value: write stem=VALUE"),
        ("stem=[1", "--set "),
        ("=1", "search_space=mnasnet has no ''"),
        ("stam.x=1", "search_space=mnasnet has no 'stam'; did you mean stem"),
    ],
)
def test_mistakes_are_told_in_a_line(word: str, said: str) -> None:
    with pytest.raises(NasframeError) as caught:
        make_config("search_space", "mnasnet", [word])
    assert str(caught.value).startswith(said)
    assert str(caught.value).count("\n") <= 1
    assert "bug" not in str(caught.value)
