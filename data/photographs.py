"""The course's file from folders of photographs: which are taken, where each stands, its pixels."""

import hashlib
import os
import unicodedata
import warnings
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from lab.datafile import print_counts, progress_bar, write_npz
from lab.files import reason_of
from lab.known_data import KNOWN, LANDSCAPES, Fingerprint, landscape_names
from utils import SPLITS, InputError, notice, read_npz

SIDE = 48
PUBLIC_SIDE = 150  # no public photograph is wider or higher
SUFFIXES = {".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"}
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP")  # no decoder that starts other programs
NAMED = 50  # broken images that one message names

# The public buildings/0.jpg, which some copies have another picture for: bytes, SHA-256, and the
# SHA-256 of its 48x48 pixels.
GENUINE_SIZE = 11_089
GENUINE = "888c4afd91e206d70ff3c8f31a702c5bd4059b52c29970e5801ba202e2630d30"
GENUINE_PIXELS = "4e99a6954e7e3bb2fd93b04f4443e7d067b2820ed6bd512fa84ecd028f5eb730"


def images(seg_train, seg_test, output, as_given=False):
    """Make the course's file: photographs as 48x48 RGB, a tenth of the training ones held out.

    Folders of other classes go through the same steps. Raises InputError where a folder, a class
    or an image is missing or broken, the file is there already or, unless `as_given`, the two
    folders are one or look swapped.
    """
    train, test = find_photographs(seg_train, "seg_train"), find_photographs(seg_test, "seg_test")
    if train.keys() != test.keys():
        name = min(train.keys() ^ test.keys())
        here, there = (seg_train, seg_test) if name in train else (seg_test, seg_train)
        raise InputError(
            f"{there}: lacks class {name}, which {here} has; unpack the photographs again"
        )
    classes = sorted(train)
    chosen = dict(zip(("train", "val"), course_split(train), strict=True))
    chosen["test"] = [(label, name) for label in classes for name in sorted(test[label])]
    if lost := set(classes) - {label for label, _ in chosen["train"]}:
        raise InputError(
            f"{seg_train}: class {min(lost)} has so few images that all were held out; add some"
        )
    if os.path.lexists(output):
        raise InputError(f"{output}: exists already; remove it or give another -output")
    if not as_given:
        _check_order(seg_train, train, seg_test, test)
    public = landscape_names() if tuple(classes) == LANDSCAPES else ({}, {})
    broken = []
    with progress_bar(total=sum(map(len, chosen.values())), unit=" images") as bar:

        def chunks(split):
            found, names = (test, public[1]) if split == "test" else (train, public[0])
            for label, name in chosen[split]:
                try:
                    image = load_image(found[label][name], name in names.get(label, ()))
                except InputError as error:
                    broken.append(str(error))
                else:
                    yield image[None], [classes.index(label)]
                bar.update()
            if broken and split == SPLITS[-1]:
                more = f", and {len(broken) - NAMED:,} more" if len(broken) > NAMED else ""
                raise InputError(
                    f"{len(broken):,} broken images: {', '.join(broken[:NAMED])}{more}; repair or "
                    "remove them, or unpack the photographs again"
                )

        splits = {split: (len(chosen[split]), chunks(split)) for split in SPLITS}
        labels = write_npz(output, (SIDE, SIDE, 3), splits)
    print_counts(output, labels, classes)
    if tuple(classes) == LANDSCAPES:
        print(*compared_with_the_course(train, test, read_npz(output)), sep="\n")


def _check_order(seg_train, train, seg_test, test):
    """Refuse the same folder twice, and folders that look swapped."""
    if os.path.samefile(_parent(train), _parent(test)):
        problem = f"{seg_train} and {seg_test} are the same folder"
    elif sum(map(len, test.values())) > sum(map(len, train.values())):
        problem = f"{seg_test} has more photographs than {seg_train}: they look swapped"
    else:
        return
    raise InputError(
        f"{problem}; give SEG_TRAIN, then SEG_TEST, or -as_given to take them as they are"
    )


def _parent(found):
    return next(iter(next(iter(found.values())).values())).parent.parent


def find_photographs(folder, name):
    """The images of a folder that has one folder per class: dict of class -> {file name: path}.

    name : what the public set calls the folder, seg_train or seg_test.

    What is not taken is counted on standard error, a line for each kind. The names of classes are
    in Unicode's composed form (NFC), as file systems differ in it.

    Raises InputError where there are no class folders, or one of them has no images.
    """
    folder = _folder_of_classes(Path(folder), name)
    found, left_out = {}, defaultdict(Counter)
    for path in _entries(folder):
        if not _is_visible_folder(path):
            left_out[_kind(path) or "images"]["beside the class folders"] += 1
            continue
        label = unicodedata.normalize("NFC", path.name)
        if label in found:
            raise InputError(f"{folder}: has two folders called {label}; put them together")
        found[label] = {}
        for file in _entries(path):
            if _is_visible_folder(file):
                files = sum(len(names) for _, _, names in os.walk(file))
                left_out["files in folders inside a class folder"][f"in {label}"] += files
            elif kind := _kind(file):
                left_out[kind][f"in {label}"] += 1
            else:
                found[label][file.name] = file
        if not found[label]:
            there = [f"{n:,} {kind}" for kind, at in left_out.items() if (n := at[f"in {label}"])]
            holds = f" ({', '.join(there)})" if there else ""
            raise InputError(
                f"{path}: class folder without images{holds}; put its images right into it, "
                "or remove it"
            )
    for kind, places in sorted(left_out.items()):
        if total := sum(places.values()):
            where = ", ".join(f"{n:,} {place}" for place, n in places.items() if n)
            notice(f"{folder}: left out {total:,} {kind}: {where}")
    return found


def _folder_of_classes(folder, name):
    """The folder itself or, where it holds nothing but one folder of folders, the one inside."""
    given = folder
    if not folder.is_dir():
        what = "not a folder" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {what}; give the folder that has one folder per class")
    while len(inner := _subfolders(folder)) == 1 and _subfolders(inner[0]):
        folder = inner[0]
    for inside in (folder / name / name, folder / name):
        if inside.is_dir():
            raise InputError(f"{folder}: holds several sets; give {inside} as {name.upper()}")
    if len(inner) < 2:
        raise InputError(
            f"{folder}: has {len(inner)} class folders, at least 2 are needed; give the folder that "
            "has one folder of images per class"
        )
    if folder != given:
        notice(f"{given}: using the class folders in {folder}")
    return folder


def _entries(folder):
    return sorted(Path(entry) for entry in os.scandir(folder))


def _subfolders(folder):
    return [path for path in _entries(folder) if _is_visible_folder(path)]


def _is_visible_folder(path):
    return not path.name.startswith((".", "__")) and path.is_dir()


def _kind(path):
    """What something that is not taken is, in the plural; "" for an image."""
    if path.name.startswith((".", "__")):
        return "hidden files"
    if not path.exists():
        return "links to nothing"
    if not path.is_file():
        return "pipes or devices"
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return ""
    return f"{suffix} files" if suffix[1:].isalnum() else "files without an ending"


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


def load_image(path, public=False):
    """The image as ndarray of shape (48, 48, 3), uint8: RGB, resized whole by Lanczos.

    It is turned as its EXIF data say and laid on white, as viewers show it. `public` says that it
    has the name of a photograph of the public set, which the course's file has as it is stored.

    Raises InputError where it cannot be decoded.
    """
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                if image.mode[0] in "IF":
                    raise ValueError("more than 8 bits a channel")
                if not (public and max(image.size) <= PUBLIC_SIDE):
                    image = ImageOps.exif_transpose(image)
                if image.has_transparency_data:
                    rgba = image.convert("RGBA")
                    image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
                rgb = image.convert("RGB")  # before resizing: a palette's indices do not blend
                return np.asarray(rgb.resize((SIDE, SIDE), Image.Resampling.LANCZOS))
    except Exception as error:  # on damaged files the decoders raise whatever comes up
        raise InputError(f"{path} ({reason_of(error)})") from error


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
    elif path and hashlib.sha256(load_image(path, True).tobytes()).hexdigest() != GENUINE_PIXELS:
        what = (
            f"genuine, but Pillow {__version__} with JPEG library {features.version('jpg')} decodes "
            "it to other pixels; use a wheel of Pillow, which has libjpeg-turbo"
        )
    else:
        return []
    return [f"{path}: {what}"]
