"""How far measured latencies can be trusted.

    python tests/benchmarks/latency.py truth      # against loops of 1,000 runs written by hand
    python tests/benchmarks/latency.py repeat     # the same networks in two processes
    python tests/benchmarks/latency.py load       # and once more while a core is busy
    python tests/benchmarks/latency.py table      # the published networks, in both runtimes

One thread, batch 1, images of 224 pixels. The machine should be quiet.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import mean, median
from typing import Any

import onnxruntime
import timm
import torch
from scipy.stats import spearmanr
from torch import nn

from nasframe import Architecture, Context, option, published
from nasframe.meters.latency.inputs import build_reference, draw_inputs
from nasframe.meters.latency.onnx_files import write_onnx
from nasframe.meters.latency.onnx_runtime import OnnxRuntime
from nasframe.meters.latency.runtimes import Runtime
from nasframe.meters.latency.timing import measure_pairs
from nasframe.meters.latency.torch_runtime import TorchRuntime
from nasframe.storage.locks import exclusive_lock
from nasframe.zoo.latency import measure_side_by_side
from nasframe.zoo.lookup import ImageInputs, NamedNetwork

RUNTIMES: dict[str, Callable[[], Runtime]] = {"torch": TorchRuntime, "onnx": OnnxRuntime}
PHOTOS = ImageInputs((3, 224, 224), 1000)
MOBILE_NASNET = partial(published, "nasnet_a", cells=4, filters=44)


def by_hand(runtime: str, network: nn.Module, inputs: Sequence[torch.Tensor]) -> Callable[[], Any]:
    """One run, as anybody would write it."""
    if runtime == "torch":
        return partial(network, *inputs)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        write_onnx(network, tuple(inputs), Path(folder) / "model.onnx")
        session = onnxruntime.InferenceSession(Path(folder) / "model.onnx", options)
    feeds = {session.get_inputs()[0].name: inputs[0].numpy()}
    return partial(session.run, None, feeds)


def truth(runs: int, seconds: float) -> None:
    """Our medians against those of a plain loop; both take turns, in ten parts."""
    print(f"{'':<32}{'ours, ms':>10}{'by hand':>10}{'ratio':>8}")
    for name in ("mobilenetv3_small_050", "mnasnet_100", "resnet18"):
        for runtime, make in RUNTIMES.items():
            network, inputs = timm.create_model(name).eval(), draw_inputs(PHOTOS, 1)
            call = by_hand(runtime, network, inputs)
            run, other = make().prepare(network, inputs), make().prepare(*build_reference())
            ours, times = [], []
            with exclusive_lock(), torch.inference_mode():
                for _ in range(10):
                    (timing,) = measure_pairs([(run, other)], width=0.02, seconds=seconds)
                    ours.append(timing.ms.median)
                    for _ in range(5 + runs // 10):
                        start = time.perf_counter()
                        call()
                        times.append(1000 * (time.perf_counter() - start))
                    del times[-runs // 10 - 5 : -runs // 10]  # the first five warm up
            a, b = median(ours), median(times)
            print(f"{name + ', ' + runtime:<32}{a:>10.2f}{b:>10.2f}{a / b:>8.3f}", flush=True)


def architectures(count: int) -> list[Architecture]:
    draw, space = random.Random(0), option("search_space", "mnasnet").build()
    sizes = [len(choice.options) for choice in space.choices]
    return [Architecture(tuple(map(draw.randrange, sizes))) for _ in range(count)]


def child(runtime: str, count: int, seconds: float, interval: float) -> None:
    """Measure random networks with the meter; prints their metrics as JSON."""
    config = option("meters", runtime, seconds=seconds, interval=interval)
    meter = config.build(option("search_space", "mnasnet").build(), PHOTOS)
    context = Context(Path(), "auto", 0, lambda epoch, metrics: True, lambda: False)
    print(json.dumps([meter.measure(one, context) for one in architectures(count)]))


def measured_apart(*values: object) -> list[dict[str, float]]:
    """What a process of its own measures."""
    names = ("--runtime", "--architectures", "--seconds", "--interval")
    words = [str(word) for pair in zip(names, values, strict=True) for word in pair]
    command = [sys.executable, __file__, "child", *words]
    found: list[dict[str, float]] = json.loads(subprocess.check_output(command))
    return found


@contextmanager
def busy(cores: int) -> Iterator[None]:
    """Processes of which each keeps a core busy, always the same."""
    with ExitStack() as stack:
        for core in sorted(os.sched_getaffinity(0), reverse=True)[:cores]:
            code = f"import os; os.sched_setaffinity(0, [{core}])\nwhile True: pass"
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", code]))
            stack.callback(process.kill)
        yield


def told(title: str, runs: Sequence[list[dict[str, float]]]) -> None:
    """How two processes agree, in the ratio and in the milliseconds."""
    print(title)
    for name in ("latency_ratio", "latency_ms"):
        a, b = ([row[name] for row in rows] for rows in runs)
        differences = [abs(x / y - 1) for x, y in zip(a, b, strict=True)]
        print(
            f"  {name:<14} Spearman {spearmanr(a, b).statistic:.3f}, difference "
            f"{median(differences):.1%} at the median, {max(differences):.1%} at most"
        )
    for rows in runs:
        widths = [
            (row["latency_ratio_high"] - row["latency_ratio_low"]) / row["latency_ratio"]
            for row in rows
        ]
        converged, contended = (
            mean(row[f"latency_{what}"] for row in rows) for what in ("converged", "contended")
        )
        print(
            f"  interval of the ratio {median(widths):.1%} wide; converged {converged:.0%}, "
            f"contended {contended:.0%}, other load "
            f"{median(row['latency_other_load'] for row in rows):.2f} cores"
        )


def repeat(*values: object) -> None:
    """The same networks in two processes."""
    told("Two processes", [measured_apart(*values) for _ in range(2)])


def load(cores: int, *values: object) -> None:
    """The same networks in a quiet process and beside busy ones."""
    quiet = measured_apart(*values)
    with busy(cores):
        loaded = measured_apart(*values)
    told(f"A quiet process, and one on a machine with {cores} busy cores", [quiet, loaded])


def table(seconds: float) -> None:
    """The published networks, all in turns."""
    makes: dict[str, Callable[[], Any]] = {
        "MnasNet-A1": partial(published, "mnasnet_a1"),
        "MnasNet-B1": partial(published, "mnasnet_b1"),
        "MobileNetV2": partial(timm.create_model, "mobilenetv2_100"),
        "MobileNetV2 x1.4": partial(timm.create_model, "mobilenetv2_140"),
        "NASNet-A 4 @ 1056": MOBILE_NASNET,
        "ResNet-50": partial(timm.create_model, "resnet50"),
    }
    networks = [
        NamedNetwork(n, lambda make=make: make().eval(), PHOTOS) for n, make in makes.items()
    ]
    rows = measure_side_by_side(
        networks, {name: make() for name, make in RUNTIMES.items()}, 1, seconds
    )
    for row in rows:
        ms, ratio = (
            "{:.3g} ({:.3g} to {:.3g})".format(*(row[name + b] for b in ("", "_low", "_high")))
            for name in ("latency_ms", "latency_ratio")
        )
        size = f"{row['parameters'] / 1e6:.2f}M | {row['macs'] / 1e6:.0f}M"
        print(f"| {row['network']} | {row['runtime']} | {size} | {ms} | {ratio} |")
    print(f"Other load: {rows[0]['latency_other_load']:.2f} cores")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("truth", "repeat", "load", "table", "child"))
    parser.add_argument("--runtime", choices=tuple(RUNTIMES), default="torch", help="of a meter")
    parser.add_argument("--busy", type=int, default=1, help="cores, of load")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--architectures", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--interval", type=float, default=0.02, help="1e-9 uses all of the seconds")
    args = parser.parse_args()
    torch.set_num_threads(1)
    match args.what:
        case "truth":
            truth(args.runs, args.seconds / 5)
        case "table":
            table(args.seconds)
        case what:
            run = {"repeat": repeat, "load": partial(load, args.busy), "child": child}[what]
            run(args.runtime, args.architectures, args.seconds, args.interval)


if __name__ == "__main__":
    main()
