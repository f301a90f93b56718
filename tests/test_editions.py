"""The sibling homeworks run from the same two scripts: KTH's on CIFAR-10, 2023-24's on OCTMNIST."""

import numpy as np
import pytest
from conftest import record_of, tiny_arrays
from test_gradients import centred_differences, relative_error, some_entries

from editions.tables import load


@pytest.fixture
def cifar_npz(tmp_path):
    """Images like CIFAR-10's, 32x32 in colour, ten classes, one pixel the same in all of them."""
    arrays = tiny_arrays(1, (120, 40, 40), (32, 32, 3), 10)
    for split in ("train", "val", "test"):
        arrays[f"{split}_images"][:, 0, 0] = 7
    path = tmp_path / "cifar10.npz"
    np.savez(path, **arrays)
    return path


@pytest.fixture
def octmnist_npz(tmp_path):
    """A file as MedMNIST publishes OCTMNIST: grey, no channel axis, labels of shape (n, 1)."""
    arrays = tiny_arrays(2, (80, 20, 20), (28, 28), 4)
    for split in ("train", "val", "test"):
        arrays[f"{split}_labels"] = arrays[f"{split}_labels"][:, None].astype(np.uint8)
    path = tmp_path / "octmnist.npz"
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("l2_penalty", [0.0, 0.2])
def test_kth_gradient_check(q1, l2_penalty, record_property):
    """The relative errors of W and of b on a mini-batch of CIFAR's size, as KTH's report has them.

    There they are 1.1e-9 and 2.25e-9 against the centred difference. Our b is W's last column.
    """
    rng = np.random.default_rng(0)
    n, features, classes = 20, 3072, 10
    X = np.column_stack([rng.normal(size=(n, features)), np.ones(n)])
    y = rng.integers(0, classes, n)
    model = q1.LogisticRegression(classes, features + 1)
    model.W[...] = start = rng.normal(0, 0.01, model.W.shape)
    start = start.copy()
    model.train_epoch(X, y, learning_rate=1.0, l2_penalty=l2_penalty, batch_size=n)
    gradient = start - model.W

    def cost():
        logits = X @ start.T
        top = logits.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0]
        return np.mean(log_sum - logits[np.arange(n), y]) + l2_penalty / 2 * np.sum(start**2)

    weights = [entry for entry in some_entries(start, 200) if entry[1] < features]
    for name, entries in (("W", weights), ("b", [(k, features) for k in range(classes)])):
        numeric = centred_differences(cost, start, entries)
        error = relative_error(np.array([gradient[e] for e in entries]), numeric).max()
        record_property(f"relative error of {name}", float(error))
        assert error < 1e-6, name


@pytest.mark.parametrize("options", [["-learning_rate", 0.1], ["-l2_penalty", 0.2]])
def test_kth_configurations(q1, run_main, blank_figures, tmp_path, cifar_npz, options):
    """Cost and loss, equal without a penalty, apart by it otherwise; the weights as images."""
    fixed = ["-standardize", "-batch_size", "100", "-epochs", "3"]
    where = ["-data_path", cifar_npz, "-plots_dir", tmp_path / "plots", "-plot_format", "png"]
    outcome = run_main(q1, "logistic_regression", *fixed, *where, *options)
    assert outcome.status == 0, outcome.err
    l2_penalty = dict(zip(options[::2], options[1::2], strict=True)).get("-l2_penalty", 0)
    for epoch in record_of(tmp_path / "plots")["epochs"]:
        for split in ("train", "val"):
            penalty = epoch[f"{split}_cost"] - epoch[f"{split}_loss"]
            assert penalty == pytest.approx(l2_penalty / 2 * epoch["w_norm"] ** 2, abs=1e-12)
    for quantity in ("accs", "cost", "loss", "w_norms", "weights", "weight-histogram", "confusion"):
        assert len(list((tmp_path / "plots").glob(f"*-{quantity}-*.png"))) == 1


@pytest.mark.draws
@pytest.mark.parametrize("model", ["perceptron", "logistic_regression"])
def test_weights_of_grey_images_are_drawn(
    q1, run_main, blank_figures, tmp_path, octmnist_npz, model
):
    outcome = run_main(
        q1, model, "-epochs", 1, "-data_path", octmnist_npz, "-plots_dir", tmp_path / "plots"
    )
    assert outcome.status == 0, outcome.err
    assert list((tmp_path / "plots").glob("*-weights-*.pdf"))


def test_every_command_of_the_octmnist_edition_runs(
    request, run_main, blank_figures, tmp_path, octmnist_npz
):
    """With one epoch in place of the edition's."""
    experiments = [e for question in load("ist-2023").questions for e in question.experiments]
    commands = {tuple(e.command) for e in experiments if e.command[0] != "hw1-q3.py"}
    assert len(commands) >= 8
    for i, (script, *options) in enumerate(sorted(commands)):
        module = request.getfixturevalue("q1" if script == "hw1-q1.py" else "q2")
        where = ["-data_path", octmnist_npz, "-plots_dir", tmp_path / str(i)]
        outcome = run_main(module, *options, *where, "-epochs", 1)
        assert outcome.status == 0, outcome.err
        assert record_of(tmp_path / str(i))["final"]["test_acc"] <= 1
