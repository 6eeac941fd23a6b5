"""ScheduledDropPath in networks of NASNet cells: its formula, statistics, and what it spares."""

from __future__ import annotations

import pytest
import torch
from nasnets import build
from torch import Tensor

from nasframe_nasnet.cell import Cell, Shape
from nasframe_nasnet.config import DropPathSchedule, NASNetConfig, Skeleton
from nasframe_nasnet.drop_path import ScheduledDropPath
from nasframe_nasnet.genotype import OPS, Block, Genotype
from nasframe_nasnet.layers import Map


def keeps(config: NASNetConfig, progress: float) -> list[float]:
    """The probability of keeping a path, cell by cell, when this part of the steps was made."""
    drops = [cell.drop_path.drop for cell in build(config).cells]
    return [1 - drop * progress for drop in drops]


def slim_keep(cell: int, cells: int, progress: float, keep: float) -> float:
    """Slim's "v3", with its own order of operations; ``cell`` counts from 0."""
    keep = 1 - (cell + 1) / cells * (1 - keep)
    return 1 - min(progress, 1.0) * (1 - keep)


@pytest.mark.parametrize("progress", [0.0, 0.5, 1.0])
def test_the_schedule_of_the_network_for_cifar(progress: float) -> None:
    """6 @ 768: 18 Normal and 2 Reduction cells; keep 0.6."""
    config = NASNetConfig(cells=6, filters=1, drop_path_keep=0.6)
    found = keeps(config, progress)
    assert found == pytest.approx([slim_keep(i, 20, progress, 0.6) for i in range(20)])
    first, last = {0.0: (1.0, 1.0), 0.5: (0.99, 0.8), 1.0: (0.98, 0.6)}[progress]
    assert (found[0], found[-1]) == pytest.approx((first, last))


def test_the_cells_of_the_stem_count() -> None:
    config = NASNetConfig(cells=6, filters=8, skeleton=Skeleton.imagenet, drop_path_keep=0.7)
    assert keeps(config, 1.0) == pytest.approx([slim_keep(i, 22, 1.0, 0.7) for i in range(22)])


def test_the_papers_schedule_is_the_same_in_every_cell() -> None:
    config = NASNetConfig(
        cells=2, filters=1, drop_path_keep=0.6, drop_path_schedule=DropPathSchedule.time
    )
    assert keeps(config, 0.25) == pytest.approx([0.9] * 8)


def test_each_example_keeps_or_loses_all_of_a_path() -> None:
    drop_path = ScheduledDropPath(0.4)
    drop_path.training_progress = 0.5
    x_NCHW = torch.ones(20_000, 2, 1, 2)
    factors = drop_path(x_NCHW).flatten(1)
    assert torch.equal(factors.amin(1), factors.amax(1))
    kept = factors[:, 0] > 0
    torch.testing.assert_close(factors[kept], torch.full_like(factors[kept], 1 / 0.8))
    # Five standard deviations of the share: 5 * sqrt(0.8 * 0.2 / 20,000) = 0.014.
    assert abs(kept.float().mean().item() - 0.8) < 0.014
    assert not torch.equal(drop_path(x_NCHW), drop_path(x_NCHW))


def test_nothing_is_dropped_at_the_begin_and_in_evaluation() -> None:
    drop_path = ScheduledDropPath(0.9)
    x_NCHW = torch.randn(100, 1, 1, 1)
    assert drop_path(x_NCHW) is x_NCHW
    drop_path.training_progress = 1.0
    assert not torch.equal(drop_path(x_NCHW), x_NCHW)
    assert drop_path.eval()(x_NCHW) is x_NCHW


def test_the_numbers_are_torchs_global_ones() -> None:
    drop_path = ScheduledDropPath(0.5)
    drop_path.training_progress = 1.0
    x_NCHW = torch.ones(100, 1, 1, 1)
    torch.manual_seed(1)
    first = drop_path(x_NCHW)
    torch.manual_seed(1)
    assert torch.equal(drop_path(x_NCHW), first)


def dropped_paths(left: str, right: str, current: Shape, stride: int) -> list[int]:
    """How many of 64 examples lose the left, and the right path, where nearly all are dropped."""
    genotype = Genotype((Block(0, 0, left, right, "add"),), (2,))
    cell = Cell(genotype, 4, stride, current, current, drop=1 - 1e-9)
    cell.drop_path.training_progress = 1.0
    paths: list[Tensor] = []
    cell.combine[0].register_forward_pre_hook(lambda _module, inputs: paths.extend(inputs))
    x_NCHW = torch.randn(64, current.channels, 6, 6)
    cell(Map(x_NCHW), Map(x_NCHW))
    return [int((path.flatten(1) == 0).all(1).sum()) for path in paths]


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("stride", [1, 2])
def test_every_operation_is_dropped_but_identity(op: str, stride: int) -> None:
    """As in slim, also an identity that is a strided convolution stays."""
    wanted = 0 if op == "identity" else 64
    assert dropped_paths(op, "identity", Shape(4, 0), stride) == [wanted, 0]
    assert dropped_paths("identity", op, Shape(4, 0), stride) == [0, wanted]


def test_both_paths_of_a_block_draw_for_themselves() -> None:
    genotype = Genotype((Block(0, 0, "avg3x3", "avg3x3", "add"),), (2,))
    cell = Cell(genotype, 4, 1, Shape(4, 0), Shape(4, 0), drop=0.5)
    cell.drop_path.training_progress = 1.0
    paths: list[Tensor] = []
    cell.combine[0].register_forward_pre_hook(lambda _module, inputs: paths.extend(inputs))
    x_NCHW = torch.randn(64, 4, 6, 6)
    cell(Map(x_NCHW), Map(x_NCHW))
    left, right = ((path.flatten(1) == 0).all(1) for path in paths)
    assert not torch.equal(left, right)


def test_weights_go_from_a_network_with_it_to_one_without() -> None:
    network = build(NASNetConfig(filters=2, drop_path_keep=0.5, dropout=0.5))
    plain = build(NASNetConfig(filters=2))
    plain.load_state_dict(network.state_dict())
    for module in network.modules():
        if hasattr(module, "training_progress"):
            module.training_progress = 1.0
    x_NCHW = torch.randn(8, 3, 8, 8)
    assert not torch.equal(network(x_NCHW), plain(x_NCHW))
    network.load_state_dict(plain.state_dict())  # the running statistics have moved
    assert torch.equal(network.eval()(x_NCHW), plain.eval()(x_NCHW))
