"""The documented contract of controllers runs as its page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from places import ROOT
from throwaway import distribution

from nasframe.testing import ControllerContract


def test_the_documented_contract_runs(tmp_path: Path) -> None:
    """As the author of the documented plugin would: the plugin is installed, pytest is called."""
    page = (ROOT / "docs" / "write_controller.md").read_text()
    code = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    (plugin,) = [block for block in code if "class GreedyConfig" in block]
    (test,) = [block for block in code if "ControllerContract" in block]
    points = {"greedy": "nasframe_greedy"}
    distribution(tmp_path, "nasframe-greedy", points, nasframe_greedy=plugin, test_greedy=test)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_greedy.py"]
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    tests = [name for name in dir(ControllerContract) if name.startswith("test_")]
    assert f"{len(tests)} passed" in done.stdout, done.stdout
