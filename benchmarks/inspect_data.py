"""Inspects 100,000 rows as a page does, in the data process, and holds it to ten seconds and to finding all that was planted.

    python -m benchmarks.inspect_data [--rows 100000]

Planted are duplicates, near duplicates, contradictions, leaks, empty and one-word rows, labels written in two ways, another
language and overlong texts. The time is from the start of the process to its answer.
"""

import argparse
import csv
import random
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import describe, finish
from trainer_core.jobs.data_work import look_at_work, start_work, wait_for_work
from trainer_core.store import open_store

SECONDS = 10.0
PLANTED = 50
_WORDS = 20_000
_COMMON = "the of and to in is that it was for on with as his they be at one have this from"
_KINDS = ("duplicate", "near_duplicate", "contradiction", "leak", "empty", "one_word", "label_variants", "languages", "long")


def main() -> int:
    """Prints what was found and the JSON line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inspect_data")
    parser.add_argument("--rows", type=int, default=100_000)
    rows: int = parser.parse_args().rows
    print(describe())
    with tempfile.TemporaryDirectory(prefix="descent-benchmark-") as folder:
        source = Path(folder) / "rows"
        source.mkdir()
        write_rows(source, rows)
        store = open_store(Path(folder) / "store", environment={})
        began = time.perf_counter()
        look = wait_for_work(start_work(store, {"do": "look", "source": str(source)}))
        looked = time.perf_counter() - began
        began = time.perf_counter()
        work = start_work(store, {"do": "save", "source": str(source), "reading": look["reading"], "name": "rows"})
        shares = set()
        while not look_at_work(work).is_over:
            shares.add(round(look_at_work(work).share, 2))
            time.sleep(0.1)
        found = wait_for_work(work)
        seconds = time.perf_counter() - began
    counts = {problem["kind"]: problem["count"] for problem in found["inspection"]["problems"]}
    for kind in _KINDS:
        print(f"{kind:16} {counts.get(kind, 0):7,} rows found, {PLANTED} planted")
    print(f"look {looked:.2f} s; read, saved and inspected {seconds:.2f} s; progress was told {len(shares)} times")
    everything = all(counts.get(kind, 0) >= 0.9 * PLANTED for kind in _KINDS)
    figures = {"rows": rows, "look_seconds": round(looked, 2), "inspect_seconds": round(seconds, 2), "all_found": everything}
    return finish("inspect_data", figures, everything and seconds < SECONDS and len(shares) > 5)


def write_rows(folder: Path, rows: int) -> None:
    """train.csv and test.csv of random sentences, with what is wrong planted among them."""
    draw = random.Random(3)
    letters = "bcdfghjklmnprstvw"
    words = ["".join(draw.choice(letters) + draw.choice("aeiou") for _part in range(draw.randint(1, 4))) for _word in range(_WORDS)]
    words += _COMMON.split() * 400

    def sentence() -> str:
        return " ".join(draw.choices(words, k=draw.randint(8, 30))).capitalize() + "."

    train = [(sentence(), draw.choice(("good", "bad"))) for _row in range(int(rows * 0.9))]
    test = [(sentence(), draw.choice(("good", "bad"))) for _row in range(rows - len(train))]
    for number in range(PLANTED):
        text, label = train[number]
        train.append((text.upper(), label))
        train.append((train[100 + number][0] + " " + draw.choice(words), train[100 + number][1]))
        train.append((train[200 + number][0], "bad" if train[200 + number][1] == "good" else "good"))
        test.append(train[300 + number])
        train.append(("", "good"))
        train.append((draw.choice(words) + str(number), "bad"))
        train.append((sentence(), "Good "))
        train.append((" ".join(sentence() for _part in range(200)), "bad"))
    for number in range(rows // 50):  # languages are told from a sample
        train.append((f"这家酒店的服务非常好,房间很干净,位置也方便,编号{number}", "good"))
    draw.shuffle(train)
    for name, table in (("train", train), ("test", test)):
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("text", "label"))
            writer.writerows(table)


if __name__ == "__main__":
    sys.exit(main())
