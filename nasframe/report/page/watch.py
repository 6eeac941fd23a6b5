"""The command ``nasframe-report DIR --watch``: the page, written again while studies run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from nasframe.errors import NasframeError
from nasframe.report.comparison.studies import find
from nasframe.report.page.page import write
from nasframe.report.page.trials import Record, record
from nasframe.report.study.analyze import inspect
from nasframe.report.study.types import Findings
from nasframe.storage import journal
from nasframe.storage.locks import try_lock


def watch(folders: Sequence[Path], path: Path, seconds: float, tell: Callable[[str], None]) -> None:
    """Write the page every few seconds, until no study in the folders runs any more.

    Args:
        folders: studies, or folders that hold studies; new ones are noticed.
        path: the page.
        seconds: between two pages; an open one reads itself again after as many.
        tell: receives one line about each step.

    Raises:
        NasframeError: if a journal is damaged, or the page cannot be written.
    """
    tell(f"Watching; the page is {path}")
    while True:
        paths = find(folders)
        running = any(map(_is_running, paths))
        records, findings = _read_studies(paths)
        if records:
            write(records, findings, None, [], path, refresh=seconds if running else None)
        if not running:
            tell("No study runs any more: the page is complete")
            return
        time.sleep(seconds)


def _read_studies(paths: Sequence[Path]) -> tuple[list[Record], dict[Path, Findings]]:
    """What can be read by now; a study may have no trial yet, or no trained network."""
    records, findings = [], {}
    for path in paths:
        if next(journal.read_journal(path), None) is None:
            continue
        with suppress(NasframeError):
            records.append(record(path))
            findings[path] = inspect(path)
    return records, findings


def _is_running(folder: Path) -> bool:
    with try_lock(folder / journal.JOURNAL_FILE) as free:
        return not free
