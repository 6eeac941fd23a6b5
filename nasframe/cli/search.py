"""The console script ``nasframe``: a search, configured by Hydra."""

from __future__ import annotations

import shlex
import time
from math import inf
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from nasframe.api.parts import Objective
from nasframe.api.study_config import StudyConfig
from nasframe.cli import help
from nasframe.cli.errors import report_error
from nasframe.cli.hydra_app import Program, ProgramExit, convert_values, run_program, run_sweep_job
from nasframe.errors import NasframeError
from nasframe.registry.calls import build_part
from nasframe.storage.journal import JOURNAL_FILE
from nasframe.study import run
from nasframe.study.observer import Observer


def search() -> None:
    """Run the command line."""
    run_program(_SEARCH_PROGRAM)


def _task(cfg: DictConfig) -> float | None:
    """Run one study; return the best reward, for sweepers."""
    if HydraConfig.get().mode is RunMode.MULTIRUN:
        return _run_in_sweep(cfg)
    try:
        return _run(cfg)
    except Exception as error:
        raise ProgramExit(report_error("nasframe", error)) from None


def _run(cfg: DictConfig) -> float:
    from nasframe.cli.console import ConsoleObserver

    config = build_study_config(cfg, Path(cfg.dir))
    objective = build_part(config.objective.build, Objective)
    console = ConsoleObserver(objective.needs, _format_command(config.dir), objective.targets)
    result = run.run(config, observers=[console])
    if result.interrupted:
        raise KeyboardInterrupt
    if result.best is None:
        raise ProgramExit(1)
    assert result.best.reward is not None
    return result.best.reward


def _format_command(folder: Path) -> str:
    """Format the command line that resumes this study, without its budget."""
    given = HydraConfig.get().overrides.task
    keys = [word.lstrip("+").partition("=")[0] for word in given]
    pairs = zip(given, keys, strict=True)
    kept = [word for word, key in pairs if key not in ("trials", "hours")]
    return shlex.join(["nasframe", *kept, *([] if "dir" in keys else [f"dir={folder}"])])


def _run_in_sweep(cfg: DictConfig) -> float | None:
    """Run one study of a sweep and print its result in one line."""
    job = HydraConfig.get()
    folder = Path(job.sweep.dir, job.sweep.subdir)
    name = " ".join(part for part in job.overrides.task if not part.startswith("dir="))
    return run_sweep_job(folder, name, lambda: _run_one(cfg, folder, name))


def _run_one(cfg: DictConfig, folder: Path, name: str) -> float:
    from nasframe._support.text import format_duration

    start = time.monotonic()
    earlier = _EarlierTrials()
    result = run.run(build_study_config(cfg, folder), observers=[earlier])
    if result.interrupted:
        raise KeyboardInterrupt
    if result.best is None:
        reasons = [trial.error or trial.rejected for trial in result.trials] or ["no trial was run"]
        raise NasframeError(f"no trial succeeded: {reasons[-1]}")
    assert result.best.reward is not None
    trials = sum(trial.duplicate_of is None for trial in result.trials)
    best = f"reward {result.best.reward:.4f} after {trials} trials"
    seconds = format_duration(time.monotonic() - start)
    when = ", finished before" if earlier.done == trials else f" in {seconds}"
    print(f"{name}: {best}{when}, {folder}", flush=True)
    return result.best.reward


class _EarlierTrials(Observer):
    """The number of trials that a study had at its start."""

    done = 0

    def on_start(self, config: StudyConfig, done: int, best: float | None, elapsed: float) -> None:
        """Store the number."""
        self.done = done


def _rank_studies(folder: Path) -> list[str]:
    """Return a line for each study of a sweep with a trained network, best first."""
    from nasframe.study.result import read_result

    lines = []
    for journal in sorted(folder.glob(f"*/{JOURNAL_FILE}")):
        try:
            best = read_result(journal.parent).best
        except NasframeError as error:
            lines.append((inf, f"  {error}"))
        else:
            if best is not None and best.reward is not None:
                lines.append((-best.reward, f"  reward {best.reward:.4f}  {journal.parent.name}"))
    return [line for _, line in sorted(lines)]


def build_study_config(cfg: DictConfig, folder: Path) -> StudyConfig:
    """Build the typed configuration of a study.

    Raises:
        NasframeError: if a value is out of bounds or a key unknown; the message has the full key.
    """
    return StudyConfig(**{**convert_values(cfg, StudyConfig), "dir": folder})


_SEARCH_PROGRAM = Program(
    name="nasframe",
    what="studies",
    config="study",
    schema=StudyConfig,
    budget=("dir", "trials", "hours"),
    example="trials=100",
    help=help.build_search_help,
    task=_task,
    rank=_rank_studies,
)
