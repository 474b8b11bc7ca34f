"""Each step does what its name says, leaves what it was given alone, and refuses what can't be."""

from collections import Counter
from typing import Any

import pandas as pd
import pytest

from trainer_core.data.inspecting import find_rows, inspect
from trainer_core.data.record import Step
from trainer_core.data.steps import STEPS, apply, describe
from trainer_core.errors import DataError

SENTENCE = "the plot of this film is clever and the cast plays it very well indeed, scene by scene"


def examples(*rows: tuple[str, str, str], **more: list[str]) -> pd.DataFrame:
    """Rows of (split, text, label)."""
    table = pd.DataFrame(rows, columns=["split", "text", "label"]).assign(row=range(len(rows)), **more)
    return table


def done(table: pd.DataFrame, do: str, **options: Any) -> list[tuple[str, str, str]]:
    before = table.copy()
    made = apply(table, Step(do, options))
    assert table.equals(before)
    return list(made[["split", "text", "label"]].itertuples(index=False, name=None))


COPIES = examples(
    ("train", "Good film", "pos"),
    ("train", "good  FILM", "pos"),
    ("train", "Bad film", "neg"),
    ("train", "bad film", "pos"),
    ("train", "Seen in test", "pos"),
    ("validation", "seen in TEST", "pos"),
    ("test", "Seen in test", "pos"),
)


def test_of_duplicates_the_first_stays() -> None:
    assert [text for _split, text, _label in done(COPIES, "drop_duplicates")][:2] == ["Good film", "Bad film"]


def test_contradictions_go_or_get_the_commoner_label() -> None:
    assert "bad film" not in {text.lower() for _split, text, _label in done(COPIES, "drop_contradictions")}
    more = pd.concat([COPIES, examples(("train", "BAD film", "neg")).assign(row=7)], ignore_index=True)
    kept = done(more, "keep_common_label")
    assert {label for _split, text, label in kept if text.lower() == "bad film"} == {"neg"}
    tied = done(COPIES, "keep_common_label")
    assert "bad film" not in {text.lower() for _split, text, _label in tied}


def test_a_leak_goes_from_where_it_is_learned() -> None:
    kept = done(COPIES, "drop_leaks")
    assert [split for split, text, _label in kept if text.lower() == "seen in test"] == ["test"]


def test_near_copies_are_found_by_their_words() -> None:
    table = examples(
        ("train", SENTENCE, "pos"),
        ("train", SENTENCE + "!!", "pos"),
        ("train", SENTENCE.replace("scene by scene", "shot by scene"), "pos"),
        ("test", SENTENCE.replace("indeed", "in deed"), "pos"),
        ("test", "something else altogether stands in this row of the table", "neg"),
    )
    kinds = {problem.kind: problem for problem in inspect(table, "sequence_classification").problems}
    assert kinds["near_duplicate"].count == 2
    assert len(done(table, "drop_near_duplicates")) == 3
    assert [split for split, _text, _label in done(table, "drop_near_leaks")].count("test") == 2


def test_rows_go_by_length_language_label_and_number() -> None:
    table = examples(
        ("train", "", "a"),
        ("train", "Word", "A"),
        ("train", "这家酒店的服务非常好,房间也很干净", "b"),
        ("train", "A long text in plain English about a film that nobody needs", "b"),
        ("train", "Another long text in plain English about a film", ""),
    )
    assert len(done(table, "drop_empty")) == 4
    assert len(done(table, "drop_shorter", words=2)) == 3
    assert len(done(table, "drop_longer", characters=50)) == 4
    assert len(done(table, "drop_unlabelled")) == 4
    assert len(done(table, "keep_language", language="en")) == 4
    assert len(done(table, "drop_labels", labels=["b"])) == 3
    assert len(done(table, "drop_rows", rows=[0, 3])) == 3
    assert [label for *_rest, label in done(table, "set_labels", labels={"1": "b"})][1] == "b"
    assert [label for *_rest, label in done(table, "merge_labels")][:2] == ["A", "A"]
    assert [label for *_rest, label in done(table, "rename_labels", names={"b": "c"})][2:4] == ["c", "c"]
    assert len(done(table, "drop_not_numbers")) == 1


def drawn(rows: int = 100) -> pd.DataFrame:
    return examples(
        *(("train", f"text number {row} of many", "pos" if row % 4 else "neg") for row in range(rows)),
        who=[f"author {row // 5}" for row in range(rows)],
        part=["train" if row < 70 else "dev" if row < 85 else "Test" for row in range(rows)],
    )


def test_drawn_splits_keep_the_mixture_of_labels_and_are_the_same_again() -> None:
    first = done(drawn(), "draw_splits", validation_share=0.2, test_share=0.2)
    assert first == done(drawn(), "draw_splits", validation_share=0.2, test_share=0.2)
    assert first != done(drawn(), "draw_splits", validation_share=0.2, test_share=0.2, seed=1)
    assert Counter((split, label) for split, _text, label in first) == {
        ("train", "pos"): 45,
        ("train", "neg"): 15,
        ("validation", "pos"): 15,
        ("validation", "neg"): 5,
        ("test", "pos"): 15,
        ("test", "neg"): 5,
    }


def test_groups_stay_in_one_split() -> None:
    made = apply(drawn(), Step("draw_splits_by_group", {"column": "who", "validation_share": 0.2, "test_share": 0.2}))
    assert made.groupby("who")["split"].nunique().max() == 1
    assert made["split"].value_counts().to_dict() == {"train": 60, "validation": 20, "test": 20}


def test_a_column_says_the_split() -> None:
    made = apply(drawn(), Step("use_split_column", {"column": "part"}))
    assert made["split"].value_counts().to_dict() == {"train": 70, "validation": 15, "test": 15}
    assert list(made["split"].unique()) == ["train", "validation", "test"]


@pytest.mark.parametrize(
    ("do", "options", "sentence"),
    [
        ("no_such_step", {}, "There is no step “no_such_step”"),
        ("drop_shorter", {}, "was told wrongly"),
        ("drop_shorter", {"words": 0}, "words is “0”"),
        ("drop_longer", {"characters": 1}, "would leave no training rows"),
        ("draw_splits", {"validation_share": 0.6, "test_share": 0.6}, "add up to 1 or more"),
        ("draw_splits", {"test_share": -1}, "from 0 to below 0.9"),
        ("draw_splits_by_group", {"column": "nobody"}, "There is no column “nobody”; there are text, label, who, part"),
        ("use_split_column", {"column": "who"}, "says “author 0”, which is no split"),
        ("rename_labels", {"names": {"x": "y"}}, "There is no label “x”"),
    ],
)
def test_what_can_not_be_done_is_said(do: str, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        apply(drawn(), Step(do, options))


def test_every_step_has_words() -> None:
    for name in STEPS:
        assert describe(Step(name)) != name


def test_an_inspection_names_all_that_is_wrong_and_survives_json() -> None:
    import json

    from trainer_core.data.findings import Inspection

    table = pd.concat(
        [
            COPIES,
            examples(
                ("train", "", "pos"),
                ("train", "Word", "Pos "),
                ("train", "x" * 5_000, "pos"),
                ("train", "no label here", ""),
                ("train", "a rare thing here", "rare"),
            ),
        ],
        ignore_index=True,
    ).assign(row=range(12))
    found = inspect(table, "sequence_classification", "x@1")
    kinds = {problem.kind for problem in found.problems}
    wanted = {"leak", "contradiction", "duplicate", "empty", "one_word", "long", "unlabelled", "label_variants", "label_missing"}
    assert wanted <= kinds
    assert Inspection.from_json(json.loads(json.dumps(found.to_json()))) == found
    for problem in found.problems:
        assert problem.count >= len(problem.rows)
        for fix in problem.fixes:
            assert fix.step.do in STEPS


def test_rows_are_found_by_words_label_and_split() -> None:
    assert find_rows(COPIES, "film GOOD")[0] == 2
    assert find_rows(COPIES, "", label="neg")[0] == 1
    count, rows = find_rows(COPIES, "seen", split="test")
    assert (count, rows[0].text) == (1, "Seen in test")
