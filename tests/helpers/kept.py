"""Folders that users of version 0.1.0 have, kept in ``tests/data/kept``, and what commands do."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import json
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from places import DATA
from torch import nn

from nasframe import candidates, load, read_result

KEPT = DATA / "kept"
COMMANDS: dict[str, Any] = json.loads((KEPT / "commands.json").read_text())
STUDIES: dict[str, dict[str, Any]] = COMMANDS["studies"]
JOURNAL = "journal.jsonl"

OWN = {"make.py", "commands.json", "expected.json"}
"""Files beside the folders that are no part of them."""


def copied(target: Path, *names: str) -> None:
    """Copy kept folders, and the files beside them, which settings name."""
    for path in KEPT.iterdir():
        if path.is_file() and path.name not in OWN:
            shutil.copy(path, target)
    for name in names:
        shutil.copytree(KEPT / name, target / name)


def words(text: str) -> list[str]:
    """The words of a command, with abbreviations written out."""
    return [w for word in text.split() for w in COMMANDS["parts"].get(word, word).split()]


def study_words(name: str, trials: int) -> list[str]:
    """The command line of a study, for this number of trials."""
    return ["nasframe", *words(STUDIES[name]["words"]), f"trials={trials}", f"dir={name}"]


def resume_words(name: str, more: int = 0) -> list[str]:
    """The command line that resumes a kept study, for more trials."""
    study = STUDIES[name]
    own = study.get("resume", "").split()
    keys = [word.partition("=")[0] for word in own]
    line = study_words(name, study["trials"] + more)
    if keys:  # other values of settings that a resumed study may change, and no settings of theirs
        line = [word for word in line if word.partition("=")[0].partition(".")[0] not in keys]
    return [*line, *own]


def sweep_words(trials: int) -> list[str]:
    """The command line of the sweep, for this number of trials."""
    return ["nasframe", *words(COMMANDS["sweep"]), f"trials={trials}"]


def command(*line: str) -> tuple[int, str]:
    """Run a console script in this process; returns its status and what it printed."""
    script = entry_points(group="console_scripts")[line[0]].load()
    printed, argv = io.StringIO(), sys.argv
    handlers = [(one, signal.getsignal(one)) for one in (signal.SIGINT, signal.SIGTERM)]
    sys.argv = list(line)
    try:
        with contextlib.redirect_stdout(printed):
            status = script()
    except SystemExit as stop:
        status = stop.code
    finally:
        sys.argv = argv
        for number, handler in handlers:
            signal.signal(number, handler)
    assert status is None or isinstance(status, int), status
    return status or 0, printed.getvalue()


def trials(folder: Path) -> list[dict[str, Any]]:
    """What ``read_result`` gives of a study, in plain values; of absent ones nothing."""
    found = []
    for trial in read_result(folder).trials:
        values = {
            "number": trial.number,
            "tokens": list(trial.architecture.tokens),
            "info": dict(trial.info),
            "metrics": {
                k: list(v) if isinstance(v, tuple) else v for k, v in trial.metrics.items()
            },
            "reward": None if trial.rejected is not None else trial.reward,
            "error": trial.error,
            "rejected": trial.rejected,
            "duplicate_of": trial.duplicate_of,
            "stopped": trial.stopped,
            "cached": trial.cached or None,
            "devices": dict(trial.devices) or None,
        }
        found.append({key: value for key, value in values.items() if value is not None})
    return found


def events(folder: Path, start: int) -> Iterator[dict[str, Any]]:
    """The batches and trials that a journal has after so many bytes, but for times and prose."""
    for line in (folder / JOURNAL).read_bytes()[start:].splitlines():
        event = json.loads(line)
        if event["event"] in ("asked", "told"):
            yield _lasting(event)


def _lasting(event: dict[str, Any]) -> dict[str, Any]:
    """What is the same in each run; of an error and a rejection, that there is one."""
    event = {k: v for k, v in event.items() if k not in ("seconds", "elapsed", "waited", "time")}
    for key in ("error", "rejected"):
        if key in event:
            event[key] = bool(event[key])
    if "metrics" in event:
        values = event["metrics"].items()
        event["metrics"] = {k: v for k, v in values if "second" not in k}
    return event


def read(name: str) -> dict[str, Any]:
    """What stands in a study of the current folder: its trials, and which of them are best."""
    best = [list(one.trial.architecture.tokens) for one in candidates(name, 3)]
    return {"trials": trials(Path(name)), "best": best}


def report(name: str) -> dict[str, Any]:
    """The figures of a report on a study of the current folder."""
    written = ("--csv", "rows.csv", "--page", "page.html", "--picture", "front.svg")
    status, _ = command("nasframe-report", name, "--json", "figures.json", *written)
    assert status == 0
    (found,) = json.loads(Path("figures.json").read_text())["studies"]
    front = found["front"] or {"numbers": None, "hypervolume": None}
    return {
        **{key: found[key] for key in ("trials", "failed", "rejected", "duplicates", "cached")},
        "ranked": [network["number"] for network in found["networks"]],
        "states": [row["state"] for row in found["rows"]],
        "front": front["numbers"],
        "hypervolume": front["hypervolume"],
    }


def resume(name: str) -> list[dict[str, Any]]:
    """Resume a study of the current folder; gives what that has appended to its journal."""
    start = (Path(name) / JOURNAL).stat().st_size
    status, _ = command(*resume_words(name, STUDIES[name]["more"]))
    assert status == 0
    return list(events(Path(name), start))


def compare(name: str) -> dict[str, Any]:
    """The figures of a comparison of the studies in a sweep of the current folder."""
    line = ("--compare", name, "--json", "figures.json", "--picture", "curves.svg")
    assert command("nasframe-report", *line)[0] == 0
    found = json.loads(Path("figures.json").read_text())
    rows = ("label", "seeds", "best", "top", "area", "reached", "median_reach", "curves")
    return {
        **{key: found[key] for key in ("budget", "marks", "reach")},
        "rows": [{key: row[key] for key in rows} for row in found["rows"]],
    }


def retrain(name: str) -> dict[str, Any]:
    """Run a retraining of the current folder; gives what was found."""
    assert command("nasframe-retrain", *COMMANDS["retrainings"][name].split())[0] == 0
    return retrained(name)


def retrained(name: str) -> dict[str, Any]:
    """What stands in the folder of a retraining, and what its network gives."""
    about = json.loads((Path(name) / "network.json").read_text())
    return {
        "tokens": about["tokens"],
        "metrics": about["metrics"],
        "digest": digest(load(name)),
        "logits": logits(load(name)),
    }


def digest(network: nn.Module) -> str:
    """Of all tensors of a network, with their names."""
    found = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        found.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return found.hexdigest()


def logits(network: Callable[[torch.Tensor], torch.Tensor]) -> list[list[float]]:
    """What a network gives for two fixed images of digits' size."""
    with torch.no_grad():
        found = network(images())
    return [[round(value, 5) for value in row] for row in found.tolist()]


def images() -> torch.Tensor:
    """Two images, the same on every machine."""
    return torch.linspace(-1.0, 1.0, 128).square().reshape(2, 1, 8, 8)


def exported(format: str, stem: Path) -> list[list[float]]:
    """What an exported network gives for the fixed images, without nasframe."""
    if format == "torch":
        return logits(torch.export.load(stem.with_suffix(".pt2")).module())
    if format == "source":
        spec = importlib.util.spec_from_file_location("exported", stem.with_suffix(".py"))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return logits(module.load(stem.with_suffix(".safetensors")))
    session = onnxruntime.InferenceSession(stem.with_suffix(".onnx"))
    return logits(lambda x: torch.from_numpy(session.run(None, {"images": x.numpy()})[0]))
