"""One process writes a journal, until it dies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from journals import HEADER

from nasframe.storage.journal import Journal, read_journal


def test_the_second_writer_is_refused_and_the_file_not_touched(tmp_path: Path) -> None:
    log = Journal(tmp_path)
    log.append(HEADER)
    code = (
        "from pathlib import Path; from nasframe.storage.journal import Journal;"
        f"Journal(Path({str(tmp_path)!r}))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert "another process is using" in done.stderr
    assert list(read_journal(tmp_path)) == [HEADER]
    log.close()
    Journal(tmp_path).close()


def test_the_lock_of_a_dead_process_is_gone(tmp_path: Path) -> None:
    code = (
        "import os, signal; from pathlib import Path; from nasframe.storage.journal import Journal;"
        f"log = Journal(Path({str(tmp_path)!r})); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-P", "-c", code]).returncode == -9
    Journal(tmp_path).close()
