"""What a study found: its trials, its best networks, and their weights."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from nasframe import journal
from nasframe.api import SearchSpace, Trial
from nasframe.errors import NasframeError, one_line
from nasframe.events import Told, history
from nasframe.executors.worker import child_seed
from nasframe.final import filled, is_final, load_final
from nasframe.plugins import restored
from nasframe.weights import read_weights, weights_path

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
        """What a notebook shows: how many trials there are, and the best of them."""
        head = "".join(f"<th>{name}</th>" for name in ("trial", "reward", "architecture"))
        rows = "".join(
            f"<tr><td>{trial.number}</td><td>{trial.reward:.4f}</td>"
            f"<td>{escape(trial.architecture.key)}</td></tr>"
            for trial in self.top(5)
        )
        words = f"{len(self.trials)} proposals in {self.folder}. {self.ended}"
        return f"<p>{escape(words)}</p><table><tr>{head}</tr>{rows}</table>"


def rank(trials: Iterable[Trial]) -> list[Trial]:
    """Trained trials by falling reward, the earlier first among equals; each network once."""
    rewards = [
        (-trial.reward, trial.number, trial)
        for trial in trials
        if trial.reward is not None and trial.rejected is None and trial.duplicate_of is None
    ]
    return [trial for _, _, trial in sorted(rewards, key=lambda item: item[:2])]


def outcome(trial: Trial) -> tuple[str, str]:
    """What became of a trial in a word, and why."""
    if trial.duplicate_of is not None:
        return "duplicate", f"of trial {trial.duplicate_of}"
    if trial.rejected is not None:
        return "rejected", trial.rejected
    if trial.stopped is not None:
        return "stopped", f"after epoch {trial.stopped}"
    return ("trained", "") if trial.error is None else ("failed", trial.error)


def single_values(trial: Trial) -> dict[str, float]:
    """The metrics of a trial; of a series the last value."""
    series = {k: v if isinstance(v, tuple) else (v,) for k, v in trial.metrics.items()}
    return {name: float(values[-1]) for name, values in series.items() if values}


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
    header = next(journal.read(folder), None)
    if header is None:
        return []
    config = header["config"]
    space: SearchSpace = restored("search_space", config["search_space"]).build()
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
    header = next(journal.read(folder), None)
    if header is None:
        raise NasframeError(f"{folder} holds no finished trial yet")
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
    space = header["config"]["search_space"]
    restored("search_space", space)  # says so if its plugin is not installed
    about = {"search_space": space, "tokens": trials[number].architecture.tokens}
    try:
        return filled(about, metadata["task"], state)
    except Exception as error:
        raise NasframeError(
            f"{path}: is no file of weights of trial {number}: {one_line(error)}"
        ) from error
