"""Meters against closed forms."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import Images
from torch import Tensor, nn
from toys import ToyEvaluatorConfig, toy_study

from nasframe import (
    Architecture,
    Choice,
    Context,
    Meter,
    MeterConfig,
    Metrics,
    NasframeError,
    SearchSpace,
    Task,
    TaskShape,
    option,
    run,
)


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
    parameters = conv + width + 2 * width + width * outputs + outputs
    assert measure(make, channels, *size) == {
        "parameters": parameters,
        "macs": pixels * conv + width * outputs,
        "activation_bytes": 4 * max(2 * width * pixels, width + outputs),
        "model_bytes": 4 * (parameters + 2 * width),
    }


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
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
    assert measure(Peeking, 1, 2, 2) == {
        "parameters": 15,
        "macs": 12,
        "activation_bytes": 4 * 3,
        "model_bytes": 4 * 15,
    }


class Graph(nn.Module):
    """Pointwise convolutions without biases, and how they are put together."""

    def __init__(self, widths: list[tuple[int, int]], forward: Callable[..., Any]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 1, bias=False) for a, b in widths)
        self._forward = forward

    def forward(self, x: Tensor) -> Any:
        return self._forward(x, *self.layers)


def activations(widths: list[tuple[int, int]], forward: Callable[..., Any]) -> float:
    """In maps of 5x7 pixels of one channel, for images of three channels."""
    found = measure(lambda: Graph(widths, forward), 3, 5, 7)["activation_bytes"]
    assert isinstance(found, int)
    return found / (4 * 5 * 7)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_in_a_chain_two_neighbours_live_at_a_time(widths: list[int]) -> None:
    def chain(x: Tensor, *layers: nn.Module) -> Tensor:
        for layer in layers:
            x = layer(x)
        return x

    found = activations(list(zip([3, *widths], widths, strict=False)), chain)
    assert found == max(map(sum, zip([0, *widths], widths, strict=False)))


def residual(x: Tensor, enter: nn.Module, expand: nn.Module, project: nn.Module) -> Tensor:
    a = enter(x)
    return project(expand(a)) + a


def branches(x: Tensor, enter: nn.Module, left: nn.Module, right: nn.Module) -> Tensor:
    a = enter(x)
    return torch.cat([left(a), right(a)], 1)


def views(x: Tensor, enter: nn.Module, project: nn.Module) -> Tensor:
    a = enter(x).relu_().flatten(1).unflatten(1, (8, 5, 7))
    return project(a[:, :2]).sigmoid_()


def several(x: Tensor, enter: nn.Module, left: nn.Module, right: nn.Module) -> Any:
    first = left(enter(x))
    return {"first": first, "second": [right(first), None]}


def shared(x: Tensor, layer: nn.Module) -> Tensor:
    x = layer(x)
    return layer(layer(x) + x * 2 + x)


@pytest.mark.parametrize(
    ("forward", "widths", "most"),
    [
        (residual, [(3, 2), (2, 12), (12, 2)], 2 + 12 + 2),
        (residual, [(3, 9), (9, 1), (1, 9)], 9 + 9 + 9),  # at the sum
        (branches, [(3, 2), (2, 4), (2, 5)], 4 + 5 + 9),
        (branches, [(3, 20), (20, 1), (20, 2)], 20 + 1 + 2),
        (views, [(3, 8), (2, 4)], 8 + 4),  # in its own memory is only what a convolution writes
        (several, [(3, 9), (9, 5), (5, 4)], 9 + 5),
        (several, [(3, 1), (1, 5), (5, 4)], 5 + 4),
        (several, [(3, 1), (1, 4), (4, 9)], 4 + 9),  # what is returned lives to the end
        (shared, [(3, 3)], 4 * 3),  # at the first sum: x, both terms, and the sum
    ],
)
def test_an_activation_lives_until_it_is_read_last(
    forward: Callable[..., Any], widths: list[tuple[int, int]], most: int
) -> None:
    assert activations(widths, forward) == most


def test_what_is_returned_lives_to_the_end() -> None:
    def early_exit(x: Tensor, first: nn.Module, *others: nn.Module) -> Any:
        early = first(x)
        for layer in others:
            x = layer(x)
        return early, x

    assert activations([(3, 7), (3, 5), (5, 4), (4, 1)], early_exit) == 7 + 5 + 4


def test_what_nobody_reads_is_no_activation() -> None:
    """Such as the indices that torch's pools give, and statistics of BatchNorm."""
    pool = nn.Sequential(nn.BatchNorm2d(3), nn.MaxPool2d(2))
    assert measure(lambda: pool.to("meta"), 3, 8, 8)["activation_bytes"] == 4 * 3 * (64 + 16)


@pytest.mark.parametrize("name", ["nasnet_small", "mnasnet", "nas_cnn"])
def test_the_cpu_and_the_meta_device_agree(name: str) -> None:
    """A network that looks at a value is measured where there are values."""
    space = option("search_space", name).build()
    architecture = Architecture((1,) * len(space.choices))
    images = Images((3, 16, 16))

    def peeking() -> nn.Module:
        assert torch.tensor(1).item() == 1
        return space.build(architecture, images)  # type: ignore[no-any-return]

    assert measure(peeking, 3, 16, 16) == measure(
        lambda: space.build(architecture, images), 3, 16, 16
    )


class Mixed(nn.Module):
    """Weights of several types, some of which serve nothing or the training alone."""

    def __init__(self) -> None:
        super().__init__()
        self.used = nn.Linear(5, 3, bias=False)
        self.tied = self.used
        self.unused = nn.Linear(7, 7)
        self.norm = nn.BatchNorm1d(3)  # counts its batches in training, in an int64
        self.register_buffer("shift_K", torch.zeros(3, dtype=torch.float64))
        self.register_buffer("steps", torch.zeros(100))

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.tied(x.flatten(1))) + self.shift_K


def test_a_model_is_what_evaluation_reads() -> None:
    metrics = measure(Mixed, 5, 1, 1)
    assert metrics["parameters"] == 15 + 2 * 3
    assert metrics["model_bytes"] == 4 * (15 + 4 * 3) + 8 * 3


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


def test_what_serves_the_training_alone_does_not_count() -> None:
    sizes = []
    for auxiliary in (False, True):
        space = option("search_space", "nasnet", filters=4, cells=1, auxiliary=auxiliary).build()
        tokens = Architecture(tuple(0 for _ in space.choices))
        meter = option("meters", "size").build(space, Images())
        context = Context(Path("."), "auto", 0, lambda epoch, metrics: True, lambda: False)
        sizes.append(meter.measure(tokens, context))
    assert sizes[0] == sizes[1]


# What a meter may do


class OddMeter(Meter):
    """Gives a latency; something else for architectures whose first token is 1."""

    provides = ("latency_ms",)

    def __init__(self, odd: str) -> None:
        self._odd = odd

    def measure(self, architecture: Architecture, context: Context) -> Metrics:
        if architecture.tokens[0] != 1:
            return {"latency_ms": 1.5}
        odd = ODD[self._odd]
        if isinstance(odd, BaseException):
            raise odd
        return odd  # type: ignore[no-any-return]


@dataclass(kw_only=True)
class OddMeterConfig(MeterConfig):
    odd: str

    def build(self, space: SearchSpace, task: Task) -> Meter:
        return OddMeter(self.odd)


ODD: dict[str, Any] = {
    "zero": {"latency_ms": 0.0},
    "negative": {"latency_ms": -2},
    "nan": {"latency_ms": math.nan},
    "infinite": {"latency_ms": -math.inf},
    "text": {"latency_ms": "fast"},
    "series": {"latency_ms": (1.0, 0.0)},
    "missing": {"cost": 1.0},
    "nothing": None,
    "exception": ZeroDivisionError("on purpose"),
    "exit": SystemExit(3),
    "user": NasframeError("no such phone"),
    "disk": OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
}


@pytest.mark.parametrize(
    ("odd", "error"),
    [
        ("zero", "OddMeter (test_size): latency_ms is 0.0, which is not a positive number"),
        ("negative", "OddMeter (test_size): latency_ms is -2, which is not a positive number"),
        ("nan", "OddMeter (test_size): latency_ms is nan, which is not a finite number"),
        ("infinite", "OddMeter (test_size): latency_ms is -inf, which is not a finite number"),
        (
            "text",
            "OddMeter (test_size): latency_ms is 'fast', not a number or a tuple: use float(x)",
        ),
        (
            "series",
            "OddMeter (test_size): latency_ms is (1.0, 0.0), which is not a positive number",
        ),
        ("missing", "OddMeter (test_size): it did not return latency_ms"),
        ("nothing", "OddMeter (test_size) must return metrics by name, not None"),
        ("exception", "ZeroDivisionError: on purpose"),
        ("exit", "SystemExit: 3"),
    ],
)
def test_a_meter_that_fails_is_named_and_the_search_goes_on(
    tmp_path: Path, odd: str, error: str
) -> None:
    config = toy_study(
        tmp_path / "study",
        objective=option("objective", "accuracy_latency"),
        evaluator=ToyEvaluatorConfig(log=tmp_path / "trained"),
        meters={"phone": OddMeterConfig(odd=odd)},
        trials=20,
    )
    trials = run(config).trials
    failed = [trial for trial in trials if trial.architecture.tokens[0] == 1]
    others = [trial for trial in trials if trial not in failed]
    assert failed
    assert others
    assert {trial.error for trial in failed} == {f"meter phone: {error}"}
    assert all(trial.error is None and trial.reward is not None for trial in others)
    assert not any(line.startswith("1") for line in (tmp_path / "trained").read_text().split())


@pytest.mark.parametrize(
    ("odd", "message"), [("user", "^no such phone$"), ("disk", "^a child cannot write its files: ")]
)
def test_what_is_no_meters_fault_ends_the_study(tmp_path: Path, odd: str, message: str) -> None:
    meters = {"phone": OddMeterConfig(odd=odd)}
    with pytest.raises(NasframeError, match=message):
        run(toy_study(tmp_path, objective=option("objective", "accuracy"), meters=meters))
