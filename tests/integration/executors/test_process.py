"""Worker processes on this machine: their GPUs, and programs that they cannot import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from joblib import Parallel, delayed  # type: ignore[import-untyped]
from joblib.externals.loky import get_reusable_executor  # type: ignore[import-untyped]
from places import HELPERS
from toys import toy_study

from nasframe import option, run
from nasframe.executors.process_worker import list_devices, take_device

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
    env = {**os.environ, "PYTHONPATH": str(HELPERS)}
    words = [sys.executable, program, tmp_path / "study"]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60)
    last = done.stderr.strip().splitlines()[-2:]
    assert last[0].endswith("a worker process died before it started"), done.stderr
    assert 'if __name__ == "__main__":, or use executor=serial' in last[1]


def study(folder: Path) -> list[str | None]:
    executor = option("executor", "process", workers=2)
    return [trial.error for trial in run(toy_study(folder, executor=executor, trials=6)).trials]


def test_workers_of_joblib_have_workers_of_their_own(tmp_path: Path) -> None:
    """As a sweep with Hydra's joblib launcher has them."""
    found = Parallel(n_jobs=2)(delayed(study)(tmp_path / name) for name in "ab")
    get_reusable_executor().shutdown(wait=True)
    assert found == [[None] * 6] * 2


@pytest.mark.parametrize(
    ("visible", "found", "names"),
    [(None, 0, []), (None, 2, ["0", "1"]), ("", 8, []), ("5, 7", 8, ["5", "7"])],
)
def test_the_user_says_which_gpus_there_are(
    visible: str | None, found: int, names: list[str]
) -> None:
    assert list_devices(visible, range(found)) == names


HOLDER = """
import sys
from pathlib import Path
from nasframe.executors.process_worker import take_device
print(take_device(int(sys.argv[1]), ["0", "GPU-1/f"], Path(sys.argv[2])), flush=True)
sys.stdin.read()
"""


def test_workers_of_all_studies_share_the_gpus_of_a_machine(tmp_path: Path) -> None:
    """Four processes on two GPUs; one is killed, and the next has the GPU that it has left."""

    def worker(place: int) -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-c", HOLDER, str(place), str(tmp_path)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    # Of each study this is the first worker, which would like the first GPU.
    workers = [worker(0) for _ in range(4)]
    assert [gpu for _, gpu in workers] == ["0", "GPU-1/f", "0", "GPU-1/f"]
    workers[1][0].kill()
    workers[1][0].communicate()
    workers[1] = worker(0)
    assert workers[1][1] == "GPU-1/f"
    for process, _ in workers:
        process.communicate()


def test_where_nobody_is_each_worker_has_the_gpu_in_its_place(tmp_path: Path) -> None:
    assert take_device(3, ["0", "GPU-1/f"], tmp_path) == "GPU-1/f"


def test_without_locks_workers_take_turns(tmp_path: Path) -> None:
    assert take_device(3, ["0", "1"], tmp_path / "missing") == "1"
    assert take_device(0, [], tmp_path) is None
