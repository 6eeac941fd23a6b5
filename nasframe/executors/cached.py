"""Cached evaluation: results of this study or another one are looked up, not computed again."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from nasframe.api.config import Config, EvaluatorConfig, SearchSpaceConfig, TaskConfig
from nasframe.api.parts import Evaluator, SearchSpace, Task
from nasframe.api.types import Architecture, Context, Metrics
from nasframe.errors import NasframeError
from nasframe.registry.serialization import to_plain
from nasframe.storage.evaluation_cache import CachedEvaluation, EvaluationCache
from nasframe.storage.events import all_finite
from nasframe.storage.files import write_atomically
from nasframe.storage.weights import read_weights

_LIBRARIES = ("nasframe", "torch", "torchvision", "timm", "pytorch-lightning", "numpy")
"""Packages whose version may change a child's metrics."""


class CachedEvaluator:
    """Looks evaluations up in a cache, and adds the missing ones.

    Args:
        folder: the cache.
        configs: those of the search space, the task and the evaluator.
        space: gives canonical keys.
        task: gives the fingerprint of the data.
        evaluator: gives the fingerprint of its environment.

    Raises:
        NasframeError: if the folder cannot be used, or the evaluator has no fingerprint.
    """

    def __init__(
        self,
        folder: Path,
        configs: tuple[SearchSpaceConfig, TaskConfig, EvaluatorConfig],
        space: SearchSpace,
        task: Task,
        evaluator: Evaluator,
    ) -> None:
        self._configs = configs
        self._space, self._task, self._evaluator = space, task, evaluator
        if evaluator.fingerprint() is None:
            raise NasframeError(
                f"cache={folder}: evaluator {type(evaluator).__name__} does not say what its "
                "metrics depend on: implement Evaluator.fingerprint, or leave cache out"
            )
        self._cache = EvaluationCache(folder)

    def evaluate(
        self,
        architecture: Architecture,
        context: Context,
        evaluate: Callable[[Context], Metrics],
    ) -> tuple[Metrics, bool]:
        """Return the metrics, and whether they come from the cache.

        Computed metrics are added to the cache unless the child was stopped early or a metric is
        not finite.
        """
        stopped = False

        def report(epoch: int, metrics: Metrics) -> bool:
            nonlocal stopped
            go_on = context.report(epoch, metrics)
            stopped |= not go_on
            return go_on

        with self._cache.slot(self._make_key(architecture, context), context.cancelled) as slot:
            entry = slot.read()
            if entry is not None:
                _copy_weights(entry, architecture, context)
                return entry.metrics, True
            metrics = evaluate(replace(context, report=report))
            if not stopped and all_finite(metrics):
                weights = None if context.weights is None else context.weights.absolute()
                slot.write(CachedEvaluation(metrics, weights))
            return metrics, False

    def _make_key(self, architecture: Architecture, context: Context) -> dict[str, Any]:
        canonical = self._space.canonical(architecture)
        return {"architecture": repr(canonical), "seed": context.seed, **self.conditions}

    @cached_property
    def conditions(self) -> Mapping[str, Any]:
        """The part of the key that all evaluations of this study share; reads the data.

        Raises:
            NasframeError: if the task has no fingerprint.
        """
        data = self._task.fingerprint()
        if data is None:
            raise NasframeError(
                f"cache: task {type(self._task).__name__} does not say what its data are: "
                "implement Task.fingerprint, or leave cache out"
            )
        space, task, evaluator = self._configs
        return {
            "search_space": to_plain(space),
            "task": to_plain(task),
            "data": data,
            "evaluator": to_plain(evaluator),
            "surroundings": self._evaluator.fingerprint(),
            "versions": {name: _find_version(name) for name in _LIBRARIES},
            "sources": hash_sources(self._configs),
        }


def _find_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def hash_sources(configs: tuple[Config, ...]) -> dict[str, str]:
    """Hash the source code of each package that defines one of the configs.

    During development the code of a package changes while its version stays the same.
    """
    names = {type(config).__module__.partition(".")[0] for config in configs}
    return {name: _hash_source(name) for name in sorted({*names, "nasframe"})}


def _hash_source(name: str) -> str:
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is None:  # a notebook
        return ""
    path = Path(file)
    files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
    digest = hashlib.sha256()
    for source in files:
        digest.update(hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()


def _copy_weights(entry: CachedEvaluation, architecture: Architecture, context: Context) -> None:
    """Copy the weights of an equal architecture, if the study that trained it still has them."""
    if entry.weights is None or context.weights is None:
        return
    try:
        _, metadata = read_weights(entry.weights)
        data = entry.weights.read_bytes()
    except (NasframeError, OSError):
        return
    if metadata.get("tokens") == list(architecture.tokens):
        write_atomically(context.weights, data)
