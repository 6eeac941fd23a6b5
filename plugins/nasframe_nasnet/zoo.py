"""The networks of the paper: NASNet-A, with the cells of the authors' code.

The paper names networks N @ P: N Normal cells in a stage, and P final channels, which are 24 times
the filters of the first stage (six states, four times as wide). So 6 @ 4032 is
``cells=6, filters=168``, 4 @ 1056 is ``cells=4, filters=44`` and, for CIFAR-10, 6 @ 768 is
``cells=6, filters=32, skeleton="cifar"``. For 5 @ 1538, 7 @ 1920 and 7 @ 2304, these cells do not
give the printed sizes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from nasframe import NasframeError, load_weights, nearest
from nasframe_nasnet.published_cells import NORMAL_A, REDUCTION_A
from nasframe_nasnet.stacking import DropPathSchedule, Skeleton

if TYPE_CHECKING:
    from pathlib import Path

    from nasframe_nasnet.network import NASNet

W = TypeVar("W", bound=StrEnum)


class _Setup(NamedTuple):
    """Settings of a published network beside cells and filters; ``size`` is the side of images."""

    stem_multiplier: int
    skip_reduction: bool
    flavour: str
    size: int
    crop_pct: float


_CIFAR = _Setup(3, False, "google", 32, 1.0)
_MOBILE = _Setup(1, False, "timm", 224, 0.875)
_LARGE = _Setup(3, True, "timm", 331, 0.911)
_OTHERS = _Setup(3, True, "timm", 299, 0.875)


class _Images(NamedTuple):
    """The shape of a task, for a search space."""

    input_shape: tuple[int, ...]
    outputs: int
    kind: str = "image"


def nasnet_a(
    *,
    classes: int = 1000,
    channels: int = 3,
    cells: int = 6,
    filters: int = 168,
    skeleton: str = "imagenet",
    stem_multiplier: int | None = None,
    skip_reduction: bool | None = None,
    flavour: str | None = None,
    size: int | None = None,
    auxiliary: bool = False,
    drop_path_keep: float = 1.0,
    drop_path_schedule: str = "time_and_depth",
    dropout: float = 0.0,
    weights: str | Path | None = None,
) -> NASNet:
    """Make NASNet-A, by default the large network for ImageNet, 6 @ 4032.

    Its ``data_config`` has the values of the networks for ImageNet, from -1 to 1. It cannot express
    the whitening of CIFAR-10 images in the paper.

    Args:
        classes: the number of classes.
        channels: channels of the images.
        cells: Normal cells in a stage.
        filters: channels of a cell's states in the first stage.
        skeleton: ``imagenet`` or ``cifar``.
        stem_multiplier: by default 1 for 4 @ 1056, 3 for all others.
        skip_reduction: by default false for CIFAR and for 4 @ 1056, true for all others.
        flavour: ``google`` has the pools and batch norms of the authors' code, ``timm`` those of
            timm's ``nasnetalarge``; by default timm for ImageNet, google for CIFAR.
        size: side of the images, which the auxiliary classifier depends on. By default 331 for
            6 @ 4032, 224 for 4 @ 1056, 299 for other networks for ImageNet, 32 for CIFAR.
        auxiliary: whether it has a second classifier in training.
        drop_path_keep: share of the paths kept at the end of the training.
        drop_path_schedule: ``time`` or ``time_and_depth``.
        dropout: share of the features dropped before the classifier in training.
        weights: a state dict of timm's ``nasnetalarge`` (6 @ 4032), safetensors or torch; an
            auxiliary classifier keeps its initial weights.

    Raises:
        NasframeError: if a setting is invalid or the weights do not fit.
    """
    from nasframe_nasnet.assemble import assemble
    from nasframe_nasnet.config import NASNetConfig
    from nasframe_nasnet.flavour import Flavour, apply_flavour
    from nasframe_nasnet.timm_weights import translate_timm_key

    kind = _parse_word("skeleton", skeleton, Skeleton)
    setup = _choose_setup(kind is Skeleton.cifar, cells, filters)
    implementation = _parse_word("flavour", flavour or setup.flavour, Flavour)
    config = NASNetConfig(
        cells=cells,
        filters=filters,
        skeleton=kind,
        stem_multiplier=setup.stem_multiplier if stem_multiplier is None else stem_multiplier,
        skip_reduction=setup.skip_reduction if skip_reduction is None else skip_reduction,
        auxiliary=auxiliary,
        drop_path_keep=drop_path_keep,
        drop_path_schedule=_parse_word("drop_path_schedule", drop_path_schedule, DropPathSchedule),
        dropout=dropout,
    )
    side = setup.size if size is None else size
    if min(classes, channels, side) < 1:
        raise NasframeError(
            f"classes={classes}, channels={channels}, size={side}: each must be at least 1"
        )
    images = _Images((channels, side, side), classes)
    network = assemble(config.stacking(), NORMAL_A, REDUCTION_A, images)
    apply_flavour(network, implementation, kind)
    network.data_config = {
        "input_size": (channels, side, side),
        "mean": (0.5,) * channels,
        "std": (0.5,) * channels,
        "crop_pct": setup.crop_pct,
        "interpolation": "bicubic",
    }
    if weights is not None:
        load_weights(network, weights, translate_timm_key, optional=("auxiliary.",))
    return network


def _choose_setup(cifar: bool, cells: int, filters: int) -> _Setup:
    if cifar:
        return _CIFAR
    return {(4, 44): _MOBILE, (6, 168): _LARGE}.get((cells, filters), _OTHERS)


def _parse_word(name: str, word: str, words: type[W]) -> W:
    """Parse a setting as a member of an enum."""
    try:
        return words(word)
    except ValueError:
        raise NasframeError(f"{name}={word!r} is not known; {nearest(str(word), words)}") from None
