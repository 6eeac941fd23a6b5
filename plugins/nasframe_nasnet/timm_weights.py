"""Weights of timm's ``nasnetalarge`` (the authors' weights) in our networks.

timm's names of our cells, in order: ``cell_stem_0``, ``cell_stem_1``, ``cell_0`` to ``cell_5``,
``reduction_cell_0``, ``cell_6`` to ``cell_11``, ``reduction_cell_1``, ``cell_12`` to ``cell_17``.
The parts of a cell have other names but the same shapes.
"""

from __future__ import annotations

import re

CELLS_IN_A_STAGE = 6
PARTS = {
    "conv0.conv": "stem.0",
    "conv0.bn": "stem.1",
    "last_linear": "classifier",
    "conv_1x1.conv": "align_current.1",
    "conv_1x1.bn": "align_current.2",
    "conv_prev_1x1.conv": "align_previous.1",
    "conv_prev_1x1.bn": "align_previous.2",
    "path_1.conv": "align_previous.1.even",
    "path_2.conv": "align_previous.1.odd",
    "final_path_bn": "align_previous.1.norm",
    "separable_1.depthwise_conv2d": "1",
    "separable_1.pointwise_conv2d": "2",
    "bn_sep_1": "3",
    "separable_2.depthwise_conv2d": "5",
    "separable_2.pointwise_conv2d": "6",
    "bn_sep_2": "7",
}
"""Our names of layers by timm's names, within their cell or separable convolution."""

KEY = re.compile(
    r"((?P<kind>cell_stem|cell|reduction_cell)_(?P<number>\d+)\.)?"
    r"(comb_iter_(?P<block>\d)_(?P<side>left|right)\.)?"
    r"(?P<layer>.+)\.(?P<tensor>\w+)"
)


def translate_timm_key(key: str) -> str:
    """Translate timm's name of a tensor to ours; unknown names are returned unchanged."""
    match = KEY.fullmatch(key)
    if match is None or match["layer"] not in PARTS:
        return key
    path = [PARTS[match["layer"]], match["tensor"]]
    if match["block"]:
        path = [match["side"], match["block"], *path]
    if match["kind"]:
        path = ["cells", str(_find_place(match["kind"], int(match["number"]))), *path]
    return ".".join(path)


def _find_place(kind: str, number: int) -> int:
    if kind == "cell_stem":
        return number
    if kind == "cell":
        return 2 + number + number // CELLS_IN_A_STAGE
    return 2 + (number + 1) * CELLS_IN_A_STAGE + number
