"""The cell that the paper found on Penn Treebank (figure 8, right).

The paper only draws it; its one exact source is the authors' code, ``NASCell`` of TensorFlow, which
is what is built here: no bias by default, no forget bias, and nothing after the new memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nasframe import NasframeError, nearest
from nasframe_nas.rnn_tree import NAS_PTB, Tree

if TYPE_CHECKING:
    from torch import nn

_TREES = {"nas_ptb_cell": NAS_PTB}


def published_tree(name: str) -> Tree:
    """A published cell.

    Raises:
        NasframeError: if there is no such cell.
    """
    if name not in _TREES:
        raise NasframeError(f"no cell {name!r} is published here; {nearest(name, _TREES)}")
    return _TREES[name]


def nas_ptb_cell(
    *, inputs: int = 740, hidden: int = 740, bias: bool = False, projection: int | None = None
) -> nn.Module:
    """The cell found on Penn Treebank: ``cell(x, (c, m))`` gives the next ``(c, m)``.

    Untrained: no weights of it were published. The paper does not say how wide its layers were;
    two of 740, with tied embeddings, have its 25 million parameters.

    Args:
        inputs: size of ``x``, (batch, inputs).
        hidden: size of the memory ``c``, and without a projection of the hidden state ``m``.
        bias: whether the projection of ``m`` inside the cell has a bias.
        projection: the size to which the hidden state is projected; ``None`` leaves it as it is.
    """
    from nasframe_nas.rnn_cell import TreeCell

    return TreeCell(NAS_PTB, inputs, hidden, bias=bias, projection=projection)
