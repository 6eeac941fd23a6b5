"""Networks of NASNet cells (section 3 of the paper; the skeletons are those of slim).

Shapes: N batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from torch import Tensor, nn

from nasframe_nasnet.cell import Cell, Shape
from nasframe_nasnet.genotype import Genotype
from nasframe_nasnet.layers import Map, conv


class Layer(NamedTuple):
    """One cell of a network.

    Attributes:
        genotype: what it computes.
        filters: channels of its states.
        stride: 1 of a Normal, 2 of a Reduction cell.
        skipped: whether the next cell reads, as its second input, what this one read as second.
        drop: probability at which its paths are dropped at the end of the training.
    """

    genotype: Genotype
    filters: int
    stride: int
    skipped: bool = False
    drop: float = 0.0


class NASNet(nn.Module):
    """A stem, cells that each read the outputs of the two before, and a classifier.

    Args:
        stem: from the image to the first map.
        stem_channels: the channels of that map.
        layers: the cells in their order.
        outputs: the number of classes.
        dropout: share of the features that is dropped before the classifier in training.
        auxiliary: a second classifier.
        auxiliary_place: the index of the cell whose output that one reads.
        stem_stride: of the stem.

    Attributes:
        feature_info: the last cell of each stride, in timm's words.
        training_only_prefixes: the second classifier's.
        auxiliary_weight: how many times the loss of the auxiliary logits counts (A.7).
        data_config: how inputs are prepared, in timm's words; published networks have it.
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
        self.feature_info = _stages(self.cells, stem_stride)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(current.channels, outputs)
        self.auxiliary = auxiliary
        self._auxiliary_place = auxiliary_place

    def forward(self, x_NCHW: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Logits of shape (N, outputs); in training, with a second classifier, also its logits."""
        auxiliary_logits = None
        previous = current = Map(self.stem(x_NCHW))
        for place, (cell, skipped) in enumerate(zip(self.cells, self._skipped, strict=True)):
            made = Map(cell(current, previous))
            previous = previous if skipped else current
            current = made
            if self.auxiliary is not None and self.training and place == self._auxiliary_place:
                auxiliary_logits = current.read(self.auxiliary)
        features_NC = self.dropout(current.rectified().mean((2, 3)))
        logits: Tensor = self.classifier(features_NC)
        return logits if auxiliary_logits is None else (logits, auxiliary_logits)


def _stages(cells: Iterable[Any], stem_stride: int) -> list[dict[str, Any]]:
    """The last cell of each stride; its map is read as it is, before any ReLU."""
    shapes = [(f"cells.{place}", cell.shape) for place, cell in enumerate(cells)]
    last = {stem_stride << shape.halvings: (name, shape) for name, shape in shapes}
    return [
        {"module": name, "num_chs": shape.channels, "reduction": stride}
        for stride, (name, shape) in last.items()
    ]


def cifar_stem(channels: int, filters: int) -> nn.Module:
    """A 3x3 convolution at full resolution and batch norm, for small images."""
    return nn.Sequential(conv(channels, filters, 3), nn.BatchNorm2d(filters))


def imagenet_stem(channels: int, filters: int) -> nn.Module:
    """A 3x3 convolution of stride 2, without padding, and batch norm."""
    return nn.Sequential(
        nn.Conv2d(channels, filters, 3, stride=2, bias=False), nn.BatchNorm2d(filters)
    )


def stem_cells(reduction: Genotype, filters: int) -> list[Layer]:
    """The two Reduction cells with which a network for ImageNet begins."""
    return [Layer(reduction, filters // 4, stride=2), Layer(reduction, filters // 2, stride=2)]


def stack(
    normal: Genotype,
    reduction: Genotype,
    filters: int,
    cells: int,
    stages: int,
    *,
    skip_reduction: bool = False,
) -> Iterator[Layer]:
    """Stages of Normal cells with a Reduction cell between, which doubles the filters.

    Args:
        normal: the cell that keeps the size of its map.
        reduction: the cell that halves it.
        filters: channels of a state in the first stage.
        cells: Normal cells in a stage.
        stages: how many stages there are.
        skip_reduction: whether the cell after a Reduction cell does not read that one's input.
    """
    for stage in range(stages):
        width = filters << stage
        if stage:
            yield Layer(reduction, width, stride=2, skipped=skip_reduction)
        yield from [Layer(normal, width, stride=1)] * cells


def with_drop_path(layers: Sequence[Layer], drop: float, *, by_depth: bool) -> list[Layer]:
    """The layers with their probabilities of a drop at the end of the training.

    Args:
        layers: all cells of a network.
        drop: the probability in the last cell.
        by_depth: whether it grows linearly up to there; else it is the same in every cell.
    """
    shares = [place / len(layers) if by_depth else 1.0 for place in range(1, len(layers) + 1)]
    return [layer._replace(drop=drop * share) for layer, share in zip(layers, shares, strict=True)]
