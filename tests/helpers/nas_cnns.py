"""Spaces and tokens of the convolutional NAS, for tests."""

from __future__ import annotations

from typing import Any

from nasframe_nas.cnn_layers import LayerRow
from nasframe_nas.cnn_space import NASCNNSpace
from nasframe_nas.config import NASCNNConfig

Rows = list[LayerRow]


def space(**values: Any) -> NASCNNSpace:
    built = NASCNNConfig(**values).build()
    assert isinstance(built, NASCNNSpace)
    return built


def flat(rows: Rows) -> tuple[int, ...]:
    return tuple(
        token
        for n, (kind, inputs) in enumerate(rows)
        for token in (*kind, *(int(j in inputs) for j in range(n)))
    )
