"""A classifier as a backbone: finds its feature maps of some strides.

A backbone has timm's ``feature_info``: for each stage ``module`` (the name of its last layer),
``num_chs`` (its channels) and ``reduction`` (its stride). ``expansion`` and ``expansion_chs`` can
name the layer that expands this map inside the next stage, and its channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from timm.models import FeatureHookNet
from torch import nn

from nasframe import NasframeError


class Stage(NamedTuple):
    """A feature map of a network: its layer, channels and stride."""

    module: str
    channels: int
    stride: int


def find_stages(network: nn.Module, *, expanded: bool = False) -> dict[int, Stage]:
    """Find the last map of each stride.

    Args:
        network: a classifier.
        expanded: whether to use the expansion of a map, if any.

    Raises:
        NasframeError: if the network has no ``feature_info``.
    """
    info: Any = getattr(network, "feature_info", None)
    rows: Sequence[Mapping[str, Any]] = getattr(info, "info", info) or ()
    if not all(row.get("module") for row in rows) or not rows:
        raise NasframeError("this network cannot be a backbone: it has no feature_info")
    found = {}
    for row in rows:
        stride = row["reduction"]
        stage = Stage(row["module"], row["num_chs"], stride)
        if expanded and "expansion" in row:
            stage = Stage(row["expansion"], row["expansion_chs"], stride)
        found[stride] = stage
    return found


def make_backbone(network: Any, chosen: Sequence[Stage]) -> nn.Module:
    """Remove the classifier; returns a module from x_NCHW to maps by stride (as text)."""
    # timm's class reads ``feature_info`` of the network, and removes the classifier of timm's
    # networks; networks of plugins have a layer with this name.
    network.feature_info = [
        {"module": stage.module, "num_chs": stage.channels, "reduction": stage.stride}
        for stage in chosen
    ]
    for prefix in getattr(network, "training_only_prefixes", ()):
        setattr(network, prefix.rstrip("."), None)
    if isinstance(getattr(network, "classifier", None), nn.Linear):
        network.classifier = nn.Identity()
    names = [str(stage.stride) for stage in chosen]
    places = tuple(range(len(chosen)))
    return FeatureHookNet(network, places, names, return_dict=True, no_rewrite=True)


def select_stages(found: Mapping[int, Stage], strides: Sequence[int]) -> list[Stage]:
    """Select the maps of these strides.

    Raises:
        NasframeError: if a stride is missing.
    """
    if not set(strides) <= found.keys():
        wanted, there = (" and ".join(map(str, sorted(part))) for part in (strides, found))
        raise NasframeError(
            f"the detector needs maps of the strides {wanted}, this network has {there}; use a "
            "network for larger images"
        )
    return [found[stride] for stride in strides]
