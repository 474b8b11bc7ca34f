"""The declaration of hyperparameters: every field speaks, reads back and is checked."""

import pytest

from trainer_core.config import TrainConfig
from trainer_core.errors import ConfigError, TrainerError
from trainer_core.recipes import RECIPES, Recipe, find_recipe
from trainer_core.settings import SETTINGS, build_config, differences, format_number, from_params, to_params


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_has_a_face_for_people(name: str) -> None:
    setting = SETTINGS[name]
    assert setting.label
    assert setting.help.endswith(".")
    assert setting.accepted()
    assert name == "name" or setting.group


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_a_config_comes_back_from_its_params_unchanged(recipe: object) -> None:
    config = recipe.config  # type: ignore[attr-defined]
    assert build_config(from_params(to_params(config))) == config
    assert build_config(to_params(config)) == config


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_six_settings_are_for_beginners(recipe: Recipe) -> None:
    values = to_params(recipe.config)
    assert sorted(setting.basic for setting in SETTINGS.values() if setting.basic and setting.is_shown(values)) == [
        1,
        2,
        3,
        4,
        5,
        6,
    ]


def test_all_problems_are_told_at_once_each_at_its_field() -> None:
    with pytest.raises(ConfigError) as caught:
        build_config({"learning_rate": "0", "epochs": "many", "batch_size": "0", "optimizer": "sgdd", "hidden_sizes": "64,x"})
    assert set(caught.value.problems) == {"learning_rate", "epochs", "batch_size", "optimizer", "hidden_sizes"}
    assert caught.value.problems["learning_rate"] == "Learning rate (learning_rate) is “0”; it takes a number, above 0."
    assert "adamw" in caught.value.problems["optimizer"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", "nan"),
        ("learning_rate", "inf"),
        ("learning_rate", "-1"),
        ("dropout", "1"),
        ("batch_size", "2.5"),
        ("batch_size", "1e99"),
        ("hidden_sizes", "0"),
        ("hidden_sizes", "99999999"),
        ("max_steps", "0"),
        ("seed", "-1"),
        ("name", "x" * 201),
        ("nonsense", "1"),
    ],
)
def test_what_is_out_of_bounds_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_config({name: value})
    assert name in caught.value.problems
    assert name in caught.value.problems[name]


def test_shares_that_leave_nothing_to_train_on_are_refused() -> None:
    with pytest.raises(ConfigError, match="nothing is left"):
        build_config({"validation_share": 0.5, "test_share": 0.5})
    assert build_config({"validation_share": 0.5, "test_share": 0.5, "evaluation_split": "test"})


def test_numbers_are_written_as_people_write_them() -> None:
    written = [format_number(number) for number in (2e-5, 1e-3, 0.01, 0.03, 0.1307, 1.0, 1e9, 1e-8, 64.0)]
    assert written == ["2e-5", "1e-3", "0.01", "0.03", "0.1307", "1", "1e9", "1e-8", "64"]


def test_old_runs_open_though_settings_came_and_went() -> None:
    values = from_params({"learning_rate": "0.01", "retired_setting": "7", "epochs": "many"})
    assert values == {"learning_rate": 0.01, "retired_setting": "7", "epochs": "many"}


def test_differences_name_only_what_differs() -> None:
    base = TrainConfig()
    assert differences(base.model_copy(update={"epochs": 7, "name": "mine"}), base) == {"epochs": (5, 7)}


def test_an_unknown_recipe_names_the_nearest() -> None:
    with pytest.raises(TrainerError, match=r"digits, mnist, .*\. Did you mean digits\?"):
        find_recipe("digit")
