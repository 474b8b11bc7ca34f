"""The part Model of the Train page: what learns, how large it is, and what keeps it from being loaded."""

from pathlib import Path

import streamlit as st

from pages.components.dataset_look import DataLook
from pages.components.hub_part import draw_hub
from pages.components.param_form import Form, draw_field
from pages.components.session import format_bytes, format_count, plain
from trainer_core import jobs
from trainer_core.config import PICTURES, TEXTS, TrainConfig
from trainer_core.errors import ConfigError, ModelError
from trainer_core.language import Words, language, mark, ngettext
from trainer_core.language import gettext as _
from trainer_core.settings import SETTINGS, build_config
from trainer_core.store import Store
from trainer_core.tasks.model_source import check_model
from trainer_core.tasks.parameter_count import (
    architecture,
    checkpoint_bytes,
    count_parameters,
    count_small_gpt,
    count_stored,
    disk_bytes,
)
from trainer_core.tasks.seen_texts import TextPreview

_NETWORKS = Words({"feed_forward": mark("Feed-forward net"), "cnn": mark("Small CNN"), "small_gpt": mark("Small GPT")})


def model_problem(form: Form) -> dict[str, str]:
    """What keeps the model from being loaded, at its field: no such folder, weights that could run code, or no network."""
    if "model" in form.problems:
        return {}
    folder = Path(form.values["model"]).expanduser()
    try:
        state = tuple(sorted((path.name, path.stat().st_mtime_ns) for path in folder.iterdir())[:50]) if folder.is_dir() else ()
    except OSError:
        state = ()
    sentence = _problem(form.values["task"], form.values["model"], state, language())
    return {} if sentence is None else {"model": sentence}


# Kept for a moment only: a network or a download may be there soon.
@st.cache_data(max_entries=32, ttl=20, show_spinner=False)
def _problem(task: str, model: str, state: tuple[tuple[str, int], ...], spoken: str) -> str | None:  # noqa: ARG001 - the cache's key
    try:
        check_model(build_config({"task": task, "model": model}))
    except ConfigError:
        return None  # the form says it itself
    except ModelError as error:
        return str(error)
    return None


def draw_model(form: Form, look: DataLook, preview: TextPreview | None) -> None:
    """The field, and beside it the kind of model, its layers, and how many parameters it has."""
    left, right = st.columns([3, 2], gap="medium", vertical_alignment="center")
    with left:
        draw_field(form, "model")
        if form.texts["task"] in TEXTS:
            draw_hub()
    with right:
        st.markdown(_describe(form, look, preview))


def trained_parameters(config: TrainConfig, look: DataLook, preview: TextPreview | None) -> int | None:
    """How many numbers a run would train and save, where that is known; None for an adapter, whose checkpoints are small."""
    if look.summary is None or config.adapter != "none":
        return None
    if config.task in PICTURES:
        shape = look.summary.image_shape
        return None if shape is None else count_parameters(config, shape, len(look.summary.label_names))
    if config.model == "small_gpt":
        return None if preview is None else count_small_gpt(config, preview.vocabulary, len(look.summary.label_names))
    return count_stored(config.model)


def warn_of_room(store: Store, config: TrainConfig, look: DataLook, preview: TextPreview | None) -> None:
    """Says before a launch that the run's checkpoints will not fit on the disk."""
    parameters = trained_parameters(config, look, preview)
    if parameters is None:
        return
    each, needed, free = checkpoint_bytes(config, parameters), disk_bytes(config, parameters), jobs.free_bytes(store)
    if needed > free:
        fit = ngettext("{count} fits", "{count} fit", free // each).format(count=format_count(free // each))
        st.warning(
            _(
                "A checkpoint of this model takes about {each}, and up to {needed} are needed at once; {free} are free: {fit}. "
                "Free some space (Runs, Disk), keep fewer checkpoints, or train an adapter."
            ).format(each=format_bytes(each), needed=format_bytes(needed), free=format_bytes(free), fit=fit),
            icon=":material/hard_drive:",
        )


def _describe(form: Form, look: DataLook, preview: TextPreview | None) -> str:
    try:
        chosen = {
            name: form.values[name] for name, setting in SETTINGS.items() if setting.group in ("Model", "Adapter") or name == "task"
        }
        config = build_config(chosen)
    except ConfigError:
        config = None
    name = _NETWORKS.get(form.texts["model"], plain(form.texts["model"]))
    unknown = _("{network}. Its size is known once data and sizes are right.").format(network=name)
    if "model" in form.problems:
        return _("{network}. Its size is known once it can be read.").format(network=name)
    if config is None:
        return unknown
    if config.task not in PICTURES:
        return _describe_text_model(config, look, preview)
    if look.summary is None or look.summary.image_shape is None:
        return unknown
    shape, classes = look.summary.image_shape, len(look.summary.label_names)
    return _("{network} **{layers}** · {count} parameters, from scratch").format(
        network=name,
        layers=plain(architecture(config, shape, classes)),
        count=format_count(count_parameters(config, shape, classes)),
    )


def _describe_text_model(config: TrainConfig, look: DataLook, preview: TextPreview | None) -> str:
    if config.model == "small_gpt":
        words = _("Small GPT **{layers} × {width}**, {heads} heads").format(
            layers=config.layers, width=format_count(config.width), heads=config.heads
        )
        if preview is None or look.summary is None:
            return _("{model}, from scratch").format(model=words)
        count = count_small_gpt(config, preview.vocabulary, len(look.summary.label_names))
        return _("{model} · {count} parameters, from scratch · {tokens} tokens in its vocabulary").format(
            model=words, count=format_count(count), tokens=format_count(preview.vocabulary)
        )
    folder = Path(config.model).expanduser()
    name = _("**{model}** from a folder") if folder.is_dir() else _("**{model}** from the hub")
    parts = [name.format(model=plain(folder.name if folder.is_dir() else config.model))]
    stored = count_stored(config.model)
    if stored is not None:
        parts.append(_("{count} parameters").format(count=format_count(stored)))
    trained = {
        "none": _("all of its weights are trained"),
        "lora": _("its weights stay as they are, an adapter of rank {rank} is trained"),
        "qlora": _("its weights are kept in 4 bits, an adapter of rank {rank} is trained"),
    }[config.adapter]
    return " · ".join([*parts, trained.format(rank=config.lora_rank)])
