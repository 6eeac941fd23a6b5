"""Both detectors on a data set in COCO's format, beside untrained ones, on its test images.

``detection.py DATA DIR``: ``DATA`` has the images in ``images``; in ``annotations`` there are
``instances_train.json``, ``instances_val.json`` and ``instances_test.json``. ``DIR`` gets a folder
for each detector, and goes on where it was ended.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

from nasframe import RetrainConfig, TaskConfig, option, published, retrain

NETWORK = "mnasnet_small"
DETECTORS: dict[str, tuple[Any, dict[str, Any]]] = {
    "ssdlite": (option("detector", "ssdlite"), {}),
    "faster_rcnn": (
        option("detector", "faster_rcnn", anchors=[32, 64, 128, 256]),
        {"epochs": 15, "lr": 0.02},
    ),
}


def data(folder: Path) -> TaskConfig:
    """The task."""
    files = {
        name: folder / "annotations" / f"instances_{part}.json"
        for name, part in {
            "annotations": "train",
            "validation_annotations": "val",
            "test_annotations": "test",
        }.items()
    }
    task: TaskConfig = option("task", "coco", **files, images=folder / "images")  # type: ignore[assignment]
    return task


def untrained(task: TaskConfig, detector: Any) -> float:
    """The precision of random weights, with statistics of batches that are the images' own."""
    torch.manual_seed(0)
    built: Any = task.build()
    module = detector.build(published(NETWORK), built).eval()
    total: list[Any] = []
    with torch.inference_mode():
        for batch in built.test_batches(8, torch.device("cpu")):
            total += built.tally(module, batch, None)[0]
    return float(built.metrics(total)["val_map_50"])


def main() -> None:
    """Print a row for each detector."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("dir", type=Path)
    words = parser.parse_args()
    task = data(words.data)
    for name, (detector, changes) in DETECTORS.items():
        before = untrained(task, detector)
        recipe: Any = option("recipe", "detection_small", **changes)
        found = retrain(
            RetrainConfig(
                network=NETWORK,
                detector=detector,
                task=task,
                recipe=recipe,
                dir=words.dir / name,
            ),
            print,
        ).metrics
        rates = "  ".join(f"{key} {found[f'test_{key}']:.3f}" for key in ("map", "map_50"))
        print(f"{name}: {recipe.epochs} epochs  {rates}  untrained map_50 {before:.4f}", flush=True)


if __name__ == "__main__":
    main()
