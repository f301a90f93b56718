"""utils.py: reading data files, good, bad and hostile; the matrices of pixels; seeds; writing."""

import os
import random
import subprocess
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest
import textbook
import torch
from conftest import ROOT, tiny_arrays
from files import BAD, GOOD, npy
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text

import utils

# --------------------------------------------------------------------------------------------
# Reading


def complaint(path):
    """The message with which a file is refused: a single line that names the file."""
    with pytest.raises(utils.InputError) as caught:
        utils.read_npz(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < 400 + len(str(path))
    return message


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_one_line(tmp_path, name):
    path = tmp_path / "data.npz"
    words = BAD[name](path)
    before = path.read_bytes() if path.is_file() else None
    message = complaint(path)
    for word in words:
        assert word in message.removeprefix(str(path))
    assert not path.with_name("data.npz.trap").exists()  # nothing was unpickled
    assert (path.read_bytes() if path.is_file() else None) == before


@pytest.mark.parametrize("name", ["terabytes", "a zip bomb", "terabytes of nothing"])
def test_a_hostile_file_takes_little_memory(tmp_path, name):
    path = tmp_path / "data.npz"
    BAD[name](path)
    tracemalloc.start()
    try:
        complaint(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100 * 2**20


@pytest.mark.parametrize("name", GOOD)
def test_a_good_file_of_another_kind_is_read(tmp_path, name):
    path = tmp_path / "data.npz"
    GOOD[name](path)
    arrays, expected = utils.read_npz(path), tiny_arrays()
    assert arrays.keys() == expected.keys()
    for key, array in arrays.items():
        assert array.dtype == (np.uint8 if key.endswith("images") else np.int64)
        assert np.array_equal(array, expected[key])
        assert array.dtype.isnative


def test_grey_images_as_medmnist_publishes_them(tmp_path):
    """(n, 28, 28) and uint8 labels (n, 1), compressed."""
    arrays = tiny_arrays(shape=(28, 28), n_classes=4)
    labels = {k: v[:, None].astype(np.uint8) for k, v in arrays.items() if k.endswith("labels")}
    np.savez_compressed(tmp_path / "octmnist.npz", **{**arrays, **labels})
    read = utils.read_npz(tmp_path / "octmnist.npz")
    assert read["train_images"].shape == (60, 28, 28)
    for key, array in arrays.items():
        assert np.array_equal(read[key], array)


def test_a_path_may_be_text_or_a_path(tiny_npz):
    assert np.array_equal(
        utils.read_npz(str(tiny_npz))["train_labels"], utils.read_npz(tiny_npz)["train_labels"]
    )


def test_the_least_data_set(tmp_path):
    """Two classes, one image each, one pixel."""
    images, labels = np.zeros((2, 1, 1), np.uint8), np.arange(2)
    arrays = {f"{split}_{part}": {"images": images, "labels": labels}[part]
              for split in utils.SPLITS for part in ("images", "labels")}  # fmt: skip
    np.savez(tmp_path / "least.npz", **arrays)
    assert utils.read_npz(tmp_path / "least.npz")["test_images"].shape == (2, 1, 1)


def test_a_very_regular_good_file_is_no_bomb(tmp_path):
    """White images shrink a thousandfold in a zip, and are still images."""
    arrays = tiny_arrays(sizes=(300, 30, 30), shape=(48, 48, 3))
    for key in arrays:
        if key.endswith("images"):
            arrays[key][...] = 255
    np.savez_compressed(tmp_path / "white.npz", **arrays)
    assert utils.read_npz(tmp_path / "white.npz")["train_images"].min() == 255


@pytest.mark.parametrize("name", ["x" * 300 + ".npz", "a\nb.npz", "no/such/folder.npz"])
def test_odd_names_of_missing_files(tmp_path, name):
    with pytest.raises(utils.InputError):
        utils.read_npz(tmp_path / name)


@settings(max_examples=150)
@given(
    places=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8
    ),
    keep=st.floats(0.3, 1),
    compression=st.sampled_from(
        [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
    ),
)
def test_any_damage_is_a_clean_error_or_harmless(tmp_path_factory, places, keep, compression):
    """Bytes changed anywhere, the end perhaps missing: an InputError, or a data set."""
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, array in tiny_arrays(sizes=(6, 3, 3), shape=(2, 2)).items():
            archive.writestr(f"{name}.npy", npy(array))
    data = bytearray(path.read_bytes())
    for place, value in places:
        data[int(place * len(data))] = value
    path.write_bytes(data[: int(keep * len(data)) if keep < 0.9 else None])
    try:
        arrays = utils.read_npz(path)
    except utils.InputError as error:
        assert "\n" not in str(error)
    else:
        assert set(arrays) == set(tiny_arrays())


@pytest.mark.filterwarnings("ignore:invalid escape sequence")  # from within such a header
@settings(max_examples=150)
@given(
    text=st.text(st.characters(max_codepoint=255), max_size=60)
    | st.sampled_from(["{'descr': '|u1', 'fortran_order': False, 'shape': (6, 2, 2), }"]),
    cut=st.integers(0, 80),
    insert=st.text(st.sampled_from("(){}[]',:-~*0123456789ejLuUSVO<>|\\\0\n#"), max_size=12),
)
def test_any_header_is_a_clean_error_or_harmless(tmp_path_factory, text, cut, insert):
    from files import header

    path = tmp_path_factory.getbasetemp() / "header.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in tiny_arrays(sizes=(6, 3, 3), shape=(2, 2)).items():
            data = npy(array)
            if name == "train_images":
                data = header(text[:cut] + insert + text[cut:], array.tobytes())
            archive.writestr(f"{name}.npy", data)
    try:
        utils.read_npz(path)
    except utils.InputError as error:
        assert "\n" not in str(error)


# --------------------------------------------------------------------------------------------
# What the course's skeleton asks of it


@pytest.mark.parametrize("bias", [False, True])
def test_load_dataset(tiny_npz, bias):
    data = utils.load_dataset(tiny_npz, bias=bias)
    arrays = tiny_arrays()
    assert list(data) == ["train", "dev", "test"]
    for name, split in (("train", "train"), ("dev", "val"), ("test", "test")):
        X, y = data[name]
        assert X.dtype.kind == "f"
        assert y.dtype.kind == "i"
        assert y.shape == (len(X),)
        assert np.array_equal(X, textbook.features(arrays[f"{split}_images"], bias))
        assert np.array_equal(y, arrays[f"{split}_labels"])
        X[0] = y[0] = 0  # a script may change its arrays


def test_load_dataset_takes_its_arguments_as_the_skeleton_gives_them(tiny_npz):
    data = utils.load_dataset(data_path=str(tiny_npz))
    assert data["train"][0].shape == (60, 90)


def test_classification_dataset(tiny_npz):
    data = utils.load_dataset(tiny_npz)
    dataset = utils.ClassificationDataset(data)
    names = {"train": ("X", "y"), "dev": ("dev_X", "dev_y"), "test": ("test_X", "test_y")}
    for split, (X_name, y_name) in names.items():
        X, y = getattr(dataset, X_name), getattr(dataset, y_name)
        assert X.dtype == torch.float32 and y.dtype == torch.int64
        assert np.array_equal(X.numpy(), data[split][0])  # k / 256 is exact in float32
        assert np.array_equal(y.numpy(), data[split][1])
    assert len(dataset) == 60
    x_i, y_i = dataset[7]
    assert torch.equal(x_i, dataset.X[7])
    assert y_i == dataset.y[7]
    batch_X, batch_y = next(iter(torch.utils.data.DataLoader(dataset, batch_size=16)))
    assert torch.equal(batch_X, dataset.X[:16])
    assert torch.equal(batch_y, dataset.y[:16])


def test_configure_seed():
    def draws():
        return random.random(), np.random.random(), torch.rand(1).item()

    utils.configure_seed(7)
    first = draws()
    assert os.environ["PYTHONHASHSEED"] == "7"
    assert first == (random.Random(7).random(), np.random.RandomState(7).random(), first[2])
    torch.manual_seed(7)
    assert first[2] == torch.rand(1).item()
    utils.configure_seed(seed=7)
    assert draws() == first
    utils.configure_seed(8)
    assert all(a != b for a, b in zip(draws(), first, strict=True))


@pytest.mark.parametrize(
    "code",
    [
        "import utils",
        "import runs",
        "import runpy; runpy.run_path('hw1-q1.py')",
        "import utils, numpy; utils.configure_seed(1); utils.load_dataset(DATA)",
    ],
)
def test_importing_takes_neither_torch_nor_matplotlib(tiny_npz, code):
    code = f"import sys; sys.path.insert(0, '.'); DATA = {str(tiny_npz)!r}; {code}\n"
    code += "print([m for m in ('torch', 'matplotlib', 'sklearn', 'scipy') if m in sys.modules])"
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout == "[]\n"


# --------------------------------------------------------------------------------------------
# Pixels


IMAGES = np.random.default_rng(0).integers(0, 256, (20, 4, 3, 2), dtype=np.uint8)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, "float32"])
def test_pixels_are_pixels_by_256_exactly(bias, dtype):
    X = utils.Pixels(IMAGES, bias=bias, dtype=dtype)
    expected = textbook.features(IMAGES, bias)
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
        assert np.array_equal(utils.Pixels(images, dtype=dtype)[:][0] * 256, np.arange(256))


def test_pixels_are_read_in_slices_only():
    for rows in (3, [1, 2], np.arange(4), (slice(None), 0)):
        with pytest.raises(TypeError):
            utils.Pixels(IMAGES)[rows]


@given(st.permutations(range(20)), st.integers(0, 20), st.integers(0, 20))
def test_pixels_reordered(order, start, stop):
    X = utils.Pixels(IMAGES, bias=True)
    again = X.reordered(np.array(order))
    expected = textbook.features(IMAGES, bias=True)
    assert len(again) == 20 and again.shape == X.shape
    assert np.array_equal(again[start:stop], expected[order][start:stop])
    assert np.array_equal(X[start:stop], expected[start:stop])  # itself it stays as it was
    twice = again.reordered(np.arange(20)[::-1])  # an order is of the images' rows
    assert np.array_equal(twice[start:stop], expected[::-1][start:stop])


def test_a_block_can_be_changed_and_the_images_stay():
    images = IMAGES.copy()
    X = utils.Pixels(images)
    X[:][...] = 7
    assert np.array_equal(images, IMAGES)
    assert np.array_equal(X[:], textbook.features(IMAGES, bias=False))


@pytest.mark.parametrize("bias", [False, True])
def test_standardized_pixels(bias):
    images = IMAGES.copy()
    images[:, 0, 0, 0] = 200  # a feature that is constant
    statistics = utils.feature_statistics(images)
    X = utils.Pixels(images, bias=bias, standardize=statistics)[:]
    features = X[:, :24]
    assert np.array_equal(features[:, 0], np.zeros(20))
    np.testing.assert_allclose(features.mean(axis=0), np.zeros(24), atol=1e-14)
    np.testing.assert_allclose(features[:, 1:].std(axis=0), np.ones(23), rtol=1e-12)
    if bias:
        assert np.array_equal(X[:, 24], np.ones(20))


@pytest.mark.parametrize("block", [1, 7, 20, 1024])
def test_feature_statistics(block):
    mean, deviation = utils.feature_statistics(IMAGES, block)
    X = textbook.features(IMAGES, bias=False)
    assert mean.shape == deviation.shape == (24,)
    np.testing.assert_allclose(mean, X.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(deviation, X.std(axis=0), rtol=1e-12)


@given(st.integers(0, 255), st.integers(1, 9))
def test_a_constant_feature_has_deviation_1(value, n):
    mean, deviation = utils.feature_statistics(np.full((n, 2, 1), value, np.uint8))
    assert mean.tolist() == [value / 256] * 2
    assert deviation.tolist() == [1, 1]


# --------------------------------------------------------------------------------------------
# Writing


def test_replacing_writes_the_whole_file(tmp_path):
    path = tmp_path / "file.txt"
    for content in (b"one", b"two, which is longer", b""):
        with utils.replacing(path) as stream:
            stream.write(content)
        assert path.read_bytes() == content
        assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt, SystemExit])
def test_replacing_leaves_the_old_file_where_writing_fails(tmp_path, stop):
    path = tmp_path / "file.txt"
    path.write_bytes(b"old")
    with pytest.raises(stop), utils.replacing(path) as stream:
        stream.write(b"new, but not all of i")
        stream.flush()
        assert path.read_bytes() == b"old"
        raise stop
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_replacing_leaves_nothing_where_there_was_nothing(tmp_path):
    with pytest.raises(ValueError), utils.replacing(tmp_path / "file.txt"):
        raise ValueError
    assert list(tmp_path.iterdir()) == []


def test_replacing_gives_the_permissions_of_any_new_file(tmp_path):
    with utils.replacing(tmp_path / "ours"):
        pass
    (tmp_path / "plain").touch()
    modes = {(tmp_path / name).stat().st_mode for name in ("ours", "plain")}
    assert len(modes) == 1


def test_what_cannot_be_written_is_named(tmp_path):
    """By its own name and not its temporary file's, when the disk is full too."""
    path = tmp_path / "file.txt"
    with pytest.raises(utils.NotWritten) as error, utils.replacing(path):
        raise OSError(28, "No space left on device")
    assert (error.value.filename, error.value.strerror) == (str(path), "No space left on device")
    with pytest.raises(FileNotFoundError), utils.replacing(path):
        (tmp_path / "another").read_text()
    path.mkdir()
    with pytest.raises(utils.NotWritten) as error, utils.replacing(path):
        pass
    assert error.value.filename == str(path)


def test_replacing_in_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OSError), utils.replacing(tmp_path / "no" / "file.txt"):
        pass


# --------------------------------------------------------------------------------------------
# Figures


def test_plot_curves():
    figure = utils.plot_curves(
        [1, 2, 3], {"train": [0.1, 0.2, 0.3], "validation": [0.3, 0.5, 0.4]}, "accuracy",
        "A title", best="validation",
    )  # fmt: skip
    (axes,) = figure.axes
    assert axes.get_xlabel() == "epoch"
    assert axes.get_ylabel() == "accuracy"
    assert "A title" in [text.get_text() for text in figure.findobj(Text)]
    curves = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    assert curves["train"] == [[1, 0.1], [2, 0.2], [3, 0.3]]
    assert curves["validation"] == [[1, 0.3], [2, 0.5], [3, 0.4]]
    (best,) = (label for label in curves if label not in ("train", "validation"))
    assert curves[best] == [[2, 0.5]]
    assert "0.5000" in best and "epoch 2" in best
    assert all(tick == int(tick) for tick in axes.get_xticks())


def test_the_legend_of_many_curves_fits_and_tells_them_apart():
    labels = [f"learning_rate 0.00{i}, batch_size 512, activation tanh" for i in range(14)]
    figure = utils.plot_curves([1, 2], {label: [1, 2] for label in labels}, "accuracy", "title")
    figure.draw_without_rendering()
    (legend,) = figure.legends
    box, whole = legend.get_window_extent(), figure.bbox
    assert box.x0 >= 0 and box.x1 <= whole.x1 and box.y0 >= 0
    assert figure.axes[0].get_window_extent().height > 0.25 * whole.height
    styles = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines}
    assert len(styles) == len(labels)


def test_a_loss_that_falls_from_hundreds_is_drawn_on_two_scales():
    losses = [265, 1.6, 1.4, 1.2]
    axes = utils.plot_curves([1, 2, 3, 4], {"train": losses}, "loss", "title").axes[0]
    assert axes.get_yscale() == "log" and "log scale" in axes.get_ylabel()
    (inset,) = axes.child_axes
    assert inset.get_yscale() == "linear"
    assert inset.lines[0].get_xydata().tolist() == [[2, 1.6], [3, 1.4], [4, 1.2]]
    steady = utils.plot_curves([1, 2, 3, 4], {"train": losses[1:] + [1.1]}, "loss", "title").axes[0]
    assert steady.get_yscale() == "linear" and steady.get_ylabel() == "loss"
    assert steady.child_axes == []


@pytest.mark.parametrize(
    ("n_classes", "image_shape"), [(3, (4, 5)), (6, (4, 5, 3)), (10, (4, 5, 1)), (7, (4, 5, 4))]
)
def test_plot_weights(tmp_path, n_classes, image_shape):
    """A picture a class, stretched to its own range; nothing to stretch, and nan, do no harm."""
    W = np.random.default_rng(0).normal(size=(n_classes, int(np.prod(image_shape))))
    W[1], W[2, 0] = 0, np.nan
    figure = utils.plot_weights(W, image_shape, "A title")
    assert len(figure.axes) == n_classes
    for k, axes in enumerate(figure.axes):
        picture = np.asarray(axes.images[0].get_array())
        assert picture.shape[:2] == (4, 5)
        if k == 0 and image_shape != (4, 5, 4):
            rows = W[0].reshape(image_shape).squeeze()
            np.testing.assert_allclose(picture, (rows - rows.min()) / np.ptp(rows), rtol=1e-12)
    utils.save_figure(figure, tmp_path / "weights.png")
    assert (tmp_path / "weights.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_plot_curves_of_numbers_that_are_not_finite(tmp_path):
    for values in ([1.0, np.nan, np.inf], [np.nan] * 3):
        figure = utils.plot_curves([1, 2, 3], {"a": values}, "loss", "title", best="a")
        utils.save_figure(figure, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


@pytest.mark.parametrize(("ending", "magic"), [("pdf", b"%PDF-"), ("png", b"\x89PNG\r\n\x1a\n")])
def test_a_figures_file_is_the_same_every_time(tmp_path, ending, magic):
    written = []
    for name in ("one", "two"):
        figure = utils.plot_curves([1, 2], {"a": [1, 2]}, "loss", "title " * 40)
        utils.save_figure(figure, tmp_path / f"{name}.{ending}")
        written.append((tmp_path / f"{name}.{ending}").read_bytes())
    assert written[0].startswith(magic)
    assert written[0] == written[1]
