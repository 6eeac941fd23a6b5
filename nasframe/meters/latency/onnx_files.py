"""Networks as ONNX files, for runtimes to measure; their weights do not matter."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from nasframe.errors import NasframeError

if TYPE_CHECKING:
    from torch import nn


def export(network: nn.Module, inputs: tuple[Any, ...], path: Path) -> None:
    """Write a network for inputs of these shapes, by the exporter that traces, if it can.

    The one that is torch's default takes ten times as long.
    """
    with torch.no_grad():
        network(*inputs)  # what is wrong with the network itself, no exporter needs to tell
    # Not ``catch_warnings``: it would undo what other threads set meanwhile. Repeating is harmless.
    warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]
    warnings.filterwarnings("ignore", module=r"torch\.onnx|nasframe\.latency\.export")
    try:
        torch.onnx.export(network, inputs, path, dynamo=False)
    except Exception:  # it is going to be removed, and it does not know every operation
        torch.onnx.export(network, inputs, path, dynamo=True, verbose=False, external_data=False)


def require(*packages: str) -> None:
    """Say what to install if one of the packages is not there.

    Raises:
        NasframeError: naming it.
    """
    for package in packages:
        if find_spec(package) is None:
            raise NasframeError(f"ONNX needs the package {package}: pip install 'nasframe[onnx]'")
