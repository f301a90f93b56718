"""Gradients of every model and parameter, against centred differences and torch's autograd.

A NumPy model's gradient is what one step moved its parameters, divided by -learning_rate. The
learning rate is 1, so that the division adds no rounding.
"""

import copy

import numpy as np
import pytest
import torch
from oracle import cost
from torch import nn

STEP = 1e-5
LIMIT = 1e-7
N_CLASSES, N_FEATURES, HIDDEN = 4, 6, 5


def relative_error(analytic, numeric):
    """|ga - gn| / max(1e-6, |ga| + |gn|), entry by entry."""
    difference = np.abs(analytic - numeric)
    return difference / np.maximum(1e-6, np.abs(analytic) + np.abs(numeric))


def centred_differences(cost, parameter, entries, step=STEP):
    """Derivatives of `cost()`, a float, at some entries of a float64 array that it depends on.

    parameter : changed for the measurement, and as it was afterwards.
    entries : list of indices into it.
    """
    assert parameter.dtype == np.float64
    derivatives = []
    for entry in entries:
        value = parameter[entry]
        parameter[entry] = value + step
        above = cost()
        parameter[entry] = value - step
        below = cost()
        parameter[entry] = value
        derivatives.append((above - below) / (2 * step))
    return np.array(derivatives)


def some_entries(parameter, most=40, seed=0):
    """Up to `most` different indices of an array, drawn at random, as tuples."""
    size = parameter.size
    chosen = np.random.default_rng(seed).choice(size, min(size, most), replace=False)
    return [tuple(int(i) for i in np.unravel_index(flat, parameter.shape)) for flat in chosen]


def worst_relative_error(cost, parameter, gradient, most=40):
    """The largest relative error of a gradient, an array of the parameter's shape."""
    assert gradient.shape == parameter.shape
    entries = some_entries(parameter, most)
    numeric = centred_differences(cost, parameter, entries)
    return float(relative_error(np.array([gradient[e] for e in entries]), numeric).max())


# --------------------------------------------------------------------------------------------
# Question 1's models


def examples(n=3, seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, N_FEATURES)), rng.integers(0, N_CLASSES, n)


def logistic_regression(q1, seed=2):
    model = q1.LogisticRegression(N_CLASSES, N_FEATURES)
    model.W[...] = np.random.default_rng(seed).normal(size=model.W.shape)
    return model


def mlp(q1, seed=3):
    """Weights at which no unit of `examples()` is near relu's kink."""
    np.random.seed(seed)
    model = q1.MLP(N_CLASSES, N_FEATURES, HIDDEN)
    rng = np.random.default_rng(seed)
    for name in ("W1", "b1", "W2", "b2"):
        parameter = getattr(model, name)
        parameter[...] = rng.normal(size=parameter.shape)
    X, _ = examples()
    z = X @ model.W1.T + model.b1
    assert np.abs(z).min() > 1e-2
    assert 0.2 < (z > 0).mean() < 0.8
    return model


def one_step(model, names, X, y, **options):
    """{name: the gradient along which one call of train_epoch moved the parameter}."""
    moved = copy.deepcopy(model)
    moved.train_epoch(X, y, learning_rate=1.0, **options)
    return {name: getattr(model, name) - getattr(moved, name) for name in names}


# One step is one example, or one batch: the two ways through a model's train_epoch.
ONE_STEP = pytest.mark.parametrize(
    ("n", "options"), [(1, {}), (3, {"batch_size": 3})], ids=["example", "batch"]
)


@ONE_STEP
@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_logistic_regression(q1, n, options, l2):
    model = logistic_regression(q1)
    X, y = examples(n)
    gradient = one_step(model, ["W"], X, y, l2_penalty=l2, **options)["W"]
    error = worst_relative_error(lambda: cost(model, X, y, l2), model.W, gradient)
    assert error < LIMIT


def test_logistic_regression_update_weight(q1):
    model = logistic_regression(q1)
    X, y = examples(1)
    moved = copy.deepcopy(model)
    moved.update_weight(X[0], y[0], learning_rate=1.0, l2_penalty=0.3)
    error = worst_relative_error(lambda: cost(model, X, y, 0.3), model.W, model.W - moved.W)
    assert error < LIMIT


def test_the_penalty_alone(q1):
    """Where all features are zero the cross-entropy is constant and only the penalty has a slope."""
    model = logistic_regression(q1)
    X, y = np.zeros((1, N_FEATURES)), np.array([2])
    gradient = one_step(model, ["W"], X, y, l2_penalty=0.3)["W"]
    error = worst_relative_error(lambda: 0.3 / 2 * np.sum(model.W**2), model.W, gradient)
    assert error < LIMIT


@ONE_STEP
@pytest.mark.parametrize("name", ["W1", "b1", "W2", "b2"])
def test_mlp(q1, n, options, name):
    model = mlp(q1)
    X, y = examples(n)
    gradient = one_step(model, [name], X, y, **options)[name]

    error = worst_relative_error(lambda: cost(model, X, y), getattr(model, name), gradient)
    assert error < LIMIT


def test_perceptron(q1):
    """Its step goes down max_k(s_k) - s_gold, which has a slope wherever no two scores tie."""
    for gold in range(N_CLASSES):
        model = q1.Perceptron(N_CLASSES, N_FEATURES)
        model.W[...] = np.random.default_rng(4).normal(size=model.W.shape)
        X, y = examples(1)[0], np.array([gold])

        def perceptron_cost(model=model, x=X[0], gold=gold):
            scores = model.W @ x
            return scores.max() - scores[gold]

        gradient = one_step(model, ["W"], X, y)["W"]
        assert worst_relative_error(perceptron_cost, model.W, gradient) < LIMIT


def autograd(parameters, X, y, scores, l2=0.0):
    """Gradients of the mean cross-entropy, by torch, at NumPy parameters."""
    tensors = [torch.tensor(parameter, requires_grad=True) for parameter in parameters]
    cost = nn.functional.cross_entropy(scores(torch.tensor(X), *tensors), torch.tensor(y))
    cost = cost + l2 / 2 * sum(tensor.square().sum() for tensor in tensors)
    return [gradient.numpy() for gradient in torch.autograd.grad(cost, tensors)]


@ONE_STEP
@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_logistic_regression_is_as_torch_has_it(q1, n, options, l2):
    model = logistic_regression(q1)
    X, y = examples(n)
    gradient = one_step(model, ["W"], X, y, l2_penalty=l2, **options)["W"]
    (expected,) = autograd([model.W], X, y, lambda X, W: X @ W.T, l2)
    np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-14)


@ONE_STEP
def test_mlp_is_as_torch_has_it(q1, n, options):
    model = mlp(q1)
    X, y = examples(n)
    names = ["W1", "b1", "W2", "b2"]
    gradients = one_step(model, names, X, y, **options)
    expected = autograd(
        [getattr(model, name) for name in names],
        X,
        y,
        lambda X, W1, b1, W2, b2: torch.relu(X @ W1.T + b1) @ W2.T + b2,
    )
    for name, gradient in zip(names, expected, strict=True):
        np.testing.assert_allclose(gradients[name], gradient, rtol=1e-11, atol=1e-13)


# --------------------------------------------------------------------------------------------
# Question 2's models, in double precision


def torch_models(q2):
    """Models whose gradients at the tests' examples are of sizes that differences can measure.

    A difference quotient is off by about 1e-11 here, so an entry should be 0 or above 1e-3.
    """
    torch.manual_seed(67)
    yield "logistic_regression", q2.LogisticRegression(N_CLASSES, N_FEATURES)
    for layers in (1, 2, 3):
        for activation in ("relu", "tanh"):
            model = q2.FeedforwardNetwork(N_CLASSES, N_FEATURES, HIDDEN, layers, activation, 0.0)
            for parameter in model.parameters():
                nn.init.normal_(parameter, std=0.6)
            yield f"{layers} {activation}", model


def nearest_kink(model, X):
    """The smallest absolute input of any relu while the model computes X; inf without relus."""
    inputs = [torch.tensor(torch.inf)]
    hooks = [
        module.register_forward_hook(lambda module, given, made: inputs.append(given[0]))
        for module in model.modules()
        if isinstance(module, nn.ReLU)
    ]
    model(X)
    for hook in hooks:
        hook.remove()
    return min(tensor.abs().min().item() for tensor in inputs)


def test_every_parameter_of_the_torch_models(q2):
    X, y = (torch.tensor(array) for array in examples(2, seed=6))
    for label, model in torch_models(q2):
        model.double()
        assert nearest_kink(model, X) > 1e-2, label
        for name, parameter in model.named_parameters():
            model.zero_grad()
            nn.functional.cross_entropy(model(X), y).backward()

            @torch.no_grad()
            def loss(model=model):
                return nn.functional.cross_entropy(model(X), y).item()

            # The array shares the parameter's memory, so the measurement moves the model.
            error = worst_relative_error(
                loss, parameter.detach().numpy(), parameter.grad.numpy(), most=12
            )
            assert error < LIMIT, (label, name)


def test_a_step_of_train_batch_goes_down_the_gradient(q2):
    X, y = (torch.tensor(array) for array in examples(8, seed=6))
    for label, model in torch_models(q2):
        model.double()
        before = copy.deepcopy(model)
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        loss = q2.train_batch(X, y, model, optimizer, nn.CrossEntropyLoss())
        expected = nn.functional.cross_entropy(before(X), y)
        assert isinstance(loss, float)
        assert loss == pytest.approx(expected.item(), rel=1e-12)
        gradients = torch.autograd.grad(expected, list(before.parameters()))
        for old, new, gradient in zip(
            before.parameters(), model.parameters(), gradients, strict=True
        ):
            assert torch.allclose(old - new, gradient, rtol=1e-11, atol=1e-13), label


# --------------------------------------------------------------------------------------------
# The checker itself


def test_a_gradient_that_is_wrong_by_a_twentieth_of_a_percent_is_caught(q1):
    """In any one parameter, in all of its entries or in one."""
    model = mlp(q1)
    X, y = examples(1)
    names = ["W1", "b1", "W2", "b2"]
    gradients = one_step(model, names, X, y)

    def error(gradient):
        return worst_relative_error(lambda: cost(model, X, y), getattr(model, name), gradient)

    for name in names:
        gradient = gradients[name]
        assert error(gradient) < LIMIT
        assert error(gradient * 1.0005) > LIMIT
        wrong = gradient.copy()
        wrong[np.unravel_index(np.abs(wrong).argmax(), wrong.shape)] *= 1.0005
        assert error(wrong) > LIMIT


def test_the_planted_error_is_caught_in_logistic_regression_and_in_torch(q1, q2):
    model = logistic_regression(q1)
    X, y = examples(1)
    gradient = one_step(model, ["W"], X, y, l2_penalty=0.3)["W"]

    def error(gradient):
        return worst_relative_error(lambda: cost(model, X, y, 0.3), model.W, gradient)

    assert error(gradient) < LIMIT
    assert error(gradient * 0.9995) > LIMIT

    linear = q2.LogisticRegression(N_CLASSES, N_FEATURES).double()
    X, y = torch.tensor(X), torch.tensor(y)
    nn.functional.cross_entropy(linear(X), y).backward()
    for parameter in linear.parameters():
        error = worst_relative_error(
            lambda: nn.functional.cross_entropy(linear(X), y).item(),
            parameter.detach().numpy(),
            parameter.grad.numpy() * 1.0005,
        )
        assert error > LIMIT


def test_the_checker_on_a_function_whose_derivative_is_known():
    x = np.array([[0.5, -1.0], [2.0, 3.0]])
    entries = some_entries(x)
    assert sorted(entries) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    derivatives = centred_differences(lambda: float(np.sum(x**3)), x, entries)
    np.testing.assert_allclose(derivatives, [3 * x[e] ** 2 for e in entries], rtol=1e-8)
    assert x.tolist() == [[0.5, -1.0], [2.0, 3.0]]
    assert relative_error(1.0, -1.0) == 1
    assert relative_error(0.0, 1e-9) == pytest.approx(1e-3)
