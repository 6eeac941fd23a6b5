"""Published networks as timm models."""

from __future__ import annotations

import inspect

import pytest
import timm
import torch
from timm.data import resolve_data_config

import nasframe.timm  # noqa: F401 (registers the models)
from nasframe import NasframeError, published
from nasframe.registry.options import networks


def test_every_published_classifier_is_a_model_of_timm() -> None:
    classifiers = {
        f"nasframe_{network.name}"
        for network in networks()
        if "classes" in inspect.signature(network.make).parameters
    }
    assert set(timm.list_models("nasframe_*")) == classifiers >= {"nasframe_mnasnet_a1"}


def test_timm_makes_the_published_network() -> None:
    torch.manual_seed(0)
    model = timm.create_model("nasframe_mnasnet_small", num_classes=7, in_chans=1).eval()
    torch.manual_seed(0)
    network = published("mnasnet_small", classes=7, channels=1).eval()
    x_NCHW = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        assert torch.equal(model(x_NCHW), network(x_NCHW))
    assert model.num_classes == 7
    assert resolve_data_config({}, model=model)["input_size"] == (1, 224, 224)


def test_what_timm_is_not_told_is_the_networks_own() -> None:
    model = timm.create_model("nasframe_nas_cnn_v1")
    assert model.num_classes == 10
    assert model.pretrained_cfg["input_size"] == (3, 32, 32)


def test_settings_of_a_network_go_through_timm() -> None:
    sizes = [
        sum(p.numel() for p in timm.create_model("nasframe_mnasnet_a1", width=w).parameters())
        for w in (0.5, 1.0)
    ]
    assert sizes[0] < sizes[1] == 3_887_038


def test_weights_are_not_downloaded() -> None:
    with pytest.raises(NasframeError, match="comes without weights"):
        timm.create_model("nasframe_mnasnet_a1", pretrained=True)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"drop_rate": 0.1}, "mnasnet_a1 has no 'drop_rate'; did you mean dropout"),
        ({"num_classes": 0}, "classes=0, channels=3: each must be at least 1"),
    ],
)
def test_settings_of_timm_that_a_network_lacks(setting: dict[str, float], words: str) -> None:
    with pytest.raises(NasframeError, match=words):
        timm.create_model("nasframe_mnasnet_a1", **setting)
