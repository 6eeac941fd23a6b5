"""The checks of ``nasframe-plugins --doctor`` on environment and machine.

Functions whose names end in ``_problems`` return sentences: the problem and its fix.
"""

from __future__ import annotations

import os
import platform
import shutil
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distributions, metadata, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from nasframe._support.system import count_cores
from nasframe.registry.options import inspect_plugins

_DISTRIBUTIONS = (
    *("nasframe", "torch", "torchvision", "pytorch-lightning", "timm", "scikit-learn", "numpy"),
    *("hydra-core", "omegaconf", "pluggy"),
)
_MODULES = ("torch", "torchvision", "pytorch_lightning", "timm", "sklearn")
_DEVELOPER_EXTRAS = ("test", "lint", "docs")
_MIN_FREE_GB = 2.0
"""Space for CIFAR-10 and the weights of a few hundred small networks."""


def examine_environment() -> list[str]:
    """Print the properties of environment and machine; return their problems."""
    python = platform.python_version()
    print(f"Python {python} on {platform.platform()}")
    print(_format_versions(_DISTRIBUTIONS))
    for extra, names in list_extras().items():
        print(f"Extra [{extra}]: {_format_versions(names)}")
    problems = find_python_problems(python)
    for distribution in ("nasframe", *_find_neighbours()):
        problems += find_requirement_problems(distribution)
    problems += find_folder_problems(Path.cwd())
    unusable = find_import_problems(_MODULES)
    if not unusable:
        problems += _examine_devices()
    return problems + unusable


def _format_versions(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"{name} {_find_version(name) or 'missing'}" for name in names)


def _find_version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def list_extras() -> dict[str, list[str]]:
    """Return the distributions of each extra, without the extras for developers."""
    found: dict[str, list[str]] = {}
    markers = {r.name: r.marker for r in map(Requirement, requires("nasframe") or ()) if r.marker}
    for extra in metadata("nasframe").get_all("Provides-Extra", ()):
        if extra not in _DEVELOPER_EXTRAS:
            found[extra] = [n for n, marker in markers.items() if marker.evaluate({"extra": extra})]
    return found


def _find_neighbours() -> list[str]:
    """Return the distributions of plugins, and of Hydra's launchers and sweepers."""
    own = {plugin.distribution for plugin in inspect_plugins()}
    hydra = {d.name for d in distributions() if (d.name or "").startswith(("hydra-", "hydra_"))}
    return sorted((own | hydra) - {"nasframe", "unknown", "hydra-core"})


def find_python_problems(python: str) -> list[str]:
    """Check that nasframe supports a version of Python."""
    wanted = metadata("nasframe")["Requires-Python"]
    if SpecifierSet(wanted).contains(python, prereleases=True):
        return []
    return [
        f"nasframe needs Python {wanted} (Hydra 1.3 fails on 3.14), not {python}: create an "
        "environment with another Python"
    ]


def find_requirement_problems(distribution: str) -> list[str]:
    """Find missing requirements of a distribution, and wrong versions of its optional ones."""
    problems = []
    for requirement in map(Requirement, requires(distribution) or ()):
        installed = _find_version(requirement.name)
        if not _applies(requirement, distribution):
            continue
        chosen = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if not chosen and not installed:
            continue
        if installed and requirement.specifier.contains(installed, prereleases=True):
            continue
        wanted = f"{requirement.name}{requirement.specifier}"
        problems.append(
            f"{distribution} needs {wanted}, but {installed or 'none'} is installed: "
            f"pip install '{wanted}', or uninstall {distribution} if others need that version"
        )
    return problems


def _applies(requirement: Requirement, distribution: str) -> bool:
    """Return whether a requirement applies to this environment under any extra."""
    extras = ["", *metadata(distribution).get_all("Provides-Extra", ())]
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras)


def find_import_problems(modules: tuple[str, ...]) -> list[str]:
    """Import modules in this order in this process; report the failures."""
    problems = []
    for name in modules:
        try:
            import_module(name)
        except Exception as error:  # torchvision for another torch raises RuntimeError
            problems.append(
                f"{name} does not import ({type(error).__name__}: {error}): reinstall it together "
                "with torch, from the same index, so that pip picks matching versions"
            )
    return problems


def find_folder_problems(folder: Path) -> list[str]:
    """Check that a folder is writable and has free space for studies."""
    free = shutil.disk_usage(folder).free / 1e9
    print(f"Folder {folder}: {free:.1f} GB free")
    problems = []
    if free < _MIN_FREE_GB:
        problems.append(f"{folder} has {free:.1f} GB free: free some space, or set dir=FOLDER")
    if not os.access(folder, os.W_OK):
        problems.append(f"{folder} is not writable: set dir=FOLDER")
    return problems


def _examine_devices() -> list[str]:
    import torch

    check = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)  # not on every platform
    native = check is not None and check()
    print(
        f"CPU: {count_cores()} cores, {torch.backends.cpu.get_cpu_capability()}, torch uses "
        f"{torch.get_num_threads()} threads; bfloat16 {_describe_support(native)}"
    )
    for index in range(torch.cuda.device_count()):
        device = torch.cuda.get_device_properties(index)
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        memory = device.total_memory / 1e9
        print(f"cuda:{index}: {device.name}, {memory:.0f} GB; bfloat16 {_describe_support(native)}")
    if torch.backends.mps.is_available():
        print("mps: the GPU of this Mac, used with evaluator.device=mps")
    _measure_speed()
    if shutil.which("nvidia-smi") and not torch.cuda.is_available():
        return [
            f"torch {torch.__version__} finds no NVIDIA GPU, but nvidia-smi is installed: install "
            "the torch for your driver's CUDA version (https://pytorch.org/get-started)"
        ]
    return []


def _describe_support(native: bool) -> str:
    return "in hardware" if native else "not in hardware"


def _measure_speed() -> None:
    from nasframe.training.format_benchmark import measure_formats

    times = measure_formats()
    print("A small training step: " + ", ".join(f"{n} {ms:.1f} ms" for n, ms in times.items()))
    precision, layout = min(times, key=lambda name: times[name]).split()
    last = "true" if layout == "channels_last" else "false"
    print(f"Fastest: evaluator.precision={precision} evaluator.channels_last={last}")
