"""The NASNet search space: its choices, its cells and its networks, against the paper and slim."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import Images
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from nasframe import Architecture, NasframeError, SearchSpace
from nasframe_nasnet.canonical import canonicalize_cell
from nasframe_nasnet.cell import Cell, Shape
from nasframe_nasnet.config import NASNetConfig
from nasframe_nasnet.genotype import OPS, Block, Genotype, decode_cell, split_blocks
from nasframe_nasnet.layers import Concat, FactorizedReduction, Map, Pointwise, Pool, make_conv
from nasframe_nasnet.network import NASNet, cifar_stem, stack_cells
from nasframe_nasnet.operations import OPERATION_FACTORIES
from nasframe_nasnet.published_cells import PUBLISHED_CELLS

Rows = list[tuple[int, ...]]


def small(blocks: int = 5) -> SearchSpace:
    return NASNetConfig(blocks=blocks, cells=2, filters=4, stages=3).build()


def cell_rows(blocks: int, ops: int = len(OPS)) -> st.SearchStrategy[Rows]:
    """Cells as rows of tokens; few ``ops`` make equal and equivalent blocks frequent."""
    op, combine = st.integers(0, ops - 1), st.integers(0, 1)
    states = (st.integers(0, b + 1) for b in range(blocks))
    rows = [st.tuples(state, state, op, op, combine) for state in states]
    return st.tuples(*rows).map(list)


def flat(rows: Rows) -> tuple[int, ...]:
    return tuple(itertools.chain(*rows))


def architectures(blocks: int = 5) -> st.SearchStrategy[Architecture]:
    cells = st.tuples(cell_rows(blocks), cell_rows(blocks))
    return cells.map(lambda pair: Architecture(flat(pair[0]) + flat(pair[1])))


# The encoding


def test_decisions_are_the_papers() -> None:
    space = NASNetConfig().build()
    sizes = [len(choice.options) for choice in space.choices]
    cell = [size for states in range(2, 7) for size in (states, states, 13, 13, 2)]
    assert sizes == cell + cell
    names = [choice.name for choice in space.choices]
    assert names[:5] == [
        f"normal.block0.{step}"
        for step in ("left_state", "right_state", "left_op", "right_op", "combine")
    ]
    assert names[25:] == [name.replace("normal", "reduction") for name in names[:25]]
    assert space.choices[27].options[:3] == ("identity", "conv1x3_3x1", "conv1x7_7x1")
    assert space.kinds == ("image",)


@pytest.mark.parametrize("blocks", [1, 3, 5])
def test_size(blocks: int) -> None:
    cell = math.prod((b + 2) ** 2 * 13**2 * 2 for b in range(blocks))
    assert NASNetConfig(blocks=blocks).build().size == cell**2
    if blocks == 5:
        assert f"{cell**2:.2e}" == "5.23e+36"


def test_decode_gives_every_unread_state() -> None:
    cell = decode_cell((1, 1, 10, 0, 0, 2, 1, 4, 12, 1, 1, 2, 5, 5, 0))
    assert cell.blocks == (
        Block(1, 1, "sep3x3", "identity", "add"),
        Block(2, 1, "avg3x3", "sep7x7", "concat"),
        Block(1, 2, "max3x3", "max3x3", "add"),
    )
    assert cell.outputs == (0, 3, 4)


def test_describe() -> None:
    space = NASNetConfig(blocks=2).build()
    tokens = (0, 1, 10, 0, 0, 2, 0, 4, 8, 1)
    cell = "sep3x3(h0)+identity(h1); [avg3x3(h2), conv1x1(h0)]"
    assert space.describe(Architecture(tokens * 2)) == f"normal: {cell} | reduction: {cell}"


def test_settings_are_checked() -> None:
    with pytest.raises(NasframeError, match="stages=1: must be at least 2"):
        NASNetConfig(stages=1)


# Operations

POOL, IDENTITY = "pool", ""
SEPARABLE = "relu conv{0}/8 conv1x1 norm relu conv{0}/8 conv1x1 norm"
FACTORED = "relu conv1x{0} norm relu conv{0}x1 norm"
STRUCTURE = {
    "identity": IDENTITY,
    "conv1x3_3x1": FACTORED.format(3),
    "conv1x7_7x1": FACTORED.format(7),
    "dil3x3": "relu conv3x3:2 norm",
    "avg3x3": POOL,
    "max3x3": POOL,
    "max5x5": POOL,
    "max7x7": POOL,
    "conv1x1": "relu conv1x1 norm",
    "conv3x3": "relu conv3x3 norm",
    "sep3x3": SEPARABLE.format("3x3"),
    "sep5x5": SEPARABLE.format("5x5"),
    "sep7x7": SEPARABLE.format("7x7"),
}


def structure(module: nn.Module) -> str:
    """The layers in their order: convolutions as ``convHxW``, then ``:dilation``, ``/groups``."""
    return " ".join(filter(None, map(layer_name, module.modules())))


def layer_name(layer: nn.Module) -> str:
    match layer:
        case nn.Conv2d():
            assert layer.bias is None
            height, width = layer.kernel_size
            dilation = f":{layer.dilation[0]}" if layer.dilation[0] > 1 else ""
            groups = f"/{layer.groups}" if layer.groups > 1 else ""
            return f"conv{height}x{width}{dilation}{groups}"
        case nn.BatchNorm2d():
            assert (layer.eps, layer.momentum) == (1e-5, 0.1)
            return "norm"
        case nn.ReLU():
            return "relu"
        case Pool():
            return POOL
    return ""


def strides(module: nn.Module) -> list[tuple[int, ...]]:
    return [layer.stride for layer in module.modules() if isinstance(layer, nn.Conv2d)]


def test_every_operation_has_its_layers() -> None:
    assert tuple(OPERATION_FACTORIES) == OPS == tuple(STRUCTURE)
    for name, make in OPERATION_FACTORIES.items():
        assert structure(make(8, 8, 1)) == STRUCTURE[name], name


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("channels", [8, 12])
def test_operation_gives_the_wanted_shape(name: str, stride: int, channels: int) -> None:
    for height, width in ((7, 12), (2, 1)):
        y_NCHW = OPERATION_FACTORIES[name](channels, 8, stride)(
            torch.randn(2, channels, height, width)
        )
        assert y_NCHW.shape == (2, 8, -(-height // stride), -(-width // stride))


def test_identity_and_pool_change_shapes_as_in_slim() -> None:
    for identity in (
        OPERATION_FACTORIES["identity"](8, 8, 2),
        OPERATION_FACTORIES["identity"](12, 8, 1),
    ):
        assert structure(identity) == "relu conv1x1 norm"
    assert strides(OPERATION_FACTORIES["identity"](8, 8, 2)) == [(2, 2)]
    assert structure(OPERATION_FACTORIES["avg3x3"](8, 8, 2)) == "pool"
    pool = OPERATION_FACTORIES["max5x5"](12, 8, 2)
    assert structure(pool) == "pool conv1x1 norm"
    assert strides(pool) == [(1, 1)]


def test_strides_of_composed_convolutions() -> None:
    assert strides(OPERATION_FACTORIES["sep5x5"](8, 8, 2)) == [(2, 2), (1, 1), (1, 1), (1, 1)]
    assert strides(OPERATION_FACTORIES["conv1x7_7x1"](8, 8, 2)) == [(1, 2), (2, 1)]


@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [1, 2, 7, 8])
def test_borders_are_tensorflows(kernel: int, stride: int, size: int) -> None:
    x_NCHW = torch.randn(2, 3, size, size + 1)
    windows = same_windows(x_NCHW, kernel, stride)
    largest, mean = (Pool(kernel, stride, mean=mean)(x_NCHW) for mean in (False, True))
    torch.testing.assert_close(largest, windows.nan_to_num(-9).amax(-1))
    torch.testing.assert_close(mean, windows.nanmean(-1))
    depthwise = make_conv(3, 3, kernel, stride, groups=3)
    nn.init.ones_(depthwise.weight)
    torch.testing.assert_close(depthwise(x_NCHW), windows.nansum(-1))


@pytest.mark.parametrize("kernel", [5, 7])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [5, 8])
def test_a_maximum_by_rows_and_columns_has_the_gradient_of_the_window(
    kernel: int, stride: int, size: int
) -> None:
    x_NCHW = torch.randn(2, 3, size, size + 1).double().requires_grad_()
    windows = same_windows(x_NCHW, kernel, stride).nan_to_num(-9).amax(-1)
    y_NCHW = Pool(kernel, stride, mean=False)(x_NCHW)
    torch.testing.assert_close(
        *(torch.autograd.grad(y.square().sum(), x_NCHW) for y in (y_NCHW, windows))
    )


def same_windows(x_NCHW: Tensor, kernel: int, stride: int) -> Tensor:
    """The pixels of every window in the last dimension, with NaN for TensorFlow's SAME padding."""
    padding: list[int] = []
    for size in x_NCHW.shape[:1:-1]:
        total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        padding += [total // 2, total - total // 2]
    padded = F.pad(x_NCHW, padding, value=math.nan)
    return padded.unfold(2, kernel, stride).unfold(3, kernel, stride).flatten(-2)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 8), st.integers(1, 5), st.integers(1, 2), st.integers(1, 9), st.booleans())
def test_pointwise_is_the_strided_convolution(
    channels: int, filters: int, stride: int, size: int, last: bool
) -> None:
    layer = Pointwise(channels, filters, stride).double()
    layout = torch.channels_last if last else torch.contiguous_format
    x_NCHW = torch.randn(2, channels, size, size + 2).double().contiguous(memory_format=layout)
    with_ours, with_torch = (x_NCHW.clone().requires_grad_() for _ in range(2))
    weight = layer.weight.detach().clone().requires_grad_()
    ours, torchs = layer(with_ours), F.conv2d(with_torch, weight, stride=stride)
    torch.testing.assert_close(ours, torchs)
    for y in (ours, torchs):
        torch.autograd.backward(y.square().sum())
    torch.testing.assert_close(with_ours.grad, with_torch.grad)
    torch.testing.assert_close(layer.weight.grad, weight.grad)


@pytest.mark.parametrize("size", [20, 21])
def test_factorized_reduction_has_two_shifted_paths_and_one_norm(size: int) -> None:
    reduction = FactorizedReduction(1, 2).eval()
    assert structure(reduction) == "conv1x1 conv1x1 norm"
    nn.init.ones_(reduction.even.weight)
    nn.init.ones_(reduction.odd.weight)
    x_NCHW = torch.randn(1, 1, size, size)
    y_NCHW = reduction(x_NCHW) * math.sqrt(1 + 1e-5)
    half = -(-size // 2)
    assert y_NCHW.shape == (1, 2, half, half)
    odd = x_NCHW[0, 0, 1::2, 1::2]
    torch.testing.assert_close(y_NCHW[0, 0], x_NCHW[0, 0, ::2, ::2])
    torch.testing.assert_close(y_NCHW[0, 1], F.pad(odd, (0, size % 2, 0, size % 2)))


def test_concat_returns_to_the_operands_channels() -> None:
    concat = Concat(4)
    assert structure(concat) == "relu conv1x1 norm"
    left_NCHW, right_NCHW = torch.randn(2, 2, 4, 5, 5)
    both = torch.cat([left_NCHW, right_NCHW], 1)
    torch.testing.assert_close(concat(left_NCHW, right_NCHW), concat.fit(both))


# Cells and networks


def chain(op: str) -> Genotype:
    """Block 0 reads both inputs, block 1 reads block 0 and an input."""
    return Genotype((Block(0, 1, op, op, "add"), Block(2, 0, op, op, "add")), (3,))


def test_only_reads_of_the_inputs_are_strided() -> None:
    cell = Cell(chain("conv3x3"), 4, 2, Shape(8, 0), Shape(8, 0))
    assert strides(cell.left) == [(2, 2), (1, 1)]
    assert strides(cell.right) == [(2, 2), (2, 2)]
    assert cell.shape == Shape(4, 1)


def test_how_the_previous_map_is_aligned() -> None:
    current = Shape(16, 1)
    aligned = {
        previous: structure(Cell(chain("max3x3"), 8, 1, current, previous).align_previous)
        for previous in (None, Shape(16, 0), Shape(16, 1), Shape(8, 1))
    }
    assert aligned == {
        None: "",
        Shape(16, 0): "relu conv1x1 conv1x1 norm",
        Shape(16, 1): "relu conv1x1 norm",
        Shape(8, 1): "",
    }


def test_the_first_cell_reads_the_stem_as_it_is() -> None:
    cell = Cell(chain("max3x3"), 8, 1, Shape(24, 0), None)
    assert structure(cell.align_current) == "relu conv1x1 norm"
    assert structure(cell.right[0]) == "pool conv1x1 norm"
    assert structure(cell.left[0]) == "pool"


def test_inputs_that_no_block_reads_leave_the_cell_in_its_shape() -> None:
    genotype = decode_cell((1, 1, 0, 0, 0))
    cell = Cell(genotype, 4, 2, Shape(8, 0), Shape(8, 0))
    assert genotype.outputs == (0, 2)
    assert [structure(align) for align in cell.align_outputs] == ["conv1x1 conv1x1 norm", ""]
    x_NCHW = torch.randn(2, 8, 7, 7)
    assert cell(Map(x_NCHW), Map(x_NCHW)).shape == (2, 8, 4, 4)

    first = Cell(decode_cell((0, 0, 0, 0, 0)), 4, 1, Shape(8, 0), None)
    assert [structure(align) for align in first.align_outputs] == ["conv1x1 norm", ""]


def test_a_cell_computes_its_graph() -> None:
    genotype = decode_cell((1, 0, 4, 9, 1, 2, 2, 0, 10, 0, 3, 0, 8, 5, 0))
    cell = Cell(genotype, 4, 1, Shape(8, 0), Shape(6, 0)).eval()
    current_NCHW, previous_NCHW = torch.randn(2, 8, 5, 5), torch.randn(2, 6, 5, 5)
    h0, h1 = cell.align_current(current_NCHW), cell.align_previous(previous_NCHW)
    h2 = cell.combine[0].fit(torch.cat([cell.left[0](h1), cell.right[0](h0)], 1))
    h3 = h2 + cell.right[1](h2)
    h4 = cell.left[2](h3) + cell.right[2](h0)
    assert genotype.outputs == (4,)
    torch.testing.assert_close(cell(Map(current_NCHW), Map(previous_NCHW)), h4)

    both = Cell(genotype._replace(outputs=(1, 4)), 4, 1, Shape(8, 0), Shape(6, 0)).eval()
    both.load_state_dict(cell.state_dict())
    outputs_NCHW = both(Map(current_NCHW), Map(previous_NCHW))
    torch.testing.assert_close(outputs_NCHW, torch.cat([h1, h4], 1))


def test_what_reads_a_map_shares_its_relu() -> None:
    """Blocks 0 and 1 rectify states 0, 1 and 2, and state 0 twice more; both entries the input."""
    cell = Cell(chain("conv1x1"), 4, 1, Shape(8, 0), Shape(8, 0)).eval()
    both = Map(torch.randn(2, 8, 5, 5))
    with profile(activities=[ProfilerActivity.CPU]) as events:
        cell(both, both)
    relus = {event.key: event.count for event in events.key_averages()}["aten::relu"]
    assert relus == 4


def test_a_shared_relu_has_the_gradient_of_many() -> None:
    cell = Cell(chain("sep3x3"), 4, 1, Shape(8, 0), Shape(8, 0)).double().eval()
    x_NCHW = torch.randn(2, 8, 5, 5).double().requires_grad_()
    h0, h1 = cell.align_current(x_NCHW), cell.align_previous(x_NCHW)
    h2 = cell.left[0](h0) + cell.right[0](h1)
    h3 = cell.left[1](h2) + cell.right[1](h0)
    weights = (x_NCHW, *cell.parameters())
    apart = torch.autograd.grad(h3.square().sum(), weights)
    shared = torch.autograd.grad(cell(Map(x_NCHW), Map(x_NCHW)).square().sum(), weights)
    torch.testing.assert_close(shared, apart)


def test_reductions_halve_the_map_and_double_the_filters() -> None:
    layers = list(stack_cells(chain("sep3x3"), chain("avg3x3"), filters=4, cells=2, stages=3))
    assert [layer.filters for layer in layers] == [4, 4, 8, 8, 8, 16, 16, 16]
    assert [layer.stride for layer in layers] == [1, 1, 2, 1, 1, 2, 1, 1]
    network = NASNet(cifar_stem(3, 12), 12, layers, 10)
    shapes: list[tuple[int, ...]] = []
    for cell in network.cells:
        cell.register_forward_hook(lambda _module, _inputs, y: shapes.append(tuple(y.shape[1:])))
    network(torch.randn(2, 3, 21, 21))
    assert shapes == [(4, 21, 21)] * 2 + [(8, 11, 11)] * 3 + [(16, 6, 6)] * 3
    assert [cell.shape.channels for cell in network.cells] == [shape[0] for shape in shapes]


def test_every_cell_reads_the_two_before_it() -> None:
    layers = stack_cells(chain("sep3x3"), chain("avg3x3"), filters=4, cells=1, stages=2)
    network = NASNet(cifar_stem(3, 12), 12, layers, 10)
    maps: list[Tensor] = []
    read: list[list[Tensor]] = []
    whole = nn.Identity()
    network.stem.register_forward_hook(lambda _module, _inputs, y: maps.append(y))
    for cell in network.cells:
        cell.register_forward_hook(
            lambda _module, inputs, _y: read.append([each.read(whole) for each in inputs])
        )
        cell.register_forward_hook(lambda _module, _inputs, y: maps.append(y))
    network(torch.randn(2, 3, 8, 8))
    stem, first, second, _ = maps
    wanted = [(stem, stem), (first, stem), (second, first)]
    assert [tuple(map(id, pair)) for pair in read] == [tuple(map(id, pair)) for pair in wanted]


@settings(max_examples=25, deadline=None)
@given(
    architectures(),
    st.integers(1, 4),
    st.integers(7, 33),
    st.integers(7, 33),
    st.integers(2, 12),
)
def test_every_architecture_trains_on_images_of_every_size(
    architecture: Architecture, channels: int, height: int, width: int, outputs: int
) -> None:
    torch.manual_seed(0)
    network = small().build(architecture, Images((channels, height, width), outputs))
    x_NCHW = torch.randn(2, channels, height, width).to(memory_format=torch.channels_last)
    logits = network.to(memory_format=torch.channels_last)(x_NCHW)
    assert logits.shape == (2, outputs)
    F.cross_entropy(logits, torch.tensor([0, 1])).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.dim() == 1 or parameter.grad.abs().sum() > 0, name


def test_large_images_and_single_ones() -> None:
    network = small().build(Architecture((0, 1, 12, 7, 1) * 10), Images((3, 8, 8))).eval()
    assert network(torch.randn(1, 3, 65, 64)).shape == (1, 10)


def nasnet_a(blocks: str, outputs: tuple[int, ...]) -> Genotype:
    """A published cell; blocks as ``state op state op``, all added."""
    words = [block.split() for block in blocks.split(",")]
    return Genotype(
        tuple(Block(int(left), int(right), op, other, "add") for left, op, right, other in words),
        outputs,
    )


def test_nasnet_a_has_the_papers_size() -> None:
    normal = nasnet_a(
        "0 sep5x5 1 sep3x3, 1 sep5x5 1 sep3x3, 0 avg3x3 1 identity, 1 avg3x3 1 avg3x3, "
        "0 sep3x3 0 identity",
        (1, 2, 3, 4, 5, 6),
    )
    reduction = nasnet_a(
        "0 sep5x5 1 sep7x7, 0 max3x3 1 sep7x7, 0 avg3x3 1 sep5x5, 3 identity 2 avg3x3, "
        "2 sep3x3 0 max3x3",
        (3, 4, 5, 6),
    )
    assert (normal, reduction) == PUBLISHED_CELLS["nasnet_a"]
    with torch.device("meta"):
        layers = stack_cells(normal, reduction, filters=32, cells=6, stages=3)
        network = NASNet(cifar_stem(3, 96), 96, layers, 10)
    assert network.classifier.in_features == 768
    millions = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    assert round(millions, 1) == 3.3


# The canonical form


def swap(rows: Rows, block: int) -> Rows:
    left, right, left_op, right_op, combine = rows[block]
    return [*rows[:block], (right, left, right_op, left_op, combine), *rows[block + 1 :]]


def reorder(rows: Rows, order: list[int]) -> Rows:
    """Blocks in another order, with their states renumbered; it must keep readers behind."""
    numbers = {0: 0, 1: 1} | {block + 2: place + 2 for place, block in enumerate(order)}
    return [(numbers[rows[b][0]], numbers[rows[b][1]], *rows[b][2:]) for b in order]


def orders(rows: Rows) -> Iterator[list[int]]:
    """Every order of the blocks in which each comes after those that it reads."""
    for order in itertools.permutations(range(len(rows))):
        place = {block + 2: position for position, block in enumerate(order)}
        reads = ((block, state) for block in order for state in rows[block][:2] if state > 1)
        if all(place[state] < place[block + 2] for block, state in reads):
            yield list(order)


def unordered(rows: Rows) -> list[object]:
    return [(combine, sorted([(a, f), (b, g)])) for a, b, f, g, combine in rows]


def same_graph(rows: Rows, other: Rows) -> bool:
    """Whether some order of the blocks, and of operands, turns one cell into the other."""
    wanted = unordered(other)
    return any(unordered(reorder(rows, order)) == wanted for order in orders(rows))


@given(cell_rows(5, ops=3), st.data())
def test_rewrites_keep_the_key(rows: Rows, data: st.DataObject) -> None:
    other = reorder(rows, data.draw(st.sampled_from(list(orders(rows)))))
    for block in data.draw(st.sets(st.integers(0, 4))):
        other = swap(other, block)
    key = canonicalize_cell(flat(rows))
    assert canonicalize_cell(flat(other)) == key
    assert canonicalize_cell(key) == key
    assert same_graph(rows, split_blocks(key))


@given(cell_rows(4, ops=2), st.data())
def test_a_changed_token_changes_the_key_unless_the_graph_is_the_same(
    rows: Rows, data: st.DataObject
) -> None:
    tokens = list(flat(rows))
    place = data.draw(st.integers(0, len(tokens) - 1))
    options = place // 5 + 2 if place % 5 < 2 else 2
    tokens[place] = (tokens[place] + data.draw(st.integers(1, options - 1))) % options
    changed = split_blocks(tokens)
    assert (canonicalize_cell(flat(rows)) == canonicalize_cell(tokens)) == same_graph(rows, changed)


@given(cell_rows(3, ops=1), cell_rows(3, ops=1))
def test_keys_are_equal_exactly_for_the_same_graph(rows: Rows, other: Rows) -> None:
    assert (canonicalize_cell(flat(rows)) == canonicalize_cell(flat(other))) == same_graph(
        rows, other
    )


def test_a_shared_state_differs_from_two_equal_ones() -> None:
    twins = [(0, 1, 0, 0, 0), (0, 1, 0, 0, 0)]
    shared = [*twins, (2, 2, 0, 0, 0)]
    apart = [*twins, (2, 3, 0, 0, 0)]
    other_shared = [*twins, (3, 3, 0, 0, 0)]
    assert (
        canonicalize_cell(flat(shared))
        == canonicalize_cell(flat(other_shared))
        != canonicalize_cell(flat(apart))
    )


def test_readers_tell_equal_blocks_apart() -> None:
    twins = [(0, 1, 0, 0, 0), (0, 1, 0, 0, 0)]
    readers = [*twins, (2, 0, 0, 0, 0), (3, 1, 0, 0, 0)]
    exchanged = [*twins, (3, 0, 0, 0, 0), (2, 1, 0, 0, 0)]
    one_unread = [*twins, (2, 0, 0, 0, 0), (2, 1, 0, 0, 0)]
    assert (
        canonicalize_cell(flat(readers))
        == canonicalize_cell(flat(exchanged))
        != canonicalize_cell(flat(one_unread))
    )


def test_the_two_cells_have_their_own_part_of_the_key() -> None:
    space = NASNetConfig(blocks=1).build()
    normal, reduction = (1, 0, 3, 2, 0), (0, 1, 4, 5, 1)
    key = space.canonical(Architecture(normal + reduction))
    assert key == (0, 1, 2, 3, 0, *reduction)
    assert key != space.canonical(Architecture(reduction + normal))


@settings(max_examples=15, deadline=None)
@given(architectures(blocks=3), st.integers(0, 2))
def test_swapped_operands_are_the_same_network(architecture: Architecture, block: int) -> None:
    space = small(blocks=3)
    rows = split_blocks(architecture.tokens)
    twin = Architecture(flat(swap(rows[:3], block)) + flat(swap(rows[3:], block)))
    assert space.canonical(architecture) == space.canonical(twin)
    network, other = (space.build(each, Images((3, 8, 8))).eval() for each in (architecture, twin))
    x_NCHW = torch.randn(2, 3, 9, 9)
    logits = network(x_NCHW)
    for cell in network.cells:
        cell.left[block], cell.right[block] = cell.right[block], cell.left[block]
        if isinstance(cell.combine[block], Concat):
            weight = cell.combine[block].fit[1].weight
            weight.data = weight.roll(len(weight), 1)
    other.load_state_dict(network.state_dict())
    torch.testing.assert_close(other(x_NCHW), logits)


@settings(max_examples=15, deadline=None)
@given(architectures())
def test_the_key_is_an_architecture_with_the_same_weights(architecture: Architecture) -> None:
    space = small()
    assert weight_shapes(space, architecture) == weight_shapes(
        space, Architecture(space.canonical(architecture))
    )


def weight_shapes(space: SearchSpace, architecture: Architecture) -> list[tuple[int, ...]]:
    with torch.device("meta"):
        network = space.build(architecture, Images((3, 8, 8)))
    return sorted(tuple(weight.shape) for weight in network.parameters())
