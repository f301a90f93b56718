"""Unpacking a zip from a stranger: into a folder, within limits, nothing outside it."""

import contextlib
import os
import re
import stat
import unicodedata
import zipfile
from pathlib import Path, PurePosixPath

from checks.submissions.files import ARCHIVES, IGNORED_FOLDERS, IGNORED_SUFFIXES, MAX_FILE

MAX_MEMBERS = 20_000  # files and folders that are written
MAX_UNPACKED = 1 * 2**30  # bytes that are written
MAX_ARCHIVE = 200 * 2**20  # bytes of a zip in the zip
BLOCK = 2**16
UTF_8 = 0x800  # the flag of a name in UTF-8


class RefusedArchive(Exception):
    """An archive that is not unpacked: the message is one line that says why."""


class _Full(Exception):
    """The archive writes more than is allowed."""


def unpack(path, folder):
    """Unpack the zip at `path` to `folder`; {path: reason} of the files in it that are damaged.

    Links, hidden folders, environments and caches are left out. Data, figures and files above
    `MAX_FILE` keep their names and lose their contents. Zips inside it are unpacked as files, for
    the caller to open. RefusedArchive says why nothing is unpacked.
    """
    damaged = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = [(member, _safe_name(member)) for member in archive.infolist()]
            members = [(member, name) for member, name in members if _is_wanted(member, name)]
            if len(members) > MAX_MEMBERS:
                raise RefusedArchive(f"holds {len(members):,} files, more than {MAX_MEMBERS:,}")
            room = [MAX_UNPACKED]
            for member, name in members:
                try:
                    _write(archive, member, folder / name, room)
                # zipfile raises struct.error, zlib.error, EOFError, ... on damaged files.
                except (_Full, MemoryError):
                    raise
                except Exception as error:  # noqa: BLE001
                    damaged[folder / name] = str(error) or type(error).__name__
    except RefusedArchive:
        raise
    except _Full:
        raise RefusedArchive(f"unpacks to more than {MAX_UNPACKED // 2**20:,} MB") from None
    except Exception as error:  # noqa: BLE001
        raise RefusedArchive(f"cannot be unpacked ({str(error) or type(error).__name__})") from None
    return damaged


def _safe_name(member):
    """The member's name as a relative path; RefusedArchive if it leads out of the archive.

    macOS writes names in UTF-8 and does not say so: they are read as what they are.
    """
    text = member.filename
    if not member.flag_bits & UTF_8:
        with contextlib.suppress(UnicodeError):  # it is in the code page that zips had first
            text = text.encode("cp437").decode("utf-8")
    text = unicodedata.normalize("NFC", text).replace("\\", "/")
    name = PurePosixPath(text)
    if name.is_absolute() or ".." in name.parts or re.match("[A-Za-z]:", text):
        raise RefusedArchive(f"names a file outside itself ({member.filename[:80]!r})")
    return Path(name)


def _is_wanted(member, name):
    mode = member.external_attr >> 16
    if not name.parts or ":" in str(name):  # Windows' notes on a file: hw1-q1.py:Zone.Identifier
        return False
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return False
    folders = {part.lower() for part in (name.parts if member.is_dir() else name.parts[:-1])}
    return not folders & IGNORED_FOLDERS and not any(part.startswith(".") for part in folders)


def _write(archive, member, path, room):
    """Write a member to `path`; takes its bytes from those in room[0], _Full if they are more."""
    suffix = path.suffix.lower()
    path.parent.mkdir(parents=True, exist_ok=True)
    if member.is_dir():
        path.mkdir(exist_ok=True)
    elif suffix in IGNORED_SUFFIXES:
        path.touch()
    elif member.file_size > (MAX_ARCHIVE if suffix in ARCHIVES else MAX_FILE):
        path.touch()
        os.truncate(path, MAX_FILE + 1)  # too large to be read, as it is in a folder
    else:
        try:
            with archive.open(member) as stream, open(path, "wb") as file:
                while block := stream.read(BLOCK):
                    room[0] -= len(block)
                    if room[0] < 0:
                        raise _Full
                    file.write(block)
        except Exception:
            path.unlink(missing_ok=True)
            raise
