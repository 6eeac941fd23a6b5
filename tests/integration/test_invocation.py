"""``python -m pytest`` in a checkout tests the installed package, as ``pytest`` does."""

from __future__ import annotations

import subprocess
import sys

from places import ROOT

COMPOSES = "tests/unit/plugins/test_nas_cnn.py::test_the_papers_search"
"""A test that needs ``nasframe.conf``, which the package of the checkout lacks."""


def test_python_m_pytest_tests_the_installed_package() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", COMPOSES]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert "1 passed" in done.stdout, done.stdout
