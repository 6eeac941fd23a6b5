"""Studies that the experiments of the command line compose."""

from __future__ import annotations

from hydra import compose, initialize_config_module
from omegaconf import OmegaConf

from nasframe import StudyConfig
from nasframe.cli.hydra_app import register_configs


def experiment(name: str, *overrides: str) -> StudyConfig:
    """The study of an experiment, with overrides as on the command line."""
    register_configs()
    with initialize_config_module("nasframe.conf", version_base="1.3"):
        study = OmegaConf.to_object(compose("study", [f"experiment={name}", *overrides]))
    assert isinstance(study, StudyConfig)
    return study
