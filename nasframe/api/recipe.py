"""The settings with which a network is trained in full."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, TypeVar

from nasframe.api.config import SearchSpaceConfig, TaskConfig, setting
from nasframe.api.optimization import OptimizationConfig
from nasframe.errors import NasframeError

Part = TypeVar("Part", SearchSpaceConfig, TaskConfig)


@dataclass(kw_only=True)
class RecipeConfig(OptimizationConfig):
    """A training setup. The defaults suit small networks on ``task=digits``.

    The last settings belong to the search space and the task: null leaves theirs unchanged.

    Attributes:
        accumulate: batches whose gradients are added up for one step; the rest at an epoch's end
            makes a step of its own, in which each batch has the same weight as in the others.
        ema: decay of the moving average of the weights, which is then validated and kept; null
            for none.
        patience: epochs without a better validation metric (the one for ranking) that end the
            training; its last weights are kept. Null for no limit.
        search_space: settings of the search space, or of a named network; null leaves one as it
            is.
        pad: of the task: pixels around an image before a random crop.
        upsample: of the task: the side to which images are enlarged before a random crop.
        flip: of the task: mirror a random half of the images.
        cutout: of the task: side of a square that is set to the mean colour.
    """

    counts_steps: ClassVar[bool] = False

    epochs: int = setting(60, least=1)
    weight_decay: float = setting(5e-4, least=0)
    accumulate: int = setting(1, least=1)
    ema: float | None = setting(None, above=0, most=1)
    patience: int | None = setting(None, least=1)
    search_space: dict[str, Any] = setting({})
    pad: int | None = None
    upsample: int | None = None
    flip: bool | None = None
    cutout: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        # A null means that the recipe does not set it.
        self.search_space = self.of_space()

    def of_space(self) -> dict[str, Any]:
        """Return its settings of the search space, by name."""
        return {name: value for name, value in self.search_space.items() if value is not None}

    def space(self, config: SearchSpaceConfig) -> SearchSpaceConfig:
        """Apply the recipe's settings to a search space.

        Raises:
            NasframeError: if it has no such setting.
        """
        return _applied(config, "search space", "search_space.", self.of_space())

    def task(self, config: TaskConfig) -> TaskConfig:
        """Apply the recipe's settings to a task.

        Raises:
            NasframeError: if it has no such setting.
        """
        given = self._given(("pad", "upsample", "flip", "cutout"))
        return _applied(config, "task", "", given)

    def _given(self, names: tuple[str, ...]) -> dict[str, Any]:
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


def _applied(config: Part, what: str, prefix: str, given: dict[str, Any]) -> Part:
    known = {item.name for item in fields(config)}
    for name, value in given.items():
        if name not in known:
            raise NasframeError(
                f"recipe.{prefix}{name}={value}: this {what} has no such setting; give "
                f"recipe.{prefix}{name}=null"
            )
    return replace(config, **given)
