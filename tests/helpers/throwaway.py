"""Throw-away distributions, and nasframe's console scripts as processes."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

TOY = Path(__file__).with_name("toy_plugin.py").read_text()
TOYS = ("search_space=toy", "task=toy", "controller=toy", "objective=toy", "evaluator=toy")


def distribution(folder: Path, name: str, points: Mapping[str, str], **modules: str) -> None:
    """Install a distribution into a folder.

    Args:
        folder: what is to be put on PYTHONPATH.
        name: of the distribution; its version is 1.0.
        points: the entry points of the group ``nasframe``, by name.
        modules: source code by the name of the module.
    """
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{key} = {value}" for key, value in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[nasframe]", *lines, ""]))
    for module, source in modules.items():
        (folder / f"{module}.py").write_text(source)


@dataclass
class Shell:
    """Runs console scripts in a folder of their own, with more distributions beside the installed.

    Attributes:
        cwd: the folder.
        path: where more distributions are.
        env: more environment variables.
        patience: seconds after which a script has hung.
    """

    cwd: Path
    path: Path
    env: dict[str, str]
    patience: float = 120

    def __call__(self, script: str, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a script to its end."""
        process = self.start(script, *args, **env)
        out, err = process.communicate(timeout=self.patience)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def each(
        self, script: str, commands: Iterable[Sequence[str]]
    ) -> list[subprocess.CompletedProcess[str]]:
        """Run a script once with each of some arguments, two at a time."""
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda words: self(script, *words), commands))

    def start(self, script: str, *args: str, **env: str) -> subprocess.Popen[str]:
        """Start a script."""
        return subprocess.Popen(
            [os.path.join(sysconfig.get_path("scripts"), script), *args],
            cwd=self.cwd,
            env={**os.environ, "PYTHONPATH": str(self.path), **self.env, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def files(self) -> set[str]:
        """Everything that lies in the folder."""
        return {str(path.relative_to(self.cwd)) for path in self.cwd.rglob("*")}


def shell(folder: Path) -> Shell:
    """A shell in a new folder, with the toy plugin installed."""
    (folder / "work").mkdir()
    distribution(folder / "site", "toy_plugin", {"toy": "toy_plugin"}, toy_plugin=TOY)
    return Shell(folder / "work", folder / "site", {})
