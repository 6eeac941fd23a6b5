"""The command ``nasframe-report DIR --watch``: update the page while studies run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from nasframe.errors import NasframeError
from nasframe.report.comparison.studies import find_studies
from nasframe.report.page.page import write_page
from nasframe.report.page.trials import Record, read_record
from nasframe.report.study.analyze import analyze_study
from nasframe.report.study.types import Findings
from nasframe.storage import journal
from nasframe.storage.locks import try_lock


def watch_studies(
    folders: Sequence[Path], path: Path, seconds: float, tell: Callable[[str], None]
) -> None:
    """Write the page every few seconds until no study in the folders is running.

    Args:
        folders: studies, or folders that hold studies; new studies are found.
        path: the page.
        seconds: the interval of updates; an open page reloads as often.
        tell: receives each line of progress.

    Raises:
        NasframeError: if a journal is damaged, or the page cannot be written.
    """
    tell(f"Watching; the page is {path}")
    while True:
        paths = find_studies(folders)
        running = any(map(_is_running, paths))
        records, findings = _read_studies(paths)
        if records:
            write_page(records, findings, None, [], path, refresh=seconds if running else None)
        if not running:
            tell("No study is running: the page is complete")
            return
        time.sleep(seconds)


def _read_studies(paths: Sequence[Path]) -> tuple[list[Record], dict[Path, Findings]]:
    """Read what exists so far; a study may have no trial yet, or no trained network."""
    records, findings = [], {}
    for path in paths:
        if next(journal.read_journal(path), None) is None:
            continue
        with suppress(NasframeError):
            records.append(read_record(path))
            findings[path] = analyze_study(path)
    return records, findings


def _is_running(folder: Path) -> bool:
    with try_lock(folder / journal.JOURNAL_FILE) as free:
        return not free
