"""fast/pixels.py: images that stay bytes, in memory or in a folder of .npy files, good or hostile."""

import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from conftest import ROOT, snapshot, tiny_arrays
from files import Trap, header, npy, says
from hypothesis import given
from hypothesis import strategies as st
from oracle import features

import utils
from data import prepare
from fast import pixels
from fast.pixels import FeatureMatrix, feature_statistics, flat
from lab.dataset import read_data
from utils import InputError

# --------------------------------------------------------------------------------------------
# The matrix of pixels


IMAGES = np.random.default_rng(0).integers(0, 256, (20, 4, 3, 2), dtype=np.uint8)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, "float32"])
def test_pixels_are_pixels_by_256_exactly(bias, dtype):
    X = FeatureMatrix(IMAGES, bias=bias, dtype=dtype)
    expected = features(IMAGES, bias)
    assert len(X) == 20
    assert X.shape == expected.shape
    for rows in (slice(None), slice(0, 7), slice(7, 20), slice(15, 99), slice(3, 3), slice(-4, 0)):
        block = X[rows]
        assert block.dtype == np.dtype(dtype)
        assert block.shape == expected[rows].shape
        assert np.array_equal(block.astype(np.float64), expected[rows])


def test_every_pixel_value_is_exact():
    images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    for dtype in (np.float32, np.float64):
        assert np.array_equal(FeatureMatrix(images, dtype=dtype)[:][0] * 256, np.arange(256))


def test_single_rows_a_loop_and_the_whole_matrix():
    images = np.random.default_rng(1).integers(0, 256, (pixels.READ + 5, 2, 3), dtype=np.uint8)
    for order in (None, np.arange(len(images))[::-1]):
        X = FeatureMatrix(images, bias=True, order=order)
        expected = features(images, bias=True)[slice(None) if order is None else order]
        assert np.array_equal(X[3], expected[3]) and np.array_equal(X[np.int64(-1)], expected[-1])
        assert np.array_equal(list(X), expected)
        assert np.array_equal(np.asarray(X), expected)
        assert np.asarray(X, dtype=np.float32).dtype == np.float32
        for row in (len(images), -len(images) - 1):  # else `in` and old loops would not end
            with pytest.raises(IndexError):
                X[row]


def test_pixels_are_read_by_numbers_and_slices_only():
    for rows in ([1, 2], np.arange(4), (slice(None), 0)):
        with pytest.raises(TypeError):
            FeatureMatrix(IMAGES)[rows]


@pytest.mark.parametrize("order", [None, np.array([5, 3, 0, 0, 19, 7])])
def test_a_part_of_the_rows(order):
    """Of a matrix nothing is read for it; of an array it is a view."""
    X, read = FeatureMatrix(IMAGES, order=order), []
    for rows in (slice(0, 3), slice(2, 99), slice(6, 6)):
        some = pixels.part(X.changed(progress=read.append), rows)
        assert not read
        assert np.array_equal(np.asarray(some), X[rows])
        assert read.pop() == len(X[rows])
    assert np.shares_memory(pixels.part(IMAGES, slice(2, 9)), IMAGES)


@given(st.permutations(range(20)), st.integers(0, 20), st.integers(0, 20))
def test_pixels_reordered(order, start, stop):
    X = FeatureMatrix(IMAGES, bias=True)
    again = X.changed(order=np.array(order))
    expected = features(IMAGES, bias=True)
    assert len(again) == 20 and again.shape == X.shape
    assert np.array_equal(again[start:stop], expected[order][start:stop])
    assert np.array_equal(X[start:stop], expected[start:stop])  # itself it stays as it was
    twice = again.changed(order=np.arange(20)[::-1])  # an order is of the images' rows
    assert np.array_equal(twice[start:stop], expected[::-1][start:stop])


def test_a_block_can_be_changed_and_the_images_stay():
    images = IMAGES.copy()
    X = FeatureMatrix(images)
    X[:][...] = 7
    assert np.array_equal(images, IMAGES)
    assert np.array_equal(X[:], features(IMAGES))


@pytest.mark.parametrize("bias", [False, True])
def test_standardized_pixels(bias):
    images = IMAGES.copy()
    images[:, 0, 0, 0] = 200  # a feature that is constant
    statistics = feature_statistics(images)
    X = FeatureMatrix(images, bias=bias, standardize=statistics)[:]
    features = X[:, :24]
    assert np.array_equal(features[:, 0], np.zeros(20))
    np.testing.assert_allclose(features.mean(axis=0), np.zeros(24), atol=1e-14)
    np.testing.assert_allclose(features[:, 1:].std(axis=0), np.ones(23), rtol=1e-12)
    if bias:
        assert np.array_equal(X[:, 24], np.ones(20))


@pytest.mark.parametrize("block", [1, 7, 20, 1024])
def test_feature_statistics(block):
    mean, deviation = feature_statistics(IMAGES, block)
    X = features(IMAGES)
    assert mean.shape == deviation.shape == (24,)
    np.testing.assert_allclose(mean, X.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(deviation, X.std(axis=0), rtol=1e-12)


@given(st.integers(0, 255), st.integers(1, 9))
def test_a_constant_feature_has_deviation_1(value, n):
    mean, deviation = feature_statistics(np.full((n, 2, 1), value, np.uint8))
    assert mean.tolist() == [value / 256] * 2
    assert deviation.tolist() == [1, 1]


# --------------------------------------------------------------------------------------------
# A folder of .npy files in place of the npz


def write_folder(path, arrays):
    path.mkdir()
    for key, array in arrays.items():
        (path / f"{key}.npy").write_bytes(npy(array))
    return path


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "tiny", tiny_arrays())


def test_a_folder_holds_what_the_npz_holds(tmp_path, tiny_npz, folder):
    expected, read = read_data(tiny_npz), read_data(folder)
    for key in utils.KEYS:
        assert read[key].shape == expected[key].shape
        assert read[key].dtype == expected[key].dtype
        assert np.array_equal(read[key][:], expected[key])
    images, rows = read["train_images"], np.array([59, 0, 7, 7])
    assert np.array_equal(images[rows], expected["train_images"][rows])
    for part in (slice(5, 9), slice(50, 99), slice(60, 70), slice(9, 5), slice(-3, None)):
        assert np.array_equal(images[part], expected["train_images"][part])


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("q1", "perceptron"),
        ("q1", "mlp -hidden_size 10"),
        ("q1", "logistic_regression -l2_penalty 0.01 -batch_size 7 -standardize"),
        ("q2", "logistic_regression"),
        ("q2", "mlp -hidden_size 10 -batch_size 7 -standardize"),
    ],
)
def test_every_model_trains_to_the_same_numbers(
    request, capsys, blank_figures, tmp_path, tiny_npz, folder, script, words
):
    module, histories, lines = request.getfixturevalue(script), [], []
    for data in (tiny_npz, folder):
        folders = ["-data_path", data, "-plots_dir", tmp_path / "plots"]
        _, history = module.main([*words.split(), "-epochs", 2, *folders])
        histories.append(history)
        printed = capsys.readouterr().out.splitlines()
        lines.append([line for line in printed if "took" not in line])
    assert histories[0] == histories[1]
    assert lines[0] == lines[1]


def missing(path):
    (path / "val_labels.npy").unlink()
    return ["val_labels.npy"]


def a_folder(path):
    (path / "train_images.npy").unlink()
    (path / "train_images.npy").mkdir()
    return ["train_images.npy", "regular"]


def a_pipe(path):
    (path / "train_images.npy").unlink()
    os.mkfifo(path / "train_images.npy")
    return ["train_images.npy", "regular"]


def a_dangling_link(path):
    (path / "test_labels.npy").unlink()
    (path / "test_labels.npy").symlink_to(path / "gone")
    return ["test_labels.npy", "regular"]


def written(key, data, *words):
    def write(path):
        (path / f"{key}.npy").write_bytes(data)
        return words

    return write


def replaced(key, change, *words):
    return written(key, npy(change(tiny_arrays()[key])), *words)


TRAIN_IMAGES = tiny_arrays()["train_images"]
BAD = {
    "missing": missing,
    "folder": a_folder,
    "pipe": a_pipe,
    "dangling link": a_dangling_link,
    "empty": written("train_images", b"", "train_images"),
    "text": written("val_labels", b"0,1,2", "val_labels"),
    "cut": written("train_images", npy(TRAIN_IMAGES)[:-1], "train_images"),
    "longer": written("train_images", npy(TRAIN_IMAGES) + b"1", "train_images"),
    "terabytes": written("train_images", header(says((10**12, 48, 48, 3))), "train_images"),
    "terabytes of labels": written("train_labels", header(says((10**12,))), "train_labels"),
    "float": replaced("train_images", lambda X: X / 255, "float64"),
    "int64": replaced("val_images", lambda X: X.astype(np.int64), "int64"),
    "Fortran order": replaced("train_images", np.asfortranarray, "order"),
    "objects": replaced("train_labels", lambda y: np.array([Trap("trap")] * 60), "pickle"),
    "no images": replaced("val_images", lambda X: X[:0], "empty"),
    "fewer labels": replaced("train_labels", lambda y: y[:-1], "59"),
    "negative labels": replaced("test_labels", lambda y: y - 1, "negative"),
    "other sizes": replaced("test_images", lambda X: X[:, :-1], "test_images"),
    "flat": replaced("train_images", lambda X: X.reshape(60, -1), "shape"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_folder_is_refused_in_one_line(monkeypatch, tmp_path, folder, name):
    monkeypatch.chdir(tmp_path)
    words = BAD[name](folder)
    with pytest.raises(InputError) as refused:
        read_data(folder)
    message = str(refused.value)
    assert message.startswith(f"{folder}: ") and "\n" not in message
    for word in words:
        assert word in message
    assert not (tmp_path / "trap").exists()


def test_links_to_files_elsewhere_are_followed(tmp_path, folder):
    """A large file may lie on another disk."""
    (folder / "train_images.npy").rename(tmp_path / "elsewhere.npy")
    (folder / "train_images.npy").symlink_to(tmp_path / "elsewhere.npy")
    assert np.array_equal(read_data(folder)["train_images"][:], TRAIN_IMAGES)


def test_views_of_one_file_take_turns_at_reading_it(folder):
    """They share its position, so also its lock."""
    images = read_data(folder)["train_images"]
    X = FeatureMatrix(images)
    for view in (flat(images), X.bytes, X.changed(order=np.arange(60)).bytes):
        assert view.stream is images.stream and view.reading is images.reading


def test_a_file_cut_while_it_is_in_use(folder):
    images = read_data(folder)["train_images"]
    os.truncate(folder / "train_images.npy", 2000)
    with pytest.raises(InputError, match="shorter"):
        images[50:60]


# --------------------------------------------------------------------------------------------
# data/prepare.py unpack


def unpack(source, folder):
    prepare.main(["unpack", str(source), str(folder)])


def test_unpack(tmp_path, tiny_npz, capsys):
    unpack(tiny_npz, tmp_path / "new")
    assert capsys.readouterr().out.splitlines()[-1] == f"wrote {tmp_path / 'new'}"
    assert sorted(os.listdir(tmp_path / "new")) == sorted(f"{key}.npy" for key in utils.KEYS)
    (tmp_path / "plain").mkdir()
    assert len({(tmp_path / name).stat().st_mode for name in ("new", "plain")}) == 1
    for key, array in tiny_arrays().items():
        assert np.array_equal(np.load(tmp_path / "new" / f"{key}.npy"), array)


@pytest.mark.parametrize("damage", ["missing", "cut", "lacking", "no data set", "Fortran"])
def test_unpack_leaves_nothing_of_a_bad_file(tmp_path, tiny_npz, damage):
    if damage == "missing":
        tiny_npz.unlink()
    elif damage == "cut":
        tiny_npz.write_bytes(tiny_npz.read_bytes()[:-3000])
    else:
        arrays = tiny_arrays()
        if damage == "lacking":
            del arrays["test_labels"]
        elif damage == "no data set":
            arrays["train_labels"] -= 1
        else:
            arrays["train_images"] = np.asfortranarray(arrays["train_images"])
        np.savez(tiny_npz, **arrays)
    before = snapshot(tmp_path)
    with pytest.raises(InputError) as refused:
        unpack(tiny_npz, tmp_path / "new")
    assert str(tiny_npz) in str(refused.value) and "\n" not in str(refused.value)
    assert snapshot(tmp_path) == before


def test_unpack_overwrites_nothing(tmp_path, tiny_npz, folder):
    before = snapshot(tmp_path)
    for target in (folder, tiny_npz, tmp_path / "no" / "folder"):
        with pytest.raises(InputError) as refused:
            unpack(tiny_npz, target)
        assert str(target) in str(refused.value)
    assert snapshot(tmp_path) == before


# --------------------------------------------------------------------------------------------
# Memory


def large_npz(path, n, shape):
    """A data file of n training images that no zip could shrink; returns the bytes of its pixels."""
    arrays = tiny_arrays(sizes=(3, 60, 60), shape=shape)
    rng = np.random.default_rng(0)
    arrays["train_images"] = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
    arrays["train_labels"] = np.arange(n) % 3
    np.savez(path, **arrays)
    return arrays["train_images"].nbytes


@pytest.mark.parametrize("model", ["logistic_regression", "mlp -batch_size 50"])
def test_question_1_takes_the_pixels_bytes_and_a_few_blocks_of_floats(
    q1, blank_figures, tmp_path, model
):
    """One copy of the pixels as float32 would add four times their bytes; from a folder, not even one."""
    pixels = large_npz(tmp_path / "large.npz", 5_000, (40, 30, 3))
    unpack(tmp_path / "large.npz", tmp_path / "large")
    peaks = []
    for data in ("large.npz", "large"):
        folders = ["-data_path", tmp_path / data, "-plots_dir", tmp_path / "plots"]
        tracemalloc.start()
        try:
            q1.main([*model.split(), "-epochs", 1, *folders])
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    from_npz, from_folder = peaks
    blocks = 30 * 2**20
    assert pixels < from_npz < pixels + blocks
    assert from_folder < blocks


PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(peak * (1 if sys.platform == "darwin" else 1024))
"""


@pytest.mark.long
@pytest.mark.parametrize("kind", ["npz", "folder"])
@pytest.mark.parametrize(
    ("script", "words"),
    [("hw1-q1.py", "mlp -batch_size 50 -hidden_size 10"), ("hw1-q2.py", "mlp -batch_size 500")],
)
def test_the_process_takes_no_more_either(tmp_path, script, words, kind):
    """Five times the examples: their bytes more, from a folder a fraction of that."""
    peaks, pixels = [], []
    for n in (8_000, 40_000):
        path = tmp_path / f"{n}.npz"
        pixels.append(large_npz(path, n, (30, 30, 1)))
        if kind == "folder":
            unpack(path, tmp_path / str(n))
            path = tmp_path / str(n)
        command = [sys.executable, ROOT / script, *words.split(), "-epochs", 1]
        command += ["-data_path", path, "-plots_dir", tmp_path / "plots"]
        done = subprocess.run(
            [sys.executable, "-c", PEAK, *map(str, command)],
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(int(done.stdout))
    grown = (peaks[1] - peaks[0]) / (pixels[1] - pixels[0])
    assert 0.8 < grown < 3.5 if kind == "npz" else grown < 0.5
