"""A study leaves the registry of timm as it is."""

from __future__ import annotations

import subprocess
import sys

import nasframe.timm  # noqa: F401 (registers the models)


def test_a_study_does_not_touch_the_registry_of_timm() -> None:
    code = "import nasframe, timm; print(timm.list_models('nasframe_*'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"
