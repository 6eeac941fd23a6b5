"""A classifier as a backbone: its maps of some strides, found by what it says of itself.

A network that can be a backbone has timm's ``feature_info``: for each stage ``module``, the name of
the layer that ends it, ``num_chs``, its channels, and ``reduction``, its stride. A stage may also
name the layer inside the next one that expands it: ``expansion`` and ``expansion_chs``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from timm.models import FeatureHookNet
from torch import nn

from nasframe import NasframeError


class Stage(NamedTuple):
    """A map of a network: the layer that gives it, its channels, and its stride."""

    module: str
    channels: int
    stride: int


def stages(network: nn.Module, *, expanded: bool = False) -> dict[int, Stage]:
    """The last map of each stride.

    Args:
        network: a classifier.
        expanded: whether to take the expansion of a map where there is one.

    Raises:
        NasframeError: if the network does not name any.
    """
    info: Any = getattr(network, "feature_info", None)
    rows: Sequence[Mapping[str, Any]] = getattr(info, "info", info) or ()
    if not all(row.get("module") for row in rows) or not rows:
        raise NasframeError("this network cannot be a backbone: it names no stages (feature_info)")
    found = {}
    for row in rows:
        stride = row["reduction"]
        stage = Stage(row["module"], row["num_chs"], stride)
        if expanded and "expansion" in row:
            stage = Stage(row["expansion"], row["expansion_chs"], stride)
        found[stride] = stage
    return found


def backbone(network: Any, chosen: Sequence[Stage]) -> nn.Module:
    """The network without its classifier: from x_NCHW to maps by their strides, as text."""
    # timm's class reads ``feature_info`` of what it wraps, and takes the classifier out of timm's
    # own networks; those of plugins have a layer of this name.
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


def required(found: Mapping[int, Stage], strides: Sequence[int]) -> list[Stage]:
    """The maps of these strides.

    Raises:
        NasframeError: if one is missing.
    """
    if not set(strides) <= found.keys():
        wanted, there = (" and ".join(map(str, sorted(part))) for part in (strides, found))
        raise NasframeError(
            f"the detector reads maps of the strides {wanted}, this network has {there}; networks "
            "for larger images have more"
        )
    return [found[stride] for stride in strides]
