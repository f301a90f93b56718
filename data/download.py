"""Fetch a published file: it takes its name only when it is complete and what it should be."""

import hashlib
import os
import tempfile
from pathlib import Path

from lab.datafile import progress_bar
from lab.files import reason_of
from utils import InputError, notice, read_npz

RETRIES = 3  # after a transfer breaks off; each goes on where the one before stopped


def ensure(path, known, then=""):
    """Have the file that `known.download` describes at `path`: kept if its MD5 is right, or fetched.

    then : what to do next with a file fetched by hand, for the message.

    Raises InputError where it cannot be fetched or is another file.
    """
    url, md5 = known.download["url"], known.download.get("md5")
    if md5 and path.is_file() and _md5(path) == md5:
        notice(f"{path}: already here")
        return
    try:
        _fetch(url, path, md5)
    except (OSError, InputError) as error:
        raise InputError(
            f"{path.name}: cannot be downloaded ({reason_of(error)}); fetch {url} by hand, save it "
            f"as {path}{then}"
        ) from error


def _fetch(url, path, md5):
    """Download a file that has this MD5 or, where none is published, is an image data set.

    Raises InputError where it is another; OSError where there is no connection, the server refuses
    or the disk is full.
    """
    import gdown

    digest = hashlib.md5(usedforsecurity=False)
    with (
        progress_bar(unit="B", unit_scale=True, desc=path.name) as bar,
        tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder,
    ):
        part = Path(folder) / path.name

        def show(received, total):
            bar.total = total
            bar.update(received - bar.n)

        options = {"quiet": True, "use_cookies": False, "timeout": 30, "retries": RETRIES}
        try:
            gdown.download(url, str(part), hasher=digest, progress=show, **options)
        except gdown.exceptions.DownloadError as error:
            raise OSError(str(error)) from error
        if md5 is None:
            read_npz(part)
        elif digest.hexdigest() != md5:
            raise InputError(f"its MD5 is {digest.hexdigest()}, its authors publish {md5}")
        part.chmod(0o644)  # as fetched only its owner may read it
        os.replace(part, path)


def _md5(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
