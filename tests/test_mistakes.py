"""One test for each mistake found in other programs for the same homework.

A test is named after the mistake, and a program that makes it fails the test.
"""

import copy
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import ROOT, record_of, run_script, tiny_arrays
from torch import nn

K = 4  # classes


def steps(q1, name, n, d, seed=0, **options):
    """One epoch of a model from random weights: weights before and after, the data, the result."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, d)), rng.integers(0, K, n)
    np.random.seed(seed)
    model = q1.MLP(K, d, 5) if name == "MLP" else getattr(q1, name)(K, d)
    for parameter in vars(model).values():
        if isinstance(parameter, np.ndarray):
            parameter[...] = rng.normal(size=parameter.shape)
    before = copy.deepcopy(model)
    result = model.train_epoch(X, y, **options)
    return before, model, X, y, result


def mlp_logits(model, X):
    """The logits of a NumPy MLP, written here."""
    h = X @ model.W1.T + model.b1
    return np.where(h > 0, h, 0) @ model.W2.T + model.b2


def losses(logits, y):
    """The cross-entropy of each row."""
    top = logits.max(axis=1)
    return top + np.log(np.exp(logits - top[:, None]).sum(axis=1)) - logits[np.arange(len(y)), y]


def linear_modules(model):
    return [module for module in model.modules() if isinstance(module, nn.Linear)]


# --------------------------------------------------------------------------------------------
# Softmax and its logarithm


@pytest.mark.parametrize("batch_size", [1, 8])
def test_softmax_without_subtracting_the_maximum(q1, batch_size):
    """Pictures of the homework's size give the MLP logits in the thousands; nothing overflows."""
    rng = np.random.default_rng(0)
    X, y = rng.uniform(0.3, 0.9, (16, 6912)), np.arange(16) % 6
    np.random.seed(42)
    model = q1.MLP(6, 6912, 100)
    assert mlp_logits(model, X).min() > 1000
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        loss = model.train_epoch(X, y, learning_rate=0.001, batch_size=batch_size)
    assert math.isfinite(loss)
    for parameter in (model.W1, model.b1, model.W2, model.b2):
        assert np.isfinite(parameter).all()

    linear = q1.LogisticRegression(6, 6912)
    linear.W[...] = rng.normal(0, 30, linear.W.shape)
    assert np.abs(X @ linear.W.T).max() > 1000
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        linear.train_epoch(X, y, batch_size=batch_size)
        linear.update_weight(X[0], y[0])
    assert np.isfinite(linear.W).all()


@pytest.mark.parametrize("name", ["LogisticRegression", "MLP"])
def test_softmax_maximum_or_sum_over_the_whole_batch(q1, name):
    """A batch's step is the mean of its examples' own steps, an example of huge logits included."""
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(6, 7)), np.arange(6) % K
    X[0] *= 2000  # with its maximum for all, every other row's exponentials would be 0
    np.random.seed(1)
    model = q1.MLP(K, 7, 5) if name == "MLP" else q1.LogisticRegression(K, 7)
    names = ["W1", "b1", "W2", "b2"] if name == "MLP" else ["W"]
    for parameter in names:
        getattr(model, parameter)[...] = rng.normal(size=getattr(model, parameter).shape)
    batch = copy.deepcopy(model)
    batch.train_epoch(X, y, learning_rate=0.1, batch_size=6)
    changes = {parameter: 0 for parameter in names}
    for i in range(6):
        alone = copy.deepcopy(model)
        alone.train_epoch(X[i : i + 1], y[i : i + 1], learning_rate=0.1)
        for parameter in names:
            changes[parameter] += (getattr(alone, parameter) - getattr(model, parameter)) / 6
    for parameter in names:
        expected = getattr(model, parameter) + changes[parameter]
        np.testing.assert_allclose(getattr(batch, parameter), expected, rtol=1e-9, atol=1e-9)


def test_argmax_without_an_axis(q1, q2):
    """A class for each row, though the largest score of all is in the first."""
    X = np.array([[100.0, 0, 0], [0, 0, 1], [0, 1, 0], [2, 0, 1]])
    for name in ("Perceptron", "LogisticRegression"):
        model = getattr(q1, name)(3, 3)
        model.W[...] = np.eye(3)
        assert model.predict(X).tolist() == [0, 2, 1, 0]
        assert model.evaluate(X, np.array([0, 2, 1, 1])) == 0.75
    mlp = q1.MLP(3, 3, 3)
    mlp.W1[...], mlp.W2[...] = np.eye(3), np.eye(3)
    assert mlp.predict(X).tolist() == [0, 2, 1, 0]
    linear = q2.LogisticRegression(3, 3)
    with torch.no_grad():
        linear.linear.weight.copy_(torch.eye(3))
        linear.linear.bias.zero_()
    assert q2.predict(linear, torch.tensor(X).float()).tolist() == [0, 2, 1, 0]


def test_log_of_0(q1):
    """The loss of an example whose class has a probability of exactly 0 is a number."""
    for batch_size in (1, 2):
        model = q1.MLP(3, 2, 2)
        model.W1[...] = np.eye(2)
        model.W2[...] = [[0, 0], [0, 0], [1e6, 0]]
        X, y = np.ones((2, 2)), np.array([0, 0])
        with np.errstate(all="raise", under="ignore"):
            loss = model.train_epoch(X, y, learning_rate=1e-30, batch_size=batch_size)
        assert loss == pytest.approx(1e6, rel=1e-12)


def test_per_class_sigmoid_in_place_of_softmax(q1):
    """From zero weights the wrong classes' probabilities are 1/4 each, where a sigmoid's are 1/2."""
    x = np.array([1.0, 2.0])
    for update in ("update_weight", "train_epoch"):
        model = q1.LogisticRegression(K, 2)
        if update == "update_weight":
            model.update_weight(x, 1, learning_rate=1.0)
        else:
            model.train_epoch(x[None], np.array([1]), learning_rate=1.0)
        expected = np.outer([-0.25, 0.75, -0.25, -0.25], x)
        np.testing.assert_allclose(model.W, expected, rtol=1e-14)


def test_softmax_before_cross_entropy_loss(q2):
    """The models give logits, of any size and sum: torch's criterion has the softmax in it."""
    torch.manual_seed(0)
    for model in (
        q2.LogisticRegression(K, 5),
        q2.FeedforwardNetwork(K, 5, 6, 2, "relu", 0.0),
    ):
        shift = torch.tensor([50.0, -20.0, 0.0, 7.0])
        X = torch.randn(9, 5)
        before = model(X)
        with torch.no_grad():
            linear_modules(model)[-1].bias += shift
        torch.testing.assert_close(model(X) - before, shift.expand(9, K), rtol=1e-4, atol=1e-4)


# --------------------------------------------------------------------------------------------
# The updates of Question 1


def test_the_mlp_trained_full_batch(q1):
    """An epoch over 40 examples is 40 steps, each from where the one before ended."""
    before, model, X, y, _ = steps(q1, "MLP", 40, 7, learning_rate=0.1)
    one_by_one = copy.deepcopy(before)
    for i in range(40):
        one_by_one.train_epoch(X[i : i + 1], y[i : i + 1], learning_rate=0.1)
    full_batch = copy.deepcopy(before)
    full_batch.train_epoch(X, y, learning_rate=0.1, batch_size=40)
    for name in ("W1", "b1", "W2", "b2"):
        np.testing.assert_allclose(getattr(model, name), getattr(one_by_one, name), rtol=1e-8)
        assert np.abs(getattr(model, name) - getattr(full_batch, name)).max() > 0.1


def test_the_mlp_returning_its_loss_after_one_example(q1):
    """The epoch's loss is the mean over all examples; the weights hardly move here."""
    before, _, X, y, loss = steps(q1, "MLP", 50, 7, learning_rate=1e-12)
    each = losses(mlp_logits(before, X), y)
    assert loss == pytest.approx(each.mean(), rel=1e-6)
    assert abs(loss - each[0]) > 0.1 and abs(loss - each[-1]) > 0.1


def test_the_loss_computed_after_the_update(q1, q2):
    """The loss returned is that of the weights that the step started from."""
    for batch_size in (1, 2):
        n = batch_size
        before, after, X, y, loss = steps(q1, "MLP", n, 7, learning_rate=0.1, batch_size=batch_size)
        expected = losses(mlp_logits(before, X), y).mean()
        assert loss == pytest.approx(expected, rel=1e-10)
        assert losses(mlp_logits(after, X), y).mean() < 0.9 * expected

    torch.manual_seed(0)
    model = q2.FeedforwardNetwork(K, 7, 5, 2, "relu", 0.0)
    X, y = torch.randn(6, 7), torch.arange(6) % K
    expected = nn.functional.cross_entropy(model(X), y).item()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    loss = q2.train_batch(X, y, model, optimizer, nn.CrossEntropyLoss())
    assert loss == pytest.approx(expected, rel=1e-6)
    assert nn.functional.cross_entropy(model(X), y).item() < 0.98 * expected


def test_w2_updated_before_the_error_goes_back_through_it(q1):
    """W1 moves along the W2 that made the logits, though W2 itself takes a long step."""
    for options in ({}, {"batch_size": 2}):
        model = q1.MLP(2, 1, 1)
        for name, value in (("W1", 1), ("b1", 0), ("W2", [[3], [1]]), ("b2", [0, 2])):
            getattr(model, name)[...] = value
        # h = 1, logits (3, 3), error (-1/2, 1/2): back through W2 it is -1, and W1 gains 1.
        model.train_epoch(np.array([[1.0]]), np.array([0]), learning_rate=1.0, **options)
        np.testing.assert_allclose(model.W2, [[3.5], [0.5]], rtol=1e-14)
        np.testing.assert_allclose(model.W1, [[2.0]], rtol=1e-14)


def l2_step(q1, update, W, learning_rate, l2):
    """W after a step on an example of zeros, where the cross-entropy has no gradient."""
    model = q1.LogisticRegression(*W.shape)
    model.W[...] = W
    x = np.zeros(W.shape[1])
    options = {"learning_rate": learning_rate, "l2_penalty": l2}
    if update == "update_weight":
        model.update_weight(x, 0, **options)
    else:
        model.train_epoch(x[None], np.array([0]), **options, batch_size=update)
    return model.W


@pytest.mark.parametrize("update", ["update_weight", 1, 2])
def test_the_l2_gradient_with_a_wrong_sign(q1, update):
    """The penalty shrinks every weight, negative ones too, by l2_penalty * W and not twice that."""
    W = np.random.default_rng(0).normal(size=(K, 5))
    np.testing.assert_allclose(l2_step(q1, update, W, 0.1, 0.5), 0.95 * W, rtol=1e-13)


@pytest.mark.parametrize("update", ["update_weight", 1, 2])
def test_the_l2_gradient_with_the_squared_norm_in_place_of_w(q1, update):
    """A weight of zero has no penalty to shrink it, whatever the others are."""
    W = np.array([[3.0, 0.0], [0.0, -4.0]])
    after = l2_step(q1, update, W, 0.1, 0.5)
    assert after[0, 1] == 0 and after[1, 0] == 0
    np.testing.assert_allclose(after, 0.95 * W, rtol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_perceptron_update_multiplied_by_the_label(q1, dtype):
    """Class 0 learns as the others do: its row gains x and the predicted one's loses it."""
    x = np.array([1.0, 2.0, 0.5], dtype)
    for gold in range(3):
        predicted = (gold + 1) % 3
        for update in ("update_weight", "train_epoch"):
            model = q1.Perceptron(3, 3, dtype=dtype)
            model.W[predicted] = 1
            before = model.W.copy()
            if update == "update_weight":
                model.update_weight(x, gold)
            else:
                model.train_epoch(x[None], np.array([gold]))
            change = np.zeros((3, 3))
            change[gold], change[predicted] = x, -x
            assert np.array_equal(model.W - before, change)


def test_the_weights_deviation_0_01_in_place_of_0_1(q1):
    """W1 and W2 have mean 0.1 and deviation 0.1."""
    np.random.seed(42)
    model = q1.MLP(50, 300, 200)
    for W in (model.W1, model.W2):
        assert W.mean() == pytest.approx(0.1, abs=0.005)
        assert W.std() == pytest.approx(0.1, abs=0.005)


@pytest.mark.parametrize("model", ["perceptron", "logistic_regression", "mlp"])
def test_x_shuffled_and_y_not_in_question_1(q1, run_main, blank_figures, tmp_path, model):
    """Images that tell their class are learnt, which needs each to keep its label."""
    assert learnt_accuracy(q1, run_main, tmp_path, model, "-learning_rate", 0.02) > 0.95


@pytest.mark.parametrize("model", ["logistic_regression", "mlp"])
def test_x_shuffled_and_y_not_in_question_2(q2, run_main, blank_figures, tmp_path, model):
    """Images that tell their class are learnt, which needs each to keep its label."""
    accuracy = learnt_accuracy(
        q2, run_main, tmp_path, model, "-learning_rate", 0.1, "-batch_size", 4
    )
    assert accuracy > 0.95


def learnt_accuracy(module, run_main, folder, *arguments):
    """The test accuracy after training on images in which one of three bands is lit."""
    rng = np.random.default_rng(0)
    arrays = {}
    for split in ("train", "val", "test"):
        labels = rng.integers(0, 3, 90)
        images = rng.integers(0, 60, (90, 3, 4))
        images[np.arange(90), labels] += 190
        arrays |= {f"{split}_images": images.astype(np.uint8), f"{split}_labels": labels}
    np.savez(folder / "bands.npz", **arrays)
    options = ["-data_path", folder / "bands.npz", "-plots_dir", folder / "plots", "-epochs", 15]
    outcome = run_main(module, *arguments, *options)
    assert outcome.status == 0, outcome.err
    return record_of(folder / "plots")["final"]["test_acc"]


# --------------------------------------------------------------------------------------------
# Question 2


def inputs_of_linear_layers(model, X):
    """What each Linear layer is given while the model computes X."""
    seen = []
    hooks = [
        layer.register_forward_hook(lambda layer, given, made: seen.append(given[0]))
        for layer in linear_modules(model)
    ]
    model(X)
    for hook in hooks:
        hook.remove()
    return seen


def test_dropout_missing_after_the_first_hidden_layer(q2):
    """In training every hidden layer's units are left out at the rate asked for, none of the input's."""
    torch.manual_seed(0)
    model = q2.FeedforwardNetwork(K, 20, 200, 3, "tanh", 0.4)  # tanh is never exactly 0
    model.train()
    first, *hidden = inputs_of_linear_layers(model, torch.randn(100, 20))
    assert (first == 0).sum() == 0
    assert len(hidden) == 3
    for units in hidden:
        assert (units == 0).double().mean().item() == pytest.approx(0.4, abs=0.02)


def test_dropout_left_on_in_evaluation(q2):
    """evaluate() leaves nothing out, though the model comes to it in training mode."""
    torch.manual_seed(0)
    model = q2.FeedforwardNetwork(K, 20, 50, 2, "relu", 0.5)
    X, y = torch.randn(64, 20), torch.arange(64) % K
    model.eval()
    logits = model(X)
    expected = nn.functional.cross_entropy(logits, y).item()
    accuracy = (logits.argmax(1) == y).double().mean().item()
    model.train()
    assert nn.functional.cross_entropy(model(X), y).item() != pytest.approx(expected, rel=1e-3)
    for _ in range(3):
        loss, acc = q2.evaluate(model, X, y, nn.CrossEntropyLoss())
        assert loss == pytest.approx(expected, rel=1e-6)
        assert acc == accuracy


def test_layers_2_building_one_hidden_layer(q2):
    """Two hidden layers are three linear maps."""
    model = q2.FeedforwardNetwork(K, 20, 50, 2, "relu", 0.5)
    shapes = [tuple(layer.weight.shape) for layer in linear_modules(model)]
    assert shapes == [(50, 20), (50, 50), (K, 50)]
    model.eval()
    assert len(inputs_of_linear_layers(model, torch.randn(2, 20))) == 3  # and all of them are used


def test_tanh_refused(q2, run_main, blank_figures, tmp_path, tiny_npz):
    """-activation tanh runs, and computes tanh."""
    model = q2.FeedforwardNetwork(K, 20, 50, 1, "tanh", 0.0)
    X = torch.randn(6, 20)
    first, last = linear_modules(model)
    torch.testing.assert_close(model(X), last(torch.tanh(first(X))))
    options = ["-data_path", tiny_npz, "-plots_dir", tmp_path / "plots", "-epochs", 1]
    assert run_main(q2, "mlp", "-activation", "tanh", *options).status == 0


def test_no_zero_grad(q2):
    """The second step goes along the second batch's gradient alone."""
    torch.manual_seed(0)
    model = q2.LogisticRegression(K, 6)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    first, second = torch.randn(2, 8, 6)
    y = torch.arange(8) % K
    q2.train_batch(first, y, model, optimizer, nn.CrossEntropyLoss())
    before = copy.deepcopy(model)
    q2.train_batch(second, y, model, optimizer, nn.CrossEntropyLoss())
    cost = nn.functional.cross_entropy(before(second), y)
    gradients = torch.autograd.grad(cost, list(before.parameters()))
    for old, new, gradient in zip(before.parameters(), model.parameters(), gradients, strict=True):
        torch.testing.assert_close(old - new, 0.1 * gradient)


# --------------------------------------------------------------------------------------------
# Runs


SMALL = ["-epochs", 2, "-hidden_size", 10]


def result_lines(outcome):
    """What a run printed, but for the time that it took."""
    assert outcome.status == 0, outcome.err
    return [line for line in outcome.out.splitlines() if not line.startswith("Training took")]


@pytest.mark.parametrize("script", ["q1", "q2"])
def test_a_shuffle_that_is_not_seeded(request, run_main, blank_figures, tmp_path, tiny_npz, script):
    """Runs of a command print the same, whatever was drawn before; another seed prints otherwise."""
    module = request.getfixturevalue(script)
    arguments = [*SMALL, "-data_path", tiny_npz, "-plots_dir", tmp_path / "plots"]
    arguments += ["-dropout", 0, "-batch_size", 7] if script == "q2" else []
    printed = []
    for seed in (42, 42, 43):
        np.random.rand(seed), torch.rand(seed)
        printed.append(result_lines(run_main(module, "mlp", *arguments, "-seed", seed)))
    assert printed[0] == printed[1]
    assert printed[0] != printed[2]


@pytest.mark.parametrize("script", ["q1", "q2"])
def test_a_sweep_whose_second_run_is_not_reseeded(
    request, run_main, blank_figures, tmp_path, tiny_npz, script
):
    """main() called again in one process gives what it would have given first."""
    module = request.getfixturevalue(script)
    arguments = ["mlp", *SMALL, "-data_path", tiny_npz]
    rates = (0.01, 0.1, 0.01)
    printed = [
        result_lines(
            run_main(module, *arguments, "-plots_dir", tmp_path / str(i), "-learning_rate", rate)
        )
        for i, rate in enumerate(rates)
    ]
    assert printed[0] == printed[2]
    assert printed[0] != printed[1]
    first, third = record_of(tmp_path / "0"), record_of(tmp_path / "2")
    assert first["epochs"] == third["epochs"] and first["initial"] == third["initial"]


def test_momentum_passed_to_adam(q2, run_main, blank_figures, tmp_path, tiny_npz):
    """-optimizer adam trains."""
    options = ["-data_path", tiny_npz, "-plots_dir", tmp_path / "plots", *SMALL]
    for model in ("mlp", "logistic_regression"):
        assert run_main(q2, model, "-optimizer", "adam", *options).status == 0


def test_one_figure_drawn_over_the_last(q1, run_main, tmp_path, tiny_npz):
    """A run's figures are the same picture whether or not another run was drawn before."""
    arguments = ["logistic_regression", *SMALL, "-data_path", tiny_npz, "-plot_format", "png"]
    for folder, rate in (("alone", 0.01), ("other", 0.5), ("after", 0.01)):
        arguments[-1:] = ["png", "-learning_rate", rate, "-plots_dir", tmp_path / folder]
        assert run_main(q1, *arguments).status == 0
        arguments = arguments[:-4]
    alone = {path.name: path.read_bytes() for path in (tmp_path / "alone").glob("*.png")}
    after = {path.name: path.read_bytes() for path in (tmp_path / "after").glob("*.png")}
    other = {path.read_bytes() for path in (tmp_path / "other").glob("*.png")}
    assert len(alone) >= 2
    assert alone == after
    assert len(set(alone.values()) | other) == len(alone) + len(other)


@pytest.mark.parametrize("script", ["q1", "q2"])
def test_the_runs_with_l2_0_and_0_01_writing_the_same_file(
    request, run_main, blank_figures, tmp_path, tiny_npz, script
):
    """The second run adds its files and touches none of the first's."""
    module = request.getfixturevalue(script)
    option = {"q1": "-l2_penalty", "q2": "-l2_decay"}[script]
    arguments = ["logistic_regression", *SMALL, "-data_path", tiny_npz, "-plots_dir", tmp_path]
    assert run_main(module, *arguments, option, 0.0).status == 0
    first = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert run_main(module, *arguments, option, 0.01).status == 0
    both = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert {name: both[name] for name in first} == first
    assert len(both) - 1 == 2 * (len(first) - 1)  # but for the data file


def test_plt_show_blocking_a_machine_with_no_screen(q1, run_main, monkeypatch, tmp_path, tiny_npz):
    """Windows are opened only when asked for, and then once, after all files are there."""
    import matplotlib
    from matplotlib import pyplot

    shown = []

    def show(*arguments, **options):
        shown.append({path.suffix for path in tmp_path.joinpath("plots").iterdir()})

    monkeypatch.setattr(pyplot, "show", show)
    arguments = ["perceptron", "-epochs", 1, "-data_path", tiny_npz]
    arguments += ["-plots_dir", tmp_path / "plots"]
    assert run_main(q1, *arguments).status == 0
    assert shown == []
    without = run_main(q1, *arguments, "-show")  # the tests have no screen
    assert (without.status, shown) == (0, [])
    assert "no window can be opened" in without.err
    monkeypatch.setattr(matplotlib, "get_backend", lambda: "QtAgg")
    assert run_main(q1, *arguments, "-show").status == 0
    pyplot.close("all")
    assert shown == [{".pdf", ".json", ".npz", ".txt"}]

    no_screen = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    process = run_script("hw1-q1.py", *arguments, env=no_screen)
    assert process.returncode == 0, process.stderr


PEAK = """
import runpy, sys
def peak():
    try:
        with open("/proc/self/status") as lines:
            return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024
    except FileNotFoundError:
        import resource
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
script, small, large, *arguments = sys.argv[1:]
peaks = []
for data in (small, large):
    sys.argv = [script, *arguments, "-data_path", data]
    runpy.run_path(script, run_name="__main__")
    peaks.append(peak())
print("grown by", peaks[1] - peaks[0])
"""


@pytest.mark.parametrize(
    ("script", "arguments"),
    [("hw1-q1.py", ["mlp", "-batch_size", "50"]), ("hw1-q2.py", ["mlp", "-batch_size", "500"])],
    ids=["q1", "q2"],
)
def test_2_5_gb_of_memory_for_118_mb_of_pixels(tmp_path, script, arguments):
    """Memory grows by the pixels' bytes and a few blocks of floats.

    One copy of the pixels as float32 would add four times their bytes; 2.5 GB for 118 MB are 21
    times.
    """
    shape, n = (30, 30, 1), 40_000
    for name, sizes in (("small", (600, 60, 60)), ("large", (n, 100, 100))):
        arrays = tiny_arrays(sizes=sizes, shape=shape) if name == "small" else {}
        if name == "large":
            rng = np.random.default_rng(0)
            for split, size in zip(("train", "val", "test"), sizes, strict=True):
                images = rng.integers(0, 256, (size, *shape), dtype=np.uint8)
                arrays |= {f"{split}_images": images, f"{split}_labels": np.arange(size) % 3}
        np.savez(tmp_path / f"{name}.npz", **arrays)
    process = subprocess.run(
        [sys.executable, "-c", PEAK, ROOT / script, tmp_path / "small.npz", tmp_path / "large.npz"]
        + [*arguments, "-epochs", "1", "-hidden_size", "10", "-plots_dir", tmp_path / "plots"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=ROOT,
    )
    assert process.returncode == 0, process.stderr
    grown = int(process.stdout.split()[-1])
    pixels = n * math.prod(shape)
    assert 0.9 * pixels < grown < 3.5 * pixels
