"""Settings of a study's own parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nasframe.api.config import StopperConfig

if TYPE_CHECKING:
    from nasframe.api.parts import Stopper


@dataclass(kw_only=True)
class NoStopperConfig(StopperConfig):
    """No early stopping: every child is trained in full."""

    def build(self) -> Stopper | None:
        """Return no stopper."""
        return None
