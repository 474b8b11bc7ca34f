"""The tool `search_hotels`: finds hotels in the file `hotels.json` of the dataset's folder, or among those made up for `bookings`.

Every facility asked for must be there; the best rated come first. Where nothing fits, conditions are dropped, as few as can be,
and the answer says which.
"""

import difflib
import functools
import json
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer_core.errors import DataError
from trainer_core.language import gettext as _
from trainer_core.tools.bookings_hotels import BOOKINGS, made_up_hotels
from trainer_core.tools.tool import Found, Tool

MOST = 3
"""Hotels that a search gives."""
_ALIKE = 0.6
"""How alike two names must be, 0 to 1, where neither holds the other."""
_KEPT = ("name", "type", "address", "subway", "phone", "facilities", "price", "rating", "hotel_id")
_LIMITS = ("price_range_lower", "price_range_upper", "rating_range_lower", "rating_range_upper")
_lock = threading.Lock()

Condition = tuple[str, str, tuple[Any, ...]]
"""What it is called, a piece of SQL, and the values in it."""


def hotels_of(dataset: str) -> list[dict[str, Any]]:
    """The hotels that belong to a dataset. Raises DataError where it has none."""
    return [dict(hotel) for hotel in json.loads(_read(*_place(dataset)))]


def search(dataset: str, arguments: Mapping[str, Any]) -> Found:
    """The hotels that fit, at most three."""
    conditions = _conditions(arguments)
    with _lock:
        database = _database(*_place(dataset))
        met = [_meeting(database, condition) for condition in conditions]
        kept = _most_met(met)
        found = _select(database, [one for one, keeps in zip(conditions, kept, strict=True) if keeps])
    return Found(tuple(found), _say_dropped([one[0] for one, keeps in zip(conditions, kept, strict=True) if not keeps]))


def _meeting(database: sqlite3.Connection, condition: Condition) -> set[int]:
    """The hotels that meet one condition. Only our own text becomes SQL; what was asked goes in as values."""
    _name, sql, values = condition
    return {number for (number,) in database.execute(f"SELECT rowid FROM hotels WHERE {sql}", values)}  # noqa: S608


def _most_met(met: Sequence[set[int]]) -> list[bool]:
    """Which conditions to keep so that some hotel meets them all: as many as can be; of equally many those that matter more."""
    masks = {tuple(hotel in one for one in met) for hotel in set().union(*met)}
    return list(max(masks, key=lambda mask: (sum(mask), mask))) if masks else [False] * len(met)


def _conditions(arguments: Mapping[str, Any]) -> list[Condition]:
    """In the order in which they matter: what is dropped first stands last."""
    unknown = [name for name in arguments if name not in _PARAMETERS["properties"]]
    if unknown:
        raise DataError(
            _("The search has an argument “{name}”; search_hotels takes {known}.").format(
                name=unknown[0], known=", ".join(_PARAMETERS["properties"])
            )
        )
    found: list[Condition] = []
    if arguments.get("name"):
        name = str(arguments["name"])
        found.append((_("the name {name}").format(name=name), "alike(name, ?)", (name,)))
    if arguments.get("type"):
        kind = str(arguments["type"])
        found.append((_("the type {type}").format(type=kind), "type = ?", (kind,)))
    asked = arguments.get("facilities") or []
    for facility in asked if isinstance(asked, list) else [asked]:
        found.append((str(facility), "has(facilities, ?)", (str(facility),)))
    limits = {name: _number(name, arguments[name]) for name in _LIMITS if arguments.get(name) is not None}
    for what, column in ((_("the price"), "price"), (_("the rating"), "rating")):
        low, high = limits.get(f"{column}_range_lower"), limits.get(f"{column}_range_upper")
        parts = [(f"{column} >= ?", low), (f"{column} <= ?", high)]
        told = [(sql, value) for sql, value in parts if value is not None]
        if told:
            found.append((what, " AND ".join(sql for sql, _value in told), tuple(value for _sql, value in told)))
    return found


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise DataError(_("The search has {name} = {value}, and that is no number.").format(name=name, value=value)) from None


def _say_dropped(dropped: Sequence[str]) -> str:
    if not dropped:
        return ""
    return _("No hotel fits everything: left out {conditions}.").format(conditions=", ".join(reversed(dropped)))


def _select(database: sqlite3.Connection, conditions: Sequence[Condition]) -> list[dict[str, Any]]:
    where = " AND ".join(sql for _name, sql, _values in conditions) or "1"
    values = [value for _name, _sql, part in conditions for value in part]
    rows = database.execute(f"SELECT record FROM hotels WHERE {where} ORDER BY rating DESC, price LIMIT {MOST}", values)  # noqa: S608
    return [json.loads(record) for (record,) in rows]


def _place(dataset: str) -> tuple[str, int]:
    """Where a dataset's hotels lie, and when they were written (ns since 1970)."""
    if dataset == BOOKINGS:
        return dataset, 0
    file = Path(dataset).expanduser() / "hotels.json"
    try:
        return str(file.resolve()), file.stat().st_mtime_ns
    except OSError:
        raise DataError(
            _("There is no hotels.json in {dataset}, so the search finds nothing. Put the list of hotels there.").format(
                dataset=dataset
            )
        ) from None


def _read(place: str, _written: int) -> str:
    if place == BOOKINGS:
        return json.dumps(made_up_hotels())
    try:
        text = Path(place).read_text(encoding="utf-8")
        if not all(isinstance(hotel, dict) and hotel.get("name") for hotel in json.loads(text)):
            raise ValueError(_("it is no list of objects with a name"))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            _(
                "{file} can't be read: {cause}. It takes a list of hotels, each with a name, type, facilities, price and rating."
            ).format(file=place, cause=error)
        ) from error
    return text


@functools.lru_cache(maxsize=4)
def _database(place: str, written: int) -> sqlite3.Connection:
    database = sqlite3.connect(":memory:", check_same_thread=False)  # used under a lock
    database.create_function("alike", 2, _alike, deterministic=True)
    database.create_function("has", 2, _has, deterministic=True)
    database.execute("CREATE TABLE hotels (name TEXT, type TEXT, facilities TEXT, price REAL, rating REAL, record TEXT)")
    for hotel in json.loads(_read(place, written)):
        record = {name: hotel[name] for name in _KEPT if hotel.get(name) not in (None, "", -1)}
        record["facilities"] = facilities_of(hotel)
        words = [str(record.get(name, "")) for name in ("name", "type")]
        row = [*words, ";".join(record["facilities"]), *(_figure(record.get(name)) for name in ("price", "rating"))]
        database.execute("INSERT INTO hotels VALUES (?, ?, ?, ?, ?, ?)", [*row, json.dumps(record, ensure_ascii=False)])
    return database


def _figure(value: Any) -> float | None:
    """A price or a rating; None for what is none."""
    return float(value) if isinstance(value, int | float) and abs(value) < 1e12 else None


def facilities_of(hotel: Mapping[str, Any]) -> list[str]:
    """A hotel's facilities as a list; the course's file has them in one text with a heading."""
    told = hotel.get("facilities") or []
    if not isinstance(told, list):
        told = str(told).rpartition(":")[2].split(";")
    return [str(one).strip() for one in told if str(one).strip()]


def _alike(name: str, asked: str) -> bool:
    plain, wanted = (text.replace("北京", "").replace("（", "(").replace("）", ")").strip() for text in (name, asked))
    if not wanted or not plain:
        return False
    return wanted in plain or plain in wanted or difflib.SequenceMatcher(None, plain, wanted).ratio() >= _ALIKE


def _has(facilities: str, asked: str) -> bool:
    there = facilities.split(";")
    ways = [way.strip() for way in asked.split("|") if way.strip()]
    return any(way in one for way in ways for one in there)


_PARAMETERS: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "酒店名称"},
        "type": {"type": "string", "enum": ["豪华型", "高档型", "舒适型", "经济型"], "description": "酒店类型"},
        "facilities": {"type": "array", "items": {"type": "string"}, "description": "酒店设施列表"},
        "price_range_lower": {"type": "number", "minimum": 0, "description": "价格下限，元"},
        "price_range_upper": {"type": "number", "minimum": 0, "description": "价格上限，元"},
        "rating_range_lower": {"type": "number", "minimum": 0, "maximum": 5, "description": "评分下限"},
        "rating_range_upper": {"type": "number", "minimum": 0, "maximum": 5, "description": "评分上限"},
    },
    "required": [],
}
SEARCH_HOTELS = Tool("search_hotels", "按用户的要求查找酒店", _PARAMETERS, search)
