"""The rows whose label is doubted: training rows are changed together, rows that judge one by one."""

import base64
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal

import pandas as pd
import streamlit as st

from pages.components.data_header import WORKING
from pages.components.dataset_look import enlarged
from pages.components.formats import format_count, per_cent_format, plain
from pages.components.work_progress import begin
from trainer_core.data.corrections import method_words
from trainer_core.data.label_errors import DoubtedRow, Doubts
from trainer_core.data.record import Record, Step
from trainer_core.data.squares import picture_of
from trainer_core.language import gettext as _
from trainer_core.language import ngettext
from trainer_core.store import Store

_ASKED, _ALL = "data/doubt-asked", "data/doubt-all"
_TABLE_PIXELS = 420
_WEAK = 0.9
"""Below it a model errs more often than labels do: agreeing with 70 % of some reviews, it doubts a quarter of them to find
58 % of the twentieth that is wrong."""


def draw_training_rows(
    store: Store, record: Record, doubts: Doubts, rows: Sequence[DoubtedRow], examples: pd.DataFrame, may_change: bool
) -> None:
    """All doubted training rows; those that are chosen are changed together, once that was asked and confirmed."""
    if not may_change:
        _table(rows, examples, None)
        return
    everything = st.session_state.get(_ALL, 0)
    chosen = [
        rows[place]
        for place in _table(
            rows, examples, "multi-row", key=f"{record.digest}-{everything}", default=range(len(rows)) if everything % 2 else ()
        )
    ]
    with st.container(horizontal=True, vertical_alignment="center"):
        words = _("{chosen} of {rows} chosen").format(chosen=format_count(len(chosen)), rows=format_count(len(rows)))
        st.caption(words, width="content")
        st.button(
            _("Choose none") if everything % 2 else _("Choose all"),
            key="data/doubt-choose",
            icon=":material/select_all:",
            on_click=lambda: st.session_state.update({_ALL: everything + 1, _ASKED: None}),
        )
        for name, title, icon in (
            ("correct", _("Give them the suggested labels …"), ":material/edit:"),
            ("remove", _("Take them out …"), ":material/delete:"),
        ):
            if st.button(title, key=f"data/doubt-{name}", icon=icon, disabled=not chosen):
                st.session_state[_ASKED] = (name, record.reference, tuple(row.row for row in chosen))
    _confirm(store, record, doubts, chosen)


def _confirm(store: Store, record: Record, doubts: Doubts, chosen: Sequence[DoubtedRow]) -> None:
    """What will be done, to which rows, before it is done; another choice asks anew."""
    name, reference, numbers = st.session_state.get(_ASKED) or ("", "", ())
    if not name or reference != record.reference or numbers != tuple(row.row for row in chosen):
        st.session_state.pop(_ASKED, None)
        return
    count, who = format_count(len(chosen)), plain(method_words(doubts.doubted_by, doubts.folds))
    with st.container(border=True, key="doubt-confirm"):
        if name == "correct":
            st.markdown(
                ngettext(
                    "**{count} training row of {dataset} gets the label that {who} suggests:**",
                    "**{count} training rows of {dataset} get the labels that {who} suggests:**",
                    len(chosen),
                ).format(count=count, dataset=plain(record.reference), who=who)
            )
            changes = Counter((row.label, row.answer) for row in chosen).most_common()
            st.markdown("\n".join(f"- {plain(label)} → {plain(answer)}: {format_count(rows)}" for (label, answer), rows in changes))
            step, title = doubts.correction(chosen), _("Change {count} labels")
        else:
            st.markdown(
                ngettext(
                    "**{count} training row of {dataset} is taken out:**",
                    "**{count} training rows of {dataset} are taken out:**",
                    len(chosen),
                ).format(count=count, dataset=plain(record.reference))
            )
            labels = Counter(row.label for row in chosen).most_common()
            st.markdown("\n".join(f"- {plain(label)}: {format_count(rows)}" for label, rows in labels))
            step, title = doubts.removal(chosen), _("Take out {count} rows")
        if doubts.agreement < _WEAK:
            st.warning(
                _(
                    "{who} agrees with only {share:.0%} of the labels, so many that it doubts are right. Change those that you "
                    "have read."
                ).format(who=who, share=doubts.agreement),
                icon=":material/warning:",
            )
        st.caption(
            _("Validation and test rows stay as they are. A new version is made; {dataset} stays, and Undo brings it back.").format(
                dataset=plain(record.reference)
            )
        )
        with st.container(horizontal=True):
            if st.button(title.format(count=count), key="data/doubt-do", type="primary", icon=":material/check:"):
                _do(store, record, step)
            if st.button(_("Cancel"), key="data/doubt-cancel"):
                st.session_state.pop(_ASKED, None)
                st.rerun()


def draw_judging_rows(
    store: Store, record: Record, doubts: Doubts, rows: Sequence[DoubtedRow], examples: pd.DataFrame, newest: bool
) -> None:
    """All doubted rows that judge a run; the one that is chosen is shown whole, and changed by itself."""
    st.caption(
        _(
            "Models are judged by these rows, so they are changed one by one, each read: an answer of the model that is judged "
            "is no reason by itself. Choose a row to read it."
        )
    )
    places = _table(rows, examples, "single-row", key=f"{record.digest}-{doubts.doubted_by}")
    if not places:
        return
    row = rows[places[0]]
    whole = examples[examples["row"].to_numpy() == row.row].iloc[0]
    with st.container(border=True, key="doubt-row"):
        st.markdown(
            _("Row **{row}** ({split}) is labelled **{label}**; {who} says **{answer}** ({share:.0%}).").format(
                row=format_count(row.row),
                split=_(row.split),
                label=plain(row.label),
                who=plain(doubts.doubted_by),
                answer=plain(row.answer),
                share=row.share,
            )
        )
        if "image" in examples:
            st.image(enlarged(picture_of(whole["image"]), 224), width=160, alt=_("Picture of {label}").format(label=row.label))
        else:
            st.text(str(whole["text"]) + (f"\n\n{whole['pair']}" if "pair" in examples else ""))
        if not newest:
            return
        st.caption(_("Runs on the version that this makes are measured on other labels than runs before it."))
        with st.container(horizontal=True):
            if st.button(
                _("It is {label}: change this label").format(label=plain(row.answer)), key="data/doubt-row", icon=":material/edit:"
            ):
                _do(store, record, doubts.correction([row]))
            if st.button(_("Take this row out"), key="data/doubt-row-out", icon=":material/delete:"):
                _do(store, record, doubts.removal([row]))


def _do(store: Store, record: Record, step: Step) -> None:
    st.session_state.pop(_ASKED, None)
    st.session_state.pop(_ALL, None)
    begin(store, WORKING, {"do": "fix", "reference": record.reference, "step": asdict(step)})
    st.rerun()


def _table(
    rows: Sequence[DoubtedRow],
    examples: pd.DataFrame,
    mode: Literal["single-row", "multi-row"] | None,
    key: str = "",
    default: Sequence[int] | range = (),
) -> list[int]:
    """All rows in one table that scrolls; the places of those that are chosen."""
    shown: dict[str, Any] = {
        _("Row"): [row.row for row in rows],
        _("Label"): [row.label for row in rows],
        _("Suggested"): [row.answer for row in rows],
        _("Confidence"): [100 * row.share for row in rows],
    }
    pictures = "image" in examples
    if pictures:
        png_of = dict(zip(examples["row"].tolist(), examples["image"].tolist(), strict=True))
        shown = {_("Picture"): [f"data:image/png;base64,{base64.b64encode(png_of[row.row]).decode()}" for row in rows], **shown}
    else:
        shown[_("Text")] = [row.text for row in rows]
    height = 52 if pictures else 36
    config: dict[str, Any] = {
        _("Row"): st.column_config.NumberColumn(
            help=_("Its number in the source, from 0, training rows first"), width=70, format="%d"
        ),
        _("Confidence"): st.column_config.NumberColumn(
            help=_("What the model gives to the label that it suggests"), format=per_cent_format(0), width=95
        ),
        _("Picture"): st.column_config.ImageColumn(width=70),
        _("Text"): st.column_config.TextColumn(width=700),
    }
    alt = ngettext("{count} row whose label is doubted", "{count} rows whose label is doubted", len(rows)).format(count=len(rows))
    frame, pixels = pd.DataFrame(shown), min(height * len(rows) + 38, _TABLE_PIXELS)
    if mode is None:
        st.dataframe(frame, hide_index=True, height=pixels, row_height=height, column_config=config, alt=alt)
        return []
    state = st.dataframe(
        frame,
        hide_index=True,
        height=pixels,
        row_height=height,
        column_config=config,
        alt=alt,
        key=f"data/doubted-{mode}-{key}-{len(rows)}",
        on_select="rerun",
        selection_mode=mode,
        selection_default={"selection": {"rows": list(default)}},
    )
    return [int(place) for place in state["selection"]["rows"] if place < len(rows)]
