"""torchvision's SSDLite on a backbone."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial

from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.ssd import SSD
from torchvision.models.detection.ssdlite import SSDLiteHead
from torchvision.ops.misc import Conv2dNormActivation

from nasframe import TaskShape
from nasframe_detection.backbone import find_stages, make_backbone, select_stages

EXTRA = (512, 256, 256, 128)
"""Channels of the maps after the backbone's."""
_norm = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.03)


class Extended(nn.Module):
    """A backbone of two maps, and smaller maps computed from the last.

    Args:
        body: the backbone.
        channels: channels of its last map.
        widths: channels of the smaller maps.
    """

    def __init__(self, body: nn.Module, channels: int, widths: list[int]) -> None:
        super().__init__()
        self.body = body
        pairs = zip([channels, *widths], widths, strict=False)
        self.extra = nn.ModuleList(_make_halving(*pair) for pair in pairs)

    def forward(self, x_NCHW: Tensor) -> dict[str, Tensor]:
        """Compute all maps, the largest first."""
        maps = list(self.body(x_NCHW).values())
        for layer in self.extra:
            maps.append(layer(maps[-1]))
        return OrderedDict((str(place), map_) for place, map_ in enumerate(maps))


def _make_halving(inputs: int, outputs: int) -> nn.Module:
    """Make a bottleneck whose depthwise convolution halves the map."""
    conv = partial(Conv2dNormActivation, norm_layer=_norm, activation_layer=nn.ReLU6)
    middle = outputs // 2
    block = nn.Sequential(
        conv(inputs, middle, kernel_size=1),
        conv(middle, middle, kernel_size=3, stride=2, groups=middle),
        conv(middle, outputs, kernel_size=1),
    )
    for module in block.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=0.03)
    return block


def make_ssdlite(
    network: nn.Module, task: TaskShape, *, width: float, smallest: float, largest: float
) -> nn.Module:
    """Make the detector.

    Args:
        network: a classifier.
        task: size of the images and number of classes.
        width: channels of the smaller maps, relative to 512, 256, 256 and 128.
        smallest: side of the anchors of the first map, relative to the image's.
        largest: side of the anchors of the last map, relative to the image's.

    Raises:
        NasframeError: if the network does not have these maps.
    """
    chosen = select_stages(find_stages(network, expanded=True), [16, 32])
    widths = [max(16, round(channels * width)) for channels in EXTRA]
    channels = [*(stage.channels for stage in chosen), *widths]
    boxes = DefaultBoxGenerator([[2, 3]] * len(channels), min_ratio=smallest, max_ratio=largest)
    classes, anchors = task.outputs + 1, boxes.num_anchors_per_location()
    size = task.input_shape[1]
    detector: nn.Module = SSD(
        Extended(make_backbone(network, chosen), chosen[-1].channels, widths),
        boxes,
        (size, size),
        classes,
        head=SSDLiteHead(channels, anchors, classes, _norm),
        score_thresh=0.001,
        nms_thresh=0.55,
        detections_per_img=100,
        topk_candidates=300,
    )
    detector.head_prefixes = ("head.",)  # type: ignore[assignment]
    return detector
