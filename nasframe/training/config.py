"""Settings of the evaluator that trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nasframe.api.config import EvaluatorConfig, Precision, setting

if TYPE_CHECKING:
    from nasframe.api.parts import Evaluator, SearchSpace, Task


@dataclass(kw_only=True)
class TrainConfig(EvaluatorConfig):
    """Trains each child on one device; the learning rate follows half a cosine from ``lr`` to 0.

    The defaults suit small networks on ``task=digits``: a few seconds a child on one core.

    Attributes:
        epochs: passes over the training data.
        batch_size: examples in a batch, at most.
        optimizer: a name that timm knows; ``sgd`` has Nesterov's momentum.
        lr: learning rate of the first step.
        momentum: of the optimizers that have one.
        weight_decay: on weights of two and more dimensions: not on biases and normalisation.
        gradient_clip: largest norm of the gradient; 0 does not clip.
        precision: ``auto`` is bfloat16 (automatic mixed precision) on CUDA devices that have it,
            float32 elsewhere.
        channels_last: whether images lie in memory with their channels innermost, which is faster
            on most devices (``nasframe-plugins --doctor`` measures it).
        compile: compile each child with ``torch.compile``, which takes from seconds to minutes for
            each size of a batch: for large networks that train long on a GPU.
        threads: CPU threads; results are equal only for equal threads.
        device: ``auto`` (CUDA if there is one, else the CPU), ``cpu``, ``cuda``, ``cuda:1`` or
            ``mps``. An executor that gives each worker a device of its own comes first.
    """

    epochs: int = setting(5, least=1)
    batch_size: int = setting(64, least=1)
    optimizer: str = "sgd"
    lr: float = setting(0.05, above=0)
    momentum: float = setting(0.9, least=0, most=1)
    weight_decay: float = setting(1e-4, least=0)
    gradient_clip: float = setting(0.0, least=0)
    precision: Precision = Precision.auto
    channels_last: bool = True
    compile: bool = False
    threads: int = setting(1, least=1)
    device: str = "auto"

    def build(self, space: SearchSpace, task: Task) -> Evaluator:
        """Make the evaluator."""
        from nasframe.training.evaluator import TrainEvaluator

        return TrainEvaluator(self, space, task)
