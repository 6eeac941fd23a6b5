"""The experiments that come with nasframe, and every space with every controller, as processes."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_module
from omegaconf import DictConfig, OmegaConf
from places import ROOT
from throwaway import Shell, shell

from nasframe import option, read_result
from nasframe.cli.hydra_app import register_configs
from nasframe.registry.options import options

EXPERIMENTS = sorted(file.stem for file in (ROOT / "conf" / "experiment").glob("*.yaml"))
ON_IMAGENET = {"mnasnet_imagenet", "mnasnet_cells", "mnasnet_cells_single"}
CIFAR = ROOT.parent / "shared" / "data" / "cifar10_10k2k.npz"
CONTROLLERS = sorted(item.name for item in options() if item.group == "controller")
MNASNET = ("search_space.head=64", "search_space.width=0.25", "search_space.stem_stride=1")
IMAGES = {
    "mnasnet": MNASNET,
    "mnasnet_flat": MNASNET,
    "nasbench201": ("search_space.cells=1", "search_space.filters=4"),
    "nas_cnn": ("search_space.layers=4", "search_space.filters=[4,8]"),
    "nasnet": ("search_space.cells=1", "search_space.filters=4"),
    "nasnet_small": (),
}
"""Each space for images, with settings for small networks."""
SEQUENCES = ("nas_rnn", "nas_rnn_extended")


def composed(experiment: str) -> DictConfig:
    register_configs()
    with initialize_config_module("nasframe.conf", version_base="1.3"):
        return compose("study", [f"experiment={experiment}"])


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_each_experiment_is_a_study(experiment: str) -> None:
    config = composed(experiment)
    missing = OmegaConf.missing_keys(config)
    assert missing == ({"task.path"} if experiment in ON_IMAGENET else set())
    for key in missing:
        OmegaConf.update(config, key, "some/file")
    OmegaConf.to_object(config)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_each_experiment_is_documented(experiment: str) -> None:
    pages = [ROOT / "docs" / name for name in ("papers.md", "quickstart.md")]
    words = {word for page in pages for word in re.findall(r"\w+", page.read_text())}
    assert experiment in words


@pytest.mark.parametrize(
    ("experiment", "trials", "epochs", "lr", "hidden", "layers", "init_range", "batch"),
    [
        ("nas_cifar10", 12_800, 50, 6e-4, 35, 2, 0.08, 8),
        ("nas_ptb", 15_000, 35, 5e-4, 35, 2, 0.08, 10),
        ("nasnet_cifar10", 20_000, 20, 3.5e-4, 100, 1, 0.1, 20),
        *((name, 8_000, 5, 3.5e-4, 100, 1, 0.1, 20) for name in sorted(ON_IMAGENET)),
    ],
)
def test_searches_have_the_numbers_of_the_papers(
    experiment: str,
    trials: int,
    epochs: int,
    lr: float,
    hidden: int,
    layers: int,
    init_range: float,
    batch: int,
) -> None:
    config = composed(experiment)
    assert (config.trials, config.evaluator.epochs) == (trials, epochs)
    policy = config.controller
    assert (policy.lr, policy.hidden, policy.layers) == (lr, hidden, layers)
    assert (policy.init_range, policy.batch) == (init_range, batch)
    if "clip" in policy:  # NASNet's, and MnasNet's
        assert (policy.entropy, policy.baseline_decay) == (1e-5, 0.95)
    else:
        assert policy.entropy == 0


@pytest.mark.parametrize("size", ["", "_small"])
def test_ablations_of_mnasnet_differ_in_one_thing_each(size: str) -> None:
    """Tan et al. (2019), table 5: a single objective and cells, both and cells, MnasNet."""
    names = (f"mnasnet_cells_single{size}", f"mnasnet_cells{size}", f"mnasnet_imagenet{size}")
    single, cells, mnasnet = (OmegaConf.to_container(composed(name)) for name in names)
    assert {key for key in single if single[key] != cells[key]} == {"objective"}
    assert {key for key in single if mnasnet[key] != cells[key]} == {"search_space"}
    assert single["objective"]["metric"] == "val_accuracy"
    assert "target_ms" not in single["objective"]
    assert mnasnet["objective"] == asdict(option("objective", "accuracy_latency_soft"))
    assert mnasnet["objective"]["target_ms"] == 75
    assert {"size", "torch"} == set(mnasnet["meters"])


def study(toy: Shell, *words: str) -> list[Any]:
    """Run a sweep of studies; the last trial of each."""
    words = ("-m", "dir=runs", "executor=serial", *words)
    done = toy("nasframe", *words, NASFRAME_BLOCK="toy")
    assert done.returncode == 0, done.stderr
    folders = sorted(file.parent for file in (toy.cwd / "runs").rglob("journal.jsonl"))
    for folder in folders:
        assert json.loads((folder / "journal.jsonl").read_text().splitlines()[0])
    return [read_result(folder).trials[-1] for folder in folders]


SMALL = [name for name in EXPERIMENTS if name.endswith("_small")]


@pytest.mark.parametrize(
    "names",
    [
        ["mnasnet_imagenet_small", "nasnet_cifar10_small"],
        pytest.param(SMALL, marks=pytest.mark.slow),
    ],
    ids=len,
)
def test_small_experiments_search(tmp_path: Path, names: list[str]) -> None:
    words = ("trials=2", "evaluator.epochs=1", f"experiment={','.join(names)}")
    trials = study(shell(tmp_path), *words)
    assert len(SMALL) == 6
    assert len(trials) == len(names)
    assert all(trial.error is None and trial.reward > 0 for trial in trials)


@pytest.mark.slow
def test_spaces_for_sequences_train_under_every_controller(tmp_path: Path) -> None:
    words = ("task=text", "objective=perplexity", "search_space.units=16", "evaluator.epochs=1")
    spaces, controllers = ",".join(SEQUENCES), ",".join(CONTROLLERS)
    grid = (f"search_space={spaces}", f"controller={controllers}", "trials=1")
    trials = study(shell(tmp_path), *words, *grid)
    assert len(trials) == len(SEQUENCES) * len(CONTROLLERS)
    assert all(trial.error is None and trial.reward > 0 for trial in trials)


HINTS = {
    ("search_space=nas_rnn",): "here search_space=mnasnet or mnasnet_flat or nas_cnn",
    ("task=text",): "here search_space=nas_rnn or nas_rnn_extended would fit",
    ("search_space=nas_rnn", "task=text"): "here objective=perplexity would fit",
    ("objective=perplexity",): "here objective=accuracy or weighted would fit",
}


def test_what_does_not_go_together_is_told_with_what_does(tmp_path: Path) -> None:
    toy = shell(tmp_path)
    toy.env["NASFRAME_BLOCK"] = "toy"
    for done, hint in zip(toy.each("nasframe", HINTS), HINTS.values(), strict=True):
        assert done.returncode == 2
        assert hint in done.stderr
    assert toy.files() == set()


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("space", IMAGES)
@pytest.mark.parametrize("task", ["digits", "cifar10_10k2k"])
def test_spaces_for_images_train_under_every_controller(
    tmp_path: Path, task: str, space: str
) -> None:
    words = ["evaluator.epochs=1", "evaluator.batch_size=256", "trials=1", *IMAGES[space]]
    if task != "digits":
        if not CIFAR.is_file():
            pytest.skip(f"needs {CIFAR.name} in ../shared/data")
        words += ["task=arrays", f"task.path={CIFAR}"]
    grid = (f"search_space={space}", f"controller={','.join(CONTROLLERS)}")
    trials = study(replace(shell(tmp_path), patience=1200), *words, *grid)
    assert len(trials) == len(CONTROLLERS)
    assert all(trial.error is None and trial.reward > 0 for trial in trials)


def test_each_space_is_among_those_that_are_tried() -> None:
    spaces = {item.name for item in options() if item.group == "search_space"}
    assert spaces == {*IMAGES, *SEQUENCES, "table"}  # a table has no networks
