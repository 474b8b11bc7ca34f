"""Twelve files as people have them: each is read rightly, or refused with a sentence that says what to do."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainer_core.data.examples import make_examples
from trainer_core.data.inspecting import inspect
from trainer_core.data.sources import guess
from trainer_core.errors import DataError

GOOD = ["A moving film with a clever plot", "Witty, warm and well played", "The cast is brilliant throughout"]
BAD = ["A dull film with a clumsy plot", "Tedious, cold and badly played", "The cast is awkward throughout"]


def rows(count: int = 12) -> list[tuple[str, str]]:
    """Alternating texts and labels, none twice."""
    return [(f"{(GOOD if row % 2 else BAD)[row // 2 % 3]}, take {row}", "pos" if row % 2 else "neg") for row in range(count)]


def found(path: Path, **given: object) -> tuple[set[str], object, object]:
    """The kinds of problems in a file, its reading and its examples."""
    looked = guess(str(path), given)
    examples = make_examples(looked.tables, looked.reading)
    return {problem.kind for problem in inspect(examples, looked.reading.task).problems}, looked.reading, examples


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def as_csv(pairs: list[tuple[str, str]], header: str = "text,label") -> str:
    return header + "\n" + "".join(f'"{text}",{label}\n' for text, label in pairs)


def test_latin_1_with_dashes_keeps_its_accents_and_dashes(tmp_path: Path) -> None:
    pairs = [(f"{text} – café, naïve “finale”", label) for text, label in rows()]
    _kinds, reading, examples = found(written(tmp_path / "western.csv", as_csv(pairs), "cp1252"))
    assert reading.encoding == "cp1252"  # type: ignore[attr-defined]
    assert examples["text"][0].endswith("– café, naïve “finale”")  # type: ignore[index]


def test_tabs_without_a_header_are_told_from_commas_and_from_a_header(tmp_path: Path) -> None:
    lines = "".join(f"{label}\t{text}, with a comma\n" for text, label in rows())
    _kinds, reading, examples = found(written(tmp_path / "plain.tsv", lines))
    assert (reading.delimiter, reading.header) == ("\t", False)  # type: ignore[attr-defined]
    assert (reading.text_column, reading.label_column) == ("column_2", "column_1")  # type: ignore[attr-defined]
    assert len(examples) == 12  # type: ignore[arg-type]


def test_quotes_over_lines_stay_one_row(tmp_path: Path) -> None:
    pairs = [(f'{text}\nand then ""more"" of it\n', label) for text, label in rows()]
    _kinds, _reading, examples = found(written(tmp_path / "quoted.csv", as_csv(pairs)))
    assert len(examples) == 12  # type: ignore[arg-type]
    assert examples["text"][1] == 'A moving film with a clever plot, take 1\nand then "more" of it'  # type: ignore[index]


def test_one_empty_row_in_chinese_is_found(tmp_path: Path) -> None:
    texts = [f"这家酒店的{what}很{how},房间号{row}" for row, (what, how) in enumerate([("服务", "好"), ("位置", "差")] * 6)]
    pairs = [(text, "好评" if row % 2 else "差评") for row, text in enumerate(texts)]
    path = written(tmp_path / "评论.csv", as_csv([*pairs[:6], ("", "好评"), *pairs[6:]], "评论,标签"), "gb18030")
    kinds, reading, examples = found(path)
    assert reading.encoding == "gb18030"  # type: ignore[attr-defined]
    assert (reading.text_column, reading.label_column) == ("评论", "标签")  # type: ignore[attr-defined]
    assert "empty" in kinds
    assert len(examples) == 13  # type: ignore[arg-type]


def test_seventeen_to_three_is_called_far_from_even(tmp_path: Path) -> None:
    pairs = [(text, "neg" if row < 17 else "pos") for row, (text, _label) in enumerate(rows(20))]
    kinds, _reading, _examples = found(written(tmp_path / "uneven.csv", as_csv(pairs)))
    assert "imbalance" in kinds


def test_labels_as_words_and_as_numbers_are_shown_apart(tmp_path: Path) -> None:
    pairs = [(text, {0: "1", 1: "pos", 2: "0", 3: "neg"}[row % 4]) for row, (text, _label) in enumerate(rows(24))]
    looked = guess(str(written(tmp_path / "mixed.csv", as_csv(pairs))))
    inspection = inspect(make_examples(looked.tables, looked.reading), looked.reading.task)
    assert looked.reading.task == "sequence_classification"
    assert set(inspection.labels) == {"1", "pos", "0", "neg"}


def test_a_leak_between_splits_is_found_in_spite_of_case_and_space(tmp_path: Path) -> None:
    folder = tmp_path / "leaky"
    folder.mkdir()
    written(folder / "train.csv", as_csv(rows(12)))
    written(folder / "test.csv", as_csv([(rows(12)[3][0].upper().replace(" ", "  "), "pos"), *rows(40)[30:]]))
    kinds, _reading, examples = found(folder)
    assert "leak" in kinds
    assert set(examples["split"]) == {"train", "test"}  # type: ignore[index]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_byte_order_marks_and_utf_16_leave_no_trace_in_the_names(tmp_path: Path, encoding: str) -> None:
    _kinds, reading, examples = found(written(tmp_path / "marked.csv", as_csv(rows()), encoding))
    assert (reading.text_column, reading.label_column) == ("text", "label")  # type: ignore[attr-defined]
    assert len(examples) == 12  # type: ignore[arg-type]


def test_a_cell_of_10_mb_is_read_whole_and_pointed_at(tmp_path: Path) -> None:
    pairs = [*rows(30), ("word " * 2_000_000, "pos")]
    kinds, _reading, examples = found(written(tmp_path / "huge.csv", as_csv(pairs)))
    assert "long" in kinds
    assert max(map(len, examples["text"])) == 9_999_999  # type: ignore[index]


def test_ragged_rows_are_refused_with_their_lines(tmp_path: Path) -> None:
    path = written(tmp_path / "ragged.csv", "text,label\nfine, really,1\nbad,0\nshort\n")
    with pytest.raises(DataError, match=r"2 of 3 rows of ragged.csv do not have 2 columns.*line 2 has 3, line 4 has 1.*quotes"):
        guess(str(path))


def test_a_zip_of_pictures_is_read_and_scaled(tmp_path: Path) -> None:
    path = tmp_path / "pictures.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for label, shade in (("cat", 40), ("dog", 200)):
            for number in range(4):
                file = io.BytesIO()
                picture = np.full((80 + number, 90, 3), shade, dtype=np.uint8)
                picture[10:40, 10:60] = 255 - shade - number
                Image.fromarray(picture).save(file, "PNG")
                archive.writestr(f"pictures/{label}/{number}.png", file.getvalue())
        archive.writestr("__MACOSX/pictures/cat/._0.png", b"clutter")
    _kinds, reading, examples = found(path)
    assert (reading.task, reading.picture_size) == ("image_classification", 32)  # type: ignore[attr-defined]
    assert sorted(examples["label"]) == ["cat"] * 4 + ["dog"] * 4  # type: ignore[index]


def test_other_ways_to_write_the_same_rows_give_the_same_examples(tmp_path: Path) -> None:
    import pandas as pd

    table = pd.DataFrame(rows(), columns=["text", "label"])
    lines = "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows())
    written(tmp_path / "a.csv", as_csv(rows()))
    written(tmp_path / "b.jsonl", lines)
    written(tmp_path / "c.json", json.dumps([{"text": text, "label": label} for text, label in rows()]))
    table.to_parquet(tmp_path / "d.parquet")
    written(tmp_path / "e.csv", as_csv(rows()).replace('",', '";').replace("text,", "text;"))
    expected = found(tmp_path / "a.csv")[2]
    for path in sorted(tmp_path.iterdir()):
        assert found(path)[2].equals(expected), path.name  # type: ignore[attr-defined]


def test_folders_of_texts_by_class_and_split(tmp_path: Path) -> None:
    for number, (text, label) in enumerate(rows(20)):
        path = tmp_path / "reviews" / ("test" if number > 14 else "train") / label / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    _kinds, reading, examples = found(tmp_path / "reviews")
    assert reading.format == "text_folders"  # type: ignore[attr-defined]
    assert examples["split"].value_counts().to_dict() == {"train": 15, "test": 5}  # type: ignore[index]


def _no_zip(path: Path) -> Path:
    return written(path / "data.zip", "no zip")


def _leads_outside(path: Path) -> Path:
    with zipfile.ZipFile(path / "bad.zip", "w") as archive:
        archive.writestr("../outside.csv", "text,label\n")
    return path / "bad.zip"


def _half_json(path: Path) -> Path:
    return written(path / "half.jsonl", '{"text": "a", "label": 1}\n{"text": ')


def _two_tables(path: Path) -> Path:
    for name in ("first", "second"):
        written(path / f"{name}.csv", as_csv(rows()))
    return path


def _damaged_picture(path: Path) -> Path:
    for label in ("cat", "dog"):
        (path / "p" / label).mkdir(parents=True)
        Image.new("L", (8, 8)).save(path / "p" / label / "1.png")
    (path / "p" / "dog" / "2.png").write_bytes(b"no picture")
    return path / "p"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (_no_zip, "data.zip can't be unpacked"),
        (_leads_outside, "would be written outside its folder"),
        (_half_json, "half.jsonl can't be read as JSON"),
        (_two_tables, "several tables, and none is called train: first.csv, second.csv"),
        (_damaged_picture, r"1 of 3 pictures can't be read: dog/2.png"),
        (lambda path: written(path / "a.csv", ""), "a.csv is empty"),
        (lambda path: written(path / "a.csv", "text,label\n"), "no rows"),
        (lambda path: written(path / "a.docx", "x"), r"a.docx is of a kind that is not read \(.docx\)"),
        (lambda path: written(path / "a.csv", "\0\1\2\3" * 50, "latin-1"), "is not text: it holds zero bytes"),
        (lambda path: path / "none.csv", "There is no file or folder"),
        (lambda path: path, "holds nothing that is read"),
    ],
)
def test_what_can_not_be_read_is_refused_in_a_sentence(tmp_path: Path, make: Callable[[Path], Path], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        guess(str(make(tmp_path)))


def test_what_was_told_wins_over_the_guess(tmp_path: Path) -> None:
    path = written(
        tmp_path / "two.csv",
        "text,source,label\n" + "".join(f'"{text}",web{row % 2},{label}\n' for row, (text, label) in enumerate(rows())),
    )
    assert guess(str(path)).reading.label_column == "label"
    assert guess(str(path), {"label_column": "source"}).reading.label_column == "source"
    assert guess(str(path), {"task": "language_modelling"}).reading.task == "language_modelling"
    assert guess(str(path), {"header": False}).columns == ["column_1", "column_2", "column_3"]


def test_numbers_with_fractions_are_a_regression_and_no_label_is_language_modelling(tmp_path: Path) -> None:
    numbers = [(text, f"{row / 7:.2f}") for row, (text, _label) in enumerate(rows(30))]
    assert guess(str(written(tmp_path / "a.csv", as_csv(numbers, "text,score")))).reading.task == "regression"
    texts = "text\n" + "".join(f'"{text}"\n' for text, _label in rows())
    assert guess(str(written(tmp_path / "b.csv", texts))).reading.task == "language_modelling"
    pairs = "premise,hypothesis,label\n" + "".join(f'"{text}","{text[::-1]}",{label}\n' for text, label in rows())
    reading = guess(str(written(tmp_path / "c.csv", pairs))).reading
    assert (reading.text_column, reading.pair_column, reading.label_column) == ("premise", "hypothesis", "label")
