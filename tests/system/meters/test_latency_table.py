"""Tables of blocks: chains that are the network, what a table tells against closed forms, files
that are gone on with, and ``nasframe-latency --table`` with a study that uses what it made."""

from __future__ import annotations

import itertools
import json
import platform
import random
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import Images
from throwaway import Shell, shell
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from toys import ToyMeterConfig, toy_study

from nasframe import (
    Architecture,
    NasframeError,
    SearchSpace,
    Trial,
    option,
    run,
)
from nasframe.cli.latency import main
from nasframe.meters.latency.interleaved import WARM_UP, measure_in_turns
from nasframe.meters.latency.intervals import BLOCKS
from nasframe.meters.latency.table import (
    FITTED_NETWORKS,
    SCHEMA,
    Table,
    describe_networks,
    read_table,
)
from nasframe.meters.latency.table_accuracy import compute_agreement
from nasframe.meters.latency.table_file import TableFile
from nasframe.meters.latency.table_filler import TURN, TableFiller
from nasframe.meters.latency.torch_runtime import TorchRuntime
from nasframe.registry.options import options
from nasframe_mnasnet.blocks import Flavour

pytestmark = pytest.mark.alone

TINY: dict[str, Any] = {"filters": [8], "layers": [1], "strides": [2], "stem": 8, "head": 16}
DIGITS = Images((1, 8, 8), 10)


def space(name: str = "mnasnet", **changes: Any) -> SearchSpace:
    built = option("search_space", name, **changes).build()
    assert isinstance(built, SearchSpace)
    return built


SMALL: dict[str, Any] = {"filters": [16, 24, 24], "layers": [1, 2, 2], "strides": [1, 2, 1]}
SPACES = {
    "small": space(**SMALL),
    "small flat": space("mnasnet_flat", **SMALL),
    "google": space(**SMALL, flavour=Flavour.google),
    "wide": space(**SMALL, width=1.4, stem_stride=1),
}
PAPERS = {"default": space(), "flat": space("mnasnet_flat")}


def architectures(of: SearchSpace) -> st.SearchStrategy[Architecture]:
    tokens = (st.integers(0, len(choice.options) - 1) for choice in of.choices)
    return st.tuples(*tokens).map(Architecture)


def some(of: SearchSpace, seed: int) -> Architecture:
    draw = random.Random(seed)
    return Architecture(tuple(draw.randrange(len(choice.options)) for choice in of.choices))


# Chains


def macs(module: nn.Module, x: torch.Tensor) -> tuple[int, torch.Tensor]:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        y = module(x)
    return counter.get_total_flops() // 2, y


def check_chain(of: SearchSpace, architecture: Architecture, task: Images) -> None:
    """The blocks have the network's parameters and multiply-adds, and their shapes fit."""
    with torch.device("meta"):
        whole = of.build(architecture, task).eval()
        wanted, logits = macs(whole, torch.zeros(1, *task.input_shape))
        found, shape, parameters = 0, task.input_shape, 0
        for block in of.blocks(architecture, task) or ():
            assert block.input_shape == shape
            module = block.build().eval()
            parameters += sum(p.numel() for p in module.parameters())
            count, y = macs(module, torch.zeros(1, *shape))
            found, shape = found + count, tuple(y.shape[1:])
    assert parameters == sum(p.numel() for p in whole.parameters())
    assert found == wanted
    assert shape == tuple(logits.shape[1:]) == (task.outputs,)


sizes = st.tuples(st.integers(7, 65), st.integers(7, 65))


@settings(max_examples=24)
@given(st.sampled_from(list(SPACES)), st.data())
def test_blocks_are_a_chain_that_is_the_network(name: str, data: st.DataObject) -> None:
    task = Images((data.draw(st.integers(1, 4)), *data.draw(sizes)), data.draw(st.integers(2, 9)))
    check_chain(SPACES[name], data.draw(architectures(SPACES[name])), task)


@pytest.mark.parametrize("name", PAPERS)
def test_blocks_of_the_papers_spaces_are_the_network(name: str) -> None:
    check_chain(PAPERS[name], some(PAPERS[name], 3), Images((3, 224, 224), 1000))


@pytest.mark.slow
@settings(max_examples=300)
@given(st.sampled_from(list(PAPERS)), st.data())
def test_hundreds_of_chains(name: str, data: st.DataObject) -> None:
    task = Images((3, *data.draw(sizes)), 10)
    check_chain(PAPERS[name], data.draw(architectures(PAPERS[name])), task)


@pytest.mark.parametrize("name", SPACES)
def test_a_chain_with_the_networks_weights_computes_what_the_network_does(name: str) -> None:
    task = Images((3, 33, 33))
    architecture = some(SPACES[name], 5)
    whole = SPACES[name].build(architecture, task).eval()
    blocks = SPACES[name].blocks(architecture, task) or ()
    chain = nn.Sequential(*(block.build() for block in blocks)).eval()
    values = whole.state_dict().values()
    chain.load_state_dict(dict(zip(chain.state_dict(), values, strict=True)))
    x_NCHW = torch.randn(2, 3, 33, 33)
    with torch.no_grad():
        assert torch.equal(chain(x_NCHW), whole(x_NCHW))


@pytest.mark.parametrize("name", SPACES)
def test_blocks_have_equal_keys_just_if_they_are_equal(name: str) -> None:
    keys: dict[str, Any] = {}
    for seed in range(15):
        architecture = some(SPACES[name], seed)
        for size in (32, 33, 64):
            for block in SPACES[name].blocks(architecture, Images((3, size, size))) or ():
                with torch.device("meta"):
                    module = block.build()
                adds = getattr(module, "has_skip", False)  # which timm's blocks do not print
                made = (block.input_shape, str(module), adds)
                assert keys.setdefault(block.key, made) == made
    assert len(set(keys.values())) == len(keys)


def test_other_spaces_say_that_they_are_no_chains() -> None:
    for item in options():
        if item.group == "search_space" and item.name in ("nasnet_small", "nas_cnn", "nas_rnn"):
            other = option("search_space", item.name).build()
            assert other.blocks(some(other, 0), DIGITS) is None
            with pytest.raises(NasframeError, match="not chains of blocks"):
                describe_networks(other, DIGITS)


# Turns, on a machine where nothing but networks takes time


class Machine:
    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[str] = []

    def clock(self) -> float:
        return self.now

    def network(self, name: str, seconds: Callable[[], float]) -> Callable[[int], float]:
        def once(repeats: int) -> float:
            assert repeats == 1
            self.calls.append(name)
            taken = seconds()
            self.now += taken
            return taken

        return once

    def measure(
        self,
        seconds: float,
        *networks: Callable[[], float],
        reference: Callable[[], float] = lambda: 0.01,
    ) -> list[tuple[float, Any]]:
        runs = [self.network(f"{i}", one) for i, one in enumerate(networks)]
        beside = self.network("r", reference)
        return measure_in_turns(runs, beside, width=0.05, seconds=seconds, clock=self.clock)


def test_networks_run_once_in_a_turn_with_the_reference_in_between() -> None:
    machine = Machine()
    found = machine.measure(9, lambda: 0.002, lambda: 0.003)
    turns = "".join(machine.calls)
    assert turns.startswith(WARM_UP * "01r" + "r01r01r")
    assert turns.count("0") == WARM_UP + BLOCKS, "all are narrow then"
    assert [ms for ms, _ in found] == pytest.approx([2, 3])


def test_what_changes_steadily_cancels_in_the_ratio() -> None:
    machine = Machine()

    def slowing(seconds: float) -> Callable[[], float]:
        return lambda: seconds * (1 + machine.now)

    subjects = [slowing(seconds) for seconds in (0.002, 0.004, 0.001)]
    found = machine.measure(9, *subjects, reference=slowing(0.01))
    assert [ratio.median for _, ratio in found] == pytest.approx([0.2, 0.4, 0.1], rel=0.02)
    assert all(ratio.width < 1e-9 for _, ratio in found)
    assert machine.now > 0.3


def test_noisy_networks_take_the_time_that_they_are_given() -> None:
    machine, draw = Machine(), random.Random(0)
    ((_, ratio),) = machine.measure(2, lambda: draw.uniform(0.001, 0.009))
    assert ratio.width > 0.05
    assert 2 <= machine.now < 2.1


# What a table tells


def line_of(number: int, blocks: float, ratio: float, reference_ms: float = 10) -> dict[str, Any]:
    return {"network": number, "sum": blocks, "ratio": ratio, "ms": ratio * reference_ms}


def table(*lines: dict[str, Any], of: SearchSpace | None = None, task: Images = DIGITS) -> Table:
    header = {
        "options": "--space x",
        "device": "here",
        **describe_networks(of or space(**TINY), task),
    }
    made = Table(Path("t.jsonl"), header)
    for one in lines:
        made.take(one)
    return made


def test_the_line_is_found_whatever_a_few_networks_do() -> None:
    lines = [line_of(i, 1 + i / 10, 0.3 + 1.2 * (1 + i / 10)) for i in range(FITTED_NETWORKS)]
    for outlier in (2, 11, 17):
        lines[outlier] = line_of(outlier, 1 + outlier / 10, 3 * lines[outlier]["ratio"])
    found = table(*lines).line()
    assert (found.constant, found.slope) == pytest.approx((3, 12), rel=0.03)
    assert found.at(2.5) == pytest.approx(33, rel=0.01)


def test_ratios_are_added_and_become_milliseconds_of_the_median_reference() -> None:
    lines = [line_of(i, 1 + i, 2 * (1 + i), 10 if i % 3 else 50) for i in range(FITTED_NETWORKS)]
    blocks = [{"block": key, "ratio": k, "ms": 99 * k} for key, k in (("a", 0.25), ("b", 0.5))]
    made = table(*lines, *blocks)
    assert made.sum(["a", "b", "a"]) == 1.0
    assert made.reference_ms == pytest.approx(10)
    assert made.line().at(made.sum("aba")) == pytest.approx(20, rel=1e-4)
    with pytest.raises(LookupError, match="no latency of the block 'c'"):
        made.sum(["a", "c"])


def test_agreement_is_that_of_the_numbers_asked_for() -> None:
    exact = [line_of(i, 1 + i, 1 + i) for i in range(FITTED_NETWORKS)]
    others = [line_of(FITTED_NETWORKS + i, 1.1 * (5 - i), 5 - i, 10 + 100 * i) for i in range(4)]
    found = compute_agreement(table(*exact, *others), range(FITTED_NETWORKS, FITTED_NETWORKS + 4))
    assert found.rank == pytest.approx(1)
    assert found.rank_ms == pytest.approx(-0.8)  # 50, 440, 630, 620
    assert found.error == found.bias == pytest.approx(0.1, abs=1e-3)


def test_a_table_that_is_not_finished_says_how_to_go_on() -> None:
    said = "is not finished; resume it with: nasframe-latency --table t.jsonl --space x"
    with pytest.raises(NasframeError, match=said):
        table(*(line_of(i, 1, 1) for i in range(1, FITTED_NETWORKS + 5))).line()


@pytest.mark.parametrize(
    ("changes", "task", "said"),
    [
        ({}, Images((1, 16, 16), 10), "input='1x8x8', and this study has '1x16x16'"),
        ({}, Images((1, 8, 8), 11), "outputs=10, and this study has 11"),
        ({"stem": 16}, DIGITS, "blocks='stem 1-8 /2 8x8 timm', and this study has 'stem 1-16 "),
        ({"head": 24}, DIGITS, "blocks='head 8-16-10 2x2 timm', and this study has 'head 8-24-10"),
        (
            {"filters": [8, 8], "layers": [1, 1], "strides": [2, 1]},
            DIGITS,
            "and this study has 'conv 3x3",
        ),
    ],
)
def test_other_networks_are_refused(changes: dict[str, Any], task: Images, said: str) -> None:
    made = table()
    made.check(space(**TINY), DIGITS)
    with pytest.raises(NasframeError, match=f"is for other networks .*{said}"):
        made.check(space(**{**TINY, **changes}), task)


# Files

HEADER = {"table": SCHEMA, "nasframe": "0.1", "device": "here", "options": "--space x"}


def block_line(key: str) -> dict[str, Any]:
    return {"block": key, "ms": 1.5, "ratio": 0.25, "ratio_low": 0.2, "ratio_high": 0.3}


def written(path: Path, *keys: str) -> bytes:
    file = TableFile(path, HEADER)
    for key in keys:
        file.append(block_line(key))
    file.close()
    return path.read_bytes()


def test_a_file_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "t"
    first = written(path, "a", "b")
    assert written(path, "c").startswith(first)
    assert read_table(path).ratios == {"a": 0.25, "b": 0.25, "c": 0.25}
    assert json.loads(first.splitlines()[0]) == HEADER


def test_a_file_that_was_torn_anywhere_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "t"
    whole = written(path, "a", "b")
    lines = whole.splitlines(keepends=True)
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        complete = whole[:cut].count(b"\n")
        if complete:
            assert len(read_table(path).ratios) == complete - 1, "and can be read as it is"
        assert written(path, "c") == b"".join(lines[: max(complete, 1)]) + lines[1].replace(
            b'"a"', b'"c"'
        )


def test_one_process_at_a_time_fills_a_table(tmp_path: Path) -> None:
    file = TableFile(tmp_path / "t", HEADER)
    with pytest.raises(NasframeError, match="another process is filling"):
        TableFile(tmp_path / "t", HEADER)
    file.close()
    TableFile(tmp_path / "t", HEADER).close()


def test_a_table_of_another_machine_or_command_is_left_alone(tmp_path: Path) -> None:
    before = written(tmp_path / "t", "a")
    for name, value in (("device", "there"), ("options", "--space y")):
        with pytest.raises(NasframeError, match=f"{name}=.*; this command has {value}"):
            TableFile(tmp_path / "t", {**HEADER, name: value})
    TableFile(tmp_path / "t", {**HEADER, "nasframe": "0.2"}).close()
    assert (tmp_path / "t").read_bytes() == before


@pytest.mark.parametrize("text", ["hello", "a,b\n1,2\n", '{"event": "study"}\n'])
def test_what_is_no_table_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    (tmp_path / "t").write_text(text)
    with pytest.raises(NasframeError, match="is not a table of blocks"):
        TableFile(tmp_path / "t", HEADER)
    assert (tmp_path / "t").read_text() == text


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "line 1, is not a line of a table"),
        ([{"device": "here"}], "line 1, is not a line"),
        ([HEADER, block_line("a"), {"block": "b"}], "line 3, is not a line"),
        ([HEADER, ["block"]], "line 2, is not a line"),
        ([{**HEADER, "table": SCHEMA + 1}], "by a newer nasframe, 0.1"),
    ],
)
def test_damage_is_told(tmp_path: Path, lines: list[Any], said: str) -> None:
    (tmp_path / "t").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(NasframeError, match=said):
        read_table(tmp_path / "t")


def test_a_table_that_is_missing_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NasframeError, match="write it with: nasframe-latency --table .*nowhere"):
        option("meters", "table", path=tmp_path / "nowhere").build(space(**TINY), DIGITS)


# Filling


def filler(path: Path, of: SearchSpace, seconds: float = 0.05) -> tuple[TableFile, TableFiller]:
    file = TableFile(path, {**HEADER, **describe_networks(of, DIGITS)})
    return file, TableFiller(file, of, DIGITS, TorchRuntime(), 1, seconds)


@pytest.mark.parametrize("name", ["mnasnet", "mnasnet_flat"])
def test_random_networks_show_all_blocks(tmp_path: Path, name: str) -> None:
    of = space(name, **{**TINY, "filters": [16]})
    every = itertools.product(*(range(len(choice.options)) for choice in of.choices))
    networks = (of.blocks(Architecture(tokens), DIGITS) or () for tokens in every)
    wanted = {block.key for blocks in networks for block in blocks}
    _, filling = filler(tmp_path / "t", of)
    assert {block.key for block in filling.missing([], all_others=True)} == wanted
    assert len(wanted) > 100


def test_an_interrupted_filling_measures_the_rest(tmp_path: Path) -> None:
    of = space(**TINY)
    file, filling = filler(tmp_path / "t", of)
    networks = [filling.network(number) for number in range(40)]
    blocks = filling.missing(networks, all_others=False)
    assert len(blocks) > TURN
    start = time.perf_counter()
    assert next(filling.measure_blocks(blocks)) == TURN
    seconds = time.perf_counter() - start
    file.close()
    file, filling = filler(tmp_path / "t", of)
    rest = filling.missing(networks, all_others=False)
    assert rest
    assert [b.key for b in rest] == [b.key for b in blocks[TURN:]]
    assert sum(filling.measure_blocks(rest[:2])) == 2
    assert list(filling.measure_networks([])) == []
    file.close()
    for key in (block.key for block in blocks[: TURN + 2]):
        assert 0 < read_table(tmp_path / "t").ratios[key] < 1e3 * seconds
    figures = [json.loads(line) for line in (tmp_path / "t").read_text().splitlines()[1:]]
    assert all(0 < one["ratio_low"] <= one["ratio"] <= one["ratio_high"] for one in figures)


def test_a_block_that_cannot_run_is_named(tmp_path: Path) -> None:
    class Wrong(SearchSpace):
        choices, kinds = space(**TINY).choices, ("image",)

        def build(self, architecture: Architecture, task: Any) -> nn.Module:
            raise AssertionError("is not asked for")

        def blocks(self, architecture: Architecture, task: Any) -> Any:
            from nasframe import Block

            return [Block("linear 3", lambda: nn.Linear(3, 3), (4,))]

    file, filling = filler(tmp_path / "t", Wrong())
    with pytest.raises(NasframeError, match="linear 3 cannot be measured: RuntimeError: mat1"):
        next(filling.measure_blocks(filling.missing([], all_others=True)))
    file.close()


AGAIN = """
import resource, sys
from nasframe.meters.latency.malloc import keep_memory

def new_pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    bytearray(64 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if "keep" in sys.argv:
    keep_memory()
new_pages()
print(new_pages())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_a_process_that_keeps_its_memory_asks_for_no_new_pages() -> None:
    def pages(*words: str) -> int:
        return int(subprocess.check_output([sys.executable, "-c", AGAIN, *words]))

    assert pages("keep") < 10 < pages()


# The command, and a study


@pytest.fixture
def console(tmp_path: Path) -> Shell:
    return shell(tmp_path)


OPTIONS = [
    "--table",
    "t.jsonl",
    "--space",
    "mnasnet",
    "--set",
    "filters=[8]",
    "--set",
    "layers=[1]",
    "--set",
    "strides=[2]",
    "--set",
    "stem=8",
    "--set",
    "head=16",
    "--size",
    "8",
    "--channels",
    "1",
    "--classes",
    "10",
    "--seconds",
    "0.05",
]


def test_nasframe_latency_makes_a_table_and_goes_on_with_it(
    console: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = console("nasframe-latency", *OPTIONS, "--check", "3")
    assert done.returncode == 0
    assert not done.stderr or done.stderr.startswith("Other processes used ")
    path = console.cwd / "t.jsonl"
    made = read_table(path)
    assert set(made.networks) == set(range(FITTED_NETWORKS + 3))
    for words in (f"{len(made.ratios)} blocks", "3 random networks: rank correlation", "bias"):
        assert words in done.stdout
    before = path.read_bytes()
    again = console("nasframe-latency", *OPTIONS, "--check", "3")
    assert (again.returncode, again.stdout, again.stderr) == (0, done.stdout, "")
    assert path.read_bytes() == before, "nothing is measured twice"
    monkeypatch.chdir(console.cwd)
    check_study(console)


def check_study(console: Shell) -> None:
    """The latency is the line's at the sum; a block that is missing fails its trials alone."""
    trials, made = in_study("one"), read_table(Path("t.jsonl"))
    failed = next(trial for trial in trials if trial.error is not None)
    for trial in trials:
        blocks = space(**TINY).blocks(trial.architecture, DIGITS) or ()
        missing = [block.key for block in blocks if block.key not in made.ratios]
        if trial.error is None:
            assert trial.metrics["latency_ms"] == made.line().at(made.sum(b.key for b in blocks))
            assert trial.devices == {"table": made.header["device"]}
        else:
            assert f"no latency of the block '{missing[0]}'; add it: " in trial.error
    assert any(trial.error is None for trial in trials)
    assert failed.error is not None
    script, *words = shlex.split(failed.error.partition("add it: ")[2])
    assert console(script, *words, "--seconds", "0.05").returncode == 0
    assert in_study("two")[failed.number].error is None


def in_study(folder: str) -> list[Trial]:
    table = option("meters", "table", path=Path("t.jsonl"))
    study = toy_study(
        Path(folder),
        search_space=option("search_space", "mnasnet", **TINY),
        task=option("task", "digits"),
        meters={"table": table, "toy": ToyMeterConfig()},
        max_failures=100,
    )
    return list(run(study).trials)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "give a NAME or --table"),
        ("resnet18 --check 3", "--check requires --table"),
        ("--table t", "--table requires --space"),
        ("--table t --space mnasnet --runtime torch,onnx", "--table takes one --runtime"),
        ("--table t --space mnasnet --json f", "--json cannot be combined with --table"),
        ("--table t --space mnasnet --check 1", "--check must be at least 2"),
        ("--table t --space mnasnet --set x", "--set x: write KEY=VALUE"),
        ("--table t --space mnasnet --set stam=8", "has no 'stam'; did you mean stem?"),
        ("--table t --space mnasnet --set filters=x", "--set filters=x: must be list[int]"),
        ("--table t --space mnasnett", "is not known; did you mean mnasnet"),
        ("--table t --space nasnet_small", "are not chains of blocks"),
        ("--table t --space mnasnet 1-2", "has 2 tokens for 42 choices"),
    ],
)
def test_mistakes_on_the_command_line_are_told(
    words: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["nasframe-latency", *words.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.iterdir())
