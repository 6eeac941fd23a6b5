"""A disk that is full, or may only be read: a small one, made for the test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from places import HELPERS

from nasframe.testing import journal_events

PROGRAM = HELPERS / "toy_program.py"
MOUNT = "mount -t tmpfs -o size={size} tmpfs {disk}"
STUDY = "{python} {program} {disk}/study /dev/null 0"
COPY = "cp -r {disk}/study {copy}"


def script(folder: Path, *lines: str, size: str) -> subprocess.CompletedProcess[str]:
    """Run a shell in which a disk of its own is mounted, which ends with it."""
    disk = folder / "disk"
    disk.mkdir()
    words = {"python": sys.executable, "program": PROGRAM, "disk": disk, "copy": folder / "copy"}
    text = "\n".join(["set -e", MOUNT, *lines]).format(size=size, **words)
    return subprocess.run(["unshare", "-rm", "sh", "-c", text], capture_output=True, text=True)


@pytest.fixture(autouse=True)
def mountable() -> None:
    try:
        subprocess.run(["unshare", "-rm", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this system gives users no file systems of their own (unshare -rm)")


def test_a_full_disk_ends_the_study_and_room_lets_it_go_on(tmp_path: Path) -> None:
    """The journal takes about 10 kB."""
    done = script(
        tmp_path,
        f"{STUDY} && exit 99 || cp {{disk}}/study/journal.jsonl {{copy}}.full",
        "mount -o remount,size=1m {disk}",
        STUDY,
        COPY,
        size="8k",
    )
    assert done.returncode == 0, done.stderr
    assert "No space left on device" in done.stderr
    assert "make room and run the same command again" in done.stderr
    full = (tmp_path / "copy.full").read_text()
    told = full.count('"told"')
    assert 1 <= told < 25
    assert full.endswith("\n")
    assert (tmp_path / "copy" / "journal.jsonl").read_text().startswith(full)
    whole = [sys.executable, PROGRAM, tmp_path / "whole", "/dev/null", "0"]
    subprocess.run(whole, check=True, capture_output=True)
    ours, theirs = journal_events(tmp_path / "copy"), journal_events(tmp_path / "whole")
    assert ours[1:] == theirs[1:]


def test_a_disk_that_may_only_be_read_is_told(tmp_path: Path) -> None:
    done = script(
        tmp_path,
        "mount -o remount,ro {disk}",
        f"{STUDY} && exit 99 || true",
        "mount -o remount,rw {disk}",
        STUDY,
        "cp {disk}/study/journal.jsonl {copy}.before",
        "mount -o remount,ro {disk}",
        f"{STUDY} && exit 99 || true",
        "cmp {disk}/study/journal.jsonl {copy}.before",
        size="1m",
    )
    assert done.returncode == 0, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("nasframe.errors")]
    assert len(errors) == 2
    assert all("cannot write to" in line and "Read-only file system" in line for line in errors)
