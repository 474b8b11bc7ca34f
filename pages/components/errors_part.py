"""Playground, Where it errs: the confusion matrix of a split, figures of each class, and the examples of a cell."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from pages.components.checkpoint_picker import Chosen
from pages.components.example_rows import browse_examples
from pages.components.formats import per_cent_format
from pages.components.judging_figures import confusion_figure, difference_figure
from pages.components.live_chart import live_chart
from pages.components.run_table import table_height
from pages.components.session import format_count, format_share, plain
from pages.components.split_answers import Answered, answers_for, choose_split
from trainer_core.judging import by_class, confusion, mistakes
from trainer_core.language import gettext as _
from trainer_core.language import pgettext
from trainer_core.store import Store

_TRUE, _SAID, _WITH = "playground/cell-true", "playground/cell-said", "playground/errors-with"
_ANY, _NONE = -1, ""


def show_errors(store: Store, chosen: Sequence[Chosen]) -> None:
    """The first checkpoint's mistakes, and against another one's where one stands beside it."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        found = choose_split(chosen[0])
        if found is None:
            return
        other = _choose_other(chosen) if len(chosen) > 1 else None
    answered = answers_for(store, [chosen[0], *([other] if other else [])], *found)
    if answered is None:
        return
    first = answered[0]
    kinds = {"count": _("Rows"), "share": _("Share of each true label")}
    if len(answered) > 1:
        kinds["difference"] = _("Difference")
    left, right = st.columns([11, 10], gap="large")
    with left:
        st.markdown(_accuracy(first))
        kind = st.segmented_control(
            _("Cells show"),
            list(kinds),
            format_func=kinds.__getitem__,
            default="count",
            required=True,
            key=f"playground/cells-{len(kinds)}",
            label_visibility="collapsed",
        )
        counts = [confusion(one.labels, one.winners, len(one.names)) for one in answered]
        if kind == "difference":
            figure = difference_figure(counts[0], counts[1], first.names)
        else:
            figure = confusion_figure(counts[0], first.names, by_row=kind == "share")
        size = min(620, 130 + max(44, 300 // len(first.names)) * len(first.names))
        state = live_chart(figure, key="confusion", height=size, report_picks="click", name=_("confusion matrix"))
        if state.picked:
            true, _comma, said = state.picked[0].partition(",")
            st.session_state[_TRUE], st.session_state[_SAID] = int(true), int(said)
        hint = _("A click on a cell shows its examples below.")
        if kind == "difference":
            hint = _("Rows that it has more than {name} in each cell. {hint}").format(
                name=plain(answered[1].chosen.name), hint=hint
            )
        st.caption(hint)
    with right:
        st.markdown(_("**Each class**"))
        _draw_classes(answered)
    _draw_cell(first)


def _choose_other(chosen: Sequence[Chosen]) -> Chosen | None:
    names = {one.key: one.name for one in chosen[1:]}
    key = st.selectbox(
        _("Against"), [_NONE, *names], format_func=lambda key: names.get(key, _("none")), key=_WITH, index=1, width=300
    )
    return next((one for one in chosen[1:] if one.key == key), None)


def _accuracy(answered: Answered) -> str:
    wrong = int((answered.winners != answered.labels).sum())
    rows = len(answered.labels)
    words = _("**{name}** errs on **{wrong}** of {rows} rows: {share} are right.").format(
        name=plain(answered.chosen.name), wrong=format_count(wrong), rows=format_count(rows), share=format_share(1 - wrong / rows)
    )
    if answered.threshold is not None:
        words += " " + _("It says {label} from {share} on, the threshold kept with it.").format(
            label=plain(answered.names[1]), share=format_share(answered.threshold)
        )
    return words


def _draw_classes(answered: Sequence[Answered]) -> None:
    first = answered[0]
    table = by_class(first.labels, first.winners, first.names)
    shown = pd.DataFrame({_("Class"): table["label"], _("Rows"): table["rows"]})
    titles = {"precision": pgettext("metric", "Precision"), "recall": _("Recall"), "f1": _("F1")}
    for name, title in titles.items():
        shown[title] = 100 * table[name]
    if len(answered) > 1:
        other = by_class(answered[1].labels, answered[1].winners, first.names)
        shown[_("F1, change")] = 100 * (table["f1"] - other["f1"])
    config = {title: st.column_config.NumberColumn(format=per_cent_format(1)) for title in titles.values()}
    config[_("F1, change")] = st.column_config.NumberColumn(format="%+.1f", help=_("In points, against the other checkpoint."))
    st.dataframe(
        shown,
        hide_index=True,
        height=table_height(len(shown), 14),
        column_config=config,
        alt=_("Precision, recall and F1 of each class"),
    )
    st.caption(
        _("Precision: of what it called so, the part that is. Recall: of what is so, the part that it found. F1 balances both.")
    )


def _draw_cell(answered: Answered) -> None:
    options = [_ANY, *range(len(answered.names))]
    for key in (_TRUE, _SAID):
        if st.session_state.get(key) not in options:
            st.session_state[key] = _ANY

    def word(option: int) -> str:
        return _("any") if option == _ANY else answered.names[option]

    st.markdown(_("#### Examples"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        true = st.selectbox(_("True label"), options, format_func=word, key=_TRUE, width=200)
        said = st.selectbox(_("It says"), options, format_func=word, key=_SAID, width=200)
    sure = answered.sure
    rows = mistakes(answered.labels, answered.winners, sure, None if true == _ANY else true, None if said == _ANY else said)
    if not len(rows):
        st.caption(_("No row of the split is there."))
        return
    words = _("{count} mistakes, those it is surest of first.") if true == said == _ANY else _("{count} rows, the surest first.")
    st.caption(words.format(count=format_count(len(rows))))
    names = answered.names
    columns: dict[str, list[Any]] = {
        _("True label"): [names[int(label)] for label in answered.labels[rows]],
        _("It says"): [names[int(winner)] for winner in answered.winners[rows]],
        _("Sure"): [100 * float(share) for share in sure[rows]],
    }
    browse_examples(
        answered.data, answered.split, rows, columns, f"playground/cell/{true}-{said}", _("Examples, and what the checkpoint says")
    )
