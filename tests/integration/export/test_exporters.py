"""Export formats as parts: contracts, a third party's, and mistakes of an exporter."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from imported import HEAVY, loaded
from small import search
from throwaway import Shell, distribution, shell
from torch import Tensor

from nasframe import (
    Exportable,
    Exporter,
    ExporterConfig,
    NasframeError,
    option,
    testing,
)
from nasframe.cli.scaffold import write_package
from nasframe.export.networks import describe_network
from nasframe.export.write import export_network
from nasframe.registry.options import Option, options

FORMATS = [item for item in options() if item.group == "exporter"]


@pytest.mark.parametrize("item", [pytest.param(item, id=item.name) for item in FORMATS])
def test_nasframe_exporters(item: Option) -> None:
    """Each exporter says what it writes; that it does is in its contract."""
    exporter = option("exporter", item.name).build()
    assert isinstance(exporter, Exporter)
    assert exporter.suffixes
    assert set(exporter.kinds) <= {"image", "sequence"}


def _contract(item: Option) -> type:
    body = {"config": lambda self: option("exporter", item.name), "__module__": __name__}
    return type(f"Test_{item.name}", (testing.ExporterContract,), body)


globals().update({f"Test_{item.name}": _contract(item) for item in FORMATS})


THIRD_PARTY = '''
from dataclasses import dataclass
from nasframe import Exporter, ExporterConfig, hookimpl, setting

@dataclass(kw_only=True)
class PickyConfig(ExporterConfig):
    """Weights as a file of torch.

    Attributes:
        level: of care.
    """

    level: int = setting(2, least=2, most=5)

    def build(self):
        return Picky(self.level)

class Picky(Exporter):
    suffixes = (".pt",)

    def __init__(self, level):
        self.level = level

    def refuses(self, network):
        return "the moon is full" if network.name.startswith("moon") else None

    def write(self, network, paths):
        import torch
        torch.save(network.network.state_dict(), paths[0])

    def open(self, network, paths):
        import copy, torch
        module = copy.deepcopy(network.network)
        module.load_state_dict(torch.load(paths[0], weights_only=True))
        return module

    def remarks(self, network):
        return [f"level {self.level}"]

@hookimpl
def nasframe_exporters():
    return {"picky": PickyConfig}
'''


@pytest.fixture
def third(tmp_path: Path) -> Shell:
    run = shell(tmp_path)
    distribution(run.path, "picky", {"picky": "picky_plugin"}, picky_plugin=THIRD_PARTY)
    search(run.cwd / "it")
    return run


def test_a_third_partys_format_is_simply_there(third: Shell) -> None:
    shown = third("nasframe-export", "--help").stdout
    assert "  picky                     Weights as a file of torch." in shown
    assert "picky.level=2             of care." in shown
    assert "exporter=picky" in third("nasframe-plugins", COLUMNS="120").stdout
    words = ("it", "--to", "picky,state_dict", "--set", "picky.level=4")
    done = third("nasframe-export", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "level 4"
    assert (third.cwd / "it" / "model.pt").is_file()
    assert (third.cwd / "it" / "model.safetensors").is_file()


def test_mistakes_with_a_format_are_a_line(third: Shell) -> None:
    (third.cwd / "it").rename(third.cwd / "moon")
    mistakes = {
        ("--to", "picki"): "no format 'picki'; did you mean picky?",
        ("--to", "picky"): "moon: cannot be written as picky: the moon is full",
        ("--to", "picky", "--set", "picky.level=9"): "level=9: must be at most 5",
        ("--to", "picky", "--set", "picky.levle=3"): "levle",
        ("--to", "picky", "--set", "onnx.opset=3"): "with a format of --to: picky",
        ("--to", "picky", "--set", "level=3"): "write FORMAT.KEY=VALUE",
    }
    results = third.each("nasframe-export", [("moon", *words) for words in mistakes])
    for done, (words, reason) in zip(results, mistakes.items(), strict=True):
        assert (done.returncode, done.stdout) == (2, ""), words
        assert reason in done.stderr, done.stderr
        assert done.stderr.count("\n") <= 2, done.stderr
    assert not list((third.cwd / "moon").glob("model*"))


def test_a_broken_plugin_is_a_line(third: Shell) -> None:
    distribution(third.path, "broken", {"bad": "bad_plugin"}, bad_plugin="import no_such_module")
    done = third("nasframe-export", "--help")
    assert done.returncode == 2
    assert "NASFRAME_BLOCK=bad" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_extra_is_a_line(third: Shell) -> None:
    """As without ``nasframe[onnx]``: the package is found by nothing."""
    code = (
        "import importlib.util as u, sys; find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'onnxscript' else find(name, *a)\n"
        "sys.argv = ['nasframe-export', 'it']\n"
        "from nasframe.cli.export import main; main()"
    )
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, cwd=third.cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert "the package onnxscript: pip install 'nasframe[onnx]'" in done.stderr


def test_the_help_is_light() -> None:
    found = loaded("from nasframe.cli.export import main; main()", "--help")
    assert not found & {*HEAVY, "onnx", "onnxruntime", "hydra"}


def test_a_new_exporter_passes_its_tests_and_exports(tmp_path: Path) -> None:
    made = write_package("mine", "exporter", tmp_path)
    site = tmp_path / "site"
    distribution(site, made.name, {"mine": "nasframe_mine"})
    (made / "nasframe_mine").rename(site / "nasframe_mine")
    env = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    tests = subprocess.run(command, cwd=made, env=env, capture_output=True, text=True, check=False)
    assert tests.returncode == 0, tests.stdout
    assert " passed" in tests.stdout, tests.stdout
    (tmp_path / "work").mkdir()
    search(tmp_path / "work" / "it")
    run = Shell(tmp_path / "work", site, {})
    done = run("nasframe-export", "it", "--to", "mine")
    assert (done.returncode, done.stderr) == (0, "")
    assert list((run.cwd / "it").glob("model*"))


# Faults


class Faulty(Exporter):
    """Writes the weights, or does what it is told to do wrong."""

    suffixes = (".it",)

    def __init__(self, fault: str = "") -> None:
        self._fault = fault
        if fault == "suffixes":
            self.suffixes = ("it",)
        if fault == "kinds":
            self.kinds = ("pictures",)

    def write(self, network: Exportable, paths: Sequence[Path]) -> None:
        if self._fault == "raises":
            raise RuntimeError("no\nink")
        if self._fault != "nothing":
            torch.save(network.network.state_dict(), paths[0])

    def open(self, network: Exportable, paths: Sequence[Path]) -> Callable[..., Tensor]:
        if self._fault == "itself":
            return network.network
        from copy import deepcopy

        module = deepcopy(network.network)
        module.load_state_dict(torch.load(paths[0], weights_only=True))
        if self._fault == "shape":
            return lambda x: module(x)[:, :1]
        if self._fault == "other":
            return lambda x: module(x) + 0.001
        if self._fault == "text":
            return lambda x: "logits"  # type: ignore[return-value]
        return module


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            "raises",
            r"it: cannot be written as f: Faulty .* raised RuntimeError: no ink \(",
        ),
        ("nothing", r"Faulty.write \(.*\) wrote no it.it"),
        ("shape", r"gives outputs of shape \(1, 1\), not \(1, 4\)"),
        ("other", "away from the network's; it is removed"),
        ("text", "the outputs must be a tensor, not 'logits'"),
        ("kinds", "--to f is for networks of the kind pictures"),
    ],
)
def test_only_right_files_take_their_places(fault: str, words: str, tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 4)).eval()
    given = describe_network("it", network, (1, 8, 8))
    (tmp_path / "it.it").write_text("an older one")
    with pytest.raises(NasframeError, match=words) as caught:
        export_network("f", Faulty(fault), given, tmp_path / "it")
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["it.it"]
    assert (tmp_path / "it.it").read_text() == "an older one"
    export_network("f", Faulty(), given, tmp_path / "it")
    assert (tmp_path / "it.it").read_bytes()[:2] == b"PK"


@pytest.mark.parametrize(
    ("fault", "test", "words"),
    [
        ("suffixes", "says_what", "suffixes must start with a dot"),
        ("kinds", "says_what", "kinds must be image or sequence"),
        ("nothing", "outputs", "wrote no"),
        ("other", "outputs", "away from the network's"),
        ("itself", "weights", "it runs the network, not the file"),
        ("itself", "truncated", "half a file returns the same outputs"),
    ],
)
def test_a_fault_of_an_exporter_is_found(fault: str, test: str, words: str, tmp_path: Path) -> None:
    with pytest.raises((AssertionError, NasframeError), match=words):
        _tried(Faulty(fault), test, tmp_path / "one")
    _tried(Faulty(), test, tmp_path / "other")


def _tried(exporter: Exporter, test: str, folder: Path) -> None:
    class Config(ExporterConfig):
        def build(self) -> Exporter:
            return exporter

    contract: Any = type("It", (testing.ExporterContract,), {"config": lambda self: Config()})()
    (name,) = [name for name in dir(contract) if name.startswith("test_") and test in name]
    folder.mkdir()
    getattr(contract, name)(*([] if test == "says_what" else [folder]))
