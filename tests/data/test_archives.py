"""Zips as nobody should pack them: each is refused in a sentence, and nothing is written outside or beyond what is allowed."""

import io
import random
import stat
import struct
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from trainer_core.data import archives
from trainer_core.data.archives import unpack
from trainer_core.errors import DataError

TEXT = b"text,label\n" + b"".join(b"row %d is fine,%d\n" % (row, row % 2) for row in range(200))


def packed(*members: tuple[str | zipfile.ZipInfo, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", how) as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, content in members:
            archive.writestr(name, content, how)
    return file.getvalue()


def refused(folder: Path, content: bytes) -> str:
    """Why the zip is refused. Whatever it holds, nothing appears beside the folder."""
    (folder / "data.zip").write_bytes(content)
    target = folder / "inside"
    target.mkdir()
    with pytest.raises(DataError) as told:
        unpack(folder / "data.zip", target)
    assert sorted(path.name for path in folder.iterdir()) == ["data.zip", "inside"]
    assert str(target) not in str(told.value)
    return str(told.value)


def first_data(content: bytes) -> int:
    """Where the first member's packed bytes begin."""
    name, more = struct.unpack("<HH", content[26:30])
    return int(30 + name + more)


@pytest.mark.parametrize(
    ("how", "name"), [(zipfile.ZIP_DEFLATED, "deflate"), (zipfile.ZIP_LZMA, "lzma"), (zipfile.ZIP_BZIP2, "bzip2")]
)
def test_a_corrupt_stream_is_said(tmp_path: Path, how: int, name: str) -> None:
    content = bytearray(packed(("train.csv", TEXT), how=how))
    start = first_data(bytes(content)) + (9 if name == "lzma" else 0)  # behind lzma's own header
    content[start : start + 40] = b"\xff" * 40
    assert "data.zip can't be unpacked" in refused(tmp_path, bytes(content))


@pytest.mark.parametrize("name", [".", "./.", ""])
def test_a_member_without_a_name_is_said(tmp_path: Path, name: str) -> None:
    placeholder = "~" * max(1, len(name))
    content = packed((placeholder, b"x"), ("train.csv", TEXT))
    content = content.replace(placeholder.encode(), name.encode()) if name else without_name(content)
    assert "is no name of a file" in refused(tmp_path, content)


def without_name(content: bytes) -> bytes:
    """The zip with its first member's name of one letter taken out, in its own header and in the directory."""
    own = content[:26] + struct.pack("<H", 0) + content[28:30] + content[31:]
    place = own.index(b"PK\x01\x02")
    entry = own[: place + 28] + struct.pack("<H", 0) + own[place + 30 : place + 46] + own[place + 47 :]
    second = entry.index(b"PK\x01\x02", place + 4)
    offset = struct.unpack("<I", entry[second + 42 : second + 46])[0]
    entry = entry[: second + 42] + struct.pack("<I", offset - 1) + entry[second + 46 :]
    end = entry.index(b"PK\x05\x06")
    size, start = struct.unpack("<II", entry[end + 12 : end + 20])
    return entry[: end + 12] + struct.pack("<II", size - 1, start - 1) + entry[end + 20 :]


def test_a_name_that_is_no_utf_8_is_said(tmp_path: Path) -> None:
    content = packed(("naïve.csv", TEXT)).replace("naïve".encode(), b"na\xff\xfeve")
    assert "data.zip can't be unpacked" in refused(tmp_path, content)


def test_a_name_with_a_zero_byte_is_not_cut_but_refused(tmp_path: Path) -> None:
    content = packed(("train.csvx.exe", TEXT)).replace(b"train.csvx.exe", b"train.csv\0.exe")
    assert "is no name of a file" in refused(tmp_path, content)


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (("a.csv", "b.csv", "a.csv"), "“a.csv” is in it twice"),
        (("a.csv", "./a.csv"), "is in it twice"),
        (("x/a.csv", "x\\a.csv"), "is in it twice"),
        (("a", "a/b.csv"), "“a/b.csv” and a folder in it have one name"),
        (("a/b.csv", "a"), "and a folder in it have one name"),
        (("a/b/c.csv", "a"), "and a folder in it have one name"),
        (("a", "a/"), "“a” and a folder in it have one name"),
        (("/".join("a" * 900) + "/b.csv",), "is no name of a file"),
        (("n" * 300 + ".csv",), "File name too long"),
        (("../outside.csv",), "would be written outside its folder"),
        (("..\\outside.csv",), "would be written outside its folder"),
        (("/etc/outside.csv",), "would be written outside its folder"),
        (("C:\\outside.csv",), "would be written outside its folder"),
    ],
)
def test_names_that_lead_outside_or_stand_in_each_others_way_are_refused(tmp_path: Path, names: tuple[str, ...], why: str) -> None:
    assert why in refused(tmp_path, packed(*((name, TEXT if not name.endswith("/") else b"") for name in names)))


def test_a_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("train.csv")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert "or is a link" in refused(tmp_path, packed((link, b"/etc/passwd")))


@pytest.mark.parametrize("claimed", [10, 2**32 - 2])
def test_a_bomb_whose_directory_lies_about_its_size_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claimed: int
) -> None:
    most = 2**20
    monkeypatch.setattr(archives, "_MOST_BYTES", most)
    content = bytearray(packed(("zeros.csv", bytes(20 * 2**20))))
    assert len(content) < 100_000
    place = content.index(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<I", claimed)
    refused(tmp_path, bytes(content))
    assert sum(path.stat().st_size for path in (tmp_path / "inside").rglob("*")) <= most


def test_an_honest_bomb_and_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_MOST_BYTES", 2**20)
    monkeypatch.setattr(archives, "_MOST_FILES", 3)
    for name, content, why in (
        ("bomb", packed(*((f"{part}.csv", bytes(2**19)) for part in range(3))), "unpacks to more than 4 GiB"),
        ("many", packed(*((f"{part}.csv", b"x") for part in range(4))), "holds 4 files; at most 3 are read"),
    ):
        (tmp_path / name).mkdir()
        assert why in refused(tmp_path / name, content)


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_any_damage_is_read_or_refused(tmp_path: Path, how: int) -> None:
    whole = packed(("reviews/train.csv", TEXT), ("reviews/naïve.csv", TEXT), how=how)
    draw = random.Random(how)
    (tmp_path / "data.zip").write_bytes(whole)
    for attempt in range(400):
        content = bytearray(whole)
        for _change in range(draw.randint(1, 4)):
            content[draw.randrange(len(content))] = draw.randrange(256)
        (tmp_path / "data.zip").write_bytes(content[: draw.choice([len(content), draw.randrange(len(content))])])
        target = tmp_path / f"inside-{attempt}"
        target.mkdir()
        with suppress(DataError):
            unpack(tmp_path / "data.zip", target)
