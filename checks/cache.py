"""Verdicts on earlier submissions: a folder of JSON files, named after all that they depend on."""

import ast
import contextlib
import functools
import importlib.util
import json
import os
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

from checks.parts import checked
from checks.sandbox import cage
from checks.submissions import files

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


def name(submission, edition, parts, timeout):
    """The name of the file for a submission's findings: another one when anything has changed.

    They depend on the submission's files, the options, the utils.py that it gets, check.py's code,
    Python, the packages that it imports, and the protections, without which more may succeed.
    """
    always = [script for script in (submission.q1, submission.q2) if script]
    depends_on = [
        *(_own_digest(), str(submission.q1), str(submission.q2), edition, parts, timeout),
        *sorted(_versions(package) for package in _imported(submission.path, always)),
    ]
    return f"{files.digest(submission.path, depends_on, always)}.json"


@functools.cache
def _own_digest():
    """The digest of what decides a verdict besides the submission and its packages."""
    return files.digest(cage.CHECKS, [sys.version, cage.UTILS.read_bytes(), cage.protections()])


def _imported(folder, always):
    """The packages that the scripts in a folder import, by name, and those that every check needs."""
    found = {"numpy", "torch"}
    for path in files.files(folder, always):
        with contextlib.suppress(OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            if path.suffix == ".py":
                for node in ast.walk(ast.parse((folder / path).read_bytes())):
                    if isinstance(node, ast.Import):
                        found |= {alias.name.split(".")[0] for alias in node.names}
                    elif isinstance(node, ast.ImportFrom) and not node.level:
                        found.add(node.module.split(".")[0])
    return found - sys.stdlib_module_names


@functools.cache
def _versions(package):
    """(name, where it is, versions): nothing in it where it is not installed."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError, AttributeError):
        spec = None
    if spec is None:
        return package, "", ()
    distributions = _distributions().get(package, ())
    return package, str(spec.origin), tuple(sorted(map(metadata.version, distributions)))


@functools.cache
def _distributions():
    return metadata.packages_distributions()


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
    """Write findings to `path`, whole or not at all; write errors are ignored."""
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
