"""Meters against closed forms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import Images
from torch import Tensor, nn

from nasframe import Architecture, Choice, Context, Metrics, SearchSpace, TaskShape, option


class Fixed(SearchSpace):
    """One network."""

    choices = (Choice("only", (0,)),)
    kinds = ("image",)

    def __init__(self, make: Callable[[], nn.Module]) -> None:
        self._make = make

    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        return self._make()


def measure(make: Callable[[], nn.Module], *input_shape: int) -> Metrics:
    meter = option("meters", "size").build(Fixed(make), Images(input_shape))
    context = Context(Path("."), "auto", 0, lambda epoch, metrics: True, lambda: False)
    metrics: Metrics = meter.measure(Architecture((0,)), context)
    assert set(metrics) == set(meter.provides)
    return metrics


@settings(deadline=None, max_examples=40)
@given(
    groups=st.integers(1, 3),
    inside=st.integers(1, 4),
    outside=st.integers(1, 4),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.integers(1, 3),
    size=st.tuples(st.integers(3, 9), st.integers(3, 9)),
    outputs=st.integers(1, 5),
)
def test_convolutions_and_linear_layers_are_counted_as_the_closed_form_says(
    groups: int,
    inside: int,
    outside: int,
    kernel: tuple[int, int],
    stride: int,
    size: tuple[int, int],
    outputs: int,
) -> None:
    channels, width = groups * inside, groups * outside

    def make() -> nn.Module:
        conv = nn.Conv2d(channels, width, kernel, stride, groups=groups)
        flat = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return nn.Sequential(
            conv, nn.BatchNorm2d(width), nn.ReLU(), flat, nn.Linear(width, outputs)
        )

    pixels = ((size[0] - kernel[0]) // stride + 1) * ((size[1] - kernel[1]) // stride + 1)
    conv = width * inside * kernel[0] * kernel[1]
    assert measure(make, channels, *size) == {
        "parameters": conv + width + 2 * width + width * outputs + outputs,
        "macs": pixels * conv + width * outputs,
    }


@pytest.mark.parametrize(
    "name, parameters, macs",
    [("mnasnet_small", 2_030_264, 68e6), ("mnasnet_100", 4_383_312, 314e6)],
)
def test_published_networks_have_their_published_sizes(
    name: str, parameters: int, macs: float
) -> None:
    metrics = measure(lambda: timm.create_model(name), 3, 224, 224)
    assert metrics["parameters"] == parameters
    assert metrics["macs"] == pytest.approx(macs, rel=0.01)


class Peeking(nn.Module):
    """Decides by the value of a tensor, which the meta device does not have."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, int(torch.tensor(3).item()))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.flatten(1))


def test_networks_that_look_at_values_are_made_on_the_cpu() -> None:
    assert measure(Peeking, 1, 2, 2) == {"parameters": 15, "macs": 12}


def test_errors_of_a_network_are_its_own() -> None:
    def fail() -> Any:
        raise RuntimeError("no such network")

    with pytest.raises(RuntimeError, match="no such network"):
        measure(fail, 1, 2, 2)


def test_measuring_draws_no_random_numbers() -> None:
    state = torch.get_rng_state()
    measure(lambda: nn.Sequential(nn.Flatten(), nn.Linear(4, 4)), 1, 2, 2)
    measure(Peeking, 1, 2, 2)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_meter_agrees_with_the_evaluator() -> None:
    space = option("search_space", "nasnet_small").build()
    task = option("task", "digits").build()
    context = Context(Path("."), "cpu", 0, lambda epoch, metrics: False, lambda: False)
    architecture = Architecture((0,) * len(space.choices))
    meter = option("meters", "size").build(space, task)
    trainer = option("evaluator", "train", epochs=1, batch_size=512).build(space, task)
    measured = meter.measure(architecture, context)
    trained = trainer.evaluate(architecture, context)
    assert measured["parameters"] == trained["parameters"] and measured["macs"] > 0


def test_what_serves_the_training_alone_does_not_count() -> None:
    sizes = []
    for auxiliary in (False, True):
        space = option("search_space", "nasnet", filters=4, cells=1, auxiliary=auxiliary).build()
        tokens = Architecture(tuple(0 for _ in space.choices))
        meter = option("meters", "size").build(space, Images())
        context = Context(Path("."), "auto", 0, lambda epoch, metrics: True, lambda: False)
        sizes.append(meter.measure(tokens, context))
    assert sizes[0] == sizes[1]
