"""The console script ``nasframe-latency``: latencies of networks on this machine, compared."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from nasframe.cli.arguments import Parser, parse_count, parse_output_path, run_command

if TYPE_CHECKING:
    from rich.table import Table

    from nasframe.meters.latency.runtimes import Runtime

_RUNTIMES = ("torch", "onnx")


def main() -> None:
    """Run the command line; exit with status 0, 2 (a mistake) or 130 (after Ctrl-C)."""
    parser = _build_parser()
    arguments = parser.parse_args()
    if (mistake := _find_conflict(arguments)) is not None:
        parser.error(mistake)
    run_command(parser.prog, partial(_compare if arguments.table is None else _tabulate, arguments))


def _build_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="nasframe-latency",
        description="Measure the latency of networks on this machine, interleaved with each other "
        "and with a reference network. The weights are random.",
    )
    add = parser.add_argument
    add(
        "names",
        nargs="*",
        metavar="NAME",
        help="a published network (nasframe-plugins lists them), with settings as in "
        "NAME:KEY=VALUE,KEY=VALUE; a timm model; STUDY_FOLDER:NUMBER for a trial of a study; a "
        "folder of nasframe-retrain; with --table an architecture (3-0-1)",
    )
    add(
        "--runtime",
        type=_parse_runtimes,
        default=["torch"],
        help="torch, onnx or torch,onnx (torch)",
    )
    add("--size", type=parse_count, help="height and width of images (default: each network's own)")
    add("--batch", type=parse_count, default=1, help="inputs in a batch (1)")
    add("--threads", type=parse_count, default=1, help="CPU threads (1)")
    add("--device", choices=("cpu", "cuda"), default="cpu", help="the device (cpu)")
    add(
        "--seconds",
        type=_parse_seconds,
        default=5.0,
        help="maximum time for each network and runtime (5)",
    )
    add("--json", type=parse_output_path, metavar="FILE", help="write all results as JSON")
    add = parser.add_argument_group("a table of the blocks of a search space").add_argument
    add(
        "--table", type=parse_output_path, metavar="FILE", help="measure the blocks missing in FILE"
    )
    add(
        "--space",
        metavar="NAME",
        help="the search space: all its blocks, or only the blocks of NAMEs",
    )
    add("--set", action="append", metavar="KEY=VALUE", help="a setting of the space")
    add("--channels", type=parse_count, metavar="N", help="channels of the images (3)")
    add("--classes", type=parse_count, metavar="N", help="outputs of the networks (1000)")
    add(
        "--check",
        type=parse_count,
        metavar="N",
        help="measure only N random networks and their blocks, and compare with the table",
    )
    return parser


def _find_conflict(arguments: argparse.Namespace) -> str | None:
    """Describe a conflict between arguments that are each valid."""
    if arguments.table is None:
        of_table = ("space", "set", "channels", "classes", "check")
        given = [name for name in of_table if getattr(arguments, name) is not None]
        if given:
            return f"--{given[0]} requires --table"
        return None if arguments.names else "give a NAME or --table"
    if arguments.space is None:
        return "--table requires --space"
    if len(arguments.runtime) > 1:
        return "--table takes one --runtime"
    if arguments.json is not None:
        return "--json cannot be combined with --table"
    return "--check must be at least 2" if arguments.check == 1 else None


def _parse_runtimes(text: str) -> list[str]:
    words = list(dict.fromkeys(text.split(",")))
    if not set(words) <= set(_RUNTIMES):
        raise argparse.ArgumentTypeError(f"{text}: must be torch, onnx or torch,onnx")
    return words


def _parse_seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text}: must be a number of seconds")
    return value


def _compare(arguments: argparse.Namespace) -> None:
    from rich.console import Console

    from nasframe.meters.latency.inputs import REFERENCE
    from nasframe.storage.files import write_output
    from nasframe.zoo.latency import WIDTH, measure_side_by_side
    from nasframe.zoo.lookup import look_up_network

    found = [look_up_network(name, arguments.size) for name in arguments.names]
    runtimes = {name: _build_runtime(name, arguments) for name in arguments.runtime}
    rows = measure_side_by_side(found, runtimes, arguments.batch, arguments.seconds)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200  # keeps names on one line
    console.print(_build_table(rows))
    for device in dict.fromkeys(row["device"] for row in rows):
        console.print(f"Measured on {device}", soft_wrap=True)
    console.print(
        f"In brackets: 95 % intervals. Ratios are to {REFERENCE} with one image of 224 pixels in "
        "the same runtime.",
        soft_wrap=True,
    )
    if not all(row["latency_converged"] for row in rows):
        console.print(f"* Wider than {WIDTH:.0%}; more --seconds narrow it.", soft_wrap=True)
    if rows[0]["latency_contended"]:
        load = rows[0]["latency_other_load"]
        console.print(f"Other processes used {load:.1f} cores: measure again on a quiet machine.")
    if arguments.json is not None:
        write_output(arguments.json, json.dumps(rows))


def _build_runtime(name: str, arguments: argparse.Namespace) -> Runtime:
    if name == "onnx":
        from nasframe.meters.latency.onnx_runtime import OnnxRuntime

        return OnnxRuntime(arguments.device, arguments.threads)
    from nasframe.meters.latency.torch_runtime import TorchRuntime

    return TorchRuntime(arguments.device, arguments.threads)


def _tabulate(arguments: argparse.Namespace) -> None:
    from nasframe.cli.latency_table import fill_table

    fill_table(arguments, _build_runtime(arguments.runtime[0], arguments))


def _build_table(rows: Sequence[dict[str, Any]]) -> Table:
    from rich.table import Table

    from nasframe._support.text import to_text

    table = Table(box=None, padding=(0, 1, 0, 0))
    for title in ("network", "runtime", "input"):
        table.add_column(title, overflow="fold")
    for title in ("params", "MACs", "ms", "ratio"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        cells = (
            *(row[name] for name in ("network", "runtime", "input")),
            f"{row['parameters'] / 1e6:.2f}M",
            f"{row['macs'] / 1e6:.0f}M",
            _format_interval(row, "latency_ms"),
            _format_interval(row, "latency_ratio") + (" " if row["latency_converged"] else "*"),
        )
        table.add_row(*map(to_text, cells))
    return table


def _format_interval(row: dict[str, Any], name: str) -> str:
    middle, low, high = (row[name + bound] for bound in ("", "_low", "_high"))
    digits = max(0, 2 - math.floor(math.log10(middle)))
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"
