"""Unpacks a zip that someone else packed: bounded, and never outside the folder that it is meant for."""

import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from trainer_core.errors import DataError
from trainer_core.language import gettext as _

_MOST_BYTES = 4 * 2**30
_MOST_FILES = 300_000
_DEEPEST = 64
"""Folders within each other: what walks a tree, its removal too, does so by recursion."""
_CHUNK = 1 << 20
_DAMAGE = (
    zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, OSError,
    zlib.error, lzma.LZMAError, struct.error, ValueError,
)  # fmt: skip
"""What zipfile and what it unpacks with let through; a name that is no UTF-8 is a ValueError."""


def unpack(archive: Path, target: Path) -> Path:
    """Unpacks into `target`, an empty folder, and returns the folder that holds the data: the one folder in it where it is alone.

    Raises DataError for a damaged archive, for names that lead outside or can't stand beside each other, for links, and above
    4 GiB or 300,000 files.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [member for member in opened.infolist() if not _is_folder(member) and not _is_clutter(member)]
            folders = {PurePosixPath(_name_of(member)) for member in opened.infolist() if _is_folder(member)}
            places = _places(archive, members, folders)
            left = _MOST_BYTES
            for member in members:
                path = target.joinpath(*places[member].parts)
                path.parent.mkdir(parents=True, exist_ok=True)
                # Never over a file that is there: some disks take names that differ in case for the same.
                with opened.open(member) as source, path.open("xb") as file:
                    while chunk := source.read(_CHUNK):
                        left -= len(chunk)
                        if left < 0:  # whatever the directory of the archive claimed
                            raise _too_large(archive)
                        file.write(chunk)
    except _DAMAGE as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DataError(
            _("{file} can't be unpacked: {cause}. Pack it again as a plain zip without a password.").format(
                file=archive.name, cause=(said.splitlines() or [type(error).__name__])[0].rstrip(".")
            )
        ) from error
    folder = target
    while True:
        inside = list(folder.iterdir())
        if len(inside) != 1 or not inside[0].is_dir():
            return folder
        folder = inside[0]


def _places(archive: Path, members: list[zipfile.ZipInfo], folders: set[PurePosixPath]) -> Mapping[zipfile.ZipInfo, PurePosixPath]:
    """Where each member belongs below the folder. Raises DataError for what must not or can't be unpacked."""
    if not members:
        raise DataError(_("{file} holds no files. Pack the folder with the data.").format(file=archive.name))
    if sum(member.file_size for member in members) > _MOST_BYTES:
        raise _too_large(archive)
    if len(members) > _MOST_FILES:
        raise DataError(
            _("{file} holds {count:,} files; at most {most:,} are read.").format(
                file=archive.name, count=len(members), most=_MOST_FILES
            )
        )
    places: dict[zipfile.ZipInfo, PurePosixPath] = {}
    files: set[PurePosixPath] = set()
    for member in members:
        name = PurePosixPath(_name_of(member))
        # zipfile cuts a name at a zero byte, and would take what stands before it.
        if not name.parts or "\0" in member.orig_filename or len(name.parts) > _DEEPEST:
            raise _refused(archive, member, _("is no name of a file"))
        if name.is_absolute() or ".." in name.parts or ":" in name.parts[0] or stat.S_ISLNK(member.external_attr >> 16):
            raise _refused(archive, member, _("would be written outside its folder, or is a link"))
        if name in files:
            raise _refused(archive, member, _("is in it twice"))
        places[member] = name
        files.add(name)
    for member, name in places.items():
        if name in folders or not files.isdisjoint(name.parents):
            raise _refused(archive, member, _("and a folder in it have one name"))
    return places


def _refused(archive: Path, member: zipfile.ZipInfo, why: str) -> DataError:
    return DataError(
        _("{file} is refused: “{name}” {why}. Pack it anew.").format(file=archive.name, name=member.filename[:200], why=why)
    )


def _name_of(member: zipfile.ZipInfo) -> str:
    """The member's name. Without the UTF-8 flag a zip from Chinese Windows has it in GBK, which Python reads as cp437."""
    name = member.filename.replace("\\", "/")
    if not member.flag_bits & 0x800 and not name.isascii():
        try:
            return name.encode("cp437").decode("gb18030")
        except UnicodeError:
            return name
    return name


def _is_folder(member: zipfile.ZipInfo) -> bool:
    """Folders are made as files need them."""
    return _name_of(member).endswith("/")


def _is_clutter(member: zipfile.ZipInfo) -> bool:
    """What a Mac or Windows puts beside the files."""
    parts = PurePosixPath(_name_of(member)).parts
    return "__MACOSX" in parts or parts[-1:] in ((".DS_Store",), ("Thumbs.db",), ("desktop.ini",))


def _too_large(archive: Path) -> DataError:
    return DataError(_("{file} unpacks to more than 4 GiB. Take a part of it.").format(file=archive.name))
