"""The console script ``nasframe-report``: what studies have found."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from nasframe.cli.arguments import Parser, count, file, guarded

PICTURES = (".svg", ".png", ".pdf", ".html")
"""The kinds of picture, by the file's suffix."""

_OF_STUDIES = (
    "pareto",
    "reference",
    "objective",
    "set",
    "top",
    "draw",
    "csv",
    "markdown",
    "watch",
    "page",
)
"""Options that go without ``--compare``."""

_OF_COMPARISONS = ("at", "reach", "metric", "evaluate")
"""Options that go with it."""


def main() -> None:
    """Run the command line; the status is 0, 2 (a mistake) or 130 (after Ctrl-C)."""
    parser = _parser()
    arguments = parser.parse_args()
    _check(parser, arguments)
    guarded(parser.prog, partial(_compare if arguments.compare else _report, arguments))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="nasframe-report",
        description="Report what studies found: their best networks and Pareto fronts. "
        "With --compare: which contender finds better networks, and how sure that is.",
    )
    _add_folders(parser)
    _add_study(parser.add_argument_group("of studies").add_argument)
    _add_comparison(parser.add_argument_group("with --compare").add_argument)
    parser.add_argument(
        "--picture",
        type=_picture,
        metavar="FILE",
        help=f"where to draw the front or the curves: {', '.join(PICTURES)} (pareto.svg in each "
        "study's folder; compare.svg in the folder, if there is one, else here)",
    )
    parser.add_argument("--json", type=file, metavar="FILE", help="write all figures for machines")
    return parser


def _add_folders(parser: argparse.ArgumentParser) -> None:
    add = parser.add_mutually_exclusive_group(required=True).add_argument
    add(
        "folders",
        nargs="*",
        default=[],
        type=Path,
        metavar="DIR",
        help="studies, or folders that hold studies at any depth",
    )
    add("--compare", nargs="+", type=Path, metavar="FOLDER", help="the same, compared")


def _add_study(add: Callable[..., Any]) -> None:
    add(
        "--pareto",
        type=lambda text: text.split(","),
        metavar="NAME,NAME",
        help="the metrics of the front; NAME:max or NAME:min says what is better "
        "(what the objective needs, and the latency, else the parameters)",
    )
    add(
        "--reference",
        type=_numbers,
        metavar="VALUE,VALUE",
        help="up to where the hypervolume counts (the worst value of each metric)",
    )
    add("--objective", metavar="NAME", help="rank the networks under this objective, too")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of that one")
    add("--draw", metavar="TRIAL", help="only draw this architecture: a trial, or tokens as 3-0-1")
    add(
        "--page",
        type=file,
        metavar="FILE",
        help="where to write the page (report.html in the folder, if there is one, else here)",
    )
    add("--csv", type=file, metavar="FILE", help="write all trials as a table")
    add("--markdown", type=file, metavar="FILE", help="write what is shown as Markdown")
    add(
        "--watch",
        type=_seconds,
        nargs="?",
        const=5.0,
        metavar="SECONDS",
        help="only write the page, again every 5 seconds, as long as a study runs",
    )
    add("--top", type=count, default=10, metavar="N", help="show so many networks (10)")


def _add_comparison(add: Callable[..., Any]) -> None:
    add(
        "--at", type=_marks, metavar="N,N", help="at how many trials to compare; tested at the last"
    )
    add("--reach", type=_number, metavar="VALUE", help="tell how many trials it takes to get there")
    add("--metric", help="compare this metric of the trials that are best by their reward")
    add("--evaluate", action="store_true", help="evaluate policies' own choices never tried before")


def _check(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Refuse options that do not go together."""
    compared = bool(arguments.compare)
    for name in _OF_STUDIES if compared else _OF_COMPARISONS:
        if getattr(arguments, name) is not parser.get_default(name):
            parser.error(f"--{name} goes {'without' if compared else 'with'} --compare")
    if arguments.set and arguments.objective is None:
        parser.error("--set goes with --objective NAME")


def _marks(text: str) -> list[int]:
    marks = [int(word) if word.isdecimal() else 0 for word in text.split(",")]
    if min(marks) < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be numbers of trials, as 100,200,300")
    return marks


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text}: must be a number")
    return value


def _seconds(text: str) -> float:
    value = _number(text)
    if not 0.5 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text}: must be from 0.5 to 3600 seconds")
    return value


def _numbers(text: str) -> list[float]:
    return [_number(word) for word in text.split(",")]


def _picture(text: str) -> Path:
    if Path(text).suffix not in PICTURES:
        raise argparse.ArgumentTypeError(f"{text}: must end in {', '.join(PICTURES)}")
    return file(text)


def _report(arguments: argparse.Namespace) -> None:
    if arguments.draw is not None:
        from nasframe.report.draw import draw

        print(f"Picture: {draw(arguments.folders, arguments.draw, arguments.picture)}")
        return
    page = arguments.page or _only(arguments.folders) / "report.html"
    if arguments.watch is not None:
        from nasframe.report.page.watch import watch

        watch(arguments.folders, page, arguments.watch, partial(print, flush=True))
        return
    from nasframe.cli.overrides import made
    from nasframe.report.study.command import report

    chosen = arguments.objective
    report(
        arguments.folders,
        metrics=arguments.pareto,
        reference=arguments.reference,
        objective=None if chosen is None else made("objective", chosen, arguments.set),
        top=arguments.top,
        picture=arguments.picture,
        figures=arguments.json,
        page=page,
        rows=arguments.csv,
        text=arguments.markdown,
    )


def _only(folders: list[Path]) -> Path:
    """The folder that was given, if it is one; or else this one."""
    return folders[0] if len(folders) == 1 else Path()


def _compare(arguments: argparse.Namespace) -> None:
    """Show what is known at once; policies are asked last, as that takes longest."""
    from rich.console import Console

    from nasframe._support.text import plain
    from nasframe.report.comparison.chart import save
    from nasframe.report.comparison.compare import compare
    from nasframe.report.comparison.groups import contest
    from nasframe.report.comparison.policies import policies
    from nasframe.report.comparison.sentences import sentences
    from nasframe.report.comparison.tables import policy_table, tables
    from nasframe.storage.files import write_output

    folders = arguments.compare
    studies = contest(folders, arguments.metric)
    comparison = compare(studies, arguments.at, arguments.reach)
    console = Console(highlight=False)
    for table in tables(comparison):
        console.print(table)
    for sentence in sentences(comparison):
        console.print(plain(sentence), soft_wrap=True)
    path = arguments.picture or _only(folders) / "compare.svg"
    save(comparison, path)
    console.print(plain(f"Picture: {path}"), soft_wrap=True)
    choices = policies(studies, evaluate=arguments.evaluate)
    if choices:
        console.print(policy_table(choices, comparison.metric))
    if arguments.json is not None:
        figures = {**asdict(comparison), "policies": [asdict(one) for one in choices]}
        write_output(arguments.json, json.dumps(figures, default=str, allow_nan=False))
