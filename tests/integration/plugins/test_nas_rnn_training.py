"""Cells of NAS's recurrent space learn."""

from __future__ import annotations

from pathlib import Path

from nasframe import Context, option
from nasframe_nas.config import NASRNNConfig


def test_it_learns_a_text(tmp_path: Path) -> None:
    task = option("task", "text").build()
    space = NASRNNConfig(units=48, layers=1).build()
    evaluator = option(
        "evaluator", "train", epochs=2, optimizer="adam", lr=0.01, gradient_clip=1.0
    ).build(space, task)
    context = Context(tmp_path, "cpu", 0, lambda epoch, metrics: True, lambda: False)
    metrics = evaluator.evaluate(space.encode("nas_ptb_cell"), context)
    assert metrics["val_perplexity"] < task.outputs / 3
    assert metrics["val_perplexity_epochs"][1] < metrics["val_perplexity_epochs"][0]
