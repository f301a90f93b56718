"""data/prepare.py: every command makes a complete and right file, or says in one line why not."""

import contextlib
import dataclasses
import gzip
import hashlib
import http.server
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
import tracemalloc
import unicodedata

import numpy as np
import pytest
from conftest import ROOT, run_script
from PIL import Image

from data import cifar_batches, photographs, prepare
from data import download as downloading
from data.photographs import apfs_hash, course_split, load_image
from lab import known_data, process, standin
from lab.known_data import KNOWN
from lab.known_data import LANDSCAPES as CLASSES
from utils import SPLITS, InputError, read_npz


def fails(capfd, *arguments):
    """Run a command that must end with exit status 2 and one line on standard error: the line."""
    with pytest.raises(SystemExit) as stop:
        process.run_script(lambda _: prepare.main([str(a) for a in arguments]))
    out, err = capfd.readouterr()
    assert stop.value.code == 2
    assert out == ""
    assert err.endswith("\n") and err.count("\n") == 1, err
    return err


def colour(folder, k, i):
    """A colour of its own for each photograph."""
    return (40 * k + 7, 200 if folder == "seg_test" else 20, 10 * i + 3)


@pytest.fixture
def folders(tmp_path):
    """seg_train with 8 one-coloured images in each of 6 classes, seg_test with 2."""
    for folder, n in (("seg_train", 8), ("seg_test", 2)):
        for k, name in enumerate(CLASSES):
            (tmp_path / folder / name).mkdir(parents=True)
            for i in range(n):
                image = Image.new("RGB", (30 + 10 * i, 60), colour(folder, k, i))
                # Pillow looks at the content, not at the ending.
                image.save(tmp_path / folder / name / f"{i + 7}.jpg", format="PNG")
    return tmp_path / "seg_train", tmp_path / "seg_test"


def make(folders, output):
    prepare.images(*folders, output)
    return read_npz(output)


# --- images ---


def test_images_keep_every_photograph_once_under_its_class(folders, tmp_path, capsys):
    arrays = make(folders, tmp_path / "x.npz")
    sizes = {split: len(arrays[f"{split}_labels"]) for split in SPLITS}
    assert sizes == {"train": 43, "val": 5, "test": 12}  # a tenth of 48, rounded up
    seen = {"seg_train": [], "seg_test": []}
    for split in SPLITS:
        folder = "seg_test" if split == "test" else "seg_train"
        for image, k in zip(arrays[f"{split}_images"], arrays[f"{split}_labels"], strict=True):
            assert image.shape == (48, 48, 3)
            assert (image == image[0, 0]).all()
            assert image[0, 0, 0] == 40 * k + 7
            seen[folder].append(tuple(int(c) for c in image[0, 0]))
    for folder, n in (("seg_train", 8), ("seg_test", 2)):
        assert sorted(seen[folder]) == sorted(
            colour(folder, k, i) for k in range(6) for i in range(n)
        )
    # The split is the list's own, and the test set by class, then by name.
    names = {name: [f"{i + 7}.jpg" for i in range(8)] for name in CLASSES}
    for split, chosen in zip(("train", "val"), course_split(names), strict=True):
        blues = [10 * (int(name[:-4]) - 7) + 3 for _, name in chosen]
        assert arrays[f"{split}_images"][:, 0, 0, 2].tolist() == blues
        assert [CLASSES[k] for k in arrays[f"{split}_labels"]] == [label for label, _ in chosen]
    assert arrays["test_labels"].tolist() == [k for k in range(6) for _ in range(2)]
    assert arrays["test_images"][:, 0, 0, 2].tolist() == [3, 13] * 6
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["train", "val", "test"]
    assert [line.split()[0] for line in lines[1:7]] == list(CLASSES)
    assert lines[7].split() == ["total", "43", "5", "12"]


def test_the_order_of_the_14034_public_photographs_is_the_courses():
    """The digests are those of the file numbers, two bytes each, as the course's file has them."""
    assert apfs_hash("0.jpg") == 0x3FCCF9 and apfs_hash("10006.jpg") == 0x2AD844
    assert apfs_hash("\u00c9.JPG") == apfs_hash("e\u0301.jpg") == 0x19A454  # equal names to a Mac
    train, val = course_split(known_data.landscape_names()[0])
    for chosen, n, digest in (
        (train, 12_630, "3acfed3b85a9aa8a5135ffd9263fb718722632835038371f22f23032dc355910"),
        (val, 1_404, "da7657bcf8d52e3f022a02f0a5aae9ab68d162395803d8d2dbdba74df3bf104a"),
    ):
        numbers = np.array([int(name.removesuffix(".jpg")) for _, name in chosen], "<u2")
        assert len(numbers) == n
        assert hashlib.sha256(numbers.tobytes()).hexdigest() == digest
    of_class = [label for label, _ in val]
    assert [of_class.count(name) for name in CLASSES] == [218, 231, 264, 234, 232, 225]


def test_the_split_is_of_the_list_in_reverse_order_of_classes():
    names = {label: [f"{label}{i}" for i in range(7)] for label in "abc"}
    train, val = course_split(names)
    listed = [(k, name) for k in "cba" for name in sorted(names[k], key=apfs_hash)]
    order = np.random.RandomState(42).permutation(21).tolist()
    assert val + train == [listed[i] for i in order]
    assert len(val) == 3


@pytest.mark.parametrize("size", [(150, 150), (113, 150), (48, 48), (20, 31)])
def test_a_jpeg_is_decoded_and_resized_whole_by_lanczos(tmp_path, size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.jpg", quality=90)
    decoded = Image.open(tmp_path / "x.jpg")
    expected = decoded.resize((48, 48), Image.Resampling.LANCZOS)
    assert np.array_equal(load_image(tmp_path / "x.jpg"), np.asarray(expected))


@pytest.mark.parametrize(
    ("mode", "ending", "value"),
    [("L", "png", 90), ("L", "jpg", 90), ("P", "gif", 90), ("P", "png", 90), ("1", "png", 255)]
    + [
        ("RGBA", "png", (90, 90, 90, 255)),
        ("LA", "png", (90, 255)),
        ("CMYK", "jpg", (165,) * 3 + (0,)),
    ],
)
def test_images_of_other_modes_become_rgb(tmp_path, mode, ending, value):
    path = tmp_path / f"x.{ending}"
    if mode == "P":
        image = Image.new("P", (50, 40), 3)
        image.putpalette([0] * 9 + [value] * 3 + [255] * (768 - 12))
        image.info["transparency"] = bytes([0, 1, 2, 3]) if ending == "png" else 0
    else:
        image = Image.new(mode, (50, 40), value)
    image.save(path)
    array = load_image(path)
    shown = {"1": 255, "P": 253 if ending == "png" else 90}.get(
        mode, 90
    )  # an alpha of 3 is nearly white
    assert array.shape == (48, 48, 3) and array.dtype == np.uint8
    assert np.abs(array.astype(int) - shown).max() <= 2


def test_images_do_not_depend_on_the_order_of_the_file_system(folders, tmp_path, monkeypatch):
    make(folders, tmp_path / "a.npz")
    listed = os.scandir
    monkeypatch.setattr(
        os, "scandir", lambda path: sorted(listed(path), key=lambda e: e.name, reverse=True)
    )
    make(folders, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_the_folder_around_is_taken_where_only_one_is_meant(folders, tmp_path, capfd):
    plain = make(folders, tmp_path / "a.npz")
    download = tmp_path / "download"
    for folder in folders:
        (download / folder.name).mkdir(parents=True)
        shutil.move(folder, download / folder.name)
    (download / "seg_train" / "__MACOSX").mkdir()
    (download / "seg_pred" / "seg_pred").mkdir(parents=True)
    shutil.copy(download / "seg_test" / "seg_test" / "sea" / "7.jpg", download / "seg_pred")
    again = make((download / "seg_train", download / "seg_test"), tmp_path / "b.npz")
    assert all(np.array_equal(plain[key], again[key]) for key in plain)
    assert str(download / "seg_train" / "seg_train") in capfd.readouterr().err
    # Around both it is not clear: the line names the argument to give.
    for place, name in enumerate(("seg_train", "seg_test")):
        arguments = [download / "seg_train" / "seg_train", download / "seg_test" / "seg_test"]
        arguments[place] = download
        line = fails(capfd, "images", *arguments, "-output", tmp_path / "x.npz")
        assert f"give {download / name / name} as {name.upper()}" in line
        assert "remove" not in line


def test_what_differs_from_the_courses_file_is_said(folders, tmp_path, monkeypatch, capsys):
    """With a public set of these few photographs: it, then copies that are not complete."""
    train, test = folders
    (train / "buildings" / "7.jpg").rename(train / "buildings" / "0.jpg")
    public = [
        {label: {path.name for path in (folder / label).iterdir()} for label in CLASSES}
        for folder in folders
    ]
    monkeypatch.setattr(photographs, "landscape_names", lambda: public)
    zero = train / "buildings" / "0.jpg"
    genuine = hashlib.sha256(zero.read_bytes()).hexdigest()
    monkeypatch.setattr(photographs, "GENUINE", genuine)
    pixels = hashlib.sha256(load_image(zero).tobytes()).hexdigest()
    monkeypatch.setattr(photographs, "GENUINE_PIXELS", pixels)
    content = known_data.Fingerprint(make(folders, tmp_path / "x.npz")).content
    known = dataclasses.replace(KNOWN["intel_landscapes"], content=content)
    monkeypatch.setitem(KNOWN, "intel_landscapes", known)

    def said():
        capsys.readouterr()
        (tmp_path / "x.npz").unlink()
        make(folders, tmp_path / "x.npz")
        lines = capsys.readouterr().out.splitlines()
        return lines[lines.index(f"wrote {tmp_path / 'x.npz'}") + 1 :]

    complete = [f"{split}: the course's, to the byte" for split in SPLITS]
    assert said() == complete
    # Of the test set one is lacking.
    kept = (test / "sea" / "8.jpg").rename(tmp_path / "kept.jpg")
    assert said()[:3] == [*complete[:2], "test: not the course's"]
    assert said()[3:] == [f"{test / 'sea'}: 1 photographs, the public set has 2; missing: 8.jpg"]
    kept.rename(test / "sea" / "8.jpg")
    # The picture of buildings/0.jpg is another; then five classes have one of that name too.
    content = zero.read_bytes()
    shutil.copy(test / "sea" / "8.jpg", zero)
    lines = said()
    assert "train: not the course's" in lines or "val: not the course's" in lines
    size = zero.stat().st_size
    assert lines[3] == (f"{zero}: a foreign picture of {size} bytes; the public one has 11,089")
    assert "the order is the course's" in lines[4]
    for label in CLASSES[1:]:
        shutil.copy(test / "sea" / "8.jpg", train / label / "0.jpg")
    lines = said()
    assert lines[:3] == ["train: not the course's", "val: not the course's", complete[2]]
    assert lines[3:8] == [
        f"{train / label}: 9 photographs, the public set has 8; extra: 0.jpg"
        for label in CLASSES[1:]
    ]
    assert str(zero) in lines[8] and "not the course's split" in lines[9]
    # A decoder that rounds otherwise.
    for label in CLASSES[1:]:
        (train / label / "0.jpg").unlink()
    zero.write_bytes(content)
    monkeypatch.setattr(photographs, "GENUINE_PIXELS", "0" * 64)
    assert said() == complete
    monkeypatch.setattr(photographs, "load_image", lambda *args: load_image(*args) ^ 1)
    lines = said()
    assert str(zero) in lines[3] and "decodes it to other pixels" in lines[3]
    assert "the order is the course's" in lines[4] and len(lines) == 5


def test_folders_of_other_classes_go_through_the_same_steps(folders, tmp_path, capsys):
    landscapes = make(folders, tmp_path / "a.npz")
    for folder in folders:
        for k, name in enumerate(CLASSES):
            (folder / name).rename(folder / f"kind {k}")
    capsys.readouterr()
    others = make(folders, tmp_path / "b.npz")
    assert all(np.array_equal(landscapes[key], others[key]) for key in others)
    assert "course" not in capsys.readouterr().out


def damage(kind, train, test):
    """Damage the folders; returns what the message must name."""
    named = train / "forest" / "new.png"
    if kind == "truncated":
        named = train / "sea" / "9.jpg"
        named.write_bytes(named.read_bytes()[:60])
    elif kind == "text":
        named.write_text("not an image")
    elif kind == "empty file":
        named.touch()
    elif kind == "sixteen bits":
        Image.fromarray(np.full((9, 9), 40_000, np.uint16)).save(named)
    elif kind == "postscript":  # Pillow would hand it to another program
        named.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    elif kind == "empty class":
        named = test / "street"
        for path in named.iterdir():
            path.unlink()
    elif kind == "missing class":
        named = "street"
        (train / named).rename(train.parent / named)
    elif kind == "missing folder":
        named = test.rename(test.parent / "elsewhere") and test
    elif kind == "no classes":
        named = test
        for folder in list(test.iterdir()):
            folder.rename(test.parent / f"old-{folder.name}")
    elif kind == "class held out":  # the only image of a class is one that the split takes away
        named = train
        for path in list(train.glob("*/*")):
            if path.stem != "7":
                path.unlink()
    return named


@pytest.mark.parametrize(
    "kind",
    ["truncated", "text", "empty file", "sixteen bits", "postscript", "empty class"]
    + ["missing class", "missing folder", "no classes", "class held out"],
)
def test_bad_photographs_are_named_and_nothing_is_written(folders, tmp_path, capfd, kind):
    named = damage(kind, *folders)
    output = tmp_path / "out" / "x.npz"
    output.parent.mkdir()
    line = fails(capfd, "images", *folders, "-output", output)
    assert str(named) in line
    assert kind != "postscript" or "cannot identify" in line
    assert os.listdir(output.parent) == []


def test_what_is_there_is_not_replaced(folders, tmp_path, capfd):
    output = tmp_path / "x.npz"
    make(folders, output)
    assert capfd.readouterr().err == ""
    whole = output.read_bytes()
    assert "exists already" in fails(capfd, "images", *folders, "-output", output)
    assert output.read_bytes() == whole


def test_one_folder_twice_and_swapped_folders_are_refused_unless_asked_for(
    folders, tmp_path, capfd
):
    train, test = folders
    (tmp_path / "again").symlink_to(train)
    output = tmp_path / "x.npz"
    for pair, words in (
        ((test, train), "they look swapped"),
        ((train, train), "are the same folder"),
        ((train, tmp_path / "again"), "are the same folder"),
    ):
        line = fails(capfd, "images", *pair, "-output", output)
        assert words in line and "-as_given" in line and not output.exists()
        prepare.main(["images", *map(str, pair), "-output", str(output), "-as_given"])
        assert capfd.readouterr().err == ""
        output.unlink()


def left_out(train, kind):
    """Put things of one kind beside the photographs of the sea; the line that must count them."""
    sea = train / "sea"
    for i in range(20):
        if kind == "links to nothing":
            (sea / f"link{i}.jpg").symlink_to("/nowhere.jpg")
        elif kind == "hidden files":
            (sea / f"._{i}.jpg").write_bytes(b"x")
        elif kind == "pipes or devices":
            os.mkfifo(sea / f"pipe{i}.jpg")
        elif kind == "files in folders inside a class folder":
            (sea / "more" / "deeper").mkdir(parents=True, exist_ok=True)
            shutil.copy(sea / "7.jpg", sea / "more" / ("deeper" if i % 2 else "") / f"{i}.jpg")
        elif kind == "images":
            shutil.copy(sea / "7.jpg", train / f"{i}.jpg")
        else:
            (sea / f"IMG_{i}{'.HEIC' if kind == '.heic files' else ''}").write_bytes(b"x")
    if kind == ".heic files":
        (train / "forest" / "x.heic").write_bytes(b"x")
        return f"{train}: left out 21 .heic files: 1 in forest, 20 in sea\n"
    where = "beside the class folders" if kind == "images" else "in sea"
    return f"{train}: left out 20 {kind}: 20 {where}\n"


KINDS = [".heic files", "files without an ending", "links to nothing", "hidden files"]
KINDS += ["pipes or devices", "files in folders inside a class folder", "images"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_left_out_is_counted_in_one_line_a_kind(folders, tmp_path, capfd, kind):
    make(folders, tmp_path / "a.npz")
    line = left_out(folders[0], kind)
    capfd.readouterr()
    make(folders, tmp_path / "b.npz")
    assert capfd.readouterr().err == line
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_jfif_is_jpeg(folders, tmp_path, capfd):
    make(folders, tmp_path / "a.npz")
    for path in (folders[1] / "sea").iterdir():
        path.rename(path.with_suffix(".JFIF"))
    make(folders, tmp_path / "b.npz")
    assert capfd.readouterr().err == ""
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_classes_are_the_folders_own(folders, tmp_path, capfd):
    """Photographs by year within a class do not make classes of the years."""
    for folder in folders:
        for year in ("2019", "2020"):
            (folder / "forest" / year).mkdir()
            for path in folder.glob("forest/*.jpg"):
                shutil.copy(path, folder / "forest" / year)
        for path in folder.glob("forest/*.jpg"):
            path.unlink()
    line = fails(capfd, "images", *folders, "-output", tmp_path / "x.npz")
    assert f"{folders[0] / 'forest'}: class folder without images (16 files in folders" in line


def test_classes_are_compared_after_unicode_normalisation(folders, tmp_path, capfd):
    train, test = folders
    plain = make(folders, tmp_path / "a.npz")
    composed, decomposed = (unicodedata.normalize(form, "Straße á") for form in ("NFC", "NFD"))
    (train / "street").rename(train / composed)
    (test / "street").rename(test / decomposed)
    capfd.readouterr()
    arrays = make(folders, tmp_path / "b.npz")
    assert composed in capfd.readouterr().out
    assert len(arrays["test_labels"]) == len(plain["test_labels"])
    shutil.copytree(train / composed, train / decomposed)
    assert "two folders called" in fails(capfd, "images", *folders, "-output", tmp_path / "x.npz")


def test_classes_that_the_console_has_no_letters_for(folders, tmp_path):
    for folder in folders:
        (folder / "street").rename(folder / "森林")
    arguments = ("images", *folders, "-output", tmp_path / "x.npz")
    done = run_script("data/prepare.py", *arguments, env={"PYTHONIOENCODING": "cp1252"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u68ee\\u6797" in done.stdout and "wrote" in done.stdout


def turned(path, orientation):
    """A photograph, white above and black below, stored on its side, 60x40, as JPEG."""
    image = Image.new("RGB", (60, 40))
    image.paste((255, 255, 255), (0, 0, 30, 40))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(path, "JPEG", exif=exif)


def test_photographs_are_turned_and_laid_on_white_as_a_viewer_does(tmp_path):
    path = tmp_path / "x.jpg"
    turned(path, 6)
    image = load_image(path).astype(int)
    assert image[:20].min() > 240 and image[28:].max() < 15
    stored = load_image(path, public=True).astype(int)
    assert stored[:, :20].min() > 240 and stored[:, 28:].max() < 15
    Image.new("RGB", (300, 200)).save(path, "JPEG", exif=Image.open(path).getexif())
    assert load_image(path, public=True).shape == (48, 48, 3)
    Image.new("RGB", (60, 40)).save(path, "JPEG", exif=b"Exif\0\0MM\0*" + b"\xff" * 40)
    assert (load_image(path) == 0).all()  # damaged EXIF data
    Image.new("RGBA", (60, 40), (255, 0, 0, 0)).save(path, "PNG")
    assert (load_image(path) == 255).all()


def test_only_the_public_photographs_are_taken_as_they_are_stored(folders, tmp_path):
    """The same file under a name of the public set, under another, and in folders of other classes."""
    test = folders[1]
    public = min(known_data.landscape_names()[1]["sea"])
    for name in (public, "mine.jpg"):
        turned(test / "sea" / name, 6)
    arrays = make(folders, tmp_path / "x.npz")
    names = sorted(path.name for path in (test / "sea").iterdir())
    found = dict(zip(names, arrays["test_images"][arrays["test_labels"] == 4], strict=True))
    assert np.array_equal(found[public], load_image(test / "sea" / public, public=True))
    assert np.array_equal(found["mine.jpg"], load_image(test / "sea" / "mine.jpg"))
    assert not np.array_equal(found[public], found["mine.jpg"])


def test_all_broken_photographs_are_named_at_once(folders, tmp_path, capfd):
    train, test = folders
    broken = [train / "sea" / "9.jpg", train / "forest" / "7.jpg", test / "street" / "8.jpg"]
    for path in broken:
        path.write_bytes(path.read_bytes()[:60])
    line = fails(capfd, "images", *folders, "-output", tmp_path / "x.npz")
    assert "3 broken images" in line and all(str(path) in line for path in broken)
    for path in (train / "sea").iterdir():
        for i in range(60):
            (path.parent / f"{path.stem}-{i}.jpg").write_text("x")
        break
    line = fails(capfd, "images", *folders, "-output", tmp_path / "x.npz")
    assert "63 broken images" in line and "and 13 more" in line
    assert not (tmp_path / "x.npz").exists()


@pytest.mark.parametrize("where", ["", "missing/x.npz"])
def test_an_output_that_cannot_be_written_is_named(folders, tmp_path, capfd, where):
    line = fails(capfd, "images", *folders, "-output", tmp_path / where)
    assert str(tmp_path / where) in line


@pytest.mark.parametrize("kind", ["pipe", "link", "link to nothing"])
def test_an_output_that_is_no_regular_file_is_left_alone(folders, tmp_path, capfd, kind):
    path, other = tmp_path / "x.npz", tmp_path / "other.npz"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(other)
        if kind == "link":
            other.write_text("mine")
    assert str(path) in fails(capfd, "images", *folders, "-output", path)
    assert path.is_fifo() or path.is_symlink()
    assert not other.exists() or other.read_text() == "mine"


def test_bad_options_are_one_line(capfd):
    assert "10001" in fails(capfd, "synthetic", "-times", "10001")
    assert "-seed" in fails(capfd, "images", "a", "b", "-seed", "5")
    fails(capfd)
    fails(capfd, "download", "mnist")


def test_what_may_not_be_read_is_named(folders, tmp_path, monkeypatch, capfd):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    line = fails(capfd, "images", *folders, "-output", tmp_path / "x.npz")
    assert f"{folders[0]}: cannot be read (Permission denied)" in line


# --- synthetic ---


@pytest.fixture
def small_standin(monkeypatch):
    monkeypatch.setattr(standin, "CHUNK", 100)
    monkeypatch.setattr(standin, "SPLITS", {"train": 110, "val": 20, "test": 30})


def test_synthetic_is_read_by_utils_and_is_the_stand_in(small_standin, tmp_path, capsys):
    prepare.synthetic(tmp_path / "a.npz")
    arrays = read_npz(tmp_path / "a.npz")
    for split, n in standin.SPLITS.items():
        drawn = list(standin.chunks(split, n))
        assert np.array_equal(arrays[f"{split}_images"], np.concatenate([x for x, _ in drawn]))
        assert np.array_equal(arrays[f"{split}_labels"], np.concatenate([y for _, y in drawn]))
    assert capsys.readouterr().out.splitlines()[-2].split() == ["total", "110", "20", "30"]
    prepare.synthetic(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_synthetic_times_n_starts_with_the_plain_one(small_standin, tmp_path):
    prepare.synthetic(tmp_path / "a.npz")
    prepare.synthetic(tmp_path / "b.npz", times=3)
    once, thrice = read_npz(tmp_path / "a.npz"), read_npz(tmp_path / "b.npz")
    for key, array in once.items():
        assert len(thrice[key]) == 3 * len(array)
        assert np.array_equal(thrice[key][: len(array)], array)


def interrupted(arguments, folder, signal_number, before="pass"):
    """Run prepare.py's main, send the signal once something is being written in folder.

    Returns (status, output). `before` is code to run first.
    """
    # Whoever runs the tests may have SIGINT ignored, which a child inherits.
    code = (
        "import dataclasses, pathlib, signal; from data import prepare; from lab import process;"
        f"signal.signal(signal.SIGINT, signal.default_int_handler); {before};"
        f"process.run_script(lambda _: prepare.main({arguments}))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    # A file, and not its folder alone, after which modules may still have to be imported: Python
    # drops an exception that a signal raises in the import system's own callbacks.
    while not any(path.is_file() for path in folder.rglob("*")):
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    child.send_signal(signal_number)
    out, err = child.communicate(timeout=60)
    return child.returncode, out + err


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_stop_leaves_nothing_behind(tmp_path, name):
    number = signal.Signals[name]
    arguments = ["synthetic", "-times", "50", "-output", str(tmp_path / "x.npz")]
    status, said = interrupted(arguments, tmp_path, number)
    assert (status, said) == (128 + number, "stopped; there was nothing to keep\n")
    assert os.listdir(tmp_path) == []


# --- octmnist ---


def octmnist_arrays(per_class=300, n_classes=4):
    """Like MedMNIST's file: labels (n, 1), no channel axis; each test image tells its index."""
    rng = np.random.default_rng(1)
    labels = rng.permutation(np.repeat(np.arange(n_classes), per_class))
    test = np.zeros((len(labels), 4, 4), np.uint8)
    test[:, 0, 0], test[:, 0, 1] = np.arange(len(labels)) // 256, np.arange(len(labels)) % 256
    train = rng.integers(0, 256, (40, 4, 4), dtype=np.uint8)
    arrays = {"train_images": train, "val_images": train[:20], "test_images": test}
    arrays |= {"train_labels": np.arange(40)[:, None] % n_classes, "test_labels": labels[:, None]}
    return arrays | {"val_labels": arrays["train_labels"][:20]}


def test_octmnist_takes_the_editions_test_images(tmp_path, capsys):
    arrays = octmnist_arrays()
    np.savez_compressed(tmp_path / "medmnist.npz", **arrays)
    prepare.octmnist(tmp_path / "medmnist.npz", tmp_path / "octmnist.npz")
    made = read_npz(tmp_path / "octmnist.npz")
    for split in ("train", "val"):
        assert np.array_equal(made[f"{split}_images"], arrays[f"{split}_images"])
        assert np.array_equal(made[f"{split}_labels"], arrays[f"{split}_labels"].ravel())
    assert len(made["test_labels"]) == 529
    left, expected = [182, 55, 42, 250], []
    for i, k in enumerate(arrays["test_labels"].ravel()):
        if left[k]:
            left[k] -= 1
            expected.append(i)
    indices = made["test_images"][:, 0, 0].astype(int) * 256 + made["test_images"][:, 0, 1]
    assert indices.tolist() == expected
    assert np.array_equal(made["test_labels"], arrays["test_labels"].ravel()[expected])
    assert capsys.readouterr().out.splitlines()[-2].split()[-1] == "529"


def test_octmnist_of_another_size_is_noted(tmp_path, capsys):
    arrays = octmnist_arrays()
    np.savez(tmp_path / "small.npz", **arrays)
    prepare.octmnist(tmp_path / "small.npz", tmp_path / "x.npz")
    assert "small.npz has images of shape (4, 4); the edition uses" in capsys.readouterr().err
    for split in SPLITS:
        arrays[f"{split}_images"] = np.pad(arrays[f"{split}_images"], ((0, 0), (0, 24), (0, 24)))
    np.savez(tmp_path / "usual.npz", **arrays)
    prepare.octmnist(tmp_path / "usual.npz", tmp_path / "x.npz")
    assert capsys.readouterr().err == ""


def test_octmnist_refuses_other_files(tmp_path, capfd):
    source, output = tmp_path / "source.npz", tmp_path / "x.npz"
    np.savez(source, **octmnist_arrays(per_class=200))
    assert "[200, 200, 200, 200]" in fails(capfd, "octmnist", source, "-output", output)
    np.savez(source, **octmnist_arrays(n_classes=5))
    assert "not OCTMNIST" in fails(capfd, "octmnist", source, "-output", output)
    np.savez(source, **octmnist_arrays())
    before = source.read_bytes()
    assert "own source" in fails(capfd, "octmnist", source, "-output", source)
    assert source.read_bytes() == before
    source.write_bytes(before[:-40])
    assert str(source) in fails(capfd, "octmnist", source, "-output", output)
    assert not output.exists()


# --- cifar10 ---

RECORD = cifar_batches.RECORD


def batch(n, seed):
    """The bytes of a batch of n records: (bytes, labels, pixels (n, 3, 32, 32))."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) % 10).astype(np.uint8)
    pixels = rng.integers(0, 256, (n, 3, 32, 32), dtype=np.uint8)
    return np.hstack([labels[:, None], pixels.reshape(n, -1)]).tobytes(), labels, pixels


@pytest.fixture
def cifar(tmp_path):
    """The extracted folder and the archive of a small CIFAR-10."""
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for seed, (name, n) in enumerate(
        [
            ("data_batch_1.bin", 30),
            ("data_batch_2.bin", 20),
            ("data_batch_3.bin", 1),
            ("test_batch.bin", 10),
        ]
    ):
        (folder / name).write_bytes(batch(n, seed)[0])
    (folder / "batches.meta.txt").write_text("airplane\n")
    archive = tmp_path / "cifar-10-binary.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, folder.name)
    return folder, archive


def test_cifar10_is_read_from_folder_and_archive(cifar, tmp_path):
    made = []
    unpacked = tmp_path / "cifar-10-binary.tar"  # as a browser leaves it that takes the .gz off
    unpacked.write_bytes(gzip.decompress(cifar[1].read_bytes()))
    for source in (cifar[0], cifar[0].parent, cifar[1], unpacked):
        prepare.cifar10(source, tmp_path / "x.npz")
        made.append((tmp_path / "x.npz").read_bytes())
    assert made[0] == made[1] == made[2] == made[3]
    arrays = read_npz(tmp_path / "x.npz")
    for split, n, seed in (("train", 30, 0), ("val", 20, 1), ("test", 10, 3)):
        _, labels, pixels = batch(n, seed)
        assert np.array_equal(arrays[f"{split}_labels"], labels)
        images = arrays[f"{split}_images"]
        assert images.shape == (n, 32, 32, 3)
        assert images[4, 5, 6].tolist() == pixels[4, :, 5, 6].tolist()
        assert np.array_equal(images.transpose(0, 3, 1, 2), pixels)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        [*(p.name for p in cifar), unpacked.name, "x.npz"]
    )


def test_cifar10_names_what_is_wrong_with_a_batch(cifar, tmp_path, capfd):
    path = cifar[0] / "data_batch_2.bin"
    good = path.read_bytes()
    bad_label = bytearray(good)
    bad_label[3 * RECORD] = 10
    for content, words in (
        (good[:-1], ("data_batch_2.bin", "whole number")),
        (b"", ("data_batch_2.bin", "whole number")),
        (bytes(bad_label), ("data_batch_2.bin", "label 10", "record 3")),
    ):
        path.write_bytes(content)
        line = fails(capfd, "cifar10", cifar[0], "-output", tmp_path / "x.npz")
        assert all(word in line for word in words), line
    path.unlink()
    assert "data_batch_2.bin" in fails(capfd, "cifar10", cifar[0], "-output", tmp_path / "x.npz")
    assert not (tmp_path / "x.npz").exists()
    with open(path, "wb") as file:
        file.truncate(RECORD * 100_000)  # a sparse file: large, no room on disk
    line = fails(capfd, "cifar10", cifar[0], "-output", tmp_path / "x.npz")
    assert "307300000 bytes" in line


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
@pytest.mark.parametrize("compressed", [True, False])
def test_cifar10_archive_that_claims_to_be_huge_takes_no_memory(tmp_path, kind, compressed):
    header = tarfile.TarInfo("cifar-10-batches-bin/data_batch_1.bin")
    header.type, header.size = kind, 8 * 10**9
    path = tmp_path / "bomb.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) if compressed else open(path, "wb") as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT))
        for _ in range(40):
            file.write(bytes(10**6))
    tracemalloc.start()
    with pytest.raises(InputError, match="8000000"):
        prepare.cifar10(path, tmp_path / "x.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


def test_cifar10_archive_of_many_files_is_refused(tmp_path):
    path = tmp_path / "many.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for i in range(100):
            tar.addfile(tarfile.TarInfo(f"f{i}"))
    with pytest.raises(InputError, match="many.tar.gz"):
        prepare.cifar10(path, tmp_path / "x.npz")


# --- download, from a server on this machine ---


class Handler(http.server.BaseHTTPRequestHandler):
    """/whole serves content; /short announces more than it sends; /slow never ends; else 404."""

    content = b""

    def do_GET(self):
        if self.path not in ("/whole", "/short", "/slow"):
            self.send_error(404)
            return
        self.send_response(200)
        extra = 0 if self.path == "/whole" else 10**6
        self.send_header("Content-Length", str(len(self.content) + extra))
        self.send_header("Content-Type", "application/octet-stream")
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(self.content)
            while self.path == "/slow":
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.05)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(cifar, monkeypatch):
    """The address of a server of the small CIFAR-10's archive."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(downloading, "RETRIES", 0)
    monkeypatch.setattr(Handler, "content", cifar[1].read_bytes())
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    """An empty folder in the place of data/."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setattr(prepare, "DATA", folder)
    return folder


def source(monkeypatch, name, url, md5):
    """Have a data set fetched from this address; returns the name of the file."""
    key = prepare.DOWNLOADS[name]
    download = KNOWN[key].download | {"url": url, "md5": md5}
    monkeypatch.setitem(KNOWN, key, dataclasses.replace(KNOWN[key], download=download))
    return download["file"]


def test_download_fetches_checks_and_converts(server, data_folder, monkeypatch, capsys):
    md5 = hashlib.md5(Handler.content).hexdigest()
    name = source(monkeypatch, "cifar10", f"{server}/whole", md5)
    prepare.download("cifar10")
    assert sorted(os.listdir(data_folder)) == [name, "cifar10.npz"]
    assert (data_folder / name).read_bytes() == Handler.content
    assert (data_folder / name).stat().st_mode & 0o777 == 0o644
    assert len(read_npz(data_folder / "cifar10.npz")["train_labels"]) == 30
    # What is here already is not fetched again.
    source(monkeypatch, "cifar10", f"{server}/gone", md5)
    (data_folder / "cifar10.npz").unlink()
    prepare.download("cifar10")
    assert (data_folder / "cifar10.npz").exists()
    assert "already here" in capsys.readouterr().err


def test_download_of_the_courses_file_is_validated(
    server, data_folder, monkeypatch, tiny_npz, capfd
):
    source(monkeypatch, "intel", f"{server}/whole", None)
    line = fails(capfd, "download", "intel")  # the server gives an archive, not an npz
    assert f"{server}/whole" in line and str(data_folder / "intel_landscapes.npz") in line
    assert os.listdir(data_folder) == []
    monkeypatch.setattr(Handler, "content", tiny_npz.read_bytes())
    prepare.download("intel")
    assert os.listdir(data_folder) == ["intel_landscapes.npz"]
    assert (data_folder / "intel_landscapes.npz").read_bytes() == tiny_npz.read_bytes()


@pytest.mark.parametrize(
    ("path", "md5", "word"),
    [("/missing", None, "404"), ("/short", None, "incomplete"), ("/whole", "0" * 32, "MD5")],
)
def test_a_failed_download_says_what_to_fetch_and_leaves_nothing(
    server, data_folder, monkeypatch, capfd, path, md5, word
):
    name = source(monkeypatch, "cifar10", server + path, md5)
    line = fails(capfd, "download", "cifar10")
    assert word in line
    assert server + path in line
    assert f"prepare.py cifar10 {data_folder / name}" in line
    assert os.listdir(data_folder) == []


def test_download_without_a_network_is_one_line(data_folder, monkeypatch, capfd):
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(downloading, "RETRIES", 0)
    source(monkeypatch, "octmnist", "http://127.0.0.1:9/octmnist.npz", None)
    line = fails(capfd, "download", "octmnist")
    assert "http://127.0.0.1:9/octmnist.npz" in line
    assert str(data_folder / "octmnist_medmnist.npz") in line
    assert os.listdir(data_folder) == []


def test_ctrl_c_during_a_download_leaves_nothing(server, data_folder):
    before = (
        f"prepare.DATA = pathlib.Path({str(data_folder)!r});"
        "old = prepare.KNOWN['cifar10'];"
        f"new = old.download | {{'url': {server + '/slow'!r}, 'md5': None}};"
        "prepare.KNOWN['cifar10'] = dataclasses.replace(old, download=new)"
    )
    status, _ = interrupted(["download", "cifar10"], data_folder, signal.SIGINT, before)
    assert status == 130
    assert os.listdir(data_folder) == []


# --- as a user runs it ---


def test_the_script_runs_from_any_folder(folders, tmp_path):
    done = run_script(
        "data/prepare.py", "images", "seg_train", "seg_test", "-output", "x.npz", cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "wrote x.npz" in done.stdout.splitlines()
    assert len(read_npz(tmp_path / "x.npz")["test_labels"]) == 12


def test_bad_input_and_help_of_the_script(tmp_path):
    done = run_script("data/prepare.py", "images", tmp_path / "no", tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and str(tmp_path / "no") in done.stderr
    said = run_script("data/prepare.py", "-h")
    assert said.returncode == 0
    for word in ("images", "synthetic", "download", "octmnist", "cifar10", "unpack"):
        assert word in said.stdout
    assert "puneet6060/intel-image-classification" in said.stdout
    for words in ((), ("images",), ("synthetic",), ("download",), ("octmnist",), ("unpack",)):
        said = run_script("data/prepare.py", *words, "-h", env={"COLUMNS": "80"})
        assert max(map(len, said.stdout.splitlines())) <= 80


def test_a_missing_package_is_one_line(tmp_path):
    (tmp_path / "numpy.py").write_text("raise ModuleNotFoundError(name='numpy')")
    done = run_script("data/prepare.py", "-h", env={"PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("data/prepare.py: the package numpy is missing; ")
    assert done.stderr.count("\n") == 1


def test_importing_takes_neither_torch_nor_pillow_nor_gdown():
    code = "import sys, data.prepare, lab.standin; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"torch", "PIL", "gdown", "requests", "tqdm", "matplotlib"} & set(
        done.stdout.split()
    )
