"""The names of torchvision's ``MNASNet``, which is MnasNet-B1; timm's names are ours."""

from __future__ import annotations

import re

OUTER = {
    "layers.0": "conv_stem",
    "layers.1": "bn1",
    "layers.3": "blocks.0.0.conv_dw",
    "layers.4": "blocks.0.0.bn1",
    "layers.6": "blocks.0.0.conv_pw",
    "layers.7": "blocks.0.0.bn2",
    "layers.14": "conv_head",
    "layers.15": "bn2",
    "classifier.1": "classifier",
}
INNER = {"0": "conv_pw", "1": "bn1", "3": "conv_dw", "4": "bn2", "6": "conv_pwl", "7": "bn3"}
"""Our names of modules by torchvision's; an inverted residual has those of ``INNER``."""


def rename(key: str) -> str:
    """Our name of a tensor by torchvision's; what is none of those is returned as it is."""
    module, _, tensor = key.rpartition(".")
    if found := re.fullmatch(r"layers\.(\d+)\.(\d+)\.layers\.(\d+)", module):
        stack, layer, place = found.groups()
        return f"blocks.{int(stack) - 7}.{layer}.{INNER.get(place, place)}.{tensor}"
    return f"{OUTER.get(module, module)}.{tensor}"
