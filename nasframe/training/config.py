"""Settings of the training evaluator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nasframe.api.config import EvaluatorConfig, setting
from nasframe.api.optimization import OptimizationConfig

if TYPE_CHECKING:
    from nasframe.api.parts import Evaluator, SearchSpace, Task


@dataclass(kw_only=True)
class TrainConfig(OptimizationConfig, EvaluatorConfig):
    """Trains each child on one device; by default the learning rate follows half a cosine to 0.

    The defaults suit small networks on ``task=digits``: a few seconds per child on one core.

    Attributes:
        compile: compile each child with ``torch.compile``, which takes seconds to minutes for each
            batch size: for large networks that train long on a GPU.
        threads: CPU threads per child; results are equal only for equal threads.
        device: ``auto`` (CUDA if available, else the CPU), ``cpu``, ``cuda``, ``cuda:1`` or
            ``mps``. A device assigned by the executor takes precedence.
    """

    compile: bool = False
    threads: int = setting(1, least=1)
    device: str = "auto"

    def build(self, space: SearchSpace, task: Task) -> Evaluator:
        """Make the evaluator."""
        from nasframe.training.evaluator import TrainEvaluator

        return TrainEvaluator(
            self, space, task, compile=self.compile, threads=self.threads, device=self.device
        )
