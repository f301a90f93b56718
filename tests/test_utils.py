"""utils.py: reading data files, good, bad and hostile; what a student's script needs; drawing."""

import importlib
import os
import random
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import plain_q1
import plain_q2
import pytest
import torch
from conftest import ROOT, tiny_arrays
from files import BAD, GOOD, header, npy
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot
from matplotlib.text import Text
from oracle import features

import utils
from lab import figures
from lab.figures import save_figure, weight_images

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


HOSTILE = {"terabytes", "a zip bomb", "terabytes of nothing"}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_one_line(tmp_path, name):
    """And a hostile one takes little memory."""
    path = tmp_path / "data.npz"
    words = BAD[name](path)
    before = path.read_bytes() if path.is_file() else None
    if name in HOSTILE:
        tracemalloc.start()
    try:
        message = complaint(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 80 * 2**20
    for word in words:
        assert word in message.removeprefix(str(path))
    assert not path.with_name("data.npz.trap").exists()  # nothing was unpickled
    assert (path.read_bytes() if path.is_file() else None) == before


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
@given(
    text=st.text(st.characters(max_codepoint=255), max_size=60)
    | st.sampled_from(["{'descr': '|u1', 'fortran_order': False, 'shape': (6, 2, 2), }"]),
    cut=st.integers(0, 80),
    insert=st.text(st.sampled_from("(){}[]',:-~*0123456789ejLuUSVO<>|\\\0\n#"), max_size=12),
)
def test_any_header_is_a_clean_error_or_harmless(tmp_path_factory, text, cut, insert):
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
        assert np.array_equal(X, features(arrays[f"{split}_images"], bias))
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


def test_importing_takes_neither_torch_nor_matplotlib(tiny_npz):
    """Not utils.py, not the program around Question 1, not seeding or loading; nor scikit-learn."""
    code = f"""
import importlib, sys
def check(step):
    there = {{'torch', 'matplotlib', 'sklearn', 'scipy'}} & sys.modules.keys()
    assert not there, (step, there)
import utils
check('utils')
utils.configure_seed(1)
utils.load_dataset({str(tiny_npz)!r})
check('loading')
for module in ('fast.blocks', 'fast.ties', 'fast.pixels', 'lab.run', 'lab.sweep', 'lab.record'):
    importlib.import_module(module)
    check(module)
importlib.import_module('hw1-q1')
check('hw1-q1')
"""
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (process.returncode, process.stderr) == (0, "")


def test_a_students_scripts_run_beside_utils_alone(monkeypatch, capsys, tmp_path, tiny_npz):
    """The plain programs in a folder with a copy of utils.py print what they print here."""
    words = ["-epochs", "2", "-data_path", str(tiny_npz)]
    plain_q1.main(["mlp", *words])
    plain_q2.main(["logistic_regression", *words])
    expected = without_times(capsys.readouterr().out.splitlines())

    for name in ("utils.py", "benchmarks/plain_q1.py", "benchmarks/plain_q2.py"):
        (tmp_path / os.path.basename(name)).write_bytes((ROOT / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    elsewhere = [path for path in sys.path if not Path(path).resolve().is_relative_to(ROOT)]
    monkeypatch.setattr(sys, "path", [str(tmp_path), *elsewhere])
    for name in list(sys.modules):  # as if nothing of the project had been imported
        if name.split(".")[0] in ("utils", "fast", "lab", "plain_q1", "plain_q2"):
            monkeypatch.delitem(sys.modules, name)
    importlib.import_module("plain_q1").main(["mlp", *words])
    importlib.import_module("plain_q2").main(["logistic_regression", *words])
    assert without_times(capsys.readouterr().out.splitlines()) == expected
    assert sys.modules["utils"].__file__ == str(tmp_path / "utils.py")


def without_times(lines):
    return [line for line in lines if not line.startswith("Training took")]


def test_load_oct_data(tmp_path, monkeypatch):
    """The 2023-24 edition's test images: the first so many of each class, in the file's order."""
    assert utils.OCT_TEST_IMAGES == (182, 55, 42, 250)
    monkeypatch.setattr(utils, "OCT_TEST_IMAGES", (2, 1, 3, 0))
    arrays = tiny_arrays(shape=(28, 28), n_classes=4)
    np.savez(tmp_path / "octmnist.npz", **arrays)
    monkeypatch.chdir(tmp_path)  # the file is looked for here first
    for data in (utils.load_oct_data(), utils.load_oct_data(tmp_path / "octmnist.npz", bias=True)):
        assert len(data["train"][1]) == 60 and len(data["dev"][1]) == 24
        assert data["test"][1].tolist() == [0, 1, 2, 0, 2, 2]
    rows = [0, 1, 2, 4, 6, 10]
    assert np.array_equal(data["test"][0], features(arrays["test_images"][rows], bias=True))


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
    assert axes.get_xticks().tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("last", "ticks"),
    [
        (1, [1]),
        (6, [1, 2, 3, 4, 5, 6]),
        (20, [0, 5, 10, 15, 20]),
        (23, [0, 5, 10, 15, 20, 23]),
        (99, [0, 20, 40, 60, 80, 99]),
        (100, [0, 20, 40, 60, 80, 100]),
        (101, [0, 20, 40, 60, 80, 101]),
        (2000, [0, 500, 1000, 1500, 2000]),
    ],
)
def test_ticks_are_round_numbers_and_the_last_epoch(last, ticks):
    epochs = range(1, last + 1)
    axes = utils.plot_curves(epochs, {"a": [0.5] * last}, "accuracy", "title").axes[0]
    assert [tick for tick in axes.get_xticks() if tick <= last] == ticks


@pytest.mark.parametrize(
    ("settings", "backend", "show"),
    [
        ("text.usetex: True\nfigure.dpi: 20\n", "module://matplotlib_inline.backend_inline", False),
        ("backend: nonsense\n", "nonsense", False),
        ("axes.facecolor: red\n", "nonsense", True),
        ("lines.linewidth: 9\n", "module://nonsense", True),
    ],
)
def test_no_setting_of_the_user_hinders_or_changes_a_figure(tmp_path, settings, backend, show):
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "matplotlibrc").write_text(settings)
    code = f"""
import utils
from lab.figures import save_figure, show_figures
figure = utils.plot_curves([1, 2], {{"a": [1, 2]}}, "loss", "title", show={show})
save_figure(figure, "figure.png")
if {show}:
    show_figures()
"""
    pictures = []
    for chosen in ({"MPLCONFIGDIR": str(tmp_path / "settings"), "MPLBACKEND": backend}, {}):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        environment.pop("MPLBACKEND", None)
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment | chosen, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert b"Traceback" not in done.stderr
        assert (b"no window can be opened" in done.stderr) == show
        pictures.append((tmp_path / "figure.png").read_bytes())
    assert pictures[0] == pictures[1]


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
    figure = utils.plot_curves([1, 2, 3, 4], {"train": losses}, "loss", "title")
    axes, beside = figure.axes
    assert axes.get_yscale() == "log" and "log scale" in axes.get_ylabel()
    assert beside.get_yscale() == "linear"
    assert beside.lines[0].get_xydata().tolist() == [[2, 1.6], [3, 1.4], [4, 1.2]]
    assert not axes.get_window_extent().overlaps(beside.get_window_extent())
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["train"]
    steady = utils.plot_curves([1, 2, 3, 4], {"train": losses[1:] + [1.1]}, "loss", "title").axes
    assert [(axes.get_yscale(), axes.get_ylabel()) for axes in steady] == [("linear", "loss")]


def test_no_number_on_an_axis_has_an_exponent():
    for values in ([1e-5, 2e-5], [1e-5, 1e-2], [2213.40001, 2213.40002], [100, 2e6]):
        figure = utils.plot_curves([1, 2], {"a": values}, "loss", "title")
        figure.draw_without_rendering()
        axis = figure.axes[0].yaxis
        texts = [text.get_text() for text in axis.get_ticklabels(which="both")]
        assert any(texts) and not any("e" in text or "{" in text for text in texts)
        assert axis.get_offset_text().get_text() == ""


@pytest.mark.parametrize(
    ("n_classes", "image_shape"), [(3, (4, 5)), (4, (4, 5, 3)), (7, (4, 5, 1)), (3, (4, 5, 4))]
)
def test_weights_as_images(tmp_path, n_classes, image_shape):
    """A picture a class, stretched to its own range; nothing to stretch, and nan, do no harm."""
    W = np.random.default_rng(0).normal(size=(n_classes, int(np.prod(image_shape))))
    W[1], W[2, 0] = 0, np.nan
    names = [f"class {k}" for k in range(n_classes)]
    figure = weight_images(W, image_shape, names, "A title")
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == names
    sheet = np.asarray(axes.images[0].get_array())
    for text, weights in zip(axes.texts, W, strict=True):
        x, y = text.get_position()
        below = sheet[int(y) :, int(x)]  # a column of white, and then of the class's image
        below = below[np.argmax((below < 1).any(axis=1)) :][:40]
        assert below.min() >= 0 and below.max() <= 1
        if image_shape == (4, 5, 3) and text.get_text() == "class 0":
            rows = (weights - weights.min()) / np.ptp(weights)
            expected = rows.reshape(image_shape)[:, 2].repeat(10, axis=0)
            np.testing.assert_allclose(below, expected, rtol=1e-5)
    save_figure(figure, tmp_path / "weights.png")
    assert (tmp_path / "weights.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_weights_that_were_kept_are_light_though_all_of_a_class_were():
    data = SimpleNamespace(class_names=["a", "b"])
    data.arrays = {"test_images": np.zeros((2, 4, 4)), "test_labels": np.array([0, 1])}
    weights = np.array([np.ones(16), np.zeros(16)])
    outcome = figures.Outcome(np.eye(2), weights)
    opt = SimpleNamespace(model="logistic_regression", l1_penalty=0.1, show=False)
    drawn = dict(figures.pictures(outcome, data, "title", opt))
    assert list(drawn) == ["weights", "weight-histogram", "kept-weights", "confusion", "mistakes"]
    axes = drawn["kept-weights"].axes[-1]
    sheet = np.asarray(axes.images[0].get_array())
    colours = [sheet[-1, int(text.get_position()[0])].tolist() for text in axes.texts]
    assert colours == [[1, 1, 1], [0, 0, 0]]
    assert "no test image is wrong" in [text.get_text() for text in drawn["mistakes"].texts]
    assert drawn["confusion"].axes[0].get_ylabel() == "true class (recall)"
    assert drawn["confusion"].get_suptitle() == "Confusion matrix, test set\ntitle"


def test_long_names_of_classes_overlap_nowhere():
    names = ["choroidal neovascularization", "diabetic macular edema", "drusen"]
    gold, predicted = np.arange(9) % 3, (np.arange(9) + 1 + np.arange(9) // 5) % 3
    scores = np.eye(3)[predicted] * np.arange(9.0, 0, -1)[:, None]
    outcome = figures.Outcome(scores)
    figure = figures.mistakes(np.zeros((9, 8, 8)), gold, outcome, names, "title")
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) > 4
    for i, box in enumerate(boxes):
        assert box.x0 >= 0 and box.x1 <= figure.bbox.x1
        assert not any(box.overlaps(other) for other in boxes[:i])
    figure = figures.confusion(gold, predicted, names, "title")
    figure.draw_without_rendering()
    box = figure.axes[0].get_tightbbox()
    assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1


def test_plot_curves_of_numbers_that_are_not_finite(tmp_path):
    for values in ([1.0, np.nan, np.inf], [np.nan] * 3):
        figure = utils.plot_curves([1, 2, 3], {"a": values}, "loss", "title", best="a")
        save_figure(figure, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


@pytest.mark.parametrize(("ending", "magic"), [("pdf", b"%PDF-"), ("png", b"\x89PNG\r\n\x1a\n")])
def test_a_figures_file_is_the_same_every_time(tmp_path, ending, magic):
    """Whether or not another figure was drawn before it."""
    written = []
    for name, values in (("one", [1, 2]), ("other", [5, 3]), ("again", [1, 2])):
        figure = utils.plot_curves([1, 2], {"a": values}, "loss", "title " * 40)
        save_figure(figure, tmp_path / f"{name}.{ending}")
        written.append((tmp_path / f"{name}.{ending}").read_bytes())
    one, other, again = written
    assert one.startswith(magic)
    assert one == again != other


def test_windows_open_only_when_asked_for(
    q1, run_main, blank_figures, monkeypatch, tmp_path, tiny_npz
):
    """And then once, after all files are there; where there is no screen a notice says so."""
    shown = []

    def show(*arguments, **options):
        shown.append({path.suffix for path in tmp_path.joinpath("plots").rglob("*.*")})

    monkeypatch.setattr(pyplot, "show", show)
    arguments = ["perceptron", "-epochs", 1, "-data_path", tiny_npz]
    arguments += ["-plots_dir", tmp_path / "plots"]
    assert run_main(q1, *arguments).status == 0
    assert shown == []
    without = run_main(q1, *arguments, "-show")  # the tests have no screen
    assert (without.status, shown) == (0, [])
    assert "no window can be opened" in without.err
    monkeypatch.setattr("matplotlib.get_backend", lambda: "QtAgg")
    assert run_main(q1, *arguments, "-show").status == 0
    assert shown == [{".pdf", ".json", ".npz", ".npy", ".txt", ".csv"}]


def test_a_figure_to_be_shown_is_one_of_pyplots():
    pyplot.close("all")
    for show in (False, True):
        utils.plot_curves([1], {"a": [1]}, "accuracy", "title", show=show)
        weight_images(np.eye(4), (2, 2), "abcd", "title", show=show)
        assert len(pyplot.get_fignums()) == 2 * show
    pyplot.close("all")


def test_the_oct_loader_takes_four_classes_alone(tmp_path):
    np.savez(tmp_path / "six.npz", **tiny_arrays(n_classes=6))
    with pytest.raises(utils.InputError, match="four classes"):
        utils.load_oct_data(tmp_path / "six.npz")
