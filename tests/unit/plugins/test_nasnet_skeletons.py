"""NASNet's two skeletons, the wiring of the cells, and the auxiliary classifier, against slim."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nasnets import build
from torch import Tensor, nn

from nasframe import NasframeError, option
from nasframe_nasnet.config import NASNetConfig, Skeleton
from nasframe_nasnet.layers import Map, Pointwise
from nasframe_nasnet.network import NASNet


def layers(config: NASNetConfig) -> list[tuple[int, int]]:
    """Channels of a state and halvings of the map, cell by cell."""
    cells = build(config).cells
    return [
        (cell.shape.channels // len(cell.genotype.outputs), cell.shape.halvings) for cell in cells
    ]


def test_the_skeleton_for_photographs_begins_with_two_reductions() -> None:
    small = NASNetConfig(cells=2, filters=8)
    large = NASNetConfig(cells=2, filters=8, skeleton=Skeleton.imagenet)
    stages = [(8, 0), (8, 0), (16, 1), (16, 1), (16, 1), (32, 2), (32, 2), (32, 2)]
    assert layers(small) == stages
    assert layers(large) == [(2, 1), (4, 2), *((width, depth + 2) for width, depth in stages)]


def test_the_stems_are_slims() -> None:
    for skeleton, channels, stride, padding in (
        (Skeleton.cifar, 16, (1, 1), (1, 1)),
        (Skeleton.imagenet, 64, (2, 2), (0, 0)),
    ):
        conv, norm = build(NASNetConfig(filters=8, stem_multiplier=2, skeleton=skeleton)).stem
        assert (conv.kernel_size, conv.stride, conv.padding) == ((3, 3), stride, padding)
        assert conv.bias is None
        assert conv.out_channels == norm.num_features == channels


def reads(network: NASNet, size: int = 32) -> list[tuple[int, int]]:
    """What each cell reads: 0 is the stem's map, ``n`` that of the ``n``-th cell."""
    maps: list[Tensor] = []
    read: list[tuple[int, ...]] = []

    def note(_module: nn.Module, inputs: tuple[Map, ...]) -> None:
        tensors = [each.read(nn.Identity()) for each in inputs]
        read.append(tuple([m is x for m in maps].index(True) for x in tensors))

    network.stem.register_forward_hook(lambda _module, _inputs, y: maps.append(y))
    for cell in network.cells:
        cell.register_forward_pre_hook(note)
        cell.register_forward_hook(lambda _module, _inputs, y: maps.append(y))
    network.eval()(torch.randn(1, 3, size, size))
    return [(current, previous) for current, previous in read]


@pytest.mark.parametrize("skip", [False, True])
def test_what_the_cell_after_a_reduction_reads(skip: bool) -> None:
    """N = 4 as in the mobile network: cell 4, the eighth of all, reads reduction 0, the seventh.

    Its second input is the input of reduction 0, cell 3; with slim's setting it is the second
    input of reduction 0, cell 2.
    """
    config = NASNetConfig(
        cells=4, filters=8, blocks=1, skeleton=Skeleton.imagenet, skip_reduction=skip
    )
    wanted = [(0, 0)] + [(place, place - 1) for place in range(1, 16)]
    if skip:
        wanted[7], wanted[12] = (7, 5), (12, 10)
    assert reads(build(config), 64) == wanted


def test_large_wiring_in_slims_numbers() -> None:
    """N = 6: cell 6 reads reduction 0 and cell 4, cell 7 reads cell 6 and reduction 0."""
    config = NASNetConfig(
        cells=6, filters=8, blocks=1, skeleton=Skeleton.imagenet, skip_reduction=True
    )
    names = ["stem", "stem_0", "stem_1", *(f"cell_{i}" for i in range(6)), "reduction_0"]
    names += [*(f"cell_{i}" for i in range(6, 12)), "reduction_1"]
    names += [f"cell_{i}" for i in range(12, 18)]
    pairs = [(names[a], names[b]) for a, b in reads(build(config), 64)]
    of = dict(zip(names[1:], pairs, strict=True))
    assert of["stem_1"] == ("stem_0", "stem")
    assert of["cell_0"] == ("stem_1", "stem_0")
    assert of["reduction_0"] == ("cell_5", "cell_4")
    assert of["cell_6"] == ("reduction_0", "cell_4")
    assert of["cell_7"] == ("cell_6", "reduction_0")
    assert of["cell_12"] == ("reduction_1", "cell_10")


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(7, 65), st.sampled_from(Skeleton), st.booleans())
@example(3, 7, Skeleton.imagenet, True)
@example(4, 65, Skeleton.imagenet, False)
def test_architectures_run_in_both_skeletons_at_every_size(
    seed: int, size: int, skeleton: Skeleton, skip: bool
) -> None:
    check_that_it_trains(seed, size, skeleton, skip, cells=1, filters=8)


@pytest.mark.slow
@settings(max_examples=300)
@given(
    st.integers(0, 10**6),
    st.integers(7, 65),
    st.sampled_from(Skeleton),
    st.booleans(),
    st.integers(1, 3),
    st.integers(8, 13),
)
def test_many_more_architectures_run(
    seed: int, size: int, skeleton: Skeleton, skip: bool, cells: int, filters: int
) -> None:
    check_that_it_trains(seed, size, skeleton, skip, cells, filters)


def check_that_it_trains(
    seed: int, size: int, skeleton: Skeleton, skip: bool, cells: int, filters: int
) -> None:
    config = NASNetConfig(
        cells=cells, filters=filters, skeleton=skeleton, skip_reduction=skip, stem_multiplier=1
    )
    network = build(config, size, seed)
    logits = network(torch.randn(2, 3, size, size + seed % 3))
    F.cross_entropy(logits, torch.tensor([0, 1])).backward()
    assert logits.shape == (2, 10)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


# The auxiliary classifier


def auxiliary_parameters(channels: int, side: int, classes: int) -> int:
    """Slim's head: 1x1 to 128, all of the pooled map to 768, classes; two batch norms."""
    window = (side - 5) // 3 + 1
    convolutions = channels * 128 + 128 * 768 * window**2
    return convolutions + 2 * 128 + 2 * 768 + 768 * classes + classes


@pytest.mark.parametrize(
    ("skeleton", "size", "side"),
    [
        (Skeleton.cifar, 32, 16),
        (Skeleton.cifar, 33, 17),
        (Skeleton.imagenet, 224, 14),  # 111, then 56, 28 and 14
        (Skeleton.imagenet, 331, 21),  # 165, then 83, 42 and 21
    ],
)
def test_parameters_of_the_auxiliary_classifier(skeleton: Skeleton, size: int, side: int) -> None:
    with torch.device("meta"):
        plain = build(NASNetConfig(filters=8, skeleton=skeleton), size)
        more = build(NASNetConfig(filters=8, skeleton=skeleton, auxiliary=True), size)
        logits, auxiliary_logits = more(torch.zeros(2, 3, size, size))
    assert logits.shape == auxiliary_logits.shape == (2, 10)
    channels = more.cells[6 if skeleton is Skeleton.imagenet else 4].shape.channels
    count, more_count = (sum(p.numel() for p in n.parameters()) for n in (plain, more))
    assert more_count - count == auxiliary_parameters(channels, side, 10)


def test_layers_of_the_auxiliary_classifier() -> None:
    head = build(NASNetConfig(filters=4, auxiliary=True)).auxiliary
    assert head is not None
    assert [type(layer) for layer in head] == [
        *(nn.ReLU, nn.AvgPool2d, Pointwise, nn.BatchNorm2d, nn.ReLU),
        *(nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Flatten, nn.Linear),
    ]
    pool, last = head[1], head[5]
    assert (pool.kernel_size, pool.stride, pool.padding) == (5, 3, 0)
    assert (last.kernel_size, last.padding) == ((4, 4), (0, 0))


@pytest.mark.parametrize("skeleton", Skeleton)
@pytest.mark.parametrize("cells", [1, 3])
def test_the_auxiliary_classifier_reads_the_cell_before_the_second_reduction(
    skeleton: Skeleton, cells: int
) -> None:
    """Slim counts Normal cells only: its cell 2N - 1 stands behind 2N - 1 of them."""
    config = NASNetConfig(cells=cells, filters=8, blocks=2, skeleton=skeleton, auxiliary=True)
    network = build(config, 72)
    normal = [cell.shape.halvings == before for cell, before in with_halvings_before(network)]
    place = [i for i, is_normal in enumerate(normal) if is_normal][2 * cells - 1]
    maps: dict[str, Tensor] = {}
    assert network.auxiliary is not None
    network.auxiliary.register_forward_pre_hook(lambda _m, x: maps.update(read=x[0]))
    network.cells[place].register_forward_hook(lambda _m, _x, y: maps.update(made=y))
    network(torch.randn(2, 3, 72, 72))
    assert torch.equal(maps["read"], maps["made"].relu())
    assert not normal[place + 1]


def with_halvings_before(network: NASNet) -> Iterator[tuple[nn.Module, int]]:
    before = 0
    for cell in network.cells:
        yield cell, before
        before = cell.shape.halvings


def test_the_auxiliary_classifier_is_absent_in_evaluation() -> None:
    network = build(NASNetConfig(filters=4, auxiliary=True)).eval()
    plain = build(NASNetConfig(filters=4)).eval()
    plain.load_state_dict(network.state_dict(), strict=False)
    x_NCHW = torch.randn(2, 3, 40, 40)  # no task's size: the head could not read its map
    torch.testing.assert_close(network(x_NCHW), plain(x_NCHW), rtol=0, atol=0)


def test_the_auxiliary_loss_counts_two_fifths() -> None:
    task = option("task", "digits").build()
    network = build(NASNetConfig(filters=4, auxiliary=True))
    x_NCHW, y_N = torch.randn(4, 3, 32, 32), torch.tensor([0, 1, 2, 3])
    loss, _ = task.loss(network, (x_NCHW, y_N), None)
    logits, auxiliary_logits = network(x_NCHW)
    wanted = F.cross_entropy(logits, y_N) + 0.4 * F.cross_entropy(auxiliary_logits, y_N)
    torch.testing.assert_close(loss, wanted)
    loss.backward()
    assert all(p.grad is not None for p in network.parameters())


def test_images_that_are_too_small_are_refused() -> None:
    auxiliary = NASNetConfig(auxiliary=True)
    build(auxiliary, 9)
    with pytest.raises(NasframeError, match="the second Reduction cell is 4x4, but must be 5x5"):
        build(auxiliary, 8)
    with pytest.raises(NasframeError, match="images of 2x2 are too small"):
        build(NASNetConfig(skeleton=Skeleton.imagenet), 2)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"auxiliary": True, "stages": 2}, "give at least stages=3, not 2, or auxiliary=false"),
        ({"skeleton": Skeleton.imagenet, "filters": 7}, "filters=7: must be at least 8"),
        ({"normal_outputs": []}, "normal_outputs=.*: must be some of the states 0 to 6"),
        ({"reduction_outputs": [3, 7]}, "reduction_outputs=.*: must be some of the states 0 to 6"),
        ({"normal_outputs": [4, 4]}, "normal_outputs=.*, each once"),
        ({"normal_outputs": [-1]}, "must be at least 0"),
        ({"drop_path_keep": 0.0}, "drop_path_keep=0.0: must be greater than 0"),
    ],
)
def test_settings_that_cannot_be_are_explained(settings: dict[str, object], words: str) -> None:
    with pytest.raises(NasframeError, match=words):
        NASNetConfig(**settings)
