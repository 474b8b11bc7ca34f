"""Playground, Calibration: whether probabilities can be taken at their word, and for two classes what a threshold costs."""

import streamlit as st

from pages.components.checkpoint_picker import Chosen
from pages.components.judging_figures import precision_figure, reliability_figure, roc_figure
from pages.components.live_chart import live_chart
from pages.components.session import format_count, format_share, plain, show_error
from pages.components.split_answers import Answered, answers_for, choose_split
from trainer_core.checkpoints import Checkpoint
from trainer_core.decisions import USUAL, drop_threshold, keep_threshold, read_threshold
from trainer_core.errors import TrainerError
from trainer_core.judging import at_threshold, best_threshold, reliability, two_class_curves
from trainer_core.language import gettext as _
from trainer_core.language import pgettext
from trainer_core.store import Store


def show_calibration(store: Store, chosen: Chosen) -> None:
    """The reliability diagram, and for two classes the threshold."""
    found = choose_split(chosen)
    if found is None:
        return
    answered = answers_for(store, [chosen], *found)
    if answered is None:
        return
    [one] = answered
    _draw_reliability(one)
    if len(one.names) == 2:
        _draw_threshold(one)


def _draw_reliability(answered: Answered) -> None:
    found = reliability(answered.labels, answered.probabilities)
    left, right = st.columns([11, 10], gap="large")
    with left:
        live_chart(reliability_figure(found), key="reliability", height=320, name=_("reliability diagram"))
    with right:
        st.metric(
            _("Expected calibration error"),
            format_share(found.error),
            help=_("How far sureness and truth lie apart on the average, over ten bins weighted by their rows."),
        )
        sure, right_share = float(answered.probabilities.max(axis=1).mean()), _right(answered)
        st.markdown(
            _("It is {sure} sure on the average, and right on {right} of {rows} rows.").format(
                sure=format_share(sure), right=format_share(right_share), rows=format_count(len(answered.labels))
            )
        )
        st.caption(_("A point on the dotted line: of answers that are so sure, that many are right. Below it, it is too sure."))


def _right(answered: Answered) -> float:
    return float((answered.probabilities.argmax(axis=1) == answered.labels).mean())


def _draw_threshold(answered: Answered) -> None:
    st.markdown(_("#### Threshold"))
    label, checkpoint = answered.names[1], answered.chosen.checkpoint
    if answered.chosen.checkpoint.label_names != answered.names:
        st.caption(_("The checkpoint has its classes in another order than the data: choose the data it learnt from."))
        return
    second = answered.probabilities[:, 1]
    curves = two_class_curves(answered.labels, second)
    if curves is None:
        st.caption(_("All rows of this split are of one class: there is nothing to weigh."))
        return
    key = f"playground/threshold/{answered.chosen.key}"
    if key not in st.session_state:
        st.session_state[key] = round(USUAL if answered.threshold is None else answered.threshold, 2)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        threshold = st.slider(
            _("It says {label} from this probability on").format(label=plain(label)), 0.0, 1.0, step=0.01, key=key, width="stretch"
        )
        st.button(
            _("Best F1"),
            key="playground/threshold-best",
            on_click=_put,
            args=(key, best_threshold(answered.labels, second)),
            help=_("The threshold with the best F1 of {label} on this split.").format(label=plain(label)),
        )
    _draw_costs(answered, threshold)
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(_("**ROC**, area {area}").format(area=f"{curves.roc_auc:.3f}"))
        live_chart(roc_figure(curves, label, threshold), key="roc", height=300, name=_("ROC curve"))
    with right:
        st.markdown(_("**Precision and recall**, average precision {area}").format(area=f"{curves.average_precision:.3f}"))
        live_chart(precision_figure(curves, label, threshold), key="precision", height=300, name=_("precision-recall curve"))
    _offer_to_keep(checkpoint, label, key)


def _draw_costs(answered: Answered, threshold: float) -> None:
    names, second = answered.names, answered.probabilities[:, 1]
    now, usual = (at_threshold(answered.labels, second, value) for value in (threshold, USUAL))
    shares = [
        (_("Accuracy"), now.accuracy, usual.accuracy),
        (pgettext("metric", "Precision"), now.precision, usual.precision),
        (_("Recall"), now.recall, usual.recall),
        (_("F1"), now.f1, usual.f1),
    ]
    counts = [
        (_("{first} called {second}").format(first=plain(names[0]), second=plain(names[1])), now.false_alarms, usual.false_alarms),
        (_("{second} called {first}").format(first=plain(names[0]), second=plain(names[1])), now.misses, usual.misses),
    ]
    with st.grid("auto", min_column_width=130):
        for title, value, before in shares:
            change = 100 * (value - before)
            st.metric(title, format_share(value), f"{change:+.1f}" if abs(change) >= 0.05 else None)
        for title, count, earlier in counts:
            st.metric(title, format_count(count), count - earlier or None, delta_color="inverse")
    words = _("Precision, recall and F1 are those of {label}.").format(label=plain(names[1]))
    if threshold != USUAL:
        words += " " + _("The small figures are the change against {usual}.").format(usual=format_share(USUAL, 0))
    st.caption(words)


def _offer_to_keep(checkpoint: Checkpoint, label: str, key: str) -> None:
    threshold = float(st.session_state[key])
    kept = read_threshold(checkpoint.path)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            _("Keep this threshold"),
            key="playground/threshold-keep",
            type="primary",
            icon=":material/bookmark:",
            disabled=kept is not None and abs(kept - threshold) < 1e-9,
            on_click=_keep,
            args=(checkpoint, key),
            help=_("From then on the checkpoint answers by it: here, for files, on the command line and in its zip."),
        )
        if kept is not None:
            st.button(
                _("Back to the likelier class"),
                key="playground/threshold-drop",
                icon=":material/undo:",
                on_click=drop_threshold,
                args=(checkpoint.path,),
            )
            st.caption(_("Kept: {label} from {share} on.").format(label=plain(label), share=format_share(kept, 0)))
    failed = st.session_state.pop("playground/threshold-failed", None)
    if failed is not None:
        show_error(failed)


def _keep(checkpoint: Checkpoint, key: str) -> None:
    try:
        keep_threshold(checkpoint.path, float(st.session_state[key]))  # where the slider stands now, not when the page was drawn
    except TrainerError as error:
        st.session_state["playground/threshold-failed"] = error


def _put(key: str, threshold: float) -> None:
    st.session_state[key] = min(1.0, max(0.0, round(threshold, 2)))
