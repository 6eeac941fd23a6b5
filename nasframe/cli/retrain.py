"""The console script ``nasframe-retrain``: full training of the best architectures."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection
from dataclasses import fields
from pathlib import Path

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig

from nasframe.api.recipe import RecipeConfig
from nasframe.cli import help
from nasframe.cli.errors import report_error
from nasframe.cli.hydra_app import (
    Program,
    ProgramExit,
    convert_values,
    is_setting,
    run_program,
    run_sweep_job,
)
from nasframe.errors import NasframeError
from nasframe.registry.options import restore_config
from nasframe.retraining import RetrainConfig
from nasframe.retraining import retrain as run
from nasframe.storage import journal
from nasframe.storage.network_folder import NETWORK_FILE, read_json

_PLUGIN_KEYS = ("settings.", "recipe.search_space.")
"""Prefixes of settings whose names only a plugin knows."""


def retrain() -> None:
    """Run the command line."""
    run_program(_RETRAIN_PROGRAM, _prepare_words)


def _prepare_words(words: list[str]) -> list[str]:
    """Convert words to Hydra's; the study's search space and task become the default options.

    Raises:
        NasframeError: if the study does not exist, or a setting is missing without a study.
    """
    parse = OverridesParser.create().parse_override
    found = [parse(word) for word in words if is_setting(word)]
    given = {override.key_or_group: override for override in found}
    words = [f"++{word}" if word.startswith(_PLUGIN_KEYS) else word for word in words]
    if "study" in given:
        _register_study_parts(Path(str(given["study"].value())).expanduser())
    elif not given.keys() & {"architectures", "network"}:
        raise NasframeError("give study=DIR, architectures=FILE or network=NAME")
    elif "task" not in given:
        raise NasframeError("task is required: give task=NAME")
    elif "network" in given and "search_space" not in given:
        words.append("~search_space")
    elif "search_space" not in given:
        raise NasframeError("search_space is required: give search_space=NAME")
    return [*words, *_null_recipe(given.keys())]


def _null_recipe(given: Collection[str]) -> list[str]:
    """Override a recipe's settings of space and task where the user gives these settings."""
    own = {f"task.{item.name}" for item in fields(RecipeConfig) if item.default is None}
    of_task = [f"recipe.{key.partition('.')[2]}" for key in sorted(own & set(given))]
    of_space = [f"++recipe.{key}" for key in sorted(given) if key.startswith("search_space.")]
    words = [*of_task, *of_space]
    return [f"{word}=null" for word in words if word.lstrip("+") not in given]


def _register_study_parts(study: Path) -> None:
    header = next(journal.read_journal(study), None)
    if header is None:
        raise NasframeError(f"study={study}: has no finished trial yet")
    store = ConfigStore.instance()
    for group in ("search_space", "task"):
        part = restore_config(group, header["config"][group])
        store.store("study", part, group, provider="nasframe")


def _task(cfg: DictConfig) -> float | None:
    """Run one retraining; return the winner's validation metric, higher is better."""
    job = HydraConfig.get()
    if job.mode is not RunMode.MULTIRUN:
        try:
            return _run(cfg, Path(cfg.dir), lambda line: print(line, flush=True))
        except KeyboardInterrupt:
            print(f"Interrupted: run the same command with dir={cfg.dir} to resume", flush=True)
            raise
        except Exception as error:
            raise ProgramExit(report_error("nasframe-retrain", error)) from None
    folder = Path(job.sweep.dir, job.sweep.subdir)
    hidden = ("dir=", "study=")
    name = " ".join(part for part in job.overrides.task if not part.startswith(hidden))
    return run_sweep_job(folder, name, lambda: _run_one(cfg, folder, name))


def _run_one(cfg: DictConfig, folder: Path, name: str) -> float:
    from nasframe._support.text import format_duration

    start = time.monotonic()
    lines: list[str] = []
    metric = _run(cfg, folder, lines.append)
    print(
        f"{name}: {lines[-1]}, in {format_duration(time.monotonic() - start)}, {folder}", flush=True
    )
    return metric


def _run(cfg: DictConfig, folder: Path, print_line: Callable[[str], None]) -> float:
    from nasframe.retraining.ranking import compute_badness

    result = run(RetrainConfig(**{**convert_values(cfg, RetrainConfig), "dir": folder}), print_line)
    return -compute_badness(result.metrics)


def _rank_retrainings(folder: Path) -> list[str]:
    """Return a line for each finished retraining of a sweep, best first."""
    from nasframe.retraining.ranking import compute_badness

    lines = []
    for path in sorted(folder.glob(f"*/{NETWORK_FILE}")):
        try:
            metrics = read_json(path)["metrics"]
        except NasframeError as error:
            lines.append((math.inf, f"  {error}"))
            continue
        shown = "  ".join(f"{k} {v:.4f}" for k, v in metrics.items() if k.startswith("val_"))
        lines.append((compute_badness(metrics), f"  {shown}  {path.parent.name}"))
    return [line for _, line in sorted(lines)]


_RETRAIN_PROGRAM = Program(
    name="nasframe-retrain",
    what="retrainings",
    config="retrain",
    schema=RetrainConfig,
    budget=("dir", "study"),
    example="top=3",
    help=help.build_retrain_help,
    task=_task,
    rank=_rank_retrainings,
)
