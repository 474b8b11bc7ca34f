"""What a label is, and in which order classes stand."""

import math

import pandas as pd
import pytest

from trainer_core.data.examples import make_examples
from trainer_core.data.first_labels import misnamed
from trainer_core.data.inspecting import inspect
from trainer_core.data.label_steps import flag_columns
from trainer_core.data.labels import find_labels, number_classes, parts_of, same_classes, several_in_one
from trainer_core.data.record import Reading, Step
from trainer_core.data.steps import apply
from trainer_core.errors import DataError

READING = Reading("csv", "sequence_classification", "text", label_column="label")


@pytest.mark.parametrize(
    ("written", "names"),
    [
        (["10.0", "2.0", "0.0"], ("0.0", "2.0", "10.0")),
        (["1", "1.0", "1.0", "0"], ("0", "1.0")),
        ([1, 1.0, True], ("1", "true")),
        (["01", "1", "1.0"], ("01", "1", "1.0")),
        (["1.0", "1.00", "1"], ("1", "1.00")),
        (["a", "1.0", "1"], ("1", "1.0", "a")),
        (["TRUE", "True", "True", "false"], ("True", "false")),
        (["Pos", "pos"], ("Pos", "pos")),
        (["③", "①", "²", "Ⅳ", "٣"], ("²", "٣", "Ⅳ", "①", "③")),
        (["-1", "1", "0"], ("-1", "0", "1")),
        (["9" * 5_000, "10"], ("10", "9" * 5_000)),
        ([" x ", "x", "\u00a0x"], ("x",)),
        ([None, math.nan, "", "  ", "y"], ("y",)),
    ],
)
def test_classes_have_one_name_each_and_stand_in_order(written: list[object], names: tuple[str, ...]) -> None:
    assert find_labels(written).names == names


@pytest.mark.parametrize("word", ["nan", "NaN", "None", "none", "NULL", "null", "NA", "na"])
def test_words_for_a_missing_label_are_no_class_unless_they_are_a_tenth_of_the_rows_beside_words(word: str) -> None:
    for written, missing in (
        ([word] * 9 + ["a"] * 91, True),
        ([word] * 10 + ["a"] * 90, False),
        ([word] * 50 + ["1"] * 50, True),
        ([word] * 50 + ["true"] * 50, True),
        ([word] * 5, True),
    ):
        found = find_labels(written)
        assert found.words == {word: written.count(word)}
        assert found.words_missing is missing
        assert (word in found.names) is not missing
    assert word in find_labels([word, *"a" * 99], "class").names
    assert word not in find_labels([word, "a"], "missing").names


def test_names_that_were_given_go_by_label_then_by_number_then_by_order() -> None:
    def numbers(written: list[str], given: tuple[str, ...]) -> dict[str, int]:
        return dict(number_classes("it", find_labels(written), given).number_of)

    assert numbers(["0", "1"], ("neg", "pos")) == {"0": 0, "1": 1}
    assert numbers(["0.0", "1.0"], ("neg", "pos")) == {"0.0": 0, "1.0": 1}
    assert numbers(["0", "1"], ("1", "0")) == {"0": 1, "1": 0}
    assert numbers(["1", "2"], ("1", "2", "3")) == {"1": 0, "2": 1}
    assert numbers(["1", "2"], ("bad", "good")) == {"1": 0, "2": 1}
    assert numbers(["no", "yes"], ("bad", "good")) == {"no": 0, "yes": 1}
    with pytest.raises(DataError, match="can't be told which name is whose"):
        numbers(["neg", "pos"], ("pos", "bad"))
    with pytest.raises(DataError, match="2 label names"):
        numbers(["a", "b", "c"], ("x", "y"))


def test_classes_without_a_row_keep_their_place_among_a_sources_own() -> None:
    classes = number_classes("it", find_labels(["b", "d"]), known=("a", "b", "c", "d"))
    assert classes.names == ("a", "b", "c", "d")
    assert classes.number_of == {"b": 1, "d": 3}


def test_the_same_classes_are_known_however_they_are_spelled() -> None:
    assert same_classes(("0", "1"), ("1.0", "0.0")) == [1, 0]
    assert same_classes(("a", "b"), ("b", "a")) == [1, 0]
    assert same_classes(("01", "1"), ("1", "1.0")) is None
    assert same_classes(("a", "b"), ("a",)) is None


def test_names_that_were_permuted_are_found() -> None:
    twelve = tuple(sorted(f"{number}.0" for number in range(12)))
    assert misnamed(twelve)["10.0"] == "2"
    assert misnamed(("0", "0.0", "1", "1.0")) == {"0.0": "1"}
    for right in (("0", "1", "2"), ("0.0", "1.0"), ("neg", "pos"), ("1", "2", "3"), ("②", "①"), ()):
        assert misnamed(right) == {}


@pytest.mark.parametrize(
    ("labels", "sign"),
    [
        (['["a"]', '["a", "b"]', "[]"], "["),
        (["comedy", "comedy|drama", "drama|war", "war"], "|"),
        (["a;b", "b;c", "a", "c"], ";"),
        (["Boston, MA", "Dallas, TX", "Austin, TX"], ""),
        (["yes, always", "yes, sometimes", "no"], ""),
        (["pos", "neg"], ""),
    ],
)
def test_several_labels_in_a_cell_are_told_from_labels_with_a_sign_in_them(labels: list[str], sign: str) -> None:
    assert several_in_one(labels * 3) == sign
    assert parts_of('["a", "b", 1.0]', "[") == ["a", "b", "1"]


def table(labels: list[str], **columns: list[str]) -> dict[str, pd.DataFrame]:
    texts = [f"a text of some words, number {row}" for row in range(len(labels))]
    return {"train": pd.DataFrame({"text": texts, "label": labels, **columns}, dtype=object)}


def test_a_word_read_as_missing_is_counted_and_a_click_makes_it_a_class() -> None:
    examples = make_examples(table(["a", "b"] * 20 + ["None", "none"]), READING)
    assert examples["label"].tolist()[-2:] == [None, None]
    [problem] = [one for one in inspect(examples, READING.task).problems if one.kind == "unlabelled"]
    assert problem.count == 2
    assert "“None”: 1" in problem.why
    done = apply(examples, problem.fixes[1].step)
    assert done["label"].tolist()[-2:] == ["None", "none"]
    [problem] = [one for one in inspect(done, READING.task).problems if one.kind == "missing_words"]
    assert apply(done, problem.fixes[0].step)["label"].tolist()[-2:] == [None, None]


def test_a_word_that_may_be_a_class_says_so() -> None:
    examples = make_examples(table(["None", "rash", "fever"] * 20), READING)
    problems = {one.kind: one for one in inspect(examples, READING.task).problems}
    assert problems["missing_words"].count == 20
    assert "unlabelled" not in problems


def test_several_labels_in_a_cell_are_told_with_the_choices() -> None:
    examples = make_examples(table(['["b", "a"]', '["a"]', "[]", '["b"]'] * 5), READING)
    [problem] = [one for one in inspect(examples, READING.task).problems if one.kind == "several_labels"]
    assert problem.serious
    first, joined, single = (apply(examples, fix.step)["label"].tolist() for fix in problem.fixes)
    assert first[:4] == ["b", "a", None, "b"]
    assert joined[:4] == ["a + b", "a", "(none)", "b"]
    assert single == ["a", "b"] * 5


def test_columns_of_0_and_1_side_by_side_are_told_with_the_choices() -> None:
    rows = {"label": ["1", "0", "0", "1"] * 5, "sad": ["1", "0", "1", "0"] * 5}
    examples = make_examples(table(rows["label"], sad=rows["sad"], year=["1999"] * 20), READING)
    assert flag_columns(examples) == ["sad"]
    [problem] = [one for one in inspect(examples, READING.task).problems if one.kind == "flag_columns"]
    other, combined = (apply(examples, fix.step)["label"].tolist()[:4] for fix in problem.fixes)
    assert other == rows["sad"][:4]
    assert combined == ["label + sad", "(none)", "sad", "label"]
    assert flag_columns(apply(examples, Step("rename_labels", {"names": {"1": "yes", "0": "no"}}))) == []
