"""The form shows every setting, loses nothing that was typed, and names all problems at once."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from trainer_core.config import TEXTS, TrainConfig
from trainer_core.settings import SETTINGS, Setting, to_params

# Settings with one choice only are no question, and not asked.
ASKED = [name for name, setting in SETTINGS.items() if len(setting.choices) != 1]


def form_page() -> None:
    import streamlit as st

    from pages.components.param_form import param_form, read_form
    from trainer_core.config import TrainConfig

    form = read_form("form", TrainConfig(**st.session_state.get("base", {})))
    st.session_state["config"] = param_form(form)
    st.session_state["problems"] = dict(form.problems)
    st.session_state["changed"] = form.changed()


@pytest.fixture
def page() -> AppTest:
    app = AppTest.from_function(form_page, default_timeout=20)
    app.session_state["form/all"] = True
    return app


def field(app: AppTest, name: str) -> Any:
    """The field's widget, whatever its kind."""
    setting = SETTINGS[name]
    widgets = app.selectbox if setting.choices or setting.suggestions else app.text_input
    return widgets(key=f"form/{name}")


def other_value(setting: Setting) -> Any:
    """A valid value that is not the default."""
    fixed = {"dataset": "digits ", "model": "cnn", "width": 128, "heads": 2, "measures": ("mcc", "roc_auc")}
    if setting.name in fixed:
        return fixed[setting.name]
    if setting.choices:
        return next(choice for choice in setting.choices if choice != setting.default)
    if setting.is_sequence:
        return (7, 5) if setting.part is int else ("bad", "good")
    if setting.kind is str:
        return "other"
    if setting.kind is int:
        return max(setting.minimum or 0, 3 if setting.default != 3 else 4)
    return 0.25 if setting.default != 0.25 else 0.2


def where_shown(setting: Setting) -> dict[str, Any]:
    """Settings that make this one matter, and a model that goes with them."""
    values = conditions(setting)
    if setting.name == "task":
        values["task"] = "sequence_classification"
    if values.get("task") in TEXTS or values.get("model") == "small_gpt":
        adapted = "adapter" in (setting.name, *values)
        values = {"task": "label_token", "model": "some/model" if adapted else "small_gpt"} | values
    return values


def conditions(setting: Setting) -> dict[str, Any]:
    """What the setting hangs on, and what that hangs on."""
    values: dict[str, Any] = {}
    for other, wanted in setting.shown_if.items():
        values |= conditions(SETTINGS[other]) | {other: wanted[0]}
    return values


@pytest.mark.parametrize("name", ASKED)
def test_every_setting_appears_and_what_is_typed_comes_back_typed(page: AppTest, name: str) -> None:
    setting = SETTINGS[name]
    page.session_state["base"] = where_shown(setting)
    page.run()
    assert not page.exception
    value = other_value(setting)
    field(page, name).set_value(value if setting.choices else setting.format(value)).run()
    assert not page.exception
    config = page.session_state["config"]
    assert config is not None, page.session_state["problems"]
    assert getattr(config, name) == (value.strip() if isinstance(value, str) else value)
    assert setting.help.split(".")[0].replace("“", "")[:10] in field(page, name).help.replace("\\", "").replace("“", "")


def test_a_beginner_sees_six_settings_and_the_rest_behind_one_door() -> None:
    page = AppTest.from_function(form_page, default_timeout=20).run()
    (door,) = page.expander
    assert door.label == "All settings"
    behind = {widget.key for widget in (*door.text_input, *door.selectbox)}
    seen = {widget.key.removeprefix("form/") for widget in (*page.text_input, *page.selectbox) if widget.key not in behind}
    shown = {name for name, setting in SETTINGS.items() if setting.basic and setting.is_shown(to_params(TrainConfig()))}
    assert seen == shown
    assert len(seen) == 6


def test_a_setting_that_does_not_matter_is_hidden_and_keeps_what_was_typed(page: AppTest) -> None:
    page.session_state["base"] = {"optimizer": "momentum"}
    page.run()
    field(page, "momentum").set_value("0.5").run()
    field(page, "optimizer").set_value("adam").run()
    assert "form/momentum" not in [widget.key for widget in page.text_input]
    assert page.session_state["config"].momentum == 0.9
    field(page, "optimizer").set_value("momentum").run()
    assert field(page, "momentum").value == "0.5"
    assert page.session_state["config"].momentum == 0.5


def test_a_hidden_problem_does_not_stand_in_the_way(page: AppTest) -> None:
    page.session_state["base"] = {"optimizer": "momentum"}
    page.run()
    field(page, "momentum").set_value("much").run()
    assert page.session_state["config"] is None
    field(page, "optimizer").set_value("adam").run()
    assert page.session_state["config"] is not None


def test_all_problems_are_shown_at_once_and_nothing_typed_is_lost(page: AppTest) -> None:
    page.run()
    typed = {
        "epochs": "0",
        "learning_rate": "fast",
        "batch_size": "1.5",
        "dropout": "1",
        "hidden_sizes": "64,many",
        "eval_steps": "-2",
    }
    for name, text in typed.items():
        field(page, name).set_value(text)
    page.run()
    assert not page.exception
    assert page.session_state["config"] is None
    assert page.session_state["problems"].keys() == typed.keys()
    said = "\n".join(element.value for element in page.markdown).replace("\\", "")
    for name, text in typed.items():
        assert f"“{text}”" in said
        assert field(page, name).value == text


def test_a_problem_of_two_fields_together_is_said(page: AppTest) -> None:
    page.run()
    field(page, "validation_share").set_value("0.6")
    field(page, "test_share").set_value("0.6").run()
    assert page.session_state["config"] is None
    assert any("nothing is left to train on" in element.value for element in page.markdown)


def test_a_problem_opens_the_door_it_lies_behind() -> None:
    page = AppTest.from_function(form_page, default_timeout=20)
    page.session_state["form/dropout"] = "all"
    page.run()
    assert page.session_state["form/all"] is True


def test_a_changed_value_is_marked_and_has_a_way_back(page: AppTest) -> None:
    page.session_state["base"] = {"learning_rate": 0.01, "max_steps": None}
    page.run()
    assert not page.button
    field(page, "learning_rate").set_value("3e-2")
    field(page, "max_steps").set_value("50").run()
    assert page.session_state["changed"] == {"learning_rate": (0.01, "3e-2"), "max_steps": (None, "50")}
    assert field(page, "learning_rate").label == "● Learning rate"
    backs = {button.key: button.label.replace("\\", "") for button in page.button}
    assert backs == {"form/learning_rate/back": "back to 0.01", "form/max_steps/back": "back to no limit"}
    page.button(key="form/learning_rate/back").click().run()
    assert field(page, "learning_rate").value == "0.01"
    assert page.session_state["changed"].keys() == {"max_steps"}


def test_the_same_number_written_otherwise_is_no_change(page: AppTest) -> None:
    page.session_state["base"] = {"learning_rate": 0.01}
    page.run()
    field(page, "learning_rate").set_value("1e-2").run()
    assert page.session_state["changed"] == {}


def test_small_numbers_are_written_so_that_they_can_be_read(page: AppTest) -> None:
    page.session_state["base"] = {"learning_rate": 2e-5}
    page.run()
    assert field(page, "learning_rate").value == "2e-5"


def test_what_an_empty_field_means_stands_in_it(page: AppTest) -> None:
    page.run()
    assert field(page, "max_steps").placeholder == "no limit"
    assert page.session_state["config"] == TrainConfig()


def test_units_stand_at_the_label_unless_it_says_them(page: AppTest) -> None:
    page.run()
    assert field(page, "batch_size").label == "Batch size (rows)"
    assert field(page, "epochs").label == "Epochs"


def said(page: AppTest) -> str:
    return "\n".join(element.value for element in page.markdown).replace("\\", "")


def type_model(page: AppTest, model: str) -> None:
    """AppTest sends offered options only, so it is made to think that the model is one."""
    field(page, "model").options.append(model)
    field(page, "model").set_value(model).run()


def test_models_that_fit_the_task_are_offered_and_any_other_can_be_typed(page: AppTest) -> None:
    page.run()
    assert field(page, "model").options == ["feed_forward", "cnn"]
    assert field(page, "model").proto.accept_new_options
    field(page, "task").set_value("label_token").run()
    assert field(page, "model").options == ["feed_forward", "small_gpt", "gpt2"]
    type_model(page, "some/model")
    assert field(page, "model").options == ["some/model", "small_gpt", "gpt2"]
    assert page.session_state["config"].model == "some/model"


def test_a_task_of_texts_says_at_the_model_what_else_must_change_and_does_it_on_a_click(page: AppTest) -> None:
    page.run()
    field(page, "task").set_value("label_token").run()
    assert page.session_state["problems"].keys() == {"model"}
    assert "Model (model) is “feed_forward”, which does not do label_token" in said(page)
    page.button(key="form/model/remedy").click().run()
    assert page.session_state["config"].model == "small_gpt"
    field(page, "task").set_value("image_classification").run()
    assert "form/max_length" not in [widget.key for widget in page.text_input]
    page.button(key="form/model/remedy").click().run()
    assert page.session_state["config"] == TrainConfig()


def test_an_adapter_on_a_model_without_trained_weights_is_refused_at_its_field(page: AppTest) -> None:
    page.session_state["base"] = {"task": "label_token", "model": "small_gpt"}
    page.run()
    assert "Adapter" in [tab.label for tab in page.tabs]
    field(page, "adapter").set_value("lora").run()
    assert page.session_state["problems"].keys() == {"adapter"}
    assert "has no trained weights to adapt" in said(page)
    page.button(key="form/adapter/remedy").click().run()
    assert page.session_state["config"].adapter == "none"


def test_settings_of_an_adapter_are_hidden_with_the_adapter(page: AppTest) -> None:
    page.session_state["base"] = {"task": "label_token", "model": "some/model", "adapter": "lora"}
    page.run()
    assert field(page, "lora_rank").value == "8"
    type_model(page, "cnn")
    field(page, "task").set_value("image_classification").run()
    assert "form/lora_rank" not in [widget.key for widget in page.text_input]
    assert "Adapter" not in [tab.label for tab in page.tabs]
