"""Twenty-four hotels that do not exist, for the dialogues of `bookings` and for the search beside them. The same ones each time."""

import random
from typing import Any

BOOKINGS = "bookings"
"""The dataset of dialogues that Descent makes up itself."""
TYPES = ("经济型", "舒适型", "高档型", "豪华型")
FACILITIES = ("早餐服务", "健身房", "无烟房", "行李寄存", "接机服务", "洗衣服务", "会议室", "暖气", "室内游泳池", "叫醒服务")
_FIRST = ("青松", "白云", "明月", "金桥", "东湖", "红叶")
_LAST = ("酒店", "宾馆", "饭店", "客栈")
_PRICES = {"经济型": (150, 300), "舒适型": (300, 500), "高档型": (500, 800), "豪华型": (800, 1500)}


def made_up_hotels() -> list[dict[str, Any]]:
    """The hotels as the course's file has them: name, type, phone, facilities, price in yuan and rating of 5."""
    draw = random.Random(20)  # noqa: S311 - names of hotels, no secret
    hotels = []
    for number, (first, last) in enumerate((first, last) for first in _FIRST for last in _LAST):
        kind = draw.choice(TYPES)
        low, high = _PRICES[kind]
        hotels.append(
            {
                "name": first + last,
                "type": kind,
                "phone": f"555-{number:03d}",
                "facilities": sorted(draw.sample(FACILITIES, draw.randint(2, 4)), key=FACILITIES.index),
                "price": float(draw.randrange(low, high, 10)),
                "rating": draw.randint(36, 50) / 10,
            }
        )
    return hotels
