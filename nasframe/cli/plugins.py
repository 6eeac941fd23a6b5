"""The console script ``nasframe-plugins``: list and check plugins, or create one."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from nasframe.cli.arguments import Parser, run_command
from nasframe.cli.scaffold import KINDS, format_usage, write_package
from nasframe.errors import NasframeError
from nasframe.registry.options import Offers, inspect_plugins, networks, options
from nasframe.registry.plugins import Plugin, describe_heavy_plugins


def main() -> None:
    """Run the command line; exit with status 1 if a plugin or the environment has a problem."""
    parser = _build_parser()
    arguments = parser.parse_args()
    if (arguments.new is None) is not (arguments.kind is None):
        parser.error("--new NAME and --kind must be combined")
    if arguments.new is not None:
        run_command(parser.prog, partial(_create_plugin, arguments.new, arguments.kind))
        return
    found = inspect_plugins()
    _print_plugins(found)
    problems = _find_problems(found)
    if arguments.doctor:
        from nasframe.cli import doctor

        problems += doctor.examine_environment()
    for problem in problems:
        print(f"Problem: {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)


def _build_parser() -> Parser:
    parser = Parser(
        prog="nasframe-plugins",
        description="List the installed plugins of nasframe and their options, or create a plugin.",
    )
    parser.add_argument(
        "--doctor",
        action="store_true",
        help="also check versions, devices, disk and speed, and suggest fixes (half a minute)",
    )
    parser.add_argument(
        "--new", metavar="NAME", help="create the package of a new plugin in this folder"
    )
    parser.add_argument("--kind", choices=KINDS, help="the kind of its part")
    return parser


def _create_plugin(name: str, kind: str) -> None:
    folder = write_package(name, kind, Path())
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        print(path)
    print(f"\ncd {folder} && pip install -e '.[test]' && pytest\n{format_usage(name, kind)}")


def _find_problems(found: Mapping[Plugin, Offers | NasframeError]) -> list[str]:
    """Find the problems of single plugins, or else of all plugins together."""
    broken = [str(state) for state in found.values() if isinstance(state, NasframeError)]
    if broken:
        return broken
    try:
        options()
        networks()
    except NasframeError as error:
        return [str(error)]
    return describe_heavy_plugins()


def _print_plugins(found: Mapping[Plugin, Offers | NasframeError]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("plugin", "distribution", "version", "offers")
    for plugin, state in found.items():
        offers = "broken, see below" if isinstance(state, NasframeError) else _format_offers(state)
        cells = (plugin.name, plugin.distribution, plugin.version, offers)
        table.add_row(*map(Text, cells))
    console = Console()
    console.print(table)
    if blocked := os.environ.get("NASFRAME_BLOCK"):
        console.print(Text(f"Skipped by NASFRAME_BLOCK: {blocked}"))


def _format_offers(offers: Offers) -> str:
    """Format the offers with one line per group."""
    by_group = attrgetter("group")
    groups = groupby(sorted(offers.options, key=attrgetter("group", "name")), key=by_group)
    lines = [f"{group}={', '.join(o.name for o in items)}" for group, items in groups]
    if offers.networks:
        lines.append(f"published: {', '.join(network.name for network in offers.networks)}")
    return "\n".join(lines)
