"""How long the page of a study with many trials takes to write, to open, and to search.

``page.py [--trials 20000]``: a study of the toy space in a temporary folder, then Chromium.
"""

from __future__ import annotations

import argparse
import random
import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from nasframe import Architecture, Proposal, StudyConfig, Trial, option
from nasframe.report.study.command import report_studies
from nasframe.storage import events, header
from nasframe.storage.journal import Journal

PARTS = {
    "search_space": "nasnet",
    "task": "cifar10",
    "controller": "random",
    "objective": "accuracy",
    "evaluator": "train",
    "executor": "serial",
    "stopper": "none",
}


SEARCH = """text => {
    const at = (id) => document.getElementById(id), start = performance.now();
    const before = at("count").textContent;
    at("find").value = text;
    at("find").dispatchEvent(new Event("input"));
    return new Promise((done) => {
        const look = () => {
            if (at("count").textContent === before) setTimeout(look, 1);
            else done(performance.now() - start);
        };
        look();
    });
}"""
SORT = """() => {
    const start = performance.now();
    document.querySelector("#trials thead button[data-key=m_parameters]").click();
    return performance.now() - start;
}"""


def study(folder: Path, trials: int) -> None:
    """Write the journal of a study of NASNet cells whose figures are drawn at random."""
    draw = random.Random(0)
    made = {group: option(group, name) for group, name in PARTS.items()}
    log = Journal(folder)
    log.append(header.make_header(StudyConfig(**made, trials=trials, dir=folder)))  # type: ignore[arg-type]
    choices = made["search_space"].build().choices  # type: ignore[attr-defined]
    for number in range(trials):
        tokens = tuple(draw.randrange(len(choice.options)) for choice in choices)
        log.append(events.encode_asked(number, [Proposal(tokens)]))
        accuracy = draw.betavariate(5, 2)
        metrics = {"val_accuracy": accuracy, "parameters": draw.randrange(10**6)}
        told = Trial(number, Architecture(tokens), metrics=metrics, reward=accuracy, seconds=1.0)
        log.append(events.encode_told(told, float(number), 0.0))
    log.close()


def main() -> None:
    """Print seconds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=20_000)
    trials = parser.parse_args().trials
    with TemporaryDirectory() as tmp:
        folder = Path(tmp, "study")
        study(folder, trials)
        page = folder / "report.html"
        start = time.perf_counter()
        report_studies(
            [folder],
            metrics=None,
            reference=None,
            objective=None,
            top=3,
            picture=None,
            figures=None,
            page=page,
            rows=None,
        )
        print(f"written in {time.perf_counter() - start:.1f} s, {page.stat().st_size / 1e6:.1f} MB")
        with sync_playwright() as running:
            program = shutil.which("chromium")
            browser = running.chromium.launch(executable_path=program, args=["--no-sandbox"])
            tab = browser.new_page(viewport={"width": 1200, "height": 900})
            start = time.perf_counter()
            tab.goto(page.as_uri())
            tab.wait_for_selector("html[data-ready=true]", state="attached")
            print(f"opened, with all charts, in {time.perf_counter() - start:.1f} s")
            waited = tab.evaluate(SEARCH, "sep7x7(h1)+max3x3")
            print(f"searched in {waited:.0f} ms, of which it waits 80 for more letters")
            print(f"sorted in {tab.evaluate(SORT):.0f} ms")
            browser.close()


if __name__ == "__main__":
    main()
