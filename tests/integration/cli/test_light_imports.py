"""Nothing heavy is imported before it is used: each check is a fresh process."""

from __future__ import annotations

import subprocess
import sys

import pytest
from imported import HEAVY, loaded


@pytest.mark.parametrize("module", ["nasframe", "nasframe.registry.plugins", "nasframe.study.run"])
def test_importing_is_light_and_knows_no_hydra(module: str) -> None:
    assert not loaded(f"import {module}") & {*HEAVY, "hydra", "omegaconf"}


def test_configs_of_every_plugin_are_light() -> None:
    code = "from nasframe.registry.options import options; [o.node for o in options()]"
    assert not loaded(code) & {*HEAVY, "hydra", "omegaconf"}


@pytest.mark.parametrize("args", ["--help", "--cfg job", "-sc install=bash", "-sc query=bash"])
def test_the_command_line_is_light_until_a_study_runs(args: str) -> None:
    code = "from nasframe.cli.search import search; search()"
    found = loaded(code, *args.split(), COMP_LINE="nasframe controller.", COMP_POINT="20")
    assert "hydra" in found
    assert not found & HEAVY


def test_the_report_is_light_until_its_arguments_are_right() -> None:
    found = loaded("from nasframe.cli.report import main; main()", "--help")
    assert not found & {*HEAVY, "altair", "hydra"}


def test_measuring_latencies_is_light_until_its_arguments_are_right() -> None:
    found = loaded("from nasframe.cli.latency import main; main()", "--help")
    assert not found & {*HEAVY, "psutil", "hydra"}


def test_listing_plugins_is_light() -> None:
    assert not loaded("from nasframe.cli.plugins import main; main()") & (HEAVY - {"rich"})


def test_help_waits_for_no_parser_of_settings() -> None:
    code = (
        "import sys; sys.argv = ['nasframe-report', '--help']\n"
        "from nasframe.cli.report import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert not {'omegaconf', 'hydra', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True, capture_output=True)
