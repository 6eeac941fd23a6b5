"""Analyze a study from its journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nasframe.api.config import ObjectiveConfig
from nasframe.api.types import Architecture, Trial, TrialState
from nasframe.errors import NasframeError
from nasframe.registry.calls import blame_part, describe_part
from nasframe.registry.restore import restore_objective, restore_space
from nasframe.report.comparison.labels import label_part
from nasframe.report.study.rescore import rescore
from nasframe.report.study.types import Findings, Front, Stopping, TrainedNetwork
from nasframe.storage import journal
from nasframe.study import pareto
from nasframe.study.metrics import (
    choose_front_metrics,
    describe_missed_target,
    find_latencies,
    parse_goals,
    select_metrics,
)
from nasframe.study.result import get_common_values, rank_trials, read_result


def analyze_study(
    folder: Path,
    *,
    metrics: Sequence[str] | None = None,
    reference: Sequence[float] | None = None,
    strict: bool = False,
    objective: ObjectiveConfig | None = None,
) -> Findings:
    """Analyze a study; its journal is not changed.

    Args:
        folder: the study's folder.
        metrics: the metrics of the Pareto front, as in ``--pareto``; by default the usual ones.
        reference: the reference of the hypervolume, a value for each metric; by default the
            worst values.
        strict: whether a missing front is an error.
        objective: another objective to score the networks under.

    Raises:
        NasframeError: if there is no trained network, the journal is damaged, a part of the study
            cannot be built, or the study lacks a requested metric.
    """
    config, told = _read_study(folder)
    own = restore_objective(config)
    new = [trial for trial in told if trial.duplicate_of is None]
    failed = sum(trial.state is TrialState.FAILED for trial in new)
    rejected = sum(trial.state is TrialState.REJECTED for trial in new)
    trained = rank_trials(new)
    if not trained:
        counts = f"of {len(new)} trials {failed} failed, {rejected} were rejected"
        reasons = [reason for trial in new if (reason := trial.error or trial.rejected)]
        last = f"; the last: {reasons[-1]}" if reasons else ""
        raise NasframeError(f"{folder} has no trained network: {counts}{last}")
    networks = _make_networks(trained, _make_describer(config))
    known = networks[0].metrics
    rescoring = None if objective is None else rescore(trained, known, objective)
    needs = (*own.needs, *(rescoring.needs if rescoring is not None else ()))
    wanted = choose_front_metrics(own.needs, known) if metrics is None else metrics
    front, without_front = _try_front(networks, wanted, reference, strict)
    return Findings(
        folder=folder,
        objective=label_part("objective", config["objective"]),
        trials=len(new),
        failed=failed,
        rejected=rejected,
        duplicates=len(told) - len(new),
        cached=sum(trial.cached for trial in new),
        stopping=_count_epochs(new, config["evaluator"]),
        missed=describe_missed_target(
            own.targets, [(trial.number, trial.metrics) for trial in trained]
        ),
        shown=tuple(select_metrics([*needs, "parameters", *find_latencies(known)], known)),
        networks=networks,
        front=front,
        without_front=without_front,
        rescoring=rescoring,
    )


def _read_study(folder: Path) -> tuple[Mapping[str, Any], tuple[Trial, ...]]:
    header = next(journal.read_journal(folder), None)
    if header is None:
        raise NasframeError(f"{folder} has no trial yet")
    return header["config"], read_result(folder).trials


def _count_epochs(trials: Sequence[Trial], evaluator: Mapping[str, Any]) -> Stopping | None:
    stopped = [trial.stopped for trial in trials if trial.stopped is not None]
    full = evaluator.get("epochs")
    if not stopped or not isinstance(full, int):
        return None
    whole = sum(trial.state is TrialState.TRAINED for trial in trials)
    return Stopping(len(stopped), sum(stopped) + whole * full, (len(stopped) + whole) * full)


def _make_describer(config: Mapping[str, Any]) -> Callable[[Architecture], str]:
    """Return a function that describes architectures; by tokens without the space's plugin."""
    try:
        space = restore_space(config)
    except NasframeError:
        return lambda architecture: architecture.key

    def describe(architecture: Architecture) -> str:
        with blame_part(describe_part(space, "describe")):
            return space.describe(architecture)

    return describe


def _make_networks(
    trained: Sequence[Trial], describe: Callable[[Architecture], str]
) -> tuple[TrainedNetwork, ...]:
    networks = []
    for place, (trial, values) in enumerate(
        zip(trained, get_common_values(trained), strict=True), 1
    ):
        assert trial.reward is not None
        network = TrainedNetwork(
            number=trial.number,
            rank=place,
            reward=trial.reward,
            metrics=values,
            tokens=trial.architecture.tokens,
            words=describe(trial.architecture),
        )
        networks.append(network)
    return tuple(networks)


def _try_front(
    networks: Sequence[TrainedNetwork],
    metrics: Sequence[str],
    reference: Sequence[float] | None,
    strict: bool,
) -> tuple[Front | None, str | None]:
    try:
        return _compute_front(networks, metrics, reference), None
    except NasframeError as error:
        if strict:
            raise
        return None, str(error)


def _compute_front(
    networks: Sequence[TrainedNetwork], metrics: Sequence[str], reference: Sequence[float] | None
) -> Front:
    goals = parse_goals(metrics, networks[0].metrics)
    signs_M = np.array([goal.sign for goal in goals])
    costs_NM = pareto.collect_costs([network.metrics for network in networks], goals)
    if reference is None:
        reference_M = costs_NM.max(0)
    elif len(reference) == len(goals):
        reference_M = signs_M * np.array(reference)
    else:
        names = ", ".join(goal.name for goal in goals)
        raise NasframeError(f"--reference needs {len(goals)} values: of {names}")
    front = pareto.find_front(costs_NM)
    return Front(
        goals=tuple(goals),
        numbers=tuple(networks[row].number for row in front),
        reference=tuple((signs_M * reference_M).tolist()),
        worst=reference is None,
        hypervolume=pareto.compute_hypervolume(costs_NM[front], reference_M),
    )
