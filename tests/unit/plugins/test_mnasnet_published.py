"""The published MnasNets, against timm, torchvision and the paper's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision.models
from safetensors.torch import save_file
from shapes import Images
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import nasframe
from nasframe import NasframeError
from nasframe_mnasnet import published
from nasframe_mnasnet.architectures import NETWORKS
from nasframe_mnasnet.blocks import Flavour
from nasframe_mnasnet.config import MnasNetConfig

TIMM = {
    "mnasnet_a1": "semnasnet_100",
    "mnasnet_b1": "mnasnet_100",
    "mnasnet_small": "mnasnet_small",
}
GOOGLE = {"pad_type": "same", "bn_eps": 1e-3, "bn_momentum": 0.01}


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def settle(network: nn.Module) -> None:
    """Give BatchNorm statistics and weights that are not those of a new network."""
    generator = torch.Generator().manual_seed(0)
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.running_mean.normal_(0, 0.1, generator=generator)
            norm.running_var.uniform_(0.5, 2, generator=generator)
            nn.init.uniform_(norm.weight, 0.5, 2, generator)
            nn.init.normal_(norm.bias, 0, 0.1, generator)


def logits(network: nn.Module, size: int = 97) -> torch.Tensor:
    x_NCHW = torch.randn(2, 3, size, size + 3, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        y_NK: torch.Tensor = network.eval()(x_NCHW)
    assert y_NK.std() > 0.01
    return y_NK


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [
        ("mnasnet_a1", 3_887_038, "312M"),
        ("mnasnet_b1", 4_383_312, "314M"),
        ("mnasnet_small", 2_030_264, "68M"),
    ],
)
@pytest.mark.parametrize("flavour", ["timm", "google"])
def test_sizes_are_the_papers(name: str, parameters: int, macs: str, flavour: str) -> None:
    with torch.device("meta"):
        network = published(name, flavour=flavour).eval()
        with FlopCounterMode(display=False) as counter:
            network(torch.zeros(1, 3, 224, 224))
    assert count(network) == parameters
    assert f"{counter.get_total_flops() / 2e6:.0f}M" == macs


@pytest.mark.parametrize(("name", "theirs"), TIMM.items())
def test_networks_are_timms(name: str, theirs: str) -> None:
    network = published(name)
    model = timm.create_model(theirs)
    settle(model)
    network.load_state_dict(model.state_dict())
    torch.testing.assert_close(logits(network), logits(model))


@pytest.mark.parametrize(("name", "theirs"), TIMM.items())
def test_the_google_flavour_has_its_borders_and_norms(name: str, theirs: str) -> None:
    network: Any = published(name, flavour="google")
    model: Any = timm.create_model(theirs, **GOOGLE)
    settle(model)
    if name == "mnasnet_small":
        model.blocks[0][0].has_skip = False
    network.load_state_dict(model.state_dict())
    torch.testing.assert_close(logits(network, 96), logits(model, 96))
    symmetric = published(name)
    symmetric.load_state_dict(model.state_dict())
    assert not torch.allclose(logits(network, 96), logits(symmetric, 96), atol=1e-3)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.01)}


def test_new_weights_are_those_of_the_authors_code() -> None:
    network: Any = published("mnasnet_b1")
    block = network.blocks[6][0]
    assert block.conv_pwl.weight.std().item() == pytest.approx((2 / 320) ** 0.5, rel=0.02)
    assert block.conv_dw.weight.std().item() == pytest.approx((2 / 9) ** 0.5, rel=0.05)
    limit = network.classifier.weight.abs().max().item()
    assert limit == pytest.approx(1000**-0.5, rel=0.01)
    assert network.classifier.bias.count_nonzero() == 0


def test_only_timms_small_network_has_a_residual_in_its_first_block() -> None:
    networks: list[Any] = [published("mnasnet_small", flavour=f) for f in ("timm", "google")]
    assert [network.blocks[0][0].has_skip for network in networks] == [True, False]
    assert count(networks[0]) == count(networks[1])


def test_squeezes_of_a1_are_a_quarter_of_the_blocks_input() -> None:
    layers = published("mnasnet_a1").named_modules()
    widths = [m.out_channels for name, m in layers if name.endswith("conv_reduce")]
    assert widths == [6, 10, 10, 20, 28, 28, 40, 40]


def test_width_scales_stem_and_blocks_but_not_the_head() -> None:
    network: Any = published("mnasnet_a1", width=1.4)
    widths = [network.conv_stem.out_channels]
    widths += [
        (stage[0].conv_pwl if i else stage[0].conv_pw).out_channels
        for i, stage in enumerate(network.blocks)
    ]
    assert widths == [48, 24, 32, 56, 112, 160, 224, 448]
    for width, unscaled in zip(widths, (32, 16, 24, 40, 80, 112, 160, 320), strict=True):
        assert width % 8 == 0
        assert width >= 0.9 * 1.4 * unscaled
    assert network.conv_head.out_channels == network.classifier.in_features == 1280


@pytest.mark.parametrize("width", [0.5, 0.75, 1.4])
@pytest.mark.parametrize("name", ["mnasnet_a1", "mnasnet_b1"])
def test_widths_are_timms(name: str, width: float) -> None:
    theirs = TIMM[name].replace("100", f"{100 * width:03.0f}")
    with torch.device("meta"):
        network = published(name, width=width)
        model = timm.create_model(theirs)
    shapes = [{key: value.shape for key, value in m.state_dict().items()} for m in (network, model)]
    assert shapes[0] == shapes[1]


def test_classes_channels_and_dropout() -> None:
    network: Any = published("mnasnet_b1", classes=7, channels=1, dropout=0.5)
    assert network.eval()(torch.zeros(2, 1, 32, 32)).shape == (2, 7)
    assert network.dropout.p == 0.5
    assert [published(name).dropout.p for name in NETWORKS] == [0.2, 0.2, 0.0]  # type: ignore


@pytest.mark.parametrize(("name", "theirs"), TIMM.items())
def test_data_config_is_timms(name: str, theirs: str) -> None:
    config: Any = published(name).data_config
    assert config == {key: timm.get_pretrained_cfg(theirs).to_dict()[key] for key in config}
    gray: Any = published(name, channels=1).data_config
    assert gray["input_size"] == (1, 224, 224)
    assert len(gray["mean"]) == len(gray["std"]) == 1


# Weights


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_of_timm(tmp_path: Path, suffix: str) -> None:
    model = timm.create_model("mnasnet_small")
    settle(model)
    path = tmp_path / f"weights{suffix}"
    save = save_file if suffix == ".safetensors" else torch.save
    save(model.state_dict(), path)
    network = nasframe.published("mnasnet_small", weights=path)
    torch.testing.assert_close(logits(network), logits(model))


@pytest.mark.parametrize(("theirs", "width"), [("mnasnet1_0", 1.0), ("mnasnet1_3", 1.3)])
def test_weights_of_torchvision(tmp_path: Path, theirs: str, width: float) -> None:
    model = getattr(torchvision.models, theirs)()
    settle(model)
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    network = published("mnasnet_b1", width=width, weights=str(tmp_path / "weights.pth"))
    assert count(network) == count(model)
    torch.testing.assert_close(logits(network), logits(model))


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(timm.create_model("mnasnet_small").state_dict(), path)
    with pytest.raises(NasframeError, match="does not fit: the network has conv_stem.weight of"):
        published("mnasnet_a1", weights=path)
    with pytest.raises(NasframeError, match=r"the file classifier.weight of \(1000, 1280\)"):
        published("mnasnet_small", classes=10, weights=path)
    torch.save({"layers.0.weight": torch.zeros(1)}, path)
    with pytest.raises(NasframeError, match=r"the file conv_stem.weight of \(1,\)"):
        published("mnasnet_b1", weights=path)


# What is there, and what is not


def test_what_was_never_published_is_not_invented() -> None:
    for name in ("mnasnet_a2", "mnasnet_a3"):
        with pytest.raises(NasframeError, match="not published in machine-readable form"):
            published(name)
    with pytest.raises(NasframeError, match="did you mean mnasnet_"):
        published("mnasnet_c1")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"width": 0}, "width=0: must be greater than 0"),
        ({"width": float("nan")}, "width=nan: must be a finite number"),
        ({"dropout": 2.0}, "dropout=2.0: must be at most 0.99"),
        ({"classes": 0}, "classes=0, channels=3: each must be at least 1"),
        ({"channels": -1}, "classes=1000, channels=-1: each must be at least 1"),
        ({"flavour": "tensorflow"}, "flavour='tensorflow' is not known; there is google, timm"),
        ({"flavour": None}, "flavour=None is not known; there is google, timm"),
    ],
)
def test_mistakes_are_explained(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(NasframeError, match=words):
        published("mnasnet_a1", **settings)


@pytest.mark.parametrize("flavour", Flavour)
def test_a_network_is_exported_with_any_number_of_images(flavour: Flavour) -> None:
    network = published("mnasnet_small", classes=5, flavour=flavour).eval()
    two, five = torch.randn(2, 3, 64, 64), torch.randn(5, 3, 64, 64)
    exported = torch.export.export(network, (two,), dynamic_shapes=({0: torch.export.Dim("n")},))
    torch.testing.assert_close(exported.module()(five), network(five))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "mnasnet_a1",
            "its block4 is 2 x mbconv6 3x3 se0.25 identity 112 at stride 1",
        ),
        (
            "mnasnet_b1",
            "its block5 is 4 x mbconv6 5x5 se0 identity 192 at stride 2",
        ),
        ("mnasnet_small", "stem=8"),
        ("mnasnet_a2", "not published in machine-readable form"),
        ("mnasnet_a4", "did you mean"),
    ],
)
def test_the_papers_space_holds_no_published_network(name: str, reason: str) -> None:
    with pytest.raises(NasframeError, match=reason):
        MnasNetConfig().build().encode(name)  # type: ignore[attr-defined]


@pytest.mark.parametrize("flavour", Flavour)
@pytest.mark.parametrize("width", [1.0, 0.75])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_space_around_a_published_network_holds_it(
    name: str, width: float, flavour: Flavour
) -> None:
    blocks = NETWORKS[name].blocks
    space: Any = MnasNetConfig(
        filters=[int(block.filters) for block in blocks],
        layers=[block.layers for block in blocks],
        strides=[block.stride for block in blocks],
        stem=NETWORKS[name].stem,
        width=width,
        flavour=flavour,
    ).build()
    network: Any = published(name, width=width, flavour=flavour.value)
    settle(network)
    built = space.build(space.encode(name), Images((3, 224, 224), 1000))
    built.load_state_dict(network.state_dict())
    assert torch.equal(logits(built, 40), logits(network, 40))
