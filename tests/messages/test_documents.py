"""The documents that are there in two languages say the same, section by section."""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.messages.collect import ROOT

PAIRS = (("README.md", "README.zh-CN.md"), ("docs/course.md", "docs/course.zh-CN.md"))
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\]\(([^)]+)\)")
_COMMENT = re.compile(r"\s+# .*")


@dataclass
class Section:
    """What can be compared without reading: the heading's level, code, links, tables, lists and numbers."""

    level: int
    blocks: list[str] = field(default_factory=list)
    code: Counter[str] = field(default_factory=Counter)
    links: list[str] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    items: int = 0
    numbers: Counter[str] = field(default_factory=Counter)


def sections(path: Path) -> list[Section]:
    text = path.read_text(encoding="utf-8")
    parts = re.split(r"^(#{1,4}) .*$", text, flags=re.MULTILINE)
    assert parts[0].strip() == "", f"{path.name} begins with its title"
    return [section(len(level), body) for level, body in zip(parts[1::2], parts[2::2], strict=True)]


def section(level: int, body: str) -> Section:
    blocks = [_COMMENT.sub("", block) for block in _FENCE.findall(body)]
    body = _FENCE.sub("", body)
    told = _LINK.sub("", _CODE.sub("", body))
    return Section(
        level,
        blocks,
        Counter(" ".join(code.split()) for code in _CODE.findall(body)),
        [same_place(link) for link in _LINK.findall(body)],
        [line.count("|") for line in body.splitlines() if line.startswith("|")],
        len(re.findall(r"^(?:- |\d+\. )", body, re.MULTILINE)),
        Counter(re.findall(r"\d+(?:[.,]\d+)+", told)),
    )


def same_place(link: str) -> str:
    """A link as the English document has it: each language links its own documents and pictures."""
    return link.replace(".zh-CN.md", ".md").replace("images/zh_CN/", "images/")


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_each_section_is_there_with_its_code_links_tables_and_numbers(english: str, chinese: str) -> None:
    ours, theirs = sections(ROOT / english), sections(ROOT / chinese)
    assert [one.level for one in ours] == [one.level for one in theirs]
    for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        assert one == other, f"section {number} of {chinese}"


@pytest.mark.parametrize("document", [name for pair in PAIRS for name in pair])
def test_what_a_document_links_is_there(document: str) -> None:
    folder = (ROOT / document).parent
    links = [link for link in _LINK.findall((ROOT / document).read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (folder / link.partition("#")[0]).exists()] == []
