"""One layer of a MnasNet as a module of timm's blocks, with ReLU as in the paper.

The paper does not specify three options. Here a convolution has its squeeze-and-excitation after
the ReLU; a pooling skip is the mean over 3x3 pixels of the layer's input, at the layer's stride,
ignoring the border (which is symmetric in both flavours); and both kinds of skip are added to the
layer's output.

Shapes: N batch, C channels, H height, W width.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from timm.layers import create_conv2d, get_norm_act_layer  # type: ignore[attr-defined]
from timm.models._efficientnet_blocks import (
    ConvBnAct,
    DepthwiseSeparableConv,
    InvertedResidual,
    SqueezeExcite,
)
from torch import Tensor, nn

from nasframe_mnasnet.blocks import Flavour, Layer

STYLES: dict[Flavour, dict[str, Any]] = {
    Flavour.timm: {"pad_type": "", "norm_layer": nn.BatchNorm2d},
    Flavour.google: {
        "pad_type": "same",
        "norm_layer": partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01),
    },
}
"""Arguments of timm's blocks; a momentum of 0.99 in TensorFlow's sense is 0.01 in torch's."""

EXPANSIONS = {"mbconv3": 3.0, "mbconv6": 6.0}


class Residual(nn.Module):
    """A body with a shortcut from its input to its output."""

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Add the outputs of body and shortcut."""
        y_NCHW: Tensor = self.body(x_NCHW) + self.shortcut(x_NCHW)
        return y_NCHW


def make_layer(layer: Layer, flavour: Flavour) -> nn.Module:
    """Make the module of a layer.

    timm's blocks add an identity themselves, which keeps timm's names of weights. Its plain
    convolution would add it before the squeeze-and-excitation.
    """
    built_in = layer.skip == "identity" and layer.op != "conv"
    body = _make_body(layer, noskip=not built_in, **STYLES[flavour])
    if layer.skip == "none" or built_in:
        return body
    pool = nn.AvgPool2d(3, layer.stride, padding=1, count_include_pad=False)
    return Residual(body, pool if layer.skip == "pool" else nn.Identity())


def conv_norm_relu(
    inputs: int, outputs: int, kernel: int, stride: int, flavour: Flavour
) -> tuple[nn.Module, nn.Module]:
    """Make the convolution before the first or after the last layer, and its norm with ReLU."""
    style = STYLES[flavour]
    conv2d: Any = create_conv2d
    norm_relu: Any = get_norm_act_layer(style["norm_layer"], nn.ReLU)
    conv = conv2d(inputs, outputs, kernel, stride=stride, padding=style["pad_type"])
    return conv, norm_relu(outputs, inplace=True)


def _make_body(layer: Layer, *, noskip: bool, **style: Any) -> nn.Module:
    shape = (layer.inputs, layer.outputs, layer.kernel, layer.stride)
    excite: Any = partial(SqueezeExcite, rd_channels=layer.squeeze) if layer.squeeze else None
    if layer.op == "conv":
        conv = ConvBnAct(*shape, **style)
        return nn.Sequential(conv, excite(layer.outputs)) if excite else conv
    if layer.op == "sep":
        return DepthwiseSeparableConv(*shape, noskip=noskip, se_layer=excite, **style)
    expansion = EXPANSIONS[layer.op]
    return InvertedResidual(*shape, noskip=noskip, exp_ratio=expansion, se_layer=excite, **style)
