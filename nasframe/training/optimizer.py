"""Optimizers by timm's names, and the learning rate's schedule."""

from __future__ import annotations

import inspect
import math
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
    from nasframe.api.recipe import RecipeConfig
    from nasframe.training.config import TrainConfig


def make_optimizer(
    module: nn.Module, config: TrainConfig | RecipeConfig, epsilon: float | None = None
) -> torch.optim.Optimizer:
    """The optimizer of a module's weights; torch's own run as one fused kernel a step.

    On a CPU, too, that saves several milliseconds a step of a network with many small tensors.
    """
    name = config.optimizer
    if name in ("sgd", "nesterov") and config.momentum == 0:
        name = "momentum"  # the same without Nesterov's, which torch refuses for 0
    kind = get_optimizer_class(name, bind_defaults=False)
    known = inspect.signature(kind).parameters
    more: dict[str, Any] = {"fused": True} if "fused" in known else {}
    if epsilon is not None:
        if "eps" not in known:
            raise NasframeError(f"it has no epsilon={epsilon:g}")
        more["eps"] = epsilon
    optimizer: torch.optim.Optimizer = create_optimizer_v2(
        module,
        name,
        lr=config.lr,
        weight_decay=config.weight_decay,
        momentum=config.momentum,
        **more,
    )
    return optimizer


def check_optimizer(
    config: TrainConfig | RecipeConfig, epsilon: float | None = None, owner: str = "evaluator"
) -> None:
    """Make one step with a toy network on the CPU: the driver is to leave GPUs alone.

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
        optimizer = make_optimizer(toy, config, epsilon)
        toy(torch.ones(1, 2)).sum().backward()
        optimizer.step()
    except Exception as error:  # an optimizer may need a package, a device or second derivatives
        reason = " ".join(str(error).split())
        raise NasframeError(
            f"{owner}.optimizer={config.optimizer} cannot be used here: {reason}"
        ) from error


def half_cosine(step: int, steps: int) -> float:
    """From 1 at the first step to 0 after the last (SGDR, Loshchilov and Hutter 2017, eq. 5)."""
    return 0.5 + 0.5 * math.cos(math.pi * step / steps)
