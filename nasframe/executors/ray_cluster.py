"""A Ray cluster: how to connect, and which resources it has."""

from __future__ import annotations

import logging
import math
import os
import signal
import socket
import threading
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from nasframe._support.system import count_cores
from nasframe.errors import NasframeError, format_error

_DEBUG = bool(os.environ.get("NASFRAME_DEBUG"))

if not _DEBUG:
    # Ray reads this at import. Otherwise it prints its own message about each worker that died
    # between the lines of the study, which reports them itself.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")

import ray  # noqa: E402

_CONNECT_SECONDS = 10.0
"""Time limit for the cluster's answer."""

Resources: TypeAlias = Mapping[str, float]
"""Amounts by Ray's names: ``CPU``, ``GPU``, and custom names of the user."""


def connect(address: str | None) -> None:
    """Connect to a cluster, or start a local one.

    Args:
        address: the cluster; ``None`` uses the variable ``RAY_ADDRESS``, if it is set.

    Raises:
        NasframeError: if the cluster cannot be reached.
    """
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    local = {"num_cpus": count_cores(), "include_dashboard": False} if address == "local" else {}
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
    except Exception as error:  # Ray raises many kinds
        raise NasframeError(
            f"executor.address={address}: cannot reach Ray: {format_error(error)}"
        ) from error
    finally:
        if main:  # Ray has installed its own handler
            signal.signal(signal.SIGTERM, before)


def _check_reachable(address: str) -> None:
    """Connect to an address once: Ray itself retries for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()


def list_nodes() -> dict[str, Resources]:
    """Return the total resources of each living node, by the node's id."""
    return {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}


def find_free() -> Resources:
    """Return the free resources of the whole cluster."""
    available: Resources = ray.available_resources()
    return available


def count_fits(needs: Resources, resources: Resources) -> int:
    """Return how many workers with the same needs fit into the resources."""
    return min(
        _count_shares(name, amount, resources.get(name, 0.0)) for name, amount in needs.items()
    )


def _count_shares(name: str, amount: float, total: float) -> int:
    # Ray counts in ten-thousandths. A fraction of a GPU must come from a single GPU.
    if name == "GPU" and amount < 1:
        whole = math.floor(total)
        return whole * math.floor(1 / amount + 1e-6) + math.floor((total - whole) / amount + 1e-6)
    return math.floor(total / amount + 1e-6)


def count_room(needs: Resources, nodes: Iterable[Resources]) -> int:
    """Return how many workers with the same needs fit into empty nodes."""
    return sum(count_fits(needs, node) for node in nodes)


def make_size_error(needs: Resources, nodes: Iterable[Resources]) -> NasframeError:
    """Return the error for a trial that is too large for every node."""
    found = " or ".join(sorted({_format_resources(node) for node in nodes}))
    return NasframeError(
        f"executor=ray: a trial needs {_format_resources(needs)}, but no node of the cluster is "
        f"large enough: nodes have {found}\n"
        "Change executor.cpus, gpus or resources; for a cluster that grows by itself, set "
        "executor.workers"
    )


def _format_resources(resources: Resources) -> str:
    hidden = ("node:", "memory", "object_store_memory", "accelerator_type:")
    amounts = [f"{v:g} {n}" for n, v in sorted(resources.items()) if not n.startswith(hidden)]
    return ", ".join(amounts) or "nothing"
