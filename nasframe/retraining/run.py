"""Trains the best networks of a study in full, and names the winner."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nasframe.api import Task
from nasframe.cpu import threads
from nasframe.errors import NasframeError
from nasframe.final import NETWORK, WEIGHTS, build, load_final, read_json, write_json
from nasframe.journal import BusyError
from nasframe.latency.lock import held
from nasframe.plain import flat, to_plain
from nasframe.recipe import RecipeConfig
from nasframe.retraining.beginning import begin_with, freeze
from nasframe.retraining.card import model_card
from nasframe.retraining.chosen import Chosen, chosen
from nasframe.retraining.config import RetrainConfig, Retrained
from nasframe.retraining.fitting import fit, remove_checkpoint
from nasframe.retraining.module import Row
from nasframe.training.surroundings import find_device, seeded
from nasframe.weights import save_weights, write_whole

SETTINGS, CURVES, CARD = "retrain.json", "curves.csv", "README.md"


def retrain(config: RetrainConfig, tell: Callable[[str], None]) -> Retrained:
    """See ``nasframe.retrain``."""
    config = _with_recipe(config)
    task = config.task.build()
    device = find_device(config.device)
    _smooth(task, config.recipe.label_smoothing)
    networks = chosen(config, task)
    with seeded(config.seed, device):
        _built(config, task, networks[0])  # what is wrong with it is said before a folder is made
    with _opened(config):
        found = []
        for place, network in enumerate(networks, 1):
            job = _Job(config, task, device, network)
            found.append(
                (network.name, job.run(partial(_told, tell, f"{place} of {len(networks)}")))
            )
        ranking = tuple(sorted(found, key=lambda pair: badness(pair[1])))
        winner = ranking[0][0]
        metrics = _finish(config, task, device, winner, dict(ranking[0][1]), ranking)
    result = Retrained(config.dir, winner, metrics, ranking)
    shown = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items() if "_" in name)
    tell(f"Winner: {winner}  {shown}")
    return result


def _with_recipe(config: RetrainConfig) -> RetrainConfig:
    recipe = config.recipe
    task = recipe.task(config.task)
    if config.search_space is None:
        settings = {**recipe.of_space(), **config.settings}
        return replace(config, settings=settings, task=task)
    return replace(config, search_space=recipe.space(config.search_space), task=task)


def _smooth(task: Task, share: float) -> None:
    if task.label_smoothing is not None:
        task.label_smoothing = share
    elif share:
        raise NasframeError(f"recipe.label_smoothing={share}: this task has no labels; give 0")


@contextmanager
def _opened(config: RetrainConfig) -> Iterator[None]:
    """Make the folder, or see that it holds this retraining; no other process may use it."""
    folder = config.dir
    path = folder / SETTINGS
    new = {"nasframe": version("nasframe"), "config": to_plain(config)}
    if not path.is_file() and folder.exists() and any(folder.iterdir()):
        raise NasframeError(f"dir={folder} holds something else: choose another one")
    folder.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        write_json(path, new)
    with held(path) as free:
        if not free:
            raise BusyError(f"dir={folder}: another process is at work there")
        _compare(folder, flat(read_json(path)["config"]), flat(new["config"]))
        yield


def _compare(folder: Path, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    keys = sorted(key for key in then.keys() | now.keys() if then.get(key) != now.get(key))
    free = ("dir", "device")
    words = [f"{key} was {then.get(key)}, is now {now.get(key)}" for key in keys if key not in free]
    if words:
        raise NasframeError(
            f"{folder} holds another retraining: {'; '.join(words)}\n"
            "Give the same settings to go on with it, or choose another dir"
        )


@dataclass(frozen=True, slots=True)
class _Job:
    """The training of one network."""

    config: RetrainConfig
    task: Task
    device: torch.device
    network: Chosen

    def run(self, tell: Callable[[int, Sequence[Row]], None]) -> Row:
        """Its last metrics, from its folder if it was trained before."""
        folder = self.config.dir / self.network.name
        if not (folder / NETWORK).is_file():
            folder.mkdir(exist_ok=True)
            with threads(self.config.threads), seeded(self.config.seed, self.device):
                self._train(folder, tell)
        metrics: Row = read_json(folder / NETWORK)["metrics"]
        return metrics

    def _train(self, folder: Path, tell: Callable[[int, Sequence[Row]], None]) -> None:
        recipe = self.config.recipe
        network, frozen = _built(self.config, self.task, self.network)
        if recipe.channels_last:
            network = network.to(memory_format=torch.channels_last)

        def on_epoch(rows: list[Row]) -> None:
            write_whole(folder / CURVES, _table(rows))
            tell(recipe.epochs, rows)

        final, rows = fit(
            network,
            self.task,
            recipe,
            seed=self.config.seed,
            device=self.device,
            folder=folder,
            frozen=frozen,
            on_epoch=on_epoch,
        )
        about = self._about(recipe)
        save_weights(final, folder / WEIGHTS, about)
        metrics = {name: value for name, value in rows[-1].items() if name != "lr"}
        metrics["parameters"] = sum(p.numel() for p in final.parameters())
        write_json(folder / NETWORK, {**about, "metrics": metrics})
        remove_checkpoint(folder)

    def _about(self, recipe: RecipeConfig) -> dict[str, Any]:
        return {
            "nasframe": version("nasframe"),
            **self.network.about,
            "task": {
                "kind": self.task.kind,
                "input_shape": self.task.input_shape,
                "outputs": self.task.outputs,
                "data_config": self.task.data_config,
            },
            "data": to_plain(self.config.task),
            "recipe": to_plain(recipe),
            "seed": self.config.seed,
        }


def _built(config: RetrainConfig, task: Task, network: Chosen) -> tuple[nn.Module, list[nn.Module]]:
    """A network with its first weights, and the layers that stay as they are."""
    module = build(network.about, task)
    if config.init is not None:
        begin_with(module, config.init, task.outputs)
    return module, freeze(module, config.freeze)


def _told(tell: Callable[[str], None], place: str, epochs: int, rows: Sequence[Row]) -> None:
    row = rows[-1]
    shown = "  ".join(f"{k} {v:.4f}" for k, v in row.items() if k not in ("epoch", "lr"))
    tell(f"network {place}  epoch {row['epoch']:.0f}/{epochs}  {shown}")


def _table(rows: Sequence[Row]) -> bytes:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def badness(metrics: Mapping[str, float]) -> float:
    """By what networks are ranked: a validation metric, the lower the better."""
    return -metrics["val_accuracy"] if "val_accuracy" in metrics else metrics["val_loss"]


def _finish(
    config: RetrainConfig,
    task: Task,
    device: torch.device,
    winner: str,
    metrics: dict[str, float],
    ranking: Sequence[tuple[str, Mapping[str, float]]],
) -> dict[str, float]:
    """Test the winner and copy it to the top, once; returns its metrics."""
    path = config.dir / NETWORK
    if path.is_file():
        done: dict[str, float] = read_json(path)["metrics"]
        return done
    folder = config.dir / winner
    with threads(config.threads), seeded(config.seed, device):
        metrics |= _test(folder, task, device, config.recipe.batch_size)
    for name in (WEIGHTS, CURVES):
        write_whole(config.dir / name, (folder / name).read_bytes())
    rows = [{"name": name, **values} for name, values in ranking]
    network = {**read_json(folder / NETWORK), "metrics": metrics, "ranking": rows}
    write_whole(config.dir / CARD, model_card(network).encode())
    write_json(path, network)  # the last one: with it the retraining is finished
    return metrics


def _test(folder: Path, task: Task, device: torch.device, batch_size: int) -> dict[str, float]:
    batches = task.test_batches(batch_size, device)
    if batches is None:
        return {}
    network = load_final(folder).to(device)
    state, tallies = None, list[Tensor]()
    with torch.inference_mode():
        for batch in batches:
            tally, state = task.tally(network, batch, state)
            tallies.append(tally)
    found = task.metrics(torch.stack(tallies).sum(0).tolist())
    return {name.replace("val_", "test_", 1): value for name, value in found.items()}
