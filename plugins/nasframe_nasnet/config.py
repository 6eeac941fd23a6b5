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

    The defaults are the paper's. It does not state the width of the children in its search; 32 is
    the width of its smallest network (6 @ 768). Details that the paper leaves open follow the
    authors' code, "slim" (tensorflow/models, research/slim/nets/nasnet).

    Attributes:
        blocks: blocks in a cell (the paper's B).
        cells: Normal cells in a stage (the paper's N).
        filters: channels of a cell's states in the first stage; each later stage has twice as many.
        stages: groups of Normal cells; a Reduction cell stands between two of them.
        skeleton: ``cifar`` starts with a convolution at full resolution, ``imagenet`` with a
            strided convolution and two Reduction cells of a quarter and a half of ``filters``.
        stem_multiplier: channels of the first convolution, in ``filters`` (``cifar``) or in units
            of 32 (``imagenet``).
        skip_reduction: the second input of the cell after a Reduction cell is the Reduction cell's
            second input, not its first; slim's ``skip_reduction_layer_input``.
        normal_outputs: output states of a Normal cell; null for all states that no block reads.
        reduction_outputs: output states of a Reduction cell.
        auxiliary: train a second classifier, with 0.4 times its loss, on the last cell before the
            second Reduction cell; its map must be 5x5 or larger.
        drop_path_keep: share of the paths in a cell that are kept at the end of the training; 1
            drops none, and the paper's network for CIFAR-10 has 0.6.
        drop_path_schedule: whether the dropped share grows only with ``time``, or also from cell
            to cell.
        dropout: share of the features dropped before the classifier in training.
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
                f"stages=3, not {self.stages}, or auxiliary=false (in a recipe: "
                "recipe.search_space.auxiliary)"
            )
        if self.skeleton is Skeleton.imagenet and self.filters < 8:
            raise NasframeError(
                f"filters={self.filters}: must be at least 8 with skeleton=imagenet, "
                "whose first cell has a quarter of the filters"
            )

    def build(self) -> SearchSpace:
        """Make the search space."""
        from nasframe_nasnet.space import NASNetSpace

        return NASNetSpace(
            self.blocks, self.stacking(), (self.normal_outputs, self.reduction_outputs)
        )

    def stacking(self) -> Stacking:
        """Return the settings of the network, without its cells."""
        return Stacking(**{item.name: getattr(self, item.name) for item in fields(Stacking)})
