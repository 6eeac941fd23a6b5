"""The console script ``nasframe-export``: trained networks as files that run elsewhere."""

from __future__ import annotations

import argparse
import warnings
from functools import partial
from pathlib import Path

from nasframe.cli.arguments import Parser, file, guarded
from nasframe.errors import NasframeError

FORMATS = ("onnx", "state_dict", "torch", "source")


def main() -> None:
    """Run the command line; the status is 0, 2 (a mistake) or 130 (after Ctrl-C)."""
    parser = _parser()
    arguments = parser.parse_args()
    guarded(parser.prog, partial(_export, arguments))


def _parser() -> Parser:
    parser = Parser(
        prog="nasframe-export",
        description="Write a trained network in formats that run elsewhere. Each file is compared "
        "with the network before it takes its place.",
    )
    add = parser.add_argument
    add(
        "network",
        metavar="NETWORK",
        help="a folder of nasframe-retrain or of a study; FOLDER:NUMBER for a trial of a study; or "
        "a network that a plugin publishes, as in mnasnet_a1:classes=10, with --weights",
    )
    add("--to", type=_formats, default=["onnx"], help=f"{', '.join(FORMATS)}, or several (onnx)")
    add(
        "--out", type=file, metavar="FILE", help="without its suffix (model in the folder, or NAME)"
    )
    add("--weights", type=Path, metavar="FILE", help="of a published network")
    return parser


def _formats(text: str) -> list[str]:
    words = list(dict.fromkeys(text.split(",")))
    if not set(words) <= set(FORMATS):
        raise argparse.ArgumentTypeError(f"{text}: must be some of {', '.join(FORMATS)}")
    return words


def _export(arguments: argparse.Namespace) -> None:
    warnings.simplefilter("ignore")  # the exporters warn of themselves
    from nasframe.export import formats

    given = formats.source(arguments.network, arguments.weights)
    folder = Path(arguments.network)
    stem = arguments.out or (folder / "model" if folder.is_dir() else Path(given.name))
    for name in arguments.to:
        suffix, write = formats.FORMATS[name]
        done = write(given, stem.with_name(stem.name + suffix))
        print(f"{done.path}: outputs differ by {done.error:.1e} at most", flush=True)
    if "onnx" in arguments.to:
        try:
            latency, device = formats.milliseconds(given)
        except NasframeError as error:
            print(f"Its latency was not measured: {error}")
        else:
            print(f"One input takes {latency:.3g} ms on {device}")
