"""A table of the user's own as a search space, and its rows as metrics."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import toy_study

from nasframe import (
    Architecture,
    Context,
    Evaluator,
    NasframeError,
    SearchSpace,
    option,
    run,
)

ANYWHERE = Context(Path(), "cpu", 0, lambda epoch, metrics: True, lambda: False)
TEXT = """\
depth, op, acc, note, size
10, conv, 0.75, a, 5
2, conv, 0.5, b, 3
2, pool, 0.25, "c, d", 2
"""
COLUMNS: dict[str, Any] = {
    "depth": [10, 2, 2],
    "op": np.array([b"conv", b"conv", b"pool"]),
    "acc": [0.75, 0.5, 0.25],
    "note": ["a", "b", "c, d"],
    "size": [5, 3, 2],
    "pictures": np.zeros((3, 4, 4)),
}
CHOICES = ["depth", "op"]


def space(path: Path, choices: list[str] | None = None) -> SearchSpace:
    result = option("search_space", "table", path=path, choices=choices or CHOICES).build()
    assert isinstance(result, SearchSpace)
    return result


def table(of: SearchSpace) -> Evaluator:
    evaluator = option("evaluator", "table").build(of, None)
    assert isinstance(evaluator, Evaluator)
    return evaluator


@pytest.fixture(params=["table.csv", "table.npz"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / str(request.param)
    if path.suffix == ".csv":
        path.write_text(TEXT, encoding="utf-8-sig")
    else:
        np.savez_compressed(path, **COLUMNS)
    return path


def test_columns_become_choices_and_metrics(file: Path) -> None:
    of = space(file)
    options = {choice.name: choice.options for choice in of.choices}
    assert options == {"depth": (2, 10), "op": ("conv", "pool")}
    evaluator = table(of)
    assert evaluator.provides == ("acc", "size")
    assert evaluator.evaluate(Architecture((1, 0)), ANYWHERE) == {"acc": 0.75, "size": 5}
    assert evaluator.evaluate(Architecture((0, 1)), ANYWHERE) == {"acc": 0.25, "size": 2}
    with pytest.raises(LookupError, match="table.* has no row with depth=10, op=pool"):
        evaluator.evaluate(Architecture((1, 1)), ANYWHERE)


def test_a_missing_row_is_a_failed_trial(file: Path, tmp_path: Path) -> None:
    study = toy_study(
        tmp_path / "study",
        search_space=option("search_space", "table", path=file, choices=CHOICES),
        controller=option("controller", "random"),
        objective=option("objective", "accuracy", metric="acc"),
        evaluator=option("evaluator", "table"),
    )
    result = run(study)
    told = {t.architecture.tokens: t for t in result.trials if t.duplicate_of is None}
    assert len(told) == 4, "every architecture was tried"
    assert {tokens: trial.reward for tokens, trial in told.items()} == {
        (0, 0): 0.5,
        (0, 1): 0.25,
        (1, 0): 0.75,
        (1, 1): None,
    }
    assert told[1, 1].error == f"LookupError: {file} has no row with depth=10, op=pool"


def test_an_empty_cell_is_a_failed_trial_and_no_text(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,val_accuracy\n0,\n1,0.5\n\n")
    study = toy_study(
        tmp_path / "study",
        search_space=option("search_space", "table", path=tmp_path / "t.csv", choices=["a"]),
        controller=option("controller", "random"),
        objective=option("objective", "accuracy"),
        evaluator=option("evaluator", "table"),
    )
    errors = {trial.architecture.tokens: trial.error for trial in run(study).trials}
    assert errors == {(0,): "val_accuracy is nan, which is not a finite number", (1,): None}


words = st.text("abcdefghijklm", min_size=1, max_size=3)
numbers = st.floats(-1e6, 1e6)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.tuples(words, st.integers(-9, 9), numbers), numbers, min_size=1))
def test_each_row_is_found_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, rows: dict[tuple[str, int, float], float]
) -> None:
    folder = tmp_path_factory.mktemp("table")
    names = ["word", "count", "share"]
    data = [(*key, value) for key, value in rows.items()]
    with (folder / "t.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([[*names, "score"], *data])
    columns: dict[str, Any] = {
        name: list(column)
        for name, column in zip([*names, "score"], zip(*data, strict=True), strict=True)
    }
    np.savez(folder / "t.npz", **columns)
    for path in (folder / "t.csv", folder / "t.npz"):
        of = space(path, names)
        for choice, values in zip(of.choices, zip(*rows, strict=True), strict=True):
            assert choice.options == tuple(sorted(set(values)))
        evaluator = table(of)
        found = 0
        for tokens in np.ndindex(*(len(choice.options) for choice in of.choices)):
            key = tuple(c.options[t] for c, t in zip(of.choices, tokens, strict=True))
            if key in rows:
                assert evaluator.evaluate(Architecture(tokens), ANYWHERE) == {"score": rows[key]}
                found += 1
            else:
                with pytest.raises(LookupError):
                    evaluator.evaluate(Architecture(tokens), ANYWHERE)
        assert found == len(rows)


@pytest.mark.parametrize(
    ("text", "choices", "message"),
    [
        (TEXT, ["dept"], "t.csv has no column 'dept'; did you mean depth?"),
        (TEXT, ["op"], "t.csv: rows 1 and 2 both have op=conv"),
        (TEXT, ["op", "op"], "search_space.choices=['op', 'op']: must name columns of the table"),
        ("a,b\n1,2\n3\n", ["a"], "t.csv, line 3: has 1 values for 2 columns"),
        ("a,b,a\n1,2,3\n", ["a"], "t.csv: two columns have the same name in a,b,a"),
        ("a,b\n", ["a"], "t.csv: has no rows"),
        ("", ["a"], "t.csv: has no columns"),
        ("a,b\n1,2\n,3\n", ["a"], "t.csv: a is a choice, but row 2 has no value for it"),
    ],
)
def test_a_table_that_is_wrong(tmp_path: Path, text: str, choices: list[str], message: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(NasframeError) as caught:
        space(tmp_path / "t.csv", choices)
    assert message in str(caught.value)


def test_arrays_that_are_no_table(tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    with pytest.raises(NasframeError, match="t.npz: there is no such file"):
        space(path)
    np.savez(path, a=[1, 2], b=[1, 2, 3])
    with pytest.raises(NasframeError, match="b has 3 rows and a 2; they must be equally long"):
        space(path, ["a"])
    np.savez(path, a=np.array([{}, []], dtype=object))
    with pytest.raises(NasframeError, match="cannot be read: Object arrays cannot be loaded"):
        space(path, ["a"])
    path.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(NasframeError, match="t.npz: cannot be read: "):
        space(path)
    with pytest.raises(NasframeError, match="t.json: must be a .csv or an .npz file"):
        space(tmp_path / "t.json")


def test_a_table_has_no_networks(file: Path, tmp_path: Path) -> None:
    study = toy_study(
        tmp_path / "study",
        search_space=option("search_space", "table", path=file, choices=CHOICES),
        task=option("task", "digits"),
        controller=option("controller", "random"),
        objective=option("objective", "accuracy"),
        evaluator=option("evaluator", "train"),
    )
    with pytest.raises(NasframeError, match="no networks: use evaluator=table"):
        run(study)


def test_a_network_has_no_table() -> None:
    with pytest.raises(NasframeError, match="needs search_space=table, not NASNetSpace"):
        table(option("search_space", "nasnet_small").build())


def test_a_metric_that_is_no_column_is_named_before_the_first_trial(
    file: Path, tmp_path: Path
) -> None:
    study = toy_study(
        tmp_path / "study",
        search_space=option("search_space", "table", path=file, choices=CHOICES),
        objective=option("objective", "accuracy"),
        evaluator=option("evaluator", "table"),
    )
    with pytest.raises(NasframeError, match="needs val_accuracy, .* there is acc, size"):
        run(study)
    assert not (tmp_path / "study").exists()
