"""Networks of MnasNet blocks; modules have the names that timm gives them.

Shapes: N batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from timm.layers import create_conv2d, get_norm_act_layer  # type: ignore[attr-defined]
from timm.models._efficientnet_builder import efficientnet_init_weights
from torch import Tensor, nn

from nasframe_mnasnet.blocks import Layer
from nasframe_mnasnet.layers import STYLES, make_layer

if TYPE_CHECKING:
    from nasframe_mnasnet import MnasNetConfig


class MnasNet(nn.Module):
    """A stem, blocks of layers, a head and a classifier; weights start as in the authors' code.

    Args:
        blocks: the layers of each block.
        channels: channels of the images.
        outputs: the number of classes.
        config: the settings of stem, head, dropout and flavour.

    Attributes:
        data_config: how images are prepared, in timm's words; published networks have it.
    """

    data_config: Mapping[str, Any]

    def __init__(
        self,
        blocks: Iterable[list[Layer]],
        channels: int,
        outputs: int,
        config: MnasNetConfig,
    ) -> None:
        super().__init__()
        stages = list(blocks)
        stem, last, head = stages[0][0].inputs, stages[-1][-1].outputs, config.head
        style = STYLES[config.flavour]
        padding = style["pad_type"]
        norm_relu: Any = get_norm_act_layer(style["norm_layer"], nn.ReLU)
        conv2d: Any = create_conv2d
        self.conv_stem = conv2d(channels, stem, 3, stride=config.stem_stride, padding=padding)
        self.bn1 = norm_relu(stem, inplace=True)
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(*(make_layer(layer, config.flavour) for layer in stage))
                for stage in stages
            )
        )
        self.conv_head = conv2d(last, head, 1, padding=padding)
        self.bn2 = norm_relu(head, inplace=True)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(head, outputs)
        efficientnet_init_weights(self)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Logits of shape (N, outputs)."""
        x_NCHW = self.blocks(self.bn1(self.conv_stem(x_NCHW)))
        x_NCHW = self.bn2(self.conv_head(x_NCHW))
        logits: Tensor = self.classifier(self.dropout(x_NCHW.mean((2, 3))))
        return logits
