"""SSDLite of torchvision on a backbone."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial

from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.ssd import SSD
from torchvision.models.detection.ssdlite import SSDLiteHead
from torchvision.ops.misc import Conv2dNormActivation

from nasframe import TaskShape
from nasframe_detection.backbone import backbone, required, stages

EXTRA = (512, 256, 256, 128)
"""Channels of the maps behind the backbone's."""
norm = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.03)


class Extended(nn.Module):
    """A backbone of two maps, and smaller maps made of its last one.

    Args:
        body: the backbone.
        channels: those of its last map.
        widths: channels of the smaller maps.
    """

    def __init__(self, body: nn.Module, channels: int, widths: list[int]) -> None:
        super().__init__()
        self.body = body
        pairs = zip([channels, *widths], widths, strict=False)
        self.extra = nn.ModuleList(_halved(*pair) for pair in pairs)

    def forward(self, x_NCHW: Tensor) -> dict[str, Tensor]:
        """All maps, the largest first."""
        maps = list(self.body(x_NCHW).values())
        for layer in self.extra:
            maps.append(layer(maps[-1]))
        return OrderedDict((str(place), map_) for place, map_ in enumerate(maps))


def _halved(inputs: int, outputs: int) -> nn.Module:
    """A bottleneck, whose depthwise convolution halves the map."""
    conv = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=nn.ReLU6)
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


def ssdlite(
    network: nn.Module, task: TaskShape, *, width: float, smallest: float, largest: float
) -> nn.Module:
    """Make the detector.

    Args:
        network: a classifier, whose maps are read.
        task: size of the images, and the number of classes.
        width: channels of the smaller maps, relative to 512, 256, 256 and 128.
        smallest: side of the anchors of the first map, relative to the image's.
        largest: of the last map.

    Raises:
        NasframeError: if the network has no such maps.
    """
    chosen = required(stages(network, expanded=True), [16, 32])
    widths = [max(16, round(channels * width)) for channels in EXTRA]
    channels = [*(stage.channels for stage in chosen), *widths]
    boxes = DefaultBoxGenerator([[2, 3]] * len(channels), min_ratio=smallest, max_ratio=largest)
    classes, anchors = task.outputs + 1, boxes.num_anchors_per_location()
    size = task.input_shape[1]
    detector: nn.Module = SSD(
        Extended(backbone(network, chosen), chosen[-1].channels, widths),
        boxes,
        (size, size),
        classes,
        head=SSDLiteHead(channels, anchors, classes, norm),
        score_thresh=0.001,
        nms_thresh=0.55,
        detections_per_img=100,
        topk_candidates=300,
    )
    detector.head_prefixes = ("head.",)  # type: ignore[assignment]
    return detector
