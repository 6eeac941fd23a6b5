"""The journal: torn tails, damage, locks, full disks."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest
from journals import HEADER

from nasframe import NasframeError
from nasframe.storage import journal
from nasframe.storage.journal import JOURNAL_FILE, Journal, read_journal

TOLD = {"event": "told", "number": 0, "metrics": {"val_accuracy": 0.5}, "text": "a}b"}


def write(folder: Path, *events: dict[str, object]) -> bytes:
    log = Journal(folder)
    for event in events:
        log.append(event, sync=True)
    log.close()
    return (folder / JOURNAL_FILE).read_bytes()


def test_what_is_appended_is_read(tmp_path: Path) -> None:
    write(tmp_path / "new" / "folder", HEADER, TOLD)
    assert list(read_journal(tmp_path / "new" / "folder")) == [HEADER, TOLD]


def test_cut_at_every_byte_of_the_last_two_lines(tmp_path: Path) -> None:
    data = write(tmp_path, HEADER, TOLD, TOLD)
    lines = data.splitlines(keepends=True)
    for size in range(len(lines[0]), len(data)):
        (tmp_path / JOURNAL_FILE).write_bytes(data[:size])
        whole = sum(size >= len(b"".join(lines[:n]).rstrip(b"\n")) for n in (1, 2, 3))
        before = list(read_journal(tmp_path))
        log = Journal(tmp_path)
        log.append(TOLD)
        log.close()
        expected = [HEADER, TOLD, TOLD][:whole]
        assert before == expected
        assert list(read_journal(tmp_path)) == [*expected, TOLD]


def test_a_torn_first_line_is_no_study(tmp_path: Path) -> None:
    (tmp_path / JOURNAL_FILE).write_bytes(json.dumps(HEADER, separators=(",", ":")).encode()[:20])
    Journal(tmp_path).close()
    assert (tmp_path / JOURNAL_FILE).read_bytes() == b""


def test_damage_in_the_middle_is_refused_and_not_touched(tmp_path: Path) -> None:
    data = write(tmp_path, HEADER, TOLD, TOLD)
    lines = data.splitlines(keepends=True)
    broken = lines[0] + lines[1][:10] + b"\n" + lines[2]
    (tmp_path / JOURNAL_FILE).write_bytes(broken)
    with pytest.raises(NasframeError, match=r"journal.jsonl, line 2, is damaged"):
        list(read_journal(tmp_path))
    assert (tmp_path / JOURNAL_FILE).read_bytes() == broken


def test_a_file_of_another_kind_is_refused_and_not_touched(tmp_path: Path) -> None:
    (tmp_path / JOURNAL_FILE).write_text("my own notes, no newline")
    with pytest.raises(NasframeError, match="line 1, is damaged"):
        Journal(tmp_path)
    assert (tmp_path / JOURNAL_FILE).read_text() == "my own notes, no newline"


def test_a_newer_journal_is_refused(tmp_path: Path) -> None:
    newer = {**HEADER, "schema": journal.JOURNAL_SCHEMA + 1, "versions": {"nasframe": "9.1"}}
    data = write(tmp_path, newer) + b'{"event":"to'
    (tmp_path / JOURNAL_FILE).write_bytes(data)
    for use in (lambda: list(read_journal(tmp_path)), lambda: Journal(tmp_path)):
        with pytest.raises(NasframeError, match=r"written by nasframe 9\.1, which is newer"):
            use()
    assert (tmp_path / JOURNAL_FILE).read_bytes() == data


def test_zeros_at_the_end_are_cut_off(tmp_path: Path) -> None:
    data = write(tmp_path, HEADER, TOLD)
    (tmp_path / JOURNAL_FILE).write_bytes(data + b'{"event":"told"' + bytes(100))
    Journal(tmp_path).close()
    assert (tmp_path / JOURNAL_FILE).read_bytes() == data


def test_a_journal_that_is_removed_while_it_is_written(tmp_path: Path) -> None:
    log = Journal(tmp_path)
    log.append(HEADER, sync=True)
    (tmp_path / JOURNAL_FILE).unlink()
    with pytest.raises(NasframeError, match="was removed while the study ran"):
        log.append(TOLD, sync=True)
    log.close()


def test_no_journal(tmp_path: Path) -> None:
    with pytest.raises(NasframeError, match="no study in"):
        list(read_journal(tmp_path))


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NasframeError, match=r"cannot write to .*file/a: Not a directory"):
        Journal(tmp_path / "file" / "a")


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """The kernel refuses to let the file grow, after part of the line was written."""
    data = write(tmp_path, HEADER)
    log = Journal(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(data) + 10, limits[1]))
    try:
        with pytest.raises(NasframeError, match="make room and run the same command again"):
            log.append(TOLD)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / JOURNAL_FILE).read_bytes() == data
    log.append(TOLD)
    log.close()
    assert list(read_journal(tmp_path)) == [HEADER, TOLD]


def test_a_number_that_is_not_finite_is_never_written(tmp_path: Path) -> None:
    log = Journal(tmp_path)
    with pytest.raises(ValueError, match="Out of range float"):
        log.append({"event": "told", "reward": float("nan")})
    log.close()
    assert (tmp_path / JOURNAL_FILE).read_bytes() == b""
