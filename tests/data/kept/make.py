"""Made the folders beside this file with version 0.1.0, and ``expected.json``; not to be remade.

The folders are what users of that version have. A later version must read, report, resume, load
and export them, so they stay as they are: this script is kept to show how they came about, and ran
with the code of the commit that added them. Absolute paths were taken out of what it made: stack
traces of the exported files, the folder in the checkpoint, and Hydra's record of the sweep.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnx
import torch

from nasframe import load

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

import kept  # noqa: E402

CHECKPOINT = "trial-*/checkpoint.ckpt"
DEPTHS, KERNELS, WIDTHS = (1, 2, 3, 4), (1, 3, 5), (8, 16, 24, 32)


def run(*line: str) -> None:
    """Run a command in the folder of this file."""
    subprocess.run(line, cwd=HERE, check=True)


def tables() -> None:
    """A table in which a quarter of the architectures is missing, a small one, a file of five."""
    rows = [(d, k, w) for d in DEPTHS for k in KERNELS for w in WIDTHS if (d * 5 + k + w // 8) % 4]
    lines = [f"{d},{k},{w},{0.5 + d / 20 + k / 50 + w / 400:.4f},{d * w * k}" for d, k, w in rows]
    head = "depth,kernel,width,val_accuracy,parameters"
    (HERE / "table.csv").write_text("\n".join([head, *lines, ""]))
    lines = [f"{d},{k},{0.5 + d / 20 + k / 50:.4f},{d * k}" for d in DEPTHS for k in KERNELS]
    (HERE / "small.csv").write_text("\n".join(["depth,kernel,val_accuracy,parameters", *lines, ""]))
    architectures = (
        "3-3-3-3-3-3",
        "0-1-2-3-4-0",
        "[2, 2, 2, 2, 2, 2]",
        "3-3-3-3-3-3",
        "4-4-4-4-4-4",
    )
    (HERE / "enqueued.txt").write_text("\n".join(["# five networks", *architectures, ""]))


def killed(done: Callable[[], bool], *line: str) -> None:
    """Kill a command as soon as something holds."""
    process = subprocess.Popen(line, cwd=HERE)
    while process.poll() is None and not done():
        time.sleep(0)
    process.send_signal(signal.SIGKILL)
    process.wait()


def killed_study(name: str) -> None:
    """A study that is killed in the middle of a batch, when it has proposals without a result."""
    journal = HERE / name / kept.JOURNAL
    pending = 0
    while not pending:
        shutil.rmtree(journal.parent, ignore_errors=True)
        line = kept.study_words(name, kept.STUDIES[name]["trials"])
        killed(lambda: journal.is_file() and journal.read_bytes().count(b'"told"') > 50, *line)
        lines = [
            json.loads(line) for line in journal.read_text().splitlines(True) if line[-1] == "\n"
        ]
        asked = sum(len(event["tokens"]) for event in lines if event["event"] == "asked")
        pending = asked - sum(event["event"] == "told" for event in lines)


def studies() -> None:
    """One study of each kind, and a sweep."""
    for name, study in kept.STUDIES.items():
        if name == "killed":
            killed_study(name)
        else:
            run(*kept.study_words(name, study["trials"]))
    run(*kept.sweep_words(20))


def retrainings() -> None:
    """One that is finished, with its exports, and one that was killed after its first epoch."""
    found = {k: v.split() for k, v in kept.COMMANDS["retrainings"].items()}
    run("nasframe-retrain", *found["trained"])
    run("nasframe-export", "trained", "--to", "onnx,state_dict,torch,source")
    folder = HERE / "trained_killed"
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        killed(lambda: any(folder.glob(CHECKPOINT)), "nasframe-retrain", *found["trained_killed"])
        if any(folder.glob(CHECKPOINT)) and not (folder / "network.json").exists():
            break


def without_paths() -> None:
    """Take paths of this machine out of the exported files, the checkpoint and the sweep."""
    (HERE / "sweep" / "multirun.yaml").unlink()
    (path,) = (HERE / "trained_killed").glob(CHECKPOINT)
    torch.save(_relative(torch.load(path, weights_only=True)), path)
    path = HERE / "trained" / "model.onnx"
    model = onnx.load(path)
    for node in model.graph.node:
        for item in [one for one in node.metadata_props if one.key.endswith("stack_trace")]:
            node.metadata_props.remove(item)
    onnx.save(model, path)
    path = HERE / "trained" / "model.pt2"
    with zipfile.ZipFile(path) as file:
        entries = [(item, file.read(item)) for item in file.infolist()]
    with zipfile.ZipFile(path, "w") as file:
        for item, data in entries:
            if item.filename.endswith("model.json"):
                data = re.sub(rb'"stack_trace": "(\\.|[^"\\])*"', b'"stack_trace": ""', data)
            file.writestr(item, data)


def _relative(value: Any) -> Any:
    """The same with paths that are relative to this folder."""
    if isinstance(value, str):
        return value.replace(f"{HERE}/", "")
    if isinstance(value, dict):
        return type(value)((_relative(key), _relative(item)) for key, item in value.items())
    return type(value)(map(_relative, value)) if isinstance(value, list | tuple) else value


@contextlib.contextmanager
def copy(*names: str) -> Iterator[None]:
    """Work in a copy of some folders."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        kept.copied(Path(), *names)
        yield


def study(name: str) -> dict[str, Any]:
    """What this version says of a study, and what it appends when it resumes it.

    The events of studies with rejections are left out: how a controller learns of a rejection is
    going to change.
    """
    with copy(name):
        found = {**kept.read(name), "report": kept.report(name)}
        if list(Path(name).glob("weights/*")):
            found["logits"] = kept.logits(load(name))
        return (
            found if "rejections" in kept.STUDIES[name] else {**found, "events": kept.resume(name)}
        )


def expected() -> dict[str, Any]:
    """What this version says of all folders."""
    found: dict[str, Any] = {name: study(name) for name in kept.STUDIES}
    with copy("sweep", "trained", "trained_killed", "weights"):
        found["sweep"] = {
            path.name: kept.trials(path) for path in sorted(Path("sweep").glob("*+*"))
        }
        found["compare"] = kept.compare("sweep")
        found["trained"] = kept.retrained("trained")
        found["trained_killed"] = kept.retrain("trained_killed")
    return found


def write(found: dict[str, Any]) -> None:
    """Write a line for each folder."""
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in found.items()]
    (HERE / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    if "expected" not in sys.argv:
        tables()
        run("nasframe-latency", *kept.COMMANDS["table"].split())
        studies()
        retrainings()
        without_paths()
    write(expected())
