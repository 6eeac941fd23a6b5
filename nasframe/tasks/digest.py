"""A digest that identifies data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from torch import Tensor


def compute_digest(tensors: Iterable[Tensor], text: str = "") -> str:
    """Compute the SHA-256 of a text and of tensors in main memory, with shapes and types."""
    result = hashlib.sha256(text.encode())
    for tensor in tensors:
        result.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        result.update(tensor.contiguous().numpy().data)
    return result.hexdigest()
