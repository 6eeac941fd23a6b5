"""A learning controller's own choice: its policy's most probable architecture at the end."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nasframe.api.parts import Controller, Objective
from nasframe.api.study_config import StudyConfig
from nasframe.api.types import Architecture, Step, Trial
from nasframe.errors import NasframeError
from nasframe.executors.worker import Worker
from nasframe.registry.calls import blame_part, build_part, describe_part
from nasframe.registry.options import SEVERAL, restore_config
from nasframe.registry.serialization import parse_settings
from nasframe.report.comparison.groups import Contender, Contest
from nasframe.report.comparison.statistics import Estimate, estimate
from nasframe.report.comparison.studies import get_value
from nasframe.report.parallel import map_folders
from nasframe.storage import journal
from nasframe.study.enqueue import check_tokens
from nasframe.study.replay import replay
from nasframe.study.scoring import apply_result, is_over
from nasframe.study.state import Ledger


@dataclass(frozen=True, slots=True)
class Policies:
    """The choices of a contender's policies.

    Attributes:
        label: the contender's label.
        studies: the number of its studies that have a policy.
        tried: the number of studies in which the choice was a trial.
        choice: the mean value of the choice, over the studies where it is known.
        best: the mean value of the best trial, over the same studies.
    """

    label: str
    studies: int
    tried: int
    choice: Estimate | None
    best: Estimate | None


@dataclass(frozen=True, slots=True)
class PolicyChoice:
    """The choice of one study's policy; ``value`` is ``None`` if unknown."""

    tried: bool
    value: float | None


def ask_policies(contest: Contest, *, evaluate: bool = False) -> list[Policies]:
    """Ask the controllers of all contenders with a policy for their choices.

    Args:
        contest: the studies.
        evaluate: whether to evaluate untried choices now, with the parts of their studies;
            journals are not changed.

    Raises:
        NasframeError: if a controller cannot be built, or an evaluation is impossible.
    """
    folders = [study.folder for one in contest.contenders for study in one.studies.values()]
    ask = partial(ask_policy, metric=contest.metric, evaluate=evaluate)
    found = dict(zip(folders, map_folders(ask, folders, "Asking the policies"), strict=True))
    return [
        _summarize(contender, found)
        for contender in contest.contenders
        if any(found[study.folder] is not None for study in contender.studies.values())
    ]


def _summarize(contender: Contender, found: dict[Path, PolicyChoice | None]) -> Policies:
    choices = [(s, c) for s in contender.studies.values() if (c := found[s.folder]) is not None]
    known = [(study, choice.value) for study, choice in choices if choice.value is not None]
    return Policies(
        label=contender.label,
        studies=len(choices),
        tried=sum(choice.tried for _, choice in choices),
        choice=estimate([value for _, value in known]),
        best=estimate([study.values_N[study.rewards_N.argmax()] for study, _ in known]),
    )


def ask_policy(folder: Path, metric: str | None, evaluate: bool) -> PolicyChoice | None:
    """Replay a study and ask its controller for its choice; ``None`` without a policy.

    Raises:
        NasframeError: see ``ask_policies``.
    """
    config = _read_config(folder)
    worker = Worker(config.parts())
    space = worker.space
    build = config.controller.build
    controller = build_part(build, Controller, space.choices, config.seed, space.active)
    if type(controller).argmax is Controller.argmax:
        return None
    ledger = Ledger(space, controller, config.synchronous)
    replay(folder, space, ledger, config)
    ledger.learn()
    number = ledger.next_number
    with blame_part(describe_part(controller, "argmax")):
        tokens = controller.argmax(number)
        if tokens is None:
            return None
        check_tokens(tokens, space.choices[: space.active(number)])
    architecture = Architecture(tuple(tokens))
    known = ledger.known.get(space.canonical(architecture))
    if known is not None:
        return PolicyChoice(True, get_value(ledger.trials[known], metric, folder))
    if not evaluate:
        return PolicyChoice(False, None)
    trial = _evaluate(Trial(number, architecture), worker, config)
    return PolicyChoice(False, get_value(trial, metric, folder))


def _read_config(folder: Path) -> StudyConfig:
    """Read a study's configuration from its journal, with logging and kept weights off."""
    stored = next(journal.read_journal(folder))["config"]
    values = parse_settings(StudyConfig, {**stored, "logger": {}})
    for name, value in values.items():
        if name in SEVERAL:
            values[name] = {one: restore_config(name, part) for one, part in value.items()}
        elif isinstance(value, dict):
            values[name] = restore_config(name, value)
    return StudyConfig(**{**values, "dir": folder, "keep": 0})


def _evaluate(trial: Trial, worker: Worker, config: StudyConfig) -> Trial:
    """Measure and train a trial, without a stopper."""
    objective = build_part(config.objective.build, Objective)
    for step in (Step.MEASURE, Step.TRAIN) if config.meters else (Step.TRAIN,):
        tokens = trial.architecture.tokens
        result = worker.run(trial.number, step, tokens, lambda *_: True, lambda: False)
        if result.fatal:
            raise NasframeError(str(result.error))
        trial = apply_result(trial, result, objective)
        if is_over(trial):
            break
    return trial
