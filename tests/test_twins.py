"""Question 1's models against the plain program: the same examples, the same weights.

Each is trained by its own loop and by the fast way, on arrays and on pixels, which train the MLP in
float32. The sizes are chosen around the blocks of 12, 32 and 96 examples and the chunks of 192.
"""

import copy
import itertools
import math

import numpy as np
import oracle
import plain_q1
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from oracle import features, parameters

from fast import exact_sgd, ties
from fast.blocks import rank_one_blocks
from fast.pixels import FeatureMatrix

SIZES = [1, 11, 12, 13, 33, 96, 97, 193]
N_CLASSES = 4
KINDS = ["numbers", "pixels", "pixels reordered"]
WAYS = ["its own loop", "the fast way"]
BOTH_WAYS = pytest.mark.parametrize("way", WAYS)


def each_with_some(values, kinds=KINDS):
    """Every value with one kind of data, the kinds in turn."""
    return [(*value, kind) for value, kind in zip(values, itertools.cycle(kinds), strict=False)]


def train(way, model, X, y, **settings):
    """An epoch; what is taken for the fast way must be it."""
    if way == "its own loop":
        return model.train_epoch(X, y, **settings)
    result = exact_sgd.train_epoch(model, X, y, **settings)
    assert not exact_sgd.trains_by_own_loop(model)
    return result


def evaluate(way, model, X, y):
    return model.evaluate(X, y) if way == "its own loop" else exact_sgd.evaluate(model, X, y)[0]


def data(kind, n, n_features=12, seed=0, bias=True):
    """What the program is given, what the plain loop is given, and the gold classes."""
    rng = np.random.default_rng([seed, n])
    y = rng.integers(0, N_CLASSES, n)
    if kind == "numbers":
        X = rng.normal(size=(n, n_features))
        return X, X, y
    images = rng.integers(0, 256, (n, n_features // 3, 3), dtype=np.uint8)
    X = features(images, bias)
    pixels = FeatureMatrix(images, bias=bias)
    if kind == "pixels reordered":
        order = rng.permutation(n)
        return pixels.changed(order=order), X[order], y[order]
    return pixels, X, y


def distance(model, plain):
    """The largest difference of a parameter, relative to its largest entry."""
    expected = parameters(plain)
    assert parameters(model).keys() == expected.keys()
    return max(
        np.abs(getattr(model, name) - value).max() / (np.abs(value).max() or 1)
        for name, value in expected.items()
    )


# --------------------------------------------------------------------------------------------
# Which way is taken


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["Perceptron", "LogisticRegression", "MLP"])
def test_the_fast_way_takes_the_steps_but_for_the_first_eight(q1, monkeypatch, capsys, name, kind):
    """Those are compared. Of fewer than eight the model's own loop takes every step."""
    steps = []
    own = getattr(q1, name).update_weight

    def counted(self, *arguments, **options):
        steps.append(1)
        return own(self, *arguments, **options)

    monkeypatch.setattr(getattr(q1, name), "update_weight", counted)
    for n, expected in ((7, 7), (8, 8), (100, 8), (200, 8)):
        X, _, y = data(kind, n, bias=False)
        model = moderate_mlps(q1, 12)[0] if name == "MLP" else getattr(q1, name)(N_CLASSES, 12)
        for _ in range(2):  # before the first there is the probe
            steps.clear()
            exact_sgd.train_epoch(model, X, y, learning_rate=0.01)
        assert len(steps) == expected
        assert not exact_sgd.trains_by_own_loop(model)
        steps.clear()
        exact_sgd.train_epoch(model, X, y, learning_rate=0.01, batch_size=n)
        assert len(steps) == (name != "Perceptron")  # whose batches have a step of their own
    assert capsys.readouterr() == ("", "")


# --------------------------------------------------------------------------------------------
# Perceptron


@BOTH_WAYS
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", SIZES)
def test_perceptron_is_exactly_the_plain_loop(q1, kind, n, way):
    """Bit for bit; on pixels, where the fast way is float32, too."""
    X, plain_X, y = data(kind, n, n_features=300)
    model = q1.Perceptron(N_CLASSES, plain_X.shape[1])
    plain = plain_q1.Perceptron(N_CLASSES, plain_X.shape[1])
    for _ in range(3):
        train(way, model, X, y)
        plain.train_epoch(plain_X, y)
        assert model.W.dtype == np.float64
        assert np.array_equal(model.W, plain.W)
    assert n == 1 or plain.W.any()  # a lone example of class 0 is right from the start


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
    X = features(images)
    scores = np.sort(X @ W.T)
    assert np.sum(scores[:, -1] == scores[:, -2]) > 20
    careless = (X.astype(np.float32) @ W.T.astype(np.float32)).argmax(axis=1)
    assert np.sum(careless != (X @ W.T).argmax(axis=1)) > 20

    model, plain = q1.Perceptron(*W.shape), plain_q1.Perceptron(*W.shape)
    model.W[...] = plain.W[...] = W
    for _ in range(2):
        assert np.array_equal(model.W, plain.W)
        train("the fast way", model, FeatureMatrix(images), y)
        plain.train_epoch(X, y)
    assert np.array_equal(model.W, plain.W)


def test_evaluation_of_float32_pixels_decides_near_ties_exactly(q1):
    images, y, W = nearly_tied()
    X = features(images)
    for kind in (q1.Perceptron, q1.LogisticRegression):
        model = kind(*W.shape)
        # In float32 the second weights give infinite scores, the third ones' squares vanish.
        for weights in [scale * W for scale in (1, 2.0**120, 2.0**-100)]:
            model.W[...] = weights
            expected = (X @ weights.T).argmax(axis=1)
            accuracy, scores = exact_sgd.evaluate(model, FeatureMatrix(images), y)
            assert np.array_equal(scores.argmax(axis=1), expected)
            assert accuracy == np.mean(expected == y)
            assert np.array_equal(model.W, weights)


def test_rounding_in_float32_stays_within_its_bound():
    rng = np.random.default_rng(4)
    X = features(rng.integers(200, 256, (300, 20, 30), dtype=np.uint8))
    # All of one sign, so that the sums, and with them the rounding, become large.
    W = (rng.integers(0, 2**21, (N_CLASSES, 600)) / 256).astype(np.float32)
    exact = X @ W.T.astype(np.float64)
    rounded = (X.astype(np.float32) @ W.T).astype(np.float64)
    moved = np.abs((rounded - exact)[:, :1] - (rounded - exact)[:, 1:]).max()
    bound = ties.rounding_bound(W, np.linalg.norm(W))
    assert bound / 1000 < moved <= bound


def test_the_perceptrons_bound_holds_to_the_end_of_a_block():
    """From zero weights, whose norm alone would allow no rounding at all."""
    steps = exact_sgd.WAYS[0].block
    _, X, y = data("pixels", steps, n_features=300)
    plain = plain_q1.Perceptron(N_CLASSES, 301)
    bound = ties.bound_over_steps(plain.W.astype(np.float32), steps)
    plain.train_epoch(X, y)
    assert 0 < ties.rounding_bound(plain.W, np.linalg.norm(plain.W)) <= bound


def test_perceptron_takes_the_first_of_equal_scores(q1):
    """Black and white pixels, so that scores are small whole numbers and tie all the time."""
    rng = np.random.default_rng(6)
    images = (255 * rng.integers(0, 2, (200, 3, 2))).astype(np.uint8)
    y = rng.integers(0, N_CLASSES, 200)
    X = features(images)
    plain, tied = plain_q1.Perceptron(N_CLASSES, 6), 0
    for x, gold in zip(X, y, strict=True):
        second, first = np.sort(plain.W @ x)[-2:]
        tied += first == second
        plain.update_weight(x, gold)
    assert tied > 20
    for way, given_X in itertools.product(WAYS, (X, FeatureMatrix(images))):
        model = q1.Perceptron(N_CLASSES, 6)
        train(way, model, given_X, y)
        assert np.array_equal(model.W, plain.W)


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
    plain = plain_q1.Perceptron(N_CLASSES, n_features + 1)
    models = [q1.Perceptron(N_CLASSES, n_features + 1) for _ in WAYS]
    for _ in range(2):
        plain.train_epoch(features(images, bias=True), y)
        for way, model in zip(WAYS, models, strict=True):
            train(way, model, FeatureMatrix(images, bias=True), y)
            assert np.array_equal(model.W, plain.W)


# --------------------------------------------------------------------------------------------
# Logistic regression


# The decay 1 - learning_rate * l2 of a step: none, slight, a half, to nothing, and past it.
RATES = [(0.001, 0.0), (0.001, 0.01), (0.1, 0.01), (0.1, 5.0), (0.1, 10.0), (0.1, 15.0)]
CASES = each_with_some(list(itertools.product(SIZES, RATES)), ["pixels", *KINDS])


@BOTH_WAYS
@pytest.mark.parametrize(("n", "rates", "kind"), CASES)
def test_logistic_regression_is_the_plain_loop(q1, n, rates, kind, way):
    settings = dict(zip(("learning_rate", "l2_penalty"), rates, strict=True))
    X, plain_X, y = data(kind, n)
    model = q1.LogisticRegression(N_CLASSES, plain_X.shape[1])
    plain = plain_q1.LogisticRegression(N_CLASSES, plain_X.shape[1])
    for _ in range(3):
        train(way, model, X, y, **settings)
        plain.train_epoch(plain_X, y, **settings)
        assert distance(model, plain) < 1e-10


@given(
    n=st.integers(1, 70),
    learning_rate=st.floats(1e-5, 1.0),
    decay=st.floats(-0.9, 1.0),
    seed=st.integers(0, 1000),
)
@example(n=64, learning_rate=0.5, decay=1e-12, seed=0)
def test_logistic_regression_at_any_rate(q1, n, learning_rate, decay, seed):
    settings = {"learning_rate": learning_rate, "l2_penalty": (1 - decay) / learning_rate}
    X, plain_X, y = data("numbers", n, seed=seed)
    models = [q1.LogisticRegression(N_CLASSES, X.shape[1]) for _ in WAYS]
    plain = plain_q1.LogisticRegression(N_CLASSES, X.shape[1])
    for _ in range(2):
        plain.train_epoch(plain_X, y, **settings)
        for way, model in zip(WAYS, models, strict=True):
            train(way, model, X, y, **settings)
            assert distance(model, plain) < 1e-10


@pytest.mark.parametrize("n", [7, 20, 53])
@pytest.mark.parametrize("batch_size", [1, 8])
def test_l1_is_a_proximal_step_after_so_many_examples(q1, monkeypatch, n, batch_size):
    """Every weight loses the threshold, those below it are exactly zero, and go on from there."""
    monkeypatch.setattr(q1.SparseLogisticRegression, "TRUNCATION", 20)
    rate, l2, l1 = 0.1, 0.01, 0.05
    X, plain_X, y = data("pixels", n)
    model = q1.SparseLogisticRegression(N_CLASSES, 13)
    plain = plain_q1.LogisticRegression(N_CLASSES, 13)
    for _ in range(2):
        model.train_epoch(
            X, y, learning_rate=rate, l2_penalty=l2, batch_size=batch_size, l1_penalty=l1
        )
        every = 20 if batch_size == 1 else batch_size
        for start in range(0, n, every):
            part = slice(start, start + every)
            steps = len(y[part]) if batch_size == 1 else 1
            if batch_size == 1:
                plain.train_epoch(plain_X[part], y[part], learning_rate=rate, l2_penalty=l2)
            else:
                settings = {"learning_rate": rate, "l2_penalty": l2}
                oracle.train_in_batches(plain, plain_X[part], y[part], every, **settings)
            sizes = np.maximum(np.abs(plain.W) - rate * l1 * steps, 0)
            plain.W = np.sign(plain.W) * sizes
        assert distance(model, plain) < 1e-10
        assert np.array_equal(model.W == 0, plain.W == 0)
        assert not exact_sgd.trains_by_own_loop(model)
    assert 0 < np.count_nonzero(model.W == 0) < model.W.size


@pytest.mark.parametrize("name", ["Perceptron", "LogisticRegression"])
def test_update_weight_one_at_a_time(q1, name):
    _, X, y = data("pixels", 65)
    model, plain = (getattr(module, name)(N_CLASSES, 13) for module in (q1, plain_q1))
    for x_i, y_i in zip(X, y, strict=True):
        for either in (model, plain):  # a perceptron uses neither
            either.update_weight(x_i, y_i, learning_rate=0.1, l2_penalty=0.01)
    assert distance(model, plain) <= (1e-12 if name == "LogisticRegression" else 0)


@pytest.mark.parametrize("decay", [1.0, 0.9])
def test_rank_one_blocks_are_the_plain_steps(decay):
    """With a bias, which is a column of W for a feature that is always 1, and decays like it."""
    rng = np.random.default_rng(10)
    X, targets = rng.normal(size=(29, 7)), rng.normal(size=(29, 3))
    W, b = rng.normal(size=(3, 7)), rng.normal(size=3)
    plain = np.hstack([W, b[:, None]])
    start = 0
    for block in rank_one_blocks(W, X, np.arange(29), 12, 0.05, (1 - decay) / 0.05, b):
        for i, number in enumerate(block.y):
            x = np.append(X[number], 1)
            np.testing.assert_allclose(block.scores(i), plain @ x, rtol=1e-10)
            error = plain @ x - targets[number]
            block.errors[i] = error
            plain = decay * plain - 0.05 * np.outer(error, x)
        start += len(block.y)
    assert start == 29
    np.testing.assert_allclose(W, plain[:, :-1], rtol=1e-10)
    np.testing.assert_allclose(b, plain[:, -1], rtol=1e-10)


# --------------------------------------------------------------------------------------------
# MLP


def moderate_mlps(q1, n_features, hidden=10, seed=8):
    """Ours and the plain one, with weights small enough that nothing is chaotic."""
    rng = np.random.default_rng(seed)
    model = q1.MLP(N_CLASSES, n_features, hidden)
    plain = plain_q1.MLP(N_CLASSES, n_features, hidden)
    for name, value in parameters(plain).items():
        value[...] = rng.normal(0, 0.3, value.shape)
        getattr(model, name)[...] = value
    return model, plain


def rounding(way, kind):
    """How near an MLP comes to the plain loop: on pixels the fast way is float32."""
    return 1e-10 if kind == "numbers" or way == "its own loop" else 1e-4


@BOTH_WAYS
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", SIZES)
def test_mlp_is_the_plain_loop(q1, n, kind, way):
    X, plain_X, y = data(kind, n, bias=False)
    model, plain = moderate_mlps(q1, plain_X.shape[1])
    for _ in range(3):
        loss = train(way, model, X, y, learning_rate=0.05)
        plain_loss = plain.train_epoch(plain_X, y, learning_rate=0.05)
        assert loss == pytest.approx(plain_loss, rel=rounding(way, kind))
        assert all(value.dtype == np.float64 for value in parameters(model).values())
        assert distance(model, plain) < rounding(way, kind)


@BOTH_WAYS
def test_mlp_from_its_own_start(q1, way):
    """From N(0.1, 0.1^2), its logits in the hundreds: the first examples agree to rounding."""
    rng = np.random.default_rng(9)
    images = rng.integers(0, 256, (40, 20, 20, 3), dtype=np.uint8)
    y, X = rng.integers(0, N_CLASSES, 40), features(images)
    np.random.seed(42)
    model = q1.MLP(N_CLASSES, 1200, 30)
    following = np.random.random()
    np.random.seed(42)
    plain = plain_q1.MLP(N_CLASSES, 1200, 30)
    assert np.random.random() == following
    assert distance(model, plain) == 0  # drawn in the same order
    assert np.abs(model.scores(X)).max() > 100
    loss = train(way, model, X, y, learning_rate=0.001)
    assert loss == pytest.approx(plain.train_epoch(X, y, learning_rate=0.001), rel=1e-9)
    assert distance(model, plain) < 1e-9


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
    for options in ({}, {"batch_size": 2}):
        model = q1.MLP(2, 2, 2)
        model.W1[...] = [[1, 0], [0, -1]]
        model.b1[...] = [0, 1]
        model.W2[...] = [[3, 5], [1, 7]]
        model.b2[...] = [0, 2]
        X, y = np.array([[1.0, 2.0]]), np.array([0])
        loss = model.train_epoch(X, y, learning_rate=0.1, **options)
        assert loss == pytest.approx(0.6931471805599453, rel=1e-14)
        np.testing.assert_allclose(model.W1, [[1.1, 0.2], [0, -1]], rtol=1e-14)
        np.testing.assert_allclose(model.b1, [0.1, 1], rtol=1e-14)
        np.testing.assert_allclose(model.W2, [[3.05, 5], [0.95, 7]], rtol=1e-14)
        np.testing.assert_allclose(model.b2, [0.05, 1.95], rtol=1e-14)


def test_one_step_of_logistic_regression_worked_by_hand(q1):
    """From zero weights each of four classes has 1/4; where per-class sigmoids would have 1/2."""
    x = np.array([1.0, 2.0])
    one, other = q1.LogisticRegression(4, 2), q1.LogisticRegression(4, 2)
    one.update_weight(x, 1, learning_rate=1.0)
    other.train_epoch(x[None], np.array([1]), learning_rate=1.0)
    for model in (one, other):
        expected = np.outer([-0.25, 0.75, -0.25, -0.25], x)
        np.testing.assert_allclose(model.W, expected, rtol=1e-14)


# --------------------------------------------------------------------------------------------
# Softmax of large logits


@BOTH_WAYS
@pytest.mark.parametrize("batch_size", [1, 8])
def test_logits_in_the_thousands_overflow_nothing(q1, batch_size, way):
    """As images of the homework's size give the MLP; exp of them is infinite."""
    rng = np.random.default_rng(0)
    X, y = rng.uniform(0.3, 0.9, (16, 6912)), np.arange(16) % 6
    np.random.seed(42)
    model = q1.MLP(6, 6912, 100)
    assert model.scores(X).min() > 1000
    linear = q1.LogisticRegression(6, 6912)
    linear.W[...] = rng.normal(0, 30, linear.W.shape)
    assert np.abs(X @ linear.W.T).max() > 1000
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        loss = train(way, model, X, y, learning_rate=0.001, batch_size=batch_size)
        train(way, linear, X, y, batch_size=batch_size)
        linear.update_weight(X[0], y[0])
    assert math.isfinite(loss)
    for value in (*parameters(model).values(), linear.W):
        assert np.isfinite(value).all()


@BOTH_WAYS
@pytest.mark.parametrize("batch_size", [1, 2])
def test_the_loss_of_a_class_whose_probability_is_0_is_a_number(q1, batch_size, way):
    model = q1.MLP(3, 2, 2)
    model.W1[...] = np.eye(2)
    model.W2[...] = [[0, 0], [0, 0], [1e6, 0]]
    with np.errstate(all="raise", under="ignore"):
        loss = train(
            way, model, np.ones((8, 2)), [0] * 8, learning_rate=1e-30, batch_size=batch_size
        )
    assert loss == pytest.approx(1e6, rel=1e-12)


# --------------------------------------------------------------------------------------------
# Batches: the mean of what the examples alone would change, a short last batch included


BATCHES = [(1, 2), (7, 7), (40, 8), (33, 32), (65, 7), (50, 1000)]


@BOTH_WAYS
@pytest.mark.parametrize("name", ["Perceptron", "LogisticRegression", "MLP"])
@pytest.mark.parametrize(("n", "size", "kind"), each_with_some(BATCHES + BATCHES[::-1]))
def test_batches(q1, name, n, size, kind, way):
    X, plain_X, y = data(kind, n, bias=False)
    if kind == "numbers":
        X[0] *= 200  # a softmax over the whole batch would make every other row's exponentials 0
        plain_X = X
    if name == "MLP":
        model, plain = moderate_mlps(q1, 12)
    else:
        model, plain = (getattr(module, name)(N_CLASSES, 12) for module in (q1, plain_q1))
        # Not from zero, where all of the perceptron's scores tie and rounding would decide.
        model.W[...] = plain.W[...] = np.random.default_rng(7).normal(size=model.W.shape)
    settings = {"learning_rate": 0.05}
    if name == "LogisticRegression":
        settings["l2_penalty"] = 0.01
    for _ in range(2):
        loss = train(way, model, X, y, batch_size=size, **settings)
        plain_loss = oracle.train_in_batches(plain, plain_X, y, size, **settings)
        limit = rounding(way, kind) if name == "MLP" else 1e-10
        assert distance(model, plain) < limit
        assert loss == (None if name != "MLP" else pytest.approx(plain_loss, rel=limit))


# --------------------------------------------------------------------------------------------
# What the models begin with, predict, report and take


def three_models(q1, n_classes=N_CLASSES, n_features=12, hidden=6):
    np.random.seed(0)
    return [
        q1.Perceptron(n_classes, n_features),
        q1.LogisticRegression(n_classes, n_features),
        q1.MLP(n_classes, n_features, hidden),
    ]


def test_linear_models_start_at_zero_and_the_mlps_biases_too(q1):
    perceptron, regression, mlp = three_models(q1, 3, 7, 5)
    for model in (perceptron, regression):
        assert model.W.shape == (3, 7)
        assert not model.W.any()
    assert mlp.b1.shape == (5,) and not mlp.b1.any()
    assert mlp.b2.shape == (3,) and not mlp.b2.any()


@pytest.mark.parametrize("n", [1, 191, 192, 193, 400])
def test_predict_and_evaluate_do_not_depend_on_blocks(q1, n):
    rng = np.random.default_rng(3)
    images, y = rng.integers(0, 256, (n, 3, 2), dtype=np.uint8), rng.integers(0, 3, n)
    X = features(images)
    for model in three_models(q1, 3, 6, 4):
        for value in parameters(model).values():
            value[...] = rng.normal(size=value.shape)
        expected = oracle.logits(model, X).argmax(axis=1)
        for given_X in (X, FeatureMatrix(images)):
            predicted = model.predict(given_X)
            assert predicted.shape == (n,)
            assert np.array_equal(predicted, expected)
            accuracy, scores = exact_sgd.evaluate(model, given_X, y)
            assert accuracy == model.evaluate(given_X, y) == np.mean(expected == y)
            assert isinstance(accuracy, float) and scores.dtype == np.float64
            limit = 1e-13 if given_X is X else 1e-5
            np.testing.assert_allclose(scores, oracle.logits(model, X), limit, 10 * limit)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_and_predictions_of_one_example(q1, dtype):
    """Of one, (n_features,), as of the same one among many."""
    X = np.random.default_rng(3).normal(size=(5, 12)).astype(dtype)
    for model in three_models(q1):
        for value in parameters(model).values():
            value[...] = np.random.default_rng(4).normal(size=value.shape)
        scores, predicted = model.scores(X), model.predict(X)
        assert scores.shape == (5, N_CLASSES) and predicted.shape == (5,)
        for x, expected, most in zip(X, scores, predicted, strict=True):
            np.testing.assert_allclose(model.scores(x), expected, rtol=1e-12)
            assert model.scores(x).shape == (N_CLASSES,)
            assert np.ndim(model.predict(x)) == 0 and model.predict(x) == most


@BOTH_WAYS
@pytest.mark.parametrize("batch_size", [1, 8])
def test_labels_in_a_column(q1, batch_size, way):
    """(n, 1), as MedMNIST has them, are the labels (n,); other shapes are refused."""
    _, X, y = data("numbers", 40)
    for flat, column in zip(three_models(q1), three_models(q1), strict=True):
        for model, labels in ((flat, y), (column, y[:, None])):
            train(way, model, X, labels, learning_rate=0.01, batch_size=batch_size)
        assert distance(column, flat) == 0
        assert evaluate(way, column, X, y[:, None]) == evaluate(way, flat, X, y) <= 1
        for wrong in (y[:-1], np.eye(N_CLASSES)[y]):
            with pytest.raises(ValueError):
                train(way, flat, X, wrong)
            with pytest.raises(ValueError):
                evaluate(way, flat, X, wrong)


@BOTH_WAYS
@pytest.mark.parametrize("batch_size", [1, 5])
def test_labels_that_are_no_classes_are_refused(q1, batch_size, way):
    """Booleans are 0 and 1. Of no examples there is nothing to learn."""
    _, X, y = data("numbers", 20)
    for model, same in zip(three_models(q1), three_models(q1), strict=True):
        before = copy.deepcopy(parameters(model))
        for wrong in (y - 1 - y.max(), y + 0.5):
            with pytest.raises(ValueError, match="y must hold a class, an integer from 0"):
                train(way, model, X, wrong, batch_size=batch_size)
        with pytest.raises(ValueError, match="one at least"):
            train(way, model, X[:0], y[:0], batch_size=batch_size)
        with pytest.raises((ValueError, IndexError)):  # a class beyond the last
            train(way, model, X, y + N_CLASSES, batch_size=batch_size)
        assert all(np.array_equal(getattr(model, name), before[name]) for name in before)
        model.train_epoch(X, y > 0, batch_size=batch_size)
        train(way, same, X, (y > 0).astype(int), batch_size=batch_size)
        assert distance(model, same) < 1e-12


@BOTH_WAYS
def test_no_examples_one_example_one_class(q1, way):
    _, X, _ = data("numbers", 20)
    for model in three_models(q1):
        assert model.predict(X[:0]).shape == (0,)
        assert evaluate(way, model, X[:1], model.predict(X[:1])) == 1
    for kind in (q1.Perceptron, q1.LogisticRegression):
        model = kind(1, X.shape[1])
        train(way, model, X.astype(np.float32), np.zeros(20, int))
        assert evaluate(way, model, X.astype(np.float32), np.zeros(20, int)) == 1


@BOTH_WAYS
def test_unknown_keywords_are_refused(q1, way):
    """Misspelt, a penalty would be none."""
    _, X, y = data("numbers", 20)
    perceptron, regression, mlp = three_models(q1)
    for model in (perceptron, regression, mlp):
        with pytest.raises(TypeError, match="l2"):
            train(way, model, X, y, l2=99.0)
    for model in (perceptron, regression):
        with pytest.raises(TypeError, match="l2"):
            model.update_weight(X[0], y[0], l2=99.0)
    with pytest.raises(TypeError, match="l2_penalty"):
        train(way, mlp, X, y, l2_penalty=0.1)


@BOTH_WAYS
def test_the_skeletons_arguments_are_taken(q1, way):
    """The skeleton hands the learning rate and the penalty to either linear model."""
    _, X, y = data("numbers", 20)
    perceptron, regression, mlp = three_models(q1)
    for model in (perceptron, regression):
        assert train(way, model, X, y, learning_rate=0.01, l2_penalty=0.1) is None
    assert isinstance(train(way, mlp, X, y, learning_rate=0.01), float)


@BOTH_WAYS
def test_training_leaves_the_data_as_they_were(q1, way):
    _, X, y = data("numbers", 40)
    before_X, before_y = X.copy(), y.copy()
    for model in three_models(q1):
        for options in ({}, {"batch_size": 8}):
            train(way, model, X, y, learning_rate=0.01, **options)
            evaluate(way, model, X, y)
    assert np.array_equal(X, before_X)
    assert np.array_equal(y, before_y)


@BOTH_WAYS
def test_other_numbers_and_layouts_are_trained_on_as_float64(q1, way):
    """Whole numbers, Fortran order, every second row."""
    whole = np.random.default_rng(2).integers(0, 256, (80, 12))
    y = np.arange(40) % N_CLASSES
    X = whole[::2].astype(np.float64)
    for given_X in (whole[::2], np.asfortranarray(X), whole.astype(np.float64)[::2]):
        for model, plain in zip(three_models(q1), three_models(q1), strict=True):
            for value in (*parameters(model).values(), *parameters(plain).values()):
                value[...] = 0.01
            train(way, model, given_X, y, learning_rate=1e-4)
            plain.train_epoch(X, y, learning_rate=1e-4)
            assert distance(model, plain) < 1e-12
            assert evaluate(way, model, given_X, y) == plain.evaluate(X, y)


# --------------------------------------------------------------------------------------------
# The whole program


def lines(output):
    """What was printed, but for the time that it took."""
    return [line for line in output.splitlines() if not line.startswith("Training took")]


@pytest.mark.parametrize(
    ("arguments", "digits"),
    [
        (["perceptron", "-epochs", 6], None),
        (["logistic_regression", "-epochs", 4, "-learning_rate", 0.01], None),
        (["logistic_regression", "-epochs", 4, "-l2_penalty", 0.5, "-seed", 7], None),
        (["mlp", "-epochs", 3, "-hidden_size", 8, "-learning_rate", 0.01, "-seed", 11], 5),
    ],
)
def test_the_program_prints_what_the_plain_one_prints(
    q1, run_main, blank_figures, capsys, tmp_path, tiny_npz, arguments, digits
):
    """Every digit of the linear models; the MLP trains in float32 and agrees to its rounding."""
    words = [*map(str, arguments), "-data_path", str(tiny_npz)]
    np.random.rand(5)  # what was drawn before is of no matter
    _, expected = plain_q1.main(words)
    plain_lines = lines(capsys.readouterr().out)
    outcome = run_main(q1, *words, "-plots_dir", tmp_path / "plots")
    assert outcome.status == 0, outcome.err
    if digits is None:
        assert lines(outcome.out) == plain_lines
    _, history = q1.main([*words, "-plots_dir", str(tmp_path / "again")])
    for ours, plain in zip(history, expected, strict=True):
        for name in ("train_acc", "val_acc", *(["loss"] if digits else [])):
            assert ours[name] == pytest.approx(plain[name], rel=10.0 ** -(digits or 12)), name
    assert lines(capsys.readouterr().out) == lines(outcome.out)
