"""Write the page ``report.html``: a report of studies in one file that works offline."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from html import escape
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import vl_convert

from nasframe.api.types import Architecture
from nasframe.errors import NasframeError
from nasframe.registry.restore import draw_architecture, restore_space
from nasframe.registry.serialization import flatten
from nasframe.report.comparison.labels import format_overrides
from nasframe.report.comparison.types import Comparison
from nasframe.report.page import charts
from nasframe.report.page.trials import Record, TrialRow
from nasframe.report.study.types import Findings
from nasframe.storage.files import write_output

_MAX_DRAWINGS = 50
"""The number of best networks drawn, over all studies; networks of fronts are extra."""


def write_page(
    records: Sequence[Record],
    findings: Mapping[Path, Findings],
    comparison: Comparison | None,
    sentences: Sequence[str],
    path: Path,
    *,
    refresh: float | None = None,
) -> None:
    """Write the page, whole or not at all.

    Args:
        records: the studies.
        findings: the findings of each study with a trained network.
        comparison: the comparison of several studies, if they are comparable.
        sentences: its conclusions, or why there is no comparison.
        path: the file to write.
        refresh: seconds after which an open page reloads; ``None`` for never.

    Raises:
        NasframeError: if the file cannot be written.
    """
    names = shorten_names([one.folder for one in records])
    each = max(3, _MAX_DRAWINGS // len(records))
    content = {
        "nasframe": version("nasframe"),
        "refresh": refresh,
        "sentences": list(sentences),
        "studies": [
            {"name": name, **_make_study(one, findings.get(one.folder), each)}
            for name, one in zip(names, records, strict=True)
        ],
        "colours": charts.assign_colours(names),
        "charts": charts.make_specifications(names, findings, comparison),
    }
    title = names[0] if len(names) == 1 else f"{len(names)} studies"
    write_output(path, _fill(title, content))


def _fill(title: str, content: Mapping[str, Any]) -> str:
    """Fill the template with the content, styles and scripts."""
    parts = files("nasframe.report.page")
    bundle: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # all arguments are optional
    page = (parts / "page.html").read_text()
    for placeholder, text in {
        "TITLE": escape(title).replace("@", "&#64;"),
        "STYLE": (parts / "page.css").read_text(),
        "DATA": _dump_safely(content),
        "VEGA": bundle.replace("</script", r"<\/script"),
        "SCRIPT": (parts / "page.js").read_text(),
    }.items():
        page = page.replace(f"@@{placeholder}@@", text)
    return page


def _dump_safely(content: Mapping[str, Any]) -> str:
    """Dump JSON in which no name can end its script or look like a placeholder."""
    text = json.dumps(content, default=str, allow_nan=False)
    return text.replace("<", r"\u003c").replace("@", r"\u0040")


def _make_study(record: Record, findings: Findings | None, drawn: int) -> dict[str, Any]:
    header = record.header
    return {
        "folder": str(record.folder),
        "columns": {
            item.name: [getattr(row, item.name) for row in record.rows] for item in fields(TrialRow)
        },
        "shares": [asdict(one) for one in record.shares],
        "front": list(findings.front.numbers) if findings and findings.front else [],
        "shown": list(findings.shown) if findings else [],
        "best": [network.number for network in findings.networks] if findings else [],
        "drawings": {} if findings is None else draw_networks(header["config"], findings, drawn),
        "config": {key: str(value) for key, value in flatten(record.config).items()},
        "versions": {**header["versions"], **header["plugins"]},
        "device": _read_processor(header),
        "command": f"nasframe {' '.join(format_overrides(record.config))} dir=AGAIN",
    }


def _read_processor(header: Mapping[str, Any]) -> str:
    """Return the name of the study's processor; empty if the journal does not have it."""
    device = header.get("device")
    name = device.get("cpu") if isinstance(device, Mapping) else None
    return name if isinstance(name, str) else ""


def draw_networks(config: Mapping[str, Any], findings: Findings, maximum: int) -> dict[int, str]:
    """Draw the best networks and the front as SVG, by trial number."""
    try:
        space = restore_space(config)
    except NasframeError:
        return {}
    front = set(findings.front.numbers) if findings.front else set()
    shown = [n for place, n in enumerate(findings.networks) if place < maximum or n.number in front]
    return {
        n.number: draw_architecture(space, Architecture(n.tokens)).svg()
        for n in shown[: 2 * maximum]
    }


def shorten_names(folders: Sequence[Path]) -> list[str]:
    """Shorten study names: drop common parent folders, and common words of sweep folders."""
    if len(folders) == 1:
        return [folders[0].name]
    base = os.path.commonpath([folder.resolve() for folder in folders])
    paths = [folder.resolve().relative_to(base) for folder in folders]
    parts = [str(path).split("+") for path in paths]
    shared = set.intersection(*map(set, parts))
    names = [" ".join(word for word in part if word not in shared) for part in parts]
    return names if len(set(names)) == len(names) and all(names) else [str(p) for p in paths]
