"""The search space of recurrent cells: its choices, its cells and its networks.

The cells are compared with ``by_the_rules``, which computes one step from the choices by name, as
section 3.4 of the paper says it; the published one with the equations of TensorFlow's NASCell.
"""

from __future__ import annotations

import itertools
import math
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nas_rnns import ACTIVATE, Words, model
from torch import Tensor, nn

from nasframe import (
    Architecture,
    Context,
    NasframeError,
    SearchSpace,
    option,
    published,
)
from nasframe_nas import nasframe_search_spaces, rnn_unroll
from nasframe_nas import published as published_here
from nasframe_nas.config import NASRNNConfig
from nasframe_nas.rnn_cell import State, TreeCell
from nasframe_nas.rnn_network import LanguageModel
from nasframe_nas.rnn_tree import NAS_PTB, Node, Tree, decode_tree, encode_tree

COMBINE = {"add": torch.add, "mul": torch.mul, "max": torch.maximum}


def extended(base: int) -> SearchSpace:
    return NASRNNConfig(base=base, extended=True).build()


SPACES = {base: extended(base) for base in range(1, 10)}


@st.composite
def architectures(draw: st.DrawFn, bases: Sequence[int] = range(1, 10)) -> tuple[int, Architecture]:
    """A base and an architecture of its extended space."""
    base = draw(st.sampled_from(bases))
    tokens = (draw(st.integers(0, len(c.options) - 1)) for c in SPACES[base].choices)
    return base, Architecture(tuple(tokens))


def by_the_rules(named: dict[str, Any], leaves: Sequence[Sequence[Tensor]], c: Tensor) -> State:
    """The new memory and hidden state, from the two projections of each leaf."""
    base = len(leaves)
    outputs: list[Tensor] = []
    for n in range(2 * base - 1):
        k = 2 * (n - base)
        left, right = leaves[n] if n < base else (outputs[k], outputs[k + 1])
        value = COMBINE[named[f"node{n}.combination"]](left, right)
        if named["index.memory"] == n:
            memory = value
        value = ACTIVATE[named[f"node{n}.activation"]](value)
        if named["index.inject"] == n:
            value = COMBINE[named["inject.combination"]](value, c)
            value = ACTIVATE[named["inject.activation"]](value)
        outputs.append(value)
    return memory, outputs[-1]


def step_by_the_rules(cell: TreeCell, named: dict[str, Any], x: Tensor, state: State) -> State:
    c, h = state
    base = (sum(name.startswith("node") for name in named) // 2 + 1) // 2
    x_parts = (x @ cell.weight_x).chunk(base, -1)
    h_parts = (h @ cell.weight_h + (0 if cell.bias is None else cell.bias)).chunk(base, -1)
    return by_the_rules(named, list(zip(x_parts, h_parts, strict=True)), c)


def doubles(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64)


def ptb(**settings: Any) -> LanguageModel:
    """A language model of the published cell."""
    space = NASRNNConfig(**{"units": 6, **settings}).build()
    return model(space, space.encode("nas_ptb_cell"))


# The encoding


def test_decisions_are_the_papers() -> None:
    space = NASRNNConfig().build()
    names = [choice.name for choice in space.choices]
    nodes = [*(f"node{n}" for n in range(15)), "inject"]
    pairs = [f"{node}.{step}" for node in nodes for step in ("combination", "activation")]
    assert names == [*pairs, "index.memory", "index.inject"]
    assert len(names) == 34
    menus = {choice.options for choice in space.choices}
    assert menus == {
        ("add", "mul"),
        ("identity", "tanh", "sigmoid", "relu"),
        tuple(range(15)),
    }
    assert space.size == 8**16 * 15**2 == 63_331_869_759_897_600


def test_the_extended_space_has_max_and_sin() -> None:
    config = nasframe_search_spaces()["nas_rnn_extended"]
    assert isinstance(config, NASRNNConfig)
    assert config.build().size == 15**16 * 15**2


@given(architectures())
def test_tokens_and_trees_are_the_same(drawn: tuple[int, Architecture]) -> None:
    base, architecture = drawn
    tree = decode_tree(architecture.tokens)
    assert tree.base == base
    assert encode_tree(tree) == architecture.tokens
    named = architecture.named(SPACES[base].choices)
    nodes = [tree.inject if n == "inject" else tree.nodes[int(n[4:])] for n in _nodes(named)]
    assert [tuple(node) for node in nodes] == [
        (named[f"{n}.combination"], named[f"{n}.activation"]) for n in _nodes(named)
    ]
    assert (tree.memory, tree.inject_at) == (named["index.memory"], named["index.inject"])


def _nodes(named: dict[str, Any]) -> list[str]:
    return [name.removesuffix(".activation") for name in named if name.endswith(".activation")]


@pytest.mark.parametrize("base", range(1, 10))
def test_each_node_but_the_root_is_read_once(base: int) -> None:
    nodes = (Node("add", "tanh"),) * (2 * base - 1)
    tree = Tree(nodes, Node("add", "tanh"), 0, 0)
    read = [child for n in range(base, 2 * base - 1) for child in tree.children(n)]
    assert read == list(range(2 * base - 2))
    assert all(max(tree.children(n)) < n for n in range(base, 2 * base - 1))


# The cell


def test_worked_example_of_the_paper() -> None:
    """Figure 5: base 2."""
    nodes = (Node("add", "tanh"), Node("mul", "relu"), Node("mul", "sigmoid"))
    tree = Tree(nodes, inject=Node("add", "relu"), memory=1, inject_at=0)
    cell = TreeCell(tree, 5, 4).double()
    x, h, c = doubles(3, 5), doubles(3, 4), doubles(3, 4)
    w1, w3 = cell.weight_x.chunk(2, 1)
    w2, w4 = cell.weight_h.chunk(2, 1)
    a0 = torch.tanh(x @ w1 + h @ w2)
    a1 = torch.relu((x @ w3) * (h @ w4))
    a0_new = torch.relu(a0 + c)
    new_c, new_h = cell(x, (c, h))
    torch.testing.assert_close(new_h, torch.sigmoid(a0_new * a1), rtol=0, atol=1e-6)
    torch.testing.assert_close(new_c, (x @ w3) * (h @ w4), rtol=0, atol=1e-6)


def nas_cell(i: Sequence[Tensor], m: Sequence[Tensor], c_prev: Tensor) -> State:
    """The equations of TensorFlow's NASCell, from the projections of the eight leaves."""
    sigmoid, relu, tanh = torch.sigmoid, torch.relu, torch.tanh
    l0, l1 = sigmoid(i[0] + m[0]), relu(i[1] + m[1])
    l2, l3 = sigmoid(i[2] + m[2]), relu(i[3] * m[3])
    l4, l5 = tanh(i[4] + m[4]), sigmoid(i[5] + m[5])
    l6, l7 = tanh(i[6] + m[6]), sigmoid(i[7] + m[7])
    p0, p1 = tanh(l0 * l1), tanh(l2 + l3)
    p2, p3 = tanh(l4 * l5), sigmoid(l6 + l7)
    p0 = tanh(p0 + c_prev)
    new_c = p0 * p1
    return new_c, tanh(new_c * tanh(p2 + p3))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("projection", [None, 3])
def test_published_cell_is_nas_cell(bias: bool, projection: int | None) -> None:
    cell: Any = published(
        "nas_ptb_cell", inputs=5, hidden=7, bias=bias, projection=projection
    ).double()
    x, c, m = doubles(4, 5), doubles(4, 7), doubles(4, projection or 7)
    hidden = m @ cell.weight_h + (cell.bias if bias else 0)
    new_c, new_m = nas_cell((x @ cell.weight_x).chunk(8, 1), hidden.chunk(8, 1), c)
    if projection:
        new_m = new_m @ cell.project.weight.t()
    got_c, got_m = cell(x, (c, m))
    torch.testing.assert_close(got_c, new_c, rtol=0, atol=1e-6)
    torch.testing.assert_close(got_m, new_m, rtol=0, atol=1e-6)


def test_tokens_of_the_published_cell_build_it() -> None:
    space = NASRNNConfig(units=7).build()
    network = model(space, space.encode("nas_ptb_cell"))
    cell: Any = published("nas_ptb_cell", inputs=7, hidden=7)
    cell.load_state_dict(network.cells[0].state_dict())
    x, state = torch.randn(4, 7), (torch.randn(4, 7), torch.randn(4, 7))
    got = network.cells[0](x, state)
    torch.testing.assert_close(got, cell(x, state), rtol=0, atol=0)
    assert space.describe(space.encode("nas_ptb_cell")) == (
        "tanh(tanh(sigmoid(sigmoid(x + h) + tanh(x + h)) + tanh(sigmoid(x + h) * tanh(x + h)))"
        " * {tanh(c + tanh(relu(x + h) * sigmoid(x + h))) * tanh(relu(x * h) + sigmoid(x + h))})"
    )


def test_published_cell_worked_by_hand() -> None:
    """Without weights every sum is 0: leaves are 1/2 (sigmoid) or 0."""
    cell: Any = published("nas_ptb_cell", inputs=1, hidden=1).double()
    for parameter in cell.parameters():
        nn.init.zeros_(parameter)
    one = torch.ones(1, 1, dtype=torch.float64)
    # p0 = tanh(1/2 * 0) = 0, p1 = tanh(1/2 + 0), p2 = tanh(0 * 1/2) = 0, p3 = sigmoid(0 + 1/2)
    new_c, new_m = cell(one, (2 * one, one))
    wanted_c = math.tanh(2) * math.tanh(0.5)
    assert new_c.item() == pytest.approx(wanted_c, abs=1e-12)
    p3 = 1 / (1 + math.exp(-0.5))
    assert new_m.item() == pytest.approx(math.tanh(wanted_c * math.tanh(p3)), abs=1e-12)
    with torch.no_grad():  # then leaf 3 is relu(2 * 3), and p1 = tanh(1/2 + 6)
        cell.weight_x[0, 3], cell.weight_h[0, 3] = 2, 3
    new_c, _ = cell(one, (2 * one, one))
    assert new_c.item() == pytest.approx(math.tanh(2) * math.tanh(6.5), abs=1e-12)
    with torch.no_grad():  # had leaf 3 added, it would be 1, and not 0
        cell.weight_h[0, 3] = -1
    new_c, _ = cell(one, (2 * one, one))
    assert new_c.item() == pytest.approx(wanted_c, abs=1e-12)


def test_published_sizes() -> None:
    with torch.device("meta"):
        for inputs, hidden in ((5, 7), (1152, 1152)):
            cell = published("nas_ptb_cell", inputs=inputs, hidden=hidden)
            assert count(cell) == 8 * hidden * (inputs + hidden)
        space = NASRNNConfig(units=1152).build()
        architecture = space.encode("nas_ptb_cell")
        assert count(model(space, architecture, outputs=10_000)) == 53_987_328


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("tied", "wanted"), [(True, 25_000_000), (False, 32_000_000), (True, 54_000_000)]
)
def test_width_follows_from_the_number_of_parameters(tied: bool, wanted: int) -> None:
    """The paper's models of base 8; no other width comes nearer."""

    def size(**width: int) -> tuple[int, int]:
        space = NASRNNConfig(tied=tied, bias=True, **width).build()
        network = model(space, space.encode("nas_ptb_cell"), outputs=10_000)
        return network.embedding.weight.shape[1], count(network)

    with torch.device("meta"):
        units, got = size(parameters=wanted)
        assert abs(got / wanted - 1) < 0.002
        others = [abs(size(units=units + more)[1] - wanted) for more in (-1, 1)]
    assert abs(got - wanted) <= min(others)


def test_too_few_parameters_are_refused() -> None:
    space = NASRNNConfig(parameters=40).build()
    with pytest.raises(NasframeError, match="one unit for a vocabulary of 11 already has 43"):
        space.build(space.encode("nas_ptb_cell"), Words())
    space = NASRNNConfig(parameters=43).build()
    assert count(space.build(space.encode("nas_ptb_cell"), Words())) == 43


def test_unknown_names_are_refused() -> None:
    with pytest.raises(NasframeError, match="did you mean nas_ptb_cell"):
        NASRNNConfig().build().encode("nas_ptb")
    with pytest.raises(NasframeError, match="nas_ptb_cell has base=8, this space base=4"):
        NASRNNConfig(base=4).build().encode("nas_ptb_cell")
    with pytest.raises(NasframeError, match="did you mean nas_ptb_cell"):
        published_here("nas_ptb_cel")
    assert isinstance(published_here("nas_ptb_cell", inputs=2, hidden=3), TreeCell)


# All cells, over a sequence


def check_sequence(base: int, architecture: Architecture, bias: bool) -> None:
    """Values and gradients over a sequence are those of the rules and of autograd."""
    named = architecture.named(SPACES[base].choices)
    cell = TreeCell(decode_tree(architecture.tokens), 3, 2, bias=bias).double()
    x, mask = doubles(5, 4, 3).requires_grad_(), doubles(4, 2)
    start = tuple(doubles(4, 2).requires_grad_() for _ in range(2))
    inputs = [x, *start, *cell.parameters()]

    state, hidden = start, []
    for x_BI in x:
        c, h = step_by_the_rules(cell, named, x_BI, (state[0], state[1] * mask))
        single = cell(x_BI, (state[0], state[1] * mask))
        torch.testing.assert_close(single, (c, h))
        state = (c, h)
        hidden.append(h)
    wanted = (torch.stack(hidden), *state)
    h_TBU, last = cell.unroll(x, start, mask)
    got = (h_TBU, *last)
    torch.testing.assert_close(got, wanted)
    weights = [torch.randn_like(value) for value in wanted]
    grads = [
        torch.autograd.grad(values, inputs, weights, allow_unused=True, materialize_grads=True)
        for values in (wanted, got)
    ]
    torch.testing.assert_close(grads[1], grads[0])


@settings(max_examples=40, deadline=None)
@given(architectures(), st.booleans(), st.sampled_from((8, 16, 1000)))
def test_cells_follow_the_rules(drawn: tuple[int, Architecture], bias: bool, chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rnn_unroll, "_CHUNK", chunk)
        check_sequence(*drawn, bias)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(architectures(), st.booleans(), st.sampled_from((8, 16, 1000)))
def test_many_cells_follow_the_rules(
    drawn: tuple[int, Architecture], bias: bool, chunk: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rnn_unroll, "_CHUNK", chunk)
        check_sequence(*drawn, bias)


def test_gradients_by_finite_differences() -> None:
    cell = TreeCell(NAS_PTB, 2, 2, bias=True).double()
    names = [name for name, _ in cell.named_parameters()]

    def run(x: Tensor, c: Tensor, h: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
        by_name = dict(zip(names, weights, strict=True))
        h_TBU, last = torch.func.functional_call(Unrolled(cell), _inner(by_name), (x, (c, h)))
        return h_TBU, *last

    inputs = [doubles(3, 2, 2), doubles(2, 2), doubles(2, 2), *cell.parameters()]
    assert torch.autograd.gradcheck(run, [tensor.detach().requires_grad_() for tensor in inputs])


class Unrolled(nn.Module):
    def __init__(self, cell: TreeCell) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return self.cell.unroll(x, state)


def _inner(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"cell.{name}": weight for name, weight in weights.items()}


def test_bfloat16_computes_the_same_about() -> None:
    network = ptb(units=32)
    x = torch.randint(11, (7, 4))
    exact, _ = network(x, None)
    exact.sum().backward()
    gradients = [p.grad for p in network.parameters()]
    network.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        logits, state = network(x, None)
    logits.float().sum().backward()
    torch.testing.assert_close(logits.float(), exact, rtol=0.05, atol=0.02)
    assert {part.dtype for layer in state for part in layer} == {torch.float32}
    for parameter, wanted in zip(network.parameters(), gradients, strict=True):
        assert wanted is not None
        assert parameter.grad is not None
        difference = (parameter.grad - wanted).norm() / wanted.norm()
        assert difference < 0.05


# The language model


@settings(max_examples=30, deadline=None)
@given(architectures())
def test_two_halves_are_the_whole(drawn: tuple[int, Architecture]) -> None:
    base, architecture = drawn
    network = model(NASRNNConfig(base=base, extended=True, units=3).build(), architecture).double()
    x = torch.randint(11, (6, 2))
    logits, state = network(x, None)
    first, half = network(x[:2], None)
    second, end = network(x[2:], half)
    assert logits.shape == (6, 2, 11)
    torch.testing.assert_close(torch.cat([first, second]), logits)
    torch.testing.assert_close(end, state)
    assert len(state) == 2
    assert all(part.shape == (2, 3) for layer in state for part in layer)


def test_a_later_token_changes_no_earlier_logits() -> None:
    network = ptb()
    x = torch.randint(11, (6, 2))
    y = x.clone()
    y[4, 1] = (y[4, 1] + 1) % 11
    one, other = (network(tokens, None)[0] for tokens in (x, y))
    same = (one == other).all(-1)
    assert same[:4].all()
    assert same[:, 0].all()
    assert not same[4:, 1].any()


DROPOUTS = ("dropout", "recurrent_dropout", "word_dropout")


@pytest.mark.parametrize("name", DROPOUTS)
def test_dropout_is_for_training(name: str) -> None:
    network = ptb(**{name: 0.5})
    x = torch.randint(11, (6, 2))
    trained = [network(x, None)[0] for _ in range(2)]
    assert not trained[0].equal(trained[1])
    network.eval()
    asked = [network(x, None)[0] for _ in range(2)]
    assert asked[0].equal(asked[1])
    plain = ptb()
    plain.load_state_dict(network.state_dict())
    assert asked[0].equal(plain(x, None)[0])


def test_a_sequence_has_one_mask() -> None:
    network = ptb(units=64, dropout=0.5)
    nn.init.ones_(network.embedding.weight)
    kept = network._embed(torch.randint(11, (6, 3)))
    assert set(kept.unique().tolist()) == {0, 2}
    assert (kept == kept[0]).all()
    assert not (kept[0] == kept[0, 0]).all()


def test_a_dropped_word_is_dropped_everywhere() -> None:
    network = ptb(units=64, word_dropout=0.5)
    nn.init.ones_(network.embedding.weight)
    x = torch.randint(11, (40, 3))
    kept = network._embed(x)
    assert (kept == kept[..., :1]).all()
    words = [dict(zip(x[:, b].tolist(), kept[:, b, 0].tolist(), strict=True)) for b in range(3)]
    assert all(kept[t, b, 0] == words[b][int(x[t, b])] for t in range(40) for b in range(3))
    assert {0.0, 2.0} == {value for each in words for value in each.values()}
    assert words[0] != words[1]


def test_the_hidden_state_has_one_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a step reads of the hidden state is masked alike at each step; what is given is not."""
    network = ptb(units=16, layers=1, recurrent_dropout=0.5)
    seen: list[Tensor | None] = []
    unroll = TreeCell.unroll

    def spy(cell: TreeCell, x: Tensor, state: State, mask: Tensor | None) -> Any:
        seen.append(mask)
        return unroll(cell, x, state, mask)

    monkeypatch.setattr(TreeCell, "unroll", spy)
    network(torch.randint(11, (6, 3)), None)
    (mask,) = seen
    assert mask is not None
    assert mask.shape == (3, 16)
    assert set(mask.unique().tolist()) == {0, 2}
    network.eval()(torch.randint(11, (6, 3)), None)
    assert seen[1] is None


def test_size_is_counted_without_memory(tmp_path: Path) -> None:
    space = NASRNNConfig(units=1000, layers=3).build()
    meter = option("meters", "size").build(space, option("task", "text").build())
    context = Context(tmp_path, "cpu", 0, lambda epoch, metrics: True, lambda: False)
    metrics = meter.measure(space.encode("nas_ptb_cell"), context)
    vocabulary = option("task", "text").build().outputs
    assert metrics["parameters"] == metrics["macs"] == 3 * 16 * 1000**2 + vocabulary * 1000


# One key for equal cells


def test_canonical_is_exact_for_two_leaves() -> None:
    """Cells have equal keys just where they are equal functions up to the order of their leaves.

    Each is computed at random points, with its leaves in both orders.
    """
    space = NASRNNConfig(base=2).build()
    leaves, c = [doubles(2, 128) for _ in range(2)], doubles(128)
    values: dict[Any, set[bytes]] = defaultdict(set)
    for tokens in itertools.product(*(range(len(choice.options)) for choice in space.choices)):
        architecture = Architecture(tokens)
        named = architecture.named(space.choices)
        orders = (torch.cat(by_the_rules(named, order, c)) for order in (leaves, leaves[::-1]))
        rounded = min((order * 1e9).round().add(0.0).numpy().tobytes() for order in orders)
        values[space.canonical(architecture)].add(rounded)
    assert all(len(each) == 1 for each in values.values())
    assert len(set.union(*values.values())) == len(values) == 15_806


def swapped(tree: Tree, node: int) -> dict[int, int]:
    """Each node with its place after the subtrees below ``node`` have changed places."""
    places = {n: n for n in range(len(tree.nodes))}
    pairs = [tree.children(node)]
    for left, right in pairs:
        places |= {left: right, right: left}
        if left >= tree.base:
            pairs += zip(tree.children(left), tree.children(right), strict=True)
    return places


@settings(max_examples=40, deadline=None)
@given(architectures((2, 4, 8)), st.randoms(use_true_random=False))
def test_swapped_children_are_the_same_cell(drawn: tuple[int, Architecture], random: Any) -> None:
    """The key is the same, and so is the network, once the leaves' weights have gone along."""
    base, architecture = drawn
    tree = decode_tree(architecture.tokens)
    places = swapped(tree, random.randrange(base, 2 * base - 1))
    nodes = tuple(tree.nodes[places[n]] for n in range(2 * base - 1))
    other = Tree(nodes, tree.inject, places[tree.memory], places[tree.inject_at])
    space = SPACES[base]
    assert space.canonical(Architecture(encode_tree(other))) == space.canonical(architecture)

    cells = [TreeCell(t, 3, 2).double() for t in (tree, other)]
    with torch.no_grad():
        for name in ("weight_x", "weight_h"):
            parts = getattr(cells[0], name).chunk(base, 1)
            getattr(cells[1], name).copy_(torch.cat([parts[places[n]] for n in range(base)], 1))
    x, state = doubles(4, 5, 3), (doubles(5, 2), doubles(5, 2))
    torch.testing.assert_close(cells[0].unroll(x, state), cells[1].unroll(x, state))


@settings(max_examples=200, deadline=None)
@given(architectures((3, 4, 8)), st.randoms(use_true_random=False))
def test_equal_keys_mean_equal_functions(drawn: tuple[int, Architecture], random: Any) -> None:
    """Where a change of one choice keeps the key, cells are equal if all leaves are alike."""
    base, architecture = drawn
    space = SPACES[base]
    place = random.randrange(len(space.choices))
    for token in range(len(space.choices[place].options)):
        tokens = (*architecture.tokens[:place], token, *architecture.tokens[place + 1 :])
        if space.canonical(Architecture(tokens)) == space.canonical(architecture):
            assert same_function(space, architecture, Architecture(tokens), base)


def test_equal_keys_of_three_leaves_mean_equal_functions() -> None:
    """Cells of sums, products, maxima and signs, drawn until many agree, with leaves of their own.

    Cells of one key must agree with each other for some order of the leaves.
    """
    rng, leaves, c = random.Random(0), [doubles(2, 64) for _ in range(3)], doubles(64)

    def node(*combinations: str) -> Node:
        return Node(rng.choice(combinations), rng.choice(("identity", "relu", "sigmoid")))

    cells: dict[Any, set[Architecture]] = defaultdict(set)
    for _ in range(6000):
        inner = [node(*COMBINE) for _ in range(3)]
        nodes = (*(node("add") for _ in range(3)), *inner[:2])
        tree = Tree(nodes, inner[2], rng.randrange(5), rng.randrange(5))
        architecture = Architecture(encode_tree(tree))
        cells[SPACES[3].canonical(architecture)].add(architecture)
    compared = 0
    for one, *others in cells.values():
        wanted = torch.cat(by_the_rules(one.named(SPACES[3].choices), leaves, c))
        for other in others:
            named = other.named(SPACES[3].choices)
            orders = (by_the_rules(named, order, c) for order in itertools.permutations(leaves))
            assert any(torch.allclose(torch.cat(order), wanted) for order in orders)
            compared += 1
    assert compared > 200


def same_function(space: SearchSpace, one: Architecture, other: Architecture, base: int) -> bool:
    """Whether they agree where all leaves read the same values, so that their order is nothing."""
    pair, c = doubles(2, 64), doubles(64)
    results = [
        by_the_rules(architecture.named(space.choices), [pair] * base, c)
        for architecture in (one, other)
    ]
    return all(torch.allclose(a, b) for a, b in zip(*results, strict=True))


def test_each_choice_of_the_published_cell_matters() -> None:
    space = NASRNNConfig().build()
    architecture = space.encode("nas_ptb_cell")
    key = space.canonical(architecture)
    same = set()
    for place, choice in enumerate(space.choices):
        for token in range(len(choice.options)):
            tokens = (*architecture.tokens[:place], token, *architecture.tokens[place + 1 :])
            if tokens != architecture.tokens and space.canonical(Architecture(tokens)) == key:
                same.add(choice.name)
    assert not same


def test_a_rewrite_stops_at_the_memory() -> None:
    """(a + b) + (c + d) is the same in any order, but not if a + b is the memory."""
    plain, tanh = Node("add", "identity"), Node("add", "tanh")
    leaves = (tanh, Node("add", "relu"), Node("add", "sigmoid"), plain)
    crossed = (leaves[0], leaves[2], leaves[1], leaves[3])
    space = SPACES[4]

    def key(leaves: tuple[Node, ...], memory: int) -> Any:
        tree = Tree((*leaves, plain, plain, tanh), tanh, memory, inject_at=6)
        return space.canonical(Architecture(encode_tree(tree)))

    assert key(leaves, 6) == key(crossed, 6)
    assert key(leaves, 4) != key(crossed, 4)


# Compiled
