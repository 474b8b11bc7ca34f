"""Dialogues about hotels that do not exist, written by a grammar: for trying a chat model offline, within two minutes.

The turns are those of the course's hotel data: a user asks, the assistant searches, hotels come back, the assistant answers from
them. Searches are run for real, by the tool itself.
"""

import random
from collections.abc import Mapping
from typing import Any

from trainer_core.data.dialogues import Dialogue, Turn, as_text, records_turn
from trainer_core.data.texts import TextSplit, split_of_texts
from trainer_core.tools import TOOLS
from trainer_core.tools.bookings_hotels import BOOKINGS, FACILITIES, TYPES

_DIALOGUES = 1_500
_HELLO = ("你好，", "您好，", "请问，", "")
_ASK = ("帮我找一家{what}酒店。", "我想住一家{what}酒店。", "有没有{what}酒店？", "推荐一家{what}酒店。")
_CHANGE = ("换成{what}酒店吧。", "那有{what}酒店吗？")
_OFFER = ("推荐您去{name}。", "{name}符合您的要求。", "为您找到{name}。")
_QUESTIONS = {
    "price": (("价格是多少？", "多少钱一晚？"), "{name}的价格是{price:.0f}元。"),
    "phone": (("电话是多少？", "电话号码告诉我一下。"), "{name}的电话是{phone}。"),
    "rating": (("评分是多少？", "评分高吗？"), "{name}的评分是{rating}分。"),
}
_THANKS = (("好的，就订这家了。", "谢谢，就它了。"), "好的，祝您入住愉快！")
_SORRY = "没有找到符合要求的酒店。"
_MANY = "{names}都符合您的要求。"


def make_bookings() -> TextSplit:
    """The dialogues, in the form of `dialogues.as_text`; the same each time."""
    draw = random.Random(21)  # noqa: S311 - a grammar, no secret
    return split_of_texts([as_text(_dialogue(draw)) for _number in range(_DIALOGUES)])


def _dialogue(draw: random.Random) -> Dialogue:
    wanted = _wish(draw, draw.choice((1, 2, 2, 2, 3)))
    turns = [Turn("user", draw.choice(_HELLO) + draw.choice(_ASK).format(what=_words(wanted)))]
    hotel = _search(turns, wanted, draw)
    if draw.random() < 0.4:
        # A change keeps the rest: the model must carry over what was said before.
        wanted = {**wanted, **_wish(draw, 1)}
        changed = {name: wanted[name] for name in list(wanted)[-1:]}
        turns.append(Turn("user", draw.choice(_CHANGE).format(what=_words(changed))))
        hotel = _search(turns, wanted, draw)
    if hotel is not None:
        for name in draw.sample(list(_QUESTIONS), draw.randint(1, 2)):
            ways, answer = _QUESTIONS[name]
            turns += [Turn("user", draw.choice(ways)), Turn("assistant", answer.format(**hotel))]
        ways, answer = _THANKS
        turns += [Turn("user", draw.choice(ways)), Turn("assistant", answer)]
    learned = tuple(number for number, turn in enumerate(turns) if turn.role == "assistant")
    return Dialogue(tuple(turns), learned, (TOOLS["search_hotels"].schema(),))


def _search(turns: list[Turn], wanted: Mapping[str, Any], draw: random.Random) -> Mapping[str, Any] | None:
    found = TOOLS["search_hotels"].run(BOOKINGS, wanted)
    records = () if found.note else found.records
    turns += [Turn("assistant", call=("search_hotels", dict(wanted))), records_turn("search_hotels", records)]
    if not records:
        turns.append(Turn("assistant", _SORRY))
        return None
    if len(records) > 1:
        turns.append(Turn("assistant", _MANY.format(names="、".join(str(one["name"]) for one in records))))
        chosen = draw.choice(records)
        turns += [Turn("user", f"就去{chosen['name']}吧。"), Turn("assistant", f"好的，{chosen['name']}。")]
        return chosen
    turns.append(Turn("assistant", draw.choice(_OFFER).format(**records[0])))
    return records[0]


def _wish(draw: random.Random, conditions: int) -> dict[str, Any]:
    wishes: dict[str, Any] = {
        "type": draw.choice(TYPES),
        "facilities": sorted(draw.sample(FACILITIES, draw.choice((1, 1, 1, 2))), key=FACILITIES.index),
        "price_range_upper": draw.choice((300, 400, 500, 600, 800, 1000)),
        "rating_range_lower": draw.choice((4.0, 4.2, 4.5)),
    }
    chosen = draw.sample(list(wishes), conditions)
    return {name: wishes[name] for name in wishes if name in chosen}


def _words(wanted: Mapping[str, Any]) -> str:
    parts = []
    if "price_range_upper" in wanted:
        parts.append(f"{wanted['price_range_upper']}元以下的")
    if "rating_range_lower" in wanted:
        parts.append(f"评分{wanted['rating_range_lower']}以上的")
    if "facilities" in wanted:
        parts.append(f"有{'和'.join(wanted['facilities'])}的")
    if "type" in wanted:
        parts.append(wanted["type"])
    return "、".join(parts)
