"""Exported networks: each format gives the network's own outputs, elsewhere too, or no file."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from shapes import Images
from small import SPACE, search
from throwaway import shell

from nasframe import (
    Architecture,
    NasframeError,
    RecipeConfig,
    RetrainConfig,
    load,
    option,
    published,
    retrain,
)
from nasframe.export import source as source_format
from nasframe.export.networks import describe_network, find_network
from nasframe.export.source_writer import write_source
from nasframe.export.write import Exported, export_network
from nasframe.registry.options import options
from nasframe.storage.weights import read_weights, save_weights

FREELY = "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"
"""What the exporters warn of themselves."""
pytestmark = [pytest.mark.filterwarnings(words) for words in FREELY]
FORMATS = [item.name for item in options() if item.group == "exporter"]


def write(name: str, given: Any, stem: Path) -> Exported:
    """Export to a format with its default settings."""
    return export_network(name, option("exporter", name).build(), given, stem)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("study") / "it"
    search(folder)
    return folder


@pytest.fixture(scope="module")
def final(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("final") / "it"
    retrain(
        RetrainConfig(
            study=study,
            search_space=SPACE,
            task=option("task", "digits"),
            recipe=RecipeConfig(epochs=4),
            dir=folder,
        ),
        lambda line: None,
    )
    return folder


ELSEWHERE = """
import json, sys
sys.modules["torch"] = sys.modules["nasframe"] = None
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
about = session.get_modelmeta().custom_metadata_map
mean, std = (np.array(json.loads(about[name]), np.float32) for name in ("mean", "std"))
with np.load(sys.argv[2]) as file:
    x, y = file["x"], file["y"]
logits = session.run(None, {"images": (x - mean) / std})[0]
print((logits.argmax(1) == y).mean())
"""


def test_an_onnx_file_needs_neither_torch_nor_nasframe(final: Path, tmp_path: Path) -> None:
    from nasframe.tasks.digits import load_test_digits

    x_NHWC, y_N = load_test_digits()
    np.savez(tmp_path / "test.npz", x=x_NHWC.transpose(0, 3, 1, 2), y=y_N)
    write("onnx", find_network(str(final)), tmp_path / "it")
    command = [sys.executable, "-c", ELSEWHERE, tmp_path / "it.onnx", tmp_path / "test.npz"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    wanted = json.loads((final / "network.json").read_text())["metrics"]["test_accuracy"]
    assert float(done.stdout) == pytest.approx(wanted, abs=1e-9)
    assert wanted > 0.5
    batch = onnx.load(tmp_path / "it.onnx").graph.input[0].type.tensor_type.shape.dim[0]
    assert batch.dim_param == "batch"


def test_every_format_has_the_networks_outputs(study: Path, tmp_path: Path) -> None:
    given = find_network(f"{study}:1")
    network = load(study, 1)
    x = torch.randn(3, 1, 8, 8)
    wanted = network(x)
    for name in FORMATS:
        done = write(name, given, tmp_path / "it")
        assert done.error < 1e-5, name
        assert done.path.is_file(), name
    program = torch.export.load(tmp_path / "it.pt2").module()
    torch.testing.assert_close(program(x), wanted)
    state, about = read_weights(tmp_path / "it.safetensors")
    assert all(torch.equal(state[k], v) for k, v in network.state_dict().items())
    assert about["data_config"]["input_size"] == [1, 8, 8]
    assert "import nasframe" not in (tmp_path / "it.py").read_text()
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize(
    "name",
    [
        *("nasnet_small", "nasnet", "mnasnet", "nas_cnn", "nasbench201"),
        pytest.param("mnasnet_flat", marks=pytest.mark.slow),
    ],
)
def test_sources_compute_the_networks_of_each_space(name: str, tmp_path: Path) -> None:
    space = option("search_space", name).build()
    draw = random.Random(name)
    for side in (32, 33):
        choices = space.choices[: space.active(0)]
        tokens = tuple(draw.randrange(len(choice.options)) for choice in choices)
        torch.manual_seed(0)
        network = space.build(Architecture(tokens), Images((3, side, side))).eval()
        for module in network.modules():  # as if it had learned
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
        text = write_source(
            network, torch.randn(2, 3, side, side), title="It.", version="1", weights="w"
        )
        save_weights(network, tmp_path / "w.safetensors", {})
        module_: dict[str, Any] = {}
        exec(compile(text, "it.py", "exec"), module_)
        alone = module_["load"](str(tmp_path / "w.safetensors"))
        x = torch.randn(5, 3, side, side)
        with torch.inference_mode():
            torch.testing.assert_close(alone(x), network(x), rtol=0, atol=0)


def test_a_published_network_needs_its_weights(tmp_path: Path) -> None:
    with pytest.raises(NasframeError, match="mnasnet_small has random weights: give --weights"):
        find_network("mnasnet_small")
    save_weights(published("mnasnet_small", classes=7), tmp_path / "w.safetensors", {})
    given = find_network("mnasnet_small:classes=7", tmp_path / "w.safetensors")
    assert write("source", given, tmp_path / "it").error < 1e-5
    assert given.example[0].shape == (2, 3, 224, 224)


def test_a_file_that_computes_something_else_does_not_stay(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*args: Any, **kwargs: Any) -> str:
        return write_source(*args, **kwargs).replace("F.relu", "F.gelu")

    monkeypatch.setattr(source_format, "write_source", wrong)
    (tmp_path / "it.py").write_text("an older one")
    with pytest.raises(NasframeError, match="away from the network's; it is removed"):
        write("source", find_network(str(study)), tmp_path / "it")
    assert (tmp_path / "it.py").read_text() == "an older one"
    assert [path.name for path in tmp_path.iterdir()] == ["it.py"]


def test_a_network_is_not_replaced_by_its_export(final: Path) -> None:
    before = (final / "weights.safetensors").read_bytes()
    with pytest.raises(NasframeError, match="holds the network itself: give another --out"):
        write("state_dict", find_network(str(final)), final / "weights")
    assert (final / "weights.safetensors").read_bytes() == before


class NotANumber(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1) * torch.nan


def test_outputs_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    for name in ("onnx", "torch"):
        given = describe_network("it", NotANumber().eval(), (1, 8, 8))
        with pytest.raises(NasframeError, match="are nan away from the network's"):
            write(name, given, tmp_path / "it")
    assert not list(tmp_path.iterdir())


def test_a_name_is_no_code(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / 'it"""+print(1)#'
    shutil.copytree(study, folder)
    done = write("source", find_network(str(folder)), tmp_path / "it")
    assert "print(1)" not in done.path.read_text()


class Odd(torch.nn.Module):
    """Does what no exporter of sources knows."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.linalg.svdvals(x.flatten(1)[:, :4].unflatten(1, (2, 2)))


def test_unknown_operations_are_named(tmp_path: Path) -> None:
    with pytest.raises(NasframeError, match=r"linalg_svdvals.* is not supported: .*--to torch"):
        write("source", describe_network("odd", Odd().eval(), (1, 8, 8)), tmp_path / "it")
    assert not (tmp_path / "it.py").exists()


def test_nasframe_export_writes_beside_the_network(final: Path, tmp_path: Path) -> None:
    run_ = shell(tmp_path)
    done = run_("nasframe-export", str(final), "--to", "onnx,source")
    assert (done.returncode, done.stderr) == (0, "")
    assert (final / "model.onnx").is_file()
    assert (final / "model.py").is_file()
    assert "ms on" in done.stdout.splitlines()[-1]


def test_mistakes_are_a_line(study: Path, tmp_path: Path) -> None:
    run_ = shell(tmp_path)
    text = tmp_path / "text"
    search(
        text,
        search_space=option("search_space", "nas_rnn", units=4),
        task=option("task", "text"),
        objective=option("objective", "perplexity"),
    )
    (tmp_path / "empty").mkdir()
    mistakes = {
        ("nowhere",): "no network is called 'nowhere'",
        (str(tmp_path / "empty"),): "empty",
        (f"{study}:77",): "holds no weights of trial 77",
        (
            str(text),
        ): "--to onnx is for networks of the kind image, and this network is of the kind",
        (
            str(study),
            "--to",
            "tflite",
        ): "no format 'tflite'; there is onnx, source",
        (str(study), "--weights", "w"): "--weights is for published networks",
        ("mnasnet_small", "--weights", "none.safetensors"): "none.safetensors",
        (str(study), "--out", "no/folder"): "there is no folder no",
    }
    for done, (words, reason) in zip(
        run_.each("nasframe-export", mistakes), mistakes.items(), strict=True
    ):
        assert done.returncode == 2, words
        assert done.stdout == "", words
        assert reason in done.stderr, done.stderr
        assert "Traceback" not in done.stderr, done.stderr
    assert not list(run_.cwd.iterdir())
    assert not (study / "model.onnx").exists()
