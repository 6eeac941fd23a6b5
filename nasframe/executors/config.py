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
    """Runs one evaluation at a time, in this process."""

    def build(self, parts: Parts) -> Executor:
        """Make the executor."""
        from nasframe.executors.serial import SerialExecutor

        return SerialExecutor(parts)


@dataclass(kw_only=True)
class ProcessConfig(ExecutorConfig):
    """Runs evaluations in persistent worker processes; each takes a GPU, if there are GPUs.

    Attributes:
        workers: number of evaluations at the same time; each child uses ``evaluator.threads``
            CPU threads.
    """

    workers: int = setting(1, least=1)

    def build(self, parts: Parts) -> Executor:
        """Make the executor."""
        from nasframe.executors.process import ProcessExecutor

        return ProcessExecutor(parts, self.workers)


@dataclass(kw_only=True)
class RayConfig(ExecutorConfig):
    """Runs evaluations on Ray, a local one or a cluster; needs ``nasframe[ray]``.

    Attributes:
        address: a running cluster: ``auto``, ``host:6379`` or ``ray://host:10001``; ``None``
            uses the variable ``RAY_ADDRESS``, or starts a local Ray for this study.
        workers: number of evaluations at the same time; ``None`` for as many as the free resources
            allow, checked continuously.
        cpus: cores per evaluation.
        gpus: GPUs per evaluation, a fraction to share a GPU; ``None`` for 1 if the cluster has
            GPUs when the study starts, else 0. With 0 children see no GPU.
        resources: custom resources per evaluation, by their names in the cluster.
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
                    f"resources.{name}={amount:g}: must be a custom resource of the cluster, and "
                    "more than 0; use cpus and gpus for cores and GPUs"
                )
        if self.gpus is not None and self.gpus > 1 and self.gpus % 1:
            raise NasframeError(f"gpus={self.gpus:g}: must be a whole number, or a fraction of 1")
        if not (self.cpus or self.gpus or self.resources):
            raise NasframeError("cpus=0: a trial needs at least one of cpus, gpus and resources")

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
