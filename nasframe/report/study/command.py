"""The command ``nasframe-report DIR``: report each study by itself."""

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
from nasframe.report.comparison.groups import read_contest
from nasframe.report.comparison.sentences import write_sentences
from nasframe.report.comparison.studies import find_studies
from nasframe.report.comparison.types import Comparison
from nasframe.report.page.page import write_page as write_page
from nasframe.report.page.trials import Record, TrialRow, read_record
from nasframe.report.parallel import map_folders
from nasframe.report.study import chart
from nasframe.report.study.analyze import analyze_study
from nasframe.report.study.markdown import format_markdown
from nasframe.report.study.text import format_findings
from nasframe.report.study.types import Findings
from nasframe.storage.files import write_output


def report_studies(
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
    """Report studies and draw their fronts; show nothing if one of them cannot be analyzed.

    Args:
        folders: studies, or folders that hold studies at any depth.
        metrics: see ``analyze_study``.
        reference: see ``analyze_study``.
        objective: another objective to score the networks of one study under.
        top: how many networks to show.
        picture: where to draw the front of one study; by default in each study's folder.
        figures: where to write all figures as JSON.
        page: where to write the page.
        rows: where to write all trials as CSV.
        text: where to write the report as Markdown.

    Raises:
        NasframeError: see ``analyze_study``; or if a file cannot be written.
    """
    paths = find_studies(folders)
    if len(paths) > 1 and (objective, picture) != (None, None):
        option = "--picture" if objective is None else "--objective"
        raise NasframeError(f"{option} takes one study, not {len(paths)}: give its folder")
    analyze = partial(
        analyze_study,
        metrics=metrics,
        reference=reference,
        strict=(metrics, reference, picture) != (None, None, None),
        objective=objective,
    )
    console = Console(highlight=False)
    found = map_folders(analyze, paths, "Reading studies")
    for findings in found:
        _show(findings, top, picture, console)
    records = map_folders(read_record, paths, "Reading trials")
    comparison, conclusions = _compare_studies(folders, paths)
    by_folder = {findings.folder: findings for findings in found}
    write_page(records, by_folder, comparison, conclusions, page)
    for sentence in conclusions:
        console.print(to_text(sentence), soft_wrap=True)
    console.print(to_text(f"Page: {page}"), soft_wrap=True)
    if figures is not None:
        write_output(figures, _format_json(found, records))
    if text is not None:
        write_output(text, format_markdown(found, conclusions, top))
    if rows is not None:
        write_output(rows, _format_csv(records))


def _show(findings: Findings, top: int, picture: Path | None, console: Console) -> None:
    for item in format_findings(findings, top):
        console.print(item, soft_wrap=isinstance(item, Text))
    if findings.front is not None:
        path = picture or findings.folder / "pareto.svg"
        pictures.write_chart(chart.draw_front(findings, findings.front), path)
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
    """Compare several studies; return the comparison and its sentences, or why there is none."""
    if len(paths) < 2:
        return None, []
    try:
        comparison = compare(read_contest(folders), None, None)
    except NasframeError as error:
        return None, [f"These studies cannot be compared: {error}"]
    return comparison, write_sentences(comparison)


def _format_csv(records: Sequence[Record]) -> str:
    """Format all trials as CSV, with a column for each metric that any trial has."""
    metrics = list(dict.fromkeys(k for one in records for row in one.rows for k in row.metrics))
    own = [item.name for item in fields(TrialRow) if item.name != "metrics"]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["study", *own, *metrics])
    for one in records:
        for row in one.rows:
            values = [getattr(row, name) for name in own]
            writer.writerow([one.folder, *values, *(row.metrics.get(name) for name in metrics)])
    return file.getvalue()
