"""The contract of exporters."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasframe.api.config import ExporterConfig
from nasframe.api.parts import Exporter
from nasframe.api.types import Exportable
from nasframe.errors import NasframeError
from nasframe.testing.part import PartContract

if TYPE_CHECKING:
    from torch import nn


class ExporterContract(PartContract):
    """Tests of the requirements on exporters; see ``PartContract``."""

    @abstractmethod
    def config(self) -> ExporterConfig:
        """Return the settings of the exporter to test."""

    def network(self, kind: str) -> nn.Module:
        """Return a network with random weights that it can write, and with a ``data_config``."""
        return _make_image_network() if kind == "image" else _make_sequence_network()

    def test_it_says_what_it_writes(self) -> None:
        exporter = self._exporter()
        assert exporter.suffixes, "it writes no files"
        wrong = [suffix for suffix in exporter.suffixes if not suffix.startswith(".")]
        assert not wrong, f"suffixes must start with a dot: {wrong}"
        assert len(set(exporter.suffixes)) == len(exporter.suffixes), "two suffixes are equal"
        unknown = set(exporter.kinds) - {"image", "sequence"}
        assert exporter.kinds, f"kinds must be image or sequence, not {unknown}"
        assert not unknown, f"kinds must be image or sequence, not {unknown}"

    def test_its_files_give_the_networks_outputs(self, tmp_path: Path) -> None:
        from nasframe.export.write import export_network

        exporter = self._exporter()
        for given in self._make_exportables(0):
            with warnings.catch_warnings(action="ignore"):
                export_network("yours", exporter, given, tmp_path / given.kind)
            names = sorted(path.name for path in tmp_path.glob(f"{given.kind}*"))
            wanted = sorted(given.kind + suffix for suffix in exporter.suffixes)
            assert names == wanted, f"it wrote {names}, not {wanted}"
            remarks = exporter.remarks(given)
            assert all("\n" not in line for line in remarks), f"remarks: {remarks}"

    def test_it_reads_the_weights_from_its_files(self, tmp_path: Path) -> None:
        """Otherwise export would compare the network with itself and accept any file."""
        exporter = self._exporter()
        for given, other in zip(self._make_exportables(0), self._make_exportables(1), strict=True):
            paths = _write_files(exporter, given, tmp_path)
            with warnings.catch_warnings(action="ignore"):
                got = _get_logits(exporter.open(other, paths)(*given.example))
            wanted, others = (_get_logits(it.network(*given.example)) for it in (given, other))
            assert not _are_close(got, others), "it runs the network, not the file"
            assert _are_close(got, wanted), "the file returns other outputs"

    def test_a_truncated_file_is_detected(self, tmp_path: Path) -> None:
        exporter = self._exporter()
        for given in self._make_exportables(0):
            paths = _write_files(exporter, given, tmp_path)
            for path in paths:
                path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            try:
                with warnings.catch_warnings(action="ignore"):
                    got = exporter.open(given, paths)(*given.example)
            except Exception:  # each reader has its own exceptions
                continue
            wanted = _get_logits(given.network(*given.example))
            assert not _are_close(_get_logits(got), wanted), "half a file returns the same outputs"

    def _exporter(self) -> Exporter:
        return self.config().build()

    def _make_exportables(self, seed: int) -> Iterator[Exportable]:
        """Yield a network of each kind."""
        import torch

        from nasframe.export.networks import describe_network

        for kind in self._exporter().kinds:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                yield describe_network(kind, self.network(kind).eval())


def _write_files(exporter: Exporter, given: Exportable, folder: Path) -> list[Path]:
    place = folder / f"{given.kind}-{len(list(folder.iterdir()))}"
    place.mkdir()
    paths = [place / f"it{suffix}" for suffix in exporter.suffixes]
    with warnings.catch_warnings(action="ignore"):
        exporter.write(given, paths)
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise NasframeError(f"it did not write {', '.join(missing)}")
    return paths


def _get_logits(output: Any) -> Any:
    return (output[0] if isinstance(output, tuple) else output).detach()


def _are_close(one: Any, other: Any) -> bool:
    return one.shape == other.shape and bool((one - other).abs().max() <= 1e-4)


def _make_image_network() -> nn.Module:
    from torch import nn

    features = [nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()]
    pooled = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)]
    network: Any = nn.Sequential(*features, *pooled)
    network.data_config = {"input_size": (3, 16, 16), "mean": (0.5,) * 3, "std": (0.25,) * 3}
    return network  # type: ignore[no-any-return]


def _make_sequence_network() -> nn.Module:
    from torch import nn

    class Words(nn.Module):
        """An embedding, a recurrent layer and a linear layer."""

        def __init__(self) -> None:
            super().__init__()
            self.data_config = {"level": "char", "vocabulary": list("abcde")}
            self.embedding, self.layer = nn.Embedding(5, 8), nn.GRU(8, 8)
            self.classifier = nn.Linear(8, 5)

        def forward(self, x_TB: Any, state: Any) -> Any:
            y_TBU, state = self.layer(self.embedding(x_TB), state)
            return self.classifier(y_TBU), state

    return Words()
