"""Worker processes on this machine: their GPUs, and programs that they cannot import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from joblib import Parallel, delayed  # type: ignore[import-untyped]
from joblib.externals.loky import get_reusable_executor  # type: ignore[import-untyped]
from toys import toy_study

from nasframe import option, run
from nasframe.executors.workplace import device_of

UNGUARDED = """
import sys
from toys import toy_study
import nasframe
executor = nasframe.option("executor", "process")
nasframe.run(toy_study(sys.argv[1], executor=executor))
"""


def test_a_program_that_workers_cannot_import_is_told_how_to_change(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(UNGUARDED)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    words = [sys.executable, program, tmp_path / "study"]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60)
    last = done.stderr.strip().splitlines()[-2:]
    assert last[0].endswith("a worker process died before it began"), done.stderr
    assert 'if __name__ == "__main__":, or take executor=serial' in last[1]


def study(folder: Path) -> list[str | None]:
    executor = option("executor", "process", workers=2)
    return [trial.error for trial in run(toy_study(folder, executor=executor, trials=6)).trials]


def test_workers_of_joblib_have_workers_of_their_own(tmp_path: Path) -> None:
    """As a sweep with Hydra's joblib launcher has them."""
    found = Parallel(n_jobs=2)(delayed(study)(tmp_path / name) for name in "ab")
    get_reusable_executor().shutdown(wait=True)
    assert found == [[None] * 6] * 2


@pytest.mark.parametrize(
    ("place", "visible", "found", "device"),
    [
        (0, None, 0, None),
        (0, None, 2, "0"),
        (3, None, 2, "1"),
        (1, "5, 7", 8, "7"),
        (2, "5, 7", 8, "5"),
        (4, "GPU-1f", 0, "GPU-1f"),
    ],
)
def test_workers_share_the_gpus_in_turn(
    place: int, visible: str | None, found: int, device: str | None
) -> None:
    assert device_of(place, visible, range(found)) == device
