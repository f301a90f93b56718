"""A folder of .npy files in place of the npz: the same numbers, little memory, hostile folders."""

import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, record_of, snapshot, tiny_arrays
from files import Trap, header, npy, says

import utils
from data import prepare


def write_folder(path, arrays):
    path.mkdir()
    for key, array in arrays.items():
        (path / f"{key}.npy").write_bytes(npy(array))
    return path


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "tiny", tiny_arrays())


def test_a_folder_holds_what_the_npz_holds(tmp_path, tiny_npz, folder):
    expected, read = utils.read_data(tiny_npz), utils.read_data(folder)
    for key in utils.KEYS:
        assert read[key].shape == expected[key].shape
        assert read[key].dtype == expected[key].dtype
        assert np.array_equal(read[key][:], expected[key])
    images, rows = read["train_images"], np.array([59, 0, 7, 7])
    assert np.array_equal(images[rows], expected["train_images"][rows])
    for part in (slice(5, 9), slice(50, 99), slice(60, 70), slice(9, 5), slice(-3, None)):
        assert np.array_equal(images[part], expected["train_images"][part])
    for split, (X, y) in utils.load_dataset(folder, bias=True).items():
        other_X, other_y = utils.load_dataset(tiny_npz, bias=True)[split]
        assert np.array_equal(X, other_X) and np.array_equal(y, other_y)


@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        ("q1", ["perceptron"]),
        ("q1", ["logistic_regression", "-l2_penalty", 0.01]),
        ("q1", ["mlp", "-hidden_size", 10]),
        ("q1", ["logistic_regression", "-batch_size", 7, "-standardize"]),
        ("q2", ["logistic_regression"]),
        ("q2", ["mlp", "-hidden_size", 10, "-batch_size", 7, "-standardize"]),
    ],
)
def test_every_model_trains_to_the_same_numbers(
    request, run_main, blank_figures, tmp_path, tiny_npz, folder, script, arguments
):
    module, records, lines = request.getfixturevalue(script), [], []
    for data in (tiny_npz, folder):
        plots = tmp_path / f"plots {data.name}"
        outcome = run_main(
            module, *arguments, "-epochs", 3, "-data_path", data, "-plots_dir", plots
        )
        assert outcome.status == 0, outcome.err
        record = record_of(plots)
        del record["seconds"], record["data"], record["options"]["data_path"]
        records.append(record)
        lines.append([line for line in outcome.out.splitlines() if "took" not in line])
    assert records[0] == records[1]
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


IMAGES = tiny_arrays()["train_images"]
BAD = {
    "missing": missing,
    "folder": a_folder,
    "pipe": a_pipe,
    "dangling link": a_dangling_link,
    "empty": written("train_images", b"", "train_images"),
    "text": written("val_labels", b"0,1,2", "val_labels"),
    "cut": written("train_images", npy(IMAGES)[:-1], "train_images"),
    "longer": written("train_images", npy(IMAGES) + b"1", "train_images"),
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
def test_a_bad_folder_is_refused_in_one_line(q1, run_main, tmp_path, folder, name):
    words = BAD[name](folder)
    outcome = run_main(q1, "perceptron", "-data_path", folder, "-plots_dir", tmp_path / "plots")
    assert (outcome.status, outcome.out) == (2, "")
    (line,) = outcome.err_lines
    assert line.startswith(f"hw1-q1.py: {folder}: ")
    for word in words:
        assert word in line
    assert not (tmp_path / "trap").exists()


def test_links_to_files_elsewhere_are_followed(tmp_path, folder):
    """A large file may lie on another disk."""
    (folder / "train_images.npy").rename(tmp_path / "elsewhere.npy")
    (folder / "train_images.npy").symlink_to(tmp_path / "elsewhere.npy")
    assert np.array_equal(utils.read_data(folder)["train_images"][:], IMAGES)


def test_views_of_one_file_take_turns_at_reading_it(folder):
    """They share its position, so also its lock."""
    images = utils.read_data(folder)["train_images"]
    pixels = utils.Pixels(images)
    for view in (utils.flat(images), pixels.bytes, pixels.reordered(np.arange(60)).bytes):
        assert view.stream is images.stream and view.reading is images.reading


def test_a_file_cut_while_it_is_in_use(folder):
    images = utils.read_data(folder)["train_images"]
    os.truncate(folder / "train_images.npy", 2000)
    with pytest.raises(utils.InputError, match="shorter"):
        images[50:60]


# --------------------------------------------------------------------------------------------
# data/prepare.py unpack


def unpack(source, folder):
    utils.run_script(lambda: prepare.main(["unpack", str(source), str(folder)]))


def test_unpack(tmp_path, tiny_npz, capsys):
    unpack(tiny_npz, tmp_path / "new")
    assert capsys.readouterr().out.splitlines()[-1] == f"wrote {tmp_path / 'new'}"
    assert sorted(os.listdir(tmp_path / "new")) == sorted(f"{key}.npy" for key in utils.KEYS)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o777 & ~utils._umask()
    for key, array in tiny_arrays().items():
        assert np.array_equal(np.load(tmp_path / "new" / f"{key}.npy"), array)


@pytest.mark.parametrize("damage", ["missing", "cut", "lacking", "no data set", "Fortran"])
def test_unpack_leaves_nothing_of_a_bad_file(tmp_path, tiny_npz, capsys, damage):
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
    with pytest.raises(SystemExit) as stop:
        unpack(tiny_npz, tmp_path / "new")
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(tiny_npz) in line
    assert snapshot(tmp_path) == before


def test_unpack_overwrites_nothing(tmp_path, tiny_npz, folder, capsys):
    before = snapshot(tmp_path)
    for target in (folder, tiny_npz, tmp_path / "no" / "folder"):
        with pytest.raises(SystemExit) as stop:
            unpack(tiny_npz, target)
        assert stop.value.code == 2
        assert str(target) in capsys.readouterr().err
    assert snapshot(tmp_path) == before


# --------------------------------------------------------------------------------------------
# Memory


@pytest.mark.parametrize(
    ("script", "model"), [("hw1-q1.py", "logistic_regression"), ("hw1-q2.py", "mlp")]
)
def test_peak_memory_does_not_grow_with_the_data(tmp_path, script, model):
    """Five times the examples, 77 MB more on disk: a fraction of it more in memory."""
    rng, peaks, sizes = np.random.default_rng(0), [], []
    for n in (4_500, 22_500):
        arrays = tiny_arrays(sizes=(3, 20, 20), shape=(36, 40, 3))
        arrays["train_images"] = rng.integers(0, 256, (n, 36, 40, 3), dtype=np.uint8)
        arrays["train_labels"] = np.arange(n) % 3
        folder = write_folder(tmp_path / str(n), arrays)
        sizes.append((folder / "train_images.npy").stat().st_size)
        code = (
            "import resource, subprocess, sys\n"
            "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        )
        command = [sys.executable, ROOT / script, model, "-epochs", 1]
        command += ["-data_path", folder, "-plots_dir", tmp_path / "plots"]
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, command)],
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(int(done.stdout) * (1 if sys.platform == "darwin" else 1024))
    assert peaks[1] - peaks[0] < 0.3 * (sizes[1] - sizes[0])
