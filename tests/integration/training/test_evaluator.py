"""The training evaluator: what it computes, when it ends, and what it leaves behind."""

from __future__ import annotations

import ctypes
import gc
import json
import logging
import math
import random
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from timm.optim import create_optimizer_v2, list_optimizers
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.optimizer import register_optimizer_step_pre_hook
from toys import toy_study

from nasframe import (
    Architecture,
    Choice,
    Context,
    Evaluator,
    Metrics,
    NasframeError,
    SearchSpace,
    SearchSpaceConfig,
    Task,
    TaskShape,
    option,
    run,
    threads,
)
from nasframe.storage.weights import read_weights
from nasframe.tasks.augment import Augmentation
from nasframe.tasks.image_data import ImageData
from nasframe.tasks.image_task import ImageTask
from nasframe.training.format_benchmark import BENCHMARK_FORMATS, measure_formats
from nasframe.training.module import Cancelled

CPU = torch.device("cpu")
WIDE, NARROW = Architecture((2, 1)), Architecture((0, 0))


class Small(SearchSpace):
    """Two convolutions, batch normalisation and dropout; ``wrap`` may change the network."""

    choices = (Choice("width", (4, 8, 16)), Choice("kernel", (1, 3)))
    kinds = ("image",)

    def __init__(self, wrap: Callable[[nn.Module], nn.Module] = lambda network: network) -> None:
        self._wrap = wrap

    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        width, kernel = architecture.named(self.choices).values()
        layers: list[nn.Module] = []
        for channels in (task.input_shape[0], width):
            layers += [nn.Conv2d(channels, width, kernel, padding="same"), nn.BatchNorm2d(width)]
            layers += [nn.ReLU()]
        head = [nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.1)]
        size = width * (task.input_shape[1] // 2) * (task.input_shape[2] // 2)
        return self._wrap(nn.Sequential(*layers, *head, nn.Linear(size, task.outputs)))


def tiny_task(channels: int = 1) -> ImageTask:
    """Three classes of 4x4 images, 24 for training and 24 for validation."""
    draw = np.random.default_rng(0)
    y = np.arange(48) % 3
    x = (draw.normal(size=(48, 4, 4, channels)) + y[:, None, None, None]).astype(np.float32)
    data = ImageData(x[:24], y[:24], x[24:], y[24:])
    return ImageTask(lambda: data, (channels, 4, 4), 3, Augmentation())


DIGITS = option("task", "digits").build()
TINY = tiny_task()


def evaluator(task: Task = TINY, space: SearchSpace | None = None, **settings: Any) -> Evaluator:
    config = option("evaluator", "train", **{"epochs": 2, "batch_size": 8, **settings})
    made: Evaluator = config.build(space or Small(), task)
    return made


def context(folder: Path = Path("."), seed: int = 7, **settings: Any) -> Context:
    calls = {"report": lambda epoch, metrics: True, "cancelled": lambda: False, **settings}
    return Context(folder=folder, device="cpu", seed=seed, **calls)


def timeless(metrics: Metrics) -> dict[str, Any]:
    return {k: v for k, v in metrics.items() if k not in ("train_seconds", "samples_per_second")}


def test_threads_are_given_back_whatever_happens() -> None:
    with threads(2):
        with pytest.raises(KeyError), threads(1):
            assert torch.get_num_threads() == 1
            raise KeyError
        assert torch.get_num_threads() == 2


# What it computes


def test_a_child_learns_the_digits() -> None:
    metrics = evaluator(DIGITS, epochs=3, batch_size=64).evaluate(WIDE, context())
    assert metrics["val_accuracy"] > 0.9
    assert metrics["val_accuracy_epochs"][0] < metrics["val_accuracy"]


def test_metrics_are_those_that_it_provides() -> None:
    trainer = evaluator(epochs=3)
    metrics = trainer.evaluate(WIDE, context())
    assert set(metrics) == set(trainer.provides)
    assert metrics["epochs"] == len(metrics["val_accuracy_epochs"]) == 3
    assert metrics["val_accuracy"] == metrics["val_accuracy_epochs"][-1]
    assert metrics["val_loss"] == metrics["val_loss_epochs"][-1]
    network = Small().build(WIDE, TINY)
    assert metrics["parameters"] == sum(p.numel() for p in network.parameters())
    assert metrics["samples_per_second"] * metrics["train_seconds"] == pytest.approx(3 * 24)


def by_hand(task: Task, seed: int, epochs: int, batch_size: int, clip: float) -> list[Any]:
    """The same training in plain PyTorch."""
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        network = Small().build(WIDE, task).to(memory_format=torch.channels_last)
        optimizer = create_optimizer_v2(
            network, "sgd", lr=0.05, momentum=0.9, weight_decay=1e-4, fused=True
        )
        generator = torch.Generator().manual_seed(seed)
        steps, step, history = epochs * task.train_steps(batch_size), 0, []
        for _ in range(epochs):
            network.train()
            for x, y in task.train_batches(batch_size, CPU, generator):
                for group in optimizer.param_groups:
                    group["lr"] = 0.05 * (1 + math.cos(math.pi * step / steps)) / 2
                optimizer.zero_grad()
                F.cross_entropy(network(x), y).backward()
                if clip:
                    groups = optimizer.param_groups
                    nn.utils.clip_grad_norm_([p for g in groups for p in g["params"]], clip)
                optimizer.step()
                step += 1
            network.eval()
            with torch.no_grad():
                batches = task.validation_batches(batch_size, CPU)
                tally = sum(task.tally(network, batch, None)[0] for batch in batches)
            history.append(task.metrics(tally.tolist()))
    return history


@pytest.mark.parametrize("clip", [0, 0.5])
def test_training_is_the_plain_loop_to_the_last_bit(clip: float) -> None:
    torch.set_num_threads(1)
    seen: list[Metrics] = []
    report = context(report=lambda epoch, metrics: seen.append(metrics) or True)
    evaluator(DIGITS, batch_size=64, gradient_clip=clip).evaluate(WIDE, report)
    assert seen == by_hand(DIGITS, seed=7, epochs=2, batch_size=64, clip=clip)


def test_the_seed_alone_decides_whatever_ran_before() -> None:
    first = timeless(evaluator().evaluate(WIDE, context(seed=1)))
    used = evaluator()
    used.evaluate(NARROW, context(seed=2))
    torch.manual_seed(99)
    random.seed(99)
    other = used.evaluate(WIDE, context(seed=2))
    assert timeless(used.evaluate(WIDE, context(seed=1))) == first
    assert other["val_loss_epochs"] != first["val_loss_epochs"]


def watch(network: nn.Module, seen: list[Any], look: Callable[[Tensor], Any]) -> nn.Module:
    network[0].register_forward_hook(lambda m, inputs, output: seen.append(look(inputs[0])))
    return network


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_memory_format_is_one_for_images_and_weights(
    channels: int, channels_last: bool
) -> None:
    wanted = torch.channels_last if channels_last else torch.contiguous_format
    seen: list[bool] = []

    def wrap(network: nn.Module) -> nn.Module:
        def look(module: Any, inputs: Any, output: Tensor) -> None:
            tensors = (inputs[0], output, module.weight)
            seen.append(all(t.is_contiguous(memory_format=wanted) for t in tensors))

        network[0].register_forward_hook(look)
        network[3].register_forward_hook(look)
        return network

    trainer = evaluator(tiny_task(channels=channels), Small(wrap), channels_last=channels_last)
    trainer.evaluate(WIDE, context())
    assert seen
    assert all(seen)


@pytest.mark.parametrize(("name", "dtype"), [("bfloat16", torch.bfloat16), ("auto", torch.float32)])
def test_precision_is_of_the_computation_not_of_the_weights(name: str, dtype: Any) -> None:
    from nasframe.api.config import Precision

    seen = set()

    def wrap(network: nn.Module) -> nn.Module:
        network[0].register_forward_hook(lambda m, i, out: seen.add((m.weight.dtype, out.dtype)))
        return network

    trainer = evaluator(space=Small(wrap), precision=Precision[name])
    assert 0 <= trainer.evaluate(WIDE, context())["val_accuracy"] <= 1
    assert seen == {(torch.float32, dtype)}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, when it compiles
def test_compiled_children_compute_the_same_and_each_is_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch._dynamo.config, "recompile_limit", 2)
    networks: list[nn.Module] = []

    def without_dropout(network: nn.Module) -> nn.Module:  # it draws from another stream
        networks.append(network)
        next(m for m in network.modules() if isinstance(m, nn.Dropout)).p = 0.0
        return network

    space = Small(without_dropout)
    trainer, eager = (
        evaluator(space=space, compile=compile, batch_size=12) for compile in (True, False)
    )
    compiled = torch._dynamo.utils.counters["stats"]
    for child in range(3):
        before = compiled["unique_graphs"]
        weights = tmp_path / f"{child}.safetensors"
        metrics = trainer.evaluate(WIDE, context(seed=child, weights=weights))
        assert compiled["unique_graphs"] == before + 2, "one to train and one to validate"
        assert read_weights(weights)[0].keys() == networks[-1].state_dict().keys()
        assert "forward" not in vars(networks[-1])
        plain = eager.evaluate(WIDE, context(seed=child))
        assert metrics["val_loss"] == pytest.approx(plain["val_loss"], rel=1e-4)


def test_a_network_with_a_schedule_is_not_compiled_at_every_step() -> None:
    def wrap(network: nn.Module) -> nn.Module:
        vars(network)["training_progress"] = 0.0
        return network

    trainer = evaluator(space=Small(wrap), compile=True)
    with pytest.raises(NasframeError, match=r"evaluator\.compile=true: this network changes"):
        trainer.evaluate(WIDE, context())


def test_the_learning_rate_is_half_a_cosine_from_lr_to_almost_zero() -> None:
    rates: list[float] = []
    hook = register_optimizer_step_pre_hook(
        lambda optimizer, args, kwargs: rates.append(optimizer.param_groups[0]["lr"])
    )
    try:
        evaluator(epochs=4, lr=0.3).evaluate(WIDE, context())
    finally:
        hook.remove()
    rates = rates[1:]  # the first was the trial step with a toy
    assert rates == pytest.approx([0.15 + 0.15 * math.cos(math.pi * i / 12) for i in range(12)])
    assert rates[0] == 0.3
    assert rates[6] == pytest.approx(0.15)


def test_a_module_with_a_schedule_is_told_how_far_the_training_is() -> None:
    class Paced(nn.Module):
        training_progress = 0.0

        def forward(self, x: Tensor) -> Tensor:
            if self.training:
                seen.append(self.training_progress)
            return x

    seen: list[float] = []
    trainer = evaluator(space=Small(lambda network: nn.Sequential(Paced(), network)), epochs=4)
    trainer.evaluate(WIDE, context())
    assert seen == [step / 12 for step in range(12)]


def test_auxiliary_logits_count_with_their_weight_in_training_and_not_after() -> None:
    class Auxiliary(nn.Module):
        auxiliary_weight = 0.4

        def __init__(self) -> None:
            super().__init__()
            self.main, self.side = nn.Linear(16, 3), nn.Linear(16, 3)

        def forward(self, x_NCHW: Tensor) -> Any:
            x = x_NCHW.flatten(1)
            return (self.main(x), self.side(x)) if self.training else self.main(x)

    torch.manual_seed(0)
    network = Auxiliary()
    x_NCHW, y_N = batch = next(TINY.train_batches(24, CPU, torch.Generator().manual_seed(0)))
    loss, _ = TINY.loss(network, batch, None)
    main, side = (F.cross_entropy(logits, y_N) for logits in network(x_NCHW))
    assert loss.item() == pytest.approx((main + 0.4 * side).item())
    assert evaluator(space=Small(lambda _: Auxiliary())).evaluate(WIDE, context())["val_loss"] > 0
    assert TINY.loss(network.eval(), batch, None)[0].item() == pytest.approx(main.item())


def test_weight_decay_spares_biases_and_normalisation() -> None:
    groups: list[Any] = []
    hook = register_optimizer_step_pre_hook(
        lambda optimizer, args, kwargs: groups.append(optimizer.param_groups)
    )
    try:
        evaluator(weight_decay=0.01).evaluate(WIDE, context())
    finally:
        hook.remove()
    for group in groups[-1]:
        assert {p.ndim > 1 for p in group["params"]} == {group["weight_decay"] == 0.01}


@pytest.mark.parametrize("name", list_optimizers())
def test_an_optimizer_of_timm_trains_or_is_refused_at_once(name: str) -> None:
    try:
        trainer = evaluator(optimizer=name, lr=1e-3, epochs=1)
    except NasframeError as error:
        assert f"evaluator.optimizer={name} cannot be used here" in str(error)
    else:
        assert 0 <= trainer.evaluate(WIDE, context())["val_accuracy"] <= 1


def test_the_optimizers_that_matter_are_usable() -> None:
    for name in ("sgd", "adamw", "rmsproptf", "lamb", "muon"):
        evaluator(optimizer=name)


def test_unknown_words_are_explained() -> None:
    with pytest.raises(
        NasframeError, match="evaluator.optimizer=adamv is not known; did you mean adam "
    ):
        evaluator(optimizer="adamv")
    for device in ("cuda:99", "tpu", "xpu"):
        with pytest.raises(NasframeError, match=f"device={device}: this machine has cpu"):
            evaluator(device=device)
    with pytest.raises(NasframeError, match="device=cuda:99"):
        evaluator().evaluate(WIDE, Context(Path("."), "cuda:99", 0, lambda e, m: True, bool))


# When it ends


def test_each_epoch_is_reported_and_false_ends_the_child() -> None:
    seen: list[tuple[int, Metrics]] = []

    def report(epoch: int, metrics: Metrics) -> bool:
        seen.append((epoch, metrics))
        return epoch < 3

    metrics = evaluator(epochs=5).evaluate(WIDE, context(report=report))
    assert [epoch for epoch, _ in seen] == [1, 2, 3]
    assert metrics["epochs"] == 3
    assert [m["val_loss"] for _, m in seen] == list(metrics["val_loss_epochs"])
    assert set(seen[0][1]) == {"val_accuracy", "val_loss"}


@pytest.mark.parametrize("batch", [0, 2, 4, 7])
def test_a_cancelled_child_ends_before_its_next_batch(batch: int) -> None:
    seen: list[int] = []
    space = Small(lambda network: watch(network, seen, len))
    trainer = evaluator(space=space)  # three batches of training, three of validation an epoch
    with pytest.raises(Cancelled):
        trainer.evaluate(WIDE, context(cancelled=lambda: len(seen) == batch))
    assert len(seen) == batch
    assert trainer.evaluate(WIDE, context())["epochs"] == 2


def test_a_diverging_child_fails_and_says_so() -> None:
    trainer = evaluator(lr=1e30, epochs=5)
    seen: list[int] = []
    with pytest.raises(FloatingPointError, match=r"^training loss is (nan|inf) in epoch 1; a low"):
        trainer.evaluate(WIDE, context(report=lambda epoch, m: seen.append(epoch) or True))
    assert not seen


def test_validation_that_is_not_finite_fails_the_child() -> None:
    def wrap(network: nn.Module) -> nn.Module:
        network[1].running_var.fill_(-1e30)  # only evaluation takes its root
        return network

    with pytest.raises(FloatingPointError, match="^val_loss is nan in epoch 1"):
        evaluator(space=Small(wrap)).evaluate(WIDE, context())


class Broken(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        if self.calls == 3:
            raise MemoryError("no room for this child")
        return self.network(x)


def test_a_failing_child_leaves_the_process_as_it_was() -> None:
    torch.set_num_threads(2)
    state = torch.get_rng_state()
    with pytest.raises(MemoryError, match="no room for this child"):
        evaluator(space=Small(Broken)).evaluate(WIDE, context())
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == 2
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
    assert not torch.is_autocast_enabled("cpu")


# What it leaves behind


def test_threads_are_those_of_the_settings_while_a_child_trains() -> None:
    seen: list[int] = []

    def look(x: Tensor) -> int:
        return torch.get_num_threads()

    torch.set_num_threads(1)
    evaluator(space=Small(lambda n: watch(n, seen, look)), threads=2).evaluate(WIDE, context())
    assert set(seen) == {2}
    assert torch.get_num_threads() == 1


def test_global_random_numbers_go_on_as_if_nothing_was_trained() -> None:
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)
    expected = torch.rand(1), random.random(), np.random.rand()
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)
    evaluator().evaluate(WIDE, context())
    assert (torch.rand(1), random.random(), np.random.rand()) == expected


def test_nothing_is_said_and_no_file_is_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging.getLogger("pytorch_lightning"), "propagate", True)
    with caplog.at_level(logging.DEBUG):
        evaluator().evaluate(WIDE, context(tmp_path))
    assert capfd.readouterr() == ("", "")
    assert not [r for r in caplog.records if "lightning" in r.name]
    assert not list(tmp_path.iterdir())


def test_a_variable_that_would_change_the_training_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PL_TRAINER_LIMIT_TRAIN_BATCHES", "1")
    with pytest.raises(NasframeError, match="PL_TRAINER_LIMIT_TRAIN_BATCHES is set and would"):
        evaluator()


def test_the_users_own_fits_are_heard() -> None:
    evaluator().evaluate(WIDE, context())
    logger = logging.getLogger("pytorch_lightning.utilities.rank_zero")
    record = logger.makeRecord(logger.name, logging.INFO, "", 0, "a tip", (), None)
    assert logger.filter(record)


def test_sgd_without_momentum(tmp_path: Path) -> None:
    assert evaluator(momentum=0.0).evaluate(WIDE, context())["epochs"] == 2


def test_a_child_is_alone_inside_a_cluster_job(monkeypatch: pytest.MonkeyPatch) -> None:
    job = {"SLURM_NTASKS": "4", "SLURM_JOB_NAME": "search", "SLURM_PROCID": "3"}
    for name, value in {**job, "SLURM_LOCALID": "3", "SLURM_NODEID": "1"}.items():
        monkeypatch.setenv(name, value)
    for name, value in {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "3"}.items():
        monkeypatch.setenv(name, value)
    assert evaluator().evaluate(WIDE, context())["epochs"] == 2


def test_children_train_in_any_thread() -> None:
    here = timeless(evaluator().evaluate(WIDE, context()))
    results: list[Any] = []
    trainer = evaluator()

    def work() -> None:
        results.extend(timeless(trainer.evaluate(WIDE, context())) for _ in range(2))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert results == [here, here]


@pytest.mark.parametrize("fails", [False, True])
def test_tensors_do_not_wait_for_the_garbage_collector(fails: bool) -> None:
    networks: list[weakref.ref[nn.Module]] = []
    weights: list[weakref.ref[Tensor]] = []
    optimizers: set[weakref.ref[Any]] = set()

    def wrap(network: nn.Module) -> nn.Module:
        network = Broken(network) if fails else network
        network.training_progress = 0.0  # the trainer remembers it, to tell it
        networks.append(weakref.ref(network))
        weights.extend(weakref.ref(p) for p in network.parameters())
        return network

    trainer = evaluator(space=Small(wrap))
    hook = register_optimizer_step_pre_hook(lambda o, a, k: optimizers.add(weakref.ref(o)))
    gc.collect()
    gc.disable()
    try:
        try:
            trainer.evaluate(WIDE, context())
        except MemoryError:
            assert fails
        assert [ref() for ref in (*networks, *weights, *optimizers)] == [None] * 12
    finally:
        gc.enable()
        hook.remove()


def test_many_children_leave_no_memory_threads_or_files() -> None:
    def wrap(network: nn.Module) -> nn.Module:  # a child of 24 MiB with gradients and momentum
        return nn.Sequential(network, nn.Linear(3, 150_000), nn.Linear(150_000, 10))

    process = psutil.Process()
    trainer = evaluator(space=Small(wrap), epochs=1)

    def state() -> tuple[int, int, int, float]:
        gc.collect()
        trim = getattr(ctypes.CDLL(None), "malloc_trim", lambda pad: None)
        trim(0)  # glibc keeps what was freed, now more and now less of it
        memory = process.memory_info().rss / 2**20
        return process.num_threads(), process.num_fds(), len(gc.get_objects()), memory

    for seed in range(10):
        trainer.evaluate(WIDE, context(seed=seed))
    threads_before, files_before, objects_before, memory_before = state()
    for seed in range(30):
        trainer.evaluate(WIDE, context(seed=seed))
    threads_after, files_after, objects_after, memory_after = state()
    assert threads_after <= threads_before
    assert files_after <= files_before
    assert objects_after - objects_before < 300
    assert memory_after - memory_before < 20


# Weights


def test_weights_are_left_with_what_is_needed_to_use_them(tmp_path: Path) -> None:
    path = tmp_path / "weights" / "0.safetensors"
    metrics = evaluator(DIGITS, batch_size=64).evaluate(WIDE, context(tmp_path, weights=path))
    assert list(path.parent.iterdir()) == [path]
    (tmp_path / "any").touch()
    assert path.stat().st_mode == (tmp_path / "any").stat().st_mode
    state, metadata = read_weights(path)
    assert metadata["tokens"] == [2, 1]
    assert metadata["task"] == {
        "kind": "image",
        "input_shape": [1, 8, 8],
        "outputs": 10,
        "data_config": json.loads(json.dumps(DIGITS.data_config)),
    }
    network = Small().build(WIDE, DIGITS)
    network.load_state_dict(state)
    network.eval()
    with torch.no_grad():
        tally = sum(
            DIGITS.tally(network, batch, None)[0] for batch in DIGITS.validation_batches(64, CPU)
        )
    assert DIGITS.metrics(tally.tolist())["val_accuracy"] == metrics["val_accuracy"]
    assert DIGITS.metrics(tally.tolist())["val_loss"] == pytest.approx(metrics["val_loss"])


def test_no_weights_are_left_by_a_child_that_fails(tmp_path: Path) -> None:
    path = tmp_path / "weights" / "0.safetensors"
    with pytest.raises(MemoryError):
        evaluator(space=Small(Broken)).evaluate(WIDE, context(tmp_path, weights=path))
    assert not path.parent.exists()


def test_tied_weights_can_be_saved_and_loaded(tmp_path: Path) -> None:
    from nasframe.storage.weights import save_weights

    def tied() -> nn.Module:
        network = nn.ModuleList([nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)])
        network[1].weight = network[0].weight
        return network

    one, other = tied(), tied()
    save_weights(one, tmp_path / "w.safetensors", {"note": [1, None]})
    state, metadata = read_weights(tmp_path / "w.safetensors")
    other.load_state_dict(state)
    assert torch.equal(other[1].weight, one[0].weight)
    assert metadata == {"note": [1, None]}


def test_files_that_hold_no_weights_are_explained(tmp_path: Path) -> None:
    with pytest.raises(NasframeError, match="w.safetensors: there is no such file"):
        read_weights(tmp_path / "w.safetensors")
    (tmp_path / "w.safetensors").write_bytes(b"something else")
    with pytest.raises(NasframeError, match="w.safetensors: is not a weights file"):
        read_weights(tmp_path / "w.safetensors")


# Advice


def test_formats_are_measured_in_the_words_of_the_settings() -> None:
    measured = measure_formats("cpu", seconds=0.1)
    assert set(measured) == set(BENCHMARK_FORMATS)
    assert all(0 < ms < 60_000 for ms in measured.values())


class Hungry(Small):
    """Its first width takes more memory than any machine has."""

    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        if architecture.tokens[0] == 0:
            torch.empty(2**60)
        return super().build(architecture, task)


@dataclass(kw_only=True)
class HungryConfig(SearchSpaceConfig):
    def build(self) -> SearchSpace:
        return Hungry()


def test_a_child_without_memory_is_a_failed_trial_and_the_next_one_trains(tmp_path: Path) -> None:
    study = toy_study(
        tmp_path,
        search_space=HungryConfig(),
        task=option("task", "digits"),
        controller=option("controller", "random"),
        objective=option("objective", "accuracy"),
        evaluator=option("evaluator", "train", epochs=1, device="cpu"),
        trials=6,
    )
    trials = [trial for trial in run(study).trials if trial.duplicate_of is None]
    failed = [trial for trial in trials if trial.architecture.tokens[0] == 0]
    assert len(trials) == 6
    assert len(failed) == 2
    assert all(
        "allocate" in (trial.error or "") or "memory" in (trial.error or "") for trial in failed
    )
    assert all(trial.reward for trial in trials if trial not in failed)
