"""Export of networks to ONNX files for measurement; their weights do not matter."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from nasframe.errors import NasframeError

if TYPE_CHECKING:
    from torch import nn


def write_onnx(network: nn.Module, inputs: tuple[Any, ...], path: Path) -> None:
    """Write a network as ONNX for inputs of fixed shapes, with the tracing exporter if possible.

    torch's default exporter takes ten times as long.
    """
    with torch.no_grad():
        network(*inputs)  # errors of the network itself surface here
    # Not ``catch_warnings``: it would undo filters that other threads set meanwhile.
    warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]
    warnings.filterwarnings("ignore", module=r"torch\.onnx|nasframe\.meters\.latency\.onnx_files")
    try:
        torch.onnx.export(network, inputs, path, dynamo=False)
    except Exception:  # deprecated, and without some operations
        torch.onnx.export(network, inputs, path, dynamo=True, verbose=False, external_data=False)


def require_packages(*packages: str) -> None:
    """Check that packages are installed.

    Raises:
        NasframeError: if a package is missing; names the command that installs it.
    """
    for package in packages:
        if find_spec(package) is None:
            raise NasframeError(f"ONNX needs the package {package}: pip install 'nasframe[onnx]'")
