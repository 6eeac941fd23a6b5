"""Retraining: trains networks in full, ranks them and tests the winner."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nasframe._support.system import threads
from nasframe.api.parts import Task
from nasframe.api.recipe import RecipeConfig
from nasframe.errors import NasframeError, format_error
from nasframe.loggers.curves import make_curves
from nasframe.registry.serialization import (
    check_settings,
    collect_defaults,
    flatten,
    from_plain,
    to_plain,
    translate_names,
    type_name,
)
from nasframe.retraining.config import RetrainConfig, Retrained
from nasframe.retraining.distributed import avoid_cuda, check_devices, run_in_fork
from nasframe.retraining.fit import remove_checkpoint, train_network
from nasframe.retraining.initialization import freeze_layers, load_initial_weights
from nasframe.retraining.model_card import format_model_card
from nasframe.retraining.module import EpochRow
from nasframe.retraining.ranking import RANKING_METRICS, compute_badness
from nasframe.retraining.selection import SelectedNetwork, select_networks
from nasframe.storage.files import write_atomically
from nasframe.storage.journal import BusyError
from nasframe.storage.locks import try_lock
from nasframe.storage.network_folder import (
    NETWORK_FILE,
    WEIGHTS_FILE,
    build_network,
    is_detector,
    load_final_network,
    read_json,
    write_json,
)
from nasframe.storage.weights import describe_task, save_weights
from nasframe.training.devices import check_environment, find_device, seed_generators
from nasframe.training.evaluator import set_memory_format, smooth_labels
from nasframe.training.optimizer import check_optimizer

SETTINGS_FILE, CURVES_FILE, CARD_FILE = "retrain.json", "curves.csv", "README.md"


def retrain(config: RetrainConfig, tell: Callable[[str], None]) -> Retrained:
    """Implement ``nasframe.retrain``."""
    config = _apply_recipe(config)
    if (result := _read_finished(config)) is None:
        result = _train(config, tell)
    shown = "  ".join(
        f"{name} {value:.4f}" for name, value in result.metrics.items() if "_" in name
    )
    tell(f"Winner: {result.name}  {shown}")
    return result


def _read_finished(config: RetrainConfig) -> Retrained | None:
    """Read the result from the folder, if it holds this retraining, finished."""
    path = config.dir / NETWORK_FILE
    if not path.is_file() or _read_networks(config) is None:
        return None
    found = read_json(path)
    ranking = tuple((row.pop("name"), row) for row in found["ranking"])
    return Retrained(config.dir, ranking[0][0], found["metrics"], ranking)


def _train(config: RetrainConfig, tell: Callable[[str], None]) -> Retrained:
    task = config.task.build()
    if config.trainer.devices > 1:
        avoid_cuda()
    device = find_device(config.device, "device")
    _check(config, task, device)
    networks = _read_networks(config) or _choose_networks(config, task)
    config.dir.mkdir(parents=True, exist_ok=True)
    with try_lock(config.dir) as free:
        if not free:
            raise BusyError(
                f"dir={config.dir}: another process is at work there; wait, or choose another dir"
            )
        networks = _read_networks(config) or _store(config, task, networks)
        _check_data(config, task)
        found = []
        for place, network in enumerate(networks, 1):
            say = partial(_tell_epoch, tell, f"{place} of {len(networks)}")
            try:
                found.append(
                    (network.name, _FullTraining(config, task, device, network, tell).run(say))
                )
            except FloatingPointError as error:
                tell(f"network {place} of {len(networks)}  failed: {error} (lower recipe.lr)")
        if not found:
            raise NasframeError(
                f"{config.dir}: no network could be trained: give a lower recipe.lr"
            )
        ranking = tuple(sorted(found, key=lambda pair: compute_badness(pair[1])))
        metrics = _finish(config, task, device, ranking)
        if not any(name.startswith("test_") for name in metrics):
            tell("The task has no test set: the winner was not tested")
    return Retrained(config.dir, ranking[0][0], metrics, ranking)


def _apply_recipe(config: RetrainConfig) -> RetrainConfig:
    recipe = config.recipe
    task = recipe.task(config.task)
    if config.search_space is None:
        settings = {**recipe.of_space(), **config.settings}
        return replace(config, settings=settings, task=task)
    space = recipe.space(config.search_space)
    # A recipe's settings of a space are untyped: this checks them as if read from a journal.
    from_plain(to_plain(space), {type_name(type(space)): type(space)})
    return replace(config, search_space=space, task=task)


def _check(config: RetrainConfig, task: Task, device: torch.device) -> None:
    """Check all that can be checked before a network is built."""
    check_environment()
    recipe = config.recipe
    check_optimizer(recipe, "recipe")
    make_curves(config.logger, config.dir, {}, note=lambda line: None)  # rejects missing packages
    check_devices(config.trainer, task, device)
    if not set(RANKING_METRICS) & set(task.provides):
        raise NasframeError(
            f"this task has none of {', '.join(RANKING_METRICS)} to rank networks by"
        )
    smooth_labels(task, recipe.label_smoothing, "recipe")


def _choose_networks(config: RetrainConfig, task: Task) -> list[SelectedNetwork]:
    """Choose the networks of a new retraining, whose folder must be empty or missing."""
    folder = config.dir
    if folder.exists() and any(not path.name.startswith(".") for path in folder.iterdir()):
        raise NasframeError(f"dir={folder} holds something else: choose another dir")
    networks = select_networks(config, task)
    with seed_generators(config.seed, torch.device("cpu")):
        for network in networks:  # errors surface before the folder is created
            _run_once(_build_network(config, task, network)[0], task, network.name)
    return networks


def _run_once(module: nn.Module, task: Task, name: str) -> None:
    """Run a network once.

    Raises:
        NasframeError: if it cannot be run or has no trainable weights.
    """
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise NasframeError("freeze: nothing is left to learn; freeze fewer layers")
    try:
        with torch.no_grad():
            module.eval()(*task.example())
    except Exception as error:
        shape = tuple(task.input_shape)
        raise NasframeError(
            f"{name} cannot read inputs of shape {shape}: {format_error(error)}"
        ) from error


def _read_networks(config: RetrainConfig) -> list[SelectedNetwork] | None:
    """Read the networks of the retraining in the folder, if there is one.

    They are stored, since a study resumed in the meantime would give others.
    """
    path = config.dir / SETTINGS_FILE
    if not path.is_file():
        return None
    found = read_json(path)
    then = translate_names(found["config"])
    try:
        check_settings(config, then)
    except NasframeError as error:
        raise NasframeError(f"{path}: {error}") from error
    _compare(config, flatten(then), flatten(to_plain(config)))
    return [SelectedNetwork(**network) for network in found["networks"]]


def _store(
    config: RetrainConfig, task: Task, networks: list[SelectedNetwork]
) -> list[SelectedNetwork]:
    rows = [{"name": network.name, "about": network.about} for network in networks]
    settings = {"nasframe": version("nasframe"), "config": to_plain(config), "networks": rows}
    write_json(config.dir / SETTINGS_FILE, {**settings, "data": task.fingerprint()})
    return networks


def _check_data(config: RetrainConfig, task: Task) -> None:
    then = read_json(config.dir / SETTINGS_FILE).get("data")
    if then is not None and then != task.fingerprint():
        raise NasframeError(
            f"{config.dir} holds a retraining on other data, as this task's data have changed: "
            "choose another dir"
        )


def _compare(config: RetrainConfig, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    parts = {"": config, "task.": config.task}
    free = {
        f"{prefix}{item.name}"
        for prefix, part in parts.items()
        for item in fields(part)
        if item.metadata.get("free")
    }
    usual = flatten(collect_defaults(config))
    keys = sorted(key for key in then.keys() | now.keys() if then.get(key) != now.get(key))
    newer = {key for key in keys if key not in then and usual.get(key) == now.get(key)}
    words = [
        f"{key} was {then.get(key)}, is now {now.get(key)}"
        for key in keys
        if key not in free | newer and key.partition(".")[0] not in free
    ]
    if words:
        raise NasframeError(
            f"{config.dir} holds another retraining: {'; '.join(words)}\n"
            "Give the same settings to resume it, or choose another dir"
        )


@dataclass(frozen=True, slots=True)
class _FullTraining:
    """Full training of one network in its folder."""

    config: RetrainConfig
    task: Task
    device: torch.device
    network: SelectedNetwork
    note: Callable[[str], None]

    def run(self, tell: Callable[[int, Sequence[EpochRow]], None]) -> EpochRow:
        """Train the network, or read it if trained before; returns its last metrics."""
        folder = self.config.dir / self.network.name
        if not (folder / NETWORK_FILE).is_file():
            folder.mkdir(exist_ok=True)
            # Processes can only be forked before CUDA is initialized.
            single = self.config.trainer.devices == 1
            place = self.device if single else torch.device("cpu")
            with threads(self.config.threads), seed_generators(self.config.seed, place):
                self._train(folder, tell)
        remove_checkpoint(folder)
        metrics: EpochRow = read_json(folder / NETWORK_FILE)["metrics"]
        return metrics

    def _train(self, folder: Path, tell: Callable[[int, Sequence[EpochRow]], None]) -> None:
        recipe = self.config.recipe
        network, frozen = _build_network(self.config, self.task, self.network)
        network = set_memory_format(network, channels_last=recipe.channels_last)

        def on_epoch(rows: list[EpochRow]) -> None:
            write_atomically(folder / CURVES_FILE, _format_csv(rows))
            tell(recipe.epochs, rows)

        final, rows = train_network(
            network,
            self.task,
            recipe,
            seed=self.config.seed,
            device=self.device,
            folder=folder,
            frozen=frozen,
            on_epoch=on_epoch,
            together=self.config.trainer,
            curves=make_curves(
                self.config.logger, folder, flatten(to_plain(self.config)), self.note
            ),
        )
        about = self._about(recipe)
        save_weights(final, folder / WEIGHTS_FILE, about)
        metrics = {name: value for name, value in rows[-1].items() if name != "lr"}
        metrics["parameters"] = sum(p.numel() for p in final.parameters())
        write_json(folder / NETWORK_FILE, {**about, "metrics": metrics})

    def _about(self, recipe: RecipeConfig) -> dict[str, Any]:
        return {
            "nasframe": version("nasframe"),
            **self.network.about,
            "task": describe_task(self.task),
            "data": to_plain(self.config.task),
            "recipe": to_plain(recipe),
            "seed": self.config.seed,
        }


def _build_network(
    config: RetrainConfig, task: Task, network: SelectedNetwork
) -> tuple[nn.Module, list[nn.Module]]:
    """Build a network with its initial weights; returns it and its frozen layers."""
    has_detector = config.init is not None and is_detector(config.init)
    begin = partial(load_initial_weights, path=config.init, outputs=task.outputs)
    module = (
        build_network(network.about, task)
        if has_detector
        else build_network(network.about, task, begin)
    )
    if has_detector:
        begin(module)
    return module, freeze_layers(module, config.freeze)


def _tell_epoch(
    tell: Callable[[str], None], place: str, epochs: int, rows: Sequence[EpochRow]
) -> None:
    row = rows[-1]
    shown = "  ".join(f"{k} {v:.4f}" for k, v in row.items() if k not in ("epoch", "lr"))
    tell(f"network {place}  epoch {row['epoch']:.0f}/{epochs}  {shown}")


def _format_csv(rows: Sequence[EpochRow]) -> bytes:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def _finish(
    config: RetrainConfig,
    task: Task,
    device: torch.device,
    ranking: Sequence[tuple[str, Mapping[str, float]]],
) -> dict[str, float]:
    """Test the winner and copy it to the top; returns its metrics."""
    folder, metrics = config.dir / ranking[0][0], dict(ranking[0][1])
    test = partial(_test, config, folder, task, device)
    metrics |= test() if config.trainer.devices == 1 else run_in_fork(test)
    for name in (WEIGHTS_FILE, CURVES_FILE):
        write_atomically(config.dir / name, (folder / name).read_bytes())
    rows = [{"name": name, **values} for name, values in ranking]
    network = {**read_json(folder / NETWORK_FILE), "metrics": metrics, "ranking": rows}
    write_atomically(config.dir / CARD_FILE, format_model_card(network).encode())
    write_json(
        config.dir / NETWORK_FILE, network
    )  # last: this file marks the retraining as finished
    return metrics


def _test(
    config: RetrainConfig, folder: Path, task: Task, device: torch.device
) -> dict[str, float]:
    batches = task.test_batches(config.recipe.batch_size, device)
    if batches is None:
        return {}
    state: Any = None
    total: Any = None
    with threads(config.threads), seed_generators(config.seed, device):
        network = load_final_network(folder).to(device)
        with torch.inference_mode():
            for batch in batches:
                tally, state = task.tally(network, batch, state)
                total = tally if total is None else total + tally
    found = task.metrics(total.tolist() if isinstance(total, Tensor) else total)
    return {name.replace("val_", "test_", 1): value for name, value in found.items()}
