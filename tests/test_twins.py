"""Question 1's models against the textbook's plain loop: the same examples, the same weights.

The sizes are chosen around the program's blocks of 12, 32 and 96 examples and its chunks of 192.
"""

import numpy as np
import pytest
import textbook
from hypothesis import example, given, settings
from hypothesis import strategies as st

from utils import Pixels

SIZES = [1, 2, 11, 12, 13, 31, 33, 96, 97, 193]
N_CLASSES = 4
KINDS = ["numbers", "pixels", "pixels reordered"]


def data(kind, n, n_features=12, seed=0, bias=True, dtype=np.float64):
    """What the program is given, what the textbook is given, and the gold classes."""
    rng = np.random.default_rng([seed, n])
    y = rng.integers(0, N_CLASSES, n)
    if kind == "numbers":
        X = rng.normal(size=(n, n_features))
        return X.astype(dtype), X, y
    images = rng.integers(0, 256, (n, n_features // 3, 3), dtype=np.uint8)
    X = textbook.features(images, bias)
    pixels = Pixels(images, bias=bias, dtype=dtype)
    if kind == "pixels reordered":
        order = rng.permutation(n)
        return pixels.reordered(order), X[order], y[order]
    return pixels, X, y


def distance(W, expected):
    """The largest difference, relative to the largest weight."""
    return np.abs(W - expected).max() / np.abs(expected).max()


# --------------------------------------------------------------------------------------------
# Perceptron


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", SIZES)
def test_perceptron_is_exactly_the_textbook(q1, kind, n):
    X, plain_X, y = data(kind, n)
    model, W = q1.Perceptron(N_CLASSES, plain_X.shape[1]), np.zeros((N_CLASSES, plain_X.shape[1]))
    for _ in range(4):
        model.train_epoch(X, y)
        textbook.perceptron_epoch(W, plain_X, y)
        assert np.array_equal(model.W, W)
    assert n == 1 or W.any()  # a lone example of class 0 is right from the start


@pytest.mark.parametrize("kind", KINDS[1:])
@pytest.mark.parametrize("n", SIZES)
def test_perceptron_in_float32_is_exactly_the_textbook_on_pixels(q1, kind, n):
    X, plain_X, y = data(kind, n, n_features=300, dtype=np.float32)
    model = q1.Perceptron(N_CLASSES, plain_X.shape[1], dtype=np.float32)
    W = np.zeros((N_CLASSES, plain_X.shape[1]))
    for _ in range(4):
        model.train_epoch(X, y)
        textbook.perceptron_epoch(W, plain_X, y)
        assert model.W.dtype == np.float32
        assert np.array_equal(model.W, W)


def nearly_tied(n=200, lit=30, seed=5):
    """Images that share no lit pixel, and weights under which their scores tie or nearly tie.

    The rows of W are one row of large weights, a few of them changed by 1/256, the least step
    there is: float32 holds W and the pixels exactly, but not the scores. As no two images share a
    pixel, what is learnt from one leaves the others' scores as they are.
    """
    rng = np.random.default_rng(seed)
    images = np.zeros((n, n * lit), np.uint8)
    for i, image in enumerate(images):
        image[i * lit : (i + 1) * lit] = rng.integers(1, 256, lit)
    W = np.repeat(rng.integers(-(2**21), 2**21, (1, n * lit)), N_CLASSES, axis=0)
    W += rng.choice([-1, 0, 1], W.shape, p=[0.02, 0.96, 0.02])
    return images.reshape(n, -1, 3), rng.integers(0, N_CLASSES, n), W / 256


def test_perceptron_in_float32_decides_near_ties_exactly(q1):
    images, y, W = nearly_tied()
    X = textbook.features(images, bias=False)
    scores = np.sort(X @ W.T)
    assert np.sum(scores[:, -1] == scores[:, -2]) > 20
    careless = (X.astype(np.float32) @ W.T.astype(np.float32)).argmax(axis=1)
    assert np.sum(careless != (X @ W.T).argmax(axis=1)) > 20

    model = q1.Perceptron(N_CLASSES, images[0].size, dtype=np.float32)
    model.W[...] = W
    assert np.array_equal(model.W, W)
    for _ in range(2):
        model.train_epoch(Pixels(images, dtype=np.float32), y)
        textbook.perceptron_epoch(W, X, y)
        assert np.array_equal(model.W, W)


def test_evaluation_of_float32_pixels_decides_near_ties_exactly(q1):
    images, y, W = nearly_tied()
    X = textbook.features(images, bias=False)
    pixels = Pixels(images, dtype=np.float32)
    for model in (q1.Perceptron(N_CLASSES, len(W.T), np.float32), q1.LogisticRegression(*W.shape)):
        # In float32 the second weights give infinite scores, the third ones' squares vanish.
        scales = (1, 2.0**120, 2.0**-100) if model.W.dtype == np.float64 else (1,)
        for weights in [scale * W for scale in scales]:
            model.W[...] = weights
            expected = (X @ weights.T).argmax(axis=1)
            with np.errstate(all="ignore"):
                assert np.array_equal(model.predict(pixels), expected)
                assert model.evaluate(pixels, y) == np.mean(expected == y)


def test_rounding_in_float32_stays_within_its_bound(q1):
    rng = np.random.default_rng(4)
    images = rng.integers(200, 256, (300, 20, 30), dtype=np.uint8)
    X = textbook.features(images, bias=False)
    model = q1.Perceptron(N_CLASSES, X.shape[1], np.float32)
    # All of one sign, so that the sums, and with them the rounding, become large.
    model.W[...] = rng.integers(0, 2**21, model.W.shape) / 256
    exact = X @ model.W.T.astype(np.float64)
    rounded = (X.astype(np.float32) @ model.W.T).astype(np.float64)
    moved = np.abs((rounded - exact)[:, :1] - (rounded - exact)[:, 1:]).max()
    bound = model.rounding_up_to(np.linalg.norm(model.W))
    assert bound / 1000 < moved <= bound


def test_the_perceptrons_bound_holds_to_the_end_of_a_block(q1):
    """From zero weights, whose norm alone would allow no rounding at all."""
    X, _, y = data("pixels", q1.Perceptron.BLOCK, n_features=300, dtype=np.float32)
    model = q1.Perceptron(N_CLASSES, 301, np.float32)
    model.train_epoch(X, y)
    assert model.W.any()
    assert model.rounding >= model.rounding_up_to(np.linalg.norm(model.W))


@pytest.mark.parametrize("decay", [1.0, 0.9])
def test_rank_one_blocks_are_the_plain_steps(q1, decay):
    """With a bias, which is a column of W for a feature that is always 1, and decays like it."""
    rng = np.random.default_rng(10)
    X, targets = rng.normal(size=(29, 7)), rng.normal(size=(29, 3))
    W, b = rng.normal(size=(3, 7)), rng.normal(size=3)
    plain = np.hstack([W, b[:, None]])
    start = 0
    for block, numbers in q1.rank_one_blocks(W, X, np.arange(29), 12, 0.05, decay, b):
        for i, number in enumerate(numbers):
            x = np.append(X[number], 1)
            np.testing.assert_allclose(block.scores(i), plain @ x, rtol=1e-10)
            error = plain @ x - targets[number]
            block.errors[i] = error
            plain = decay * plain - 0.05 * np.outer(error, x)
        start += len(numbers)
    assert start == 29
    np.testing.assert_allclose(W, plain[:, :-1], rtol=1e-10)
    np.testing.assert_allclose(b, plain[:, -1], rtol=1e-10)


def test_whole_numbers_are_trained_on_as_floats(q1):
    np.random.seed(0)
    _, X, y = data("pixels", 40, bias=False)
    whole = np.round(256 * X).astype(np.int64)
    for name, sizes in (("Perceptron", ()), ("LogisticRegression", ()), ("MLP", (5,))):
        models = [getattr(q1, name)(N_CLASSES, 12, *sizes) for _ in range(2)]
        for model in models:
            for parameter in model.PARAMETERS:
                getattr(model, parameter)[...] = 0.01
        models[0].train_epoch(whole, y, learning_rate=1e-4)
        models[1].train_epoch(whole.astype(np.float64), y, learning_rate=1e-4)
        for parameter in models[0].PARAMETERS:
            assert np.array_equal(getattr(models[0], parameter), getattr(models[1], parameter))
        assert models[0].evaluate(whole, y) == models[1].evaluate(whole.astype(np.float64), y)


def test_perceptron_takes_the_first_of_equal_scores(q1):
    """Black and white pixels, so that scores are small whole numbers and tie all the time."""
    rng = np.random.default_rng(6)
    images = (255 * rng.integers(0, 2, (200, 3, 2))).astype(np.uint8)
    y = rng.integers(0, N_CLASSES, 200)
    X = textbook.features(images, bias=False)
    for dtype in (np.float32, np.float64):
        model, W = q1.Perceptron(N_CLASSES, 6, dtype=dtype), np.zeros((N_CLASSES, 6))
        ties = 0
        for _ in range(3):
            model.train_epoch(Pixels(images, dtype=dtype), y)
            for x, gold in zip(X, y, strict=True):
                second, first = np.sort(W @ x)[-2:]
                ties += first == second
                textbook.perceptron_epoch(W, x[None], [gold])
            assert np.array_equal(model.W, W)
        assert ties > 20


@settings(max_examples=40)
@given(
    n=st.integers(1, 70),
    values=st.sampled_from([2, 3, 256]),
    n_features=st.integers(1, 9),
    seed=st.integers(0, 1000),
)
def test_perceptron_on_any_pixels(q1, n, values, n_features, seed):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, values, (n, n_features, 1), dtype=np.uint8)
    y = rng.integers(0, N_CLASSES, n)
    W = np.zeros((N_CLASSES, n_features + 1))
    models = [q1.Perceptron(N_CLASSES, n_features + 1, dtype=d) for d in ("float32", "float64")]
    for _ in range(2):
        textbook.perceptron_epoch(W, textbook.features(images, bias=True), y)
        for model in models:
            model.train_epoch(Pixels(images, bias=True, dtype=model.W.dtype), y)
            assert np.array_equal(model.W, W)


def test_perceptron_update_weight_one_at_a_time(q1):
    _, X, y = data("pixels", 65)
    model, W = q1.Perceptron(N_CLASSES, X.shape[1]), np.zeros((N_CLASSES, X.shape[1]))
    for x_i, y_i in zip(X, y, strict=True):
        model.update_weight(x_i, y_i, learning_rate=0.5, l2_penalty=0.5)  # it uses neither
    textbook.perceptron_epoch(W, X, y)
    assert np.array_equal(model.W, W)


# --------------------------------------------------------------------------------------------
# Logistic regression


# The decay 1 - learning_rate * l2 of a step: none, slight, a half, to nothing, and past it.
RATES = [(0.001, 0.0), (0.001, 0.01), (0.1, 0.01), (0.1, 5.0), (0.1, 10.0), (0.1, 15.0)]


@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", SIZES)
def test_logistic_regression_is_the_textbook(q1, n, kind, rates):
    learning_rate, l2 = rates
    X, plain_X, y = data(kind, n)
    model = q1.LogisticRegression(N_CLASSES, plain_X.shape[1])
    W = np.zeros(model.W.shape)
    for _ in range(3):
        model.train_epoch(X, y, learning_rate=learning_rate, l2_penalty=l2)
        textbook.logistic_regression_epoch(W, plain_X, y, learning_rate, l2)
        assert distance(model.W, W) < 1e-10


def test_logistic_regression_update_weight_one_at_a_time(q1):
    _, X, y = data("pixels", 65)
    model = q1.LogisticRegression(N_CLASSES, X.shape[1])
    W = np.zeros(model.W.shape)
    for x_i, y_i in zip(X, y, strict=True):
        model.update_weight(x_i, y_i, learning_rate=0.1, l2_penalty=0.01)
    textbook.logistic_regression_epoch(W, X, y, 0.1, 0.01)
    assert distance(model.W, W) < 1e-12


@settings(max_examples=40)
@given(
    n=st.integers(1, 70),
    learning_rate=st.floats(1e-5, 1.0),
    decay=st.floats(-0.9, 1.0),
    seed=st.integers(0, 1000),
)
@example(n=64, learning_rate=0.5, decay=1e-12, seed=0)
def test_logistic_regression_at_any_rate(q1, n, learning_rate, decay, seed):
    l2 = (1 - decay) / learning_rate
    X, plain_X, y = data("numbers", n, seed=seed)
    model = q1.LogisticRegression(N_CLASSES, X.shape[1])
    W = np.zeros(model.W.shape)
    for _ in range(2):
        model.train_epoch(X, y, learning_rate=learning_rate, l2_penalty=l2)
        textbook.logistic_regression_epoch(W, plain_X, y, learning_rate, l2)
    assert distance(model.W, W) < 1e-10


# --------------------------------------------------------------------------------------------
# MLP


def moderate_mlp(q1, n_features, hidden=10, seed=8):
    """A model and its parameters' copies, from weights small enough that nothing is chaotic."""
    model = q1.MLP(N_CLASSES, n_features, hidden)
    rng = np.random.default_rng(seed)
    for name in ("W1", "b1", "W2", "b2"):
        parameter = getattr(model, name)
        parameter[...] = rng.normal(0, 0.3, parameter.shape)
    return model, [getattr(model, name).copy() for name in ("W1", "b1", "W2", "b2")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", SIZES)
def test_mlp_is_the_textbook(q1, n, kind):
    X, plain_X, y = data(kind, n, bias=False)
    model, expected = moderate_mlp(q1, plain_X.shape[1])
    for _ in range(3):
        loss = model.train_epoch(X, y, learning_rate=0.05)
        assert loss == pytest.approx(
            textbook.mlp_epoch(*expected, plain_X, y, learning_rate=0.05), rel=1e-10
        )
        for name, parameter in zip(("W1", "b1", "W2", "b2"), expected, strict=True):
            assert distance(getattr(model, name), parameter) < 1e-10, name


def test_mlp_from_its_own_start(q1):
    """From N(0.1, 0.1^2), its logits in the hundreds: the first examples agree to rounding."""
    rng = np.random.default_rng(9)
    images = rng.integers(0, 256, (40, 20, 20, 3), dtype=np.uint8)
    y = rng.integers(0, N_CLASSES, 40)
    np.random.seed(42)
    model = q1.MLP(N_CLASSES, 1200, 30)
    expected = [getattr(model, name).copy() for name in ("W1", "b1", "W2", "b2")]
    logits, _ = next(model.score_blocks(Pixels(images), y))
    assert np.abs(logits).max() > 100
    loss = model.train_epoch(Pixels(images), y, learning_rate=0.001)
    X = textbook.features(images, bias=False)
    assert loss == pytest.approx(textbook.mlp_epoch(*expected, X, y, 0.001), rel=1e-9)
    for name, parameter in zip(("W1", "b1", "W2", "b2"), expected, strict=True):
        assert distance(getattr(model, name), parameter) < 1e-9, name


def test_mlp_in_float32_is_near_the_textbook(q1):
    X, plain_X, y = data("pixels", 100, bias=False, dtype=np.float32)
    model, expected = moderate_mlp(q1, plain_X.shape[1])
    for name in ("W1", "b1", "W2", "b2"):
        setattr(model, name, getattr(model, name).astype(np.float32))
    loss = model.train_epoch(X, y, learning_rate=0.05)
    assert loss == pytest.approx(textbook.mlp_epoch(*expected, plain_X, y, 0.05), rel=1e-5)
    for name, parameter in zip(("W1", "b1", "W2", "b2"), expected, strict=True):
        assert getattr(model, name).dtype == np.float32
        assert distance(getattr(model, name), parameter) < 1e-4, name


def test_one_mlp_step_worked_by_hand(q1):
    """Two features, two hidden units, two classes; the second unit is off.

    x = (1, 2), gold class 0, learning rate 0.1
    z = W1 x + b1 = (1 + 0, -2 + 1) = (1, -1)       h = relu(z) = (1, 0)
    logits = W2 h + b2 = (3 + 0, 1 + 2) = (3, 3)    p = (1/2, 1/2), loss = ln 2
    error = p - (1, 0) = (-1/2, 1/2)

    dW2 = error h^T = ((-1/2, 0), (1/2, 0))         db2 = error
    back through W2: (3 * -1/2 + 1 * 1/2, 5 * -1/2 + 7 * 1/2) = (-1, 1); the second unit is off:
    db1 = (-1, 0)                                   dW1 = ((-1, -2), (0, 0))

    Through a W2 that had already been updated, db1 would begin with -1.05.
    """
    model = q1.MLP(2, 2, 2)
    model.W1[...] = [[1, 0], [0, -1]]
    model.b1[...] = [0, 1]
    model.W2[...] = [[3, 5], [1, 7]]
    model.b2[...] = [0, 2]
    loss = model.train_epoch(np.array([[1.0, 2.0]]), np.array([0]), learning_rate=0.1)
    assert loss == pytest.approx(0.6931471805599453, rel=1e-14)
    np.testing.assert_allclose(model.W1, [[1.1, 0.2], [0, -1]], rtol=1e-14)
    np.testing.assert_allclose(model.b1, [0.1, 1], rtol=1e-14)
    np.testing.assert_allclose(model.W2, [[3.05, 5], [0.95, 7]], rtol=1e-14)
    np.testing.assert_allclose(model.b2, [0.05, 1.95], rtol=1e-14)


# --------------------------------------------------------------------------------------------
# Batches: the mean of what the examples alone would change, a short last batch included


BATCHES = pytest.mark.parametrize(
    ("n", "size"), [(1, 2), (7, 7), (40, 8), (33, 32), (65, 7), (50, 1000)]
)


@BATCHES
@pytest.mark.parametrize("kind", KINDS)
def test_perceptron_in_batches(q1, kind, n, size):
    X, plain_X, y = data(kind, n)
    model = q1.Perceptron(N_CLASSES, plain_X.shape[1])
    # Not from zero, where all scores tie and rounding, which here is not exact, would decide.
    model.W[...] = W = np.random.default_rng(7).normal(size=model.W.shape)
    for _ in range(2):
        model.train_epoch(X, y, batch_size=size)
        textbook.perceptron_epoch_in_batches(W, plain_X, y, size)
        assert distance(model.W, W) < 1e-10


@BATCHES
@pytest.mark.parametrize("kind", KINDS)
def test_logistic_regression_in_batches(q1, kind, n, size):
    X, plain_X, y = data(kind, n)
    model = q1.LogisticRegression(N_CLASSES, plain_X.shape[1])
    W = np.zeros(model.W.shape)
    for _ in range(2):
        model.train_epoch(X, y, learning_rate=0.1, l2_penalty=0.01, batch_size=size)
        textbook.logistic_regression_epoch_in_batches(W, plain_X, y, 0.1, 0.01, size)
        assert distance(model.W, W) < 1e-10


@BATCHES
@pytest.mark.parametrize("kind", KINDS)
def test_mlp_in_batches(q1, kind, n, size):
    X, plain_X, y = data(kind, n, bias=False)
    model, expected = moderate_mlp(q1, plain_X.shape[1])
    for _ in range(2):
        loss = model.train_epoch(X, y, learning_rate=0.05, batch_size=size)
        assert loss == pytest.approx(
            textbook.mlp_epoch_in_batches(*expected, plain_X, y, 0.05, size), rel=1e-10
        )
        for name, parameter in zip(("W1", "b1", "W2", "b2"), expected, strict=True):
            assert distance(getattr(model, name), parameter) < 1e-10, name


# --------------------------------------------------------------------------------------------
# What the models begin with, predict and report


def test_linear_models_start_at_zero(q1):
    for model in (q1.Perceptron(3, 7), q1.LogisticRegression(3, 7)):
        assert model.W.shape == (3, 7)
        assert not model.W.any()


def test_the_mlp_draws_w1_then_w2_from_the_global_generator(q1):
    np.random.seed(42)
    W1, W2 = np.random.normal(0.1, 0.1, (8, 5)), np.random.normal(0.1, 0.1, (3, 8))
    following = np.random.random()
    np.random.seed(42)
    model = q1.MLP(3, 5, 8)
    assert np.array_equal(model.W1, W1)
    assert np.array_equal(model.W2, W2)
    assert model.b1.shape == (8,) and not model.b1.any()
    assert model.b2.shape == (3,) and not model.b2.any()
    assert np.random.random() == following


@pytest.mark.parametrize("n", [1, 5, 1023, 1024, 1025, 2100])
def test_predict_and_evaluate_do_not_depend_on_blocks(q1, n):
    rng = np.random.default_rng(3)
    images, y = rng.integers(0, 256, (n, 3, 2), dtype=np.uint8), rng.integers(0, 3, n)
    np.random.seed(1)
    for model in (q1.Perceptron(3, 6), q1.LogisticRegression(3, 6), q1.MLP(3, 6, 4)):
        if isinstance(model, q1.MLP):
            model.W1 -= 0.1
            model.W2 -= 0.1

            def scores(x, model=model):
                return model.W2 @ textbook.relu(model.W1 @ x + model.b1) + model.b2
        else:
            model.W[...] = rng.normal(size=(3, 6))

            def scores(x, model=model):
                return model.W @ x

        X = textbook.features(images, bias=False)
        expected = np.array([np.argmax(scores(x)) for x in X])
        for given_X in (X, Pixels(images)):
            predicted = model.predict(given_X)
            assert predicted.shape == (n,)
            assert np.array_equal(predicted, expected)
            assert model.evaluate(given_X, y) == np.mean(expected == y)


def test_training_leaves_the_data_as_they_were(q1):
    np.random.seed(0)
    _, X, y = data("numbers", 40)
    before_X, before_y = X.copy(), y.copy()
    for model in (q1.Perceptron(4, 12), q1.LogisticRegression(4, 12), q1.MLP(4, 12, 6)):
        for options in ({}, {"batch_size": 8}):
            model.train_epoch(X, y, learning_rate=0.01, **options)
            model.evaluate(X, y)
    assert np.array_equal(X, before_X)
    assert np.array_equal(y, before_y)


def test_every_model_takes_the_skeletons_arguments(q1):
    """The skeleton hands the learning rate and the penalty to whichever model it is."""
    np.random.seed(0)
    _, X, y = data("numbers", 20)
    for model in (q1.Perceptron(4, 12), q1.LogisticRegression(4, 12), q1.MLP(4, 12, 6)):
        result = model.train_epoch(X, y, learning_rate=0.01, l2_penalty=0.1)
        assert isinstance(result, float) == isinstance(model, q1.MLP)
        assert isinstance(model.evaluate(X, y), float)


@pytest.mark.parametrize("layout", ["every second row", "Fortran order"])
def test_the_examples_layout_in_memory_does_not_matter(q1, layout):
    _, X, y = data("numbers", 66)
    if layout == "every second row":
        X, y, given_X, given_y = X[::2].copy(), y[::2].copy(), X[::2], y[::2]
    else:
        given_X, given_y = np.asfortranarray(X), y
    for name, options in (("Perceptron", {}), ("LogisticRegression", {"l2_penalty": 0.01})):
        plain, model = (getattr(q1, name)(N_CLASSES, 12) for _ in range(2))
        plain.train_epoch(X, y, learning_rate=0.1, **options)
        model.train_epoch(given_X, given_y, learning_rate=0.1, **options)
        assert distance(model.W, plain.W) < 1e-12
