"""Tasks: what is read, how it is cut, how it is varied, and what goes wrong."""

from __future__ import annotations

import gzip
import os
import pickle
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from places import SHARED
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision import datasets

from nasframe import NasframeError, option
from nasframe.tasks.augment import Augmentation
from nasframe.tasks.image_data import ImageData
from nasframe.tasks.image_folder import _decode
from nasframe.tasks.image_task import ImageTask
from nasframe.tasks.split import split_stratified

CPU = torch.device("cpu")
DATA = Path(os.environ.get("NASFRAME_DATA", SHARED / "data"))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def epoch(task: Any, batch_size: int = 64, seed: int = 0) -> tuple[Tensor, Tensor]:
    batches = list(task.train_batches(batch_size, CPU, generator(seed)))
    return torch.cat([x for x, _ in batches]), torch.cat([y for _, y in batches])


def validation(task: Any, batch_size: int = 64) -> tuple[Tensor, Tensor]:
    batches = list(task.validation_batches(batch_size, CPU))
    return torch.cat([x for x, _ in batches]), torch.cat([y for _, y in batches])


def held_out(task: Any) -> tuple[Tensor, Tensor]:
    batches = list(task.test_batches(64, CPU))
    return torch.cat([x for x, _ in batches]), torch.cat([y for _, y in batches])


def raw(task: Any, x_NCHW: Tensor) -> Tensor:
    """Values on the scale from 0 to 1 again."""
    config = task.data_config
    mean, std = (torch.tensor(config[k]).view(1, -1, 1, 1) for k in ("mean", "std"))
    return x_NCHW * std + mean


def rows(x: Tensor) -> set[bytes]:
    return {row.numpy().round(3).tobytes() for row in x.flatten(1)}


# Digits


def test_digits_are_cut_into_fixed_parts_and_the_test_part_stays_away() -> None:
    from sklearn.datasets import load_digits

    task = option("task", "digits").build()
    x_train, y_train = epoch(task)
    x_validation, y_validation = validation(task)
    assert (task.input_shape, task.outputs) == ((1, 8, 8), 10)
    assert (len(x_train), len(x_validation)) == (1078, 359)
    for y, share in ((y_train, 0.6), (y_validation, 0.2)):
        expected = np.bincount(load_digits().target) * share
        assert np.abs(np.bincount(y) - expected).max() < 2
    everything = rows(torch.tensor(load_digits().images)[:, None].float())
    train, held = (rows((raw(task, x) * 16).round()) for x in (x_train, x_validation))
    assert train | held < everything
    assert not train & held
    x_test, y_test = held_out(task)
    test = rows((raw(task, x_test) * 16).round())
    assert test == everything - train - held
    assert len(test) == len(y_test) == 360


def test_training_images_are_normalised_by_their_own_statistics() -> None:
    task = option("task", "digits").build()
    x, _ = epoch(task)
    assert x.mean().item() == pytest.approx(0, abs=1e-5)
    assert x.std(unbiased=False).item() == pytest.approx(1, abs=1e-5)
    from sklearn.datasets import load_digits

    assert task.data_config["mean"][0] == pytest.approx(load_digits().images.mean() / 16, abs=0.01)


# Batches


def numbered(n: int, validation: int = 10, channels: int = 3, side: int = 6) -> ImageData:
    draw = np.random.default_rng(0)
    x = draw.integers(0, 256, (n + validation, side, side, channels), dtype=np.uint8)
    y = np.arange(n + validation) % 5
    return ImageData(x[:n], y[:n], x[n:], y[n:])


def image_task(data: ImageData, **augmentation: Any) -> ImageTask:
    _, height, width, channels = data.x_train.shape
    return ImageTask(lambda: data, (channels, height, width), 5, Augmentation(**augmentation))


@settings(deadline=None, max_examples=50)
@given(n=st.integers(5, 80), batch_size=st.integers(1, 90), seed=st.integers(0, 2**32))
def test_an_epoch_shows_each_image_once_in_batches_of_nearly_one_size(
    n: int, batch_size: int, seed: int
) -> None:
    data = numbered(n)
    task = image_task(data)
    batches = list(task.train_batches(batch_size, CPU, generator(seed)))
    sizes = [len(y) for _, y in batches]
    assert len(batches) == task.train_steps(batch_size) == -(-n // batch_size)
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    x = torch.cat([x for x, _ in batches])
    shown = sorted((raw(task, x) * 255).round().permute(0, 2, 3, 1).byte().flatten(1).tolist())
    assert shown == sorted(data.x_train.reshape(n, -1).tolist())


def test_labels_stay_with_their_images() -> None:
    data = numbered(40)
    label = {image.tobytes(): y for image, y in zip(data.x_train, data.y_train, strict=True)}
    task = image_task(data)
    x, y = epoch(task)
    images = (raw(task, x) * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
    assert [label[image.tobytes()] for image in images] == y.tolist()


def test_batches_depend_on_the_generator_alone() -> None:
    task = image_task(numbered(40), pad=2, flip=True, cutout=3)
    first, again = epoch(task, seed=3), epoch(task, seed=3)
    other = epoch(task, seed=4)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
    one = generator(3)
    epochs = [next(iter(task.train_batches(64, CPU, one)))[0] for _ in range(2)]
    assert torch.equal(epochs[0], first[0])
    assert not torch.equal(*epochs)


def test_batches_are_channels_last_for_nothing() -> None:
    x, _ = next(iter(image_task(numbered(40), pad=1).train_batches(8, CPU, generator())))
    held, _ = next(image_task(numbered(40)).validation_batches(8, CPU))
    assert x.shape[1:] == (3, 6, 6)
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert held.is_contiguous(memory_format=torch.channels_last)


def test_validation_is_neither_shuffled_nor_varied() -> None:
    data = numbered(20)
    task = image_task(data, pad=2, flip=True, cutout=4)
    x, y = validation(task, batch_size=3)
    seen = (raw(task, x) * 255).round().byte().permute(0, 2, 3, 1)
    assert np.array_equal(seen, data.x_validation)
    assert np.array_equal(y, data.y_validation)


def test_metrics_are_those_of_all_images_whatever_the_batches() -> None:
    task = image_task(numbered(20, validation=17))
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(108, 5))
    x, y = validation(task)
    with torch.no_grad():
        expected = {
            "val_accuracy": (module(x).argmax(1) == y).double().mean().item(),
            "val_loss": F.cross_entropy(module(x), y).item(),
        }
        for size in (1, 5, 17):
            tally = sum(task.tally(module, b, None)[0] for b in task.validation_batches(size, CPU))
            assert task.metrics(tally.tolist()) == pytest.approx(expected, rel=1e-6)
    loss, _ = task.loss(module, (x, y), None)
    assert loss.item() == pytest.approx(expected["val_loss"])


# Augmentation, against one image at a time


def by_hand(
    image: np.ndarray[Any, Any], mean: np.ndarray[Any, Any], how: Augmentation, draw: list[int]
) -> np.ndarray[Any, Any]:
    _, top, left, mirrored, row, column = draw
    height, width, _ = image.shape
    framed = np.empty((height + 2 * how.pad, width + 2 * how.pad, image.shape[2]))
    framed[:] = mean
    framed[how.pad : how.pad + height, how.pad : how.pad + width] = image
    crop = framed[top : top + height, left : left + width]
    crop = crop[:, ::-1] if mirrored else crop
    crop = crop - mean
    for i in range(row - how.cutout // 2, row - how.cutout // 2 + how.cutout):
        for j in range(column - how.cutout // 2, column - how.cutout // 2 + how.cutout):
            if 0 <= i < height and 0 <= j < width:
                crop[i, j] = 0
    return crop


@settings(deadline=None, max_examples=60)
@given(
    pad=st.integers(0, 3),
    flip=st.booleans(),
    cutout=st.integers(0, 7),
    size=st.tuples(st.integers(1, 6), st.integers(1, 6), st.sampled_from([1, 3, 4])),
    seed=st.integers(0, 1000),
)
def test_batched_augmentation_is_what_one_image_at_a_time_gives(
    pad: int, flip: bool, cutout: int, size: tuple[int, int, int], seed: int
) -> None:
    height, width, _ = size
    how = Augmentation(pad=pad, flip=flip, cutout=cutout)
    x = np.random.default_rng(seed).normal(size=(7, *size)).astype(np.float32)
    mean = x.mean((0, 1, 2))
    canvas = how.canvas(torch.from_numpy(x), torch.from_numpy(mean))
    draws = how.draw(canvas, height, width, generator(seed))
    seen = how.cut(canvas, draws, height, width) - torch.from_numpy(mean)
    seen = how.erase(seen, draws)
    table = torch.stack([getattr(draws, name) for name in draws.__slots__], 1).tolist()
    for image, draw in zip(seen.numpy(), table, strict=True):
        np.testing.assert_allclose(image, by_hand(x[draw[0]], mean, how, draw), atol=1e-6)


def test_draws_reach_every_crop_both_sides_and_every_cutout() -> None:
    how = Augmentation(pad=1, flip=True, cutout=2)
    canvas = how.canvas(torch.zeros(2000, 4, 5, 1), torch.zeros(1))
    draws = how.draw(canvas, 4, 5, generator())
    assert sorted(draws.order_N.tolist()) == list(range(2000))
    assert set(draws.top_N.tolist()) == set(draws.left_N.tolist()) == {0, 1, 2}
    assert 900 < draws.mirrored_N.sum() < 1100
    assert set(draws.row_N.tolist()) == set(range(4))
    assert set(draws.column_N.tolist()) == set(range(5))


def test_padding_is_zero_in_normalised_values() -> None:
    data = numbered(200, side=2)
    x, _ = epoch(image_task(data, pad=2))
    corners = x[:, :, 0, 0]
    padded = (corners.abs() < 0.5 / 70).all(1)  # half a level of 255 over a deviation of 70
    assert 0.5 < padded.float().mean() < 0.95


def enlarged(x_NHWC: np.ndarray[Any, Any]) -> Tensor:
    x_NCHW = torch.from_numpy(x_NHWC).permute(0, 3, 1, 2).float()
    return F.interpolate(x_NCHW, size=(10, 10), mode="bilinear", align_corners=False).round()


def test_upsampled_images_are_cropped_to_their_own_size() -> None:
    data = numbered(30)
    task = image_task(data, upsample=10)
    x, _ = epoch(task)
    crops = enlarged(data.x_train).unfold(2, 6, 1).unfold(3, 6, 1).permute(0, 2, 3, 1, 4, 5)
    allowed = {tuple(crop) for crop in crops.reshape(-1, 108).int().tolist()}
    seen = {tuple(image) for image in (raw(task, x) * 255).round().int().flatten(1).tolist()}
    assert seen <= allowed
    assert len(seen) == 30


def test_upsampled_validation_images_are_cropped_at_their_centre() -> None:
    data = numbered(30)
    task = image_task(data, upsample=10, pad=3)
    x, _ = validation(task)
    expected = enlarged(data.x_validation)[:, :, 2:8, 2:8]
    torch.testing.assert_close(raw(task, x) * 255, expected, atol=1e-3, rtol=0)
    assert task.data_config["crop_pct"] == 0.6
    assert image_task(data).data_config["crop_pct"] == 1


def test_images_are_not_made_smaller_by_upsampling() -> None:
    with pytest.raises(NasframeError, match="task.upsample=5: must be at least .* 6x6"):
        image_task(numbered(10), upsample=5)


# Splits


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_each_class_gives_its_share(data: st.DataObject) -> None:
    some = data.draw(st.lists(st.integers(0, 4), min_size=2, max_size=200))
    labels = np.array([*range(5), *range(5), *some])
    count = data.draw(st.integers(1, len(labels) - 1))
    stay, cut = split_stratified(labels, count)
    assert sorted([*stay, *cut]) == list(range(len(labels)))
    sizes, cuts = np.bincount(labels), np.bincount(labels[cut], minlength=5)
    share = np.clip(sizes * count / len(labels), 1, sizes - 1)
    assert np.abs(cuts - share).max() < 1
    assert cuts.min() >= 1
    assert (sizes - cuts).min() >= 1


# Arrays


def arrays(path: Path, **members: Any) -> Any:
    np.savez_compressed(path, **members)
    return option("task", "arrays", path=path, validation=0.25)


def some(shape: tuple[int, ...], dtype: Any = np.uint8) -> np.ndarray[Any, Any]:
    values = np.random.default_rng(1).integers(0, 256, shape)
    return values.astype(dtype) if dtype == np.uint8 else (values / 255).astype(dtype)


Y = np.arange(20) % 4


def test_floats_are_from_0_to_1(tmp_path: Path) -> None:
    for x in (some((20, 4, 4, 3)).astype(np.float32), some((20, 4, 4, 3), np.float32) - 0.5):
        with pytest.raises(NasframeError, match="floats must be from 0 to 1, or give uint8"):
            epoch(arrays(tmp_path / "a.npz", x_train=x, y_train=Y).build())


def test_every_layout_gives_the_same_images(tmp_path: Path) -> None:
    x = some((20, 5, 7, 3))
    last = arrays(tmp_path / "a.npz", x_train=x, y_train=Y).build()
    first = arrays(tmp_path / "b.npz", x_train=x.transpose(0, 3, 1, 2), y_train=Y).build()
    scaled = arrays(tmp_path / "c.npz", x_train=x / 255, y_train=Y.astype(np.uint8)).build()
    assert last.input_shape == first.input_shape == scaled.input_shape == (3, 5, 7)
    assert last.outputs == 4
    assert last.train_steps(15) == 1
    assert last.train_steps(14) == 2
    for other in (first, scaled):
        assert other.data_config["mean"] == pytest.approx(last.data_config["mean"], rel=1e-6)
        for a, b in zip(epoch(last), epoch(other), strict=True):
            torch.testing.assert_close(a, b, atol=1e-5, rtol=0)
    grey = arrays(tmp_path / "d.npz", x_train=x[..., 0], y_train=Y).build()
    one = arrays(tmp_path / "e.npz", x_train=x[..., :1], y_train=Y).build()
    assert grey.input_shape == (1, 5, 7)
    assert torch.equal(epoch(grey)[0], epoch(one)[0])


def test_the_test_set_of_a_file_is_never_read(tmp_path: Path) -> None:
    objects = np.array([object(), None])  # np.load would refuse to read it
    np.savez(tmp_path / "a.npz", x_train=some((20, 4, 4, 3)), y_train=Y, x_test=objects)
    task = option("task", "arrays", path=tmp_path / "a.npz", validation=0.2).build()
    assert len(epoch(task)[0]) == 16
    assert len(validation(task)[0]) == 4


def test_a_test_set_is_prepared_like_the_validation_images(tmp_path: Path) -> None:
    x = some((20, 4, 4, 3))
    file = arrays(tmp_path / "a.npz", x_train=x, y_train=Y, x_test=x[:6], y_test=Y[:6])
    task = file.build()
    x_test, y_test = held_out(task)
    assert y_test.tolist() == Y[:6].tolist()
    shown = raw(task, x_test).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(shown, x[:6] / 255, atol=1e-5)
    assert arrays(tmp_path / "b.npz", x_train=x, y_train=Y).build().test_batches(8, CPU) is None


@pytest.mark.parametrize(
    ("arrays_", "reason"),
    [
        ({"x_test": some((6, 5, 4, 3)), "y_test": Y[:6]}, r"x_test is uint8 of the shape \(6, 5"),
        ({"x_test": some((6, 4, 4, 3)) / 255, "y_test": Y[:6]}, "it must be uint8 like x_train"),
        ({"x_test": some((6, 4, 4, 3)), "y_test": Y[:5]}, "y_test must be 6 integers from 0 to 3"),
        ({"x_test": some((6, 4, 4, 3)), "y_test": Y[:6] + 4}, "from 0 to 3, as in y_train"),
    ],
)
def test_unusable_test_sets_are_explained_when_they_are_read(
    tmp_path: Path, arrays_: Any, reason: str
) -> None:
    config = arrays(tmp_path / "a.npz", x_train=some((20, 4, 4, 3)), y_train=Y, **arrays_)
    task = config.build()
    epoch(task)
    with pytest.raises(NasframeError, match=reason):
        task.test_batches(8, CPU)


def test_images_are_read_on_first_use(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    task = arrays(path, x_train=some((20, 4, 4, 3)), y_train=Y).build()
    path.unlink()
    assert task.input_shape == (3, 4, 4)
    assert task.outputs == 4
    with pytest.raises(NasframeError, match="there is no such file"):
        epoch(task)


X = some((20, 4, 4, 3))
BAD_ARRAYS = {
    "no x": ({"y_train": Y}, "there is no array 'x_train'"),
    "no y": ({"x_train": X}, "there is no array 'y_train'"),
    "flat": ({"x_train": X.reshape(20, -1), "y_train": Y}, r"shape \(20, 48\); it must be \(N, H"),
    "channels": ({"x_train": some((20, 5, 5, 5)), "y_train": Y}, "1, 3 or 4 channels"),
    "integers": ({"x_train": X.astype(int), "y_train": Y}, "x_train is int64; it must be uint8"),
    "objects": ({"x_train": X.astype(object), "y_train": Y}, "x_train is object"),
    "lengths": ({"x_train": X, "y_train": Y[:-1]}, r"y_train must be \(20,\)"),
    "columns": ({"x_train": X, "y_train": Y[:, None]}, r"y_train has the shape \(20, 1\)"),
    "floats": ({"x_train": X, "y_train": Y / 1}, "y_train is float64; labels must be integers"),
    "negative": ({"x_train": X, "y_train": Y - 1}, r"4 classes from -1 to 2; they must be 0..3"),
    "from one": ({"x_train": X, "y_train": Y + 1}, r"4 classes from 1 to 4; they must be 0..3"),
    "gap": ({"x_train": X, "y_train": Y * 2}, r"4 classes from 0 to 6; they must be 0..3"),
    "one class": ({"x_train": X, "y_train": Y * 0}, "1 class; it needs at least two"),
    "few": ({"x_train": X[:7], "y_train": Y[:7]}, "class 3 has 1 image: each class needs at least"),
    "empty": ({"x_train": np.zeros((20, 0, 8, 3)), "y_train": Y}, "it holds no images"),
}


@pytest.mark.parametrize(("members", "message"), BAD_ARRAYS.values(), ids=BAD_ARRAYS.keys())
def test_unusable_arrays_are_explained(
    tmp_path: Path, members: dict[str, Any], message: str
) -> None:
    path = tmp_path / "bad.npz"
    with pytest.raises(NasframeError, match=message) as error:
        arrays(path, **members).build()
    assert str(error.value).count("\n") <= 1
    assert "bad.npz" in str(error.value) or "task.validation" in str(error.value)


def test_unusable_files_are_explained(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with pytest.raises(NasframeError, match="task.path=.*a.npz: there is no such file"):
        option("task", "arrays", path=path).build()
    path.write_bytes(b"no archive")
    with pytest.raises(NasframeError, match="a.npz: is no .npz file, or a truncated one"):
        option("task", "arrays", path=path).build()
    task = arrays(path, x_train=some((200, 4, 4, 3)), y_train=np.arange(200) % 4).build()
    content = bytearray(path.read_bytes())
    content[2000:2100] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(NasframeError, match="a.npz: x_train cannot be read"):
        epoch(task)


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    x = some((20, 4, 4, 3), np.float32)
    x[3, 0, 0, 0] = np.nan
    task = arrays(tmp_path / "a.npz", x_train=x, y_train=Y).build()
    with pytest.raises(NasframeError, match="x_train has values that are not finite"):
        epoch(task)


def test_a_constant_channel_is_harmless(tmp_path: Path) -> None:
    x = X.copy()
    x[..., 1] = 7
    seen, _ = epoch(arrays(tmp_path / "a.npz", x_train=x, y_train=Y).build())
    assert seen[:, 1].abs().max() < 1e-5


@pytest.mark.skipif(
    not (DATA / "cifar10_10k2k.npz").is_file(), reason="cifar10_10k2k.npz is not here"
)
def test_real_images_compressed_with_lzma() -> None:
    task = option("task", "arrays", path=DATA / "cifar10_10k2k.npz", pad=4, flip=True).build()
    x, y = epoch(task, 128)
    assert (task.input_shape, task.outputs) == ((3, 32, 32), 10)
    assert x.shape == (9000, 3, 32, 32)
    assert np.bincount(y).tolist() == [900] * 10
    assert np.bincount(validation(task)[1]).tolist() == [100] * 10
    published = {"mean": (0.491, 0.482, 0.447), "std": (0.247, 0.243, 0.262)}
    for name, values in published.items():
        assert task.data_config[name] == pytest.approx(values, abs=0.006)


# Image folders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    for label, name in enumerate(("ant", "bee", "cat")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(8):
            pixels = draw.integers(0, 60, (9 + i, 12, 3), dtype=np.uint8)
            pixels[..., label] += 190
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{i}.png")
    return tmp_path / "photos"


def test_a_folder_has_one_folder_a_class(folder: Path) -> None:
    (folder / "ant" / "notes.txt").write_text("no image")
    (folder / ".cache").mkdir()
    task = option("task", "imagefolder", path=folder, size=10, validation=0.25).build()
    classes = ["ant", "bee", "cat"]
    assert task.data_config["classes"] == classes
    assert (task.input_shape, task.outputs) == ((3, 10, 10), 3)
    x, y = epoch(task)
    assert x.shape == (18, 3, 10, 10)
    assert len(validation(task)[0]) == 6
    plain = option("task", "imagefolder", path=folder, size=10, validation=0.25, pad=0).build()
    x, y = epoch(plain)
    assert raw(plain, x).mean((2, 3)).argmax(1).tolist() == y.tolist()


def test_a_train_folder_is_preferred(folder: Path) -> None:
    whole = option("task", "imagefolder", path=folder, validation=0.25).build()
    (folder / "train").mkdir()
    for name in ("ant", "bee", "cat"):
        (folder / name).rename(folder / "train" / name)
    (folder / "val").mkdir()
    moved = option("task", "imagefolder", path=folder, validation=0.25).build()
    assert moved.outputs == 3
    assert moved.train_steps(1) == 18
    assert moved.test_batches(8, CPU) is None
    assert whole.input_shape == moved.input_shape == (3, 32, 32)


@pytest.mark.parametrize("name", ["test", "val"])
def test_a_folder_beside_that_for_training_is_the_test_set(folder: Path, name: str) -> None:
    for part in ("train", name):
        (folder / part).mkdir()
        for label in ("ant", "bee", "cat"):
            shutil.copytree(folder / label, folder / part / label)
    config = option("task", "imagefolder", path=folder, size=10, validation=0.25)
    x_test, y_test = held_out(config.build())
    assert x_test.shape == (24, 3, 10, 10)
    assert np.bincount(y_test).tolist() == [8, 8, 8]
    shutil.rmtree(folder / name / "bee")
    with pytest.raises(NasframeError, match="has the classes ant, cat; training has ant"):
        config.build().test_batches(8, CPU)


def test_grey_transparent_and_large_images_become_colour_of_one_size(folder: Path) -> None:
    Image.new("L", (50, 20), 255).save(folder / "ant" / "8.png")
    Image.new("RGBA", (5, 5), (9, 9, 9, 0)).save(folder / "bee" / "8.png")
    Image.new("RGB", (800, 600), (255, 0, 0)).save(folder / "cat" / "8.jpg")
    task = option("task", "imagefolder", path=folder, size=8, pad=0, validation=0.2).build()
    assert len(epoch(task)[0]) + len(validation(task)[0]) == 27


def test_what_is_hidden_is_not_the_users(folder: Path) -> None:
    (folder / "ant" / "._0.png").write_bytes(b"of macOS")
    (folder / "ant" / ".thumbs").mkdir()
    Image.new("L", (4, 4)).save(folder / "ant" / ".thumbs" / "0.png")
    (folder / "bee" / "folder.jpg").mkdir()
    task = option("task", "imagefolder", path=folder, size=8, validation=0.25).build()
    assert task.train_steps(1) + len(validation(task)[0]) == 24


def test_a_folder_too_high_is_refused(folder: Path) -> None:
    (folder.parent / "val" / "ant").mkdir(parents=True)
    with pytest.raises(NasframeError, match="photos: holds folders, not images; try task.path"):
        option("task", "imagefolder", path=folder.parent).build()


def test_a_class_may_be_called_train(folder: Path) -> None:
    (folder / "cat").rename(folder / "train")
    assert option("task", "imagefolder", path=folder).build().outputs == 3


def decoded(file: Path) -> Any:
    return _decode(file, 8)


def test_an_image_is_seen_whole_and_upright(tmp_path: Path) -> None:
    """Left half red, right half blue, in a photo that the camera has turned."""
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, :40, 0] = pixels[:, 40:, 2] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    Image.fromarray(pixels).save(tmp_path / "plain.png")
    Image.fromarray(pixels).save(tmp_path / "turned.PNG", exif=exif)
    plain, turned = decoded(tmp_path / "plain.png"), decoded(tmp_path / "turned.PNG")
    assert (plain[:, :3] == (255, 0, 0)).all()
    assert (plain[:, 5:] == (0, 0, 255)).all()
    assert (turned[:3] == (255, 0, 0)).all()
    assert (turned[5:] == (0, 0, 255)).all()


def test_sixteen_bits_and_palettes(tmp_path: Path) -> None:
    grey = (np.arange(64, dtype=np.uint16).reshape(8, 8) * 1024).astype(np.uint16)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert (decoded(tmp_path / "grey.png")[..., 0] == grey >> 8).all()
    image = Image.fromarray(np.full((8, 8, 3), 102, np.uint8)).convert("P")
    image.save(tmp_path / "palette.png", transparency=b"\x00\x10")
    assert (decoded(tmp_path / "palette.png") == 102).all()


def test_unusable_folders_are_explained(folder: Path) -> None:
    def build(path: Path, **settings: Any) -> Any:
        return option("task", "imagefolder", path=path, **settings).build()

    with pytest.raises(NasframeError, match="task.path=.*nowhere: there is no such folder"):
        build(folder / "nowhere")
    with pytest.raises(NasframeError, match="ant: found 0 folders; it needs one for each class"):
        build(folder / "ant")
    (folder / "eel").mkdir()
    (folder / "ant" / "0.png").rename(folder / "eel" / "0.png")
    with pytest.raises(
        NasframeError, match=r"class 3 has 1 image: .* \(classes: ant, bee, cat, eel\)"
    ):
        build(folder)
    (folder / "eel" / "0.png").rename(folder / "ant" / "0.png")
    (folder / "eel").rmdir()
    (folder / "ant" / "5.png").write_bytes(b"broken")
    with pytest.raises(NasframeError, match="ant/5.png: cannot be read as an image"):
        epoch(build(folder, validation=0.25))
    (folder / "dog").mkdir()
    with pytest.raises(NasframeError, match="dog: there are no images"):
        build(folder)


# torchvision's data sets, on files in the real format


def cifar(folder: Path, files: list[str], labels: str, meta: tuple[str, str], classes: int) -> Any:
    folder.mkdir(parents=True)
    x = np.random.default_rng(0).integers(0, 256, (20 * classes, 3, 32, 32), dtype=np.uint8)
    y = np.arange(len(x)) % classes
    for name, part in zip(files, np.array_split(np.arange(len(x)), len(files)), strict=True):
        entry = {"data": x[part].reshape(len(part), -1), labels: y[part].tolist()}
        (folder / name).write_bytes(pickle.dumps(entry))
    (folder / "test").write_bytes(b"never read")
    (folder / meta[0]).write_bytes(pickle.dumps({meta[1]: [str(i) for i in range(classes)]}))
    return x, y


@pytest.fixture
def any_checksum(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The files that a test writes are not the originals: torchvision shall not compare them."""
    for kind in (datasets.CIFAR10, datasets.CIFAR100):
        monkeypatch.setattr(kind, "train_list", [[name, None] for name, _ in kind.train_list])
        monkeypatch.setattr(kind, "test_list", [])
        monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": None})
        monkeypatch.setattr(kind, "url", "http://127.0.0.1:9/none.tar.gz")
    monkeypatch.setattr(datasets.FashionMNIST, "mirrors", ["http://127.0.0.1:9/"])
    return


@pytest.mark.usefixtures("any_checksum")
def test_cifar_files_are_read(tmp_path: Path) -> None:
    batches = [f"data_batch_{i}" for i in range(1, 6)]
    meta = ("batches.meta", "label_names")
    x, y = cifar(tmp_path / "cifar-10-batches-py", batches, "labels", meta, 10)
    task = option("task", "cifar10", root=tmp_path, pad=0, flip=False).build()
    assert (task.input_shape, task.outputs) == ((3, 32, 32), 10)
    seen, labels = epoch(task)
    stay, _ = split_stratified(y, 20)
    assert len(seen) == 180
    assert np.bincount(labels).tolist() == [18] * 10
    images = {image.tobytes() for image in x[stay]}
    assert {i.tobytes() for i in (raw(task, seen) * 255).round().byte().numpy()} == images
    cifar(
        tmp_path / "cifar-100-python", ["train"], "fine_labels", ("meta", "fine_label_names"), 100
    )
    hundred = option("task", "cifar100", root=tmp_path, download=False).build()
    assert hundred.outputs == 100
    assert len(epoch(hundred)[0]) == 1800


def test_fashion_mnist_files_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    x = np.random.default_rng(0).integers(0, 256, (100, 28, 28), dtype=np.uint8)
    y = (np.arange(100) % 10).astype(np.uint8)
    for name in ("train", "t10k"):
        header = struct.pack(">iiii", 0x803, 100, 28, 28)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(header + x.tobytes())
        header = struct.pack(">ii", 0x801, 100)
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(header + y.tobytes())
    task = option("task", "fashion_mnist", root=tmp_path, download=False).build()
    seen, labels = epoch(task)
    assert (task.input_shape, task.outputs) == ((1, 28, 28), 10)
    assert seen.shape == (90, 1, 28, 28)
    assert np.bincount(labels).tolist() == [9] * 10
    assert len(held_out(task)[0]) == 100


@pytest.mark.usefixtures("any_checksum")
@pytest.mark.parametrize("name", ["cifar10", "cifar100", "fashion_mnist"])
def test_missing_data_are_explained_at_once(tmp_path: Path, name: str) -> None:
    for download, fix in ((True, "check the network"), (False, "task.download=true")):
        with pytest.raises(NasframeError, match="task.root=.*: no usable") as error:
            option("task", name, root=tmp_path, download=download).build()
        assert fix in str(error.value)
        assert str(error.value).count("\n") == 1


@pytest.mark.usefixtures("any_checksum")
def test_damaged_data_are_explained(tmp_path: Path) -> None:
    batches = [f"data_batch_{i}" for i in range(1, 6)]
    cifar(tmp_path / "cifar-10-batches-py", batches, "labels", ("batches.meta", "label_names"), 10)
    (tmp_path / "cifar-10-batches-py" / "data_batch_3").write_bytes(gzip.compress(b"damaged"))
    task = option("task", "cifar10", root=tmp_path, download=False).build()
    with pytest.raises(NasframeError, match="no usable CIFAR10"):
        epoch(task)
