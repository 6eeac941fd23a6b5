"""The code in README and the docs does what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from places import ROOT, TESTS
from throwaway import shell
from toys import toy_study

from nasframe import (
    Architecture,
    Choice,
    Context,
    Trial,
    option,
    run,
)


def blocks(page: str) -> list[str]:
    """The Python code of a page."""
    return re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)


def module(page: str, containing: str) -> dict[str, Any]:
    """What a block of code defines."""
    (code,) = [block for block in blocks(page) if containing in block]
    names: dict[str, Any] = {"__name__": "documented"}
    exec(compile(code, page, "exec", dont_inherit=True), names)
    return names


@pytest.mark.parametrize(
    ("page", "name"), [("README.md", "HillConfig"), ("docs/write_controller.md", "GreedyConfig")]
)
def test_documented_controllers_search(tmp_path: Path, page: str, name: str) -> None:
    names = module(page, name)
    config = names[name]()
    result = run(toy_study(tmp_path, controller=config, trials=40))
    assert result.best is not None
    assert result.best.reward == 0.16, "the best of 625: only a controller that learns finds it"
    offered = names["nasframe_controllers"]()
    assert names[name] in offered.values()


def test_a_documented_controller_follows_a_growing_space() -> None:
    choices = tuple(Choice(f"c{i}", (0, 1, 2)) for i in range(7))
    config = module("docs/write_controller.md", "GreedyConfig")["GreedyConfig"]()
    controller = config.build(choices, 0, lambda number: 3 if number < 10 else 7)
    controller.tell([Trial(0, Architecture((1, 1, 1)), reward=0.5)])
    (proposal,) = controller.ask([10])
    assert len(proposal.tokens) == 7


def test_the_documented_space_trains(tmp_path: Path) -> None:
    names = module("docs/write_space.md", "MLPSpace")
    space = names["nasframe_search_spaces"]()["mlp"](layers=2).build()
    task = option("task", "digits").build()
    evaluator = option("evaluator", "train", epochs=3).build(space, task)
    context = Context(tmp_path, "cpu", 0, lambda epoch, metrics: True, lambda: False)
    metrics = evaluator.evaluate(Architecture((2, 2)), context)
    assert metrics["val_accuracy"] > 0.9


def test_the_example_is_documented_as_it_is() -> None:
    code = (ROOT / "docs" / "example-plugin" / "nasframe_example" / "mixer.py").read_text()
    assert code in blocks("docs/write_space.md")
    files = (ROOT / "docs" / "example-plugin" / "nasframe_example").glob("*.py")
    assert all(len(file.read_text().splitlines()) <= 60 for file in files)


def test_the_documented_network_is_made() -> None:
    lenet = module("docs/plugins.md", "lenet")["nasframe_published"]()["lenet"]
    network = lenet(classes=62)
    assert network(torch.zeros(2, *network.data_config["input_size"])).shape == (2, 62)
    assert sum(p.numel() for p in lenet().parameters()) == 61_706


def test_the_documented_study_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = module("docs/api.md", "StudyConfig(")
    assert len(names["result"].trials) == 2
    assert names["network"].data_config["input_size"] == [1, 8, 8]


def test_the_documented_notebook_shows_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = module("docs/report.md", "nasframe.plot")
    assert len(names["table"]) == len(names["result"].trials) >= 30
    assert all(trial in names["result"].trials for trial in names["front"])
    for text in (names["picture"].svg(), Path("runs/notebook/chart.svg").read_text()):
        assert text.startswith("<svg")
        assert text.rstrip().endswith("</svg>")


def test_the_documented_comparison_runs(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "compare.md").read_text()
    (block,) = re.findall(r"^```console\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    console = shell(tmp_path)
    for line in (
        block.replace("trials=300", "trials=9")
        .replace("seed=0,1,2,3,4,5", "seed=0,1,2")
        .splitlines()
    ):
        done = console(*line.split())
        assert (done.returncode, done.stderr) == (0, ""), line
    assert re.search(r"^(pqt|random) (and|over) (pqt|random) at 9 trials: ", done.stdout, re.M)
    assert (console.cwd / "runs" / "cmp" / "compare.svg").is_file()


def test_predicting_as_documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.datasets import load_digits

    monkeypatch.chdir(tmp_path)
    study = toy_study(Path("runs/first"), trials=1)
    for group, name, settings in (
        ("search_space", "nasnet_small", {}),
        ("task", "digits", {}),
        ("controller", "random", {}),
        ("objective", "accuracy", {}),
        ("evaluator", "train", {"epochs": 2}),
    ):
        setattr(study, group, option(group, name, **settings))
    accuracy = run(study).top(1)[0].reward
    names: dict[str, Any] = {}
    for block in blocks("docs/quickstart.md"):
        exec(block, names)
    right = (names["classes"].numpy() == load_digits().target).mean()
    assert right == pytest.approx(accuracy, abs=0.1)


def test_each_test_that_the_papers_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "papers.md").read_text()))
    code = "".join(file.read_text() for file in TESTS.rglob("test_*.py"))
    assert len(named) > 40
    assert {name for name in named if f"def {name}(" not in code} == set()
