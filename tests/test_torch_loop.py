"""Question 2's models and numbers against torch's own layers in the plain program's DataLoader loop."""

import math
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import plain_q2
import pytest
import torch
from conftest import ROOT, run_script, tiny_arrays
from oracle import features
from torch import nn

from fast.batches import ImageTensor, shuffled_batches
from lab import torch_state

N = 97  # training examples: no multiple of a batch size


@pytest.fixture(scope="module")
def arrays():
    return tiny_arrays(seed=3, sizes=(N, 41, 30), shape=(6, 5, 3))


@pytest.fixture(scope="module")
def npz(arrays, tmp_path_factory):
    path = tmp_path_factory.mktemp("loop") / "tiny.npz"
    np.savez(path, **arrays)
    return path


CASES = [
    "logistic_regression -batch_size 32",
    "logistic_regression -batch_size 1 -learning_rate 0.01",
    "logistic_regression -batch_size 97 -learning_rate 0.1 -l2_decay 0.01",
    "logistic_regression -batch_size 500 -momentum 0.9",
    "logistic_regression -batch_size 16 -optimizer adam -l2_decay 0.01",
    "logistic_regression -batch_size 10 -momentum 0.5 -l2_decay 0.1 -seed 7",
    "mlp -batch_size 64",
    "mlp -batch_size 64 -dropout 0 -learning_rate 0.1",
    "mlp -batch_size 8 -hidden_size 20 -momentum 0.9",
    "mlp -batch_size 33 -hidden_size 20 -optimizer adam",
    "mlp -batch_size 96 -hidden_size 20 -dropout 0.01 -optimizer adam -l2_decay 0.01",
    "mlp -batch_size 16 -hidden_size 20 -dropout 0.25 -l2_decay 0.01 -activation tanh",
    "mlp -batch_size 64 -layers 3 -optimizer adam -activation tanh",
    "mlp -batch_size 16 -hidden_size 20 -dropout 0.5 -layers 1 -seed 1",
    "mlp -batch_size 16 -hidden_size 20 -dropout 0 -layers 3 -momentum 0.9",
]


@pytest.mark.parametrize("case", CASES)
def test_the_numbers_are_those_of_the_plain_loop(q2, blank_figures, capsys, tmp_path, case, npz):
    words = [*case.split(), "-epochs", "4", "-data_path", str(npz)]
    torch.rand(5)  # what was drawn before is of no matter
    _, expected = plain_q2.main(words)
    plain = capsys.readouterr().out.splitlines()
    _, history = q2.main([*words, "-plots_dir", tmp_path])
    printed = capsys.readouterr().out.splitlines()
    for figures, numbers in zip(history, expected, strict=True):
        for name, value in numbers.items():
            assert figures[name] == pytest.approx(value, abs=1e-6, rel=1e-6), name
    assert (printed[0], printed[-1]) == (plain[0], plain[-1])  # initial and test accuracy
    assert [line.split("|")[0][:9] for line in printed] == [line[:9] for line in plain]
    assert [line for line in printed if line.startswith("train loss")] == [
        f"train loss: {row['train_loss']:.4f} | val loss: {row['val_loss']:.4f} | "
        f"val acc: {row['val_acc']:.4f}"
        for row in history
    ]


def test_the_training_loss_is_the_mean_over_batches(q2, blank_figures, tmp_path, arrays, npz):
    """A short last batch counts as much as the others: 97 examples in batches of 96 and 1."""
    words = ["logistic_regression", "-epochs", 1, "-batch_size", 96, "-learning_rate", 1e-30]
    model, history = q2.main([*words, "-data_path", npz, "-plots_dir", tmp_path])
    X = torch.tensor(features(arrays["train_images"])).float()
    y = torch.tensor(arrays["train_labels"])
    generator = torch.Generator().manual_seed(42)
    loader = torch.utils.data.DataLoader(range(N), 96, shuffle=True, generator=generator)
    losses = [nn.functional.cross_entropy(model(X[i]), y[i]).item() for i in loader]
    assert history[0]["train_loss"] == pytest.approx(np.mean(losses), abs=1e-6)
    whole = nn.functional.cross_entropy(model(X), y).item()
    assert abs(history[0]["train_loss"] - whole) > 1e-4


@pytest.mark.parametrize(("n", "size"), [(97, 32), (96, 32), (5, 64), (1, 1)])
def test_batches_are_those_of_torchs_loader(n, size):
    """The same examples in the same order, epoch after epoch, and the same draws to come."""
    arrays = tiny_arrays(sizes=(n, 1, 1))
    dataset = ImageTensor(arrays["train_images"], arrays["train_labels"])
    generators = [torch.Generator().manual_seed(7) for _ in range(2)]
    pairs = torch.utils.data.TensorDataset(dataset[:], dataset.y)
    loader = torch.utils.data.DataLoader(pairs, size, shuffle=True, generator=generators[0])
    for _ in range(2):
        ours = list(shuffled_batches(dataset, size, generators[1]))
        assert len(ours) == math.ceil(n / size)
        for (X, y), (plain_X, plain_y) in zip(ours, loader, strict=True):
            assert torch.equal(X, plain_X) and torch.equal(y, plain_y)
        assert torch.equal(*(generator.get_state() for generator in generators))


# --------------------------------------------------------------------------------------------
# The classes and functions that others import


def test_the_models_are_built_like_the_plain_ones(q2):
    """Layers drawn in the same order from the same generator: the same weights."""
    torch.manual_seed(42)
    ours = q2.FeedforwardNetwork(6, 50, 20, 3, "tanh", 0.2)
    linear = q2.LogisticRegression(6, 50)
    torch.manual_seed(42)
    plain = plain_q2.FeedforwardNetwork(6, 50, 20, 3, "tanh", 0.2)
    plain_linear = nn.Linear(50, 6)
    for model, twin in ((ours, plain), (linear, plain_linear)):
        pairs = zip(model.parameters(), twin.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
        X = torch.randn(9, 50)
        model.eval(), twin.eval()
        torch.testing.assert_close(model(X), twin(X))


@pytest.mark.parametrize("layers", [1, 2, 3, 5])
def test_there_are_as_many_hidden_layers_as_asked_for(q2, layers):
    model = q2.FeedforwardNetwork(6, 50, 20, layers, "relu", 0.3)
    shapes = [tuple(m.weight.shape) for m in model.modules() if isinstance(m, nn.Linear)]
    assert shapes == [(20, 50)] + [(20, 20)] * (layers - 1) + [(6, 20)]
    rates = [m.p for m in model.modules() if isinstance(m, nn.Dropout)]
    assert rates == [0.3] * layers


def test_other_arguments_are_let_through(q2):
    """Skeletons pass every option to whichever model it is."""
    q2.LogisticRegression(3, 5, hidden_size=9, layers=2)
    q2.FeedforwardNetwork(
        n_classes=3,
        n_features=5,
        hidden_size=9,
        layers=2,
        activation_type="relu",
        dropout=0.1,
        batch_size=64,
    )


@pytest.mark.parametrize("n", [1, 2047, 2048, 2049, 5000])
def test_evaluating_in_blocks_is_evaluating_at_once(q2, n):
    torch.manual_seed(0)
    model = q2.FeedforwardNetwork(4, 10, 8, 2, "relu", 0.5).double()
    X, y = torch.randn(n, 10, dtype=torch.double), torch.randint(0, 4, (n,))
    loss, accuracy = q2.evaluate(model, X, y, nn.CrossEntropyLoss())
    model.eval()
    logits = model(X)
    assert isinstance(loss, float) and isinstance(accuracy, float)
    assert loss == pytest.approx(nn.functional.cross_entropy(logits, y).item(), rel=1e-12)
    assert accuracy == (logits.argmax(1) == y).double().mean().item()


def test_predict_gives_the_largest_logit_of_each_row(q2):
    torch.manual_seed(0)
    model = q2.LogisticRegression(4, 10)
    X = torch.randn(30, 10)
    predicted = q2.predict(model, X)
    assert predicted.shape == (30,)
    assert not predicted.requires_grad
    assert predicted.tolist() == model(X).argmax(dim=1).tolist()
    network = q2.FeedforwardNetwork(4, 10, 8, 2, "relu", 0.0)
    for either in (model, network):  # of one example a number
        one = q2.predict(either, X[3])
        assert one.dim() == 0 and one == q2.predict(either, X)[3]


def test_evaluation_leaves_the_models_mode_and_gradients_alone(q2):
    model = q2.FeedforwardNetwork(4, 10, 8, 2, "relu", 0.5)
    X, y = torch.randn(20, 10), torch.randint(0, 4, (20,))
    for training in (True, False):
        model.train(training)
        q2.evaluate(model, X, y, nn.CrossEntropyLoss())
        assert model.training is training
        assert all(module.training is training for module in model.modules())
        assert all(parameter.grad is None for parameter in model.parameters())


def test_a_network_learns_twenty_examples_by_heart(q2):
    torch.manual_seed(0)
    model = q2.FeedforwardNetwork(4, 30, 50, 2, "relu", 0.0)
    X, y = torch.randn(20, 30), torch.arange(20) % 4
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    first = q2.train_batch(X, y, model, optimizer, nn.CrossEntropyLoss())
    for _ in range(60):
        q2.train_batch(X, y, model, optimizer, nn.CrossEntropyLoss())
    loss, accuracy = q2.evaluate(model, X, y, nn.CrossEntropyLoss())
    assert first == pytest.approx(np.log(4), abs=0.2)
    assert loss < 0.05
    assert accuracy == 1


def test_dropouts_state_is_that_of_the_device(monkeypatch):
    kept = {}
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: f"state of {device}")
    monkeypatch.setattr(
        torch.cuda, "set_rng_state", lambda state, device: kept.update({device: state})
    )
    second = torch.device("cuda:1")
    assert torch_state._dropout_state(second) == "state of cuda:1"
    torch_state._restore_dropout(second, "another")
    assert kept == {second: "another"}
    cpu = torch.device("cpu")
    state = torch_state._dropout_state(cpu)
    drawn = torch.rand(3)
    torch_state._restore_dropout(cpu, state)
    assert torch.equal(torch.rand(3), drawn)


def test_labels_in_a_column_are_taken_in_evaluation_and_refused_in_training(q2):
    """(n, 1) against (n,) would compare each with all."""
    model = q2.LogisticRegression(3, 10)
    X, y = torch.randn(20, 10), torch.arange(20) % 3
    criterion, before = nn.CrossEntropyLoss(), model.linear.weight.clone()
    assert q2.evaluate(model, X, y[:, None], criterion) == q2.evaluate(model, X, y, criterion)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for rows in (slice(None), slice(1)):
        with pytest.raises((RuntimeError, ValueError)):
            q2.train_batch(X[rows], y[rows, None], model, optimizer, criterion)
    assert torch.equal(model.linear.weight, before)


@pytest.mark.parametrize("model", ["logistic_regression", "mlp"])
def test_training_in_bfloat16_learns_as_in_float32(q2, blank_figures, tmp_path, tiny_npz, model):
    """One autocast spans the run: its weights must not stay the first."""
    words = f"{model} -epochs 5 -learning_rate 0.1 -batch_size 8 -hidden_size 50".split()
    losses = {}
    for precision in ("float32", "bfloat16"):
        folders = ["-data_path", tiny_npz, "-plots_dir", tmp_path]
        _, history = q2.main([*words, "-precision", precision, *folders])
        losses[precision] = [row["train_loss"] for row in history]
    first, last = losses["float32"][0], losses["float32"][-1]
    assert last < first - 0.05
    assert losses["bfloat16"] != losses["float32"]
    assert losses["bfloat16"][-1] == pytest.approx(last, abs=(first - last) / 4)


def test_a_model_without_a_branch_in_build_is_an_error(q2):
    """And never trained as another one."""
    with pytest.raises(NotImplementedError, match="resnet"):
        q2.build(SimpleNamespace(model="resnet", device="cpu"), 3, 10)


@pytest.mark.parametrize("model", ["logistic_regression", "mlp"])
def test_each_split_is_evaluated_once_at_the_end(
    q2, blank_figures, monkeypatch, tmp_path, tiny_npz, model
):
    """Accuracy and pictures of the test images come from the same logits."""
    passes, all_logits = [], q2.all_logits
    monkeypatch.setattr(q2, "all_logits", lambda m, X: passes.append(X) or all_logits(m, X))
    q2.main([model, "-epochs", 2, "-data_path", tiny_npz, "-plots_dir", tmp_path])
    validation, test, training = passes[0], passes[-2], passes[-1]
    assert [X is validation for X in passes] == [True] * 3 + [False] * 2
    assert (len(test), len(training)) == (24, 60)


def test_a_missing_package_is_one_line(tmp_path):
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(name='torch')\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = run_script("hw1-q2.py", "mlp", env=environment)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert "torch" in line and "requirements.txt" in line


@pytest.mark.parametrize("chosen", [{}, {"GOMP_SPINCOUNT": "7"}, {"OMP_WAIT_POLICY": "ACTIVE"}])
def test_openmps_threads_sleep_soon_unless_the_user_says_otherwise(chosen):
    names = ("GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_WAIT_POLICY")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    code = f"import os, importlib; importlib.import_module('hw1-q2'); print([os.environ.get(n) for n in {names}])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, **chosen, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    ours = {} if "OMP_WAIT_POLICY" in chosen else {"GOMP_SPINCOUNT": "1000", "KMP_BLOCKTIME": "0"}
    assert done.stdout.strip() == str([{**ours, **chosen}.get(name) for name in names])
