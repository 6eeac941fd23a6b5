"""Names of the weights of torchvision's ``MNASNet`` (MnasNet-B1); our names are timm's."""

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
"""Our names of modules by torchvision's; ``INNER`` is within an inverted residual."""


def translate_torchvision_key(key: str) -> str:
    """Translate torchvision's name of a tensor to ours; unknown names are returned unchanged."""
    module, _, tensor = key.rpartition(".")
    if found := re.fullmatch(r"layers\.(\d+)\.(\d+)\.layers\.(\d+)", module):
        stack, layer, place = found.groups()
        return f"blocks.{int(stack) - 7}.{layer}.{INNER.get(place, place)}.{tensor}"
    return f"{OUTER.get(module, module)}.{tensor}"
