"""Unpacks a zip that someone else packed: bounded, and never outside the folder that it is meant for."""

import stat
import zipfile
from gettext import gettext as _
from pathlib import Path, PurePosixPath

from trainer_core.errors import DataError

_MOST_BYTES = 4 * 2**30
_MOST_FILES = 300_000
_CHUNK = 1 << 20


def unpack(archive: Path, target: Path) -> Path:
    """Unpacks into `target` and returns the folder that holds the data: the one folder in it where there is only one.

    Raises DataError for a damaged archive, for names that lead outside, for links, and above 4 GiB or 300,000 files.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [member for member in opened.infolist() if not member.is_dir() and not _is_clutter(member.filename)]
            _check(archive, members)
            left = _MOST_BYTES
            for member in members:
                path = target.joinpath(*PurePosixPath(_name_of(member)).parts)
                path.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(member) as source, path.open("wb") as file:
                    while chunk := source.read(_CHUNK):
                        left -= len(chunk)
                        if left < 0:  # whatever the directory of the archive claimed
                            raise _too_large(archive)
                        file.write(chunk)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise DataError(
            _("{file} can't be unpacked: {cause}. Pack it again as a plain zip without a password.").format(
                file=archive.name, cause=str(error).splitlines()[0] if str(error) else type(error).__name__
            )
        ) from error
    folder = target
    while True:
        inside = list(folder.iterdir())
        if len(inside) != 1 or not inside[0].is_dir():
            return folder
        folder = inside[0]


def _check(archive: Path, members: list[zipfile.ZipInfo]) -> None:
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
    for member in members:
        name = PurePosixPath(_name_of(member))
        if name.is_absolute() or ".." in name.parts or ":" in name.parts[0] or stat.S_ISLNK(member.external_attr >> 16):
            raise DataError(
                _("{file} is refused: “{name}” would be written outside its folder, or is a link. Pack it anew.").format(
                    file=archive.name, name=member.filename[:200]
                )
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


def _is_clutter(name: str) -> bool:
    """What a Mac or Windows puts beside the files."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return "__MACOSX" in parts or parts[-1:] in ((".DS_Store",), ("Thumbs.db",), ("desktop.ini",))


def _too_large(archive: Path) -> DataError:
    return DataError(_("{file} unpacks to more than 4 GiB. Take a part of it.").format(file=archive.name))
