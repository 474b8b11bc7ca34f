"""The hotel search, over hotels in a file: what is asked for is there, the best rated first, and what is left out is said."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import shared_data
from trainer_core.errors import DataError
from trainer_core.tools import TOOLS, Found

HOTELS: list[dict[str, Any]] = [
    {
        "name": "北京青松酒店",
        "type": "经济型",
        "facilities": "酒店提供的设施:暖气;早餐服务",
        "price": 300.0,
        "rating": 4.2,
        "phone": "1",
    },
    {"name": "白云宾馆", "type": "舒适型", "facilities": "酒店提供的设施:暖气;健身房", "price": 500.0, "rating": 4.8, "phone": "2"},
    {"name": "明月饭店", "type": "豪华型", "facilities": ["健身房", "国际长途电话"], "price": -1, "rating": 4.5},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hotels.json").write_text(json.dumps(HOTELS, ensure_ascii=False), encoding="utf-8")
    return tmp_path


def search(folder: Path, **arguments: Any) -> Found:
    return TOOLS["search_hotels"].run(str(folder), arguments)


def names(found: Found) -> list[str]:
    return [str(record["name"]) for record in found.records]


def test_all_facilities_are_there_and_the_best_rated_come_first(folder: Path) -> None:
    assert names(search(folder, facilities=["暖气"])) == ["白云宾馆", "北京青松酒店"]
    assert names(search(folder, facilities=["暖气", "健身房"])) == ["白云宾馆"]
    assert names(search(folder, facilities=["国际通话 | 国际长途电话"])) == ["明月饭店"]
    found = search(folder, type="经济型")
    assert found.note == ""
    assert found.records[0]["facilities"] == ["暖气", "早餐服务"]


def test_prices_and_ratings_are_limits_and_an_unknown_price_meets_none(folder: Path) -> None:
    assert names(search(folder, price_range_lower=400)) == ["白云宾馆"]
    assert names(search(folder, rating_range_lower=4.5, rating_range_upper=4.6)) == ["明月饭店"]
    assert "price" not in search(folder, name="明月饭店").records[0]


def test_a_name_is_found_though_it_is_written_otherwise(folder: Path) -> None:
    assert names(search(folder, name="青松酒店")) == ["北京青松酒店"]
    assert names(search(folder, name="北京青松大酒店")) == ["北京青松酒店"]


def test_where_nothing_fits_as_little_as_can_be_is_left_out_and_said(folder: Path) -> None:
    found = search(folder, facilities=["暖气"], type="经济型", rating_range_lower=4.9)
    assert names(found) == ["北京青松酒店"]
    assert found.note == "No hotel fits everything: left out the rating."


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"colour": "red"}, "has an argument “colour”"),
        ({"price_range_lower": "cheap"}, "price_range_lower = cheap, and that is no number"),
    ],
)
def test_what_is_no_search_is_refused_in_a_sentence(folder: Path, arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        search(folder, **arguments)


def test_a_name_is_a_value_and_never_sql(folder: Path) -> None:
    found = search(folder, name="' OR 1=1 --")
    assert len(found.records) == 3  # nothing is called so, and the name is left out
    assert found.note


def test_without_hotels_it_says_where_they_belong(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no hotels\.json in"):
        search(tmp_path, type="经济型")
    (tmp_path / "hotels.json").write_text("{}", encoding="utf-8")
    assert names(search(tmp_path, type="经济型")) == []
    (tmp_path / "hotels.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(DataError, match="It takes a list of hotels"):
        search(tmp_path, type="经济型")


def test_the_courses_hotels_are_searched() -> None:
    found = search(shared_data("hotel"), facilities=["暖气", "行李寄存"], type="舒适型")
    assert len(found.records) == 3
    for record in found.records:
        assert record["type"] == "舒适型"
        assert any("暖气" in one for one in record["facilities"])


def test_many_conditions_that_nothing_meets_are_left_out_at_once() -> None:
    asked = [f"no such thing {number}" for number in range(200)]
    found = TOOLS["search_hotels"].run("bookings", {"facilities": ["健身房", *asked], "type": "经济型"})
    assert all("健身房" in record["facilities"] and record["type"] == "经济型" for record in found.records)
    assert found.note.count("no such thing") == 200


@pytest.mark.parametrize(
    "arguments", [{"facilities": 5}, {"price_range_upper": 10**400}, {"name": "\ud800x"}, {"type": ["a"]}, {"name": {}}]
)
def test_whatever_a_model_asks_for_is_answered_or_refused_in_a_sentence(arguments: dict[str, Any]) -> None:
    from trainer_core.conversation import run_call
    from trainer_core.data.dialogues import Turn

    line = run_call("bookings", Turn("assistant", call=("search_hotels", arguments)))
    assert line.turn.role == "tool"


def test_hotels_with_odd_fields_are_read(tmp_path: Path) -> None:
    odd = [{"name": "A", "type": ["x"], "price": {"low": 1}, "rating": "good", "facilities": 5}, {"name": 7, "facilities": None}]
    (tmp_path / "hotels.json").write_text(json.dumps(odd), encoding="utf-8")
    assert len(search(tmp_path).records) == 2
