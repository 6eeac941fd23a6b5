"""Latencies from a table of blocks: ``python tests/benchmarks/latency_table.py``.

Fills a table of all blocks of ``mnasnet`` at 224 pixels, measures 200 random networks of the space
whole, and compares: Spearman's rank correlation, which is to be at least 0.95, the mean relative
error and the bias. The networks that correct the sums are not among the 200. It then times a look
in the table. The same command goes on after it was interrupted. ``--few`` leaves out the blocks
that none of these networks has: a short run is ``--few --networks 25``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from statistics import median

from nasframe import Context, option
from nasframe.meters.latency.table import FITTED_NETWORKS, read_table
from nasframe.meters.latency.table_accuracy import compute_agreement
from nasframe.meters.latency.table_filler import draw_random_architecture
from nasframe.zoo.lookup import ImageInputs

AIM = 0.95
TASK = ImageInputs((3, 224, 224), 1000)


def run(*words: str) -> None:
    """Run ``nasframe-latency``, and print how long it took."""
    script = Path(sysconfig.get_path("scripts")) / "nasframe-latency"
    start = time.perf_counter()
    subprocess.run([script, *words], check=True)
    print(f"{time.perf_counter() - start:.0f} s: nasframe-latency {' '.join(words)}", flush=True)


def look_up_seconds(path: Path) -> float:
    """The median time in which the meter tells the latency of a network."""
    space = option("search_space", "mnasnet").build()
    meter = option("meters", "table", path=path).build(space, TASK)
    context = Context(path.parent, "auto", 0, lambda epoch, metrics: True, lambda: False)
    times = []
    for number in range(FITTED_NETWORKS):
        architecture = draw_random_architecture(space, f"network {number}")
        start = time.perf_counter()
        meter.measure(architecture, context)
        times.append(time.perf_counter() - start)
    return median(times)


def main() -> None:
    """Run the benchmark; the status is 1 if the aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, help="the table (mnasnet-RUNTIME.jsonl)")
    parser.add_argument("--runtime", choices=("torch", "onnx"), default="torch")
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--few", action="store_true", help="only the networks' blocks")
    arguments = parser.parse_args()
    path = arguments.file or Path(f"mnasnet-{arguments.runtime}.jsonl")
    words = ("--table", str(path), "--space", "mnasnet", "--runtime", arguments.runtime)
    if not arguments.few:
        run(*words)
    run(*words, "--check", str(arguments.networks))
    found = compute_agreement(
        read_table(path), range(FITTED_NETWORKS, FITTED_NETWORKS + arguments.networks)
    )
    print(f"a look in the table: {1e6 * look_up_seconds(path):.0f} microseconds")
    print(f"rank correlation {found.rank:.4f}, aim {AIM}")
    sys.exit(found.rank < AIM)


if __name__ == "__main__":
    main()
