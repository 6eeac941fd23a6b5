"""What runs a network in order to measure it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from nasframe.meters.latency.timing import Run


class Runtime(ABC):
    """Runs networks on one device.

    Attributes:
        device: all that must be equal for two latencies to be comparable, in words: the
            processor, how many threads, the software and its version, how it is set.
    """

    device: str

    @abstractmethod
    def prepare(self, network: nn.Module, inputs: tuple[Any, ...]) -> Run:
        """Make the network ready to be timed; it is changed, and cannot be used elsewhere.

        Args:
            network: on the CPU, in evaluation mode.
            inputs: its arguments; they stay the same.
        """


def in_words(*words: str | None) -> str:
    """Words with commas in between; without those that are ``None``."""
    return ", ".join(word for word in words if word is not None)


def counted(count: int, what: str) -> str:
    """A number and what is counted: ``1 thread``, ``4 threads``."""
    return f"{count} {what}{'' if count == 1 else 's'}"
