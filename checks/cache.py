"""What was found in submissions before: a folder of JSON files, named after what they depend on."""

import contextlib
import functools
import json
import os
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

from checks.parts import checked
from checks.submissions import files

VERSION = 1
KEPT_DAYS = 60
MAX_FILE = 4 * 2**20  # bytes


def folder():
    """Where the user's programs keep what they can compute again; None if there is no such place."""
    try:
        if sys.platform == "win32":
            base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
        elif sys.platform == "darwin":
            base = Path.home() / "Library" / "Caches"
        else:
            base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:  # no home
        return None
    return Path(base) / "hw1-check"


def forget_old(place):
    """Remove results that are older than `KEPT_DAYS`."""
    with contextlib.suppress(OSError):
        for path in place.glob("*.json"):
            if path.stat().st_mtime < time.time() - KEPT_DAYS * 86400:
                path.unlink()


@functools.cache
def _own_digest():
    """The digest of what decides a verdict besides the submission: our code, the versions used."""
    versions = [sys.version]
    for package in ("numpy", "torch"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions.append(metadata.version(package))
    return files.digest(Path(__file__).parent, [VERSION, *versions])


def name(submission, edition, parts, timeout):
    """The name of the file for a submission's findings: another one when anything has changed."""
    scripts = [str(submission.q1), str(submission.q2)]
    depends_on = [_own_digest(), *scripts, edition, parts, timeout]
    always = [script for script in (submission.q1, submission.q2) if script]
    return f"{files.digest(submission.path, depends_on, always)}.json"


def read(path, parts):
    """The findings remembered at `path`; None if there are none, or they are damaged."""
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_FILE)
        found = json.loads(text)
        return checked(found, parts) if set(found["parts"]) == set(parts) else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def write(path, found):
    """Write findings to `path`, whole or not at all; a cache that cannot be written is none."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                json.dump(found, file)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
