"""Settings of the search space."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from nasframe import (
    NasframeError,
    SearchSpaceConfig,
    setting,
)
from nasframe_nasnet.stacking import DropPathSchedule, Skeleton, Stacking

if TYPE_CHECKING:
    from nasframe import SearchSpace


@dataclass(kw_only=True)
class NASNetConfig(SearchSpaceConfig):
    """NASNet's two cells (Zoph et al. 2018, 3), for images of any size.

    The defaults are the paper's; it does not say how wide the children of its search were, and 32
    is the width of its smallest network (6 @ 768). What the paper leaves open is as in the authors'
    code, "slim" (tensorflow/models, research/slim/nets/nasnet).

    Attributes:
        blocks: blocks in a cell (the paper's B).
        cells: Normal cells in a stage (the paper's N).
        filters: channels of a cell's states in the first stage; each later stage has twice as many.
        stages: groups of Normal cells; a Reduction cell stands between two of them.
        skeleton: ``cifar`` begins with a convolution at full resolution, ``imagenet`` with a
            strided one and two Reduction cells of a quarter and a half of ``filters``.
        stem_multiplier: channels of the first convolution, in ``filters`` (``cifar``) or in units
            of 32 (``imagenet``).
        skip_reduction: the cell after a Reduction cell reads, as its second input, what that one
            read as second, not as first; slim's ``skip_reduction_layer_input``.
        normal_outputs: the output states of a Normal cell; null for all states that no block reads.
        reduction_outputs: the same for a Reduction cell.
        auxiliary: train a second classifier, whose loss counts 0.4 times, on the last cell before
            the second Reduction cell; its map must be 5x5 or larger.
        drop_path_keep: share of the paths in a cell that are kept at the end of the training; 1
            drops none, and the paper's network for CIFAR-10 has 0.6.
        drop_path_schedule: whether the share that is dropped grows with ``time`` alone, or from
            cell to cell, too.
        dropout: share of the features that is dropped before the classifier in training.
    """

    blocks: int = setting(5, least=1)
    cells: int = setting(2, least=1)
    filters: int = setting(32, least=1)
    stages: int = setting(3, least=2)
    skeleton: Skeleton = Skeleton.cifar
    stem_multiplier: int = setting(3, least=1)
    skip_reduction: bool = False
    normal_outputs: list[int] | None = setting(None, least=0)
    reduction_outputs: list[int] | None = setting(None, least=0)
    auxiliary: bool = False
    drop_path_keep: float = setting(1.0, above=0, most=1)
    drop_path_schedule: DropPathSchedule = DropPathSchedule.time_and_depth
    dropout: float = setting(0.0, least=0, most=0.99)

    def __post_init__(self) -> None:
        super().__post_init__()
        last = self.blocks + 1
        for name in ("normal_outputs", "reduction_outputs"):
            states = getattr(self, name)
            if states is None:
                continue
            if not states or max(states) > last or len(set(states)) < len(states):
                raise NasframeError(
                    f"{name}={states}: must be some of the states 0 to {last}, each once"
                )
        if self.auxiliary and self.stages < 3:
            raise NasframeError(
                "auxiliary=true: its place is before the second Reduction cell; give at least "
                f"stages=3, not {self.stages}, or auxiliary=false (of a recipe: "
                "recipe.search_space.auxiliary)"
            )
        if self.skeleton is Skeleton.imagenet and self.filters < 8:
            raise NasframeError(
                f"filters={self.filters}: must be at least 8 with skeleton=imagenet, "
                "whose first cell has a quarter of them"
            )

    def build(self) -> SearchSpace:
        """Make the search space."""
        from nasframe_nasnet.space import NASNetSpace

        return NASNetSpace(
            self.blocks, self.stacking(), (self.normal_outputs, self.reduction_outputs)
        )

    def stacking(self) -> Stacking:
        """The settings that belong to the network and not to its cells."""
        return Stacking(**{item.name: getattr(self, item.name) for item in fields(Stacking)})
