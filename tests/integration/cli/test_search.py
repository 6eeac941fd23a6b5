"""The command line ``nasframe``, as processes: what people type, and what they mistype."""

from __future__ import annotations

import json
import pickle
import shlex
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from throwaway import TOY, TOYS, Shell, distribution, shell

from nasframe.cli import help, hydra_app, search


@pytest.fixture
def toy(tmp_path: Path) -> Shell:
    return shell(tmp_path)


def test_a_study_runs_and_goes_on_by_its_own_hint(toy: Shell) -> None:
    first = toy("nasframe", *TOYS, "trials=3")
    assert (first.returncode, first.stderr) == (0, "")
    (folder,) = (toy.cwd / "runs").iterdir()
    assert [path.name for path in folder.iterdir()] == ["journal.jsonl"]  # no file of Hydra's
    (hint,) = [line for line in first.stdout.splitlines() if "trials=6" in line]
    again = toy("nasframe", *shlex.split(hint.partition("nasframe ")[2]))
    assert again.returncode == 0
    assert (folder / "journal.jsonl").read_text().count('"told"') == 6


def test_relative_folders_are_the_callers(toy: Shell) -> None:
    (toy.cwd / "data.txt").write_text("")
    args = (*TOYS, "task=toy_file", "task.path=data.txt", "dir=here/it", "trials=1")
    assert toy("nasframe", *args).returncode == 0
    assert toy.files() == {"data.txt", "here", "here/it", "here/it/journal.jsonl"}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ("controller=toi", "unknown option controller=toi; did you mean toy"),
        ("meters=[toyy]", "unknown option meters=[toyy]; did you mean toy?"),
        ("experiment=nonsense", "unknown option experiment=nonsense; there is"),
        ("controler=toy", "unknown key controler; did you mean controller"),
        ("controller.ls=1", "unknown key controller.ls: controller=toy or controller=toy_fast has"),
        ("+controller.more=1", "unknown key controller.more: controller=toy or"),
        ("+more=1", "unknown key more; there is batch, cache, controller,"),
        ("meters.toy.threads=2", "meters.toy is not chosen; add it with meters=[toy]"),
        ("trials=many", "trials=many: must be int or null"),
        ("controller.lr=null", "controller.lr=null: must be float"),
        ("evaluator.mood=bad", "evaluator.mood=bad: Invalid value 'bad', expected one of [FINE,"),
        ("task=toy_file", "task.path is required: give task.path=VALUE"),
        ("~controller", "controller is required: give controller=VALUE"),
        ("search_space.width=0", "search_space.width=0: must be at least 1"),
        ("trials=-1", "trials=-1: must be at least 1"),
        ("controller.lr=nan", "controller.lr=nan: must be a finite number"),
        ("meters=[toy] meters.toy.name=value", "meters.toy: what the evaluator measures cannot"),
        ("objective.metric=latency", "objective needs latency, which neither"),
        ("task=toy_file task.path=missing.txt", "missing.txt"),
        ("dir=file.txt", "file.txt"),
        ("trials", "'trials' is not a setting: write KEY=VALUE without spaces"),
        ("lr=[1", "cannot read 'lr=[1': a setting is KEY=VALUE"),
        ("--trials 3", "settings are given without dashes: trials="),
        ("--controller.lr=3", "settings are given without dashes: controller.lr=3"),
        ("-m trials=1,2", "trials cannot be swept over"),
        ("seed=1,2", "seed=1,2 gives several values: add -m"),
        ("-m seed=1,two", "seed=two: must be int"),
        ("-m controller=toy,toi", "unknown option controller=toi; did you mean toy"),
    ],
)
def test_a_mistake_is_told_in_a_line_or_two_and_leaves_nothing(
    toy: Shell, args: str, words: str
) -> None:
    (toy.cwd / "file.txt").write_text("")
    done = toy("nasframe", *TOYS, *args.split())
    assert done.stderr.startswith("nasframe: ")
    assert words in done.stderr
    assert done.stderr.count("\n") <= 2
    assert (done.returncode, done.stdout, toy.files()) == (2, "", {"file.txt"})


def test_a_wrong_flag_is_told_how_settings_are_given(toy: Shell) -> None:
    done = toy("nasframe", "--tirals", "3")
    assert done.returncode == 2
    assert "unrecognized arguments: --tirals" in done.stderr
    assert "without dashes" in done.stderr


def test_the_version(toy: Shell) -> None:
    done = toy("nasframe", "--version")
    assert (done.returncode, done.stdout) == (0, f"nasframe {version('nasframe')}\n")


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (["trials=2", "dir='runs/a=b,c'"], ["dir='runs/a=b,c'", "trials=4"]),
        (["trials=2", "dir=it"], ["dir=it", "trials=4"]),
        (["hours=0.00001", "dir=it"], ["dir=it", "hours=2e-05"]),
        (["++trials=2", "dir=it", "hours=1"], ["dir=it", "trials=4", "hours=2"]),
    ],
)
def test_the_command_that_goes_on_is_right(toy: Shell, args: list[str], hint: list[str]) -> None:
    done = toy("nasframe", *TOYS, *args)
    line = next(line for line in done.stdout.splitlines() if line.startswith("Resume:"))
    words = shlex.split(line)[1:]
    assert words == ["nasframe", *TOYS, *hint]
    again = toy(*words)
    assert again.returncode in (0, 1), again.stderr
    assert again.stdout.startswith(("Resuming after", "Searching in"))


def test_a_refused_command_changes_nothing_in_another_study(toy: Shell) -> None:
    assert toy("nasframe", *TOYS, "trials=2", "dir=it").returncode == 0
    before = {path: path.read_bytes() for path in (toy.cwd / "it").rglob("*")}
    done = toy("nasframe", *TOYS, "trials=2", "dir=it", "search_space.width=4")
    assert done.returncode == 2
    assert "search_space.width was 5, is now 4" in done.stderr
    assert {path: path.read_bytes() for path in (toy.cwd / "it").rglob("*")} == before


def test_no_success_is_status_1(toy: Shell) -> None:
    done = toy("nasframe", *TOYS, "trials=2", "evaluator.mood=FAIL")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.count("RuntimeError: a toy never learns") == 2


def test_a_bug_is_told_in_short_and_in_full_on_request(toy: Shell) -> None:
    args = (*TOYS, "evaluator.mood=BUG")
    done = toy("nasframe", *args)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    blamed = "nasframe: ToyEvaluatorConfig.build (toy_plugin) raised KeyError: "
    blamed += '"a mistake of the plugin\'s author"'
    assert line.startswith(blamed)
    assert "toy_plugin.py:" in line
    full = toy("nasframe", *args, NASFRAME_DEBUG="1").stderr
    assert "Traceback" in full
    assert "toy_plugin.py" in full


@pytest.mark.parametrize("mood", ["INTERRUPT", "TERMINATE"])
def test_signals_end_a_study_with_its_table(toy: Shell, mood: str) -> None:
    here = ("nasframe", *TOYS, "executor=serial", f"evaluator.mood={mood}", "dir=it")
    done = toy(*here)
    assert (done.returncode, done.stderr) == (130, "")
    assert "Ended: interrupted. 2 trials" in done.stdout
    assert toy(*here, "trials=2").returncode == 2


def test_the_configuration_is_printed_and_nothing_runs(toy: Shell) -> None:
    done = toy("nasframe", *TOYS, "meters=[toy]", "meters.toy.threads=3", "--cfg", "job")
    assert done.returncode == 0
    assert "trials: null" in done.stdout
    assert "threads: 3" in done.stdout
    assert toy.files() == set()


def test_options_of_files_are_checked_like_all_others(toy: Shell) -> None:
    folder = toy.cwd / "conf" / "controller"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("defaults: [toy, _self_]\nlr: 3\n")
    (folder / "wrong.yaml").write_text("lr: 3\n")
    done = toy("nasframe", *TOYS, "controller=mine", "-cd", "conf", "--cfg", "job")
    assert "lr: 3.0" in done.stdout
    done = toy("nasframe", *TOYS, "controller=wrong", "-cd", "conf")
    assert done.returncode == 2
    assert "lr" in done.stderr


def test_a_sweep_compares_and_tells_what_failed(toy: Shell) -> None:
    args = ("-m", *TOYS, "trials=2", "dir=it", "seed=1,2")
    done = toy("nasframe", *args, "search_space.width=5,0")
    assert done.returncode == 1
    good, bad = done.stdout.splitlines(), done.stderr.splitlines()
    assert "seed=1" in good[0]
    assert "reward 0.2000 after 2 trials" in good[0]
    assert good[2] == "The studies in it, the best first:"
    assert [line.split()[:2] for line in good[3:]] == [["reward", "0.3000"], ["reward", "0.2000"]]
    assert "+seed-2+" in good[3]
    assert "+seed-1+" in good[4]
    assert bad[2] == "nasframe: 2 failed:"
    assert all("search_space.width=0: must be at least 1" in line for line in bad[3:5])
    folders = sorted(path.name for path in (toy.cwd / "it").iterdir() if path.is_dir())
    assert len(folders) == 4
    assert all("seed-" in name and "trials" not in name for name in folders)
    folder = next(path for path in (toy.cwd / "it").glob("*width-5+*seed-1*"))
    first, *_ = (folder / "journal.jsonl").read_text().splitlines()
    assert json.loads(first)["config"]["seed"] == 1

    again = toy("nasframe", *args, "search_space.width=5")
    assert (again.returncode, again.stderr) == (0, "")


def test_a_sweep_over_options_takes_settings_that_the_default_one_lacks(toy: Shell) -> None:
    words = ("-m", "trials=1", "dir=it", *(word for word in TOYS if "controller" not in word))
    done = toy("nasframe", *words, "controller=toy,toy_fast", "controller.lr=3", "hydra.verbose=x")
    assert (done.returncode, done.stderr) == (0, "")
    folders = sorted(path.name for path in (toy.cwd / "it").iterdir() if path.is_dir())
    assert len(folders) == 2
    assert all("controller.lr-3" in name for name in folders)
    wrong = toy("nasframe", *words, "controller=toy,toy_fast", "controller.rl=3")
    assert wrong.returncode == 2
    assert "toy_fast has no rl; did you mean lr?" in wrong.stderr


def test_ctrl_c_ends_a_whole_sweep(toy: Shell) -> None:
    here = ("-m", *TOYS, "executor=serial", "seed=0,1", "dir=it")
    done = toy("nasframe", *here, "evaluator.mood=INTERRUPT")
    assert done.returncode == 130
    assert len(list((toy.cwd / "it").glob("*seed*"))) == 1


def test_a_launchers_worker_finds_the_task_by_its_name() -> None:
    assert pickle.loads(pickle.dumps(search._task)) is search._task


def test_a_setting_that_hydra_cannot_check_is_blamed_on_its_plugin(toy: Shell) -> None:
    source = TOY.replace("width: int = setting(5, least=1)", "width: Callable[[], int] = int")
    distribution(toy.path, "odd", {"odd": "odd_plugin"}, odd_plugin=source.replace('"toy', '"odd'))
    done = toy("nasframe", "--cfg", "job")
    assert done.returncode == 2
    assert done.stderr.startswith("nasframe: plugin 'odd': search_space=odd: ")
    assert "NASFRAME_BLOCK=odd" in done.stderr


def test_a_broken_plugin_is_named_and_can_be_left_out(toy: Shell) -> None:
    distribution(toy.path, "broken", {"bad": "bad_plugin"}, bad_plugin="import no_such_module")
    done = toy("nasframe", *TOYS, "trials=1")
    assert (done.returncode, done.stdout, toy.files()) == (2, "", set())
    first, second = done.stderr.splitlines()
    assert first.startswith("nasframe: plugin 'bad' (broken 1.0) fails to import: ModuleNotFound")
    assert "NASFRAME_BLOCK=bad" in second
    assert toy("nasframe", *TOYS, "trials=1", NASFRAME_BLOCK="bad").returncode == 0


def test_help_lists_every_option_with_who_gives_it(toy: Shell) -> None:
    done = toy("nasframe", *TOYS, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert (
        "    toy_fast                Counts through the architectures. This preset sets lr=0.5. "
        in (done.stdout)
    )
    for group in ("search_space", "task", "controller", "objective", "evaluator", "meters"):
        assert any(line.startswith(f"  {group}=") for line in lines)
    assert "[toy, toy_plugin]" in done.stdout
    assert "[rl, nasframe]" in done.stdout
    assert "the number of trials; null for no limit, or for 30 without" in done.stdout


def test_a_reader_of_help_may_leave(toy: Shell) -> None:
    with toy.start("nasframe", "--help") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # before there is anything to read
        assert (process.wait(60), process.stderr.read()) == (0, "")


def test_the_examples_of_help_compose(toy: Shell) -> None:
    _, _, section = help.SEARCH_HEAD.partition("Examples\n")
    lines = [line.strip().split("   ")[0] for line in section.splitlines() if " -m " not in line]
    assert len(lines) == 5
    for line in lines:
        words = shlex.split(line.replace("--cfg job", ""))
        done = toy(*words, "--cfg", "job", "experiment=quick")
        assert (done.returncode, done.stderr) == (0, "")
    assert "dir: runs/${now:%Y-%m-%d_%H-%M-%S}" in done.stdout
    assert "trials: 8" in done.stdout


def complete(toy: Shell, line: str) -> list[str]:
    done = toy("nasframe", "-sc", "query=bash", COMP_LINE=line, COMP_POINT=str(len(line)))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_completion_knows_third_party_options_and_settings(toy: Shell) -> None:
    assert complete(toy, "nasframe controller=to") == ["controller=toy", "controller=toy_fast"]
    line = "nasframe " + " ".join(TOYS)
    assert complete(toy, f"{line} search_space.") == ["search_space.width="]


@given(st.text(), st.text())
def test_folder_names_are_safe_and_differ(one: str, other: str) -> None:
    name = hydra_app.folder_name(f"key-{one}")
    assert "/" not in name
    assert len(name.encode()) < 140
    assert (hydra_app.folder_name(f"key-{other}") == name) == (one == other)
