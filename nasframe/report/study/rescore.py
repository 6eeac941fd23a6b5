"""Score the networks of a study under another objective, without training."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from nasframe.api.config import ObjectiveConfig
from nasframe.api.parts import Objective
from nasframe.api.types import Trial
from nasframe.errors import NasframeError
from nasframe.registry.calls import build_part
from nasframe.registry.serialization import to_plain
from nasframe.report.comparison.labels import label_part
from nasframe.report.study.types import Rescored, Rescoring
from nasframe.study.result import rank_trials
from nasframe.study.scoring import score_trial


def rescore(
    trained: Sequence[Trial], metrics: Collection[str], config: ObjectiveConfig
) -> Rescoring:
    """Score or reject trained trials as a study with this objective would.

    Args:
        trained: the trials.
        metrics: the metrics that all trials have.
        config: the configuration of the objective.

    Raises:
        NasframeError: if the objective needs other metrics.
    """
    name = label_part("objective", to_plain(config))
    objective: Objective = build_part(config.build, Objective)
    for need in objective.needs:
        if need not in metrics:
            raise NasframeError(
                f"objective={name} needs {need}, which the study does not have; "
                f"there is {', '.join(sorted(metrics))}"
            )
    trials = [score_trial(replace(trial, reward=None), objective) for trial in trained]
    ranks = {trial.number: place for place, trial in enumerate(rank_trials(trials), 1)}
    networks = [
        Rescored(t.number, ranks.get(t.number), t.reward, t.rejected, t.error) for t in trials
    ]
    last = len(networks) + 1
    networks.sort(key=lambda network: (network.rank or last, network.error is not None))
    return Rescoring(name, objective.needs, tuple(networks))
