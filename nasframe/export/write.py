"""Export of a network: write files, compare them with the network, then move them into place."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from nasframe.api.parts import Exporter
from nasframe.api.types import Exportable
from nasframe.errors import NasframeError
from nasframe.export.networks import draw_export_inputs
from nasframe.registry.calls import describe_failure, describe_part
from nasframe.storage.files import replace_file

TOLERANCE = 1e-4
"""Maximum difference of outputs, relative to the larger of 1 and the largest output."""
BATCHES = (1, 5)
"""Batch sizes with which a file is tested."""


@dataclass(frozen=True, slots=True)
class Exported:
    """Result of an export.

    Attributes:
        path: the main file.
        error: maximum difference between the outputs of file and network, relative to the larger
            of 1 and the largest output.
    """

    path: Path
    error: float


def export_network(name: str, exporter: Exporter, network: Exportable, stem: Path) -> Exported:
    """Write a network in a format; files change only if their outputs are right.

    Args:
        name: name of the format, for messages.
        exporter: exporter of the format.
        network: the network.
        stem: path of the files without suffix.

    Raises:
        NasframeError: if the network cannot be written, the files give other outputs, or a file
            would replace the weights of the network itself.
    """
    if network.kind not in exporter.kinds:
        raise NasframeError(
            f"{network.name}: --to {name} is for networks of the kind "
            f"{' and '.join(exporter.kinds)}, and this network is of the kind {network.kind}"
        )
    paths = [stem.with_name(stem.name + suffix) for suffix in exporter.suffixes]
    for path in paths:
        if network.weights is not None and path.resolve() == network.weights.resolve():
            raise NasframeError(f"{path}: holds the network itself: give another --out")
    with _name_errors(name, exporter, network), _move_into_place(paths) as parts:
        if (reason := exporter.refuses(network)) is not None:
            raise NasframeError(f"{network.name}: cannot be written as {name}: {reason}")
        exporter.write(network, parts)
        for part in parts:
            if not part.is_file():
                raise NasframeError(f"{describe_part(exporter, 'write')} wrote no {part.name}")
        error = _compare(paths[0], network, exporter.open(network, parts))
    return Exported(paths[0], error)


@contextmanager
def _name_errors(name: str, exporter: Exporter, network: Exportable) -> Iterator[None]:
    """Name network, format and exporter in any error of the block."""
    try:
        yield
    except NasframeError:
        raise
    except Exception as error:
        reason = describe_failure(describe_part(exporter), error)
        raise NasframeError(f"{network.name}: cannot be written as {name}: {reason}") from error


@contextmanager
def _move_into_place(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Yield temporary paths; the files move into place if the block succeeds."""
    folder = paths[0].parent
    with TemporaryDirectory(prefix=f".{paths[0].stem}-", dir=folder) as place:
        parts = [Path(place, path.name) for path in paths]
        yield parts
        for part, path in zip(parts, paths, strict=True):
            with replace_file(path) as hidden:
                os.replace(part, hidden)


def _compare(path: Path, network: Exportable, run: Callable[..., Tensor]) -> float:
    """Return the maximum relative error over several batch sizes."""
    largest = 0.0
    for batch in BATCHES:
        inputs = draw_export_inputs(network.kind, network.data_config, batch)
        with torch.inference_mode():
            wanted, actual = _logits(network.network(*inputs)), _logits(run(*inputs))
        if actual.shape != wanted.shape:
            raise NasframeError(
                f"{path}: gives outputs of shape {tuple(actual.shape)}, not {tuple(wanted.shape)}"
            )
        scale = max(1.0, float(wanted.abs().max()))
        error = float((actual - wanted).abs().max()) / scale
        if not error <= TOLERANCE:  # also true for NaN
            raise NasframeError(
                f"{path}: its outputs are {error:.1e} away from the network's; it is removed"
            )
        largest = max(largest, error)
    return largest


def _logits(output: Any) -> Tensor:
    """Return the logits; a network for sequences returns its state, too."""
    first = output[0] if isinstance(output, tuple) else output
    if not isinstance(first, Tensor):
        raise TypeError(f"the outputs must be a tensor, not {first!r:.80}")
    return first
