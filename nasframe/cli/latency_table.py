"""The command ``nasframe-latency --table``: the latencies of a search space's blocks."""

from __future__ import annotations

import argparse
import shlex
from contextlib import closing
from typing import TYPE_CHECKING, Any

from nasframe.api.types import Architecture

if TYPE_CHECKING:
    from nasframe.meters.latency.runtimes import Runtime
    from nasframe.meters.latency.table import Table
    from nasframe.meters.latency.table_filler import TableFiller
    from nasframe.zoo.lookup import ImageInputs

_DEFAULTS: dict[str, Any] = {
    "size": 224,
    "channels": 3,
    "classes": 1000,
    "batch": 1,
    "threads": 1,
    "device": "cpu",
    "runtime": "torch",
}
"""The conditions of a table unless options change them."""


def fill_table(arguments: argparse.Namespace, runtime: Runtime) -> None:
    """Measure the missing blocks of a table and print its summary.

    Args:
        arguments: the parsed command line.
        runtime: runs the blocks.
    """
    from importlib.metadata import version

    from nasframe.api.parts import SearchSpace
    from nasframe.cli.overrides import make_config
    from nasframe.meters.latency.runtimes import join_words
    from nasframe.meters.latency.table import SCHEMA, describe_networks
    from nasframe.meters.latency.table_file import TableFile
    from nasframe.meters.latency.table_filler import TableFiller
    from nasframe.registry.calls import build_part
    from nasframe.study.enqueue import parse_architecture
    from nasframe.zoo.lookup import ImageInputs

    config = make_config("search_space", arguments.space, arguments.set or ())
    space = build_part(config.build, SearchSpace)
    named = [parse_architecture(name, space.choices) for name in arguments.names]
    given = {name: value for name, value in vars(arguments).items() if value is not None}
    channels, size, classes = ({**_DEFAULTS, **given}[k] for k in ("channels", "size", "classes"))
    task = ImageInputs((channels, size, size), classes)
    header = {
        "table": SCHEMA,
        "nasframe": version("nasframe"),
        "device": join_words(runtime.device, f"batch {arguments.batch}"),
        "options": _format_options(arguments, task),
        **describe_networks(space, task),
    }
    with closing(TableFile(arguments.table, header)) as file:
        filler = TableFiller(file, space, task, runtime, arguments.batch, arguments.seconds)
        _fill(filler, list(map(Architecture, named)), arguments.check)
    _print_summary(file.table, arguments.check)


def _format_options(arguments: argparse.Namespace, task: ImageInputs) -> str:
    """Format the options that continue the same table, without defaults."""
    channels, size, _ = task.input_shape
    values = {"size": size, "channels": channels, "classes": task.outputs}
    values |= {name: getattr(arguments, name) for name in ("batch", "threads", "device")}
    values["runtime"] = arguments.runtime[0]
    words = ["--space", arguments.space]
    for name, value in values.items():
        if value != _DEFAULTS[name]:
            words += [f"--{name}", str(value)]
    for setting in sorted(arguments.set or ()):
        words += ["--set", setting]
    return shlex.join(words)


def _fill(filler: TableFiller, named: list[Architecture], check: int | None) -> None:
    """Measure missing blocks and networks, with a progress bar."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from nasframe.meters.latency.contention import CONTENDED_CORES, OtherLoad
    from nasframe.meters.latency.table import FITTED_NETWORKS

    numbers = range(FITTED_NETWORKS + (check or 0))
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
    if (blocks or rest) and (cores := load.cores()) > CONTENDED_CORES:
        console.print(
            f"Other processes used {cores:.1f} cores: do not trust the new measurements",
            soft_wrap=True,
        )


def _print_summary(table: Table, check: int | None) -> None:
    """Print the table's size, device and accuracy."""
    from nasframe.meters.latency.table import FITTED_NETWORKS
    from nasframe.meters.latency.table_accuracy import compute_agreement

    line, reference_ms = table.line(), table.reference_ms
    print(f"{table.path}: {len(table.ratios)} blocks, measured on {table.header['device']}")
    print(
        f"A latency is {line.constant:.3g} ms and {line.slope / reference_ms:.3f} times the sum of "
        f"the blocks; the reference network takes {reference_ms:.3g} ms"
    )
    if check is not None:
        found = compute_agreement(table, range(FITTED_NETWORKS, FITTED_NETWORKS + check))
        print(
            f"{check} random networks: rank correlation {found.rank:.3f} (with milliseconds "
            f"{found.rank_ms:.3f}), mean error {found.error:.1%}, bias {found.bias:+.1%}"
        )
