"""The page ``report.html``: all that studies say, in one file that needs no network."""

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
from nasframe.report.comparison.labels import words
from nasframe.report.comparison.types import Comparison
from nasframe.report.page import charts
from nasframe.report.page.trials import Record, Row
from nasframe.report.study.types import Findings
from nasframe.storage.files import write_output

_MAX_DRAWINGS = 50
"""So many networks are drawn in all: of each study the best ones, and those of its front."""


def write(
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
        findings: what each of them has found, where there is a trained network.
        comparison: of several studies, if they can be compared.
        sentences: what it says, or why there is none.
        path: the file.
        refresh: seconds after which an open page reads the file again, if it is to.

    Raises:
        NasframeError: if it cannot be written.
    """
    names = short_names([one.folder for one in records])
    each = max(3, _MAX_DRAWINGS // len(records))
    content = {
        "nasframe": version("nasframe"),
        "refresh": refresh,
        "sentences": list(sentences),
        "studies": [
            {"name": name, **_make_study(one, findings.get(one.folder), each)}
            for name, one in zip(names, records, strict=True)
        ],
        "colours": charts.colours(names),
        "charts": charts.specifications(names, findings, comparison),
    }
    title = names[0] if len(names) == 1 else f"{len(names)} studies"
    write_output(path, _fill(title, content))


def _fill(title: str, content: Mapping[str, Any]) -> str:
    """The page, with everything that it needs in it."""
    parts = files("nasframe.report.page")
    bundle: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # it needs none
    page = (parts / "page.html").read_text()
    for mark, text in {
        "TITLE": escape(title).replace("@", "&#64;"),
        "STYLE": (parts / "page.css").read_text(),
        "DATA": _dump_safely(content),
        "VEGA": bundle.replace("</script", r"<\/script"),
        "SCRIPT": (parts / "page.js").read_text(),
    }.items():
        page = page.replace(f"@@{mark}@@", text)
    return page


def _dump_safely(content: Mapping[str, Any]) -> str:
    """JSON in which no name can end the script in which it stands, or be taken for a mark."""
    text = json.dumps(content, default=str, allow_nan=False)
    return text.replace("<", r"\u003c").replace("@", r"\u0040")


def _make_study(record: Record, findings: Findings | None, drawn: int) -> dict[str, Any]:
    header = record.header
    return {
        "folder": str(record.folder),
        "columns": {
            item.name: [getattr(row, item.name) for row in record.rows] for item in fields(Row)
        },
        "shares": [asdict(one) for one in record.shares],
        "front": list(findings.front.numbers) if findings and findings.front else [],
        "shown": list(findings.shown) if findings else [],
        "best": [network.number for network in findings.networks] if findings else [],
        "drawings": {} if findings is None else drawings(header["config"], findings, drawn),
        "config": {key: str(value) for key, value in flatten(record.config).items()},
        "versions": {**header["versions"], **header["plugins"]},
        "device": header["device"]["cpu"],
        "command": f"nasframe {' '.join(words(record.config))} dir=AGAIN",
    }


def drawings(config: Mapping[str, Any], findings: Findings, most: int) -> dict[int, str]:
    """Pictures of the best networks and of the front, by the numbers of their trials."""
    try:
        space = restore_space(config)
    except NasframeError:
        return {}
    front = set(findings.front.numbers) if findings.front else set()
    shown = [n for place, n in enumerate(findings.networks) if place < most or n.number in front]
    return {
        n.number: draw_architecture(space, Architecture(n.tokens)).svg() for n in shown[: 2 * most]
    }


def short_names(folders: Sequence[Path]) -> list[str]:
    """Names of studies without what all of them share: parents, and words of a sweep's folders."""
    if len(folders) == 1:
        return [folders[0].name]
    base = os.path.commonpath([folder.resolve() for folder in folders])
    paths = [folder.resolve().relative_to(base) for folder in folders]
    words = [str(path).split("+") for path in paths]
    shared = set.intersection(*map(set, words))
    names = [" ".join(word for word in part if word not in shared) for part in words]
    return names if len(set(names)) == len(names) and all(names) else [str(p) for p in paths]
