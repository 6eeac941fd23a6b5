"""The console script ``nasframe-export``: trained networks as files for other runtimes."""

from __future__ import annotations

import argparse
import textwrap
import warnings
from collections.abc import Iterable
from pathlib import Path

from nasframe.api.config import ExporterConfig
from nasframe.api.parts import Exporter
from nasframe.cli import overrides
from nasframe.cli.arguments import Parser, parse_output_path, run_command
from nasframe.cli.help import HELP_WIDTH, describe_settings, format_entry, summarize_option
from nasframe.errors import NasframeError, nearest
from nasframe.registry.calls import build_part
from nasframe.registry.options import Option, options

_GROUP = "exporter"


def main() -> None:
    """Run the command line; exit with status 0, 2 (a mistake) or 130 (after Ctrl-C)."""
    run_command("nasframe-export", _main)


def _main() -> None:
    parser = _build_parser()
    arguments = parser.parse_args()
    _export(arguments, _build_exporters(arguments.to, arguments.set))


def _build_parser() -> Parser:
    parser = Parser(
        prog="nasframe-export",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=textwrap.fill(
            "Write a trained network in formats for other runtimes. The outputs of each file are "
            "compared with the network's before the file replaces an old one.",
            HELP_WIDTH,
        ),
        epilog="\n".join(
            ["formats of --to and their settings:", *map(_format_entry, _list_formats())]
        ),
    )
    add = parser.add_argument
    add(
        "network",
        metavar="NETWORK",
        help="a folder of nasframe-retrain or of a study; FOLDER:NUMBER for a trial of a study; or "
        "a published network, as in NAME:classes=10, with --weights",
    )
    add(
        "--to",
        type=_parse_formats,
        default=["onnx"],
        help="one or several formats: FORMAT,FORMAT (onnx)",
    )
    add(
        "--set",
        action="append",
        default=[],
        metavar="FORMAT.KEY=VALUE",
        help="a setting of a format",
    )
    add(
        "--out",
        type=parse_output_path,
        metavar="FILE",
        help="the output path without suffix (model in the folder, or NAME)",
    )
    add("--weights", type=Path, metavar="FILE", help="the weights of a published network")
    return parser


def _list_formats() -> list[Option]:
    return [item for item in options() if item.group == _GROUP]


def _format_entry(item: Option) -> str:
    settings = describe_settings(item.type, f"{item.name}.")
    return "\n".join(filter(None, [format_entry(item.name, summarize_option(item)), settings]))


def _parse_formats(text: str) -> list[str]:
    known = [item.name for item in _list_formats()]
    names = list(dict.fromkeys(text.split(",")))
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"no format {name!r}; {nearest(name, known)}")
    return names


def _build_exporters(names: Iterable[str], words: Iterable[str]) -> dict[str, Exporter]:
    """Build the exporters with their settings, by name.

    Raises:
        NasframeError: if a setting is wrong, its format is not chosen, or a package is missing.
    """
    settings: dict[str, list[str]] = {name: [] for name in names}
    for word in words:
        name, dot, setting = word.partition(".")
        if not dot or name not in settings:
            raise NasframeError(
                f"--set {word}: write FORMAT.KEY=VALUE with a format of --to: {', '.join(settings)}"
            )
        settings[name].append(setting)
    configs: dict[str, ExporterConfig] = {
        name: overrides.make_config(_GROUP, name, given) for name, given in settings.items()
    }
    warnings.simplefilter("ignore")  # the exporters print their own remarks
    return {name: build_part(config.build, Exporter) for name, config in configs.items()}


def _export(arguments: argparse.Namespace, exporters: dict[str, Exporter]) -> None:
    from nasframe.export.networks import find_network
    from nasframe.export.write import export_network

    network = find_network(arguments.network, arguments.weights)
    folder = Path(arguments.network)
    stem = arguments.out or (folder / "model" if folder.is_dir() else Path(network.name))
    for name, exporter in exporters.items():
        done = export_network(name, exporter, network, stem)
        print(f"{done.path}: outputs differ by {done.error:.1e} at most", flush=True)
    for exporter in exporters.values():
        for line in exporter.remarks(network):
            print(line, flush=True)
