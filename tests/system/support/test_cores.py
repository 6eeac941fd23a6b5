"""How many cores a process may use, as the system says: counted in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CODE = "from nasframe._support.system import count_cores; print(count_cores())"


def counted(*before: str, code: str = CODE, **environ: str) -> int:
    command = [*before, sys.executable, "-P", "-c", code]
    environment = {**os.environ, **environ}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def in_a_container(quota: str) -> int:
    """The count where the files of control groups say this of the processor."""
    try:
        subprocess.run(["unshare", "-rm", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this system gives users no file systems of their own (unshare -rm)")
    script = 'mount -t tmpfs tmpfs /sys/fs/cgroup && cd /sys/fs/cgroup && {} && cd / && exec "$@"'
    return counted("unshare", "-rm", "sh", "-ec", script.format(quota), "sh")


def test_the_affinity_counts() -> None:
    code = f"import os; os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}}); {CODE}"
    assert counted(code=code) == 1
    assert 1 <= counted() <= len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("quota", "wanted"),
    [
        ("echo 100000 100000 > cpu.max", 1),
        ("echo 150000 100000 > cpu.max", 2),
        ("echo 10000 100000 > cpu.max", 1),
        ("echo max 100000 > cpu.max", None),
        (
            "mkdir cpu && echo 50000 > cpu/cpu.cfs_quota_us && echo 50000 > cpu/cpu.cfs_period_us",
            1,
        ),
        ("mkdir cpu && echo -1 > cpu/cpu.cfs_quota_us && echo 50000 > cpu/cpu.cfs_period_us", None),
    ],
)
def test_the_quota_of_a_container_counts(quota: str, wanted: int | None) -> None:
    all_cores = len(os.sched_getaffinity(0))
    found = in_a_container(quota)
    assert found == (all_cores if wanted is None else min(wanted, all_cores))


def test_a_limit_in_the_environment_counts() -> None:
    assert counted(LOKY_MAX_CPU_COUNT="1") == 1


def test_nothing_is_loaded_to_count_before_something_counts() -> None:
    code = (
        "import sys; import nasframe, nasframe.executors.process, nasframe.executors.ray_cluster\n"
        "print(int('joblib' in sys.modules))"
    )
    assert counted(code=code) == 0
