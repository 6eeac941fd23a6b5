"""A Ray cluster: how to reach it, and what it has."""

from __future__ import annotations

import logging
import math
import os
import signal
import socket
import threading
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from nasframe._support.system import cores
from nasframe.errors import NasframeError, one_line

_DEBUG = bool(os.environ.get("NASFRAME_DEBUG"))

if not _DEBUG:
    # Ray reads it when it is imported. It would else print between the lines of a study what it
    # thinks of each worker that died, which the study tells itself.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")

import ray  # noqa: E402

_PATIENCE = 10.0
"""Seconds in which a cluster must answer."""

Resources: TypeAlias = Mapping[str, float]
"""Amounts by Ray's names: ``CPU``, ``GPU``, and those that users give."""


def connect(address: str | None) -> None:
    """Join a cluster, or begin a local one.

    Args:
        address: of the cluster; without one the variable ``RAY_ADDRESS`` counts, if it is set.

    Raises:
        NasframeError: if the cluster cannot be reached.
    """
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    local = {"num_cpus": cores(), "include_dashboard": False} if address == "local" else {}
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    logging.getLogger("ray").setLevel(logging.INFO if _DEBUG else logging.CRITICAL)
    try:
        _check_reachable(address)
        ray.init(
            address=address,
            log_to_driver=_DEBUG,
            configure_logging=False,
            **local,
        )
    except Exception as error:  # of many kinds
        raise NasframeError(
            f"executor.address={address}: cannot reach Ray there: {one_line(error)}"
        ) from error
    finally:
        if main:  # Ray has put its own there
            signal.signal(signal.SIGTERM, before)


def _check_reachable(address: str) -> None:
    """Whether somebody listens at an address: Ray itself tries it for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()


def nodes() -> dict[str, Resources]:
    """What each living node has in all, by the node's id."""
    return {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}


def free() -> Resources:
    """What nobody holds, in the whole cluster."""
    available: Resources = ray.available_resources()
    return available


def fit(needs: Resources, resources: Resources) -> int:
    """How often some needs are met by resources."""
    return min(_shares(name, amount, resources.get(name, 0.0)) for name, amount in needs.items())


def _shares(name: str, amount: float, there: float) -> int:
    # Ray counts in ten-thousandths. A share of a GPU is of one GPU.
    if name == "GPU" and amount < 1:
        whole = math.floor(there)
        return whole * math.floor(1 / amount + 1e-6) + math.floor((there - whole) / amount + 1e-6)
    return math.floor(there / amount + 1e-6)


def room(needs: Resources, places: Iterable[Resources]) -> int:
    """How often some needs are met by empty nodes."""
    return sum(fit(needs, node) for node in places)


def unfit(needs: Resources, places: Iterable[Resources]) -> NasframeError:
    """What to say if no node is large enough for a trial."""
    return NasframeError(
        f"executor=ray: a trial needs {_words(needs)}, and no node of the cluster has that much: "
        f"there is {' and '.join(sorted({_words(node) for node in places}))}\n"
        "Choose other executor.cpus, gpus or resources, or say with executor.workers how many "
        "trials to run once the cluster has grown"
    )


def _words(resources: Resources) -> str:
    hidden = ("node:", "memory", "object_store_memory", "accelerator_type:")
    words = [f"{v:g} {n}" for n, v in sorted(resources.items()) if not n.startswith(hidden)]
    return ", ".join(words) or "nothing"
