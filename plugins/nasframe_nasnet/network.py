"""Networks of NASNet cells (section 3 of the paper; the skeletons are those of slim).

Shapes: N batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn

from nasframe_nasnet.cell import Cell, Shape
from nasframe_nasnet.genotype import Genotype
from nasframe_nasnet.layers import Map, make_conv


class Layer(NamedTuple):
    """One cell of a network.

    Attributes:
        genotype: what it computes.
        filters: channels of its states.
        stride: 1 for a Normal, 2 for a Reduction cell.
        skipped: whether the next cell's second input is this cell's second input.
        drop: probability of dropping its paths at the end of the training.
    """

    genotype: Genotype
    filters: int
    stride: int
    skipped: bool = False
    drop: float = 0.0


class NASNet(nn.Module):
    """A stem, cells that each read the outputs of the last two cells, and a classifier.

    Args:
        stem: computes the first map from the image.
        stem_channels: channels of the first map.
        layers: the cells in order.
        outputs: the number of classes.
        dropout: share of the features dropped before the classifier in training.
        auxiliary: a second classifier.
        auxiliary_place: index of the cell whose output the second classifier reads.
        stem_stride: stride of the stem.

    Attributes:
        feature_info: the last cell of each stride, in timm's format.
        training_only_prefixes: name prefixes of the weights of the second classifier.
        auxiliary_weight: weight of the auxiliary loss (A.7).
        data_config: how to prepare inputs, in timm's terms; published networks have it.
    """

    training_only_prefixes = ("auxiliary.",)
    auxiliary_weight = 0.4
    data_config: dict[str, Any]

    def __init__(
        self,
        stem: nn.Module,
        stem_channels: int,
        layers: Iterable[Layer],
        outputs: int,
        *,
        dropout: float = 0.0,
        auxiliary: nn.Module | None = None,
        auxiliary_place: int = 0,
        stem_stride: int = 1,
    ) -> None:
        super().__init__()
        self.stem = stem
        self.cells = nn.ModuleList()
        self._skipped: list[bool] = []
        previous, current = None, Shape(stem_channels, 0)
        for genotype, filters, stride, skipped, drop in layers:
            cell = Cell(genotype, filters, stride, current, previous, drop)
            self.cells.append(cell)
            self._skipped.append(skipped)
            previous, current = previous if skipped else current, cell.shape
        self.feature_info = _describe_stages(self.cells, stem_stride)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(current.channels, outputs)
        self.auxiliary = auxiliary
        self._auxiliary_place = auxiliary_place

    def forward(self, x_NCHW: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Compute logits (N, outputs); in training also those of the second classifier, if any."""
        auxiliary_logits = None
        previous = current = Map(self.stem(x_NCHW))
        for place, (cell, skipped) in enumerate(zip(self.cells, self._skipped, strict=True)):
            output = Map(cell(current, previous))
            previous = previous if skipped else current
            current = output
            if self.auxiliary is not None and self.training and place == self._auxiliary_place:
                auxiliary_logits = current.read(self.auxiliary)
        features_NC = self.dropout(current.rectified().mean((2, 3)))
        logits: Tensor = self.classifier(features_NC)
        return logits if auxiliary_logits is None else (logits, auxiliary_logits)


def _describe_stages(cells: Iterable[Any], stem_stride: int) -> list[dict[str, Any]]:
    """Find the last cell of each stride; its map is read before any ReLU."""
    shapes = [(f"cells.{place}", cell.shape) for place, cell in enumerate(cells)]
    last = {stem_stride << shape.halvings: (name, shape) for name, shape in shapes}
    return [
        {"module": name, "num_chs": shape.channels, "reduction": stride}
        for stride, (name, shape) in last.items()
    ]


def cifar_stem(channels: int, filters: int) -> nn.Module:
    """Make a stem for small images: a 3x3 convolution of stride 1 and batch norm."""
    return nn.Sequential(make_conv(channels, filters, 3), nn.BatchNorm2d(filters))


def imagenet_stem(channels: int, filters: int) -> nn.Module:
    """Make a stem for ImageNet: an unpadded 3x3 convolution of stride 2 and batch norm."""
    return nn.Sequential(
        nn.Conv2d(channels, filters, 3, stride=2, bias=False), nn.BatchNorm2d(filters)
    )


def stem_cells(reduction: Genotype, filters: int) -> list[Layer]:
    """Make the first two Reduction cells of a network for ImageNet."""
    return [Layer(reduction, filters // 4, stride=2), Layer(reduction, filters // 2, stride=2)]


def stack_cells(
    normal: Genotype,
    reduction: Genotype,
    filters: int,
    cells: int,
    stages: int,
    *,
    skip_reduction: bool = False,
) -> Iterator[Layer]:
    """Stack stages of Normal cells; a Reduction cell between stages doubles the filters.

    Args:
        normal: the cell that keeps the size of its map.
        reduction: the cell that halves it.
        filters: channels of a state in the first stage.
        cells: Normal cells in a stage.
        stages: the number of stages.
        skip_reduction: whether the cell after a Reduction cell does not read its first input.
    """
    for stage in range(stages):
        width = filters << stage
        if stage:
            yield Layer(reduction, width, stride=2, skipped=skip_reduction)
        yield from [Layer(normal, width, stride=1)] * cells


def set_drop_path(layers: Sequence[Layer], drop: float, *, by_depth: bool) -> list[Layer]:
    """Set the layers' probabilities of a drop at the end of the training.

    Args:
        layers: all cells of a network.
        drop: the probability in the last cell.
        by_depth: whether it grows linearly to the last cell; otherwise it is constant.
    """
    shares = [place / len(layers) if by_depth else 1.0 for place in range(1, len(layers) + 1)]
    return [layer._replace(drop=drop * share) for layer, share in zip(layers, shares, strict=True)]
