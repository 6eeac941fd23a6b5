"""Detection: boxes against pixels, precision against pycocotools, both detectors in training."""

from __future__ import annotations

import contextlib
import io
import json
import random
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from places import ROOT
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from throwaway import shell
from torch import Tensor, nn

from nasframe import (
    NasframeError,
    RecipeConfig,
    RetrainConfig,
    load,
    option,
    published,
    retrain,
)
from nasframe.storage.network_folder import Shape
from nasframe.storage.weights import read_weights
from nasframe_detection.backbone import find_stages, make_backbone
from nasframe_detection.precision import compute_average_precision
from nasframe_detection.task import mirror_image

CPU = torch.device("cpu")
CLASSES = ("bright", "dark")


def pictures(folder: Path, name: str, boxes: list[list[list[int]]], **changes: Any) -> Path:
    """Grey images of 96x64 with a bright or a dark rectangle in each box, and their annotations."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for place, found in enumerate(boxes):
        pixels = np.full((64, 96, 3), 128, np.uint8)
        for left, top, wide, high, label in found:
            pixels[top : top + high, left : left + wide] = 255 if label == 5 else 0
            box = {"bbox": [left, top, wide, high], "area": wide * high, "iscrowd": 0}
            rows.append({"id": len(rows) + 1, "image_id": place, "category_id": label, **box})
        file = f"{name}{place}.png"
        Image.fromarray(pixels).save(folder / "images" / file)
        images.append({"id": place, "file_name": file, "width": 96, "height": 64})
    categories = [{"id": id_, "name": name} for id_, name in zip((5, 9), CLASSES, strict=True)]
    content = {"images": images, "annotations": rows, "categories": categories, **changes}
    path = folder / f"{name}.json"
    path.write_text(json.dumps(content))
    return path


def some_boxes(count: int, seed: int) -> list[list[list[int]]]:
    """Each third image is empty."""
    draw = random.Random(seed)

    def box(label: int) -> list[int]:
        wide, high = draw.randrange(16, 40), draw.randrange(16, 40)
        left, top = draw.randrange(96 - wide), draw.randrange(64 - high)
        return [left, top, wide, high, label]

    return [[box(draw.choice((5, 9)))] if place % 3 else [] for place in range(count)]


THREE = [{"id": id_, "name": name} for id_, name in ((5, "a"), (7, "b"), (9, "c"))]


def coco(folder: Path, train: int = 12, test: int = 4, **settings: Any) -> Any:
    parts = {
        "annotations": pictures(folder, "train", some_boxes(train, 0)),
        "validation_annotations": pictures(folder, "val", some_boxes(6, 1)),
        "test_annotations": pictures(folder, "test", some_boxes(test, 2)),
        "images": folder / "images",
        "size": 64,
    }
    return option("task", "coco", **{**parts, **settings})


# Backbones


def small_nasnet() -> nn.Module:
    return published("nasnet_a", cells=1, filters=8, skeleton="imagenet", classes=3)


def resnet() -> nn.Module:
    import timm

    return timm.create_model("resnet18", num_classes=3)


@pytest.mark.parametrize("expanded", [False, True])
@pytest.mark.parametrize(
    "make", [small_nasnet, lambda: published("mnasnet_a1"), lambda: published("mnasnet_b1"), resnet]
)
def test_a_backbone_gives_the_maps_that_its_network_names(
    make: Callable[[], Any], expanded: bool
) -> None:
    network = make().eval()
    found = find_stages(network, expanded=expanded)
    assert {4, 8, 16, 32} <= found.keys()
    chosen = [found[stride] for stride in (8, 16, 32)]
    seen: dict[str, Tensor] = {}
    handles = [
        network.get_submodule(stage.module).register_forward_hook(
            lambda module, inputs, output, name=stage.module: seen.update({name: output.clone()})
        )
        for stage in chosen
    ]
    x = torch.randn(2, 3, 96, 128)
    with torch.no_grad():
        network(x)
        for handle in handles:
            handle.remove()
        maps = make_backbone(network, chosen)(x)
    assert list(maps) == ["8", "16", "32"]
    for stage, map_ in zip(chosen, maps.values(), strict=True):
        assert map_.shape[:2] == (2, stage.channels)
        assert abs(map_.shape[2] - 96 / stage.stride) <= 1
        assert abs(map_.shape[3] - 128 / stage.stride) <= 1
        torch.testing.assert_close(map_, seen[stage.module])
    heads = ("classifier.weight", "fc.weight")
    assert not any(name.endswith(heads) for name in network.state_dict())


def test_ssdlite_on_a1_has_the_papers_size() -> None:
    """Table 3 of Tan et al. 2019: 4.9 million parameters with the 80 classes of COCO."""
    shape = Shape("detection", (3, 320, 320), 80)
    detector = option("detector", "ssdlite").build(published("mnasnet_a1"), shape)  # type: ignore[attr-defined]
    assert sum(p.numel() for p in detector.parameters()) == pytest.approx(4.9e6, abs=5e4)


def test_a_network_without_the_maps_is_refused() -> None:
    shape = Shape("detection", (3, 64, 64), 2)
    small = published("nasnet_a", cells=1, filters=8, skeleton="cifar")
    detector: Any = option("detector", "ssdlite")
    with pytest.raises(NasframeError, match="maps of the strides 16 and 32, this network has 1 an"):
        detector.build(small, shape)
    with pytest.raises(NasframeError, match="cannot be a backbone: it has no feature_info"):
        detector.build(nn.Linear(3, 3), shape)
    pyramid: Any = option("detector", "faster_rcnn", fpn=True)
    with pytest.raises(NasframeError, match=r"anchors=\[64, 128, 256, 512\]: must have 5 sides"):
        pyramid.build(published("mnasnet_a1"), shape)


# Boxes


@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 11), st.integers(1, 11))
def test_a_mirrored_box_is_around_the_mirrored_pixels(
    left: int, top: int, wide: int, high: int
) -> None:
    image = torch.zeros(3, 32, 40)
    image[:, top : top + high, left : left + wide] = 1
    box = torch.tensor([[left, top, left + wide, top + high]], dtype=torch.float32)
    flipped, boxes = mirror_image(image, box)
    rows, columns = torch.nonzero(flipped[0], as_tuple=True)
    wanted = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert boxes[0].tolist() == [float(side) for side in wanted]
    again = mirror_image(flipped, boxes)
    assert torch.equal(again[0], image)
    assert torch.equal(again[1], box)


def test_an_epoch_has_each_image_once_and_half_of_them_mirrored(tmp_path: Path) -> None:
    boxes = [[[2 * k, 0, 2, 2, 5]] for k in range(20)]
    path = pictures(tmp_path, "train", boxes)
    settings = {"annotations": path, "images": tmp_path / "images", "validation_annotations": path}

    def epoch(seed: int, **more: Any) -> list[tuple[list[Tensor], list[dict[str, Tensor]]]]:
        task = option("task", "coco", **settings, **more).build()  # type: ignore[attr-defined]
        return list(task.train_batches(8, CPU, torch.Generator().manual_seed(seed)))

    batches = epoch(0)
    assert [len(images) for images, _ in batches] == [7, 7, 6]
    lefts = [float(target["boxes"][0, 0]) for _, targets in batches for target in targets]
    mirrored_ = [left for left in lefts if left > 47]
    assert sorted(min(left, 94 - left) for left in lefts) == [2 * k for k in range(20)]
    assert 3 < len(mirrored_) < 17
    for images, targets in batches:
        for image, target in zip(images, targets, strict=True):
            left, top, right, bottom = (int(side) for side in target["boxes"][0])
            assert image[0, top:bottom, left:right].min() == 1
            assert image[0].eq(1).sum() == 4
    state = torch.random.get_rng_state()
    for other in (epoch(0, workers=2), epoch(0)):
        for (images, targets), (wanted, there) in zip(other, batches, strict=True):
            assert all(map(torch.equal, images, wanted))
            assert [t["boxes"].tolist() for t in targets] == [t["boxes"].tolist() for t in there]
    assert torch.equal(torch.random.get_rng_state(), state)
    assert [float(t["boxes"][0, 0]) for _, ts in epoch(1) for t in ts] != lefts
    whole = [left for _, ts in epoch(0, flip=False) for left in (t["boxes"][0, 0] for t in ts)]
    assert sorted(map(float, whole)) == [2 * k for k in range(20)]


def test_crowds_are_not_learned_and_what_has_no_area_is_no_object(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "image_id": 0, "category_id": 5, "bbox": [0, 0, 9, 9], "iscrowd": 1, "area": 50},
        {"id": 2, "image_id": 0, "category_id": 9, "bbox": [4, 4, 0, 9]},
        {"id": 3, "image_id": 0, "category_id": 9, "bbox": [90.5, 4, 6.25, 9]},
        {"id": 4, "image_id": 0, "category_id": 9, "bbox": [-0.5, 4, 0.3, 9]},
        {"id": 5, "image_id": 0, "category_id": 9, "bbox": [80, 4, 1e-6, 9]},
    ]
    path = pictures(tmp_path, "train", [[]], annotations=rows)
    task: Any = option(
        "task",
        "coco",
        annotations=path,
        images=tmp_path / "images",
        validation_annotations=path,
        flip=False,
    ).build()  # type: ignore[attr-defined]
    (_, (target,)) = next(iter(task.train_batches(1, CPU, torch.Generator())))
    assert target["boxes"].tolist() == [[90.5, 4, 96, 13]]
    assert target["labels"].tolist() == [2]
    (_, (target,)) = next(iter(task.validation_batches(1, CPU)))
    assert target["iscrowd"].tolist() == [True, False]
    assert target["area"].tolist() == [50, 56.25]


def test_workers_leave_no_files_open(tmp_path: Path) -> None:
    """A worker that sends its own tensors shares the memory of each, which is an open file."""
    import resource

    path = pictures(tmp_path, "train", [[[3, 3, 9, 9, 5]]] * 150)
    task = option(
        "task",
        "coco",
        annotations=path,
        images=tmp_path / "images",
        validation_annotations=path,
        workers=1,
    ).build()  # type: ignore[attr-defined]
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, limits[1]), limits[1]))
    try:
        assert len(list(task.train_batches(2, CPU, torch.Generator()))) == 75
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_images_of_sixteen_bits_are_not_white(tmp_path: Path) -> None:
    path = pictures(tmp_path, "train", [[]])
    grey = np.linspace(0, 65535, 64 * 96).reshape(64, 96).astype(np.uint16)
    Image.fromarray(grey).save(tmp_path / "images" / "train0.png")
    task: Any = option(
        "task", "coco", annotations=path, images=tmp_path / "images", validation_annotations=path
    ).build()  # type: ignore[attr-defined]
    ((image,), _) = next(iter(task.validation_batches(1, CPU)))
    assert image.mean() == pytest.approx(0.5, abs=0.01)


# Precision


@pytest.mark.parametrize("backend", ["pycocotools", "faster_coco_eval"])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_precision_is_that_of_pycocotools_itself(
    tmp_path: Path, backend: str, seed: int
) -> None:
    pytest.importorskip(backend)
    draw = np.random.default_rng(seed)
    boxes = [
        [[*draw.integers(0, 40, 2).tolist(), *draw.integers(4, 24, 2).tolist(), label]] * 2
        for label in draw.choice((5, 9), 12).tolist()
    ]
    path = pictures(tmp_path, "train", [found if k % 4 else [] for k, found in enumerate(boxes)])
    content = json.loads(path.read_text())
    content["annotations"][3]["iscrowd"] = 1
    path.write_text(json.dumps(content))
    task: Any = option(
        "task", "coco", annotations=path, images=tmp_path / "images", validation_annotations=path
    ).build()  # type: ignore[attr-defined]
    pairs, rows = [], []
    for place, (_, (target,)) in enumerate(task.validation_batches(1, CPU)):
        near = target["boxes"] + torch.from_numpy(draw.normal(0, 2, target["boxes"].shape)).float()
        far = torch.tensor([[1.0, 2.0, 9.0, 9.0]])
        found = {
            "boxes": torch.cat([near, far]),
            "labels": torch.cat([target["labels"], torch.tensor([1])]),
            "scores": torch.from_numpy(draw.random(len(near) + 1)).float(),
        }
        pairs.append((found, target))
        for box, label, score in zip(*(v.tolist() for v in found.values()), strict=True):
            left, top, right, bottom = box
            where = {"image_id": place, "bbox": [left, top, right - left, bottom - top]}
            rows.append({**where, "category_id": (5, 9)[label - 1], "score": score})
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(path))
        judge = COCOeval(truth, truth.loadRes(rows), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    wanted = dict(zip(("map", "map_50", "map_75"), judge.stats, strict=False))
    got = compute_average_precision(pairs, backend)
    assert 0.1 < got["map"] < 1
    assert {name: got[name] for name in wanted} == pytest.approx(wanted, abs=1e-6)


def test_nothing_found_is_zero() -> None:
    nothing = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    found = {**nothing, "scores": torch.zeros(0)}
    there = {"boxes": torch.tensor([[0.0, 0.0, 9.0, 9.0]]), "labels": torch.tensor([1])}
    assert compute_average_precision([(found, there)], "pycocotools")["map_50"] == 0
    assert compute_average_precision([(found, nothing)], "pycocotools")["map"] == 0


# Training

DETECTORS = [
    option("detector", "ssdlite", width=0.1, smallest=0.3),
    option("detector", "faster_rcnn", anchors=[16, 32], proposals=30, samples=16, width=64),
    option("detector", "faster_rcnn", fpn=True, anchors=[8, 16, 24, 32, 48], width=32),
]


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_detector_is_trained_tested_and_loaded(
    detector: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = coco(tmp_path / "data")
    config = RetrainConfig(
        network="mnasnet_small",
        settings={"width": 0.5},
        detector=detector,
        task=task,
        recipe=RecipeConfig(epochs=2, batch_size=4, ema=0.5, lr=0.01, gradient_clip=5),
        dir=tmp_path / "it",
    )
    found = retrain(config, lambda line: None)
    assert {"val_map", "val_map_50", "test_map", "test_map_50"} <= found.metrics.keys()
    assert found == retrain(config, lambda line: None)
    network = load(tmp_path / "it")
    assert network.data_config["input_size"] == [3, 64, 64]
    assert network.data_config["classes"] == list(CLASSES)
    pairs = []
    with torch.no_grad():
        for images, targets in task.build().test_batches(3, CPU):
            pairs += list(zip(network(images), targets, strict=True))
    again = compute_average_precision(pairs, "pycocotools")
    assert again["map"] == pytest.approx(found.metrics["test_map"])
    assert sum(len(boxes["scores"]) for boxes, _ in pairs) > 0
    shutil.copytree(tmp_path / "it", tmp_path / "runs" / "boxes")
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "detection.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec(code, names)
    assert sorted(names["found"][0]) == ["boxes", "labels", "scores"]
    card = (tmp_path / "it" / "README.md").read_text()
    assert "bright, dark" in card
    assert type(detector).__name__.removesuffix("Config") in card


def test_a_detector_learns(tmp_path: Path) -> None:
    """Bright and dark rectangles on grey."""
    config = RetrainConfig(
        network="mnasnet_small",
        detector=option("detector", "ssdlite", width=0.25, smallest=0.3),
        task=coco(tmp_path / "data", 48, size=128, test=12),
        recipe=RecipeConfig(epochs=15, batch_size=8, lr=0.05, warmup_epochs=1, gradient_clip=5),
        dir=tmp_path / "it",
    )
    assert retrain(config, lambda line: None).metrics["test_map_50"] > 0.4


@pytest.mark.parametrize("detector", DETECTORS)
def test_batches_without_any_box_are_learned_from(detector: Any, tmp_path: Path) -> None:
    path = pictures(tmp_path, "empty", [[], [], [[3, 3, 20, 20, 5]]])
    task = coco(tmp_path, annotations=path, flip=False).build()
    module = detector.build(published("mnasnet_small"), task)
    images, targets = next(iter(task.train_batches(3, CPU, torch.Generator())))
    order = sorted(range(3), key=lambda place: len(targets[place]["boxes"]))
    batch = [images[place] for place in order[:2]], [targets[place] for place in order[:2]]
    assert [target["boxes"].shape for target in batch[1]] == [(0, 4)] * 2
    loss, _ = task.loss(module, batch, None)
    loss.backward()
    assert loss.isfinite()  # of SSD it is 0: without objects there are no hard negatives
    gradients = [weight.grad for weight in module.parameters() if weight.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_a_backbone_begins_with_a_classifiers_weights_and_a_detector_with_its_own(
    tmp_path: Path,
) -> None:
    space = option("search_space", "nasnet_small", filters=8, skeleton="imagenet")
    choices = space.build().choices  # type: ignore[attr-defined]
    (tmp_path / "cells").write_text(f"{[0] * len(choices)}\n")
    first = RetrainConfig(
        architectures=tmp_path / "cells",
        search_space=space,  # type: ignore[arg-type]
        task=option("task", "imagefolder", path=folder_of_images(tmp_path), size=32),  # type: ignore[arg-type]
        recipe=RecipeConfig(epochs=1),
        dir=tmp_path / "first",
    )
    retrain(first, lambda line: None)
    second = replace(
        first,
        task=coco(tmp_path / "data"),
        detector=DETECTORS[1],
        init=tmp_path / "first",
        freeze=["backbone.body.stem"],
        recipe=RecipeConfig(epochs=1, batch_size=6, lr=1e-3),
        dir=tmp_path / "second",
    )
    retrain(second, lambda line: None)
    old, new = (read_weights(tmp_path / n / "weights.safetensors")[0] for n in ("first", "second"))
    stem = [name for name in old if name.startswith("stem.")]
    assert stem
    assert all(torch.equal(old[name], new[f"backbone.body.{name}"]) for name in stem)
    assert not any("classifier" in name and "body" in name for name in new)
    rest = {"annotations": pictures(tmp_path, "more", some_boxes(6, 0), categories=THREE)}
    more = coco(tmp_path / "data", **rest, images=tmp_path / "images")
    more = replace(more, validation_annotations=None, test_annotations=None)
    file = tmp_path / "second" / "weights.safetensors"
    other = replace(second, task=more, init=file, freeze=["backbone"], dir=tmp_path / "other")
    retrain(other, lambda line: None)
    classes, _ = read_weights(tmp_path / "other" / "weights.safetensors")
    assert classes["roi_heads.box_predictor.cls_score.weight"].shape[0] == 4
    assert all(torch.equal(classes[name], new[name]) for name in new if "backbone" in name)
    third = replace(second, init=tmp_path / "second", dir=tmp_path / "third", freeze=["backbone"])
    retrain(third, lambda line: None)
    state, _ = read_weights(tmp_path / "third" / "weights.safetensors")
    kept = [name for name in state if name.startswith("backbone.")]
    assert kept
    assert all(torch.equal(state[name], new[name]) for name in kept)


def folder_of_images(folder: Path) -> Path:
    for label in ("a", "b"):
        (folder / "photos" / label).mkdir(parents=True)
        for place in range(4):
            pixels = np.full((40, 40, 3), 50 * place, np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / label / f"{place}.png")
    return folder / "photos"


# Mistakes


def test_a_wrong_file_of_annotations_is_a_line(tmp_path: Path) -> None:
    def row(**changes: Any) -> dict[str, Any]:
        box = {"id": 7, "image_id": 0, "category_id": 5, "bbox": [1, 1, 5, 5]}
        return {**box, **changes}

    image = {"id": 0, "file_name": "it0.png", "width": 96, "height": 64}
    cases: dict[str, dict[str, Any]] = {
        "annotation 7: the box .* is not within its image of 96x64": {
            "annotations": [row(bbox=[90, 1, 9, 5])]
        },
        r"box \[5, 5, -2, 5\] is not within": {"annotations": [row(bbox=[5, 5, -2, 5])]},
        "annotation 7: there is no image_id 8": {"annotations": [row(image_id=8)]},
        "annotation 7: there is no category_id 6": {"annotations": [row(category_id=6)]},
        "is not in COCO's format": {"annotations": [row(bbox=[1, 2])]},
        "names the image .*no.png: there is no such file": {
            "images": [{**image, "file_name": "no.png"}]
        },
        "has no categories": {"categories": []},
        "has no images": {"images": []},
        "two categories, or two images, have the same id": {"images": [image, image]},
        "it0.png: has 96x64 pixels, but its annotations say 96x63": {
            "images": [{**image, "height": 63}]
        },
    }
    for reason, changes in cases.items():
        path = pictures(tmp_path, "it", [[]], **changes)
        settings = {"annotations": path, "images": tmp_path / "images"}
        with pytest.raises(NasframeError, match=reason):
            task = option("task", "coco", **settings, validation_annotations=path).build()  # type: ignore[attr-defined]
            list(task.validation_batches(1, CPU))
    for content, reason in {"{": "cannot be read as JSON", "[]": "format", "{}": "format"}.items():
        path.write_text(content)
        with pytest.raises(NasframeError, match=reason):
            option("task", "coco", **settings).build()  # type: ignore[attr-defined]
    with pytest.raises(NasframeError, match="task.test_annotations=.*no: there is no such file"):
        coco(tmp_path, test_annotations=tmp_path / "no").build()
    other = pictures(tmp_path, "other", [[]], categories=[{"id": 1, "name": "c"}])
    with pytest.raises(NasframeError, match="has the categories bright, dark, another file has c"):
        coco(tmp_path, test_annotations=other).build()


def test_mistakes_on_the_command_line_are_a_line(tmp_path: Path) -> None:
    run_ = shell(tmp_path)
    task = coco(tmp_path / "data")
    data = ("task=coco", f"task.annotations={task.annotations}", f"task.images={task.images}")
    mistakes = {
        data: "this task finds objects: give detector=faster_rcnn or ssdlite",
        (*data, "detector=ssd"): "unknown option detector=ssd; did you mean ssdlite?",
        (*data[:2], f"task.images={tmp_path}", "detector=ssdlite"): "there is no such file",
        (*data, "detector=ssdlite", "network=nas_cnn_v1"): "cannot be a backbone",
    }
    given = [("network=mnasnet_small", "dir=it", *words) for words in mistakes]
    for done, (words, reason) in zip(
        run_.each("nasframe-retrain", given), mistakes.items(), strict=True
    ):
        assert (done.returncode, done.stdout) == (2, ""), (words, done.stderr)
        assert reason in done.stderr, done.stderr
        assert done.stderr.count("\n") <= 2, done.stderr
        assert not (run_.cwd / "it").exists()
    done = run_("nasframe", "search_space=nasnet_small", *data, "dir=it")
    assert done.returncode == 2, done.stderr
    assert "kind detection" in done.stderr, done.stderr


def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    config = RetrainConfig(
        network="mnasnet_small",
        detector=DETECTORS[0],
        task=option("task", "digits"),  # type: ignore[arg-type]
        recipe=RecipeConfig(epochs=1, batch_size=1),
        dir=tmp_path / "it",
    )
    with pytest.raises(
        NasframeError, match="detector: is for tasks of the kind detection, not for image"
    ):
        retrain(config, lambda line: None)
    with pytest.raises(NasframeError, match="recipe.batch_size: batch norm needs more than one im"):
        retrain(replace(config, task=coco(tmp_path / "data")), lambda line: None)


def test_a_second_classifier_is_no_part_of_a_backbone(tmp_path: Path) -> None:
    space: Any = option(
        "search_space", "nasnet", cells=1, filters=8, skeleton="imagenet", auxiliary=True
    )
    choices = space.build().choices
    (tmp_path / "cells").write_text(f"{[0] * len(choices)}\n")
    config = RetrainConfig(
        architectures=tmp_path / "cells",
        search_space=space,
        detector=DETECTORS[1],
        task=coco(tmp_path / "data", size=256),
        recipe=RecipeConfig(epochs=1, batch_size=6, lr=1e-3),
        dir=tmp_path / "it",
    )
    retrain(config, lambda line: None)
    state, _ = read_weights(tmp_path / "it" / "weights.safetensors")
    assert not any("auxiliary" in name for name in state)


def test_only_classifiers_are_exported(tmp_path: Path) -> None:
    run_ = shell(tmp_path)
    config = RetrainConfig(
        network="mnasnet_small",
        detector=DETECTORS[0],
        task=coco(tmp_path / "data"),
        recipe=RecipeConfig(epochs=1),
        dir=run_.cwd / "it",
    )
    retrain(config, lambda line: None)
    done = run_("nasframe-export", "it", "--to", "onnx")
    assert done.returncode == 2, done.stderr
    assert "holds a detector" in done.stderr, done.stderr
