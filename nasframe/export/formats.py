"""Trained networks as files that run elsewhere; each is compared with the network once written."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from nasframe.errors import NasframeError, one_line
from nasframe.export.source_writer import standalone
from nasframe.meters.latency.onnx_files import require
from nasframe.meters.latency.onnx_runtime import OnnxRuntime
from nasframe.storage.files import replace_file
from nasframe.storage.network_folder import WEIGHTS, is_detector
from nasframe.storage.weights import load_weights, read_weights, save_weights
from nasframe.study.result import load
from nasframe.training.devices import seeded
from nasframe.zoo.lookup import Images, Named, find

if TYPE_CHECKING:
    from torch import nn

TOLERANCE = 1e-4
"""How far outputs may lie apart, relative to the largest of them or to 1."""
BATCHES = (1, 5)
"""The numbers of inputs with which a file is tried."""
CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that was written.

    Attributes:
        path: the file.
        error: the largest difference between its outputs and the network's, relative to the
            largest output or to 1.
    """

    path: Path
    error: float


@dataclass(frozen=True, slots=True)
class Source:
    """A network to be exported.

    Attributes:
        name: what it is called.
        network: in evaluation mode, on the CPU.
        input_shape: of one input, without the batch.
        weights: the file in which its weights are, if it is known.
    """

    name: str
    network: nn.Module
    input_shape: tuple[int, ...]
    weights: Path | None = None


def source(name: str, weights: Path | None = None) -> Source:
    """The network of a name.

    Args:
        name: a folder of ``nasframe-retrain`` or of a study, ``FOLDER:NUMBER`` for a trial of a
            study, or a network that a plugin publishes, with settings as in
            ``mnasnet_a1:classes=10``.
        weights: a file with the weights of a published network.

    Raises:
        NasframeError: if there is no such network, or it has no weights, or is none for images.
    """
    folder, colon, number = name.rpartition(":")
    if Path(name).is_dir():
        network, called = load(name), Path(name).resolve().name
    elif colon and number.isdecimal():
        network, called = load(folder, int(number)), f"{Path(folder).resolve().name}-{number}"
    else:
        return _published(name, weights)
    if weights is not None:
        raise NasframeError(f"--weights is for published networks; {name} has its own")
    data_config: Any = network.data_config
    if "input_size" not in data_config:
        raise NasframeError(f"{name}: is no network for images; only such are exported")
    if is_detector(Path(name)):
        raise NasframeError(f"{name}: holds a detector; only classifiers are exported")
    return Source(
        plain_name(called), network, tuple(data_config["input_size"]), Path(name, WEIGHTS)
    )


def _published(name: str, weights: Path | None) -> Source:
    found = find(name)
    if weights is None:
        raise NasframeError(f"{name} has random weights: give --weights FILE, or a folder")
    network = found.make()
    load_weights(network, weights)
    assert isinstance(found.inputs, Images)
    return Source(plain_name(name), network, found.inputs.input_shape, weights)


def plain_name(name: str) -> str:
    """A name that means nothing in a file name or in a source."""
    return re.sub(r"[^\w.+-]+", "-", name)


def to_state_dict(given: Source, path: Path) -> Exported:
    """Write the weights by name, as safetensors; their metadata say how inputs are prepared.

    Raises:
        NasframeError: if it would replace the file that the network is from.
    """
    with _written(given, "safetensors", path) as (part,):
        _save_state(given, part)
    return Exported(path, 0.0)


def to_onnx(given: Source, path: Path) -> Exported:
    """Write an ONNX file of any batch, and run it in ONNX Runtime.

    Its input is ``images``, its output ``logits``; its metadata say how images are prepared.

    Raises:
        NasframeError: if a package is missing, the network cannot be written, or the file gives
            other outputs.
    """
    require("onnx", "onnxruntime", "onnxscript")
    import onnx
    import onnxruntime

    with _written(given, "ONNX", path) as (part,):
        torch.onnx.export(
            given.network,
            (_inputs(given, 2),),
            part,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        model = onnx.load(part)
        for key, value in _data_config(given).items():
            model.metadata_props.add(key=key, value=json.dumps(value))
        onnx.save(model, part)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(part, options, providers=["CPUExecutionProvider"])

        def run(x: Tensor) -> Tensor:
            return torch.from_numpy(session.run(["logits"], {"images": x.numpy()})[0])

        return Exported(path, _compared(given, path, run))


def to_program(given: Source, path: Path) -> Exported:
    """Write a ``torch.export`` program of any batch, and run it.

    Raises:
        NasframeError: if the network cannot be written, or the file gives other outputs.
    """
    with _written(given, "a program", path) as (part,):
        batch = {0: torch.export.Dim("batch")}
        program = torch.export.export(given.network, (_inputs(given, 2),), dynamic_shapes=(batch,))
        torch.export.save(program, part)
        run = torch.export.load(part).module()
        return Exported(path, _compared(given, path, run))


def to_source(given: Source, path: Path) -> Exported:
    """Write one file of plain PyTorch, its weights beside it, and run it in another process.

    Raises:
        NasframeError: if the network cannot be written so, or the file gives other outputs.
    """
    beside = path.with_suffix(".safetensors")
    with _written(given, "a source", path, beside) as (part, weights), TemporaryDirectory() as tmp:
        _save_state(given, weights)
        text = standalone(
            given.network,
            _inputs(given, 2),
            title=f"The network {given.name}.",
            version=version("nasframe"),
            weights=plain_name(beside.name),
        )
        part.write_text(text)

        def run(x: Tensor) -> Tensor:
            files = [Path(tmp, f"{name}.safetensors") for name in ("images", "logits")]
            save_file({"x": x}, files[0])
            # Not from the folder in which the user is: it may have a file called torch.py.
            command = [sys.executable, "-P", "-c", ALONE, *map(str, (part, weights, *files))]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                reason = done.stderr.strip().rpartition("\n")[2]
                raise NasframeError(f"{path}: does not run alone: {reason}")
            return load_file(files[1])["x"]

        return Exported(path, _compared(given, path, run))


def _save_state(given: Source, path: Path) -> None:
    save_weights(given.network, path, {"data_config": _data_config(given)})
    state, _ = read_weights(path)
    own = given.network.state_dict()
    if own.keys() != state.keys() or not all(torch.equal(own[k], state[k]) for k in own):
        raise NasframeError(f"{path}: is not what was written; it is removed")


ALONE = """
import importlib.util, sys
sys.modules["nasframe"] = None
from safetensors.torch import load_file, save_file
source, weights, images, logits = sys.argv[1:]
loader = importlib.machinery.SourceFileLoader("alone", source)
module = importlib.util.module_from_spec(importlib.util.spec_from_loader("alone", loader))
sys.dont_write_bytecode = True
loader.exec_module(module)
network = module.load(weights)
save_file({"x": network(load_file(images)["x"]).detach()}, logits)
"""
"""Runs a source in a process of its own, which can import nothing of nasframe."""

FORMATS: Mapping[str, tuple[str, Callable[[Source, Path], Exported]]] = {
    "state_dict": (".safetensors", to_state_dict),
    "onnx": (".onnx", to_onnx),
    "torch": (".pt2", to_program),
    "source": (".py", to_source),
}
"""How a network is written, and how the file's name ends."""


def milliseconds(given: Source, seconds: float = 2.0) -> tuple[float, str]:
    """The latency of one input in ONNX Runtime, on one thread; and on what it was measured."""
    from nasframe.zoo.latency import measured

    named = Named(given.name, lambda: given.network, Images(given.input_shape))
    row = measured([named], {"onnx": OnnxRuntime()}, 1, seconds)[0]
    return float(row["latency_ms"]), str(row["device"])


@contextmanager
def _written(given: Source, what: str, *paths: Path) -> Iterator[list[Path]]:
    """Files to write; only if nothing fails they take their places.

    Raises:
        NasframeError: if something fails, or one is the file that the network is from.
    """
    own = given.weights and given.weights.resolve()
    for path in paths:
        if path.resolve() == own:
            raise NasframeError(f"{path}: holds the network itself: give another --out")
    try:
        with ExitStack() as stack:
            yield [stack.enter_context(replace_file(path)) for path in paths]
    except NasframeError:
        raise
    except Exception as error:  # exporters have many kinds
        reason = one_line(error)
        raise NasframeError(f"{given.name}: cannot be written as {what}: {reason}") from error


def _data_config(given: Source) -> Mapping[str, Any]:
    found: Mapping[str, Any] = getattr(given.network, "data_config", None) or {
        "input_size": given.input_shape
    }
    return found


def _inputs(given: Source, batch: int) -> Tensor:
    with seeded(batch, CPU):
        return torch.randn(batch, *given.input_shape)


def _compared(given: Source, path: Path, run: Callable[[Tensor], Tensor]) -> float:
    largest = 0.0
    for batch in BATCHES:
        x = _inputs(given, batch)
        with torch.inference_mode():
            wanted, got = given.network(x), run(x)
        if got.shape != wanted.shape:
            raise NasframeError(f"{path}: gives {tuple(got.shape)}, not {tuple(wanted.shape)}")
        scale = max(1.0, float(wanted.abs().max()))
        error = float((got - wanted).abs().max()) / scale
        if not error <= TOLERANCE:  # nor a NaN
            raise NasframeError(
                f"{path}: its outputs are {error:.1e} away from the network's; it is removed"
            )
        largest = max(largest, error)
    return largest
