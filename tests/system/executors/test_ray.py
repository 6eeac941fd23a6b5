"""Ray: a cluster that grows and shrinks, what a trial gets of it, and what is said of mistakes."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from benches import Bench
from toys import ToyEvaluatorConfig, toy_study, wait_for_message

from nasframe import (
    Architecture,
    Context,
    Executor,
    Meter,
    MeterConfig,
    Metrics,
    NasframeError,
    Parts,
    Report,
    Result,
    SearchSpace,
    Step,
    Task,
    Trial,
    option,
    run,
)
from nasframe.executors import ray_cluster
from nasframe.storage.journal import JOURNAL_FILE
from nasframe.storage.weights import weights_path
from nasframe.study.observer import Observer
from nasframe.testing import journal_events

pytestmark = pytest.mark.alone

ray = ray_cluster.ray
CHILD = (1, 2, 3, 4)


class Cluster:
    """Several nodes of Ray on this machine; the head has one core."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        self.address: str = self._cluster.address

    def add(self, **resources: Any) -> Any:
        return self._cluster.add_node(**resources)

    def remove(self, node: Any) -> None:
        """Take a node away without a warning, as a machine is lost."""
        self._cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        ray.shutdown()
        self._cluster.shutdown()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()
    yield cluster
    cluster.close()


def as_it_fits(cluster: Cluster, **settings: Any) -> dict[str, Any]:
    return {"address": cluster.address, "workers": None, **settings}


def test_capacity_follows_the_cluster_and_nothing_is_lost(cluster: Cluster, tmp_path: Path) -> None:
    settings = as_it_fits(cluster)
    work = Bench("ray", tmp_path, retries=0, settings=settings, seconds=8.0, epochs=16)
    executor = work.executor
    assert executor.capacity == 1
    executor.submit(0, Step.TRAIN, CHILD)
    node = cluster.add(num_cpus=1)
    while executor.capacity == 1:
        for message in executor.wait():
            answer(executor, message)
    assert executor.capacity == 2
    executor.submit(1, Step.TRAIN, CHILD)
    while work.attempts < 2:
        answer(executor, work.next())
    cluster.remove(node)
    done = {}
    while len(done) < 2:
        message = work.next()
        if isinstance(message, Result):
            done[message.number] = message.error
        answer(executor, message)
    assert done == {0: None, 1: None}
    assert work.attempts == 3
    while executor.capacity > 1:  # Ray takes its time to declare a node dead
        executor.submit(2, Step.MEASURE, CHILD)
        work.next()
        time.sleep(0.5)
    executor.close()


def answer(executor: Executor, message: Report | Result) -> None:
    """Let a child that has reported go on."""
    if isinstance(message, Report):
        executor.reply(message.number, True)


class Weather(Observer):
    """Adds a node after some trials, and takes it away after some more."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._node: Any = None

    def on_result(self, trial: Trial) -> None:
        if trial.number == 3:
            self._node = self._cluster.add(num_cpus=2)
        if trial.number == 12:
            self._cluster.remove(self._node)


@pytest.mark.slow
def test_a_study_does_not_notice_the_weather(cluster: Cluster, tmp_path: Path) -> None:
    evaluator = ToyEvaluatorConfig(seconds=0.3)
    ours = option("executor", "ray", address=cluster.address)
    weather = Weather(cluster)
    run(
        toy_study(tmp_path / "a", executor=ours, evaluator=evaluator, retries=0),
        observers=[weather],
    )
    run(toy_study(tmp_path / "b", evaluator=evaluator, retries=0))
    assert journal_events(tmp_path / "a") == journal_events(tmp_path / "b")


class PlaceMeter(Meter):
    """Measures whether it holds the resource ``latency``."""

    provides = ("holds_latency", "cost")
    device = "a device"

    def measure(self, architecture: Architecture, context: Context) -> Metrics:
        held = ray.get_runtime_context().get_assigned_resources()
        return {"holds_latency": held.get("latency", 0.0), "cost": 1.0}


@dataclass(kw_only=True)
class PlaceMeterConfig(MeterConfig):
    def build(self, space: SearchSpace, task: Task) -> Meter:
        return PlaceMeter()


def test_latencies_are_measured_where_the_resource_is(cluster: Cluster, tmp_path: Path) -> None:
    ours = option("executor", "ray", address=cluster.address)
    meters: dict[str, MeterConfig] = {"place": PlaceMeterConfig()}
    study = toy_study(tmp_path / "before", executor=ours, meters=meters, trials=6)
    assert {t.metrics["holds_latency"] for t in run(study).trials} == {0.0}
    cluster.add(num_cpus=0, resources={"latency": 1})
    study = toy_study(tmp_path / "after", executor=ours, meters=meters, trials=6)
    trials = run(study).trials
    assert {t.metrics["holds_latency"] for t in trials} == {1.0}
    assert [t.error for t in trials] == [None] * 6


def test_measuring_and_training_do_not_take_each_others_place(tmp_path: Path) -> None:
    """All that there is: one core, and the resource on the same node."""
    ray.init("local", num_cpus=1, resources={"latency": 1}, include_dashboard=False)
    try:
        ours = option("executor", "ray")
        meters: dict[str, MeterConfig] = {"place": PlaceMeterConfig()}
        trials = run(toy_study(tmp_path, executor=ours, meters=meters, trials=6)).trials
        assert [(t.error, t.metrics["holds_latency"]) for t in trials] == [(None, 1.0)] * 6
    finally:
        ray.shutdown()


def test_as_many_trials_as_fit(cluster: Cluster, tmp_path: Path) -> None:
    def fits(capacity: int, **settings: Any) -> None:
        work = Bench("ray", tmp_path, settings=as_it_fits(cluster, **settings))
        seen = []
        while seen[-2:] != [capacity, capacity]:  # what was used before takes time to be free
            assert work.run(0, CHILD).error is None
            time.sleep(1.1)
            assert work.run(1, CHILD).error is None
            seen.append(work.executor.capacity)
            assert seen[-1] <= capacity
            assert len(seen) < 20
        work.executor.close()

    fits(1)
    fits(4, cpus=0.25)
    fits(9, workers=9)
    cluster.add(num_cpus=1, num_gpus=2, resources={"slots": 3})
    fits(6, cpus=0.1, gpus=0, resources={"slots": 0.5})
    fits(6, cpus=0, gpus=0.3)
    fits(1)  # a GPU each, and only one core is beside them


def parts(folder: Path) -> Parts:
    return toy_study(folder, keep=1).parts()


def test_weights_come_back_from_a_node_without_the_folder(cluster: Cluster, tmp_path: Path) -> None:
    journal = tmp_path / JOURNAL_FILE
    journal.write_text("the study\n")
    executor = option("executor", "ray", address=cluster.address).build(parts(tmp_path))
    journal.write_text("another folder of the same name\n")
    executor.submit(5, Step.TRAIN, CHILD)
    result = None
    while not isinstance(result, Result):
        for result in executor.wait():
            answer(executor, result)
    assert weights_path(tmp_path, 5).read_bytes() == b"weights"
    executor.close()


def test_what_cannot_be_is_told(cluster: Cluster, tmp_path: Path) -> None:
    def refused(match: str, **settings: Any) -> None:
        with pytest.raises(NasframeError, match=match):
            option("executor", "ray", **settings).build(parts(tmp_path))
        assert not ray.is_initialized()

    refused("a trial needs 3 CPU, but no node .* nodes have 1 CPU", address=cluster.address, cpus=3)
    refused("needs 1 CPU, 1 GPU", address=cluster.address, gpus=1)
    refused("address=127.0.0.1:1: cannot reach Ray: ", address="127.0.0.1:1")
    refused("address=ray://127.0.0.1:1: cannot", address="ray://127.0.0.1:1")
    refused("gpus=1.5: must be a whole number", gpus=1.5)
    refused("resources.CPU=2", resources={"CPU": 2})
    refused("resources.a=0", resources={"a": 0})
    refused("cpus=0: a trial needs at least one of cpus, gpus and resources", cpus=0)


UNKNOWN = """
from nasframe import EvaluatorConfig
from dataclasses import dataclass

@dataclass(kw_only=True)
class Unknown(EvaluatorConfig):
    def build(self, space, task):
        raise AssertionError
"""


def test_a_node_without_the_plugin_is_told(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "only_here.py"
    module.write_text(UNKNOWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    import only_here  # type: ignore[import-not-found]

    config = toy_study(tmp_path / "a", evaluator=only_here.Unknown())
    executor = option("executor", "ray", address=cluster.address).build(config.parts())
    module.unlink()
    executor.submit(0, Step.TRAIN, CHILD)
    result = wait_for_message(executor)
    assert isinstance(result, Result)
    assert result.fatal
    assert "could not start: ModuleNotFoundError: No module named 'only_here'" in str(result.error)
    executor.close()


def test_a_local_ray_is_begun_and_ended_and_signals_stay(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    executor = option("executor", "ray").build(parts(tmp_path))
    assert signal.getsignal(signal.SIGTERM) is before
    assert executor.capacity >= 1
    executor.close()
    assert not ray.is_initialized()


def test_a_ray_that_a_program_has_begun_stays(cluster: Cluster, tmp_path: Path) -> None:
    ray_cluster.connect(cluster.address)
    executor = option("executor", "ray").build(parts(tmp_path))
    executor.close()
    assert ray.is_initialized()
