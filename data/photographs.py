"""The course's file from folders of photographs: which photograph stands where, and its pixels."""

import hashlib
import os
import unicodedata
import warnings
from pathlib import Path

import numpy as np

from lab.files import reason_of
from lab.known_data import KNOWN, Fingerprint, landscape_names
from utils import SPLITS, InputError, notice

SIDE = 48
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"}
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP")  # no decoder that starts other programs
MEND = "mend or remove it, or unpack the photographs again"

# The public buildings/0.jpg, which some copies have another picture for: bytes, SHA-256, and the
# SHA-256 of its 48x48 pixels.
GENUINE_SIZE = 11_089
GENUINE = "888c4afd91e206d70ff3c8f31a702c5bd4059b52c29970e5801ba202e2630d30"
GENUINE_PIXELS = "4e99a6954e7e3bb2fd93b04f4443e7d067b2820ed6bd512fa84ecd028f5eb730"


def find_photographs(folder, name):
    """The images of a folder that has one folder per class: dict of class -> {file name: path}.

    name : what the public set calls the folder, seg_train or seg_test.

    Raises InputError where there are no class folders, or one of them has no images.
    """
    found = {}
    for class_folder in _subfolders(_folder_of_classes(Path(folder), name)):
        files = [Path(e) for e in os.scandir(class_folder) if e.is_file() and e.name[0] != "."]
        images = {path.name: path for path in files if _is_image(path.name)}
        if not images:
            raise InputError(f"{class_folder}: class folder without images; {MEND}")
        if len(images) < len(files):
            other = min(path for path in files if path.name not in images)
            notice(f"{other}: ignored, not the name of an image")
        found[class_folder.name] = images
    return found


def _folder_of_classes(folder, name):
    """The folder itself, or the only one in it, that has class folders."""
    if not folder.is_dir():
        what = "not a folder" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {what}; give the folder that has one folder per class")
    found = _folders_of_classes(folder)
    if not found:
        raise InputError(
            f"{folder}: has no class folders with images; give the folder that has one per class"
        )
    if len(found) > 1:
        called = [path for path in found if name in path.relative_to(folder).parts]
        raise InputError(
            f"{folder}: contains several folders that have class folders; "
            f"give {' or '.join(map(str, called or found))} as {name.upper()}"
        )
    if found[0] != folder:
        notice(f"{folder}: its class folders are in {found[0]}, which is taken")
    return found[0]


def _folders_of_classes(folder, depth=2):
    """The folders, in this one or itself, of which at least two subfolders hold images."""
    inner = _subfolders(folder)
    below = [path for sub in inner for path in _folders_of_classes(sub, depth - 1)] if depth else []
    with_images = [sub for sub in inner if any(_is_image(entry.name) for entry in os.scandir(sub))]
    return below or [folder] * (len(with_images) > 1)


def _subfolders(folder):
    entries = (e for e in os.scandir(folder) if not e.name.startswith((".", "__")) and e.is_dir())
    return sorted(Path(entry) for entry in entries)


def _is_image(name):
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES


def course_split(names):
    """The training photographs in the course's order, and the tenth held out for validation.

    The classes are listed in reverse alphabetical order, the files of a class as a Mac lists them;
    then scikit-learn's train_test_split(test_size=0.1, random_state=42).

    names : dict of class -> file names.

    Returns (train, val), lists of (class, file name).
    """
    listed = [
        (label, name)
        for label in sorted(names, reverse=True)
        for name in sorted(names[label], key=lambda name: (apfs_hash(name), name))
    ]
    order = np.random.RandomState(42).permutation(len(listed))
    n_val = -(-len(listed) // 10)
    return [listed[i] for i in order[n_val:]], [listed[i] for i in order[:n_val]]


def apfs_hash(name):
    """The number by which APFS, a Mac's file system, orders the names in a folder.

    The last 22 bits of the CRC-32C, not complemented at its end, of the decomposed, case-folded name
    in UTF-32 (Apple File System Reference, j_drec_hashed_key_t).
    """
    crc = 0xFFFFFFFF
    folded = unicodedata.normalize("NFD", name).casefold()
    for byte in folded.encode("utf-32-le", "surrogatepass"):
        crc = CRC32C[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc & 0x3FFFFF


def _crc32c(byte):
    """The entry for a byte in the table of the reflected CRC with Castagnoli's polynomial."""
    for _ in range(8):
        byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
    return byte


CRC32C = [_crc32c(byte) for byte in range(256)]


def load_image(path):
    """The image as ndarray of shape (48, 48, 3), uint8: RGB, resized whole by Lanczos."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                if image.mode[0] in "IF":
                    raise ValueError("more than 8 bits a channel")
                rgb = image.convert("RGB")  # before resizing: a palette's indices do not blend
                return np.asarray(rgb.resize((SIDE, SIDE), Image.Resampling.LANCZOS))
    except Exception as error:  # on damaged files the decoders raise whatever comes up
        raise InputError(f"{path}: broken image ({reason_of(error)}); {MEND}") from error


def compared_with_the_course(train, test, arrays):
    """Lines that say which splits are the course's to the byte and, where one is not, why.

    train, test : what `find_photographs` found, of the landscapes' classes.
    arrays : the file that was made of them.
    """
    digests = zip(Fingerprint(arrays).content, KNOWN["intel_landscapes"].content, strict=True)
    same = [ours == theirs for ours, theirs in digests]
    verdicts = ["the course's, to the byte" if equal else "not the course's" for equal in same]
    lines = [f"{split}: {verdict}" for split, verdict in zip(SPLITS, verdicts, strict=True)]
    public_train, public_test = landscape_names()
    names = _other_names(train, public_train)
    lines += names + _other_names(test, public_test)
    if not all(same):
        lines += _other_pictures(train["buildings"].get("0.jpg"))
    if names:
        lines.append(
            "so this is not the course's split: compare trends with its published figures, not digits"
        )
    elif not all(same[:2]):
        lines.append(
            "the order is the course's, but not every picture or its decoding: its published figures "
            "may differ in their last digits"
        )
    return lines


def _other_names(found, public):
    """A line for each class whose files are not those of the public set."""
    lines = []
    for label, names in public.items():
        folder = next(iter(found[label].values())).parent
        extra, missing = found[label].keys() - names, names - found[label].keys()
        if extra or missing:
            line = f"{folder}: {len(found[label]):,} photographs, the public set has {len(names):,}"
            for what, files in (("extra", extra), ("missing", missing)):
                if files:
                    first = min(files, key=lambda name: (len(name), name))
                    line += f"; {what}: {first}"
                    line += f" and {len(files) - 1:,} more" if len(files) > 1 else ""
            lines.append(line)
    return lines


def _other_pictures(path):
    """A line where buildings/0.jpg, if it is there, is another picture or decoded otherwise."""
    from PIL import __version__, features

    content = path.read_bytes() if path else b""
    if path and hashlib.sha256(content).hexdigest() != GENUINE:
        what = f"a foreign picture of {len(content):,} bytes; the public one has {GENUINE_SIZE:,}"
    elif path and hashlib.sha256(load_image(path).tobytes()).hexdigest() != GENUINE_PIXELS:
        what = (
            f"genuine, but Pillow {__version__} with JPEG library {features.version('jpg')} decodes "
            "it to other pixels; use a wheel of Pillow, which has libjpeg-turbo"
        )
    else:
        return []
    return [f"{path}: {what}"]
