"""Settings of the evaluator that trains."""

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

    The defaults suit small networks on ``task=digits``: a few seconds a child on one core.

    Attributes:
        compile: compile each child with ``torch.compile``, which takes from seconds to minutes for
            each size of a batch: for large networks that train long on a GPU.
        threads: CPU threads; results are equal only for equal threads.
        device: ``auto`` (CUDA if there is one, else the CPU), ``cpu``, ``cuda``, ``cuda:1`` or
            ``mps``. An executor that gives each worker a device of its own comes first.
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
