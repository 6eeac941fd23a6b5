"""A network above a limit is not trained, in a search that trains the others."""

from __future__ import annotations

from pathlib import Path

from toys import toy_study

from nasframe import (
    Architecture,
    Context,
    TrialState,
    option,
    run,
)


def test_a_network_that_is_too_large_is_not_trained(tmp_path: Path) -> None:
    """The real thing: networks, their sizes, and the training of those that are small enough."""
    space, task = option("search_space", "nasnet_small"), option("task", "digits")
    meter = option("meters", "size")
    made = space.build()
    context = Context(tmp_path, "cpu", 0, lambda epoch, metrics: True, lambda: False)
    asked = option("controller", "random").build(made.choices, 0, made.active).ask(range(4))
    measured = meter.build(made, task.build())
    macs = [measured.measure(Architecture(p.tokens), context)["macs"] for p in asked]
    config = toy_study(
        tmp_path / "study",
        search_space=space,
        task=task,
        controller=option("controller", "random"),
        objective=option("objective", "accuracy", max_macs=sorted(macs)[1]),
        evaluator=option("evaluator", "train", epochs=1, batch_size=512, device="cpu"),
        meters={"size": meter},
        trials=4,
        keep=0,
    )
    trials = run(config).trials
    assert [trial.metrics["macs"] for trial in trials] == macs
    assert [trial.error for trial in trials] == [None] * 4
    trained = ["val_accuracy" in trial.metrics for trial in trials]
    assert trained == [trial.state is TrialState.TRAINED for trial in trials]
    assert trained == [value <= sorted(macs)[1] for value in macs]
