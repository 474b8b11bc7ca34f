"""The part Data of the Train page: what will be learnt from, as the model sees it."""

import streamlit as st

from pages.components.dataset_look import DataLook, drawn_back, examples_of
from pages.components.formats import short_path
from pages.components.own_data import offer_saved
from pages.components.param_form import Form, draw_field
from pages.components.prediction_chart import LABEL_BARS_PIXELS, label_bars
from pages.components.session import format_count, plain
from pages.components.text_data import draw_texts
from trainer_core.data import DataSummary, ImageData, TextData, as_the_model_sees
from trainer_core.language import Words, listed, mark
from trainer_core.language import gettext as _
from trainer_core.settings import format_number
from trainer_core.store import Store
from trainer_core.tasks.seen_texts import TextPreview

_EXAMPLES = 10
_SPLITS = Words({"train": mark("training"), "validation": mark("validation"), "test": mark("test")})


def draw_data(store: Store, form: Form, look: DataLook) -> TextPreview | None:
    """Name, rows a split, label balance and examples; where the data can't be read, the field says why.

    Returns what was found out about texts, where the tokens are there.
    """
    left, right = st.columns([3, 2], gap="medium")
    with left:
        draw_field(form, "dataset")
        offer_saved(store, form)
        if look.summary:
            _draw_summary(look.summary, form)
        elif look.error is None:
            st.info(
                _("{dataset} is not on this machine yet: the run downloads it first. Its examples can be seen then.").format(
                    dataset=plain(form.texts["dataset"])
                ),
                icon=":material/cloud_download:",
            )
    if look.summary and look.data and look.summary.label_names:
        with right:
            st.caption(_("Training rows by label"))
            counts = look.summary.label_counts["train"]
            labels = look.summary.label_names
            pairs = listed(f"{label}: {format_count(count)}" for label, count in zip(labels, counts, strict=True))
            with st.container(height=LABEL_BARS_PIXELS, border=False):  # keeps its place while the chart loads
                st.plotly_chart(
                    label_bars(labels, counts),
                    key="train/labels",
                    height=LABEL_BARS_PIXELS,
                    config={"displayModeBar": False},
                    alt=_("Training rows by label. {pairs}").format(pairs=pairs),
                )
    if look.summary and isinstance(look.data, TextData):
        return draw_texts(form, look.data)
    if look.summary and isinstance(look.data, ImageData):
        _draw_pictures(form, look.data)
    return None


def _draw_summary(summary: DataSummary, form: Form) -> None:
    rows = " · ".join(f"**{format_count(count)}** {_SPLITS[split]}" for split, count in summary.rows.items())
    st.markdown(_("{rows} rows").format(rows=rows))
    source = _("{name}, made here") if summary.synthetic else _("{name} from {source}")
    parts = [source.format(name=plain(summary.name), source=plain(short_path(summary.source)))]
    if summary.image_shape is not None:
        height, width = summary.image_shape
        parts.append(_("{width} × {height} pixels").format(width=width, height=height))
    if summary.label_names:
        parts.append(_("{classes} classes").format(classes=len(summary.label_names)))
    st.caption(" · ".join(parts))
    for note in summary.notes:
        st.warning(plain(note), icon=":material/warning:")
    if summary.synthetic:
        st.badge(_("synthetic: written by a grammar, not by people"), icon=":material/science:", color="orange")
    if form.texts["evaluation_split"] == "test":
        st.caption(_(":material/info: Evaluated on the test split during training, as the course does."))


def _draw_pictures(form: Form, data: ImageData) -> None:
    try:
        mean, std = float(form.values["input_mean"]), float(form.values["input_std"])
    except ValueError:
        return
    if {"input_mean", "input_std"} & form.problems.keys():
        return
    train = data.splits["train"]
    rows = examples_of(data, "train", _EXAMPLES)
    seen = as_the_model_sees(train.images[rows], mean, std)
    st.caption(
        _("As the model sees them: the mean taken off, divided by the standard deviation; pixels from {least} to {most}").format(
            least=format_number(round(float(seen.min()), 2)), most=format_number(round(float(seen.max()), 2))
        )
    )
    with st.container(horizontal=True, gap="small"):
        for picture, row in zip(seen, rows, strict=True):
            label = data.label_names[int(train.labels[row])]
            alt = _("Example of {label}").format(label=label)
            st.image(drawn_back(picture, mean, std), caption=plain(label), width=64, alt=alt)
