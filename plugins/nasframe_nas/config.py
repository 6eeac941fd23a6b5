"""Settings of the two search spaces."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from nasframe import (
    NasframeError,
    SearchSpaceConfig,
    setting,
)

if TYPE_CHECKING:
    from nasframe import SearchSpace


@dataclass(kw_only=True)
class NASCNNConfig(SearchSpaceConfig):
    """Convolutional networks, layer by layer, for images (Zoph & Le 2017, 3.3).

    The defaults are the paper's first experiment: stride 1 and no pooling. The paper's search
    starts with 6 layers and adds two every 1,600 proposals: ``layers=20 first_layers=6``. Its
    networks with pooling are known only from second hand: 39 layers, ``pooling_at=[13, 24]``, and
    ``extra_filters=40`` in the larger one.

    Attributes:
        layers: final number of layers.
        kernel: possible sides of a filter, in pixels.
        filters: possible numbers of filters in a layer.
        strides: whether layers choose the height and width of their stride; otherwise both are 1.
        stride: possible strides.
        first_layers: number of layers in the first networks; null for a constant ``layers``.
        grow_every: number of proposals after which networks get two more layers.
        pooling_at: numbers of layers after which the last one is max-pooled over 2x2 pixels.
        extra_filters: filters added to each layer.
    """

    layers: int = setting(15, least=1)
    kernel: list[int] = setting([1, 3, 5, 7], least=1)
    filters: list[int] = setting([24, 36, 48, 64], least=1)
    strides: bool = False
    stride: list[int] = setting([1, 2, 3], least=1)
    first_layers: int | None = setting(None, least=1)
    grow_every: int = setting(1600, least=1)
    pooling_at: list[int] = setting([], least=1)
    extra_filters: int = setting(0, least=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("kernel", "filters", "stride"):
            if not getattr(self, name):
                raise NasframeError(f"{name}=[]: must have at least one option")
        numbers = {"first_layers": [self.first_layers or 0], "pooling_at": self.pooling_at}
        for name, values in numbers.items():
            if max(values, default=0) > self.layers:
                wrong = f"{name}={getattr(self, name)}"
                raise NasframeError(f"{wrong}: must be at most layers={self.layers}")

    def build(self) -> SearchSpace:
        """Make the search space."""
        from nasframe_nas.cnn_space import NASCNNSpace

        kernel, stride = tuple(self.kernel), tuple(self.stride)
        strides = {"stride_height": stride, "stride_width": stride} if self.strides else {}
        sides = {"filter_height": kernel, "filter_width": kernel}
        return NASCNNSpace(
            self.layers,
            {**sides, **strides, "filters": tuple(self.filters)},
            first_layers=self.first_layers,
            grow_every=self.grow_every,
            pooling_at=self.pooling_at,
            extra_filters=self.extra_filters,
        )


@dataclass(kw_only=True)
class NASRNNConfig(SearchSpaceConfig):
    """Recurrent cells that are trees, in a language model (Zoph & Le 2017, 3.4 and 4.2).

    A cell has any number of leaves, ``base``; the paper has 8. Inner node ``base + k`` reads nodes
    ``2k`` and ``2k + 1``, even if ``base`` is no power of two. The paper sets the width so that
    models are as large as its baseline, and gives no dropout; the defaults are a small model.

    Attributes:
        base: leaves of the tree.
        extended: add the combination ``max`` and the activation ``sin``, as in the paper's first
            control experiment.
        units: width of the embeddings and of each layer.
        parameters: approximate size of the model; sets ``units`` for the vocabulary.
        layers: number of layers of the cell.
        tied: whether the projection to the vocabulary shares the weights of the embeddings.
        bias: whether the cell's projection of the hidden state and the projection to the
            vocabulary have biases. Published numbers of parameters are without.
        dropout: probability of zeroing an input of a layer or of the projection. All three kinds
            of dropout keep their masks for all steps of a window (Gal & Ghahramani 2016).
        recurrent_dropout: probability of zeroing a hidden unit as an input of the next step.
        word_dropout: probability of embedding a word as zeros, at all its positions.
        compile: whether to compile a step of the cell, if there is a compiler. This takes about
            ten seconds per cell, and saves at most a few percent of the training time on a CPU.
    """

    base: int = setting(8, least=1, most=1024)
    extended: bool = False
    units: int = setting(128, least=1)
    parameters: int | None = setting(None, least=1)
    layers: int = setting(2, least=1)
    tied: bool = True
    bias: bool = False
    dropout: float = setting(0.0, least=0, most=0.99)
    recurrent_dropout: float = setting(0.0, least=0, most=0.99)
    word_dropout: float = setting(0.0, least=0, most=0.99)
    compile: bool = False

    def build(self) -> SearchSpace:
        """Make the search space."""
        from nasframe_nas.rnn_space import ModelSettings, NASRNNSpace

        names = (item.name for item in fields(ModelSettings))
        model = ModelSettings(**{name: getattr(self, name) for name in names})
        return NASRNNSpace(self.base, self.extended, model)
