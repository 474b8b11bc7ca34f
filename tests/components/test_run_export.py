"""Tables as files: typed in Parquet, harmless in a spreadsheet."""

import io
from dataclasses import replace

import pandas as pd

from pages.components.run_export import export_frame, to_csv, to_parquet
from tests.components.test_run_query import run


def test_parquet_keeps_numbers_and_survives_mixed_columns() -> None:
    odd = replace(run("b"), params={**run("b").params, "learning_rate": "fast", "own": "1"})
    frame = export_frame([run("a", learning_rate=1e-3), odd])
    back = pd.read_parquet(io.BytesIO(to_parquet(frame)))
    assert back["kept/eval/accuracy"].tolist() == [0.9, 0.9]
    assert back["param/learning_rate"].tolist() == ["0.001", "fast"], "a column of mixed types is text"
    assert back["param/batch_size"].dtype.kind in "if"
    assert str(back["created"].dt.tz) == "UTC"


def test_no_cell_is_computed_by_a_spreadsheet() -> None:
    evil = replace(run("a"), name='=HYPERLINK("http://evil.example")', tags={"x": "@SUM(A1)", "mlflow.note.content": "-1+1"})
    text = to_csv(export_frame([evil])).decode("utf-8-sig")
    back = pd.read_csv(io.StringIO(text))
    assert back["name"][0].startswith("'=")
    assert back["tag/x"][0] == "'@SUM(A1)"
    assert back["note"][0] == "'-1+1"
    assert back["eval/loss"][0] == 0.7, "numbers stay numbers"


def test_text_of_any_script_comes_back() -> None:
    frame = export_frame([replace(run("a"), name='酒店 🙂, "quoted"\nline')])
    back = pd.read_csv(io.BytesIO(to_csv(frame)))
    assert back["name"][0] == '酒店 🙂, "quoted"\nline'


def test_no_head_is_computed_by_a_spreadsheet() -> None:
    assert to_csv(pd.DataFrame({"-1": [1.0]})).decode("utf-8-sig").startswith("'-1")


def test_no_runs_make_files_too() -> None:
    frame = export_frame([])
    assert pd.read_parquet(io.BytesIO(to_parquet(frame))).empty
    assert to_csv(frame).decode("utf-8-sig").strip() == ""
