"""The result of a study: its trials, its best networks and their weights."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasframe.api.drawing import Drawing
from nasframe.api.types import Trial, TrialState
from nasframe.errors import NasframeError, format_error
from nasframe.executors.worker import derive_child_seed
from nasframe.registry.options import restore_config
from nasframe.registry.restore import draw_architecture, restore_objective, restore_space
from nasframe.storage import journal
from nasframe.storage.events import Told, read_events
from nasframe.storage.network_folder import build_trained_network, is_final, load_final_network
from nasframe.storage.weights import read_weights, weights_path

if TYPE_CHECKING:
    import pandas
    from torch import nn


@dataclass(frozen=True, slots=True)
class StudyResult:
    """The trials of a study that ended, was interrupted, or is still running.

    Attributes:
        folder: the study's folder.
        trials: every proposal with a result, including duplicates, in the order of numbers.
        ended: why the study ended, as text.
        interrupted: whether the study was interrupted from outside.
    """

    folder: Path
    trials: tuple[Trial, ...] = field(repr=False)
    ended: str = ""
    interrupted: bool = False

    @property
    def best(self) -> Trial | None:
        """The trial with the highest reward, or ``None`` if none succeeded."""
        return next(iter(self.top(1)), None)

    def top(self, count: int) -> list[Trial]:
        """Return the trials of the ``count`` best networks, each network once, the best first."""
        return rank_trials(self.trials)[:count]

    def pareto(self, *metrics: str) -> list[Trial]:
        """Return the trials of the Pareto front: no other network dominates theirs.

        Args:
            metrics: two or more, in the syntax of ``nasframe-report --pareto``: ``val_accuracy``,
                ``energy_mj:min``. By default the metrics that the objective needs and the only
                latency, or else the parameters.

        Returns:
            The trials, the best by the first metric first; empty if no network was trained.

        Raises:
            NasframeError: if the study lacks a metric, or a direction is unknown.
        """
        from nasframe.study.metrics import choose_front_metrics, parse_goals
        from nasframe.study.pareto import collect_costs, find_front

        trained = rank_trials(self.trials)
        if not trained:
            return []
        values = get_common_values(trained)
        wanted = metrics or choose_front_metrics(
            restore_objective(_config(self.folder)).needs, values[0]
        )
        return [
            trained[row]
            for row in find_front(collect_costs(values, parse_goals(wanted, values[0])))
        ]

    def draw(self, number: int | None = None) -> Drawing:
        """Draw the architecture of a trial; a notebook shows the drawing.

        Args:
            number: number of the trial; by default of the best trial.

        Raises:
            NasframeError: if there is no such trial, or the plugin of the space is missing.
        """
        trials = {trial.number: trial for trial in self.trials}
        if number is None and self.best is not None:
            number = self.best.number
        if number is None or number not in trials:
            which = "no trained network" if number is None else f"no trial {number}"
            raise NasframeError(f"{self.folder} has {which}")
        return draw_architecture(restore_space(_config(self.folder)), trials[number].architecture)

    def dataframe(self) -> pandas.DataFrame:
        """Return the trials as a pandas table by their numbers; pandas must be installed.

        Columns are ``state`` (``trained``, ``stopped``, ``failed``, ``rejected``, ``duplicate``),
        ``reason``, ``reward``, ``seconds``, ``architecture`` (its tokens as text), and each metric
        (the last value of a series).
        """
        import pandas

        rows = []
        for trial in self.trials:
            state, reason = describe_outcome(trial)
            row = {"trial": trial.number, "state": state, "reason": reason, "reward": trial.reward}
            row |= {"seconds": trial.seconds, "architecture": trial.architecture.key}
            rows.append({**row, **get_last_values(trial)})
        return pandas.DataFrame(rows).set_index("trial") if rows else pandas.DataFrame()

    def _repr_html_(self) -> str:
        """Return the number of trials, the best trials and a drawing of the best, for notebooks."""
        head = "".join(f"<th>{name}</th>" for name in ("trial", "reward", "architecture"))
        rows = "".join(
            f"<tr><td>{trial.number}</td><td>{trial.reward:.4f}</td>"
            f"<td>{escape(trial.architecture.key)}</td></tr>"
            for trial in self.top(5)
        )
        text = f"{len(self.trials)} proposals in {self.folder}. {self.ended}"
        picture = ""
        with suppress(NasframeError):  # the plugin of the space, or a drawing package, is missing
            picture = self.draw().svg()
        return f"<p>{escape(text)}</p><table><tr>{head}</tr>{rows}</table>{picture}"


def rank_trials(trials: Iterable[Trial]) -> list[Trial]:
    """Return trials by falling reward, the earlier first among equals; each network once."""
    rewards = [
        (-trial.reward, trial.number, trial)
        for trial in trials
        if trial.reward is not None and trial.duplicate_of is None
    ]
    return [trial for _, _, trial in sorted(rewards, key=lambda item: item[:2])]


def describe_outcome(trial: Trial) -> tuple[str, str]:
    """Return a trial's state, or that it is a duplicate, and the reason."""
    if trial.duplicate_of is not None:
        return "duplicate", f"of trial {trial.duplicate_of}"
    reasons = {
        TrialState.TRAINED: "",
        TrialState.STOPPED: f"after epoch {trial.stopped}",
        TrialState.REJECTED: trial.rejected or "",
        TrialState.FAILED: trial.error or "",
    }
    return trial.state.value, reasons[trial.state]


def get_last_values(trial: Trial) -> dict[str, float]:
    """Return the metrics of a trial with the last value of each series."""
    series = {k: v if isinstance(v, tuple) else (v,) for k, v in trial.metrics.items()}
    return {name: float(values[-1]) for name, values in series.items() if values}


def get_common_values(trials: Sequence[Trial]) -> list[dict[str, float]]:
    """Return the metrics common to all trials, for each trial, with the last value of a series."""
    values = [get_last_values(trial) for trial in trials]
    common = [name for name in values[0] if all(name in one for one in values)] if values else []
    return [{name: one[name] for name in common} for one in values]


def read_result(folder: Path | str) -> StudyResult:
    """Read a study from its folder; the study may still be running.

    Raises:
        NasframeError: if there is no study, or its journal is damaged.
    """
    folder = Path(folder)
    told = (event.trial for event in read_events(folder) if isinstance(event, Told))
    trials = sorted(told, key=lambda trial: trial.number)
    return StudyResult(folder, tuple(trials))


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the best networks of a study, and its training.

    Attributes:
        trial: the trial with its metrics and reward.
        key: the canonical key of its architecture.
        epochs: number of epochs of its training; ``None`` if it was not trained by epochs.
        seed: seed of the child.
    """

    trial: Trial
    key: Hashable
    epochs: int | None
    seed: int


def candidates(folder: Path | str, count: int) -> list[Candidate]:
    """Return the best networks of a study to train further, each once, the best first.

    NASNet's authors trained the best 250 to convergence (Zoph et al. 2018), MnasNet's the best 15
    in full (Tan et al. 2019).

    Args:
        folder: the study's folder; the study may still be running.
        count: maximum number of networks.

    Raises:
        NasframeError: if there is no such study, or its search space cannot be built.
    """
    folder = Path(folder)
    if next(journal.read_journal(folder), None) is None:
        return []
    config = _config(folder)
    space = restore_space(config)
    found: dict[Hashable, Candidate] = {}
    for trial in rank_trials(read_result(folder).trials):
        # By the present key: two networks in an older version may be one now.
        key = space.canonical(trial.architecture)
        if key not in found:
            epochs = trial.metrics.get("epochs")
            seed = derive_child_seed(config["evaluator"]["seed"], key)
            number = int(epochs) if isinstance(epochs, int | float) else None
            found[key] = Candidate(trial, key, number, seed)
    return list(found.values())[:count]


def _config(folder: Path) -> Mapping[str, Any]:
    """Read the configuration of a study.

    Raises:
        NasframeError: if there is no study, or its journal is empty.
    """
    header = next(journal.read_journal(folder), None)
    if header is None:
        raise NasframeError(f"{folder} holds no finished trial yet")
    config: Mapping[str, Any] = header["config"]
    return config


def load(folder: Path | str, number: int | None = None) -> nn.Module:
    """Load a trained network of a study, or of ``nasframe-retrain``, in evaluation mode.

    Its ``data_config`` says how to prepare inputs: images in timm's terms (``input_size``,
    ``mean``, ``std``), texts by ``level`` and ``vocabulary``, the token of each number.

    Args:
        folder: folder of the study, or of the networks trained in full.
        number: number of a study's trial; by default the best one with kept weights, or the winner
            of the networks trained in full.

    Raises:
        NasframeError: if there is no such study, or it has no weights of that trial.
    """
    folder = Path(folder)
    if is_final(folder):
        return load_final_network(folder if number is None else folder / f"trial-{number}")
    config = _config(folder)
    trials = {trial.number: trial for trial in rank_trials(read_result(folder).trials)}
    kept = [n for n in trials if weights_path(folder, n).is_file()]
    if number is None and kept:
        number = kept[0]
    if number not in kept:
        wanted = "any trial" if number is None else f"trial {number}"
        available = f"there are weights of {', '.join(map(str, kept))}"
        raise NasframeError(
            f"{folder} holds no weights of {wanted}; "
            + (available if kept else "keep=0 and look-ups in a table leave none")
        )
    path = weights_path(folder, number)
    state, metadata = read_weights(path)
    space = config["search_space"]
    restore_config("search_space", space)  # raises if its plugin is not installed
    about = {"search_space": space, "tokens": trials[number].architecture.tokens}
    try:
        return build_trained_network(about, metadata["task"], state)
    except Exception as error:
        raise NasframeError(
            f"{path}: is not a weights file of trial {number}: {format_error(error)}"
        ) from error
