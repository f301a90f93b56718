"""Question 2's models and numbers against torch's own layers in a plain DataLoader loop."""

import re

import numpy as np
import pytest
import textbook
import torch
from conftest import record_of, run_script, tiny_arrays
from torch import nn

N = 97  # training examples: no multiple of a batch size


@pytest.fixture(scope="module")
def arrays():
    return tiny_arrays(seed=3, sizes=(N, 41, 30), shape=(6, 5, 3))


@pytest.fixture(scope="module")
def npz(arrays, tmp_path_factory):
    path = tmp_path_factory.mktemp("loop") / "tiny.npz"
    np.savez(path, **arrays)
    return path


MLP = {"model": "mlp", "layers": 2, "hidden": 20}
LINEAR = {"model": "logistic_regression", "layers": 0}
CASES = [
    {**LINEAR, "batch_size": 32},
    {**LINEAR, "batch_size": 1, "learning_rate": 0.01},
    {**LINEAR, "batch_size": 97, "l2": 0.01, "learning_rate": 0.1},
    {**LINEAR, "batch_size": 500, "momentum": 0.9},
    {**LINEAR, "batch_size": 16, "optimizer": "adam", "l2": 0.01},
    {**LINEAR, "batch_size": 10, "momentum": 0.5, "l2": 0.1, "seed": 7},
    {**MLP, "batch_size": 64, "dropout": 0.3, "hidden": 200},
    {**MLP, "batch_size": 64, "dropout": 0.0, "learning_rate": 0.1},
    {**MLP, "batch_size": 8, "dropout": 0.3, "momentum": 0.9},
    {**MLP, "batch_size": 33, "dropout": 0.3, "optimizer": "adam"},
    {**MLP, "batch_size": 96, "dropout": 0.01, "optimizer": "adam", "l2": 0.01},
    {**MLP, "batch_size": 16, "dropout": 0.25, "l2": 0.01, "activation": "tanh"},
    {**MLP, "batch_size": 16, "dropout": 0.5, "layers": 1, "seed": 1},
    {**MLP, "batch_size": 16, "dropout": 0.0, "layers": 3, "momentum": 0.9},
]
OPTION = {"l2": "-l2_decay", "hidden": "-hidden_size"}


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: "-".join(str(value) for value in case.values())
)
def test_the_numbers_are_those_of_a_plain_loop(q2, run_main, blank_figures, tmp_path, case, npz):
    case = dict(case)
    model = case.pop("model")
    options = [
        word
        for name, value in case.items()
        if not (model == "logistic_regression" and name == "layers")
        for word in (OPTION.get(name, f"-{name}"), value)
    ]
    outcome = run_main(q2, model, "-epochs", 4, "-data_path", npz, "-plots_dir", tmp_path, *options)
    assert outcome.status == 0, outcome.err

    with np.load(npz) as arrays:
        expected, test_acc = textbook.question_2(arrays, epochs=4, **case)
    record = record_of(tmp_path)
    for figures, plain in zip(record["epochs"], expected, strict=True):
        for name, value in plain.items():
            assert figures[name] == pytest.approx(value, abs=1e-6, rel=1e-6), name
    assert record["final"]["test_acc"] == pytest.approx(test_acc, abs=1e-6)

    lines = [line for line in outcome.out.splitlines() if line.startswith("train loss")]
    assert lines == [
        f"train loss: {row['train_loss']:.4f} | val loss: {row['val_loss']:.4f} | "
        f"val acc: {row['val_acc']:.4f}"
        for row in record["epochs"]
    ]


def test_the_training_loss_is_the_mean_over_batches(q2, run_main, blank_figures, tmp_path, npz):
    """A short last batch counts as much as the others: 97 examples in batches of 96 and 1."""
    arguments = ["-epochs", 1, "-batch_size", 96, "-learning_rate", 1e-30]
    run_main(q2, "logistic_regression", "-data_path", npz, "-plots_dir", tmp_path, *arguments)
    with np.load(npz) as arrays:
        X = torch.tensor(textbook.features(arrays["train_images"], bias=False)).float()
        y = torch.tensor(arrays["train_labels"])
    generator = torch.Generator().manual_seed(42)
    loader = torch.utils.data.DataLoader(range(N), 96, shuffle=True, generator=generator)
    torch.manual_seed(42)
    model = textbook.network(X.shape[1], 3, layers=0)
    losses = [nn.functional.cross_entropy(model(X[i]), y[i]).item() for i in loader]
    (epoch,) = record_of(tmp_path)["epochs"]
    assert epoch["train_loss"] == pytest.approx(np.mean(losses), abs=1e-6)
    whole = nn.functional.cross_entropy(model(X), y).item()
    assert abs(epoch["train_loss"] - whole) > 1e-4


# --------------------------------------------------------------------------------------------
# The classes and functions that others import


def test_the_models_are_built_like_the_textbooks(q2):
    """Layers drawn in the same order from the same generator: the same weights."""
    torch.manual_seed(42)
    ours = q2.FeedforwardNetwork(6, 50, 20, 3, "tanh", 0.2)
    linear = q2.LogisticRegression(6, 50)
    torch.manual_seed(42)
    plain = textbook.network(50, 6, hidden=20, layers=3, activation="tanh", dropout=0.2)
    plain_linear = textbook.network(50, 6, layers=0)
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
    assert predicted.tolist() == [int(model(x).argmax()) for x in X]


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


@pytest.mark.parametrize("shape", [(64, 300, 40), (1, 7, 5), (33, 1, 1), (5, 2000, 6)])
def test_the_linear_layer_is_torchs_own(q2, shape):
    """Values and all three gradients, to the rounding of float32."""
    m, n_in, n_out = shape
    torch.manual_seed(0)
    ours, theirs = q2.Linear(n_in, n_out), nn.Linear(n_in, n_out)
    theirs.load_state_dict(ours.state_dict())
    x, towards = torch.randn(m, n_in), torch.randn(m, n_out)
    results = []
    for layer in (ours, theirs):
        x_i = x.clone().requires_grad_()
        z = layer(x_i)
        assert z.is_contiguous()  # or dropout's draws would fall on other units
        (z * towards).sum().backward()
        results.append((z.detach(), x_i.grad, layer.weight.grad, layer.bias.grad))
    for mine, torchs in zip(*results, strict=True):
        torch.testing.assert_close(mine, torchs, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("p", [0.0, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_torchs_own(q2, p, training):
    """Bit for bit: the same draws, the same values, the same gradient, the same draws to come."""
    x, results = torch.randn(65, 33), []
    for dropout in (q2.Dropout(p), nn.Dropout(p)):
        torch.manual_seed(7)
        x_i = x.clone().requires_grad_()
        h = dropout.train(training)(x_i)
        h.square().sum().backward()
        results.append((h.detach(), x_i.grad, torch.rand(3)))
    assert all(torch.equal(mine, torchs) for mine, torchs in zip(*results, strict=True))


def test_dropouts_state_is_that_of_the_device(q2, monkeypatch):
    kept = {}
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: f"state of {device}")
    monkeypatch.setattr(
        torch.cuda, "set_rng_state", lambda state, device: kept.update({device: state})
    )
    second = torch.device("cuda:1")
    assert q2.dropout_state(second) == "state of cuda:1"
    q2.restore_dropout(second, "another")
    assert kept == {second: "another"}
    cpu = torch.device("cpu")
    state = q2.dropout_state(cpu)
    drawn = torch.rand(3)
    q2.restore_dropout(cpu, state)
    assert torch.equal(torch.rand(3), drawn)


def test_the_linear_layer_without_onednn(q2, monkeypatch):
    """Where torch lacks it, for other precisions and for other shapes the layer is torch's."""
    layer, x = q2.Linear(9, 4), torch.randn(3, 9)
    expected = nn.functional.linear(x, layer.weight, layer.bias)
    torch.testing.assert_close(layer(x[0]), expected[0])
    torch.testing.assert_close(layer.double()(x.double()), expected.double(), rtol=1e-5, atol=1e-5)
    layer.float()
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
    monkeypatch.setattr(q2, "onednn_linear", None)
    assert torch.equal(layer(x), expected)


OPTIMIZERS = {
    "sgd": lambda model: torch.optim.SGD(
        model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01
    ),
    "adam": lambda model: torch.optim.Adam(model.parameters(), lr=0.01),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("m", [1, 7, 32])
def test_softmax_regression_takes_the_step_of_autograd(q2, m, optimizer):
    """Its gradient is written out: the same losses and weights over a few steps."""
    results = []
    for step in (q2.gradient_step, q2.softmax_regression_step):
        torch.manual_seed(0)
        model = q2.LogisticRegression(5, 300)
        steps, losses = OPTIMIZERS[optimizer](model), []
        for _ in range(5):
            X, y = torch.rand(m, 300), torch.randint(5, (m,))
            losses.append(step(X, y, model, steps, nn.CrossEntropyLoss()))
        results.append((torch.stack(losses), model.linear.weight, model.linear.bias))
    for mine, autograds in zip(*results, strict=True):
        torch.testing.assert_close(mine, autograds, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("model", ["logistic_regression", "mlp"])
def test_training_in_bfloat16_learns_as_in_float32(tmp_path, tiny_npz, model):
    """Through the program, where one autocast spans the run: its weights must not stay the first."""
    losses = {}
    for precision in ("float32", "bfloat16"):
        done = run_script(
            "hw1-q2.py",
            *f"{model} -epochs 5 -learning_rate 0.1 -batch_size 8 -precision {precision}".split(),
            *("-data_path", tiny_npz, "-plots_dir", tmp_path),
        )
        assert done.returncode == 0, done.stderr
        losses[precision] = [float(loss) for loss in re.findall(r"train loss: (\S+)", done.stdout)]
    first, last = losses["float32"][0], losses["float32"][-1]
    assert last < first - 0.05
    assert losses["bfloat16"][-1] == pytest.approx(last, abs=(first - last) / 4)


@pytest.mark.parametrize(
    ("shape", "hidden_size", "batch_size"),
    [((48, 48, 3), 200, 64), ((28, 28), 200, 16), ((28, 28), 200, 512)],
)
def test_the_number_of_threads_does_not_matter_to_the_network(q2, shape, hidden_size, batch_size):
    """Bit for bit: the weights after a few steps, and the evaluation, on 1, 2 and 3 threads."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2100, *shape)).astype(np.uint8)
    data = q2.ImageTensor(images, rng.integers(0, 6, 2100), "cpu")

    def numbers(threads):
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        n_features = images[0].size
        network = q2.FeedforwardNetwork(6, n_features, hidden_size, 2, "relu", 0.3)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, fused=True)
        criterion = nn.CrossEntropyLoss()
        for start in range(0, 1024, batch_size):
            X, y = data.__getitems__(list(range(start, start + batch_size)))
            q2.train_batch(X, y, network, optimizer, criterion)
        weights = torch.cat([value.flatten() for value in network.state_dict().values()])
        return weights, q2.evaluate(network, data, data.y, criterion)

    threads = torch.get_num_threads()
    try:
        alone, evaluated = numbers(1)
        for more in (2, 3):
            weights, again = numbers(more)
            assert torch.equal(weights, alone)
            assert again == evaluated
    finally:
        torch.set_num_threads(threads)
