"""Photographs read anew in each epoch: seeds, workers, timm's transformations, broken files."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from nasframe import NasframeError, RecipeConfig, RetrainConfig, option, retrain

CPU = torch.device("cpu")
COLOURS = ((250, 10, 10), (10, 250, 10), (10, 10, 250))
PLAIN = {"scale": 1.0, "flip": False, "color_jitter": 0.0, "workers": 0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    for part in ("train", "val"):
        for name, colour in zip(("ant", "bee", "cat"), COLOURS, strict=True):
            (tmp_path / "photos" / part / name).mkdir(parents=True)
            for place in range(8):
                pixels = np.full((40 + place, 50, 3), colour, np.uint8)
                pixels += draw.integers(0, 6, pixels.shape, dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "photos" / part / name / f"{place}.png")
    return tmp_path / "photos"


def task(folder: Path, **settings: Any) -> Any:
    parts = {"size": 32, "validation": 0.25, "workers": 0, **settings}
    return option("task", "imagenet", path=folder, **parts).build()  # type: ignore[attr-defined]


def epoch(made: Any, seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    return list(made.train_batches(4, CPU, torch.Generator().manual_seed(seed)))


def test_an_epoch_has_each_image_once_with_its_label(folder: Path) -> None:
    made = task(folder, color_jitter=0.0)
    batches = epoch(made)
    assert [len(y) for _, y in batches] == [3, 4, 3, 4, 4]
    assert made.train_steps(4) == 5
    assert np.bincount(torch.cat([y for _, y in batches])).tolist() == [6, 6, 6]
    for x, y in batches:
        assert x.shape[1:] == (3, 32, 32)
        assert x.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(x.mean((2, 3)).argmax(1), y)
    validation = list(made.validation_batches(4, CPU))
    assert np.bincount(torch.cat([y for _, y in validation])).tolist() == [2, 2, 2]
    test = made.test_batches(5, CPU)
    assert test is not None
    assert np.bincount(torch.cat([y for _, y in test])).tolist() == [8, 8, 8]


def test_pixels_are_normalised_as_data_config_says(folder: Path) -> None:
    made = task(folder)
    x, y = next(iter(made.validation_batches(100, CPU)))
    mean, std = (torch.tensor(made.data_config[name]) for name in ("mean", "std"))
    raw = x * std[:, None, None] + mean[:, None, None]
    wanted = (torch.tensor(COLOURS, dtype=torch.float32)[y] + 2.5) / 255
    torch.testing.assert_close(raw.mean((2, 3)), wanted, atol=0.01, rtol=0)


def test_an_epoch_depends_on_its_generator_alone(folder: Path) -> None:
    settings = {"auto_augment": "rand-m9-mstd0.5", "erase": 0.5}
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # type: ignore[index, union-attr]
    first = epoch(task(folder, **settings))
    assert random.getstate() == states[0]
    assert torch.equal(torch.get_rng_state(), states[2])
    assert np.random.get_state()[1].tolist() == states[1]  # type: ignore[index, union-attr]
    random.seed(5)
    for again in (epoch(task(folder, **settings)), epoch(task(folder, **settings, workers=2))):
        for (x, y), (wanted, labels) in zip(again, first, strict=True):
            assert torch.equal(x, wanted)
            assert torch.equal(y, labels)
    assert not torch.equal(epoch(task(folder, **settings), 1)[0][0], first[0][0])


def test_settings_are_those_of_the_transformations(folder: Path) -> None:
    def of(**settings: Any) -> Tensor:
        """The images in the order of their labels."""
        made = task(folder, **{**PLAIN, **settings})
        pairs = [(y, x) for xs, ys in epoch(made) for x, y in zip(xs, ys, strict=True)]
        return torch.stack([x for _, x in sorted(pairs, key=lambda pair: int(pair[0]))])

    for name in ("ant", "bee", "cat"):  # left half black
        for file in (folder / "train" / name).iterdir():
            pixels = np.full((48, 48, 3), 255, np.uint8)
            pixels[:, :24] = 0
            Image.fromarray(pixels).save(file)
    left = of()[..., :12].mean((1, 2, 3)) < 0
    assert left.all()
    mirrored = (of(flip=True)[..., :12].mean((1, 2, 3)) > 0).float().mean()
    assert 0.1 < mirrored < 0.9
    assert of(color_jitter=0.8).unique().numel() > of().unique().numel()
    noisy = of(erase=1.0).flatten(1)
    assert all(row.unique().numel() > 50 for row in noisy)
    shares = (of(scale=0.01)[:, 0] < 0).float().mean((1, 2))
    assert ((shares == 0) | (shares == 1)).any()


def test_a_network_is_trained_on_them(folder: Path, tmp_path: Path) -> None:
    config = RetrainConfig(
        network="mnasnet_small",
        settings={"width": 0.5},
        task=option("task", "imagenet", path=folder, size=32, validation=0.25),  # type: ignore[arg-type]
        recipe=RecipeConfig(epochs=2, batch_size=6, lr=0.01),
        dir=tmp_path / "it",
    )
    assert "test_accuracy" in retrain(config, lambda line: None).metrics


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_file_is_named_in_a_line(folder: Path, workers: int) -> None:
    (folder / "train" / "bee" / "3.png").write_bytes(b"no image")
    made = task(folder, workers=workers)
    with pytest.raises(NasframeError) as caught:
        epoch(made)
        list(made.validation_batches(4, CPU))
    assert str(caught.value).startswith(str(folder / "train" / "bee" / "3.png"))
    assert "cannot be read as an image" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_mistakes_are_a_line(folder: Path) -> None:
    with pytest.raises(NasframeError, match="task.auto_augment=no: not a policy of timm"):
        task(folder, auto_augment="no")
    shutil.rmtree(folder / "val" / "cat")
    with pytest.raises(NasframeError, match="has the classes ant, bee; training has"):
        task(folder).test_batches(4, CPU)
