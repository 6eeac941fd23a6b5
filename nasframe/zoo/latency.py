"""How long networks take, side by side: all are measured in turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from nasframe.errors import NasframeError, one_line
from nasframe.meters.latency.inputs import random_inputs, reference
from nasframe.meters.latency.runtimes import Runtime, in_words
from nasframe.meters.latency.timing import measure
from nasframe.storage.locks import exclusive_lock
from nasframe.zoo.lookup import Named

WIDTH = 0.02
"""How wide an interval of a ratio may be, as a share of it."""


def measured(
    networks: Sequence[Named], runtimes: Mapping[str, Runtime], batch: int, seconds: float
) -> list[dict[str, Any]]:
    """Measure each network in each runtime, beside the reference network there.

    Args:
        networks: the networks.
        runtimes: the runtimes by name.
        batch: how many inputs a network gets at once.
        seconds: how long it may take, for each network and runtime.

    Returns:
        For each network and runtime what they are, the network's sizes, and the metrics.

    Raises:
        NasframeError: if a network cannot be run.
    """
    rows, pairs = [], []
    with exclusive_lock():
        references = {name: runtime.prepare(*reference()) for name, runtime in runtimes.items()}
        for network in networks:
            inputs = random_inputs(network.inputs, batch)
            for name, runtime in runtimes.items():
                try:
                    run, sizes = runtime.prepare(network.make(), inputs), _sizes(network)
                except Exception as error:
                    raise NasframeError(
                        f"{network.name} cannot be measured in {name}: {one_line(error)}"
                    ) from error
                device = in_words(runtime.device, f"batch {batch}")
                pairs.append((run, references[name]))
                rows.append({"network": network.name, "runtime": name, "device": device, **sizes})
        timings = measure(pairs, width=WIDTH, seconds=seconds * len(pairs))
    return [row | timing.metrics() for row, timing in zip(rows, timings, strict=True)]


def _sizes(network: Named) -> dict[str, Any]:
    module, example = network.make(), network.inputs.example()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(*example)
    return {
        "input": "x".join(map(str, example[0].shape[1:])),
        "parameters": sum(p.numel() for p in module.parameters()),
        "macs": counter.get_total_flops() // 2,
    }
