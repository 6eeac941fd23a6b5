"""Latencies of several networks, measured in turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from nasframe.errors import NasframeError, format_error
from nasframe.meters.latency.inputs import build_reference, draw_inputs
from nasframe.meters.latency.runtimes import Runtime, join_words
from nasframe.meters.latency.timing import measure_pairs
from nasframe.storage.locks import exclusive_lock
from nasframe.zoo.lookup import NamedNetwork

WIDTH = 0.02
"""Relative width of the interval of a ratio at which the measurement stops."""


def measure_side_by_side(
    networks: Sequence[NamedNetwork], runtimes: Mapping[str, Runtime], batch: int, seconds: float
) -> list[dict[str, Any]]:
    """Measure each network in each runtime, in turns with the runtime's reference network.

    Args:
        networks: the networks.
        runtimes: runtimes by name.
        batch: inputs per run.
        seconds: maximum time for each network and runtime.

    Returns:
        A row for each network and runtime: names, device, sizes of the network, metrics.

    Raises:
        NasframeError: if a network cannot be run.
    """
    rows, pairs = [], []
    with exclusive_lock():
        references = {
            name: runtime.prepare(*build_reference()) for name, runtime in runtimes.items()
        }
        for network in networks:
            inputs = draw_inputs(network.inputs, batch)
            for name, runtime in runtimes.items():
                try:
                    run, sizes = runtime.prepare(network.make(), inputs), _count_sizes(network)
                except Exception as error:
                    raise NasframeError(
                        f"{network.name} cannot be measured in {name}: {format_error(error)}"
                    ) from error
                device = join_words(runtime.device, f"batch {batch}")
                pairs.append((run, references[name]))
                rows.append({"network": network.name, "runtime": name, "device": device, **sizes})
        timings = measure_pairs(pairs, width=WIDTH, seconds=seconds * len(pairs))
    return [row | timing.metrics() for row, timing in zip(rows, timings, strict=True)]


def _count_sizes(network: NamedNetwork) -> dict[str, Any]:
    module, example = network.make(), network.inputs.example()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(*example)
    return {
        "input": "x".join(map(str, example[0].shape[1:])),
        "parameters": sum(p.numel() for p in module.parameters()),
        "macs": counter.get_total_flops() // 2,
    }
