"""The console script ``nasframe-latency``: how long networks take here, side by side."""

from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasframe.api import Architecture
from nasframe.errors import NasframeError

if TYPE_CHECKING:
    from rich.table import Table

    from nasframe.latency.blocks import Filler
    from nasframe.latency.runtimes import Runtime
    from nasframe.latency.table import Table as BlockTable
    from nasframe.named import Images

RUNTIMES = ("torch", "onnx")

DEFAULTS: dict[str, Any] = {
    "size": 224,
    "channels": 3,
    "classes": 1000,
    "batch": 1,
    "threads": 1,
    "device": "cpu",
    "runtime": "torch",
}
"""What a table is made for if nothing else is said."""


def main() -> None:
    """Run the command line; the status is 0, 2 (a mistake) or 130 (after Ctrl-C)."""
    parser = _parser()
    arguments = parser.parse_args()
    if (wrong := _misfits(arguments)) is not None:
        parser.error(wrong)
    try:
        if arguments.table is None:
            _compare(arguments)
        else:
            _tabulate(arguments)
    except (NasframeError, OSError) as error:
        print(f"nasframe-latency: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nasframe-latency",
        description="Measure how long networks take here, in turns with each other and with a "
        "reference network. Their weights are random.",
    )
    add = parser.add_argument
    add(
        "names",
        nargs="*",
        metavar="NAME",
        help="a network that a plugin publishes (nasframe-plugins lists them), a timm model, or "
        "STUDY_FOLDER:NUMBER for a trial of a study; with --table an architecture (3-0-1)",
    )
    add("--runtime", type=_runtimes, default=["torch"], help="torch, onnx or torch,onnx (torch)")
    add("--size", type=_count, help="height and width of images (each network's own)")
    add("--batch", type=_count, default=1, help="inputs at once (1)")
    add("--threads", type=_count, default=1, help="CPU threads (1)")
    add("--device", choices=("cpu", "cuda"), default="cpu", help="where to run (cpu)")
    add("--seconds", type=_seconds, default=5.0, help="for each network and runtime, at most (5)")
    add("--json", type=_file, metavar="FILE", help="write all figures for machines")
    add = parser.add_argument_group("a table of the blocks of a search space").add_argument
    add("--table", type=_file, metavar="FILE", help="measure what FILE does not have yet")
    add("--space", metavar="NAME", help="the search space: all blocks, or those of NAMEs alone")
    add("--set", action="append", type=_pair, metavar="KEY=VALUE", help="a setting of the space")
    add("--channels", type=_count, metavar="N", help="channels of the images (3)")
    add("--classes", type=_count, metavar="N", help="outputs of the networks (1000)")
    add(
        "--check",
        type=_count,
        metavar="N",
        help="measure N random networks whole, with no other blocks, and compare with the table",
    )
    return parser


def _misfits(arguments: argparse.Namespace) -> str | None:
    """What is wrong with arguments that are right by themselves."""
    if arguments.table is None:
        of_table = ("space", "set", "channels", "classes", "check")
        given = [name for name in of_table if getattr(arguments, name) is not None]
        if given:
            return f"--{given[0]} is for --table"
        return None if arguments.names else "a NAME is required, or --table"
    if arguments.space is None:
        return "--table needs --space"
    if len(arguments.runtime) > 1:
        return "--table needs one --runtime"
    if arguments.json is not None:
        return "--json goes without --table"
    return "--check must be at least 2" if arguments.check == 1 else None


def _runtimes(text: str) -> list[str]:
    words = list(dict.fromkeys(text.split(",")))
    if not set(words) <= set(RUNTIMES):
        raise argparse.ArgumentTypeError(f"{text}: must be torch, onnx or torch,onnx")
    return words


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number of at least 1")
    return int(text)


def _pair(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text}: must be KEY=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text}: must be a number of seconds")
    return value


def _file(text: str) -> Path:
    path = Path(text)
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path.parent} to write {path} into")
    return path


def _compare(arguments: argparse.Namespace) -> None:
    from rich.console import Console

    from nasframe.latencies import WIDTH, measured
    from nasframe.latency.networks import REFERENCE
    from nasframe.named import find

    found = [find(name, arguments.size) for name in arguments.names]
    runtimes = {name: _runtime(name, arguments) for name in arguments.runtime}
    rows = measured(found, runtimes, arguments.batch, arguments.seconds)
    console = Console(highlight=False)
    console.print(_table(rows))
    for device in dict.fromkeys(row["device"] for row in rows):
        console.print(f"Measured on {device}", soft_wrap=True)
    console.print(
        f"In brackets 95 % intervals. A ratio is to {REFERENCE} with one image of 224 pixels in "
        "the same runtime.",
        soft_wrap=True,
    )
    if not all(row["latency_converged"] for row in rows):
        console.print(f"* Wider than {WIDTH:.0%}; more --seconds narrow it.", soft_wrap=True)
    if rows[0]["latency_contended"]:
        load = rows[0]["latency_other_load"]
        console.print(f"Others kept {load:.1f} cores busy: measure again when it is quiet.")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows))


def _runtime(name: str, arguments: argparse.Namespace) -> Runtime:
    if name == "onnx":
        from nasframe.latency.onnx_runtime import OnnxRuntime

        return OnnxRuntime(arguments.device, arguments.threads)
    from nasframe.latency.torch_runtime import TorchRuntime

    return TorchRuntime(arguments.device, arguments.threads)


def _tabulate(arguments: argparse.Namespace) -> None:
    from importlib.metadata import version

    from nasframe.api import SearchSpace
    from nasframe.building import blaming, built
    from nasframe.enqueue import parse_architecture
    from nasframe.latency.blocks import Filler
    from nasframe.latency.memory import keep_memory
    from nasframe.latency.runtimes import in_words
    from nasframe.latency.table import SCHEMA, outline
    from nasframe.latency.table_file import TableFile
    from nasframe.named import Images
    from nasframe.plugins import option

    with blaming("--set"):
        config = option("search_space", arguments.space, **dict(arguments.set or ()))
    space = built(config.build, SearchSpace)
    named = [parse_architecture(name, space.choices) for name in arguments.names]
    given = {name: value for name, value in vars(arguments).items() if value is not None}
    channels, size, classes = ({**DEFAULTS, **given}[k] for k in ("channels", "size", "classes"))
    task = Images((channels, size, size), classes)
    runtime = _runtime(arguments.runtime[0], arguments)
    header = {
        "table": SCHEMA,
        "nasframe": version("nasframe"),
        "device": in_words(runtime.device, f"batch {arguments.batch}"),
        "options": _options(arguments, task),
        **outline(space, task),
    }
    keep_memory()
    with closing(TableFile(arguments.table, header)) as file:
        filler = Filler(file, space, task, runtime, arguments.batch, arguments.seconds)
        _fill(filler, list(map(Architecture, named)), arguments.check)
    _tell(file.table, arguments.check)


def _options(arguments: argparse.Namespace, task: Images) -> str:
    """The options that go on with the same table, but for those that are so by default."""
    channels, size, _ = task.input_shape
    values = {"size": size, "channels": channels, "classes": task.outputs}
    values |= {name: getattr(arguments, name) for name in ("batch", "threads", "device")}
    values["runtime"] = arguments.runtime[0]
    words = ["--space", arguments.space]
    for name, value in values.items():
        if value != DEFAULTS[name]:
            words += [f"--{name}", str(value)]
    for key, value in sorted(arguments.set or ()):
        words += ["--set", f"{key}={value if isinstance(value, str) else json.dumps(value)}"]
    return shlex.join(words)


def _fill(filler: Filler, named: list[Architecture], check: int | None) -> None:
    """Measure what is missing, behind a bar."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from nasframe.latency.load import MUCH, OtherLoad
    from nasframe.latency.table import FITTED

    numbers = range(FITTED + (check or 0))
    networks = [*named, *map(filler.network, numbers)]
    blocks = filler.missing(networks, all_others=not named and check is None)
    rest = [number for number in numbers if number not in filler.table.networks]
    console, load = Console(stderr=True, highlight=False), OtherLoad()
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        for title, count, steps in (
            ("blocks", len(blocks), filler.measure_blocks(blocks)),
            ("networks", len(rest), filler.measure_networks(rest)),
        ):
            task = bar.add_task(title, total=count)
            for done in steps:
                bar.advance(task, done)
    if (blocks or rest) and (cores := load.cores()) > MUCH:
        console.print(
            f"Others kept {cores:.1f} cores busy: what was measured now is not to be trusted",
            soft_wrap=True,
        )


def _tell(table: BlockTable, check: int | None) -> None:
    """Print what the table is, and how good."""
    from nasframe.latency.agreement import agreement
    from nasframe.latency.table import FITTED

    line, reference_ms = table.line(), table.reference_ms
    print(f"{table.path}: {len(table.ratios)} blocks, measured on {table.header['device']}")
    print(
        f"A network takes {line.constant:.3g} ms, and {line.slope / reference_ms:.3f} times what "
        f"its blocks do; the reference network {reference_ms:.3g} ms"
    )
    if check is not None:
        found = agreement(table, range(FITTED, FITTED + check))
        print(
            f"{check} random networks: rank correlation {found.rank:.3f} (with milliseconds "
            f"{found.rank_ms:.3f}), mean error {found.error:.1%}, bias {found.bias:+.1%}"
        )


def _table(rows: Sequence[dict[str, Any]]) -> Table:
    from rich.table import Table

    from nasframe.console import plain

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
            _interval(row, "latency_ms"),
            _interval(row, "latency_ratio") + (" " if row["latency_converged"] else "*"),
        )
        table.add_row(*map(plain, cells))
    return table


def _interval(row: dict[str, Any], name: str) -> str:
    middle, low, high = (row[name + bound] for bound in ("", "_low", "_high"))
    digits = max(0, 2 - math.floor(math.log10(middle)))
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"
