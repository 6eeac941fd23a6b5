"""What a study found: its trials, its best networks, and their weights."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasframe.api.drawing import Drawing
from nasframe.api.types import Trial, TrialState
from nasframe.errors import NasframeError, one_line
from nasframe.executors.worker import child_seed
from nasframe.registry.options import restored
from nasframe.registry.restore import drawing, objective_of, space_of
from nasframe.storage import journal
from nasframe.storage.events import Told, history
from nasframe.storage.network_folder import filled, is_final, load_final
from nasframe.storage.weights import read_weights, weights_path

if TYPE_CHECKING:
    import pandas
    from torch import nn


@dataclass(frozen=True, slots=True)
class StudyResult:
    """The trials of a study that ended, was interrupted, or still runs.

    Attributes:
        folder: the study's folder.
        trials: every proposal with its result, in the order of numbers, duplicates included.
        ended: why the study ended, in words.
        interrupted: whether it was ended from outside.
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
        """The trials of the ``count`` best networks, each network once, the best first."""
        return rank(self.trials)[:count]

    def pareto(self, *metrics: str) -> list[Trial]:
        """The trials of the Pareto front: those whose networks no other one dominates.

        Args:
            metrics: two or more, as ``nasframe-report --pareto`` takes them: ``val_accuracy``,
                ``energy_mj:min``. By default what the objective needs, with the latency if there
                is one, else with the parameters.

        Returns:
            The best by the first metric first; nothing if no network was trained.

        Raises:
            NasframeError: if there are no such metrics, or it is not known what is better.
        """
        from nasframe.study.metrics import parsed, usual
        from nasframe.study.pareto import costs, front

        trained = rank(self.trials)
        if not trained:
            return []
        values = common_values(trained)
        wanted = metrics or usual(objective_of(_config(self.folder)).needs, values[0])
        return [trained[row] for row in front(costs(values, parsed(wanted, values[0])))]

    def draw(self, number: int | None = None) -> Drawing:
        """The architecture of a trial, to be drawn; a notebook shows it.

        Args:
            number: of the trial; if not given, of the best one.

        Raises:
            NasframeError: if there is no such trial, or the plugin of the space is missing.
        """
        trials = {trial.number: trial for trial in self.trials}
        if number is None and self.best is not None:
            number = self.best.number
        if number is None or number not in trials:
            which = "no trained network" if number is None else f"no trial {number}"
            raise NasframeError(f"{self.folder} has {which}")
        return drawing(space_of(_config(self.folder)), trials[number].architecture)

    def dataframe(self) -> pandas.DataFrame:
        """The trials as a table of pandas, which must be installed, by their numbers.

        Columns are ``state`` (``trained``, ``stopped``, ``failed``, ``rejected``, ``duplicate``),
        ``reason``, ``reward``, ``seconds``, ``architecture`` (its tokens as text), and each metric;
        of a series its last value.
        """
        import pandas

        rows = []
        for trial in self.trials:
            state, reason = outcome(trial)
            own = {"trial": trial.number, "state": state, "reason": reason, "reward": trial.reward}
            more = {"seconds": trial.seconds, "architecture": trial.architecture.key}
            rows.append({**own, **more, **single_values(trial)})
        return pandas.DataFrame(rows).set_index("trial") if rows else pandas.DataFrame()

    def _repr_html_(self) -> str:
        """What a notebook shows: how many trials there are, the best of them, the best drawn."""
        head = "".join(f"<th>{name}</th>" for name in ("trial", "reward", "architecture"))
        rows = "".join(
            f"<tr><td>{trial.number}</td><td>{trial.reward:.4f}</td>"
            f"<td>{escape(trial.architecture.key)}</td></tr>"
            for trial in self.top(5)
        )
        words = f"{len(self.trials)} proposals in {self.folder}. {self.ended}"
        picture = ""
        with suppress(NasframeError):  # the plugin of the space, or what draws, is missing
            picture = self.draw().svg()
        return f"<p>{escape(words)}</p><table><tr>{head}</tr>{rows}</table>{picture}"


def rank(trials: Iterable[Trial]) -> list[Trial]:
    """Trials with a reward by falling reward, the earlier first among equals; each network once."""
    rewards = [
        (-trial.reward, trial.number, trial)
        for trial in trials
        if trial.reward is not None and trial.duplicate_of is None
    ]
    return [trial for _, _, trial in sorted(rewards, key=lambda item: item[:2])]


def outcome(trial: Trial) -> tuple[str, str]:
    """What became of a trial in a word, and why."""
    if trial.duplicate_of is not None:
        return "duplicate", f"of trial {trial.duplicate_of}"
    reasons = {
        TrialState.TRAINED: "",
        TrialState.STOPPED: f"after epoch {trial.stopped}",
        TrialState.REJECTED: trial.rejected or "",
        TrialState.FAILED: trial.error or "",
    }
    return trial.state.value, reasons[trial.state]


def single_values(trial: Trial) -> dict[str, float]:
    """The metrics of a trial; of a series the last value."""
    series = {k: v if isinstance(v, tuple) else (v,) for k, v in trial.metrics.items()}
    return {name: float(values[-1]) for name, values in series.items() if values}


def common_values(trials: Sequence[Trial]) -> list[dict[str, float]]:
    """Of each trial the metrics that all have; of a series the last value."""
    values = [single_values(trial) for trial in trials]
    common = [name for name in values[0] if all(name in one for one in values)] if values else []
    return [{name: one[name] for name in common} for one in values]


def read_result(folder: Path | str) -> StudyResult:
    """Read a study from its folder; it may still be running.

    Raises:
        NasframeError: if there is no study, or its journal is damaged.
    """
    folder = Path(folder)
    told = (event.trial for event in history(folder) if isinstance(event, Told))
    trials = sorted(told, key=lambda trial: trial.number)
    return StudyResult(folder, tuple(trials))


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the best networks of a study, and how it was trained there.

    Attributes:
        trial: with its metrics and reward.
        key: the canonical key of its architecture.
        epochs: for how many epochs it was trained; ``None`` if it was not trained by epochs.
        seed: of the child.
    """

    trial: Trial
    key: Hashable
    epochs: int | None
    seed: int


def candidates(folder: Path | str, count: int) -> list[Candidate]:
    """The best networks of a study, each once, the best first: those to be trained further.

    NASNet's authors trained the best 250 to convergence (Zoph et al. 2018), MnasNet's the best 15
    in full (Tan et al. 2019).

    Args:
        folder: the study's folder; the study may still be running.
        count: how many.

    Raises:
        NasframeError: if there is no such study, or its search space cannot be built.
    """
    folder = Path(folder)
    if next(journal.read(folder), None) is None:
        return []
    config = _config(folder)
    space = space_of(config)
    found: dict[Hashable, Candidate] = {}
    for trial in rank(read_result(folder).trials):
        # By today's key: what an older version took for two networks may be known to be one.
        key = space.canonical(trial.architecture)
        if key not in found:
            epochs = trial.metrics.get("epochs")
            seed = child_seed(config["evaluator"]["seed"], key)
            number = int(epochs) if isinstance(epochs, int | float) else None
            found[key] = Candidate(trial, key, number, seed)
    return list(found.values())[:count]


def _config(folder: Path) -> Mapping[str, Any]:
    """The configuration of a study.

    Raises:
        NasframeError: if there is none, or it has no finished trial.
    """
    header = next(journal.read(folder), None)
    if header is None:
        raise NasframeError(f"{folder} holds no finished trial yet")
    config: Mapping[str, Any] = header["config"]
    return config


def load(folder: Path | str, number: int | None = None) -> nn.Module:
    """Load a trained network of a study, or of ``nasframe-retrain``, in evaluation mode.

    Its ``data_config`` says how inputs are prepared: images in timm's words (``input_size``,
    ``mean``, ``std``), texts by ``level`` and ``vocabulary``, the token of each number.

    Args:
        folder: of the study, or of what was trained in full.
        number: of a study's trial; if not given the best one whose weights were kept, or the
            winner of those trained in full.

    Raises:
        NasframeError: if there is no such study, or no weights of that trial.
    """
    folder = Path(folder)
    if is_final(folder):
        return load_final(folder if number is None else folder / f"trial-{number}")
    config = _config(folder)
    trials = {trial.number: trial for trial in rank(read_result(folder).trials)}
    kept = [n for n in trials if weights_path(folder, n).is_file()]
    if number is None and kept:
        number = kept[0]
    if number not in kept:
        wanted = "any trial" if number is None else f"trial {number}"
        there = f"there are those of {', '.join(map(str, kept))}"
        raise NasframeError(
            f"{folder} holds no weights of {wanted}; "
            + (there if kept else "keep=0 and look-ups in a table leave none")
        )
    path = weights_path(folder, number)
    state, metadata = read_weights(path)
    space = config["search_space"]
    restored("search_space", space)  # says so if its plugin is not installed
    about = {"search_space": space, "tokens": trials[number].architecture.tokens}
    try:
        return filled(about, metadata["task"], state)
    except Exception as error:
        raise NasframeError(
            f"{path}: is not a weights file of trial {number}: {one_line(error)}"
        ) from error
