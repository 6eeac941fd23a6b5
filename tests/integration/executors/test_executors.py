"""Where children run: executors keep to their contract, and children have seeds of their own."""

from __future__ import annotations

import pytest

from nasframe import ExecutorConfig, option
from nasframe.executors.worker import derive_child_seed, merge_meters
from nasframe.testing import ExecutorContract

pytestmark = pytest.mark.alone


def configured(name: str) -> ExecutorConfig:
    config = option("executor", name)
    assert isinstance(config, ExecutorConfig)
    return config


class TestSerial(ExecutorContract):
    def config(self) -> ExecutorConfig:
        return configured("serial")


class TestProcess(ExecutorContract):
    def config(self) -> ExecutorConfig:
        return configured("process")


@pytest.mark.usefixtures("local_ray")
class TestRay(ExecutorContract):
    def config(self) -> ExecutorConfig:
        return configured("ray")


def test_the_seed_of_a_child_is_the_same_everywhere() -> None:
    assert derive_child_seed(0, (1, 2, 3)) == 69552045639912747
    assert len({derive_child_seed(seed, key) for seed in (0, 1) for key in ((1, 2), (2, 1))}) == 4


def test_a_name_that_two_meters_give_keeps_its_prefix() -> None:
    merged = merge_meters({"a": {"ms": 1.0, "x": 2.0}, "b": {"ms": 3.0}})
    assert merged == {"a.ms": 1.0, "x": 2.0, "b.ms": 3.0}
