"""Unpacking a zip from a stranger: into a folder, within limits, nothing outside it."""

import stat
import zipfile
from pathlib import Path, PurePosixPath

from checks.submissions.files import ARCHIVES, IGNORED_FOLDERS, IGNORED_SUFFIXES, MAX_FILE

MAX_MEMBERS = 20_000
MAX_CLAIMED = 8 * 2**30  # bytes the archive says it holds, data files included
MAX_UNPACKED = 200 * 2**20  # bytes that are written
BLOCK = 2**16


class RefusedArchive(Exception):
    """An archive that is not unpacked: the message is one line that says why."""


def unpack(path, folder):
    """Unpack the scripts of the zip at `path` to `folder`; data, figures and links are left out.

    Zips inside it are unpacked as files, for the caller to open. RefusedArchive says why not.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MAX_MEMBERS:
                raise RefusedArchive(f"holds {len(members):,} files, more than {MAX_MEMBERS:,}")
            if sum(member.file_size for member in members) > MAX_CLAIMED:
                raise RefusedArchive(f"unpacks to more than {MAX_CLAIMED // 2**30} GB")
            names = [_safe_name(member) for member in members]
            room = MAX_UNPACKED
            for member, name in zip(members, names, strict=True):
                if _is_wanted(member, name):
                    room = _write(archive, member, folder / name, room)
    except RefusedArchive:
        raise
    # zipfile raises struct.error, zlib.error, EOFError, ... on damaged files.
    except Exception as error:  # noqa: BLE001
        raise RefusedArchive(f"cannot be unpacked ({str(error) or type(error).__name__})") from None


def _safe_name(member):
    """The member's name as a relative path; RefusedArchive if it leads out of the archive."""
    name = PurePosixPath(member.filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or ":" in member.filename:
        raise RefusedArchive(f"names a file outside itself ({member.filename[:80]!r})")
    return Path(name)


def _is_wanted(member, name):
    mode = member.external_attr >> 16
    if member.is_dir() or (mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG)):
        return False
    folders = {part.lower() for part in name.parts[:-1]}
    if folders & IGNORED_FOLDERS or any(part.startswith(".") for part in folders):
        return False
    suffix = name.suffix.lower()
    if suffix in ARCHIVES:
        return member.file_size <= MAX_UNPACKED
    return suffix not in IGNORED_SUFFIXES and member.file_size <= MAX_FILE


def _write(archive, member, path, room):
    """Write a member to `path`; returns the bytes of `room` that are left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as stream, open(path, "wb") as file:
        while block := stream.read(BLOCK):
            room -= len(block)
            if room < 0:
                raise RefusedArchive(f"unpacks to more than {MAX_UNPACKED // 2**20} MB of scripts")
            file.write(block)
    return room
