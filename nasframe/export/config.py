"""Settings of the core's export formats; ``nasframe-export --help`` shows these docstrings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nasframe.api.config import ExporterConfig

if TYPE_CHECKING:
    from nasframe.api.parts import Exporter


@dataclass(kw_only=True)
class StateDictConfig(ExporterConfig):
    """Weights by name, as safetensors; the metadata describe the preparation of inputs."""

    def build(self) -> Exporter:
        """Build the exporter."""
        from nasframe.export.state_dict import StateDictExporter

        return StateDictExporter()


@dataclass(kw_only=True)
class OnnxFileConfig(ExporterConfig):
    """ONNX file from ``images`` to ``logits`` for any batch; needs ``nasframe[onnx]``."""

    def build(self) -> Exporter:
        """Build the exporter."""
        from nasframe.export.onnx_file import OnnxExporter

        return OnnxExporter()


@dataclass(kw_only=True)
class ProgramConfig(ExporterConfig):
    """``torch.export`` program for any batch."""

    def build(self) -> Exporter:
        """Build the exporter."""
        from nasframe.export.program import ProgramExporter

        return ProgramExporter()


@dataclass(kw_only=True)
class SourceConfig(ExporterConfig):
    """Source file of plain PyTorch without imports of nasframe, and a file of weights."""

    def build(self) -> Exporter:
        """Build the exporter."""
        from nasframe.export.source import SourceExporter

        return SourceExporter()
