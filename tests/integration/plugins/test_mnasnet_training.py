"""Children of MnasNet's space learn, and its experiments compose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mnasnets import STEPS, space, tokens
from throwaway import Shell

from nasframe import Architecture, Context, option


@pytest.mark.parametrize("name", ["mnasnet", "mnasnet_flat"])
def test_children_learn_digits(name: str, tmp_path: Path) -> None:
    small: dict[str, Any] = {
        "filters": [16, 24, 32],
        "layers": [1, 2, 2],
        "strides": [1, 2, 2],
        "stem": 16,
        "stem_stride": 1,
        "head": 128,
    }
    config = space(name, **small)
    block = tokens(op="mbconv3", kernel=5, se=0.25, skip="identity")
    architecture = Architecture(block * (len(config.choices) // STEPS))
    task = option("task", "digits").build()
    evaluator = option("evaluator", "train", epochs=5).build(config, task)
    context = Context(tmp_path, "cpu", 0, lambda epoch, metrics: True, lambda: False)
    assert evaluator.evaluate(architecture, context)["val_accuracy"] > 0.9


def test_experiments_compose(tmp_path: Path) -> None:
    run = Shell(tmp_path, tmp_path, {})
    done = run("nasframe", "experiment=mnasnet_imagenet", f"task.path={tmp_path}", "--cfg", "job")
    assert done.returncode == 0, done.stderr
    for line in ("trials: 8000", "flavour: google", "size: 224", "optimizer: rmsproptf"):
        assert line in done.stdout
    assert "validation: 0.039027" in done.stdout
    assert f"path: {tmp_path}\n" in done.stdout, "a path is a text like any other"
    assert round(0.039027 * 1_281_167) == 50_000
    small = run("nasframe", "experiment=mnasnet_imagenet_small", "--cfg", "job")
    assert small.returncode == 0, small.stderr
