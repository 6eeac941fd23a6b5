"""Optuna's samplers as controllers: they propose what Optuna would, and leave no trace."""

from __future__ import annotations

import logging
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import torch
from optuna import samplers
from throwaway import TOYS, shell
from toys import toy_study

from nasframe import (
    Architecture,
    Choice,
    Controller,
    NasframeError,
    Trial,
    option,
    run,
)

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

CHOICES = tuple(Choice(f"c{i}", tuple("abcd"[:size])) for i, size in enumerate((3, 4, 2, 4)))
DISTRIBUTIONS = {
    choice.name: optuna.distributions.CategoricalDistribution(range(len(choice.options)))
    for choice in CHOICES
}
SEED, NUMBER = 3, 40


@pytest.fixture
def silent() -> Iterator[None]:
    """What these tests themselves do with Optuna says nothing."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(verbosity)


def build(**settings: Any) -> Controller:
    config = option("controller", "optuna", **settings)
    controller = config.build(CHOICES, SEED, lambda number: len(CHOICES))
    assert isinstance(controller, Controller)
    return controller


def history(count: int) -> list[Trial]:
    """Random architectures; the more tokens are 0, the better."""
    draw = random.Random(7)
    drawn = [tuple(draw.randrange(len(c.options)) for c in CHOICES) for _ in range(count)]
    return [Trial(i, Architecture(t), reward=t.count(0) / 4) for i, t in enumerate(drawn)]


def native(sampler: Any, trials: list[Trial]) -> Any:
    """An ordinary study of Optuna that knows the trials."""
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for trial in trials:
        params = dict(zip(DISTRIBUTIONS, trial.architecture.tokens, strict=True))
        known = {"params": params, "distributions": DISTRIBUTIONS, "value": trial.reward}
        study.add_trial(optuna.trial.create_trial(**known))
    return study


def tpe(seed: int) -> Any:
    return samplers.TPESampler(seed=seed, multivariate=True, constant_liar=False)


def univariate_tpe(seed: int) -> Any:
    return samplers.TPESampler(
        seed=seed, multivariate=False, n_startup_trials=30, constant_liar=False
    )


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("told", [0, 12, 40])
@pytest.mark.parametrize(
    ("settings", "sampler"),
    [
        ({}, tpe),
        ({"multivariate": False, "startup_trials": 30}, univariate_tpe),
        ({"sampler": "gp"}, lambda seed: samplers.GPSampler(seed=seed)),
        ({"sampler": "random"}, lambda seed: samplers.RandomSampler(seed=seed)),
    ],
    ids=["tpe", "univariate", "gp", "random"],
)
def test_a_proposal_is_what_optuna_would_try(
    settings: dict[str, Any], sampler: Callable[[int], Any], told: int
) -> None:
    controller = build(**settings)
    controller.tell(history(told))
    numbers = range(NUMBER, NUMBER + 4)
    for number, proposal in zip(numbers, controller.ask(numbers), strict=True):
        seed = int(np.random.SeedSequence([SEED, number]).generate_state(1)[0])
        trial = native(sampler(seed), history(told)).ask(DISTRIBUTIONS)
        assert proposal.tokens == tuple(trial.params[name] for name in DISTRIBUTIONS)


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize(
    ("name", "sampler"),
    [
        ("grid", lambda: samplers.GridSampler({c: d.choices for c, d in DISTRIBUTIONS.items()})),
        ("nsgaii", samplers.NSGAIISampler),
        ("nsgaiii", samplers.NSGAIIISampler),
        ("qmc", samplers.QMCSampler),
    ],
)
def test_what_is_refused_keeps_more_than_trials(name: str, sampler: Callable[[], Any]) -> None:
    """Asked by Optuna itself, it leaves notes that no journal of ours would have."""
    study = native(sampler(), history(20))
    study.ask(DISTRIBUTIONS)
    storage = study._storage
    notes = [storage.get_study_system_attrs(study._study_id)]
    notes += [trial.system_attrs for trial in study.trials]
    assert any(notes)
    with pytest.raises(NasframeError, match=f"sampler={name} cannot be rebuilt"):
        build(sampler=name)


@pytest.mark.parametrize("name", ["brute_force", "cmaes"])
def test_samplers_that_cannot_be_asked_so_are_refused(name: str) -> None:
    with pytest.raises(NasframeError, match=f"sampler={name} .* Use gp, random or tpe"):
        build(sampler=name)


def test_a_refusal_on_the_command_line(tmp_path: Path) -> None:
    done = shell(tmp_path)("nasframe", *TOYS, "controller=optuna", "controller.sampler=nsgaii")
    assert done.returncode == 2
    assert "sampler=nsgaii cannot be rebuilt from the journal: it stores with each" in done.stderr


def test_optuna_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(NasframeError, match=r"pip install 'nasframe\[optuna\]'"):
        build()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("sampler", ["tpe", "gp", "random"])
def test_optuna_is_quiet_and_left_as_it_was(
    sampler: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also where choices must be drawn apart from the others, of which Optuna would warn."""
    verbosity, threads = optuna.logging.get_verbosity(), torch.get_num_threads()
    assert verbosity <= logging.INFO, "it would speak"
    controller = build(sampler=sampler)
    shallow = [Trial(i, Architecture((i % 3, i % 4)), reward=i / 30) for i in range(15)]
    controller.tell([*shallow, *history(15)])
    controller.ask(range(4))
    assert capfd.readouterr() == ("", "")
    assert (optuna.logging.get_verbosity(), torch.get_num_threads()) == (verbosity, threads)


def test_what_it_learned_before_the_space_grew_counts() -> None:
    """The first choice was decided by all trials, the others by none."""
    controller = build()
    controller.tell([Trial(i, Architecture((i % 3,)), reward=float(i % 3 == 1)) for i in range(60)])
    tokens = [proposal.tokens for proposal in controller.ask(range(100, 160))]
    assert sum(first == 1 for first, *_ in tokens) > 40, "20 were expected of random draws"
    assert {len(t) for t in tokens} == {len(CHOICES)}
    assert {t[1] for t in tokens} == {0, 1, 2, 3}


@pytest.mark.parametrize("error", [None, "failed"])
def test_after_three_known_networks_in_a_row_it_draws_uniformly(error: str | None) -> None:
    """As the random sampler with the same seed does, until there is a new one."""
    controller, uniform = build(sampler="gp"), build(sampler="random")
    controller.tell(history(40))
    known = Trial(40, Architecture((0, 0, 0, 0)), reward=None if error else 1.0, error=error)
    controller.tell([replace(known, duplicate_of=1), replace(known, duplicate_of=1)])
    assert controller.ask(range(50, 54)) != uniform.ask(range(50, 54))
    controller.tell([replace(known, duplicate_of=1)])
    assert controller.ask(range(50, 54)) == uniform.ask(range(50, 54))
    controller.tell([known])
    assert controller.ask(range(50, 54)) != uniform.ask(range(50, 54))


@pytest.mark.parametrize(("sampler", "trials"), [("tpe", 100), ("gp", 25)])
def test_it_finds_the_best_of_625(tmp_path: Path, sampler: str, trials: int) -> None:
    """In trials of which random search would find it in one study of six, or of twenty-five."""
    best = []
    for seed in range(2):
        config = option("controller", "optuna", sampler=sampler)
        study = toy_study(tmp_path / str(seed), controller=config, trials=trials, seed=seed)
        result = run(study)
        best.append(result.top(1)[0].reward)
    assert best == [0.16] * 2
