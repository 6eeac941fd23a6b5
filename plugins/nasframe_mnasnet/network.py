"""Networks of MnasNet blocks, with timm's names of modules.

Shapes: N batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from timm.models._efficientnet_blocks import InvertedResidual
from timm.models._efficientnet_builder import efficientnet_init_weights
from torch import Tensor, nn

from nasframe_mnasnet.blocks import Frame, Layer
from nasframe_mnasnet.layers import Residual, conv_norm_relu, make_layer


class MnasNet(nn.Module):
    """A stem, blocks of layers, a head and a classifier, initialized as in the authors' code.

    Args:
        blocks: the layers of each block.
        channels: channels of the images.
        outputs: the number of classes.
        frame: the settings of stem, head, dropout and flavour.

    Attributes:
        feature_info: the last map of each stride, in timm's format, and its expansion in the next
            layer.
        data_config: how to prepare images, in timm's terms; published networks have it.
    """

    data_config: Mapping[str, Any]

    def __init__(
        self,
        blocks: Iterable[list[Layer]],
        channels: int,
        outputs: int,
        frame: Frame,
    ) -> None:
        super().__init__()
        stages = list(blocks)
        stem, last, head = stages[0][0].inputs, stages[-1][-1].outputs, frame.head
        flavour = frame.flavour
        self.conv_stem, self.bn1 = conv_norm_relu(channels, stem, 3, frame.stem_stride, flavour)
        self.blocks = nn.Sequential(
            *(nn.Sequential(*(make_layer(layer, flavour) for layer in stage)) for stage in stages)
        )
        self.conv_head, self.bn2 = conv_norm_relu(last, head, 1, 1, flavour)
        self.feature_info = _collect_feature_info(stages, self.blocks, frame.stem_stride, head)
        self.dropout = nn.Dropout(frame.dropout)
        self.classifier = nn.Linear(head, outputs)
        efficientnet_init_weights(self)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Logits of shape (N, outputs)."""
        x_NCHW = self.blocks(self.bn1(self.conv_stem(x_NCHW)))
        x_NCHW = self.bn2(self.conv_head(x_NCHW))
        logits: Tensor = self.classifier(self.dropout(x_NCHW.mean((2, 3))))
        return logits


def _collect_feature_info(
    stages: list[list[Layer]], blocks: Any, stride: int, head: int
) -> list[dict[str, Any]]:
    info: list[dict[str, Any]] = []
    for place, stage in enumerate(stages):
        first = stage[0]
        if info and first.stride == 1:
            info.pop()
        elif info:
            info[-1] |= _find_expansion(f"blocks.{place}.0", blocks[place][0])
        stride *= first.stride
        row = {"module": f"blocks.{place}", "num_chs": stage[-1].outputs, "reduction": stride}
        info.append(row)
    return [*info[:-1], {**info[-1], "expansion": "bn2", "expansion_chs": head}]


def _find_expansion(name: str, module: nn.Module) -> dict[str, Any]:
    """Describe the expanded map inside a layer, before its depthwise convolution, if any."""
    if isinstance(module, Residual):
        name, module = f"{name}.body", module.body
    if not isinstance(module, InvertedResidual):
        return {}
    return {"expansion": f"{name}.bn1", "expansion_chs": module.conv_pw.out_channels}
