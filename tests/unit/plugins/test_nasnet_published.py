"""NASNet-A in its published sizes, and with the public weights, against paper and timm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from shapes import Images
from torch import nn

import nasframe
from nasframe import Architecture, Context, NasframeError, option
from nasframe_nasnet import nasframe_published, published
from nasframe_nasnet.config import NASNetConfig, Skeleton
from nasframe_nasnet.flavour import Flavour, apply_flavour
from nasframe_nasnet.genotype import decode_cell, encode_cell
from nasframe_nasnet.layers import Pool
from nasframe_nasnet.published_cells import NORMAL_A, PUBLISHED_CELLS, REDUCTION_A
from nasframe_nasnet.timm_weights import translate_timm_key

SMALL = dict(filters=8, classes=7, size=101)
"""6 @ 192: all of the large network's cells, and odd and even sides among its maps."""


# Sizes


SIZES = [
    pytest.param(
        dict(cells=6, filters=168, skeleton=Skeleton.imagenet, skip_reduction=True),
        Images((3, 331, 331), 1000),
        (88_753_150, "23.8"),
        id="6@4032",
    ),
    pytest.param(
        dict(cells=4, filters=44, skeleton=Skeleton.imagenet, stem_multiplier=1),
        Images((3, 224, 224), 1000),
        (5_289_978, "0.564"),
        id="4@1056",
    ),
    pytest.param(
        dict(cells=6, filters=32), Images((3, 32, 32), 10), (3_346_538, "0.544"), id="6@768"
    ),
]


@pytest.mark.parametrize(("settings", "task", "wanted"), SIZES)
def test_published_sizes(
    settings: dict[str, Any], task: Images, wanted: tuple[int, str], tmp_path: Path
) -> None:
    """Parameters to the last one, multiply-adds as the paper prints them (of 6 @ 768 it has none).

    Counted by the size meter, on the space in which the published cells are one architecture.
    """
    space = NASNetConfig(
        normal_outputs=[1, 2, 3, 4, 5, 6], reduction_outputs=[3, 4, 5, 6], **settings
    )
    built = space.build()
    meter = option("meters", "size").build(built, task)
    context = Context(tmp_path, "cpu", 0, lambda epoch, metrics: True, lambda: False)
    metrics = meter.measure(built.encode("nasnet_a"), context)
    parameters, giga = wanted
    assert metrics["parameters"] == parameters
    assert f"{metrics['macs'] / 1e9:.3g}" == giga


@pytest.mark.parametrize(
    ("settings", "name", "parameters", "size"),
    [
        ({}, "6 @ 4032", 88_753_150, 331),
        ({"cells": 4, "filters": 44}, "4 @ 1056", 5_289_978, 224),
        ({"skeleton": "cifar", "filters": 32, "classes": 10}, "6 @ 768", 3_346_538, 32),
    ],
)
def test_well_known_networks_need_no_more_than_their_name(
    settings: dict[str, Any], name: str, parameters: int, size: int
) -> None:
    with torch.device("meta"):
        network: Any = published("nasnet_a", **settings)
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert network.data_config["input_size"] == (3, size, size)
    normal_cells = sum(len(cell.genotype.outputs) == 6 for cell in network.cells)
    assert f"{normal_cells // 3} @ {network.classifier.in_features}" == name


def test_names_are_normal_cells_at_last_channels() -> None:
    for filters in (8, 44, 168):
        with torch.device("meta"):
            network: Any = published("nasnet_a", filters=filters)
        assert network.classifier.in_features == 24 * filters


def test_what_a_published_network_can_be_told() -> None:
    settings = dict(cells=1, filters=8, classes=5, channels=2, size=72)
    network: Any = published(
        "nasnet_a",
        **settings,
        auxiliary=True,
        drop_path_keep=0.5,
        drop_path_schedule="time",
        dropout=0.25,
        stem_multiplier=2,
        skip_reduction=False,
    )
    assert network.data_config["mean"] == (0.5, 0.5)
    assert network.dropout.p == 0.25
    assert [cell.drop_path.drop for cell in network.cells] == [0.5] * 7
    assert network.stem[0].weight.shape[:2] == (64, 2)
    logits, auxiliary_logits = network(torch.randn(2, 2, 72, 72))
    assert logits.shape == auxiliary_logits.shape == (2, 5)
    assert nasframe.published("nasnet_a", **settings).eval()(torch.randn(1, 2, 9, 9)).shape == (
        1,
        5,
    )


def test_a_network_is_exported_with_any_number_of_images() -> None:
    network = published("nasnet_a", cells=1, filters=8, classes=5, size=72, auxiliary=True).eval()
    two, five = torch.randn(2, 3, 72, 72), torch.randn(5, 3, 72, 72)
    exported = torch.export.export(network, (two,), dynamic_shapes=({0: torch.export.Dim("n")},))
    torch.testing.assert_close(exported.module()(five), network(five))


# The same network as a point of the space


def test_cells_are_encoded_as_tokens() -> None:
    for cell in (NORMAL_A, REDUCTION_A):
        assert decode_cell(encode_cell(cell)).blocks == cell.blocks
    tokens = NASNetConfig().build().encode("nasnet_a").tokens
    assert tokens == encode_cell(NORMAL_A) + encode_cell(REDUCTION_A)
    assert tokens[:5] == (0, 1, 11, 10, 0)


@pytest.mark.parametrize("skeleton", Skeleton)
def test_the_encoded_architecture_is_the_published_network(skeleton: Skeleton) -> None:
    settings = dict(cells=1, filters=8, stem_multiplier=2, skip_reduction=True)
    space = NASNetConfig(
        **settings,
        skeleton=skeleton,
        normal_outputs=[1, 2, 3, 4, 5, 6],
        reduction_outputs=[3, 4, 5, 6],
    ).build()
    built = space.build(space.encode("nasnet_a"), Images()).eval()
    network = published("nasnet_a", **settings, skeleton=skeleton, classes=10, flavour="google")
    network.load_state_dict(built.state_dict())
    x_NCHW = torch.randn(2, 3, 33, 33)
    assert torch.equal(network.eval()(x_NCHW), built(x_NCHW))


def test_states_that_leave_by_number_keep_their_numbers() -> None:
    """With outputs by number, only operands may change places in the canonical form."""
    free = NASNetConfig(blocks=2).build()
    bound = NASNetConfig(blocks=2, normal_outputs=[2], reduction_outputs=[3]).build()
    cell = (1, 0, 4, 3, 0), (0, 0, 1, 1, 0)
    tokens = Architecture((*cell[0], *cell[1]) * 2)
    other = Architecture((*cell[1], *cell[0]) * 2)
    swapped = Architecture((0, 1, 3, 4, 0, *cell[1]) * 2)
    assert free.canonical(tokens) == free.canonical(other) == free.canonical(swapped)
    assert bound.canonical(tokens) == bound.canonical(swapped) == swapped.tokens
    assert bound.canonical(tokens) != bound.canonical(other)
    normal, reduction = (
        bound.build(tokens, Images()).cells[0],
        bound.build(tokens, Images()).cells[2],
    )
    assert (normal.genotype.outputs, reduction.genotype.outputs) == ((2,), (3,))


# Mistakes


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("nasnet_b", {}, "nasnet_b: its cells are not published in machine-readable form"),
        ("nasnet_c", {}, "nasnet_c: its cells are not published in machine-readable form"),
        ("nasnet_aa", {}, "no network 'nasnet_aa' is published here; did you mean nasnet_a"),
        (
            "nasnet_a",
            {"skeleton": "imagnet"},
            "skeleton='imagnet' is not known; did you mean imagenet",
        ),
        ("nasnet_a", {"flavour": "keras"}, "flavour='keras' is not known; there is google, timm"),
        ("nasnet_a", {"filters": 0}, "filters=0: must be at least 1"),
        ("nasnet_a", {"flavour": 3}, "flavour=3 is not known; there is google, timm"),
        ("nasnet_a", {"drop_path_keep": 2.0}, "drop_path_keep=2.0: must be at most 1"),
        ("nasnet_a", {"classes": 0}, "classes=0, channels=3, size=331: each must be at least 1"),
        ("nasnet_a", {"channels": 0}, "classes=1000, channels=0, size=331: each must be at least"),
        ("nasnet_a", {"skeleton": "cifar", "size": 0}, "size=0: each must be at least 1"),
    ],
)
def test_mistakes_are_explained(name: str, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(NasframeError, match=words):
        published(name, **settings)


def test_only_cells_with_as_many_blocks_are_encoded() -> None:
    with pytest.raises(NasframeError, match="nasnet_a has 5 blocks in a cell; blocks=5 is needed"):
        NASNetConfig(blocks=3).build().encode("nasnet_a")
    with pytest.raises(NasframeError, match="nasnet_b: its cells are not published"):
        NASNetConfig().build().encode("nasnet_b")


def test_what_is_published_is_encoded() -> None:
    assert set(nasframe_published()) == set(PUBLISHED_CELLS)


# timm's weights


def timm_network(filters: int, classes: int) -> Any:
    """timm's network of this width, with statistics and scales that are not those of a new one."""
    network = timm.create_model("nasnetalarge", num_features=24 * filters, num_classes=classes)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
    return network


@pytest.mark.parametrize("ending", ["safetensors", "pth"])
@pytest.mark.parametrize("side", [101, 128])
def test_logits_are_timms(ending: str, side: int, tmp_path: Path) -> None:
    """In float64; with TensorFlow's borders, which leave the padding out, they are others."""
    theirs = timm_network(8, 7).eval()
    path = tmp_path / f"weights.{ending}"
    save = save_file if ending == "safetensors" else torch.save
    save(theirs.state_dict(), path)
    ours = published("nasnet_a", **SMALL, weights=path).eval().double()
    x_NCHW = torch.randn(2, 3, side, side, dtype=torch.float64)
    with torch.no_grad():
        wanted = theirs.double()(x_NCHW)
        torch.testing.assert_close(ours(x_NCHW), wanted, rtol=0, atol=1e-6)
        google = published("nasnet_a", **SMALL, weights=path, flavour="google").eval().double()
        assert 1e-4 < (google(x_NCHW) - wanted).abs().max() < 1e-1


def test_the_flavours_differ_in_pools_and_norms_alone() -> None:
    settings = dict(cells=1, filters=8)
    found = {}
    for skeleton in Skeleton:
        for flavour in Flavour:
            network = published("nasnet_a", **settings, skeleton=skeleton, flavour=flavour)
            norms = {
                (m.eps, round(m.momentum or 0, 6))
                for m in network.modules()
                if isinstance(m, nn.BatchNorm2d)
            }
            pools = [m for m in network.modules() if isinstance(m, Pool) and m.divisor]
            assert all((m.mean, m.stride, m.divisor) == (True, 2, 9) for m in pools)
            found[skeleton, flavour] = norms, bool(pools)
    assert found == {
        ("cifar", "google"): ({(1e-5, 0.1)}, False),
        ("cifar", "timm"): ({(1e-3, 0.1)}, True),
        ("imagenet", "google"): ({(1e-3, 3e-4)}, False),
        ("imagenet", "timm"): ({(1e-3, 0.1)}, True),
    }


@pytest.mark.parametrize("size", [1, 6, 7])
def test_pools_of_timms_flavour_are_timms(size: int) -> None:
    x_NCHW = torch.randn(2, 3, size, size + 1)
    for stride in (1, 2):
        theirs = timm.layers.create_pool2d(
            "avg", 3, stride, padding="same", count_include_pad=False
        )
        ours = nn.Sequential(Pool(3, stride, mean=True))
        apply_flavour(ours, Flavour.timm, Skeleton.imagenet)
        torch.testing.assert_close(ours(x_NCHW), theirs(x_NCHW))


def test_every_tensor_of_the_large_network_has_its_place() -> None:
    with torch.device("meta"):
        theirs = timm.create_model("nasnetalarge").state_dict()
        ours = published("nasnet_a").state_dict()
    renamed = {translate_timm_key(key): tensor.shape for key, tensor in theirs.items()}
    assert len(renamed) == len(theirs)
    assert renamed == {key: tensor.shape for key, tensor in ours.items()}


def test_the_auxiliary_classifier_stays_as_it_is(tmp_path: Path) -> None:
    theirs = timm_network(8, 7)
    torch.save(theirs.state_dict(), tmp_path / "w.pth")
    torch.manual_seed(1)
    fresh: Any = published("nasnet_a", **SMALL, auxiliary=True)
    torch.manual_seed(1)
    loaded: Any = published("nasnet_a", **SMALL, auxiliary=True, weights=str(tmp_path / "w.pth"))
    assert torch.equal(loaded.auxiliary[2].weight, fresh.auxiliary[2].weight)
    assert torch.equal(loaded.classifier.weight, theirs.last_linear.weight)


def test_weights_that_do_not_fit_are_explained(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"

    def message(**settings: Any) -> str:
        with pytest.raises(NasframeError) as caught:
            published("nasnet_a", **{**SMALL, **settings}, weights=path)
        return str(caught.value).removeprefix(f"weights={path}: ")

    assert message() == "there is no such file"
    torch.save(timm_network(8, 1001).state_dict(), path)
    assert message() == (
        "does not fit: the network has classifier.weight of (7, 192), "
        "the file classifier.weight of (1001, 192)"
    )
    assert published("nasnet_a", **{**SMALL, "classes": 1001}, weights=path)
    assert "cells.0.align_current.1.weight of (3, 96, 1, 1)" in message(classes=1001, filters=12)
    assert "does not fit: the network has cells." in message(classes=1001, cells=5)
    torch.save(timm_network(8, 0).state_dict(), path)
    assert message().endswith("the file no classifier.weight")
    torch.save(nn.Linear(2, 2).state_dict(), path)
    assert message().endswith("the file no stem.0.weight")


def test_weights_without_the_counters_of_batch_norm(tmp_path: Path) -> None:
    state = timm_network(8, 7).state_dict()
    old = {key: tensor for key, tensor in state.items() if "num_batches_tracked" not in key}
    assert len(old) < len(state)
    torch.save(old, tmp_path / "w.pth")
    loaded: Any = published("nasnet_a", **SMALL, weights=tmp_path / "w.pth")
    assert torch.equal(loaded.classifier.weight, state["last_linear.weight"])


@pytest.mark.slow
def test_logits_of_the_large_network_are_timms(tmp_path: Path) -> None:
    theirs = timm_network(168, 1000).eval()
    save_file(theirs.state_dict(), tmp_path / "w.safetensors")
    ours = published("nasnet_a", weights=tmp_path / "w.safetensors").eval().double()
    x_NCHW = torch.randn(1, 3, 331, 331, dtype=torch.float64)
    with torch.no_grad():
        wanted = theirs.double()(x_NCHW)
        torch.testing.assert_close(ours(x_NCHW), wanted, rtol=0, atol=1e-6)
