"""Trained weights in files: safetensors, together with what is needed to use them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasframe.errors import NasframeError

if TYPE_CHECKING:
    from torch import Tensor, nn


def weights_path(folder: Path, number: int) -> Path:
    """Where the trained weights of a study's trial lie."""
    return folder / "weights" / f"{number}.safetensors"


def save_weights(module: nn.Module, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write a module's state; the file is there whole or not at all.

    Args:
        module: whose state is saved, in the default memory format, tied tensors each for itself.
        path: the file; its folder is made.
        metadata: plain values by name, each written as JSON.
    """
    import torch
    from safetensors.torch import save

    state = {
        name: tensor.detach().to("cpu", memory_format=torch.contiguous_format, copy=True)
        for name, tensor in module.state_dict().items()
    }
    words = {name: json.dumps(value) for name, value in metadata.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with part.open("wb") as file:
            file.write(save(state, metadata={"format": "pt", **words}))
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state and the metadata that ``save_weights`` has written.

    Raises:
        NasframeError: if there is no such file, or it is another kind of file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}
            words = file.metadata() or {}
    except FileNotFoundError:
        raise NasframeError(f"{path}: there is no such file") from None
    except SafetensorError as error:
        raise NasframeError(f"{path}: is no file of weights: {error}") from error
    return state, {name: json.loads(word) for name, word in words.items() if name != "format"}
