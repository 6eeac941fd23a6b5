"""How long the command line takes to answer: ``python tests/benchmarks/startup.py``.

Help, shell completion and the way to the first child, in fresh processes; the baseline, interleaved
with them, is a Hydra program that does nothing. Times are wall-clock seconds: median and fastest.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BARE = """
import hydra
@hydra.main(config_path=None, version_base="1.3")
def main(cfg):
    pass
main()
"""


def seconds(command: list[str], **variables: str) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **variables})
    return time.perf_counter() - start


def first_child(nasframe: str, folder: str) -> float:
    """From Enter to the start of the first child's second epoch, less the time of the first."""
    start = time.perf_counter()
    command = [nasframe, f"dir={folder}", "trials=1", "evaluator.epochs=1"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    whole = time.perf_counter() - start
    journal = (Path(folder) / "journal.jsonl").read_text()
    told = journal.split('"train_seconds":')[1].split(",")[0].rstrip("}")
    return whole - float(told)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    nasframe = str(Path(sys.executable).with_name("nasframe"))
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE)
        query = {"COMP_LINE": "nasframe controller=", "COMP_POINT": "20"}
        complete = [nasframe, "--shell-completion", "query=bash"]
        parts = {
            "a bare Hydra program, --help": lambda: seconds([sys.executable, str(bare), "--help"]),
            "nasframe --help": lambda: seconds([nasframe, "--help"]),
            "completion of controller=": lambda: seconds(complete, **query),
        }
        times: dict[str, list[float]] = {name: [] for name in parts}
        for _ in range(repeats):
            for name, part in parts.items():
                times[name].append(part())
        for name, values in times.items():
            middle, best = statistics.median(values), min(values)
            print(f"{name:<32} {middle:6.2f} s, fastest {best:5.2f} s")
        starts = [first_child(nasframe, f"{folder}/{i}") for i in range(3)]
        print(f"{'a study of one child, less it':<32} {statistics.median(starts):6.2f} s")


if __name__ == "__main__":
    main()
