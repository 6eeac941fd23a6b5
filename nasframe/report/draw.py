"""The command ``nasframe-report DIR --draw WHICH``: draw one architecture."""

from __future__ import annotations

from pathlib import Path

from nasframe.api.types import Architecture
from nasframe.errors import NasframeError
from nasframe.registry.restore import draw_architecture, restore_space
from nasframe.report.comparison.studies import find_studies
from nasframe.storage import journal
from nasframe.storage.files import write_output
from nasframe.study.enqueue import check_tokens
from nasframe.study.result import read_result


def draw_to_file(folders: list[Path], which: str, path: Path | None) -> Path:
    """Draw an architecture of a study's space into an SVG file.

    Args:
        folders: one study.
        which: the number of a trial, or an architecture's tokens: ``3-0-1``.
        path: the file; by default in the study's folder.

    Returns:
        The path of the file.

    Raises:
        NasframeError: if the trial or architecture does not exist, or cannot be drawn.
    """
    studies = find_studies(folders)
    if len(studies) > 1:
        raise NasframeError(f"--draw takes one study, not {len(studies)}: give its folder")
    header = next(journal.read_journal(studies[0]), None)
    if header is None:
        raise NasframeError(f"{studies[0]} has no trial yet")
    space, architecture = restore_space(header["config"]), _find_architecture(studies[0], which)
    try:
        check_tokens(architecture.tokens, space.choices[: len(architecture.tokens)])
    except NasframeError as error:
        raise NasframeError(f"--draw {which}: {error}") from error
    path = path or studies[0] / f"architecture-{which[:60]}.svg"
    write_output(path, draw_architecture(space, architecture).svg())
    return path


def _find_architecture(folder: Path, which: str) -> Architecture:
    if which.isdecimal():
        trials = {trial.number: trial for trial in read_result(folder).trials}
        if int(which) not in trials:
            raise NasframeError(f"--draw {which}: {folder} has no trial {which}")
        return trials[int(which)].architecture
    tokens = which.split("-")
    if not all(token.isdecimal() for token in tokens):
        raise NasframeError(f"--draw {which}: must be a trial's number, or tokens as 3-0-1")
    return Architecture(tuple(map(int, tokens)))
