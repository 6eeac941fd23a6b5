"""Files of weights that others have written: read without executing code, and refused in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from nasframe import NasframeError, load_weights


def network() -> nn.Sequential:
    """A convolution and a batch norm; no tensor has the values of another one."""
    module = nn.Sequential(nn.Conv2d(1, 3, 2), nn.BatchNorm2d(3))
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.normal_()
    return module


def refusal(path: Path, **settings: Any) -> str:
    """Why a file is refused; the network stays as it is."""
    module = network()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with pytest.raises(NasframeError) as caught:
        load_weights(module, path, **settings)
    assert all(torch.equal(before[name], t) for name, t in module.state_dict().items())
    assert str(caught.value).startswith(f"weights={path}: ")
    return str(caught.value).removeprefix(f"weights={path}: ")


@pytest.mark.parametrize("ending", ["safetensors", "pth"])
def test_tensors_get_their_place(ending: str, tmp_path: Path) -> None:
    written, read = network(), network()
    path = tmp_path / f"w.{ending}"
    save: Callable[..., None] = save_file if ending == "safetensors" else torch.save
    save({f"theirs.{name}": tensor for name, tensor in written.state_dict().items()}, path)
    load_weights(read, str(path), lambda name: name.removeprefix("theirs."))
    for mine, theirs in zip(read.parameters(), written.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_a_file_may_lack_what_is_optional(tmp_path: Path) -> None:
    path, written = tmp_path / "w.pth", network()
    state = {name: t for name, t in written.state_dict().items() if not name.startswith("0.")}
    torch.save(state, path)
    assert refusal(path) == (
        "does not fit: the network has 0.weight of (3, 1, 2, 2), the file no 0.weight"
    )
    read = network()
    weight = read[0].weight.clone()
    load_weights(read, path, optional=("0.",))
    assert torch.equal(read[0].weight, weight)
    assert torch.equal(read[1].weight, written[1].weight)


def test_old_files_have_no_counters(tmp_path: Path) -> None:
    path, written, read = tmp_path / "w.pth", network(), network()
    state = written.state_dict()
    del state["1.num_batches_tracked"]
    torch.save(state, path)
    load_weights(read, path)
    assert torch.equal(read[0].weight, written[0].weight)


def test_a_home_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    torch.save(network().state_dict(), tmp_path / "w.pth")
    load_weights(network(), "~/w.pth")


class Harmful:
    """Makes a file if it is unpickled without care."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("ending", ["safetensors", "pth"])
def test_no_code_is_executed(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"w.{ending}"
    torch.save({**network().state_dict(), "x": Harmful(tmp_path / "harmed")}, path)
    assert refusal(path).startswith("is not a state dict in a safetensors or torch file (")
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize("ending", ["safetensors", "pth"])
@pytest.mark.parametrize("content", [b"", b"no weights", b"\xff" * 100])
def test_damaged_files(content: bytes, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"w.{ending}"
    assert refusal(path) == "there is no such file"
    path.write_bytes(content)
    assert refusal(path).startswith("is not a state dict in a safetensors or torch file (")


@pytest.mark.parametrize("content", [3, [1], torch.zeros(2), {1: torch.zeros(1)}, {"0.weight": 3}])
def test_files_of_something_else(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "w.pth")
    assert refusal(tmp_path / "w.pth").startswith("is not a state dict in a safetensors or torch")


def test_tensors_that_do_not_fit(tmp_path: Path) -> None:
    path, state = tmp_path / "w.pth", network().state_dict()
    torch.save({**state, "0.bias": torch.zeros(4)}, path)
    assert refusal(path) == (
        "does not fit: the network has 0.bias of (3,), the file 0.bias of (4,)"
    )
    torch.save({**state, "2.bias": torch.zeros(4)}, path)
    assert refusal(path) == "does not fit: the network has no 2.bias, the file 2.bias of (4,)"
