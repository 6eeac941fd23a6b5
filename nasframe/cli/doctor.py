"""What ``nasframe-plugins --doctor`` examines beside the plugins.

Functions whose names end in ``_problems`` return sentences: what is wrong, and what can be done.
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

from nasframe._support.system import cores
from nasframe.registry.options import survey

SHOWN = (
    *("nasframe", "torch", "torchvision", "pytorch-lightning", "timm", "scikit-learn", "numpy"),
    *("hydra-core", "omegaconf", "pluggy"),
)
MODULES = ("torch", "torchvision", "pytorch_lightning", "timm", "sklearn")
FOR_DEVELOPERS = ("test", "lint", "docs")
LEAST_FREE_GB = 2.0
"""Room for CIFAR-10 and the weights of some hundred small networks."""


def examine() -> list[str]:
    """Print what this environment and this machine are like; returns what is wrong with them."""
    python = platform.python_version()
    print(f"Python {python} on {platform.platform()}")
    print(_versions(SHOWN))
    for extra, names in extras().items():
        print(f"Extra [{extra}]: {_versions(names)}")
    problems = python_problems(python)
    for distribution in ("nasframe", *_neighbours()):
        problems += requirement_problems(distribution)
    problems += folder_problems(Path.cwd())
    unusable = import_problems(MODULES)
    if not unusable:
        problems += _examine_devices()
    return problems + unusable


def _versions(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"{name} {_version(name) or 'missing'}" for name in names)


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def extras() -> dict[str, list[str]]:
    """The distributions that each extra brings; extras for developers are left out."""
    found: dict[str, list[str]] = {}
    markers = {r.name: r.marker for r in map(Requirement, requires("nasframe") or ()) if r.marker}
    for extra in metadata("nasframe").get_all("Provides-Extra", ()):
        if extra not in FOR_DEVELOPERS:
            found[extra] = [n for n, marker in markers.items() if marker.evaluate({"extra": extra})]
    return found


def _neighbours() -> list[str]:
    """The distributions that plug into nasframe, or (launchers and sweepers) into Hydra."""
    own = {plugin.distribution for plugin in survey()}
    hydra = {d.name for d in distributions() if (d.name or "").startswith(("hydra-", "hydra_"))}
    return sorted((own | hydra) - {"nasframe", "unknown", "hydra-core"})


def python_problems(python: str) -> list[str]:
    """Whether nasframe runs on a version of Python."""
    wanted = metadata("nasframe")["Requires-Python"]
    if SpecifierSet(wanted).contains(python, prereleases=True):
        return []
    return [
        f"nasframe needs Python {wanted} (Hydra 1.3 fails on 3.14), and this is {python}: make an "
        "environment with another Python"
    ]


def requirement_problems(distribution: str) -> list[str]:
    """What a distribution needs and has not; of what it can do without, a wrong version."""
    problems = []
    for requirement in map(Requirement, requires(distribution) or ()):
        installed = _version(requirement.name)
        if not _applies(requirement, distribution):
            continue
        chosen = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if not chosen and not installed:
            continue
        if installed and requirement.specifier.contains(installed, prereleases=True):
            continue
        wanted = f"{requirement.name}{requirement.specifier}"
        problems.append(
            f"{distribution} needs {wanted}, and there is {installed or 'none'}: "
            f"pip install '{wanted}', or uninstall {distribution} if others need it as it is"
        )
    return problems


def _applies(requirement: Requirement, distribution: str) -> bool:
    """Whether a requirement is for an environment like this one, whatever extras are chosen."""
    extras = ["", *metadata(distribution).get_all("Provides-Extra", ())]
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras)


def import_problems(modules: tuple[str, ...]) -> list[str]:
    """Which modules do not import, in this order, in this process."""
    problems = []
    for name in modules:
        try:
            import_module(name)
        except Exception as error:  # torchvision of another torch raises RuntimeError
            problems.append(
                f"{name} does not import ({type(error).__name__}: {error}): reinstall it together "
                "with torch, from the same index, so that pip picks versions that fit"
            )
    return problems


def folder_problems(folder: Path) -> list[str]:
    """Whether studies can be written into a folder."""
    free = shutil.disk_usage(folder).free / 1e9
    print(f"Folder {folder}: {free:.1f} GB free")
    problems = []
    if free < LEAST_FREE_GB:
        problems.append(f"{folder} has {free:.1f} GB free: make room, or set dir=FOLDER")
    if not os.access(folder, os.W_OK):
        problems.append(f"{folder} cannot be written to: set dir=FOLDER")
    return problems


def _examine_devices() -> list[str]:
    import torch

    asked = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)  # not on every platform
    native = asked is not None and asked()
    print(
        f"CPU: {cores()} cores, {torch.backends.cpu.get_cpu_capability()}, torch takes "
        f"{torch.get_num_threads()} threads; bfloat16 {_words(native)}"
    )
    for index in range(torch.cuda.device_count()):
        device = torch.cuda.get_device_properties(index)
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        memory = device.total_memory / 1e9
        print(f"cuda:{index}: {device.name}, {memory:.0f} GB; bfloat16 {_words(native)}")
    if torch.backends.mps.is_available():
        print("mps: the GPU of this Mac, used with evaluator.device=mps")
    _measure_speed()
    if shutil.which("nvidia-smi") and not torch.cuda.is_available():
        return [
            f"torch {torch.__version__} finds no NVIDIA GPU, though nvidia-smi is here: install "
            "the torch for your driver's CUDA version (https://pytorch.org/get-started)"
        ]
    return []


def _words(native: bool) -> str:
    return "in hardware" if native else "not in hardware"


def _measure_speed() -> None:
    from nasframe.training.format_benchmark import measure_formats

    times = measure_formats()
    print("A small training step: " + ", ".join(f"{n} {ms:.1f} ms" for n, ms in times.items()))
    precision, layout = min(times, key=lambda name: times[name]).split()
    last = "true" if layout == "channels_last" else "false"
    print(f"Fastest: evaluator.precision={precision} evaluator.channels_last={last}")
