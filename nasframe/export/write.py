"""Write files of a network, compare each with the network, and only then put it in its place."""

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
from nasframe.export.networks import random_inputs
from nasframe.registry.calls import called, raised
from nasframe.storage.files import replace_file

TOLERANCE = 1e-4
"""How far outputs may lie apart, relative to the largest of them or to 1."""
BATCHES = (1, 5)
"""The numbers of inputs with which a file is tried."""


@dataclass(frozen=True, slots=True)
class Exported:
    """Files that were written.

    Attributes:
        path: the main one.
        error: the largest difference between their outputs and the network's, relative to the
            largest output or to 1.
    """

    path: Path
    error: float


def export(name: str, exporter: Exporter, network: Exportable, stem: Path) -> Exported:
    """Write a network in a format; nothing changes on the disk unless the files are right.

    Args:
        name: of the format, for messages.
        exporter: of the format.
        network: what is written.
        stem: the path without a suffix.

    Raises:
        NasframeError: if the network cannot be written, the files give other outputs, or one would
            replace the file that the network is from.
    """
    if network.kind not in exporter.kinds:
        raise NasframeError(
            f"{network.name}: --to {name} is for networks of the kind "
            f"{' and '.join(exporter.kinds)}, and this one is of the kind {network.kind}"
        )
    paths = [stem.with_name(stem.name + suffix) for suffix in exporter.suffixes]
    for path in paths:
        if network.weights is not None and path.resolve() == network.weights.resolve():
            raise NasframeError(f"{path}: holds the network itself: give another --out")
    with _naming(name, exporter, network), _placing(paths) as parts:
        if (reason := exporter.refuses(network)) is not None:
            raise NasframeError(f"{network.name}: cannot be written as {name}: {reason}")
        exporter.write(network, parts)
        for part in parts:
            if not part.is_file():
                raise NasframeError(f"{called(exporter, 'write')} wrote no {part.name}")
        error = _compare(paths[0], network, exporter.open(network, parts))
    return Exported(paths[0], error)


@contextmanager
def _naming(name: str, exporter: Exporter, network: Exportable) -> Iterator[None]:
    """Name network, format and place if an exporter raises something, which may be anything."""
    try:
        yield
    except NasframeError:
        raise
    except Exception as error:
        reason = raised(called(exporter), error)
        raise NasframeError(f"{network.name}: cannot be written as {name}: {reason}") from error


@contextmanager
def _placing(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Paths to write to; the files take their places if the block ends well."""
    folder = paths[0].parent
    with TemporaryDirectory(prefix=f".{paths[0].stem}-", dir=folder) as place:
        parts = [Path(place, path.name) for path in paths]
        yield parts
        for part, path in zip(parts, paths, strict=True):
            with replace_file(path) as hidden:
                os.replace(part, hidden)


def _compare(path: Path, network: Exportable, run: Callable[..., Tensor]) -> float:
    """The largest relative error over inputs of several batch sizes."""
    largest = 0.0
    for batch in BATCHES:
        inputs = random_inputs(network.kind, network.data_config, batch)
        with torch.inference_mode():
            wanted, got = _logits(network.network(*inputs)), _logits(run(*inputs))
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


def _logits(output: Any) -> Tensor:
    """The logits; a network for sequences gives its state, too."""
    first = output[0] if isinstance(output, tuple) else output
    if not isinstance(first, Tensor):
        raise TypeError(f"the outputs are {first!r:.80}, and not a tensor")
    return first
