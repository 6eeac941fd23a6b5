"""The paper's cell for Penn Treebank (figure 8, right).

The paper only draws it. The exact source is the authors' code, ``NASCell`` of TensorFlow: no bias
by default, no forget bias, and no activation of the new memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nasframe import NasframeError, nearest
from nasframe_nas.rnn_tree import NAS_PTB, Tree

if TYPE_CHECKING:
    from torch import nn

_TREES = {"nas_ptb_cell": NAS_PTB}


def get_published_tree(name: str) -> Tree:
    """Return a published cell.

    Raises:
        NasframeError: if the name is unknown.
    """
    if name not in _TREES:
        raise NasframeError(f"no cell {name!r} is published here; {nearest(name, _TREES)}")
    return _TREES[name]


def nas_ptb_cell(
    *, inputs: int = 740, hidden: int = 740, bias: bool = False, projection: int | None = None
) -> nn.Module:
    """Make the cell found on Penn Treebank: ``cell(x, (c, m))`` returns the next ``(c, m)``.

    It is untrained, as no weights were published. The paper does not state the width of its layers;
    two of 740, with tied embeddings, have its 25 million parameters.

    Args:
        inputs: size of ``x``, (batch, inputs).
        hidden: size of the memory ``c`` and, without a projection, of the hidden state ``m``.
        bias: whether the projection of ``m`` inside the cell has a bias.
        projection: the size to which the hidden state is projected; ``None`` leaves it as it is.
    """
    from nasframe_nas.rnn_cell import TreeCell

    return TreeCell(NAS_PTB, inputs, hidden, bias=bias, projection=projection)
