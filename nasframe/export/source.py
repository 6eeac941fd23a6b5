"""Export of trained networks to a source file of plain PyTorch and a file of weights."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from safetensors.torch import load_file, save_file
from torch import Tensor

from nasframe.api.parts import Exporter
from nasframe.api.types import Exportable
from nasframe.errors import NasframeError
from nasframe.export.networks import clean_name
from nasframe.export.source_writer import write_source
from nasframe.export.state_dict import save_state

RUNNER = """
import importlib.util, sys
sys.modules["nasframe"] = None
from safetensors.torch import load_file, save_file
source, weights, images, logits = sys.argv[1:]
loader = importlib.machinery.SourceFileLoader("exported", source)
module = importlib.util.module_from_spec(importlib.util.spec_from_loader("exported", loader))
sys.dont_write_bytecode = True
loader.exec_module(module)
network = module.load(weights)
save_file({"x": network(load_file(images)["x"]).detach()}, logits)
"""
"""Program that runs an exported source in a process that cannot import nasframe."""


class SourceExporter(Exporter):
    """Writes a source with a line for each operation of the network."""

    suffixes = (".py", ".safetensors")

    def write(self, network: Exportable, paths: Sequence[Path]) -> None:
        """Write the source and the weights."""
        source, weights = paths
        save_state(network, weights)
        text = write_source(
            network.network,
            network.example[0],
            title=f"The network {network.name}.",
            version=version("nasframe"),
            weights=clean_name(weights.name),
        )
        source.write_text(text)

    def open(self, network: Exportable, paths: Sequence[Path]) -> Callable[..., Tensor]:
        """Return a function that runs the source in a new process without nasframe."""

        def run(x_NCHW: Tensor) -> Tensor:
            with TemporaryDirectory() as folder:
                files = [Path(folder, f"{name}.safetensors") for name in ("images", "logits")]
                save_file({"x": x_NCHW}, files[0])
                # -P: the user's working directory may contain a file named torch.py.
                command = [sys.executable, "-P", "-c", RUNNER, *map(str, (*paths, *files))]
                process = subprocess.run(command, capture_output=True, text=True, check=False)
                if process.returncode:
                    reason = process.stderr.strip().rpartition("\n")[2]
                    raise NasframeError(f"{paths[0].name}: does not run without nasframe: {reason}")
                return load_file(files[1])["x"]

        return run
