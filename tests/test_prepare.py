"""data/prepare.py: every command makes a whole and right file, or says in one line why not."""

import contextlib
import gzip
import hashlib
import http.server
import io
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, run_script
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import utils
from data import prepare, standin
from utils import InputError, read_npz

CLASSES = ("buildings", "forest", "glacier", "mountain", "sea", "street")


def fails(capfd, *arguments):
    """Run a command that must end with exit status 2 and one line on standard error: the line."""
    with pytest.raises(SystemExit) as stop:
        utils.run_script(lambda: prepare.main([str(a) for a in arguments]))
    out, err = capfd.readouterr()
    assert stop.value.code == 2
    assert out == ""
    assert err.endswith("\n") and err.count("\n") == 1, err
    return err


def colour(folder, k, i):
    """A colour of its own for each photograph."""
    return (40 * k + 7, 200 if folder == "seg_test" else 20, 10 * i + 3)


@pytest.fixture
def photographs(tmp_path):
    """seg_train with 8 one-coloured images in each of 6 classes, seg_test with 2."""
    for folder, n in (("seg_train", 8), ("seg_test", 2)):
        for k, name in enumerate(CLASSES):
            (tmp_path / folder / name).mkdir(parents=True)
            for i in range(n):
                image = Image.new("RGB", (30 + 10 * i, 60), colour(folder, k, i))
                image.save(tmp_path / folder / name / f"{i + 7}.png")
    return tmp_path / "seg_train", tmp_path / "seg_test"


def make(photographs, output, **options):
    prepare.images(*photographs, output, **options)
    return read_npz(output)


# --- images ---


def test_images_keep_every_photograph_once_under_its_class(photographs, tmp_path, capsys):
    arrays = make(photographs, tmp_path / "x.npz")
    sizes = {split: len(arrays[f"{split}_labels"]) for split in prepare.SPLITS}
    assert sizes == {"train": 43, "val": 5, "test": 12}  # a tenth of 48, rounded up
    seen = {"seg_train": [], "seg_test": []}
    for split in prepare.SPLITS:
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
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["train", "val", "test"]
    assert [line.split()[0] for line in lines[1:7]] == list(CLASSES)
    assert lines[7].split() == ["total", "43", "5", "12"]


def test_a_tenth_of_the_published_photographs_is_1404():
    assert -(-14_034 // 10) == 1_404 == standin.SPLITS["val"]


def test_images_are_resized_with_lanczos(photographs, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (75, 61, 3), dtype=np.uint8)
    path = tmp_path / "noise.png"
    Image.fromarray(pixels).save(path)
    expected = Image.fromarray(pixels).resize((48, 48), Image.Resampling.LANCZOS)
    assert np.array_equal(prepare._load_image(path), np.asarray(expected))


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
    array = prepare._load_image(path)
    assert array.shape == (48, 48, 3) and array.dtype == np.uint8
    assert np.abs(array.astype(int) - (255 if mode == "1" else 90)).max() <= 2


def test_images_do_not_depend_on_the_order_of_the_file_system(photographs, tmp_path, monkeypatch):
    make(photographs, tmp_path / "a.npz")
    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: sorted(listed(self), reverse=True))
    make(photographs, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    make(photographs, tmp_path / "c.npz", seed=7)
    assert (tmp_path / "a.npz").read_bytes() != (tmp_path / "c.npz").read_bytes()


def test_photographs_are_in_natural_order(photographs):
    found = prepare._photographs(photographs[0])["sea"]
    assert [path.stem for path in found] == [str(i) for i in range(7, 15)]


def test_a_nested_download_is_found(photographs, tmp_path):
    plain = make(photographs, tmp_path / "a.npz")
    nested = tmp_path / "download" / "seg_train"
    nested.mkdir(parents=True)
    photographs[0].rename(nested / "seg_train")
    (nested / "__MACOSX").mkdir()
    again = make((nested, photographs[1]), tmp_path / "b.npz")
    assert all(np.array_equal(plain[key], again[key]) for key in plain)


def damage_truncated(train, test):
    path = train / "sea" / "9.png"
    path.write_bytes(path.read_bytes()[:60])
    return path


def damage_text(train, test):
    path = test / "sea" / "8.jpg"
    path.write_text("not an image")
    return path


def damage_empty_file(train, test):
    path = train / "forest" / "z.jpeg"
    path.touch()
    return path


def damage_sixteen_bits(train, test):
    path = train / "forest" / "deep.png"
    Image.fromarray(np.full((9, 9), 40_000, np.uint16)).save(path)
    return path


def damage_postscript(train, test):
    # Pillow would hand this to another program.
    path = train / "forest" / "script.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    return path


def damage_empty_class(train, test):
    for path in (test / "street").iterdir():
        path.unlink()
    return test / "street"


def damage_missing_class(train, test):
    (train / "street").rename(train.parent / "street")
    return "street"


def damage_missing_folder(train, test):
    test.rename(test.parent / "elsewhere")
    return test


def damage_no_classes(train, test):
    for folder in list(test.iterdir()):
        folder.rename(test.parent / f"old-{folder.name}")
    return test


def damage_class_held_out(train, test):
    # One image of a class that the split of seed 42 takes away.
    for folder in train.iterdir():
        keep = 1
        for path in sorted(folder.iterdir())[keep:]:
            path.unlink()
    return train


@pytest.mark.parametrize(
    "damage", [f for name, f in globals().items() if name.startswith("damage_")]
)
def test_bad_photographs_are_named_and_nothing_is_written(photographs, tmp_path, capfd, damage):
    named = damage(*photographs)
    output = tmp_path / "out" / "x.npz"
    output.parent.mkdir()
    output.write_bytes(b"what was here before")
    line = fails(capfd, "images", *photographs, "-output", output)
    assert str(named) in line
    assert output.read_bytes() == b"what was here before"
    assert os.listdir(output.parent) == ["x.npz"]


@pytest.mark.parametrize("where", ["", "missing/x.npz"])
def test_an_output_that_cannot_be_written_is_named(photographs, tmp_path, capfd, where):
    line = fails(capfd, "images", *photographs, "-output", tmp_path / where)
    assert str(tmp_path / where) in line


@pytest.mark.parametrize("kind", ["pipe", "link", "link to nothing"])
def test_an_output_that_is_no_regular_file_is_left_alone(photographs, tmp_path, capfd, kind):
    path, other = tmp_path / "x.npz", tmp_path / "other.npz"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(other)
        if kind == "link":
            other.write_text("mine")
    assert str(path) in fails(capfd, "images", *photographs, "-output", path)
    assert path.is_fifo() or path.is_symlink()
    assert not other.exists() or other.read_text() == "mine"


def test_bad_options_are_one_line(capfd):
    assert "10001" in fails(capfd, "synthetic", "-times", "10001")
    assert "-5" in fails(capfd, "images", "a", "b", "-seed", "-5")
    fails(capfd)
    fails(capfd, "download", "mnist")


# --- synthetic ---


@pytest.fixture
def small_standin(monkeypatch):
    monkeypatch.setattr(standin, "SPLITS", {"train": 700, "val": 60, "test": 90})


def test_synthetic_is_read_by_utils_and_is_the_stand_in(small_standin, tmp_path, capsys):
    prepare.synthetic(tmp_path / "a.npz")
    arrays = read_npz(tmp_path / "a.npz")
    for split, n in standin.SPLITS.items():
        drawn = list(standin.chunks(split, n))
        assert np.array_equal(arrays[f"{split}_images"], np.concatenate([x for x, _ in drawn]))
        assert np.array_equal(arrays[f"{split}_labels"], np.concatenate([y for _, y in drawn]))
    assert capsys.readouterr().out.splitlines()[-2].split() == ["total", "700", "60", "90"]
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
        "import pathlib, signal, utils; from data import prepare;"
        f"signal.signal(signal.SIGINT, signal.default_int_handler); {before};"
        f"utils.run_script(lambda: prepare.main({arguments}))"
    )
    process = subprocess.Popen(
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
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal_number)
    out, err = process.communicate(timeout=60)
    return process.returncode, out + err


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


def test_octmnist_refuses_other_files(tmp_path, capfd):
    source, output = tmp_path / "source.npz", tmp_path / "x.npz"
    np.savez(source, **octmnist_arrays(per_class=200))
    assert "class 3" in fails(capfd, "octmnist", source, "-output", output)
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

RECORD = 3073


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
    for source in (cifar[0], cifar[0].parent, cifar[1]):
        prepare.cifar10(source, tmp_path / "x.npz")
        made.append((tmp_path / "x.npz").read_bytes())
    assert made[0] == made[1] == made[2]
    arrays = read_npz(tmp_path / "x.npz")
    for split, n, seed in (("train", 30, 0), ("val", 20, 1), ("test", 10, 3)):
        _, labels, pixels = batch(n, seed)
        assert np.array_equal(arrays[f"{split}_labels"], labels)
        images = arrays[f"{split}_images"]
        assert images.shape == (n, 32, 32, 3)
        assert images[4, 5, 6].tolist() == pixels[4, :, 5, 6].tolist()
        assert np.array_equal(images.transpose(0, 3, 1, 2), pixels)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*(p.name for p in cifar), "x.npz"])


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


def test_cifar10_truncated_archives_are_refused(cifar, tmp_path):
    content = cifar[1].read_bytes()
    cut = tmp_path / "cut.tar.gz"
    for twentieth in range(20):
        cut.write_bytes(content[: len(content) * twentieth // 20])
        with pytest.raises(InputError, match="cut.tar.gz"):
            prepare.cifar10(cut, tmp_path / "x.npz")
    assert not (tmp_path / "x.npz").exists()


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_cifar10_archive_that_claims_to_be_huge_takes_no_memory(tmp_path, kind):
    header = tarfile.TarInfo("cifar-10-batches-bin/data_batch_1.bin")
    header.type, header.size = kind, 8 * 10**9
    path = tmp_path / "bomb.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
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


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=3000), compressed=st.booleans())
def test_cifar10_arbitrary_bytes_are_a_clean_error(tmp_path_factory, content, compressed):
    folder = tmp_path_factory.mktemp("fuzz")
    path = folder / "fuzz.tar.gz"
    path.write_bytes(gzip.compress(content) if compressed else content)
    with pytest.raises(InputError):
        prepare.cifar10(path, folder / "x.npz")
    path.rename(folder / "data_batch_1.bin")
    with pytest.raises(InputError):
        prepare.cifar10(folder, folder / "x.npz")


@settings(max_examples=40, deadline=None)
@given(changes=st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), max_size=4))
def test_cifar10_changed_archives_are_read_or_refused(tmp_path_factory, changes):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in prepare.CIFAR10_BATCHES.values():
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = 10 * RECORD
            tar.addfile(info, io.BytesIO(batch(10, 0)[0]))
    content = bytearray(buffer.getvalue())
    for where, value in changes:
        content[where % 1024 if where % 2 else where % len(content)] = value
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "x.tar.gz").write_bytes(gzip.compress(bytes(content), compresslevel=1))
    with contextlib.suppress(InputError):
        prepare.cifar10(folder / "x.tar.gz", folder / "x.npz")


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
    monkeypatch.setattr(prepare, "RETRIES", 0)
    monkeypatch.setattr(Handler, "content", cifar[1].read_bytes())
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def source(monkeypatch, name, url, md5):
    file_name = prepare.SOURCES[name][2]
    monkeypatch.setitem(prepare.SOURCES, name, (url, md5, file_name))
    return file_name


def test_download_fetches_checks_and_converts(server, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "data"
    folder.mkdir()
    name = source(
        monkeypatch, "cifar10", f"{server}/whole", hashlib.md5(Handler.content).hexdigest()
    )
    prepare.download("cifar10", folder)
    assert sorted(os.listdir(folder)) == [name, "cifar10.npz"]
    assert (folder / name).read_bytes() == Handler.content
    assert (folder / name).stat().st_mode & 0o777 == 0o644
    assert len(read_npz(folder / "cifar10.npz")["train_labels"]) == 30
    # What is here already is not fetched again.
    source(monkeypatch, "cifar10", f"{server}/gone", hashlib.md5(Handler.content).hexdigest())
    (folder / "cifar10.npz").unlink()
    prepare.download("cifar10", folder)
    assert (folder / "cifar10.npz").exists()
    assert "already here" in capsys.readouterr().err


def test_download_of_the_courses_file_is_validated(server, tmp_path, monkeypatch, tiny_npz, capfd):
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setattr(prepare, "DATA", folder)
    source(monkeypatch, "intel", f"{server}/whole", None)
    line = fails(capfd, "download", "intel")  # the server gives an archive, not an npz
    assert f"{server}/whole" in line and str(folder / "intel_landscapes.npz") in line
    assert os.listdir(folder) == []
    monkeypatch.setattr(Handler, "content", tiny_npz.read_bytes())
    prepare.download("intel", folder)
    assert os.listdir(folder) == ["intel_landscapes.npz"]
    assert (folder / "intel_landscapes.npz").read_bytes() == tiny_npz.read_bytes()


@pytest.mark.parametrize(
    ("path", "md5", "word"),
    [("/missing", None, "404"), ("/short", None, "incomplete"), ("/whole", "0" * 32, "MD5")],
)
def test_a_failed_download_says_what_to_fetch_and_leaves_nothing(
    server, tmp_path, monkeypatch, capfd, path, md5, word
):
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setattr(prepare, "DATA", folder)
    name = source(monkeypatch, "cifar10", server + path, md5)
    line = fails(capfd, "download", "cifar10")
    assert word in line
    assert server + path in line
    assert f"prepare.py cifar10 {folder / name}" in line
    assert os.listdir(folder) == []


def test_download_without_a_network_is_one_line(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(prepare, "RETRIES", 0)
    monkeypatch.setattr(prepare, "DATA", tmp_path)
    source(monkeypatch, "octmnist", "http://127.0.0.1:9/octmnist.npz", None)
    line = fails(capfd, "download", "octmnist")
    assert "http://127.0.0.1:9/octmnist.npz" in line
    assert str(tmp_path / "octmnist_medmnist.npz") in line
    assert os.listdir(tmp_path) == []


def test_ctrl_c_during_a_download_leaves_nothing(server, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    before = (
        f"prepare.DATA = pathlib.Path({str(folder)!r});"
        f"prepare.SOURCES['cifar10'] = ({server + '/slow'!r}, None, 'c.tar.gz')"
    )
    status, _ = interrupted(["download", "cifar10"], folder, signal.SIGINT, before)
    assert status == 130
    assert os.listdir(folder) == []


def test_sources_are_the_published_ones():
    assert "16AzJIrmra4qWdY7wU9N1ew4bwadmNt4j" in prepare.SOURCES["intel"][0]
    assert prepare.SOURCES["octmnist"][1] == "c68d92d5b585d8d81f7112f81e2d0842"
    assert prepare.SOURCES["cifar10"][1] == "c32a1d4ab5d03f1284b67883e8d87530"


# --- as a user runs it ---


def test_the_script_runs_from_any_folder(photographs, tmp_path):
    done = run_script(
        "data/prepare.py", "images", "seg_train", "seg_test", "-output", "x.npz", cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "wrote x.npz"
    assert len(read_npz(tmp_path / "x.npz")["test_labels"]) == 12


def test_bad_input_and_help_of_the_script(tmp_path):
    done = run_script("data/prepare.py", "images", tmp_path / "no", tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and str(tmp_path / "no") in done.stderr
    said = run_script("data/prepare.py", "-h")
    assert said.returncode == 0
    for command in ("images", "synthetic", "download", "octmnist", "cifar10"):
        assert command in said.stdout


def test_importing_takes_neither_torch_nor_pillow_nor_gdown():
    code = "import sys, data.prepare, data.standin; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"torch", "PIL", "gdown", "requests", "tqdm", "matplotlib"} & set(
        done.stdout.split()
    )
