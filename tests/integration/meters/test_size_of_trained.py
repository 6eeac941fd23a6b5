"""Sizes of the meter are those of the trained network."""

from __future__ import annotations

from pathlib import Path

from nasframe import Architecture, Context, option


def test_the_meter_agrees_with_the_evaluator() -> None:
    space = option("search_space", "nasnet_small").build()
    task = option("task", "digits").build()
    context = Context(Path("."), "cpu", 0, lambda epoch, metrics: False, lambda: False)
    architecture = Architecture((0,) * len(space.choices))
    meter = option("meters", "size").build(space, task)
    trainer = option("evaluator", "train", epochs=1, batch_size=512).build(space, task)
    measured = meter.measure(architecture, context)
    trained = trainer.evaluate(architecture, context)
    assert measured["parameters"] == trained["parameters"]
    assert measured["macs"] > 0
