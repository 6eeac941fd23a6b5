"""What a fresh process has imported when it ends."""

from __future__ import annotations

import os
import subprocess
import sys

HEAVY = {
    *("torch", "torchvision", "pytorch_lightning", "lightning_fabric", "timm", "sklearn", "scipy"),
    *("numpy", "PIL", "safetensors", "ray", "rich"),
}

RUN = """
import atexit, sys
atexit.register(lambda: print("LOADED", *sys.modules))
sys.argv = ["nasframe", *sys.argv[1:]]
"""


def loaded(code: str, *args: str, **env: str) -> set[str]:
    """The top-level modules that a process has imported when it ends."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", RUN + code, *args],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    *_, last = done.stdout.splitlines()
    assert last.startswith("LOADED ")
    return {name.partition(".")[0] for name in last.split()}
