"""Settings of the executors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nasframe.api.config import ExecutorConfig, Parts, setting
from nasframe.errors import NasframeError

if TYPE_CHECKING:
    from nasframe.api.parts import Executor


@dataclass(kw_only=True)
class SerialConfig(ExecutorConfig):
    """One evaluation at a time, in this process."""

    def build(self, parts: Parts) -> Executor:
        """Make the executor."""
        from nasframe.executors.serial import SerialExecutor

        return SerialExecutor(parts)


@dataclass(kw_only=True)
class ProcessConfig(ExecutorConfig):
    """Evaluations in worker processes, which stay; on a machine with GPUs each has one of its own.

    Attributes:
        workers: how many evaluations run at the same time; each child computes with
            ``evaluator.threads``.
    """

    workers: int = setting(1, least=1)

    def build(self, parts: Parts) -> Executor:
        """Make the executor."""
        from nasframe.executors.process import ProcessExecutor

        return ProcessExecutor(parts, self.workers)


@dataclass(kw_only=True)
class RayConfig(ExecutorConfig):
    """Evaluations on Ray: a local one, or a cluster; needs ``nasframe[ray]``.

    Attributes:
        address: of a running cluster: ``auto``, ``host:6379`` or ``ray://host:10001``; ``None``
            takes the variable ``RAY_ADDRESS``, or begins a local Ray for this study.
        workers: how many evaluations run at the same time; ``None`` for as many as fit into what
            is free, which is looked at all the time.
        cpus: cores of each.
        gpus: GPUs of each, a fraction to share one; ``None`` for one if the cluster has some when
            the study begins. Where it is 0, children do not see any.
        resources: other resources of each, by the names that the cluster gave them.
    """

    address: str | None = None
    workers: int | None = setting(None, least=1)
    cpus: float = setting(1.0, least=0)
    gpus: float | None = setting(None, least=0)
    resources: dict[str, float] = setting({})

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, amount in self.resources.items():
            if name in ("CPU", "GPU") or not 0 < amount < math.inf:
                raise NasframeError(
                    f"resources.{name}={amount:g}: must be a resource of the cluster's own, and "
                    "more than 0; there is cpus and gpus for the others"
                )
        if self.gpus is not None and self.gpus > 1 and self.gpus % 1:
            raise NasframeError(f"gpus={self.gpus:g}: must be a whole number, or a fraction of 1")
        if not (self.cpus or self.gpus or self.resources):
            raise NasframeError("cpus=0: a trial must need something: cpus, gpus or resources")

    def build(self, parts: Parts) -> Executor:
        """Make the executor."""
        try:
            from nasframe.executors.ray import RayExecutor
        except ImportError as error:
            raise NasframeError(
                f"executor=ray needs Ray ({error}): pip install 'nasframe[ray]'"
            ) from error
        return RayExecutor(
            parts,
            address=self.address,
            workers=self.workers,
            cpus=self.cpus,
            gpus=self.gpus,
            resources=self.resources,
        )
