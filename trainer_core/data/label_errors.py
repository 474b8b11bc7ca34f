"""Likely wrong labels, by what a run answered for rows it did not train on.

Confident learning (Northcutt et al. 2021), by cleanlab.
"""

import numpy as np
import pandas as pd

from trainer_core.data.findings import SHOWN_ROWS, Fix, FoundRow, Problem
from trainer_core.data.found_rows import SHOWN_CHARACTERS
from trainer_core.data.record import Step
from trainer_core.language import gettext as _

_LEAST_ROWS = 20


def likely_wrong(examples: pd.DataFrame, predictions: pd.DataFrame, ids: dict[str, int], run: str) -> Problem | None:
    """The rows whose label the run doubts, the least believed first; None where it doubts none.

    Args:
        examples: The saved version's examples.
        predictions: What the run answered: `example_id`, `label` and `probability_NAME` columns.
        ids: The row number (the column `row`) of each example id.
        run: The run's name, for the words.
    """
    known = predictions[predictions["example_id"].isin(list(ids))]
    names = [name.removeprefix("probability_") for name in map(str, known) if name.startswith("probability_")]
    if len(known) < _LEAST_ROWS or len(names) < 2:
        return None
    from cleanlab.filter import find_label_issues

    given = np.array([names.index(label) for label in known["label"]], dtype=np.int64)
    shares = known[[f"probability_{name}" for name in names]].to_numpy(dtype=np.float64)
    shares = shares / shares.sum(axis=1, keepdims=True)
    doubted = find_label_issues(given, shares, return_indices_ranked_by="self_confidence", n_jobs=1)
    if not len(doubted):
        return None
    by_row = examples.set_index("row")
    rows: list[FoundRow] = []
    better: dict[str, str] = {}
    for index in doubted:
        row = ids[str(known["example_id"].iloc[index])]
        if row not in by_row.index:
            continue  # taken out since
        answer = names[int(shares[index].argmax())]
        better[str(row)] = answer
        if len(rows) < SHOWN_ROWS:
            found = by_row.loc[row]
            note = _("{run} says {answer}, {share:.0%}; {own:.0%} for the label").format(
                run=run, answer=answer, share=shares[index].max(), own=shares[index][given[index]]
            )
            text = str(found["text"])[:SHOWN_CHARACTERS] if "text" in examples else ""
            rows.append(FoundRow(row, str(found["split"]), str(found["label"]), text, note))
    if not better:
        return None
    return Problem(
        "label_errors",
        _("Likely wrong labels"),
        _("{run} did not train on these rows and is sure of another label. Read them: the run may be wrong.").format(run=run),
        len(better),
        tuple(rows),
        (
            Fix(_("Give them the run's labels"), Step("set_labels", {"labels": better})),
            Fix(_("Take them out"), Step("drop_rows", {"rows": sorted(map(int, better))})),
        ),
    )
