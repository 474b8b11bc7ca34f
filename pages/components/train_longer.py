"""Train longer: a run that is over goes on from a checkpoint to more epochs, as one curve."""

import math

import streamlit as st

from pages.components.run_cards import attempt
from pages.components.session import format_count, plain
from trainer_core import jobs
from trainer_core.checkpoints import Checkpoint
from trainer_core.language import gettext as _
from trainer_core.store import Store
from trainer_core.tracking.read import RunRecord


def train_longer(store: Store, run: RunRecord, checkpoint: Checkpoint, label: str, key: str) -> None:
    """A popover with the number of epochs in total, and the button that goes on."""
    before = run.settings.get("epochs")
    epochs = before if isinstance(before, int) else math.ceil(checkpoint.epoch)
    least = math.floor(checkpoint.epoch) + 1
    with st.popover(label, icon=":material/fast_forward:", key=f"{key}-popover"):
        if run.settings.get("max_steps"):
            st.caption(
                _("The run ends after {steps} steps (Steps at most), whatever its epochs. Clone it into the form instead.").format(
                    steps=format_count(int(run.settings["max_steps"]))
                )
            )
            return
        total = st.number_input(
            _("Epochs in total"), least, 10_000, value=max(least, epochs + max(1, epochs // 2)), step=1, key=f"{key}-epochs"
        )
        st.caption(
            _("{done} are done. The run goes on as one curve; its learning rate follows the schedule of {total} epochs.").format(
                done=plain(f"{checkpoint.epoch:.4g}"), total=format_count(total)
            )
        )
        if st.button(_("Train to epoch {total}").format(total=format_count(total)), key=f"{key}-go", type="primary"):
            attempt(lambda: jobs.resume(store, run.run_id, checkpoint.step, int(total)))
