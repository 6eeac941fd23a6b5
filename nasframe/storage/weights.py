"""Weights in files: of trials (safetensors, with metadata to use them), and from elsewhere."""

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
    """Return the file of the trained weights of a study's trial."""
    return folder / "weights" / f"{number}.safetensors"


def save_weights(module: nn.Module, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write a module's state atomically.

    Args:
        module: its state is saved in the default memory format, tied tensors separately.
        path: the file; its folder is created.
        metadata: plain values by name, each written as JSON.
    """
    import torch
    from safetensors.torch import save

    state = {
        name: tensor.detach().to("cpu", memory_format=torch.contiguous_format, copy=True)
        for name, tensor in module.state_dict().items()
    }
    texts = {name: json.dumps(value) for name, value in metadata.items()}
    write_atomically(path, save(state, metadata={"format": "pt", **texts}))


def describe_task(task: Task) -> dict[str, Any]:
    """Return what a trained network's user must know of its task, in plain values."""
    return {
        "kind": task.kind,
        "input_shape": task.input_shape,
        "outputs": task.outputs,
        "data_config": task.data_config,
    }


def read_metadata(path: Path) -> dict[str, Any]:
    """Read only the metadata; empty for a file that ``save_weights`` did not write."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            texts = file.metadata() or {}
        return {name: json.loads(text) for name, text in texts.items() if name != "format"}
    except (OSError, SafetensorError, ValueError):
        return {}


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the state and the metadata that ``save_weights`` wrote.

    Raises:
        NasframeError: if the file does not exist or is of another kind.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
            texts = file.metadata() or {}
        metadata = {name: json.loads(text) for name, text in texts.items() if name != "format"}
    except FileNotFoundError:
        raise NasframeError(f"{path}: there is no such file") from None
    except (SafetensorError, ValueError) as error:
        raise NasframeError(f"{path}: is not a weights file: {error}") from error
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
    """Load a state dict from a safetensors or torch file into a module; execute no code in it.

    Args:
        module: gets all tensors or none.
        path: the file, in safetensors format only if its name ends in ``.safetensors``.
        rename: returns the module's name of a tensor for its name in the file.
        optional: prefixes of names that the file or the module may lack; the module keeps tensors
            that the file lacks.
        outputs: number of outputs of the module; a tensor with as many rows keeps its values if
            only the number of rows differs in the file: the classifier, in a file of another task.
        fresh: prefixes of the names of tensors that keep their values if their shapes differ.

    Raises:
        NasframeError: if the file is missing or unreadable, or its tensors do not fit.
    """
    path = Path(path).expanduser()
    own: Mapping[str, Tensor] = module.state_dict()
    state = {rename(name): tensor for name, tensor in _read_tensors(path).items()}
    for name, tensor in own.items():
        # Old files lack the counters of batch norms.
        if name.startswith(optional) or name.endswith(".num_batches_tracked"):
            state.setdefault(name, tensor)
    state = {k: v for k, v in state.items() if k in own or not k.startswith(optional)}
    for name in [*own, *state]:
        here, there = (tuple(d[name].shape) if name in d else None for d in (own, state))
        if (here and there and here[0] == outputs != there[0] and here[1:] == there[1:]) or (
            here and there and here != there and name.startswith(fresh)
        ):
            state[name] = own[name]
        elif here != there:
            raise NasframeError(
                f"weights={path}: does not fit: the network has {_describe_tensor(name, here)}, "
                f"the file {_describe_tensor(name, there)}"
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
        kind = "not only tensors"
    except Exception as error:  # readers raise anything for a file of another kind
        kind = type(error).__name__
    raise NasframeError(
        f"weights={path}: is not a state dict in a safetensors or torch file ({kind})"
    )


def _describe_tensor(name: str, shape: tuple[int, ...] | None) -> str:
    return f"no {name}" if shape is None else f"{name} of {shape}"
