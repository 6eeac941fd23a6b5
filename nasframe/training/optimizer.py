"""Optimizers by timm's names."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch
from timm.optim import (  # type: ignore[attr-defined]
    create_optimizer_v2,
    get_optimizer_class,
    list_optimizers,
)
from torch import nn

from nasframe.errors import NasframeError, nearest
from nasframe.training.devices import seed_generators

if TYPE_CHECKING:
    from nasframe.api.optimization import OptimizationConfig


def make_optimizer(module: nn.Module, config: OptimizationConfig) -> torch.optim.Optimizer:
    """Create the optimizer of a module's weights; torch's own optimizers run fused.

    One fused kernel per step saves several milliseconds for networks with many small tensors, on a
    CPU too.

    Raises:
        NasframeError: if ``epsilon`` is set and the optimizer has none.
    """
    name = config.optimizer
    if name in ("sgd", "nesterov") and config.momentum == 0:
        name = "momentum"  # equal for 0, where torch refuses Nesterov momentum
    kind = get_optimizer_class(name, bind_defaults=False)
    known = inspect.signature(kind).parameters
    more: dict[str, Any] = {"fused": True} if "fused" in known else {}
    if config.epsilon is not None:
        if "eps" not in known:
            raise NasframeError(f"it has no epsilon; remove epsilon={config.epsilon:g}")
        more["eps"] = config.epsilon
    optimizer: torch.optim.Optimizer = create_optimizer_v2(
        module,
        name,
        lr=config.lr,
        weight_decay=config.weight_decay,
        momentum=config.momentum,
        **more,
    )
    return optimizer


def check_optimizer(config: OptimizationConfig, owner: str) -> None:
    """Try one step with a tiny network on the CPU: the driver must not touch GPUs.

    Args:
        config: the optimizer and its settings.
        owner: the group of the settings, ``evaluator`` or ``recipe``.

    Raises:
        NasframeError: if the optimizer is unknown, or does not work on this machine.
    """
    known: list[str] = list_optimizers()  # type: ignore[assignment]
    if config.optimizer not in known:
        near = nearest(config.optimizer, known)
        raise NasframeError(f"{owner}.optimizer={config.optimizer} is not known; {near}")
    try:
        with seed_generators(0, torch.device("cpu")):
            network = nn.Linear(2, 2)
        optimizer = make_optimizer(network, config)
        network(torch.ones(1, 2)).sum().backward()
        optimizer.step()
    except Exception as error:  # an optimizer may need a package, a device or second derivatives
        reason = " ".join(str(error).split())
        raise NasframeError(
            f"{owner}.optimizer={config.optimizer} cannot be used here: {reason}"
        ) from error
