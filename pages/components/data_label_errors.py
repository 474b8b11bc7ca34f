"""Likely wrong labels: training rows are doubted by a baseline in folds, the rows that judge a run by that run's answers."""

from collections.abc import Sequence

import streamlit as st

from pages.components.data_contents import read_version
from pages.components.data_doubted_rows import draw_judging_rows, draw_training_rows
from pages.components.data_header import WORKING
from pages.components.formats import format_count, plain
from pages.components.run_facts import evaluated_on
from pages.components.session import show_error
from pages.components.work_progress import begin, is_going_on, take_result
from trainer_core.data.corrections import method_words
from trainer_core.data.label_errors import Doubts
from trainer_core.data.record import Record
from trainer_core.errors import DataError
from trainer_core.language import gettext as _
from trainer_core.language import listed, ngettext
from trainer_core.store import Store
from trainer_core.tracking.read import RunRecord, list_runs

DOUBTING, DOUBTED = "data/doubting", "data/doubted"
_FOLDS = ""
"""Stands for the baseline among the ids of runs."""


def draw_label_errors(store: Store, record: Record, newest: bool) -> None:
    """Choose who doubts; see the labels that are doubted, and mend them."""
    if not record.label_names:
        st.caption(_("Labels are doubted where the task is to tell classes apart."))
        return
    runs = {run.run_id: run for run in list_runs(store) if _is_on(run, record) and run.state == "finished"}
    _choose(store, record, runs)
    work = take_result(DOUBTING)
    if work is not None and work.error:
        show_error(DataError(work.error))
        st.session_state.pop(DOUBTED, None)
    elif work is not None and work.answer is not None:
        st.session_state[DOUBTED] |= {"doubts": work.answer["doubts"]}
    found = st.session_state.get(DOUBTED)
    if is_going_on(DOUBTING) or not found or found["name"] != record.name or "doubts" not in found:
        return
    _show(store, record, Doubts.from_json(found["doubts"]), newest)


def _choose(store: Store, record: Record, runs: dict[str, RunRecord]) -> None:
    def words(run_id: str) -> str:
        if run_id == _FOLDS:
            return _("Training rows, by a baseline in 5 folds")
        return _("{split} rows, by {run}").format(split=_(evaluated_on(runs[run_id])).capitalize(), run=runs[run_id].name)

    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            _("Which labels to doubt"),
            [_FOLDS, *runs],
            format_func=words,
            key="data/doubt-run",
            width=420,
            help=_("Labels are only ever doubted by a model that did not train on their rows."),
        )
        if st.button(_("Look for wrong labels"), icon=":material/balance:", key="data/doubt"):
            request = {"do": "doubt", "reference": record.reference}
            if chosen != _FOLDS:
                request |= {"run_id": chosen, "run_name": runs[chosen].name}
            begin(store, DOUBTING, request)
            st.session_state[DOUBTED] = {"name": record.name}
    if chosen == _FOLDS:
        how = _(
            "Training rows are dealt into 5 folds, copies into one, and each fold is answered by the stronger baseline, trained on "
            "the other four."
        )
        st.caption(how if runs else how + " " + _("Rows of validation and test are doubted by a finished run."))


def _show(store: Store, record: Record, doubts: Doubts, newest: bool) -> None:
    who, split = plain(method_words(doubts.doubted_by, doubts.folds)), _(doubts.split)
    examples = read_version(store, str(store.root), record.reference, record.digest)
    rows = doubts.that_still_hold(examples)
    if doubts.left_out:
        st.caption(
            ngettext(
                "{count} row of {split} is not weighed: without a label or content, of too rare a class, or changed since.",
                "{count} rows of {split} are not weighed: without a label or content, of too rare a class, or changed since.",
                doubts.left_out,
            ).format(count=format_count(doubts.left_out), split=split)
        )
    if not doubts.rows:
        st.success(
            _("{who} doubts none of the {rows} labels of {split}.").format(who=who, rows=format_count(doubts.weighed), split=split),
            icon=":material/check_circle:",
        )
        return
    st.markdown(
        _(
            "**{count}** of {rows} labels of {split} are doubted by {who}, which did not train on these rows. It agrees with "
            "{share:.0%} of the labels: the fewer, the more often it is itself wrong. Read them."
        ).format(
            share=doubts.agreement, count=format_count(len(doubts.rows)), rows=format_count(doubts.weighed), split=split, who=who
        )
    )
    if len(rows) < len(doubts.rows):
        st.caption(_("{count} of them are changed or taken out.").format(count=format_count(len(doubts.rows) - len(rows))))
    if not rows:
        return
    if not doubts.folds:
        draw_judging_rows(store, record, doubts, rows, examples, newest)
        return
    missing = [split for split in ("validation", "test") if split not in record.rows]
    if missing and newest:
        _offer_splits(store, record, missing)
    draw_training_rows(store, record, doubts, rows, examples, newest and not missing)


def _offer_splits(store: Store, record: Record, missing: Sequence[str]) -> None:
    with st.container(border=True):
        st.markdown(
            _(
                ":material/info: There is no split {splits}: each launch draws it from these training rows, so a change here would "
                "reach rows that models are judged by. Draw it once and for all, then change what is left to train on."
            ).format(splits=listed(_(split) for split in missing))
        )
        if st.button(_("Draw what is missing"), icon=":material/call_split:", key="data/draw-missing"):
            step = {"do": "draw_missing_splits", "options": {}}
            begin(store, WORKING, {"do": "fix", "reference": record.reference, "step": step})
            st.rerun()


def _is_on(run: RunRecord, record: Record) -> bool:
    return str(run.settings.get("dataset", "")).partition("@")[0] == record.name
