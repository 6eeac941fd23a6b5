"""Policy-gradient controllers: one LSTM policy and three learning rules."""

from __future__ import annotations

from collections.abc import Mapping

from nasframe import ControllerConfig, hookimpl
from nasframe_rl.config import PPOConfig, PQTConfig, REINFORCEConfig


@hookimpl
def nasframe_controllers() -> Mapping[str, type[ControllerConfig] | ControllerConfig]:
    """The three learning rules, and presets with the values of the papers."""
    nas = REINFORCEConfig(
        lr=6e-4,
        batch=8,
        hidden=35,
        layers=2,
        share=True,
        init_range=0.08,
        entropy=0.0,
        exploration=0.0,
    )
    nasnet = PPOConfig(lr=3.5e-4, batch=20, exploration=0.0)
    return {
        "pqt": PQTConfig,
        "ppo": PPOConfig,
        "ppo_nasnet": nasnet,
        "reinforce": REINFORCEConfig,
        "reinforce_nas": nas,
    }
