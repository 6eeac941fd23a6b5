"""The command ``nasframe-report DIR``: each study by itself."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.text import Text

from nasframe._support.text import to_text
from nasframe.api.config import ObjectiveConfig
from nasframe.errors import NasframeError
from nasframe.report.comparison import chart as pictures
from nasframe.report.comparison.compare import compare
from nasframe.report.comparison.groups import contest
from nasframe.report.comparison.sentences import sentences
from nasframe.report.comparison.studies import find
from nasframe.report.comparison.types import Comparison
from nasframe.report.page.page import write as write_page
from nasframe.report.page.trials import Record, Row, record
from nasframe.report.parallel import each
from nasframe.report.study import chart
from nasframe.report.study.analyze import inspect
from nasframe.report.study.markdown import markdown
from nasframe.report.study.text import listing
from nasframe.report.study.types import Findings
from nasframe.storage.files import write_output


def report(
    folders: Sequence[Path],
    *,
    metrics: Sequence[str] | None,
    reference: Sequence[float] | None,
    objective: ObjectiveConfig | None,
    top: int,
    picture: Path | None,
    figures: Path | None,
    page: Path,
    rows: Path | None,
    text: Path | None = None,
) -> None:
    """Show studies and draw their fronts; nothing is shown if one of them is not as wanted.

    Args:
        folders: studies, or folders that hold studies at any depth.
        metrics: see ``inspect``.
        reference: see ``inspect``.
        objective: scores the networks of one study once more.
        top: the number of networks to show.
        picture: where to draw the front of one study; by default in each study's folder.
        figures: where to write all figures as JSON.
        page: where to write the page.
        rows: where to write all trials as CSV.
        text: where to write what is shown as Markdown.

    Raises:
        NasframeError: see ``inspect``; or if a file cannot be written.
    """
    paths = find(folders)
    if len(paths) > 1 and (objective, picture) != (None, None):
        option = "--picture" if objective is None else "--objective"
        raise NasframeError(f"{option} takes one study, not {len(paths)}: give its folder")
    look = partial(
        inspect,
        metrics=metrics,
        reference=reference,
        strict=(metrics, reference, picture) != (None, None, None),
        objective=objective,
    )
    console = Console(highlight=False)
    found = each(look, paths, "Reading studies")
    for findings in found:
        _show(findings, top, picture, console)
    records = each(record, paths, "Reading trials")
    comparison, words = _compare_studies(folders, paths)
    by_folder = {findings.folder: findings for findings in found}
    write_page(records, by_folder, comparison, words, page)
    for sentence in words:
        console.print(to_text(sentence), soft_wrap=True)
    console.print(to_text(f"Page: {page}"), soft_wrap=True)
    if figures is not None:
        write_output(figures, _format_json(found, records))
    if text is not None:
        write_output(text, markdown(found, words, top))
    if rows is not None:
        write_output(rows, _format_csv(records))


def _show(findings: Findings, top: int, picture: Path | None, console: Console) -> None:
    for item in listing(findings, top):
        console.print(item, soft_wrap=isinstance(item, Text))
    if findings.front is not None:
        path = picture or findings.folder / "pareto.svg"
        pictures.write(chart.picture(findings, findings.front), path)
        console.print(to_text(f"Picture: {path}"), soft_wrap=True)


def _format_json(found: Sequence[Findings], records: Sequence[Record]) -> str:
    studies = [
        {**asdict(findings), "rows": [asdict(row) for row in one.rows]}
        for findings, one in zip(found, records, strict=True)
    ]
    return json.dumps({"studies": studies}, default=str, allow_nan=False)


def _compare_studies(
    folders: Sequence[Path], paths: Sequence[Path]
) -> tuple[Comparison | None, list[str]]:
    """A comparison of several studies, and what it says; or why there is none."""
    if len(paths) < 2:
        return None, []
    try:
        comparison = compare(contest(folders), None, None)
    except NasframeError as error:
        return None, [f"These studies cannot be compared: {error}"]
    return comparison, sentences(comparison)


def _format_csv(records: Sequence[Record]) -> str:
    """All trials; a column for each metric that any of them has."""
    metrics = list(dict.fromkeys(k for one in records for row in one.rows for k in row.metrics))
    own = [item.name for item in fields(Row) if item.name != "metrics"]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["study", *own, *metrics])
    for one in records:
        for row in one.rows:
            values = [getattr(row, name) for name in own]
            writer.writerow([one.folder, *values, *(row.metrics.get(name) for name in metrics)])
    return file.getvalue()
