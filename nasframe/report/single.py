"""The command ``nasframe-report DIR``: each study by itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.text import Text

from nasframe.console import plain
from nasframe.errors import NasframeError
from nasframe.report import chart, scatter
from nasframe.report.inspection import inspect
from nasframe.report.listing import listing
from nasframe.report.parallel import each
from nasframe.report.studies import find
from nasframe.settings import made


def report(
    folders: Sequence[Path],
    *,
    metrics: Sequence[str] | None,
    reference: Sequence[float] | None,
    objective: str | None,
    settings: Sequence[str],
    top: int,
    picture: Path | None,
    figures: Path | None,
) -> None:
    """Show studies and draw their fronts; nothing is shown if one of them is not as wanted.

    Args:
        folders: studies, or folders that hold studies at any depth.
        metrics: see ``inspect``.
        reference: see ``inspect``.
        objective: the name of one, under which the networks of one study are scored once more.
        settings: of that objective, each ``KEY=VALUE``.
        top: of how many networks is told.
        picture: where to draw the front of one study; by default in each study's folder.
        figures: where to write all figures as JSON.

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
        objective=None if objective is None else made("objective", objective, settings),
    )
    console = Console(highlight=False)
    found = each(look, paths, "Reading studies")
    for findings in found:
        for item in listing(findings, top):
            console.print(item, soft_wrap=isinstance(item, Text))
        if findings.front is not None:
            path = picture or findings.folder / "pareto.svg"
            chart.write(scatter.picture(findings, findings.front), path)
            console.print(plain(f"Picture: {path}"), soft_wrap=True)
    if figures is not None:
        studies = [asdict(findings) for findings in found]
        figures.write_text(json.dumps({"studies": studies}, default=str, allow_nan=False))
