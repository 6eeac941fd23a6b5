"""Settings of all tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from turns import turn

ROOT = Path(__file__).parents[1]
# ``python -m pytest`` puts the checkout first, whose package has no ``nasframe.conf``: test the
# installed package, as ``pytest`` does.
sys.path[:] = [place for place in sys.path if Path(place).resolve() != ROOT]

settings.register_profile("nasframe", deadline=None)  # tests are not timed
settings.load_profile("nasframe")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that run alone come last: until then there is always a test to run beside another."""
    items.sort(key=lambda item: item.get_closest_marker("alone") is not None)


@pytest.hookimpl(wrapper=True, tryfirst=True)  # around the limit of time, too
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Nothing runs beside a test of the mark ``alone``."""
    with turn(item):
        return (yield)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Compute on one thread, since small networks crawl on several, from the same random state."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def local_ray() -> Iterator[None]:
    """A Ray that executors find and leave as it is: to begin one takes seconds."""
    from nasframe.executors import ray_cluster

    ray_cluster.connect("local")
    yield
    ray_cluster.ray.shutdown()
