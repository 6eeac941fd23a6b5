"""The console script ``nasframe-report``: reports and comparisons of studies."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from nasframe.cli.arguments import Parser, parse_count, parse_output_path, run_command

_PICTURE_SUFFIXES = (".svg", ".png", ".pdf", ".html")
"""The file suffixes of supported picture formats."""

_STUDY_OPTIONS = (
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
"""Options that exclude ``--compare``."""

_COMPARISON_OPTIONS = ("at", "reach", "metric", "evaluate")
"""Options that require ``--compare``."""


def main() -> None:
    """Run the command line; exit with status 0, 2 (a mistake) or 130 (after Ctrl-C)."""
    parser = _build_parser()
    arguments = parser.parse_args()
    _check_combinations(parser, arguments)
    run_command(parser.prog, partial(_compare if arguments.compare else _report, arguments))


def _build_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="nasframe-report",
        description="Report the best networks and Pareto fronts of studies. With --compare: which "
        "contender finds better networks, and how certain that is.",
    )
    _add_folders(parser)
    _add_study(parser.add_argument_group("without --compare").add_argument)
    _add_comparison(parser.add_argument_group("with --compare").add_argument)
    parser.add_argument(
        "--picture",
        type=_parse_picture,
        metavar="FILE",
        help=f"the picture of the front or the curves: {', '.join(_PICTURE_SUFFIXES)} "
        "(pareto.svg in each study's folder; compare.svg in the folder if only one is given)",
    )
    parser.add_argument(
        "--json", type=parse_output_path, metavar="FILE", help="write all results as JSON"
    )
    return parser


def _add_folders(parser: argparse.ArgumentParser) -> None:
    add = parser.add_mutually_exclusive_group(required=True).add_argument
    add(
        "folders",
        nargs="*",
        default=[],
        type=Path,
        metavar="DIR",
        help="studies, or folders that contain studies at any depth",
    )
    add(
        "--compare",
        nargs="+",
        type=Path,
        metavar="FOLDER",
        help="compare the studies of these folders",
    )


def _add_study(add: Callable[..., Any]) -> None:
    add(
        "--pareto",
        type=lambda text: text.split(","),
        metavar="NAME,NAME",
        help="the metrics of the front; NAME:max or NAME:min sets the better direction "
        "(the metrics of the objective, and the latency, else the parameters)",
    )
    add(
        "--reference",
        type=_parse_numbers,
        metavar="VALUE,VALUE",
        help="the reference point of the hypervolume (the worst value of each metric)",
    )
    add("--objective", metavar="NAME", help="also rank the networks under this objective")
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting of the --objective",
    )
    add(
        "--draw",
        metavar="TRIAL",
        help="only draw one architecture: a trial number, or tokens as 3-0-1",
    )
    add(
        "--page",
        type=parse_output_path,
        metavar="FILE",
        help="the HTML page to write (report.html in the folder if only one is given, else here)",
    )
    add("--csv", type=parse_output_path, metavar="FILE", help="write all trials as a table")
    add(
        "--markdown",
        type=parse_output_path,
        metavar="FILE",
        help="write the printed report as Markdown",
    )
    add(
        "--watch",
        type=_parse_seconds,
        nargs="?",
        const=5.0,
        metavar="SECONDS",
        help="only write the page, every 5 seconds, while a study runs",
    )
    add(
        "--top",
        type=parse_count,
        default=10,
        metavar="N",
        help="the number of networks to show (10)",
    )


def _add_comparison(add: Callable[..., Any]) -> None:
    add(
        "--at",
        type=_parse_trial_counts,
        metavar="N,N",
        help="the numbers of trials to compare at; the test is at the last",
    )
    add(
        "--reach",
        type=_parse_number,
        metavar="VALUE",
        help="report the number of trials to reach this value",
    )
    add("--metric", help="compare this metric of the trials with the best rewards")
    add(
        "--evaluate",
        action="store_true",
        help="evaluate policies' own choices that no trial has tried",
    )


def _check_combinations(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Reject options that exclude each other."""
    compared = bool(arguments.compare)
    for name in _STUDY_OPTIONS if compared else _COMPARISON_OPTIONS:
        if getattr(arguments, name) is not parser.get_default(name):
            how = "cannot be combined with" if compared else "requires"
            parser.error(f"--{name} {how} --compare")
    if arguments.set and arguments.objective is None:
        parser.error("--set requires --objective NAME")


def _parse_trial_counts(text: str) -> list[int]:
    counts = [int(word) if word.isdecimal() else 0 for word in text.split(",")]
    if min(counts) < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be numbers of trials, as 100,200,300")
    return counts


def _parse_number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text}: must be a number")
    return value


def _parse_seconds(text: str) -> float:
    value = _parse_number(text)
    if not 0.5 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text}: must be from 0.5 to 3600 seconds")
    return value


def _parse_numbers(text: str) -> list[float]:
    return [_parse_number(word) for word in text.split(",")]


def _parse_picture(text: str) -> Path:
    if Path(text).suffix not in _PICTURE_SUFFIXES:
        raise argparse.ArgumentTypeError(f"{text}: must end in {', '.join(_PICTURE_SUFFIXES)}")
    return parse_output_path(text)


def _report(arguments: argparse.Namespace) -> None:
    if arguments.draw is not None:
        from nasframe.report.draw import draw_to_file

        print(f"Picture: {draw_to_file(arguments.folders, arguments.draw, arguments.picture)}")
        return
    page = arguments.page or _choose_folder(arguments.folders) / "report.html"
    if arguments.watch is not None:
        from nasframe.report.page.watch import watch_studies

        watch_studies(arguments.folders, page, arguments.watch, partial(print, flush=True))
        return
    from nasframe.cli.overrides import make_config
    from nasframe.report.study.command import report_studies

    chosen = arguments.objective
    report_studies(
        arguments.folders,
        metrics=arguments.pareto,
        reference=arguments.reference,
        objective=None if chosen is None else make_config("objective", chosen, arguments.set),
        top=arguments.top,
        picture=arguments.picture,
        figures=arguments.json,
        page=page,
        rows=arguments.csv,
        text=arguments.markdown,
    )


def _choose_folder(folders: list[Path]) -> Path:
    """Return the folder if only one was given, else the current one."""
    return folders[0] if len(folders) == 1 else Path()


def _compare(arguments: argparse.Namespace) -> None:
    """Print the comparison at once; then query policies, which takes longest."""
    from rich.console import Console

    from nasframe._support.text import to_text
    from nasframe.report.comparison.chart import save_comparison
    from nasframe.report.comparison.compare import compare
    from nasframe.report.comparison.groups import read_contest
    from nasframe.report.comparison.policies import ask_policies
    from nasframe.report.comparison.sentences import write_sentences
    from nasframe.report.comparison.tables import make_policy_table, make_tables
    from nasframe.storage.files import write_output

    folders = arguments.compare
    studies = read_contest(folders, arguments.metric)
    comparison = compare(studies, arguments.at, arguments.reach)
    console = Console(highlight=False)
    for table in make_tables(comparison):
        console.print(table)
    for sentence in write_sentences(comparison):
        console.print(to_text(sentence), soft_wrap=True)
    path = arguments.picture or _choose_folder(folders) / "compare.svg"
    save_comparison(comparison, path)
    console.print(to_text(f"Picture: {path}"), soft_wrap=True)
    choices = ask_policies(studies, evaluate=arguments.evaluate)
    if choices:
        console.print(make_policy_table(choices, comparison.metric))
    if arguments.json is not None:
        figures = {**asdict(comparison), "policies": [asdict(choice) for choice in choices]}
        write_output(arguments.json, json.dumps(figures, default=str, allow_nan=False))
