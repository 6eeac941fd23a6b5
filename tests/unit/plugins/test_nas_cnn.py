"""The NAS CNN space: its choices, networks, canonical form and published network."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from experiments import experiment
from hypothesis import given, settings
from hypothesis import strategies as st
from nas_cnns import Rows, flat, space
from shapes import Images
from torch import Tensor, nn

from nasframe import Architecture, Choice, Link, NasframeError
from nasframe_nas import published
from nasframe_nas.cnn_canonical import canonicalize_layers
from nasframe_nas.cnn_layers import Layer, describe_layers, split_layers
from nasframe_nas.cnn_network import NASCNN, concatenate_maps
from nasframe_nas.cnn_published import FIGURE_7
from nasframe_nas.cnn_space import NASCNNSpace
from nasframe_objectives.config import Reduction


def rows_of(layers: int, *options: int) -> st.SearchStrategy[Rows]:
    """Networks as rows of tokens, with so many options for each step before the links."""
    kind = st.tuples(*(st.integers(0, count - 1) for count in options))
    rows = [
        st.tuples(kind, st.sets(st.integers(0, n - 1)).map(sorted).map(tuple))
        if n
        else st.tuples(kind, st.just(()))
        for n in range(layers)
    ]
    return st.tuples(*rows).map(list)


# The choices


def test_each_layer_decides_in_the_papers_order() -> None:
    choices = space(layers=3, strides=True).choices
    layer = {
        "filter_height": (1, 3, 5, 7),
        "filter_width": (1, 3, 5, 7),
        "stride_height": (1, 2, 3),
        "stride_width": (1, 2, 3),
        "filters": (24, 36, 48, 64),
    }
    wanted = [
        (f"layer{n}.{step}", options)
        for n in range(3)
        for step, options in [
            *layer.items(),
            *((f"from_layer{j}", (False, True)) for j in range(n)),
        ]
    ]
    assert [(choice.name, choice.options) for choice in choices] == wanted


def test_strides_are_fixed_by_default() -> None:
    names = [choice.name for choice in space(layers=2).choices]
    steps = ["filter_height", "filter_width", "filters"]
    first, second = ([f"layer{n}.{step}" for step in steps] for n in (0, 1))
    assert names == [*first, *second, "layer1.from_layer0"]


@given(st.integers(1, 20), st.booleans())
def test_links_lead_from_the_anchors_of_all_earlier_layers(layers: int, strides: bool) -> None:
    choices = space(layers=layers, strides=strides).choices
    filters = [i for i, choice in enumerate(choices) if choice.name.endswith(".filters")]
    anchors = [place + 1 for place in filters]
    wanted: dict[int, Choice] = {
        anchors[n] + j: Link(f"layer{n}.from_layer{j}", source=anchors[j], target=anchors[n])
        for n in range(layers)
        for j in range(n)
    }
    assert {i: c for i, c in enumerate(choices) if isinstance(c, Link)} == wanted
    assert len(wanted) == layers * (layers - 1) // 2


def test_size() -> None:
    for layers, power in ((6, 15.4), (15, 58.7)):
        size = space(layers=layers).size
        assert size == 64**layers * 2 ** (layers * (layers - 1) // 2)
        assert round(math.log10(size), 1) == power
    strided = space(layers=15, strides=True).size
    assert strided == 576**15 * 2**105
    assert round(math.log10(strided), 1) == 73.0


def test_depth_follows_the_schedule() -> None:
    growing = space(layers=20, first_layers=6)
    numbers = (0, 1599, 1600, 3199, 3200, 12_799, 10**6)
    for number, layers in zip(numbers, (6, 6, 8, 8, 10, 20, 20), strict=True):
        assert growing.active(number) == len(space(layers=layers).choices)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 5), st.booleans())
def test_a_prefix_ends_at_the_end_of_a_layer(
    layers: int, first: int, every: int, strides: bool
) -> None:
    first = min(first, layers)
    growing = space(layers=layers, first_layers=first, grow_every=every, strides=strides)
    ends = [len(space(layers=n + 1, strides=strides).choices) for n in range(layers)]
    prefixes = [growing.active(number) for number in range(every * layers)]
    depths = [ends.index(prefix) + 1 for prefix in prefixes]
    assert depths == [min(layers, first + 2 * (n // every)) for n in range(every * layers)]
    assert space(layers=layers, strides=strides).active(0) == ends[-1]


@given(rows_of(6, 4, 4, 4))
def test_split_is_the_inverse_of_writing_the_tokens(rows: Rows) -> None:
    assert list(split_layers(flat(rows), 3)) == rows


def test_describe() -> None:
    strided = space(layers=3, strides=True, pooling_at=[2], extra_filters=40)
    rows: Rows = [((1, 1, 0, 0, 1), ()), ((2, 3, 1, 0, 0), ()), ((0, 0, 0, 0, 3), (0, 1))]
    assert strided.describe(Architecture(flat(rows))) == (
        "0: 76@3x3(image); 1: 64@5x7/2x1(image) max2x2; 2: 104@1x1(0, 1); classifier(2)"
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"pooling_at": [3, 16]}, r"pooling_at=\[3, 16\]: must be at most layers=15"),
        ({"first_layers": 6, "layers": 5}, "first_layers=6: must be at most layers=5"),
        ({"kernel": [3, 0]}, r"kernel=\[3, 0\]: must be at least 1"),
        ({"filters": []}, "filters=\\[\\]: must have at least one"),
    ],
)
def test_settings_are_checked(values: dict[str, Any], words: str) -> None:
    with pytest.raises(NasframeError, match=words):
        space(**values)


# Networks


def test_a_layer_is_convolution_norm_and_relu() -> None:
    network = space(layers=1, extra_filters=40).build(Architecture((2, 3, 0)), Images((3, 8, 8)))
    assert isinstance(network, NASCNN)
    assert list(dict(network.layers[0].named_children())) == ["conv", "norm", "relu"]
    conv, norm, relu = network.layers[0]
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is None
    assert (conv.in_channels, conv.out_channels, conv.kernel_size) == (3, 64, (5, 7))
    assert isinstance(norm, nn.BatchNorm2d)
    assert (norm.eps, norm.momentum) == (1e-5, 0.1)
    assert isinstance(relu, nn.ReLU)


@pytest.mark.parametrize("kernel", [(1, 1), (1, 3), (5, 2), (7, 7)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3), (3, 1)])
@pytest.mark.parametrize("size", [(1, 2), (7, 8), (9, 12)])
def test_borders_are_tensorflows(
    kernel: tuple[int, int], stride: tuple[int, int], size: tuple[int, int]
) -> None:
    layer = NASCNN([Layer(*kernel, 2, (), *stride)], 3, 10).layers[0]
    layer.norm, layer.relu = nn.Identity(), nn.Identity()
    x_NCHW = torch.randn(2, 3, *size)
    padding: list[int] = []
    for side, k, s in reversed(list(zip(size, kernel, stride, strict=True))):
        total = max((math.ceil(side / s) - 1) * s + k - side, 0)
        padding += [total // 2, total - total // 2]
    wanted = F.conv2d(F.pad(x_NCHW, padding), layer.conv.weight, stride=stride)
    assert wanted.shape[2:] == tuple(math.ceil(a / s) for a, s in zip(size, stride, strict=True))
    torch.testing.assert_close(layer(x_NCHW), wanted)


def test_no_1x1_convolution_is_strided() -> None:
    """Training one that reads few channels, with its channels innermost, can crash on a CPU."""
    layer = NASCNN([Layer(1, 1, 2, (), 3, 1)], 1, 10).layers[0]
    assert layer.conv.stride == (1, 1)
    assert layer(torch.randn(2, 1, 7, 5)).shape == (2, 2, 3, 5)


def test_smaller_maps_are_padded_with_zeros_to_the_largest() -> None:
    large_NCHW, small_NCHW = torch.rand(2, 24, 32, 32) + 1, torch.rand(2, 36, 16, 16) + 1
    y_NCHW = concatenate_maps([large_NCHW, small_NCHW])
    assert y_NCHW.shape == (2, 60, 32, 32)
    assert torch.equal(y_NCHW[:, :24], large_NCHW)
    assert torch.equal(y_NCHW[:, 24:, :16, :16], small_NCHW)
    assert y_NCHW[:, 24:, 16:].count_nonzero() == y_NCHW[:, 24:, :, 16:].count_nonzero() == 0


def test_height_and_width_are_padded_apart() -> None:
    tall_NCHW, wide_NCHW = torch.ones(1, 1, 5, 2), torch.ones(1, 1, 3, 4)
    y_NCHW = concatenate_maps([tall_NCHW, wide_NCHW])
    assert y_NCHW.shape == (1, 2, 5, 4)
    assert y_NCHW.sum((2, 3)).tolist() == [[10, 12]]


def test_what_needs_no_padding_is_not_copied() -> None:
    x_NCHW = torch.randn(1, 2, 3, 3)
    assert concatenate_maps([x_NCHW]) is x_NCHW


def test_a_network_computes_its_graph() -> None:
    """Layers 0 and 3 read the image; nobody reads 2 and 4, so that the classifier does."""
    layers = [
        Layer(3, 3, 4, ()),
        Layer(1, 3, 5, (0,), stride_height=2),
        Layer(3, 1, 6, (0, 1)),
        Layer(5, 5, 3, (), pooled=True),
        Layer(3, 3, 2, (1, 3), stride_width=3),
    ]
    network = NASCNN(layers, 3, 7)
    x_NCHW = torch.randn(2, 3, 9, 8)
    network(x_NCHW)
    network.eval()
    first, second, third, fourth, fifth = network.layers
    y0 = first(x_NCHW)
    y1 = second(y0)
    y2 = third(torch.cat([y0, F.pad(y1, (0, 0, 0, 4))], 1))
    y3 = F.max_pool2d(fourth[:3](x_NCHW), 2, ceil_mode=True)
    y4 = fifth(torch.cat([y1, F.pad(y3, (0, 4))], 1))
    assert [tuple(y.shape[2:]) for y in (y0, y1, y2, y3, y4)] == [
        *[(9, 8), (5, 8), (9, 8), (5, 4), (5, 3)]
    ]
    classified = torch.cat([y2.mean((2, 3)), y4.sum((2, 3)) / (9 * 8)], 1)
    torch.testing.assert_close(network(x_NCHW), network.classifier(classified))


def test_the_space_makes_the_network_of_the_tokens() -> None:
    rows: Rows = [((1, 1, 0, 2, 1), ()), ((2, 3, 1, 0, 0), ()), ((0, 1, 0, 0, 3), (0, 1))]
    strided = space(layers=4, strides=True, pooling_at=[2], extra_filters=6)
    network = strided.build(Architecture(flat(rows)), Images((2, 9, 9), 7))
    layers = [
        Layer(3, 3, 42, (), 1, 3),
        Layer(5, 7, 30, (), 2, 1, pooled=True),
        Layer(1, 3, 70, (0, 1)),
    ]
    wanted = NASCNN(layers, 2, 7)
    wanted.load_state_dict(network.state_dict())
    x_NCHW = torch.randn(2, 2, 9, 9)
    assert torch.equal(wanted(x_NCHW), network(x_NCHW))


@st.composite
def cases(draw: st.DrawFn) -> tuple[NASCNNSpace, Architecture]:
    """A small space with strides and pooling or without, and one of its networks, or a prefix."""
    layers = draw(st.integers(1, 7))
    strides = draw(st.booleans())
    steps = (4, 4, 3, 3, 3) if strides else (4, 4, 3)
    rows = draw(rows_of(layers, *steps))
    made = space(
        layers=layers + draw(st.integers(0, 2)),
        strides=strides,
        filters=[2, 3, 5],
        pooling_at=sorted(draw(st.sets(st.integers(1, layers), max_size=2))),
    )
    return made, Architecture(flat(rows))


SIDES = st.integers(7, 65)


def check_training(
    case: tuple[NASCNNSpace, Architecture], channels: int, height: int, width: int
) -> None:
    torch.manual_seed(0)
    made, architecture = case
    network = made.build(architecture, Images((channels, height, width), 4))
    network.to(memory_format=torch.channels_last)
    x_NCHW = torch.randn(3, channels, height, width).to(memory_format=torch.channels_last)
    logits = network(x_NCHW)
    assert logits.shape == (3, 4)
    F.cross_entropy(logits, torch.tensor([0, 1, 3])).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@settings(max_examples=80)
@given(cases(), st.integers(1, 4), SIDES, SIDES)
def test_every_architecture_trains_on_images_of_every_size(
    case: tuple[NASCNNSpace, Architecture], channels: int, height: int, width: int
) -> None:
    check_training(case, channels, height, width)


@pytest.mark.slow
@settings(max_examples=600)
@given(cases(), st.integers(1, 4), SIDES, SIDES)
def test_many_architectures_train_on_images_of_every_size(
    case: tuple[NASCNNSpace, Architecture], channels: int, height: int, width: int
) -> None:
    check_training(case, channels, height, width)


def test_networks_can_be_made_and_counted_on_the_meta_device() -> None:
    made = space(layers=5, strides=True, pooling_at=[2])
    with torch.device("meta"):
        network = made.build(Architecture((1,) * len(made.choices)), Images((1, 9, 9)))
        assert network(torch.zeros(1, 1, 9, 9)).shape == (1, 10)


# The canonical form


def reorder(rows: Rows, order: list[int]) -> Rows:
    """The layers in another order, with their inputs renumbered."""
    numbers = {layer: place for place, layer in enumerate(order)}
    return [(rows[i][0], tuple(sorted(numbers[j] for j in rows[i][1]))) for i in order]


def orders(rows: Rows) -> Iterator[list[int]]:
    """Every order of the layers in which each comes after those that it reads."""
    for order in itertools.permutations(range(len(rows))):
        place = {layer: position for position, layer in enumerate(order)}
        if all(place[j] < place[i] for i in order for j in rows[i][1]):
            yield list(order)


def same_graph(rows: Rows, other: Rows) -> bool:
    return any(reorder(rows, order) == other for order in orders(rows))


@given(rows_of(5, 2), st.data())
def test_other_orders_have_the_same_key(rows: Rows, data: st.DataObject) -> None:
    key = canonicalize_layers(rows)
    assert canonicalize_layers(reorder(rows, data.draw(st.sampled_from(list(orders(rows)))))) == key
    assert canonicalize_layers(key) == key
    assert same_graph(rows, list(key))


@given(rows_of(4, 1), rows_of(4, 1))
def test_keys_are_equal_exactly_for_the_same_graph(rows: Rows, other: Rows) -> None:
    assert (canonicalize_layers(rows) == canonicalize_layers(other)) == same_graph(rows, other)


def test_keys_tell_all_graphs_of_five_equal_layers_apart() -> None:
    kind = (0,)
    subsets = [
        [links for size in range(n + 1) for links in itertools.combinations(range(n), size)]
        for n in range(5)
    ]
    graphs = [[(kind, links) for links in inputs] for inputs in itertools.product(*subsets)]
    smallest = {min(flat(reorder(rows, order)) for order in orders(rows)) for rows in graphs}
    assert len(graphs) == 2**10
    assert len({canonicalize_layers(rows) for rows in graphs}) == len(smallest)


@given(rows_of(5, 2, 2, 2), st.data())
def test_a_changed_token_changes_the_key_unless_the_graph_is_the_same(
    rows: Rows, data: st.DataObject
) -> None:
    made = space(layers=5, kernel=[1, 3], filters=[2, 3])
    tokens = list(flat(rows))
    place = data.draw(st.integers(0, len(tokens) - 1))
    tokens[place] = 1 - tokens[place]
    keys = [made.canonical(Architecture(each)) for each in (flat(rows), tuple(tokens))]
    assert (keys[0] == keys[1]) == same_graph(rows, list(split_layers(tokens, 3)))


def test_layers_that_look_alike_are_told_apart_by_what_they_meet() -> None:
    """Two equal parts: which layer of one is named before which of the other must not matter."""
    kind = (0,)
    rows: Rows = [(kind, ()), (kind, ()), (kind, ()), (kind, ()), (kind, (0, 1)), (kind, (2, 3))]
    crossed: Rows = [*rows[:4], (kind, (0, 3)), (kind, (1, 2))]
    shared: Rows = [*rows[:4], (kind, (0, 1)), (kind, (0, 2))]
    assert canonicalize_layers(rows) == canonicalize_layers(crossed) != canonicalize_layers(shared)


def test_the_length_of_a_prefix_and_pooling_are_part_of_the_key() -> None:
    rows: Rows = [((0, 0, 0), ()), ((1, 0, 0), ()), ((0, 0, 0), (0, 1))]
    swapped = reorder(rows, [1, 0, 2])
    plain, pooled = space(layers=3), space(layers=3, pooling_at=[1])

    def keys(made: NASCNNSpace) -> list[object]:
        return [made.canonical(Architecture(flat(each))) for each in (rows, swapped, rows[:2])]

    one, other, prefix = keys(plain)
    assert one == other != prefix
    one, other, _ = keys(pooled)
    assert one != other


def network_of(rows: Rows) -> NASCNN:
    """A network whose kinds of layers are six bits: sides, strides, filters, and pooling."""
    layers = [
        Layer(1 + 2 * h, 1 + 2 * w, 2 + f, inputs, 1 + sh, 1 + sw, bool(pooled))
        for (h, w, sh, sw, f, pooled), inputs in rows
    ]
    return NASCNN(layers, 3, 10).double().eval()


def carry(network: NASCNN, twin: NASCNN, order: list[int]) -> None:
    """Give the twin, whose layers are those of ``network`` in this order, the same weights."""

    def moved(weight: Tensor, read: list[int], now: list[int]) -> Tensor:
        parts = weight.split([network.layers[i].conv.out_channels for i in read], 1)
        blocks = dict(zip(read, parts, strict=True))
        return torch.cat([blocks[i] for i in now], 1)

    for layer, old, now in zip(twin.layers, order, twin.inputs, strict=True):
        state = network.layers[old].state_dict()
        if now:
            read = list(network.inputs[old])
            state["conv.weight"] = moved(state["conv.weight"], read, [order[j] for j in now])
        layer.load_state_dict(state)
    weight = network.classifier.weight
    twin.classifier.bias.data = network.classifier.bias.data
    twin.classifier.weight.data = moved(weight, network.unread, [order[j] for j in twin.unread])


@settings(max_examples=40)
@given(rows_of(5, 2, 2, 2, 2, 2, 2), st.data())
def test_equal_keys_are_the_same_network(rows: Rows, data: st.DataObject) -> None:
    order = data.draw(st.sampled_from(list(orders(rows))))
    other = reorder(rows, order)
    assert canonicalize_layers(rows) == canonicalize_layers(other)
    torch.manual_seed(0)
    network, twin = network_of(rows), network_of(other)
    for norm in (m for m in network.modules() if isinstance(m, nn.BatchNorm2d)):
        nn.init.uniform_(norm.weight, 0.5, 2)
        nn.init.normal_(norm.bias)
    carry(network, twin, order)
    x_NCHW = torch.randn(2, 3, 9, 8, dtype=torch.float64)
    torch.testing.assert_close(twin(x_NCHW), network(x_NCHW))


# The published network


def test_the_network_of_figure_7_has_the_papers_size() -> None:
    network = published("nas_cnn_v1")
    assert isinstance(network, NASCNN)
    convs = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert len(convs) == 15
    assert sum(conv.weight.numel() for conv in convs) == 4_119_228
    assert network.unread == [14]


def test_a_published_network_has_the_callers_classes_and_channels() -> None:
    network = published("nas_cnn_v1", classes=7, channels=1).eval()
    assert network(torch.randn(2, 1, 28, 28)).shape == (2, 7)
    assert network.data_config["input_size"] == (1, 32, 32)
    assert len(network.data_config["mean"]) == len(network.data_config["std"]) == 1


@pytest.mark.parametrize("strides", [False, True])
def test_the_tokens_of_a_published_network_make_it(strides: bool) -> None:
    made = space(layers=17, strides=strides)
    architecture = made.encode("nas_cnn_v1")
    assert len(architecture.tokens) == len(space(layers=15, strides=strides).choices)
    assert made.describe(architecture) == describe_layers(FIGURE_7)
    network, wanted = (
        made.build(architecture, Images((3, 8, 8))).eval(),
        published("nas_cnn_v1").eval(),
    )
    wanted.load_state_dict(network.state_dict())
    x_NCHW = torch.randn(2, 3, 8, 8)
    assert torch.equal(network(x_NCHW), wanted(x_NCHW))


@pytest.mark.parametrize(
    ("values", "name", "words"),
    [
        ({}, "nas_cnn_v9", "no network 'nas_cnn_v9' is published here; did you mean nas_cnn_v1?"),
        ({"layers": 14}, "nas_cnn_v1", "nas_cnn_v1 has 15 layers, this space 14"),
        (
            {"filters": [36]},
            "nas_cnn_v1",
            r"nas_cnn_v1 has layer1.filters=48, this space \(36,\)",
        ),
    ],
)
def test_what_cannot_be_encoded_is_told(values: dict[str, Any], name: str, words: str) -> None:
    with pytest.raises(NasframeError, match=words):
        space(**values).encode(name)


def test_an_unknown_network_is_told() -> None:
    with pytest.raises(NasframeError, match="did you mean nas_cnn_v1"):
        published("nas_cnn")


# The experiments


def test_the_papers_search() -> None:
    study = experiment("nas_cifar10")
    made = study.search_space.build()
    assert [made.active(n) for n in (0, 1599, 1600, 12_799)] == [33, 33, 52, 250]
    papers = {
        "task": {"upsample": 40, "flip": True, "pad": 0, "validation": 0.1},
        "objective": {"of": Reduction.max_last5, "power": 3},
        "controller": {"batch": 8, "lr": 6e-4, "layers": 2, "hidden": 35, "init_range": 0.08},
        "evaluator": {"epochs": 50, "momentum": 0.9, "lr": 0.1, "weight_decay": 1e-4},
    }
    for group, values in papers.items():
        part = vars(getattr(study, group))
        assert {name: part[name] for name in values} == values, group
