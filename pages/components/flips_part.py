"""Playground, Flips: over a split, where one checkpoint is right and another is not, and how often they agree."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from pages.components.checkpoint_picker import Chosen
from pages.components.example_rows import browse_examples
from pages.components.judging_figures import agreement_figure
from pages.components.live_chart import live_chart
from pages.components.run_table import table_height
from pages.components.session import format_count, format_share, plain
from pages.components.split_answers import Answered, answers_for, choose_split
from trainer_core.judging import agreement, flips
from trainer_core.language import gettext as _
from trainer_core.store import Store

_FIRST, _SECOND, _NEITHER = "first", "second", "neither"


def show_flips(store: Store, chosen: Sequence[Chosen]) -> None:
    """The first checkpoint against one beside it; the agreement of all."""
    if len(chosen) < 2:
        st.info(
            _("Choose a second checkpoint under “Beside it”: here stand the examples on which one is right and the other is not."),
            icon=":material/compare_arrows:",
        )
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        found = choose_split(chosen[0])
        if found is None:
            return
        names = {one.key: one.name for one in chosen[1:]}
        key = next(iter(names))
        if len(names) > 1:
            key = st.selectbox(_("Against"), list(names), format_func=names.__getitem__, key="playground/flips-with", width=300)
    answered = answers_for(store, chosen, *found)
    if answered is None:
        return
    first, second = answered[0], next(one for one in answered if one.chosen.key == key)
    left, right = st.columns(2, gap="large")
    with left:
        _draw_counts(first, second)
    with right:
        _draw_agreement(answered)
    _draw_flips(first, second)


def _draw_counts(first: Answered, second: Answered) -> None:
    rights = [one.winners == one.labels for one in (first, second)]
    table = pd.DataFrame(
        {
            _("A: {name}").format(name=first.chosen.name): [_("right"), _("wrong")],
            _("B right"): [int(np.sum(rights[0] & rights[1])), int(np.sum(~rights[0] & rights[1]))],
            _("B wrong"): [int(np.sum(rights[0] & ~rights[1])), int(np.sum(~rights[0] & ~rights[1]))],
        }
    )
    st.markdown(_("B: **{name}**").format(name=plain(second.chosen.name)))
    st.dataframe(table, hide_index=True, height=table_height(2), alt=_("Rows on which A and B are right or wrong"))
    st.caption(
        _("A is right on {first}, B on {second} of {rows} rows.").format(
            first=format_share(rights[0].mean()), second=format_share(rights[1].mean()), rows=format_count(len(first.labels))
        )
    )


def _draw_agreement(answered: Sequence[Answered]) -> None:
    shares = agreement([one.winners for one in answered])
    if len(answered) == 2:
        st.metric(_("They say the same on"), format_share(shares[0, 1]), help=_("Of all rows of the split, whether right or not."))
        return
    st.markdown(_("**How often they say the same**"))
    figure = agreement_figure(shares, [one.chosen.name for one in answered])
    live_chart(figure, key="agreement", height=90 + 44 * len(answered), name="agreement")


def _draw_flips(first: Answered, second: Answered) -> None:
    found = flips(first.labels, (first.winners, second.winners), (first.sure, second.sure))
    rows = {_FIRST: found.first_right, _SECOND: found.second_right, _NEITHER: found.both_wrong}
    words = {_FIRST: _("A right, B wrong"), _SECOND: _("A wrong, B right"), _NEITHER: _("both wrong, differently")}
    kind = st.segmented_control(
        _("Flips"),
        list(words),
        default=_FIRST if len(found.first_right) or not len(found.second_right) else _SECOND,
        required=True,
        format_func=lambda kind: f"{words[kind]} ({format_count(len(rows[kind]))})",
        key="playground/flips-kind",
    )
    chosen = rows[str(kind)]
    if not len(chosen):
        st.caption(_("None on this split."))
        return
    names = first.names
    columns: dict[str, list[Any]] = {_("True label"): [names[int(label)] for label in first.labels[chosen]]}
    for letter, one in (("A", first), ("B", second)):
        winners, sure = one.winners[chosen], one.sure[chosen]
        columns[letter] = [
            f"{'✓' if winner == label else '✕'} {names[int(winner)]} · {format_share(share, 0)}"
            for winner, label, share in zip(winners, one.labels[chosen], sure, strict=True)
        ]
    browse_examples(first.data, first.split, chosen, columns, f"playground/flips/{kind}", _("Examples on which they differ"))
