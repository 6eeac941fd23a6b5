"""The MnasNet search space: its choices, layers and networks, against the paper."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from mnasnets import STEPS, space, tokens
from shapes import Images
from torch import Tensor, nn

from nasframe import Architecture, NasframeError, SearchSpace
from nasframe_mnasnet.blocks import MENU, Flavour, Layer, round_channels
from nasframe_mnasnet.config import MnasNetConfig
from nasframe_mnasnet.layers import Residual, make_layer

SPACES = {
    "default": space(),
    "flat": space("mnasnet_flat"),
    "google": space(flavour=Flavour.google),
    # Blocks and layers of equal width, so that several architectures are the same network.
    "even": space(filters=[16, 16, 32], layers=[1, 2, 2], strides=[1, 1, 2], head=32),
    "even flat": space(filters=[16, 16], layers=[2, 2], strides=[2, 1], flat=True, head=32),
}


def architectures(of: SearchSpace) -> st.SearchStrategy[Architecture]:
    tokens = (st.integers(0, len(choice.options) - 1) for choice in of.choices)
    return st.tuples(*tokens).map(Architecture)


def stages(of: SearchSpace, architecture: Architecture) -> list[list[nn.Module]]:
    """The layers of each block of a network without values."""
    with torch.device("meta"):
        network: Any = of.build(architecture, Images((3, 33, 33)))
    return [list(stage) for stage in network.blocks]


def has_skip(layer: nn.Module) -> bool:
    return isinstance(layer, Residual) or bool(getattr(layer, "has_skip", False))


# The encoding


def test_a_block_has_432_options() -> None:
    assert math.prod(map(len, MENU.values())) == 432
    choices = space().choices[:STEPS]
    assert [choice.name for choice in choices] == [f"block0.{step}" for step in MENU]
    assert [len(choice.options) for choice in choices] == [4, 2, 2, 3, 3, 3]


def test_sizes_are_the_papers() -> None:
    five: dict[str, Any] = {"filters": [24] * 5, "layers": [3] * 5, "strides": [2] * 5}
    assert space(**five).size == 432**5 == 15_045_919_506_432
    assert space("mnasnet_flat", **five).size == 432**15
    assert f"{432**15:.1e}" == "3.4e+39"
    assert space().size == 432**7
    assert space("mnasnet_flat").size == 432**21


def test_the_reference_is_mobilenet_v2() -> None:
    from torchvision.models import mobilenet_v2

    reference = Architecture(tokens(op="mbconv6", skip="identity") * 7)
    with torch.device("meta"):
        theirs = [
            (layer.conv[-1].num_features, layer.stride)
            for layer in mobilenet_v2().features[1:-1]  # type: ignore[union-attr]
        ]
    key = space().canonical(reference)
    assert [(outputs, stride) for *_, outputs, stride in key] == theirs  # type: ignore[misc]


def test_layers_and_filters_are_relative() -> None:
    def shape(**options: Any) -> list[tuple[int, int]]:
        blocks = stages(space(), Architecture(tokens(**options) * 7))
        return [(len(layers), layers[0].conv_pw.out_channels) for layers in blocks]  # type: ignore

    assert [n for n, _ in shape(layers=-1)] == [1, 1, 2, 3, 2, 2, 1]
    assert [n for n, _ in shape(layers=1)] == [2, 3, 4, 5, 4, 4, 2]
    assert [width for _, width in shape(filters=0.75)] == [16, 24, 24, 48, 72, 120, 240]
    assert [width for _, width in shape(filters=1.25)] == [24, 32, 40, 80, 120, 200, 400]


def test_flat_blocks_are_the_layers_of_the_reference() -> None:
    flat = space("mnasnet_flat", filters=[8, 16], layers=[1, 3], strides=[1, 2])
    names = [choice.name.rpartition(".")[0] for choice in flat.choices[::STEPS]]
    assert names == ["block0.layer0", "block1.layer0", "block1.layer1", "block1.layer2"]
    kinds = ("sep", "conv", "mbconv3", "mbconv6")
    key: Any = flat.canonical(Architecture(sum((tokens(op=op) for op in kinds), ())))
    assert [layer[0] for layer in key] == list(kinds)
    assert [layer[-1] for layer in key] == [1, 2, 1, 1]


@given(st.floats(0.01, 3000))
def test_rounding_keeps_90_percent_and_is_near(channels: float) -> None:
    width = round_channels(channels)
    assert width % 8 == 0
    assert width >= 0.9 * channels
    assert width <= max(8, channels + 8)


def test_describe() -> None:
    two = space(filters=[24, 64], layers=[2, 1], strides=[1, 2])
    block = tokens(op="mbconv3", kernel=5, se=0.25, skip="pool", layers=1)
    assert two.describe(Architecture(tokens() + block)) == (
        "block0: 2 x sep 3x3 se0 none 24, block1: 2 x mbconv3 5x5 se0.25 pool 64"
    )


def test_settings_are_checked() -> None:
    with pytest.raises(NasframeError, match="they have 2, 7 and 7"):
        MnasNetConfig(filters=[8, 16])
    with pytest.raises(NasframeError, match=r"strides=\[1, 3\]: must be at most 2"):
        MnasNetConfig(strides=[1, 3])
    with pytest.raises(NasframeError, match="one number for each block"):
        MnasNetConfig(filters=[], layers=[], strides=[])


# Layers


def mean3x3(x_NCHW: Tensor, stride: int) -> Tensor:
    """The mean of the pixels in each window, without those beyond the border."""
    padded = F.pad(x_NCHW, (1, 1, 1, 1), value=math.nan)
    return padded.unfold(2, 3, stride).unfold(3, 3, stride).flatten(-2).nanmean(-1)


@pytest.mark.parametrize("flavour", Flavour)
@pytest.mark.parametrize("op", MENU["op"])
@pytest.mark.parametrize("size", [6, 7])
def test_skips_are_added(op: str, flavour: Flavour, size: int) -> None:
    x_NCHW = torch.randn(2, 8, size, size)
    for skip, stride in (("identity", 1), ("pool", 1), ("pool", 2)):
        layers = [Layer(op, 3, 2, s, 8, 8, stride) for s in ("none", skip)]
        plain, skipping = (make_layer(layer, flavour).eval() for layer in layers)
        assert not has_skip(plain)
        assert has_skip(skipping)
        values = plain.state_dict().values()
        skipping.load_state_dict(dict(zip(skipping.state_dict(), values, strict=True)))
        shortcut = x_NCHW if skip == "identity" else mean3x3(x_NCHW, stride)
        torch.testing.assert_close(skipping(x_NCHW), plain(x_NCHW) + shortcut)


def test_a_convolution_squeezes_its_output() -> None:
    conv, excite = make_layer(Layer("conv", 5, 4, "none", 16, 8, 2), Flavour.timm).eval()  # type: ignore
    assert (excite.conv_reduce.out_channels, excite.conv_expand.out_channels) == (4, 8)
    x_NCHW = torch.randn(2, 16, 9, 9)
    y_NCHW = F.conv2d(x_NCHW, conv.conv.weight, None, 2, 2).relu() / math.sqrt(1 + 1e-5)
    small = excite.conv_reduce(y_NCHW.mean((2, 3), keepdim=True)).relu()
    gate = excite.conv_expand(small).sigmoid()
    torch.testing.assert_close(nn.Sequential(conv, excite)(x_NCHW), y_NCHW * gate)


@pytest.mark.parametrize("op", MENU["op"])
@pytest.mark.parametrize("kernel", [3, 5])
def test_layers_are_what_their_names_say(op: str, kernel: int) -> None:
    layer = make_layer(Layer(op, kernel, 4, "none", 16, 24, 2), Flavour.timm)
    convs = [
        (conv.in_channels, conv.out_channels, conv.kernel_size[0], conv.groups, conv.stride[0])
        for conv in layer.modules()
        if isinstance(conv, nn.Conv2d)
    ]
    if op == "conv":
        wanted = [(16, 24, kernel, 1, 2), (24, 4, 1, 1, 1), (4, 24, 1, 1, 1)]
    else:
        mid = {"sep": 16, "mbconv3": 48, "mbconv6": 96}[op]
        expand = [] if op == "sep" else [(16, mid, 1, 1, 1)]
        depthwise = (mid, mid, kernel, mid, 2)
        wanted = [*expand, depthwise, (mid, 4, 1, 1, 1), (4, mid, 1, 1, 1), (mid, 24, 1, 1, 1)]
    assert convs == wanted


@settings(max_examples=50)
@given(st.sampled_from(list(SPACES)), st.data())
def test_layers_of_a_block_are_identical_and_only_the_first_is_strided(
    name: str, data: st.DataObject
) -> None:
    config = SPACES[name]
    architecture = data.draw(architectures(config))
    named = architecture.named(config.choices)
    blocks = stages(config, architecture)
    places = [choice.name.removesuffix(".op") for choice in config.choices[::STEPS]]
    assert len(blocks) == len(places)
    for place, layers in zip(places, blocks, strict=True):
        first, *rest = layers
        assert len({str(layer) for layer in rest}) <= 1
        for layer in layers:
            convs = [m for m in layer.modules() if isinstance(m, nn.Conv2d)]
            assert max(c.kernel_size[0] for c in convs) == named[f"{place}.kernel"]
            wide = math.prod(c.stride[0] for c in convs)
            assert wide == 1 or layer is first
            inputs, outputs = convs[0].in_channels, convs[-1].out_channels
            skip = named[f"{place}.skip"]
            fits = inputs == outputs and (wide == 1 or skip == "pool")
            assert has_skip(layer) == (fits and skip != "none")


# Networks


def check_trains(config: SearchSpace, data: st.DataObject) -> None:
    """An architecture on two images of some size: finite logits and gradients."""
    channels, outputs = data.draw(st.integers(1, 4)), data.draw(st.integers(2, 12))
    height, width = data.draw(st.integers(7, 65)), data.draw(st.integers(7, 65))
    torch.manual_seed(0)
    images = Images((channels, height, width), outputs)
    network = config.build(data.draw(architectures(config)), images)
    x_NCHW = torch.randn(2, channels, height, width).to(memory_format=torch.channels_last)
    logits = network.to(memory_format=torch.channels_last)(x_NCHW)
    assert logits.shape == (2, outputs)
    F.cross_entropy(logits, torch.tensor([0, 1])).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@settings(max_examples=40)
@given(st.sampled_from(list(SPACES)), st.data())
def test_every_architecture_trains_on_images_of_every_size(name: str, data: st.DataObject) -> None:
    check_trains(SPACES[name], data)


@pytest.mark.slow
@settings(max_examples=400)
@given(st.sampled_from(list(SPACES)), st.data())
def test_hundreds_of_architectures_train(name: str, data: st.DataObject) -> None:
    check_trains(SPACES[name], data)


def test_images_shrink_by_the_strides() -> None:
    network: Any = space().build(Architecture(tokens() * 7), Images((3, 33, 33)))
    shapes: list[tuple[int, ...]] = []
    for stage in network.blocks:
        stage.register_forward_hook(lambda _module, _inputs, y: shapes.append(tuple(y.shape[1:])))
    network(torch.randn(2, 3, 65, 33))
    sizes = [(33, 17), (17, 9), (9, 5), (5, 3), (5, 3), (3, 2), (3, 2)]
    assert shapes == [
        (width, *size) for width, size in zip((16, 24, 32, 64, 96, 160, 320), sizes, strict=True)
    ]


def test_skeleton_settings_reach_the_network() -> None:
    changed = space(stem=24, stem_stride=1, head=40, width=2.0, dropout=0.5)
    network: Any = changed.build(Architecture(tokens() * 7), Images((1, 9, 9), 3))
    assert network.conv_stem.weight.shape == (48, 1, 3, 3)
    assert network.conv_stem.stride == (1, 1)
    assert network.blocks[-1][0].conv_pw.out_channels == 640
    assert network.conv_head.out_channels == 40
    assert network.classifier.weight.shape == (3, 40)
    assert network.dropout.p == 0.5


@pytest.mark.parametrize(("flavour", "values"), [("timm", (1e-5, 0.1)), ("google", (1e-3, 0.01))])
def test_batch_norm_is_the_flavours(flavour: str, values: tuple[float, float]) -> None:
    network = space(flavour=Flavour(flavour)).build(Architecture(tokens() * 7), Images((3, 33, 33)))
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {values}


# The canonical form


def carried_over(config: SearchSpace, *pair: Architecture) -> tuple[Tensor, ...]:
    """The logits of two networks with the same values, layer by layer, in double precision."""
    torch.manual_seed(0)
    one, other = (config.build(a, Images((3, 33, 33))).double().eval() for a in pair)
    values = one.state_dict().values()
    other.load_state_dict(dict(zip(other.state_dict(), values, strict=True)))
    x_NCHW = torch.randn(2, 3, 33, 33, dtype=torch.float64)
    with torch.no_grad():
        return one(x_NCHW), other(x_NCHW)


def same_weights(config: SearchSpace, *pair: Architecture) -> bool:
    with torch.device("meta"):
        one, other = (config.build(a, Images((3, 33, 33))).state_dict().values() for a in pair)
    return [value.shape for value in one] == [value.shape for value in other]


def check_key(config: SearchSpace, data: st.DataObject) -> None:
    """Two architectures that differ in one token have one key just if they compute the same."""
    architecture = data.draw(architectures(config))
    changed = list(architecture.tokens)
    # Skip, filters and layers are the choices that may be dead.
    step = data.draw(st.sampled_from([3, 3, 4, 5, 0, 1, 2]))
    place = STEPS * data.draw(st.integers(0, len(changed) // STEPS - 1)) + step
    options = len(config.choices[place].options)
    changed[place] = (changed[place] + data.draw(st.integers(1, options - 1))) % options
    mutant = Architecture(tuple(changed))
    equal = config.canonical(architecture) == config.canonical(mutant)
    if same_weights(config, architecture, mutant):
        one, other = carried_over(config, architecture, mutant)
        assert torch.equal(one, other) == equal
    else:
        assert not equal


@settings(max_examples=60)
@given(st.sampled_from(["default", "even", "even flat"]), st.data())
def test_keys_are_equal_just_for_the_same_network(name: str, data: st.DataObject) -> None:
    check_key(SPACES[name], data)


@pytest.mark.slow
@settings(max_examples=500)
@given(st.sampled_from(["default", "even", "even flat"]), st.data())
def test_hundreds_of_keys(name: str, data: st.DataObject) -> None:
    check_key(SPACES[name], data)


def test_dead_choices_have_one_key() -> None:
    config = space()

    def key(block: int, **options: Any) -> object:
        blocks = [tokens()] * 7
        blocks[block] = tokens(**options)
        return config.canonical(Architecture(tuple(itertools.chain(*blocks))))

    assert key(6, skip="identity") == key(6, skip="pool") == key(6, skip="none")  # 160 to 320
    assert key(6, layers=-1) == key(6, layers=0) != key(6, layers=1)
    assert key(0, filters=0.75) == key(0) != key(0, filters=1.25)  # 12 is rounded to 16
    assert len({key(2, skip=skip) for skip in MENU["skip"]}) == 3


def test_a_pool_may_skip_a_strided_layer_and_an_identity_may_not() -> None:
    config = space(filters=[32], layers=[1], strides=[2])
    keys = [config.canonical(Architecture(tokens(skip=skip))) for skip in MENU["skip"]]
    assert keys[1] == keys[2] != keys[0]


def test_layers_are_the_same_in_one_block_or_two() -> None:
    config = space(filters=[32, 32], layers=[2, 2], strides=[1, 1])
    pair = [Architecture(tokens(layers=n) + tokens(layers=-n)) for n in (1, -1)]
    assert config.canonical(pair[0]) == config.canonical(pair[1])
    assert torch.equal(*carried_over(config, *pair))


# The experiments
