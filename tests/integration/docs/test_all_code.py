"""All code in README and docs: Python runs, commands are understood as they are written."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf
from places import ROOT

from nasframe import (
    RecipeConfig,
    RetrainConfig,
    StudyConfig,
    option,
    retrain,
    run,
)
from nasframe.cli import export, latency, plugins, report
from nasframe.cli.hydra_app import convert_values, register_configs
from nasframe.cli.retrain import _prepare_words
from nasframe.export.networks import find_network
from nasframe.export.write import export_network as write
from nasframe.retraining import RetrainConfig as Retraining

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ELSEWHERE = ("detection.md",)
"""Pages whose Python code is run in test_detection.py, where a detector is trained."""

GIVEN = {
    "quickstart.md": ("runs/first",),
    "retrain.md": ("runs/a", "runs/final"),
    "export.md": ("runs/final",),
}
"""Studies and trained networks that a page takes as given."""

PLUGINS = ("annealing", "board", "greedy", "hill", "mixer", "mixer_deep", "mlp", "my_space")
"""Options of plugins that a page writes, or takes as given."""

PARSERS: dict[str, Callable[[], Any]] = {
    "nasframe-export": export._build_parser,
    "nasframe-latency": latency._build_parser,
    "nasframe-plugins": plugins._build_parser,
    "nasframe-report": report._build_parser,
}
PROGRAMS = {"nasframe": ("study", StudyConfig), "nasframe-retrain": ("retrain", Retraining)}


def blocks(page: Path, language: str) -> list[str]:
    """The code of a page in a language."""
    pattern = rf"^```{language}\n(.*?)^```"
    return re.findall(pattern, page.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pages take as given: a study, networks trained in full, and one of them exported."""
    folder = tmp_path_factory.mktemp("found")
    parts = {
        "search_space": "nasnet_small",
        "task": "digits",
        "controller": "random",
        "objective": "accuracy",
        "executor": "serial",
        "stopper": "none",
    }
    made = {group: option(group, name) for group, name in parts.items()}
    evaluator = option("evaluator", "train", epochs=1)
    study = StudyConfig(**made, evaluator=evaluator, dir=folder / "runs" / "a", trials=2)
    run(study)
    shutil.copytree(study.dir, folder / "runs" / "first")
    retrain(
        RetrainConfig(
            study=study.dir,
            search_space=made["search_space"],
            task=made["task"],
            recipe=RecipeConfig(epochs=1),
            dir=folder / "runs" / "final",
        ),
        lambda line: None,
    )
    return folder


@pytest.mark.parametrize(
    "page",
    [p for p in PAGES if blocks(p, "python") and p.name not in ELSEWHERE],
    ids=lambda p: p.name,
)
def test_python_code_of_a_page_runs(
    page: Path, found: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in GIVEN.get(page.name, ()):
        shutil.copytree(found / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    if page.name == "export.md":
        exporter = option("exporter", "source").build()
        write("source", exporter, find_network("runs/final"), Path("mynet"))
        monkeypatch.syspath_prepend(str(tmp_path))
    names: dict[str, Any] = {"__name__": "documented"}
    for code in blocks(page, "python"):
        exec(compile(code, page.name, "exec", dont_inherit=True), names)


def commands() -> Iterator[Any]:
    """Every whole command of nasframe in a block of a page."""
    for page in PAGES:
        for block in blocks(page, "console"):
            for line in block.replace("\\\n", " ").splitlines():
                for part in re.split(r"&&|;|\|", line.partition("  #")[0].lstrip("$ ")):
                    command = part.strip()
                    program = command.partition(" ")[0]
                    whole = not re.search(r"\$|\.\.\.|--shell-completion", command)
                    if whole and program in {*PARSERS, *PROGRAMS}:
                        yield pytest.param(command, id=f"{page.stem}: {command}"[:90])


@pytest.mark.parametrize("command", list(commands()))
def test_a_documented_command_is_understood(
    command: str, found: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    program, *words = shlex.split(command, comments=True)
    for word in words:
        (tmp_path / word).parent.mkdir(parents=True, exist_ok=True) if "=" not in word else None
    if program in PARSERS:
        PARSERS[program]().parse_args(words)
        return
    if any(word.endswith(f"={name}") or f"={name}," in word for word in words for name in PLUGINS):
        return
    if any(name in word for word in words for name in PLUGINS if word.startswith("meters")):
        return
    schema_name, schema = PROGRAMS[program]
    settings = [first(word) for word in words if "=" in word and not word.startswith("--")]
    register_configs(schema, f"{schema_name}_schema")
    if program == "nasframe-retrain":
        study = f"study={found / 'runs' / 'a'}"
        settings = _prepare_words(
            [study if word.startswith("study=") else word for word in settings]
        )
    with initialize_config_module("nasframe.conf", version_base="1.3"):
        config = compose(schema_name, [w for w in settings if not w.startswith("hydra")])
    for key in OmegaConf.missing_keys(config):
        OmegaConf.update(config, key, "given")
    convert_values(config, schema)


def first(word: str) -> str:
    """Of a sweep the first value."""
    key, _, value = word.partition("=")
    if value.startswith(("[", '"', "'", "{")):
        return word
    return f"{key}=0" if value.startswith("range(") else f"{key}={value.split(',')[0]}"
