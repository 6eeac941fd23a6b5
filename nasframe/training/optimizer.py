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
from nasframe.training.devices import seeded

if TYPE_CHECKING:
    from nasframe.api.optimization import OptimizationConfig


def make_optimizer(module: nn.Module, config: OptimizationConfig) -> torch.optim.Optimizer:
    """The optimizer of a module's weights; torch's own run as one fused kernel a step.

    On a CPU, too, that saves several milliseconds a step of a network with many small tensors.
    """
    name = config.optimizer
    if name in ("sgd", "nesterov") and config.momentum == 0:
        name = "momentum"  # the same without Nesterov's, which torch refuses for 0
    kind = get_optimizer_class(name, bind_defaults=False)
    known = inspect.signature(kind).parameters
    more: dict[str, Any] = {"fused": True} if "fused" in known else {}
    if config.epsilon is not None:
        if "eps" not in known:
            raise NasframeError(f"it has no epsilon={config.epsilon:g}")
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
    """Make one step with a toy network on the CPU: the driver is to leave GPUs alone.

    Args:
        config: the optimizer and its settings.
        owner: whose settings they are, ``evaluator`` or ``recipe``.

    Raises:
        NasframeError: if the optimizer is not known, or does not work here.
    """
    known: list[str] = list_optimizers()  # type: ignore[assignment]
    if config.optimizer not in known:
        near = nearest(config.optimizer, known)
        raise NasframeError(f"{owner}.optimizer={config.optimizer} is not known; {near}")
    try:
        with seeded(0, torch.device("cpu")):
            toy = nn.Linear(2, 2)
        optimizer = make_optimizer(toy, config)
        toy(torch.ones(1, 2)).sum().backward()
        optimizer.step()
    except Exception as error:  # an optimizer may need a package, a device or second derivatives
        reason = " ".join(str(error).split())
        raise NasframeError(
            f"{owner}.optimizer={config.optimizer} cannot be used here: {reason}"
        ) from error
