"""Runtimes: software that runs networks to time them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from nasframe.meters.latency.timing import TimedRun


class Runtime(ABC):
    """Software that runs networks on one device.

    Attributes:
        device: human-readable text that must be equal for two latencies to be comparable:
            processor, number of threads, software with its version and settings.
    """

    device: str

    @abstractmethod
    def prepare(self, network: nn.Module, inputs: tuple[Any, ...]) -> TimedRun:
        """Prepare a network for timing; this changes it, so use it nowhere else.

        Args:
            network: a module on the CPU, in evaluation mode.
            inputs: its arguments in every run.
        """


def join_words(*words: str | None) -> str:
    """Join words with commas, without any ``None``."""
    return ", ".join(word for word in words if word is not None)


def format_count(count: int, what: str) -> str:
    """Format a count with its noun: ``1 thread``, ``4 threads``."""
    return f"{count} {what}{'' if count == 1 else 's'}"
