"""Export of trained networks to ONNX files."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from nasframe.api.parts import Exporter
from nasframe.api.types import Exportable
from nasframe.errors import NasframeError
from nasframe.meters.latency.onnx_files import require_packages
from nasframe.meters.latency.onnx_runtime import OnnxRuntime
from nasframe.zoo.latency import measure_side_by_side
from nasframe.zoo.lookup import ImageInputs, NamedNetwork

SECONDS = 2.0
"""Time of the measurement of the latency."""


class OnnxExporter(Exporter):
    """Writes an ONNX file for any batch; its metadata describe the preparation of images.

    Raises:
        NasframeError: if a package is missing.
    """

    suffixes = (".onnx",)

    def __init__(self) -> None:
        require_packages("onnx", "onnxruntime", "onnxscript")

    def write(self, network: Exportable, paths: Sequence[Path]) -> None:
        """Write the file with its metadata: each value of ``data_config`` as JSON."""
        import onnx

        torch.onnx.export(
            network.network,
            network.example,
            paths[0],
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        model = onnx.load(paths[0])
        for key, value in network.data_config.items():
            model.metadata_props.add(key=key, value=json.dumps(value))
        onnx.save(model, paths[0])

    def open(self, network: Exportable, paths: Sequence[Path]) -> Callable[..., Tensor]:
        """Load the file into ONNX Runtime."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            paths[0], options, providers=["CPUExecutionProvider"]
        )

        def run(x_NCHW: Tensor) -> Tensor:
            return torch.from_numpy(session.run(["logits"], {"images": x_NCHW.numpy()})[0])

        return run

    def remarks(self, network: Exportable) -> Sequence[str]:
        """Measure the latency of one image in ONNX Runtime, on one thread."""
        inputs = ImageInputs(tuple(network.data_config["input_size"]))
        subject = NamedNetwork(network.name, lambda: network.network, inputs)
        try:
            row = measure_side_by_side([subject], {"onnx": OnnxRuntime()}, 1, SECONDS)[0]
        except NasframeError as error:
            return [f"Its latency was not measured: {error}"]
        return [f"One input takes {float(row['latency_ms']):.3g} ms on {row['device']}"]
