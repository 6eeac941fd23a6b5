"""The meters ``torch``, ``onnx`` and ``command``: real networks, real studies, real programs."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch
from shapes import Images
from throwaway import Shell, shell
from torch import nn
from toys import toy_study

from nasframe import (
    Architecture,
    Choice,
    Context,
    Meter,
    MeterConfig,
    Metrics,
    NasframeError,
    SearchSpace,
    SearchSpaceConfig,
    Task,
    TaskShape,
    option,
    read_result,
    run,
)
from nasframe.meters.latency.inputs import draw_inputs
from nasframe.meters.latency.onnx_files import write_onnx
from nasframe.meters.latency.timing import LATENCY_METRICS
from nasframe.meters.latency.torch_runtime import TorchRuntime
from nasframe.storage.journal import JOURNAL_FILE

pytestmark = pytest.mark.alone

QUICK = {"seconds": 0.3}
SMALL = {"filters": [8, 16], "layers": [1, 1], "strides": [1, 2], "stem": 8, "head": 32}
"""Settings of MnasNet's space for the smallest of networks."""


def somewhere(folder: Path = Path(".")) -> Context:
    return Context(folder, "auto", 0, lambda epoch, metrics: True, lambda: False)


def middle(space: SearchSpace) -> Architecture:
    return Architecture(tuple(len(choice.options) // 2 for choice in space.choices))


def small_space() -> SearchSpace:
    space = option("search_space", "mnasnet", **SMALL).build()
    assert isinstance(space, SearchSpace)
    return space


def measured(meter: str, **settings: Any) -> tuple[Metrics, str | None]:
    space, task = small_space(), option("task", "digits").build()
    built = option("meters", meter, **{**QUICK, **settings}).build(space, task)
    return built.measure(middle(space), somewhere()), built.device


@pytest.mark.parametrize(
    ("meter", "settings", "words"),
    [
        ("torch", {}, f"1 thread, torch {torch.__version__}, float32, batch 1"),
        ("torch", {"precision": "bfloat16", "channels_last": True}, "bfloat16, channels last"),
        ("onnx", {}, f"1 thread, ONNX Runtime {onnxruntime.__version__}, float32, batch 1"),
    ],
)
def test_a_network_for_images_is_measured(meter: str, settings: dict[str, Any], words: str) -> None:
    metrics, device = measured(meter, **settings)
    assert device is not None
    assert words in device
    assert tuple(metrics) == LATENCY_METRICS
    for name in ("latency_ms", "latency_ratio"):
        low, value, high = (metrics[name + bound] for bound in ("_low", "", "_high"))
        assert isinstance(low, float)
        assert isinstance(value, float)
        assert isinstance(high, float)
        assert 0 < low <= value <= high
    assert metrics["latency_runs"] >= 2  # type: ignore[operator]
    assert {metrics["latency_converged"], metrics["latency_contended"]} <= {0, 1}


@pytest.mark.parametrize("meter", ["torch", "onnx"])
def test_a_step_of_a_network_for_sequences_is_measured(meter: str) -> None:
    space, task = option("search_space", "nas_rnn").build(), option("task", "text").build()
    metrics = (
        option("meters", meter, **QUICK).build(space, task).measure(middle(space), somewhere())
    )
    assert metrics["latency_ms"] > 0


def test_a_device_says_how_it_is_used() -> None:
    space, task = small_space(), option("task", "digits").build()
    settings = {"threads": 2, "batch": 4, "compile": True}
    device = option("meters", "torch", **settings).build(space, task).device
    assert device.endswith(f", 2 threads, torch {torch.__version__}, float32, compiled, batch 4")
    device = option("meters", "onnx", threads=3).build(space, task).device
    assert f", 3 threads, ONNX Runtime {onnxruntime.__version__}, " in device


def test_inputs_are_random_and_always_the_same() -> None:
    (x_NCHW,) = draw_inputs(Images((3, 8, 8)), 5)
    assert x_NCHW.shape == (5, 3, 8, 8)
    assert x_NCHW.count_nonzero() == x_NCHW.numel()
    assert torch.equal(x_NCHW, draw_inputs(Images((3, 8, 8)), 5)[0])
    text = option("task", "text").build()
    x_TB, state = draw_inputs(text, 7)
    assert x_TB.shape == (1, 7)
    assert state is None
    assert 0 <= x_TB.min() <= x_TB.max() < text.outputs
    assert len(x_TB.unique()) > 1


@pytest.mark.parametrize(
    ("space", "task"),
    [("nasnet_small", "digits"), ("mnasnet", "digits"), ("nas_rnn", "text")],
)
def test_what_onnx_runtime_is_given_computes_what_torch_does(
    tmp_path: Path, space: str, task: str
) -> None:
    networks, data = option("search_space", space).build(), option("task", task).build()
    network = networks.build(middle(networks), data).eval()
    inputs = draw_inputs(data, 2)
    write_onnx(network, inputs, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (node,) = session.get_inputs()
    found = session.run(None, {node.name: inputs[0].numpy()})[0]
    with torch.no_grad():
        output = network(*inputs)
    expected = output[0] if isinstance(output, tuple) else output
    assert torch.allclose(torch.from_numpy(found), expected, atol=1e-4)


class Sinc(nn.Module):
    """An operation that the exporter which traces does not know, and the other one does."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sinc(x)


def test_what_one_exporter_cannot_write_the_other_one_does(tmp_path: Path) -> None:
    (x,) = draw_inputs(Images((3, 4, 4)), 1)
    with pytest.raises(torch.onnx.errors.UnsupportedOperatorError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(Sinc(), (x,), tmp_path / "traced.onnx", dynamo=False)
    write_onnx(Sinc(), (x,), tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    found = session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]
    assert torch.allclose(torch.from_numpy(found), torch.sinc(x), atol=1e-5)


@dataclass(kw_only=True)
class FragileConfig(SearchSpaceConfig):
    """Two networks, of which the second one fails when it is called."""

    def build(self) -> SearchSpace:
        return Fragile()


class Fragile(SearchSpace):
    choices = (Choice("fails", (False, True)),)
    kinds = ("image",)

    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        wrong = architecture.tokens[0]
        return nn.Sequential(nn.Flatten(), nn.Linear(64 + wrong, 10))


@pytest.mark.parametrize("meter", ["torch", "onnx"])
def test_a_network_that_cannot_be_measured_fails_its_trial_alone(
    tmp_path: Path, meter: str
) -> None:
    study = toy_study(
        tmp_path,
        search_space=FragileConfig(),
        task=option("task", "digits"),
        controller=option("controller", "random"),
        objective=option("objective", "accuracy"),
        meters={meter: option("meters", meter, **QUICK)},
    )
    trials = {t.architecture.tokens[0]: t for t in run(study).trials if t.duplicate_of is None}
    assert trials[0].error is None
    assert trials[0].reward is not None
    assert trials[1].error is not None
    assert trials[1].error.startswith(f"meter {meter}: ")
    assert "shapes cannot be multiplied" in trials[1].error


def space_words() -> list[str]:
    """The small space on a command line."""
    settings = (f"{key}={value}".replace(" ", "") for key, value in SMALL.items())
    return ["search_space=mnasnet", *(f"search_space.{setting}" for setting in settings)]


@pytest.fixture
def console(tmp_path: Path) -> Shell:
    return shell(tmp_path)


def test_a_study_measures_in_several_ways_and_an_objective_takes_one(console: Shell) -> None:
    words = (
        "meters=[size,torch,onnx] meters.torch.seconds=0.2 meters.onnx.seconds=0.2 "
        "meters.torch.batch=2 objective=accuracy_latency_soft objective.target_ms=5 "
        "objective.latency=onnx.latency_ms evaluator.epochs=1 controller=random dir=one trials=2"
    )
    done = console("nasframe", *space_words(), *words.split(), "executor=serial")
    assert (done.returncode, done.stderr) == (0, "")
    for trial in (trials := read_result(console.cwd / "one").trials):
        for name in ("onnx.latency_ms", "torch.latency_ratio", "parameters", "val_accuracy"):
            assert trial.metrics[name] > 0  # type: ignore[operator]
        accuracy, ms = trial.metrics["val_accuracy"], trial.metrics["onnx.latency_ms"]
        assert trial.reward == pytest.approx(accuracy * (ms / 5) ** -0.07)  # type: ignore[operator]
        assert set(trial.devices) == {"torch", "onnx"}, "the size is the same on any device"
        assert "batch 2" in trial.devices["torch"]
        assert "batch 1" in trial.devices["onnx"]
    again = console("nasframe", *space_words(), *words.replace("trials=2", "trials=3").split())
    assert (again.returncode, again.stderr) == (0, "")
    assert read_result(console.cwd / "one").trials[:2] == trials


def test_measuring_does_not_change_what_is_learned(tmp_path: Path) -> None:
    def found(name: str, *meters: str) -> list[Metrics]:
        study = toy_study(
            tmp_path / name,
            search_space=option("search_space", "mnasnet", **SMALL),
            task=option("task", "digits"),
            controller=option("controller", "random"),
            evaluator=option("evaluator", "train", epochs=1),
            objective=option("objective", "accuracy"),
            meters={meter: option("meters", meter, **QUICK) for meter in meters},
            trials=1,
        )
        return [{k: t.metrics[k] for k in ("val_accuracy", "val_loss")} for t in run(study).trials]

    assert found("plain") == found("measured", "torch", "onnx")


class PlacedMeter(Meter):
    """Measures on whatever the environment says, as a farm of phones might."""

    provides = ("latency_ms",)

    def __init__(self) -> None:
        self.device = os.environ["TEST_DEVICE"]

    def measure(self, architecture: Architecture, context: Context) -> Metrics:
        return {"latency_ms": 1.0 + sum(architecture.tokens)}


@dataclass(kw_only=True)
class PlacedConfig(MeterConfig):
    def build(self, space: SearchSpace, task: Task) -> Meter:
        return PlacedMeter()


def test_a_study_keeps_to_one_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def go_on(device: str, trials: int) -> int:
        monkeypatch.setenv("TEST_DEVICE", device)
        return len(run(toy_study(tmp_path, meters={"farm": PlacedConfig()}, trials=trials)).trials)

    assert go_on("Pixel 1", 3) == 3
    told = [json.loads(line) for line in (tmp_path / JOURNAL_FILE).read_text().splitlines()]
    devices = [event["devices"] for event in told if event["event"] == "told"]
    assert devices == 3 * [{"farm": "Pixel 1"}]
    assert [trial.devices for trial in read_result(tmp_path).trials] == devices
    with pytest.raises(NasframeError, match="meter farm measured on 'Pixel 1' before.*'Pixel 4'"):
        go_on("Pixel 4", 6)
    assert go_on("Pixel 1", 6) == 6


def test_a_journal_that_knows_no_devices_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_DEVICE", "Pixel 1")
    run(toy_study(tmp_path, meters={"farm": PlacedConfig()}, trials=3))
    journal = tmp_path / JOURNAL_FILE
    old = journal.read_text().replace(',"devices":{"farm":"Pixel 1"}', "")
    assert "Pixel" not in old
    journal.write_text(old)
    trials = run(toy_study(tmp_path, meters={"farm": PlacedConfig()}, trials=4)).trials
    assert [dict(t.devices) for t in trials] == [{}, {}, {}, {"farm": "Pixel 1"}]


MEASURE = """
import sys, time
import numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
(node,) = session.get_inputs()
start = time.perf_counter()
session.run(None, {node.name: numpy.zeros(node.shape, numpy.float32)})
print(f"batch {node.shape[0]}")
print(f"took {1000 * (time.perf_counter() - start)} ms")
"""


def program(folder: Path, code: str) -> str:
    """A command that runs Python code."""
    (folder / "measure.py").write_text(code)
    return f"{sys.executable} '{folder / 'measure.py'}' {{model}}"


def by_command(folder: Path, code: str, **settings: Any) -> Any:
    space, task = small_space(), option("task", "digits").build()
    command = program(folder, code)
    meter = option("meters", "command", command=command, **settings).build(space, task)
    assert meter.device == settings.get("device", command)
    return meter.measure(middle(space), somewhere(folder))["latency_ms"]


def test_a_program_measures_the_network(tmp_path: Path) -> None:
    assert 0 < by_command(tmp_path, MEASURE, device="this very machine") < 60_000
    assert by_command(tmp_path, MEASURE, batch=3, pattern=r"batch (\d+)") == 3


@pytest.mark.parametrize(
    ("printed", "pattern", "milliseconds"),
    [
        ("12.5", None, 12.5),
        ("warm-up 40.0\nmedian: 1.25e1ms\n", None, 12.5),
        ("median=.5 of 100 runs", r"median=(\S+)", 0.5),
        ("7\n8\n9", r"\d", 9),
    ],
)
def test_milliseconds_are_the_last_number_or_what_a_pattern_finds(
    tmp_path: Path, printed: str, pattern: str | None, milliseconds: float
) -> None:
    assert by_command(tmp_path, f"print({printed!r})", pattern=pattern) == milliseconds


HANGS = """
import subprocess, sys
subprocess.run([sys.executable, "-c", "import time; time.sleep(1000)", sys.argv[1]])
"""


@pytest.mark.parametrize(
    ("code", "settings", "said"),
    [
        (
            "import sys; print(3); print('hm', file=sys.stderr); sys.exit('no phone')",
            {},
            "no phone",
        ),
        ("import sys; sys.exit(3)", {}, "exited with status 3: it printed no error"),
        ("print('fast')", {}, r"printed no number; its output ends with 'fast\\n'"),
        ("print(5)", {"pattern": "ms=(.*)"}, r"printed nothing that matches 'ms=\(\.\*\)'"),
        (HANGS, {"timeout": 1}, "took longer than 1 s"),
    ],
)
def test_a_program_that_does_not_measure_is_a_failure_of_the_trial(
    tmp_path: Path, code: str, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises((RuntimeError, TimeoutError), match=said):
        by_command(tmp_path, code, **settings)


def test_a_command_is_a_meter_of_a_study(console: Shell) -> None:
    command = program(console.cwd, "print(40)")
    words = ("objective=accuracy_latency_hard", "objective.target_ms=80", "evaluator.epochs=1")
    meter = ("meters=[command]", f'meters.command.command="{command}"')
    rest = ("meters.command.device=Pixel", "trials=1", "dir=one", "controller=random")
    done = console("nasframe", *space_words(), *words, *meter, *rest)
    assert (done.returncode, done.stderr) == (0, "")
    (trial,) = read_result(console.cwd / "one").trials
    assert trial.metrics["latency_ms"] == 40
    assert trial.devices == {"command": "Pixel"}
    without = console("nasframe", "meters=[command]")
    assert without.returncode == 2
    assert "meters.command.command is required" in without.stderr


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: option("meters", "torch", precision="float16"), "must be float32 or bfloat16"),
        (lambda: option("meters", "onnx", interval=0.0), "interval=0.0: must be greater than 0"),
        (
            lambda: option("meters", "command", command="adb shell"),
            "must be a program with {model}",
        ),
        (lambda: option("meters", "command", command="'{model}"), "No closing quotation"),
        (
            lambda: option("meters", "command", command="x {model}", pattern="("),
            "must be a regular expression",
        ),
        (
            lambda: option("meters", "command", command="no-such-program {model}").build(
                Fragile(), option("task", "digits").build()
            ),
            "program no-such-program not found",
        ),
    ],
)
def test_wrong_settings_are_told(make: Callable[[], object], said: str) -> None:
    with pytest.raises(NasframeError, match=said):
        make()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("meter", ["torch", "onnx"])
def test_a_device_that_is_missing_is_told(meter: str) -> None:
    with pytest.raises(NasframeError, match="device=cuda: "):
        option("meters", meter, device="cuda").build(Fragile(), option("task", "digits").build())


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_package_that_is_missing_is_told_before_the_study(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(NasframeError, match=rf"{package}: pip install 'nasframe\[onnx\]'"):
        option("meters", "onnx").build(Fragile(), option("task", "digits").build())


class Layers(nn.Module):
    """As many layers as it is told: each is another program to a compiler."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(nn.Linear(8, 8) for _ in range(count)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)  # type: ignore[no-any-return]


@pytest.mark.slow
def test_every_network_of_a_study_is_compiled_and_none_runs_as_it_is() -> None:
    from torch._dynamo.utils import counters

    runtime = TorchRuntime(compile=True)
    assert "compiled" in runtime.device
    counters.clear()
    for count in range(1, 13):  # torch gives up after eight versions of one function
        runtime.prepare(Layers(count).eval(), (torch.randn(2, 8),))(3)
    assert counters["stats"]["unique_graphs"] == 12


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_gpu_is_measured_by_its_own_clock(precision: str) -> None:
    metrics, device = measured("torch", device="cuda", precision=precision)
    assert device is not None
    assert torch.cuda.get_device_name() in device
    assert metrics["latency_ms"] > 0  # type: ignore[operator]
