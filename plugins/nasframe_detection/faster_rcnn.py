"""torchvision's Faster R-CNN on a backbone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn
from torchvision.models.detection.faster_rcnn import FasterRCNN, FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.rpn import AnchorGenerator
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from nasframe import NasframeError, TaskShape
from nasframe_detection.backbone import Stage, find_stages, make_backbone, select_stages

RATIOS = (0.5, 1.0, 2.0)
PYRAMID = 256
"""Channels of the maps of a pyramid."""
LONGEST = 1333 / 800
"""Maximum ratio of the longer to the shorter side of an image."""


class Pyramid(nn.Module):
    """A backbone and a feature pyramid on its maps, with one more map of half the last size.

    Args:
        body: the backbone.
        chosen: its maps.
    """

    def __init__(self, body: nn.Module, chosen: list[Stage]) -> None:
        super().__init__()
        self.body = body
        channels = [stage.channels for stage in chosen]
        self.fpn = FeaturePyramidNetwork(channels, PYRAMID, LastLevelMaxPool())

    def forward(self, x_NCHW: Tensor) -> dict[str, Tensor]:
        """Compute maps of 256 channels, by the stride of their source."""
        maps: dict[str, Tensor] = self.fpn(OrderedDict(self.body(x_NCHW)))
        return maps


def make_faster_rcnn(
    network: nn.Module,
    task: TaskShape,
    *,
    fpn: bool,
    anchors: Sequence[int],
    proposals: int,
    samples: int,
    width: int,
) -> nn.Module:
    """Make the detector.

    Args:
        network: a classifier.
        task: size of the images and number of classes.
        fpn: whether to read a feature pyramid of all maps, or the map of stride 16.
        anchors: sides of the anchors, in pixels of the resized image.
        proposals: proposed regions per image.
        samples: regions per image in the training loss.
        width: width of the fully connected layers.

    Raises:
        NasframeError: if the network does not have these maps.
    """
    found = find_stages(network)
    strides = [stride for stride in (4, 8, 16, 32) if stride in found] if fpn else [16]
    chosen = select_stages(found, strides or [16, 32])
    body = make_backbone(network, chosen)
    if fpn:
        body = Pyramid(body, chosen)
    channels = PYRAMID if fpn else chosen[0].channels
    body.out_channels = channels  # type: ignore[assignment]
    size = task.input_shape[1]
    sides = _assign_levels(anchors, len(chosen) + 1) if fpn else (tuple(anchors),)
    detector: nn.Module = FasterRCNN(
        body,
        min_size=size,
        max_size=round(size * LONGEST),
        rpn_anchor_generator=AnchorGenerator(sides, (RATIOS,) * len(sides)),
        rpn_pre_nms_top_n_train=2000,
        rpn_pre_nms_top_n_test=1000,
        rpn_post_nms_top_n_train=proposals,
        rpn_post_nms_top_n_test=proposals,
        box_roi_pool=MultiScaleRoIAlign([str(s) for s in strides], 7, 2),
        box_head=TwoMLPHead(channels * 7 * 7, width),
        box_predictor=FastRCNNPredictor(width, task.outputs + 1),
        box_batch_size_per_image=samples,
    )
    detector.head_prefixes = ("roi_heads.box_predictor.",)  # type: ignore[assignment]
    return detector


def _assign_levels(anchors: Sequence[int], levels: int) -> tuple[tuple[int, ...], ...]:
    """Assign the sides of anchors to levels."""
    if len(anchors) != levels:
        raise NasframeError(
            f"detector.anchors={anchors}: must have {levels} sides, one a level of the pyramid"
        )
    return tuple((side,) for side in anchors)
