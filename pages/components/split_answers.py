"""What checkpoints answer for a whole split: read where it is kept, else computed in a process of its own, with a bar."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.components.address import read_choice, write_choice
from pages.components.checkpoint_picker import Chosen
from pages.components.dataset_look import look_at_data
from pages.components.session import format_count, plain, show_error
from pages.components.work_progress import begin, is_going_on, take_result
from trainer_core.answers import answers_of_evaluation, read_answers
from trainer_core.data import Data
from trainer_core.data.labels import same_classes
from trainer_core.decisions import decide, read_threshold
from trainer_core.errors import CheckpointError
from trainer_core.language import gettext as _
from trainer_core.store import Store
from trainer_core.tracking import tags

_WORK, _ASKED = "playground/split-work", "playground/split-asked"


@dataclass(frozen=True)
class Answered:
    """A checkpoint's answers for a split: `labels` are the true classes [rows], `probabilities` float32 [rows, classes] in the
    order of `names`, `threshold` the checkpoint's own."""

    chosen: Chosen
    data: Data
    split: str
    names: tuple[str, ...]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    threshold: float | None

    @property
    def winners(self) -> NDArray[np.int64]:
        """The classes said, [rows]."""
        return decide(self.probabilities, self.threshold)

    @property
    def sure(self) -> NDArray[np.float32]:
        """The probability of the class said, [rows]."""
        return np.asarray(self.probabilities[np.arange(len(self.labels)), self.winners])


def choose_split(chosen: Chosen) -> tuple[Data, str] | None:
    """The data that the first checkpoint learnt from, and the split to look at; None where they can't be read."""
    config = chosen.checkpoint.config()
    with st.skeleton(60):
        look = look_at_data(config.model_dump())
    if look.error:
        show_error(look.error)
        st.caption(_("The data that this run was trained on can't be read now. Try works without it."))
        return None
    if look.data is None:
        st.info(_("{dataset} is not on this machine. Try works without it.").format(dataset=plain(config.dataset)))
        return None
    names = [name for name in ("validation", "test", "train") if name in look.data.splits and len(look.data.splits[name])]
    if config.evaluation_split in names:
        names = [config.evaluation_split, *(name for name in names if name != config.evaluation_split)]
    read_choice("split", names)
    split = st.segmented_control(
        _("Split"),
        names,
        format_func=lambda name: f"{_(name)} ({format_count(len(look.data.splits[name]))})",  # type: ignore[union-attr]
        key="split",
        required=True,
        on_change=write_choice,
        args=("split", names),
        help=_("Rows with labels. On the training split a model is better than on what it never saw."),
    )
    return look.data, str(split)


def answers_for(store: Store, chosen: Sequence[Chosen], data: Data, split: str) -> list[Answered] | None:
    """What each checkpoint answers for the split; None while it is computed, when a bar is drawn, and where it can't be."""
    found = [_kept(store, one, data, split) for one in chosen]
    missing = [one for one, answered in zip(chosen, found, strict=True) if answered is None]
    asked = {
        "do": "split",
        "of": [chosen[0].run.run_id, chosen[0].checkpoint.step],
        "split": split,
        "asked": [[one.run.run_id, one.checkpoint.step] for one in missing],
    }
    if not missing:
        return [answered for answered in found if answered is not None]
    if is_going_on(_WORK) and st.session_state.get(_ASKED) != asked:
        begin(store, _WORK, asked, package="inference.batch")  # another question takes the place of the one before
        st.session_state[_ASKED] = asked
    work = take_result(_WORK)
    if work is not None and work.error:
        show_error(CheckpointError(work.error))
    elif work is not None:
        st.rerun()
    elif is_going_on(_WORK):
        return None
    elif st.session_state.get(_ASKED) != asked:
        st.session_state[_ASKED] = asked
        begin(store, _WORK, asked, package="inference.batch")
        take_result(_WORK)
        return None
    words = _("Answer the {rows} rows of the {split} split").format(rows=format_count(len(data.splits[split])), split=_(split))  # type: ignore[index]
    if st.button(words, type="primary", icon=":material/play_arrow:", key="playground/split-start"):
        st.session_state.pop(_ASKED, None)
        st.rerun()
    return None


def _kept(store: Store, one: Chosen, data: Data, split: str) -> Answered | None:
    rows = data.splits[split]  # type: ignore[index]
    checkpoint = one.checkpoint
    answers = read_answers(store, checkpoint, data.digest, split, len(rows))
    if answers is None and split == one.run.tags.get(tags.EVALUATED_ON) and data.digest == one.run.tags.get(tags.DATASET_DIGEST):
        answers = answers_of_evaluation(store, checkpoint, _ids(data.digest, split, data))
    order = None if answers is None else same_classes(answers.names, data.label_names)
    if answers is None or order is None:
        return None
    return Answered(
        one,
        data,
        split,
        data.label_names,
        np.asarray(rows.labels, dtype=np.int64),
        np.ascontiguousarray(answers.probabilities[:, order]),
        read_threshold(checkpoint.path) if order == sorted(order) else None,
    )


@st.cache_data(max_entries=4, ttl=3600, show_spinner=False)
def _ids(digest: str, split: str, _data: Data) -> list[str]:  # noqa: ARG001 - part of the cache's key
    rows = _data.splits[split]  # type: ignore[index]
    return [rows.example_id(row) for row in range(len(rows))]
