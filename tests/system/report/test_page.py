"""The page of a report: in a real browser, against the journal, with hostile names."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from throwaway import Shell, shell

from nasframe import StudyResult, read_result
from nasframe.storage import journal

WORDS = ("search_space=nasbench201", "evaluator=nasbench201", "objective=accuracy_latency")
HOSTILE = "<img src=x onerror=hacked()> @@DATA@@ 'q\" 中文"


def search(run_: Shell, *words: str) -> None:
    done = run_(
        "nasframe", *WORDS, "objective.target_ms=10", "trials=120", "executor=serial", *words
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A study with a failed trial, and two more to be compared."""
    run_ = shell(tmp_path_factory.mktemp("page"))
    search(run_, "controller=evolution", "dir=one")
    search(run_, "-m", "controller=evolution,random", "seed=0,1", "dir=many")
    path = run_.cwd / "one" / journal.JOURNAL_FILE
    lines = path.read_text().splitlines()
    told = [k for k, line in enumerate(lines) if '"event":"told"' in line]
    event = json.loads(lines[told[3]])
    event |= {"error": f"RuntimeError: {HOSTILE}", "reward": None, "metrics": {}}
    lines[told[3]] = json.dumps(event, separators=(",", ":"))
    path.write_text("\n".join(lines) + "\n")
    shutil.copytree(run_.cwd / "one", run_.cwd / HOSTILE.replace("/", ""))
    for folder in ("one", "many", HOSTILE):
        done = run_("nasframe-report", folder, "--json", "out.json", "--csv", f"{folder[:3]}.csv")
        assert done.returncode == 0, done.stderr
        (run_.cwd / "out.json").rename(run_.cwd / f"{folder[:3]}.json")
    return run_


def content(page: Path) -> Any:
    """The data in a page."""
    text = page.read_text()
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert found is not None
    return json.loads(found[1])


# Figures


def test_the_page_says_what_the_journal_implies(place: Shell) -> None:
    """With pandas alone: nothing of ours reads the journal here."""
    lines = (place.cwd / "one" / journal.JOURNAL_FILE).read_text().splitlines()
    events = pd.DataFrame([json.loads(line) for line in lines])
    told = events[events.event == "told"].sort_values("number")
    study = content(place.cwd / "one" / "report.html")["studies"][0]
    columns = pd.DataFrame(study["columns"]).set_index("trial")
    assert columns.index.tolist() == told.number.tolist()
    rewards = told.set_index("number").reward
    assert columns.reward.fillna(-1).tolist() == rewards.fillna(-1).tolist()
    twins = told.duplicate.notna().to_numpy()
    failed = told.error.notna().to_numpy() if "error" in told else False
    assert (columns.state == "duplicate").tolist() == twins.tolist()
    assert (columns.state == "failed").tolist() == (failed & ~twins).tolist()
    assert columns.elapsed.tolist() == told.elapsed.tolist()
    waited = told.waited.fillna(0) if "waited" in told else 0 * told.elapsed
    assert columns.waited.tolist() == waited.tolist()
    new = told[~twins & ~failed].sort_values(["reward", "number"], ascending=[False, True])
    assert study["best"] == new.number.tolist()
    values = pd.DataFrame(new.metrics.tolist(), index=new.number.tolist())
    kept = [
        number
        for number, row in values.iterrows()
        if not (
            (values.val_accuracy >= row.val_accuracy)
            & (values.latency_ms <= row.latency_ms)
            & ((values.val_accuracy > row.val_accuracy) | (values.latency_ms < row.latency_ms))
        ).any()
    ]
    assert sorted(study["front"]) == sorted(kept)
    tokens = told.tokens.tolist()
    for place_, shares in enumerate(study["shares"]):
        counts = [
            sum(token[place_] == k for token in tokens) for k in range(len(shares["options"]))
        ]
        assert pd.DataFrame(shares["counts"]).sum().tolist() == counts
        best = [token[place_] for token in new.tokens.tolist()[:25]]
        assert shares["best"] == [best.count(k) for k in range(len(shares["options"]))]


@pytest.mark.parametrize("name", ["one", "man"])
def test_the_page_and_the_files_for_machines_agree(place: Shell, name: str) -> None:
    folder = {"one": "one", "man": "many"}[name]
    found = json.loads((place.cwd / f"{name}.json").read_text())["studies"]
    page = content(place.cwd / folder / "report.html")
    table = pd.read_csv(place.cwd / f"{name}.csv")
    assert len(table) == sum(len(study["rows"]) for study in found)
    for study, shown in zip(found, page["studies"], strict=True):
        assert shown["best"] == [network["number"] for network in study["networks"]]
        assert shown["front"] == study["front"]["numbers"]
        rows = pd.DataFrame(study["rows"])
        for column, values in shown["columns"].items():
            assert values == [row[column] for row in study["rows"]], column
        own = table[table.study == study["folder"]]
        assert own.trial.tolist() == rows.trial.tolist()
        assert own.reward.fillna(-1).tolist() == pytest.approx(rows.reward.fillna(-1).tolist())


def test_the_command_in_the_page_repeats_the_study(place: Shell) -> None:
    command = content(place.cwd / "one" / "report.html")["studies"][0]["command"]
    words = command.split()
    assert words[0] == "nasframe"
    assert words[-1] == "dir=AGAIN"
    assert "controller=evolution" in words
    assert "objective.target_ms=10.0" in words
    done = place("nasframe", *words[1:-1], "dir=again")
    assert done.returncode == 0, done.stderr

    def tokens(folder: str) -> list[Any]:
        lines = (place.cwd / folder / journal.JOURNAL_FILE).read_text().splitlines()
        return [e["tokens"] for e in map(json.loads, lines) if e["event"] == "asked"]

    assert tokens("again")[:4] == tokens("one")[:4]


def test_names_are_text(place: Shell) -> None:
    text = (place.cwd / HOSTILE / "report.html").read_text()
    plain = (place.cwd / "one" / "report.html").read_text()
    for mark in ("<img", "</script", "@@"):
        assert text.count(mark) == plain.count(mark), mark
    page = content(place.cwd / HOSTILE / "report.html")
    assert page["studies"][0]["folder"] == HOSTILE
    assert any(HOSTILE in reason for reason in page["studies"][0]["columns"]["reason"])


def test_a_watched_page_reads_itself_again_until_the_study_ends(tmp_path: Path) -> None:
    run_ = shell(tmp_path)
    words = ("search_space=nasnet_small", "search_space.filters=4", "trials=6", "dir=it")
    study = run_.start("nasframe", *words, "evaluator.epochs=2", "executor=serial")
    assert study.stdout is not None
    while "trial   0" not in (line := study.stdout.readline()):
        assert line
    watching = run_.start("nasframe-report", "it", "--watch", "0.5")
    assert watching.stdout is not None
    assert watching.stdout.readline() == "Watching; the page is it/report.html\n"
    page = run_.cwd / "it" / "report.html"
    seen = []
    while watching.poll() is None:
        if page.is_file():
            seen.append(content(page)["refresh"])
    study.communicate()
    out, err = watching.communicate()
    assert (watching.returncode, err) == (0, "")
    assert "the page is complete" in out
    assert 0.5 in seen
    assert content(page)["refresh"] is None
    assert len(content(page)["studies"][0]["columns"]["trial"]) >= 6


def test_markdown_has_the_same_figures(place: Shell) -> None:
    done = place("nasframe-report", "one", HOSTILE, "--markdown", "out.md", "--page", "out.html")
    assert done.returncode == 0, done.stderr
    text = (place.cwd / "out.md").read_text()
    study = json.loads((place.cwd / "one.json").read_text())["studies"][0]
    for network in study["networks"][:10]:
        row = rf"^\| {network['number']} \| {network['reward']:.4f} \|"
        assert len(re.findall(row, text, re.MULTILINE)) == 2
    assert r"\<img src=x onerror=hacked()\>" in text
    assert re.search(r"(?<!\\)<img", text) is None


def test_a_notebook_has_the_same_table(place: Shell) -> None:
    result = read_result(place.cwd / "one")
    table = result.dataframe()
    wanted = pd.read_csv(place.cwd / "one.csv").set_index("trial")
    assert table.index.tolist() == wanted.index.tolist()
    for name in ("state", "reward", "seconds", "architecture", "val_accuracy", "latency_ms"):
        assert table[name].fillna(-1).tolist() == pytest.approx(wanted[name].fillna(-1).tolist())
    shown = read_result(place.cwd / HOSTILE)._repr_html_()
    assert "<img" not in shown
    assert shown.count("<tr>") == 6
    assert StudyResult(Path("none"), ()).dataframe().empty


# In a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as running:
        made = running.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def opened(browser: Any, place: Shell) -> Iterator[Any]:
    """Opens a page; at the end nothing was said on its console."""
    said: list[str] = []
    tabs = []

    def opening(folder: str, width: int = 1200, scheme: str = "light") -> Any:
        tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.goto((place.cwd / folder / "report.html").as_uri())
        tab.wait_for_selector("html[data-ready=true]", state="attached")
        tabs.append(tab)
        return tab

    yield opening
    for tab in tabs:
        tab.close()
    assert said == []


@pytest.mark.parametrize("folder", ["one", "many", HOSTILE])
@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (360, "dark")])
def test_charts_are_there_and_nothing_is_wider_than_the_page(
    opened: Any, folder: str, width: int, scheme: str
) -> None:
    tab = opened(folder, width, scheme)
    charts = 5 if folder == "many" else 4
    assert tab.locator("canvas").count() == charts
    for place_ in range(charts):
        box = tab.locator("canvas").nth(place_).bounding_box()
        assert box["width"] > 150
        assert box["height"] > 150
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    tab.click("#theme")
    other = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (other == "rgb(255, 255, 255)") == (scheme == "dark")


def column(tab: Any, name: str) -> list[str]:
    heads = [text.split(" ")[0] for text in tab.locator("#trials thead th").all_inner_texts()]
    cells = f"#trials tbody tr td:nth-child({heads.index(name) + 1})"
    return [str(text) for text in tab.locator(cells).all_inner_texts()]


def test_the_table_is_sorted_filtered_and_paged(opened: Any, place: Shell) -> None:
    tab = opened("one")
    rows = json.loads((place.cwd / "one.json").read_text())["studies"][0]["rows"]
    rewards = sorted((row["reward"] for row in rows if row["reward"] is not None), reverse=True)
    assert column(tab, "reward") == [f"{reward:.4f}" for reward in rewards[:50]]
    tab.click("#trials thead button[data-key=trial]")
    assert column(tab, "trial") == [str(row["trial"]) for row in rows[:50]]
    assert tab.get_attribute("#trials th[aria-sort]", "aria-sort") == "ascending"
    tab.click("#next")
    assert column(tab, "trial") == [str(row["trial"]) for row in rows[50:100]]
    tab.select_option("#state", "failed")
    assert tab.inner_text("#count") == f"1 of {len(rows)}"
    assert column(tab, "state") == ["failed"]
    assert HOSTILE in column(tab, "reason")[0]
    tab.select_option("#state", "")
    wanted = [row for row in rows if "avg_pool_3x3~2" in row["words"]]
    tab.fill("#find", "AVG_POOL_3x3~2")
    tab.wait_for_function(
        f"document.getElementById('count').textContent.startsWith('{len(wanted)} ')"
    )
    assert tab.evaluate("window.hacked") is None


def test_an_architecture_is_chosen_by_mouse_and_by_keyboard(opened: Any) -> None:
    tab = opened("one")
    best = column(tab, "trial")
    shown = "#architecture dd >> nth=0"
    assert tab.inner_text(shown) == best[0]
    tab.click("#trials tbody tr:nth-child(3)")
    assert tab.inner_text(shown) == best[2]
    assert tab.locator("#architecture svg g.node").count() >= 4
    with tab.expect_download() as download:
        tab.click("#architecture a[download]")
    assert download.value.suggested_filename == f"architecture-{best[2]}.svg"
    assert Path(download.value.path()).read_text().startswith("<svg")
    tab.focus("#trials tbody tr:nth-child(5)")
    tab.keyboard.press("Enter")
    assert tab.inner_text(shown) == best[4]


def test_the_keyboard_reaches_everything(opened: Any) -> None:
    tab = opened("one")
    reached = set()
    for _ in range(130):
        tab.keyboard.press("Tab")
        reached.add(tab.evaluate("(document.activeElement.id || document.activeElement.tagName)"))
    wanted = {"theme", "share-choice", "find", "state", "next", "TR", "BUTTON", "SUMMARY"}
    assert wanted - {"next", "SUMMARY"} <= reached


def test_points_are_told_and_chosen(opened: Any) -> None:
    tab = opened("one")
    canvas = tab.locator("#chart-front canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    before = tab.inner_text("#architecture dd >> nth=0")
    told = False
    for y in range(8, int(box["height"]) - 60, 6):
        for x in range(60, int(box["width"]) - 20, 12):
            tab.mouse.move(box["x"] + x, box["y"] + y)
            if tab.locator("#vg-tooltip-element.visible").count():
                text = tab.inner_text("#vg-tooltip-element")
                number = re.search(r"trial[^\d]*(\d+)", text.replace("\n", " "))
                assert number is not None
                assert "reward" in text
                if number[1] == before:
                    continue
                tab.mouse.click(box["x"] + x, box["y"] + y)
                assert tab.inner_text("#architecture dd >> nth=0") == number[1]
                told = True
                break
        if told:
            break
    assert told


def test_what_was_learned_follows_the_choice(opened: Any) -> None:
    tab = opened("one")
    options = tab.locator("#share-choice option").all_inner_texts()
    assert options == ["1<-0", "2<-0", "2<-1", "3<-0", "3<-1", "3<-2"]
    before = tab.locator("#chart-shares canvas").screenshot()
    tab.select_option("#share-choice", "4")
    tab.wait_for_timeout(500)
    assert tab.locator("#chart-shares canvas").screenshot() != before
    assert tab.locator("#frequent tbody tr").count() == 6
