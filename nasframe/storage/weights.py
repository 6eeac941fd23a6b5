"""Weights in files: those of trials (safetensors, with what is needed to use them), and others."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasframe.errors import NasframeError
from nasframe.storage.files import write_atomically

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nasframe.api.parts import Task


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
    write_atomically(path, save(state, metadata={"format": "pt", **words}))


def task_facts(task: Task) -> dict[str, Any]:
    """What must be known of a task to use a network that was trained on it, in plain values."""
    return {
        "kind": task.kind,
        "input_shape": task.input_shape,
        "outputs": task.outputs,
        "data_config": task.data_config,
    }


def read_metadata(path: Path) -> dict[str, Any]:
    """The metadata alone; none of a file that ``save_weights`` has not written."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            words = file.metadata() or {}
        return {name: json.loads(word) for name, word in words.items() if name != "format"}
    except (OSError, SafetensorError, ValueError):
        return {}


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
        metadata = {name: json.loads(word) for name, word in words.items() if name != "format"}
    except FileNotFoundError:
        raise NasframeError(f"{path}: there is no such file") from None
    except (SafetensorError, ValueError) as error:
        raise NasframeError(f"{path}: is no file of weights: {error}") from error
    return state, metadata


def load_weights(
    module: nn.Module,
    path: Path | str,
    rename: Callable[[str], str] = str,
    *,
    optional: tuple[str, ...] = (),
    outputs: int | None = None,
    fresh: tuple[str, ...] = (),
) -> None:
    """Fill a module from a state dict in a safetensors or torch file; no code in it is executed.

    Args:
        module: what is filled, whole or not at all.
        path: the file; only one that ends in ``.safetensors`` is read as such.
        rename: the module's own name of a tensor from that in the file.
        optional: beginnings of names that the file, or the module, may lack; what the file lacks
            stays as it is.
        outputs: of the module; tensors that have as many rows, and in the file another number of
            them, stay as they are: the classifier, where the file is of another task.
        fresh: beginnings of names of tensors that stay as they are if their shapes are others.

    Raises:
        NasframeError: if the file is missing or cannot be read, or its tensors do not fit.
    """
    path = Path(path).expanduser()
    own: Mapping[str, Tensor] = module.state_dict()
    state = {rename(name): tensor for name, tensor in _read_tensors(path).items()}
    for name, tensor in own.items():
        # Old files have no counters in their batch norms.
        if name.startswith(optional) or name.endswith(".num_batches_tracked"):
            state.setdefault(name, tensor)
    state = {k: v for k, v in state.items() if k in own or not k.startswith(optional)}
    for name in [*own, *state]:
        here, there = (tuple(d[name].shape) if name in d else None for d in (own, state))
        if here and there and here[0] == outputs != there[0] and here[1:] == there[1:]:
            state[name] = own[name]
        elif here and there and here != there and name.startswith(fresh):
            state[name] = own[name]
        elif here != there:
            raise NasframeError(
                f"weights={path}: does not fit: the network has {_words(name, here)}, "
                f"the file {_words(name, there)}"
            )
    module.load_state_dict(state)


def _read_tensors(path: Path) -> Mapping[str, Tensor]:
    from timm.models import load_state_dict
    from torch import Tensor

    if not path.is_file():
        raise NasframeError(f"weights={path}: there is no such file")
    try:
        state = load_state_dict(str(path), weights_only=True)
        if all(isinstance(tensor, Tensor) for tensor in state.values()):
            return dict(state)
        kind = "not tensors alone"
    except Exception as error:  # whatever the readers raise at a file of another kind
        kind = type(error).__name__
    raise NasframeError(f"weights={path}: is no state dict in a safetensors or torch file ({kind})")


def _words(name: str, shape: tuple[int, ...] | None) -> str:
    return f"no {name}" if shape is None else f"{name} of {shape}"
