"""What a recipe says of a search space: settings of which the core knows no name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small import SPACE, search
from throwaway import shell

from nasframe import NasframeError, RecipeConfig, RetrainConfig, option, retrain
from nasframe.registry.serialization import translate_names


def config(study: Path, folder: Path, space: Any, **recipe: Any) -> RetrainConfig:
    return RetrainConfig(
        study=study,
        search_space=space,
        task=option("task", "digits"),
        recipe=RecipeConfig(epochs=1, **recipe),
        dir=folder,
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("study") / "it"
    search(folder)
    return folder


def test_a_null_is_nothing() -> None:
    recipe = RecipeConfig(search_space={"drop_path_keep": None, "dropout": 0.5})
    assert recipe.search_space == {"dropout": 0.5}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"drop_path": 0.5}, r"recipe.search_space.drop_path=0.5: this search space has no such"),
        ({"drop_path_keep": "half"}, r"drop_path_keep is 'half'"),
        ({"drop_path_keep": 2.0}, r"drop_path_keep=2.0: must be at most 1"),
    ],
)
def test_a_wrong_setting_is_a_line(
    given: dict[str, Any], words: str, study: Path, tmp_path: Path
) -> None:
    wrong = config(study, tmp_path / "it", SPACE, search_space=given)
    with pytest.raises(NasframeError, match=words) as caught:
        retrain(wrong, lambda line: None)
    assert str(caught.value).count("\n") <= 1
    assert not (tmp_path / "it").exists()


def test_settings_of_older_folders_are_read() -> None:
    recipe = {"type": "nasframe:RecipeConfig", "lr": 0.1}
    old = {"recipe": {**recipe, "drop_path_keep": 0.6, "auxiliary": None}, "seed": 0}
    assert translate_names(old) == {
        "recipe": {**recipe, "search_space": {"drop_path_keep": 0.6}},
        "seed": 0,
    }


def test_a_retraining_of_an_older_version_is_resumed(study: Path, tmp_path: Path) -> None:
    settings = config(study, tmp_path / "it", SPACE, search_space={"drop_path_keep": 0.5})
    first = retrain(settings, lambda line: None)
    path = tmp_path / "it" / "retrain.json"
    stored = json.loads(path.read_text())
    assert stored["config"]["recipe"].pop("search_space") == {"drop_path_keep": 0.5}
    stored["config"]["recipe"] |= {"drop_path_keep": 0.5, "auxiliary": None, "dropout": None}
    path.write_text(json.dumps(stored))
    again = config(study, tmp_path / "it", SPACE, search_space={"drop_path_keep": 0.5})
    assert retrain(again, lambda line: None).metrics == first.metrics
    other = config(study, tmp_path / "it", SPACE, search_space={"drop_path_keep": 0.25})
    with pytest.raises(NasframeError, match="recipe.search_space.drop_path_keep was 0.5, is now"):
        retrain(other, lambda line: None)


def test_the_command_line_sets_what_the_recipe_says_of_the_space(
    study: Path, tmp_path: Path
) -> None:
    run = shell(tmp_path)
    words = (f"study={study}", "recipe.epochs=1", "recipe.search_space.drop_path_keep=0.5")
    for more, kept in (((), 0.5), (("search_space.drop_path_keep=0.75",), 0.75)):
        name = f"dir=it{len(more)}"
        done = run("nasframe-retrain", *words[: 3 - len(more)], *more, name)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        about = json.loads((run.cwd / name[4:] / "network.json").read_text())
        assert about["search_space"]["drop_path_keep"] == kept
    shown = run("nasframe-retrain", "--help").stdout
    assert "recipe.search_space={}" in shown


def test_points_are_said_by_the_objective() -> None:
    settings: dict[str, Any]
    for name, settings, wanted in (
        ("accuracy", {}, True),
        ("accuracy", {"power": 3.0}, False),
        ("accuracy", {"max_parameters": 9.0}, True),
        ("accuracy", {"metric": "val_map_50"}, False),
        ("perplexity", {}, False),
    ):
        assert option("objective", name, **settings).build().in_points is wanted
