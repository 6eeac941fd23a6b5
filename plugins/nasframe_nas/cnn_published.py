"""The network of the paper's figure 7: 15 layers without strides and pooling.

The authors published no file. This is a third party's reading of the figure, and its links are not
proven: its convolutions have 4,119,228 weights, and the paper says 4.2 million parameters. Only the
last layer has no reader, so only it feeds the classifier, by the paper's second rule. The same
source also lists a line from layer 1 to the softmax, which contradicts that rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nasframe import NasframeError, nearest
from nasframe_nas.cnn_layers import Layer

if TYPE_CHECKING:
    from torch import nn

FIGURE_7 = (
    Layer(3, 3, 36, ()),
    Layer(3, 3, 48, (0,)),
    Layer(3, 3, 36, (0, 1)),
    Layer(5, 5, 36, (0, 1, 2)),
    Layer(3, 7, 48, (2, 3)),
    Layer(7, 7, 48, (1, 2, 3, 4)),
    Layer(7, 7, 48, (1, 2, 3, 4, 5)),
    Layer(7, 3, 36, (0, 5, 6)),
    Layer(7, 1, 36, (0, 4, 5, 7)),
    Layer(7, 7, 36, (0, 2, 3, 4, 5, 6, 7, 8)),
    Layer(5, 7, 36, (0, 1, 4, 5, 6, 7, 8, 9)),
    Layer(7, 7, 48, (0, 1, 2, 3, 5, 10)),
    Layer(7, 5, 48, (0, 2, 5, 6, 7, 8, 9, 10, 11)),
    Layer(7, 5, 48, (2, 6, 11, 12)),
    Layer(7, 5, 48, (6, 10, 11, 12, 13)),
)

_LAYERS = {"nas_cnn_v1": FIGURE_7}


def get_published_layers(name: str) -> tuple[Layer, ...]:
    """Return the layers of a published network.

    Raises:
        NasframeError: if the name is unknown.
    """
    if name not in _LAYERS:
        raise NasframeError(f"no network {name!r} is published here; {nearest(name, _LAYERS)}")
    return _LAYERS[name]


def nas_cnn_v1(*, classes: int = 10, channels: int = 3) -> nn.Module:
    """Make the 15-layer network of figure 7, untrained, as no weights were published.

    Args:
        classes: the number of classes.
        channels: channels of the image.
    """
    from nasframe_nas.cnn_network import NASCNN

    network = NASCNN(FIGURE_7, channels, classes)
    # The paper whitens images but gives no numbers; these give about mean 0 and deviation 1.
    network.data_config = {
        "input_size": (channels, 32, 32),
        "mean": (0.5,) * channels,
        "std": (0.25,) * channels,
        "crop_pct": 1.0,
        "interpolation": "bicubic",
    }
    return network
