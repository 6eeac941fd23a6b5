"""The core's export formats: their settings, and what ``nasframe-export --help`` says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nasframe.api.config import ExporterConfig

if TYPE_CHECKING:
    from nasframe.api.parts import Exporter


@dataclass(kw_only=True)
class StateDictConfig(ExporterConfig):
    """The weights by name, as safetensors; the metadata say how inputs are prepared."""

    def build(self) -> Exporter:
        """Make the exporter."""
        from nasframe.export.state_dict import StateDictExporter

        return StateDictExporter()


@dataclass(kw_only=True)
class OnnxFileConfig(ExporterConfig):
    """An ONNX file for any batch, of ``images`` to ``logits``; needs ``nasframe[onnx]``."""

    def build(self) -> Exporter:
        """Make the exporter."""
        from nasframe.export.onnx_file import OnnxExporter

        return OnnxExporter()


@dataclass(kw_only=True)
class ProgramConfig(ExporterConfig):
    """A ``torch.export`` program for any batch."""

    def build(self) -> Exporter:
        """Make the exporter."""
        from nasframe.export.program import ProgramExporter

        return ProgramExporter()


@dataclass(kw_only=True)
class SourceConfig(ExporterConfig):
    """One file of plain PyTorch that imports nothing of nasframe, and its weights beside it."""

    def build(self) -> Exporter:
        """Make the exporter."""
        from nasframe.export.source import SourceExporter

        return SourceExporter()
