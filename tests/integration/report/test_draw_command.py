"""The command of reports draws networks of a study."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from throwaway import shell


def test_the_command_draws_trials_and_tokens(tmp_path: Path) -> None:
    run_ = shell(tmp_path)
    words = ("search_space=nasbench201", "evaluator=nasbench201", "controller=random", "trials=3")
    run_("nasframe", *words, "dir=it")
    for which in ("1", "3-3-1-0-2-4"):
        done = run_("nasframe-report", "it", "--draw", which)
        assert (done.returncode, done.stdout) == (0, f"Picture: it/architecture-{which}.svg\n")
        ElementTree.parse(run_.cwd / "it" / f"architecture-{which}.svg")
    done = run_("nasframe-report", "it", "--draw", "2", "--picture", "here.svg")
    assert done.returncode == 0
    assert (run_.cwd / "here.svg").is_file()
    for which, reason in {
        "99": "it has no trial 99",
        "a-b": "must be a trial's number, or tokens as 3-0-1",
        "9-9-9-9-9-9": "--draw 9-9-9-9-9-9: ",
    }.items():
        done = run_("nasframe-report", "it", "--draw", which)
        assert done.returncode == 2
        assert reason in done.stderr
        assert done.stderr.count("\n") == 1
