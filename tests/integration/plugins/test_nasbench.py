"""NAS-Bench-201: what the embedded table says, and the networks that it is about."""

from __future__ import annotations

import random
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from omegaconf.errors import ValidationError
from places import SHARED as BESIDE
from torch import Tensor
from toys import toy_study

from nasframe import (
    Architecture,
    Context,
    Evaluator,
    NasframeError,
    SearchSpace,
    Task,
    load,
    option,
    run,
)
from nasframe_nasbench.config import Data, Device, NASBench201LookUpConfig
from nasframe_nasbench.network import Cell
from nasframe_nasbench.space import EDGE_OPERATIONS

SHARED = BESIDE / "data" / "nasbench201.npz"
ANYWHERE = Context(Path(), "cpu", 0, lambda epoch, metrics: True, lambda: False)
ALL = [Architecture(tokens) for tokens in product(range(5), repeat=6)]

cells = st.tuples(*[st.integers(0, 4)] * 6).map(Architecture)


def space(**settings: Any) -> SearchSpace:
    result = option("search_space", "nasbench201", **settings).build()
    assert isinstance(result, SearchSpace)
    return result


def digits() -> Task:
    task = option("task", "digits").build()
    assert isinstance(task, Task)
    return task


def look_up(**settings: Any) -> Evaluator:
    evaluator = option("evaluator", "nasbench201", **settings).build(space(), digits())
    assert isinstance(evaluator, Evaluator)
    return evaluator


def column(name: str, **settings: Any) -> Any:
    evaluator = look_up(**settings)
    return np.array([evaluator.evaluate(architecture, ANYWHERE)[name] for architecture in ALL])


class Colour:
    """The task on which the benchmark's sizes were counted."""

    kind = "image"
    input_shape = (3, 32, 32)
    outputs = 10

    def example(self) -> tuple[Tensor]:
        return (torch.zeros(1, *self.input_shape),)


def is_joined(tokens: tuple[int, ...]) -> bool:
    """Whether a path leads from the first node to the last."""
    a, b, c, d, e, f = (token != EDGE_OPERATIONS.index("none") for token in tokens)
    return d or (a and e) or ((b or (a and c)) and f)


def test_the_space_is_that_of_the_paper() -> None:
    assert space().size == 15_625
    assert [choice.name for choice in space().choices] == [
        *("1<-0", "2<-0", "2<-1", "3<-0", "3<-1", "3<-2")
    ]
    assert len({space().canonical(architecture) for architecture in ALL}) == 15_625


def test_a_cell_is_described_as_the_benchmark_writes_it() -> None:
    assert space().describe(Architecture((4, 2, 1, 2, 1, 1))) == (
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|"
        "+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    )


@pytest.mark.parametrize(
    ("data", "accuracy", "last"),
    [(Data.cifar10, 0.9437, "nor_conv_1x1~2"), (Data.cifar100, 0.7351, "nor_conv_3x3~2")],
)
def test_the_best_cell_by_validation_is_the_best(data: Data, accuracy: float, last: str) -> None:
    """The optima are those that the benchmark's literature gives."""
    best = column("val_accuracy", data=data).argmax()
    tested = column("test_accuracy", data=data)
    assert tested[best] == tested.max() == pytest.approx(accuracy, abs=5e-5)
    assert space().describe(ALL[best]) == (
        f"|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|{last}|"
    )


@pytest.mark.parametrize(("data", "chance"), [(Data.cifar10, 0.1), (Data.cifar100, 0.01)])
def test_cells_without_a_path_guess(data: Data, chance: float) -> None:
    """It holds in one order of the edges only."""
    joined = np.array([is_joined(architecture.tokens) for architecture in ALL])
    accuracies = column("test_accuracy", data=data)
    assert (~joined).sum() == 341
    assert accuracies[~joined] == pytest.approx(chance, abs=1e-6)
    assert accuracies[joined].min() > 2 * chance


def check_size(architecture: Architecture) -> None:
    task: Any = Colour()
    measured = option("meters", "size").build(space(), task).measure(architecture, ANYWHERE)
    known = look_up().evaluate(architecture, ANYWHERE)
    assert all(measured[name] == known[name] for name in ("parameters", "macs"))


@pytest.mark.parametrize("tokens", [(0,) * 6, (3,) * 6, (2, 3, 1, 3, 4, 2)], ids=str)
def test_sizes_of_some_networks(tokens: tuple[int, ...]) -> None:
    check_size(Architecture(tokens))


@settings(deadline=None, max_examples=30)
@given(cells)
def test_networks_have_the_sizes_in_the_table(architecture: Architecture) -> None:
    check_size(architecture)


@pytest.mark.slow
@settings(deadline=None, max_examples=500)
@given(cells)
def test_many_networks_have_the_sizes_in_the_table(architecture: Architecture) -> None:
    check_size(architecture)


@settings(deadline=None, max_examples=30)
@given(cells, st.integers(0, 99))
def test_a_node_is_the_sum_of_its_edges(architecture: Architecture, seed: int) -> None:
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        cell = Cell([EDGE_OPERATIONS[token] for token in architecture.tokens], 4)
        x_NCHW = torch.randn(2, 4, 5, 6)
        a, b, c, d, e, f = cell.edges
        one = a(x_NCHW)
        two = b(x_NCHW) + c(one)
        three = d(x_NCHW) + e(one) + f(two)
        torch.testing.assert_close(cell(x_NCHW), three)
        if not is_joined(architecture.tokens):
            assert not cell(x_NCHW).any()


def one_edge(operation: str) -> Cell:
    """A cell in which only that operation leads from the input to the output."""
    return Cell(["none", "none", "none", operation, "none", "none"], 1)


def test_operations() -> None:
    x_NCHW = torch.arange(-4.0, 5.0).view(1, 1, 3, 3)
    assert torch.equal(one_edge("skip_connect")(x_NCHW), x_NCHW)
    means = one_edge("avg_pool_3x3")(x_NCHW)
    assert means[0, 0, 0, 0] == x_NCHW[0, 0, :2, :2].mean(), "padding counts for nothing"
    for operation, kernel in (("nor_conv_1x1", 1), ("nor_conv_3x3", 3)):
        cell = one_edge(operation).eval()
        (weight,) = (p for p in cell.parameters() if p.ndim == 4)
        assert weight.shape == (1, 1, kernel, kernel)
        torch.nn.init.dirac_(weight)
        torch.testing.assert_close(cell(x_NCHW), x_NCHW.relu(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("side", [1, 7, 32, 45])
def test_images_of_any_size(side: int) -> None:
    task: Any = Colour()
    network = space(cells=1, filters=4).build(Architecture((3, 2, 4, 1, 3, 0)), task).eval()
    assert network(torch.zeros(2, 3, side, side)).shape == (2, 10)


def test_a_network_learns(tmp_path: Path) -> None:
    evaluator = option("evaluator", "train", epochs=5).build(space(cells=1, filters=8), digits())
    context = Context(tmp_path, "cpu", 0, lambda epoch, metrics: True, lambda: False)
    metrics = evaluator.evaluate(Architecture((3, 3, 1, 1, 3, 3)), context)
    assert metrics["val_accuracy"] > 0.9


def test_the_table_is_the_one_it_was_made_of() -> None:
    if not SHARED.is_file():
        pytest.skip(f"{SHARED} is not there: the embedded table has nothing to be compared with")
    with np.load(SHARED) as file:
        shared = {name: file[name] for name in file.files}
    architectures = [Architecture(tuple(row)) for row in shared["ops"].tolist()]
    assert space().describe(architectures[0]) == shared["arch"][0].decode()
    for (data, prefix), device in product(((Data.cifar10, "c10"), (Data.cifar100, "c100")), Device):
        evaluator = look_up(data=data, device=device)
        rows = [evaluator.evaluate(architecture, ANYWHERE) for architecture in architectures]
        for name, of, scale in (
            ("val_accuracy", f"{prefix}_valid_200", 100),
            ("test_accuracy", f"{prefix}_test_200", 100),
            ("parameters", "params", 1),
            ("macs", "macs", 1),
            ("latency_ms", f"lat_{device}", 1),
        ):
            assert np.allclose([row[name] for row in rows], shared[of] / scale, rtol=1e-6, atol=0)


def test_words_of_a_command_line_are_those_of_the_benchmark() -> None:
    schema = OmegaConf.structured(NASBench201LookUpConfig)
    words = OmegaConf.from_dotlist(["device=1080ti_32", "data=cifar100"])
    config = OmegaConf.to_object(OmegaConf.merge(schema, words))
    assert config == NASBench201LookUpConfig(device=Device["1080ti_32"], data=Data.cifar100)
    with pytest.raises(ValidationError, match="expected one of .pixel3, raspi4, gold_6226"):
        OmegaConf.merge(schema, OmegaConf.from_dotlist(["device=pixel2"]))


def test_networks_that_are_not_in_the_table_are_refused() -> None:
    config = option("evaluator", "nasbench201")
    with pytest.raises(NasframeError, match="needs search_space=nasbench201, not NASNet"):
        config.build(option("search_space", "nasnet_small").build(), digits())
    with pytest.raises(NasframeError, match=r"not cells=3 and filters=16$"):
        config.build(space(cells=3), digits())


def test_a_study_reads_the_table(tmp_path: Path) -> None:
    """The study's trials are rows of the table; it trains nothing and leaves no weights."""
    study = toy_study(
        tmp_path,
        search_space=option("search_space", "nasbench201"),
        task=option("task", "digits"),
        controller=option("controller", "random"),
        objective=option("objective", "accuracy_latency", target_ms=5.0),
        evaluator=option("evaluator", "nasbench201"),
        trials=200,
        keep=3,
    )
    result = run(study)
    evaluator = look_up()
    for trial in result.trials:
        metrics: Any = evaluator.evaluate(trial.architecture, ANYWHERE)
        assert trial.metrics == metrics
        assert trial.reward == pytest.approx(
            metrics["val_accuracy"] * (metrics["latency_ms"] / 5) ** -0.07
        )
    assert len({trial.architecture for trial in result.trials}) == 200
    with pytest.raises(NasframeError, match="holds no weights"):
        load(tmp_path)


def test_looking_up_needs_no_torch() -> None:
    code = """
import sys
from nasframe import Architecture, option
space = option("search_space", "nasbench201").build()
evaluator = option("evaluator", "nasbench201").build(space, None)
assert evaluator.evaluate(Architecture((3,) * 6), None)["parameters"] == 1_531_546
assert not {"torch", "timm", "sklearn"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_any_table_can_do_what_the_embedded_one_does(tmp_path: Path) -> None:
    """The same study, once with the benchmark's own options and once with a file of its rows."""
    rows = random.Random(0).sample(ALL, len(ALL))
    evaluator = look_up()
    metrics = [evaluator.evaluate(row, ANYWHERE) for row in rows]
    names = [choice.name for choice in space().choices]
    columns: dict[str, Any] = {
        **{name: [row.tokens[i] for row in rows] for i, name in enumerate(names)},
        **{name: [values[name] for values in metrics] for name in evaluator.provides},
    }
    np.savez(tmp_path / "table.npz", **columns)
    table = option("search_space", "table", path=tmp_path / "table.npz", choices=names)
    trials = [
        run(
            toy_study(
                tmp_path / name,
                search_space=search_space,
                controller=option("controller", "random"),
                objective=option("objective", "accuracy"),
                evaluator=option("evaluator", name),
                trials=100,
            )
        ).trials
        for name, search_space in (
            ("nasbench201", option("search_space", "nasbench201")),
            ("table", table),
        )
    ]
    one, other = (
        [(t.number, t.architecture, t.metrics, t.reward) for t in told] for told in trials
    )
    assert one == other
