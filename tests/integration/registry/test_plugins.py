"""Plugins are found, checked and blocked; each throw-away one is a real distribution."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from throwaway import TOY, distribution

from nasframe import NasframeError, option, published
from nasframe.errors import nearest
from nasframe.registry.options import GROUPS, Offers, inspect_plugins, networks, options
from nasframe.registry.plugins import plugins

OFFER = """
from nasframe import hookimpl

@hookimpl
def nasframe_controllers():
    return {result}
"""
"""A plugin whose hook returns something."""

LIST = (
    "from nasframe.registry.options import options; "
    "print(*(f'{o.group}={o.name}' for o in options()))"
)


def listing(*paths: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """What a fresh process finds."""
    return subprocess.run(
        [sys.executable, "-c", LIST],
        env={"PYTHONPATH": os.pathsep.join(map(str, paths)), **env},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_options_are_found_through_entry_points(tmp_path: Path) -> None:
    distribution(tmp_path, "toys", {"toy": "toy_plugin"}, toy_plugin=TOY)
    found = listing(tmp_path).stdout.split()
    assert {"controller=toy", "meters=toy", "executor=serial"} <= set(found)
    blocked = listing(tmp_path, NASFRAME_BLOCK="toy, rl").stdout.split()
    assert set(found) - set(blocked) >= {"controller=toy", "controller=reinforce"}
    assert "executor=serial" in blocked


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import there_is_no_such_module", "fails to import: ModuleNotFoundError: No module named"),
        ("1 / 0", "fails to import: ZeroDivisionError: division by zero"),
        (OFFER.format(result="{}").replace("controllers", "controler"), "did you mean"),
        (OFFER.format(result="['x']"), "must return a mapping of names to configs, not list"),
        (OFFER.format(result="{'x': int}"), "controller=x must be a ControllerConfig"),
        (OFFER.format(result="1 / 0"), "nasframe_controllers() raised ZeroDivisionError"),
    ],
)
def test_a_broken_plugin_is_named_and_can_be_blocked(
    tmp_path: Path, source: str, words: str
) -> None:
    distribution(tmp_path, "broken", {"bad": "bad_plugin"}, bad_plugin=source)
    error = listing(tmp_path).stderr.splitlines()
    assert any("plugin 'bad'" in line for line in error)
    assert any(words in line for line in error)
    assert any("NASFRAME_BLOCK=bad" in line for line in error)
    assert listing(tmp_path, NASFRAME_BLOCK="bad").returncode == 0


def test_two_plugins_of_one_name(tmp_path: Path) -> None:
    for name in ("one", "two"):
        distribution(tmp_path, name, {"same": f"{name}_plugin"}, **{f"{name}_plugin": ""})
    error = listing(tmp_path).stderr
    assert "two plugins are named 'same': one of one, one of two. Uninstall one of them." in error


def test_two_plugins_that_offer_one_option(tmp_path: Path) -> None:
    distribution(tmp_path, "toys", {"toy": "toy_plugin"}, toy_plugin=TOY)
    copy = "from toy_plugin import nasframe_controllers"
    distribution(tmp_path, "copies", {"copy": "copy_plugin"}, copy_plugin=copy)
    error = listing(tmp_path).stderr
    assert "is offered by two plugins" in error
    assert "'copy'" in error
    assert "'toy'" in error
    assert "NASFRAME_BLOCK=" in error
    assert listing(tmp_path, NASFRAME_BLOCK="copy").returncode == 0


def test_a_plugin_installed_twice_counts_once(tmp_path: Path) -> None:
    for place in ("a", "b"):
        distribution(tmp_path / place, "toys", {"toy": "toy_plugin"}, toy_plugin=TOY)
    found = listing(tmp_path / "a", tmp_path / "b").stdout.split()
    assert found.count("controller=toy") == 1


def test_what_is_installed_works_each_by_itself_and_together() -> None:
    found = inspect_plugins()
    assert list(found) == plugins()
    offers = [state for state in found.values() if isinstance(state, Offers)]
    each = [item for offer in offers for item in offer.options]
    assert sorted(each, key=lambda item: (item.group, item.name)) == list(options())
    found_names = [item.name for offer in offers for item in offer.networks]
    assert sorted(found_names) == [network.name for network in networks()]
    assert {item.group for item in options()} == set(GROUPS)


def test_an_option_is_made_with_settings() -> None:
    config = option("search_space", "nasnet_small", filters=4)
    assert (config.filters, config.stages) == (4, 2)  # 2 is the preset's
    assert option("search_space", "nasnet_small").filters == 8


@pytest.mark.parametrize(
    ("group", "name", "settings", "words"),
    [
        ("space", "nasnet", {}, "there is no group 'space'; the groups are search_space, task"),
        ("controller", "randm", {}, "controller=randm is not known; did you mean random"),
        ("controller", "random", {"lr": 1}, "controller=random has no 'lr'; there is none"),
        ("search_space", "nasnet", {"filter": 4}, "search_space=nasnet has no 'filter'; did you"),
        ("search_space", "nasnet", {"filters": 0}, "filters=0: must be at least"),
    ],
)
def test_a_wrong_option_is_told(
    group: str, name: str, settings: dict[str, int], words: str
) -> None:
    with pytest.raises(NasframeError) as caught:
        option(group, name, **settings)
    assert str(caught.value).startswith(words)


def test_two_plugins_that_publish_one_network(tmp_path: Path) -> None:
    source = OFFER.format(result="{'net': object}").replace("controllers", "published")
    for name in ("one", "two"):
        distribution(tmp_path, name, {name: f"{name}_plugin"}, **{f"{name}_plugin": source})
    code = "from nasframe.registry.options import networks; print(*(n.name for n in networks()))"
    environment = {"PYTHONPATH": str(tmp_path)}
    both, alone = (
        subprocess.run(
            [sys.executable, "-c", code],
            env={**environment, **block},
            capture_output=True,
            text=True,
            timeout=60,
        )
        for block in ({}, {"NASFRAME_BLOCK": "two"})
    )
    assert "two plugins publish a network 'net', 'one' and 'two'" in both.stderr
    assert "net" in alone.stdout.split()


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("mnasnet_a7", {}, "no network 'mnasnet_a7' is published here; did you mean mnasnet_a1"),
        ("mnasnet_a1", {"clases": 10}, "mnasnet_a1 has no 'clases'; did you mean classes"),
    ],
)
def test_a_wrong_published_network_is_told(name: str, settings: dict[str, int], words: str) -> None:
    with pytest.raises(NasframeError) as caught:
        published(name, **settings)
    assert str(caught.value).startswith(words)


def test_nearest_names() -> None:
    assert nearest("randm", {"random", "ppo"}) == "did you mean random?"
    assert nearest("zzz", ["b", "a"]) == "there is a, b"
    assert nearest("zzz", []) == "there is none"
