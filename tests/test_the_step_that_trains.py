"""The step that a reader sees is the step that trains: change it, and training changes.

Each method that a textbook would show is replaced on its class, wrapped on a model and overridden in
a subclass. Whatever it becomes, what is trained is what the model's own loop trains, to the last
digits, and a notice says that the fast way stepped aside. So it does where fast/ itself is wrong.
"""

import functools
import importlib
import inspect
import random
import sys
import types

import numpy as np
import pytest
import torch
from conftest import tiny_arrays
from oracle import features, parameters

from fast import blocks, exact_sgd
from fast.pixels import FeatureMatrix
from lab import numpy_state

N_CLASSES, N = 3, 60
SETTINGS = {
    "Perceptron": {},
    "LogisticRegression": {"learning_rate": 0.01, "l2_penalty": 0.01},
    "MLP": {"learning_rate": 0.01},
}
COMMANDS = {
    "Perceptron": ["perceptron", "-epochs", 2],
    "LogisticRegression": ["logistic_regression", "-epochs", 2, "-l2_penalty", 0.01],
    "MLP": ["mlp", "-epochs", 2, "-hidden_size", 5, "-learning_rate", 0.0001],
}
NOTICE = "trained by its own train_epoch"

# --------------------------------------------------------------------------------------------
# What a reader may change. Each takes the function that is there and gives the one to replace it.


def no_demotion(own):
    def update_weight(self, x_i, y_i, **settings):
        if self.predict(x_i) != y_i:
            self.W[y_i] += x_i

    return update_weight


def last_of_equals(own):
    return lambda self, X: self.scores(X).shape[-1] - 1 - self.scores(X)[..., ::-1].argmax(axis=-1)


def nothing(own):
    return lambda self, x_i, y_i, **settings: None if hasattr(self, "W") else 0.0


def flipped_penalty(own):
    def update_weight(self, x_i, y_i, l2_penalty=0.0, **settings):
        own(self, x_i, y_i, l2_penalty=-l2_penalty, **settings)

    return update_weight


def step_times(factor):
    def change(own):
        def update_weight(self, x_i, y_i, learning_rate=0.001, **settings):
            return own(self, x_i, y_i, learning_rate=factor * learning_rate, **settings)

        return update_weight

    return change


def scores_times_2(own):
    return lambda self, X: 2 * own(self, X)


def no_relu(own):
    def forward(self, x):
        z = x @ self.W1.T + self.b1
        return z, z, z @ self.W2.T + self.b2

    return forward


def relu_at_minus_1(own):
    return lambda self, x, z, h, error: own(self, x, z + 1, h, error)


def b1_forgotten(own):
    def update_weight(self, x_i, y_i, **settings):
        b1 = self.b1.copy()
        loss = own(self, x_i, y_i, **settings)
        self.b1[...] = b1
        return loss

    return update_weight


def another_loss(own):
    return lambda self, x_i, y_i, **settings: 1.001 * own(self, x_i, y_i, **settings)


def printing(own):
    def update_weight(self, x_i, y_i, **settings):
        print("a step")
        return own(self, x_i, y_i, **settings)

    return update_weight


def noise(own):
    def update_weight(self, x_i, y_i, **settings):
        return own(
            self, x_i + 0.01 * np.random.random(x_i.shape) * random.random(), y_i, **settings
        )

    return update_weight


def draws_and_forgets(own):
    def update_weight(self, x_i, y_i, **settings):
        np.random.random()
        return own(self, x_i, y_i, **settings)

    return update_weight


def counter(own):
    def update_weight(self, x_i, y_i, **settings):
        self.steps = getattr(self, "steps", 0) + 1
        return own(self, x_i, y_i, **settings)

    return update_weight


def fading(own):
    """A learning rate that falls from step to step."""

    def update_weight(self, x_i, y_i, learning_rate=0.001, **settings):
        self.steps = getattr(self, "steps", 0) + 1
        return own(self, x_i, y_i, learning_rate=learning_rate / self.steps, **settings)

    return update_weight


def full_batch(own):
    return lambda self, X, y, **settings: own(self, X, y, **{**settings, "batch_size": len(y)})


def without_the_last(own):
    return lambda self, X, y, **settings: own(self, X[:-1], y[:-1], **settings)


def without_one_in_the_middle(own):
    def train_epoch(self, X, y, **settings):
        rows = np.arange(len(y)) != 41
        return own(self, np.asarray(X)[rows], y[rows], **settings)

    return train_epoch


def shuffled_again(own):
    def train_epoch(self, X, y, **settings):
        order = np.random.permutation(len(y))
        return own(self, np.asarray(X)[order], y[order], **settings)

    return train_epoch


def backwards(own):
    def train_epoch(self, X, y, **settings):
        return own(self, np.asarray(X)[::-1], y[::-1], **settings)

    return train_epoch


def weights(model):
    return model.W if hasattr(model, "W") else model.W1


def decay_at_the_end(own):
    def train_epoch(self, X, y, **settings):
        loss = own(self, X, y, **settings)
        weights(self)[...] *= 0.9
        return loss

    return train_epoch


def decay_every_20(own):
    """The weights decay where neither the probe's ten examples nor the first eight get to."""

    def train_epoch(self, X, y, **settings):
        losses = []
        for start in range(0, len(y), 20):
            rows = slice(start, start + 20)
            losses.append(own(self, X[rows], y[rows], **settings))
            if len(y[rows]) == 20:
                weights(self)[...] *= 0.9
        return None if losses[0] is None else float(np.mean(losses))

    return train_epoch


def progress(own):
    """Printed where neither the probe nor the first eight examples get to."""

    def train_epoch(self, X, y, **settings):
        losses = []
        for start in range(0, len(y), 30):
            rows = slice(start, start + 30)
            losses.append(own(self, X[rows], y[rows], **settings))
            if start:
                print(start)
        return None if losses[0] is None else float(np.mean(losses))

    return train_epoch


def rebinding(own):
    """As a reader may write it: a new array in place of `-=`."""

    def update_weight(self, x_i, y_i, **settings):
        for name, value in parameters(self).items():
            setattr(self, name, value.copy())
        return own(self, x_i, y_i, **settings)

    return update_weight


def sum_of_losses(own):
    return lambda self, X, y, **settings: len(y) * own(self, X, y, **settings)


CHANGES = [
    ("Perceptron", "update_weight", no_demotion),
    ("Perceptron", "predict", last_of_equals),
    ("Perceptron", "scores", lambda own: lambda self, X: -own(self, X)),
    ("LogisticRegression", "update_weight", flipped_penalty),
    ("LogisticRegression", "update_weight", step_times(1.0001)),
    ("LogisticRegression", "update_weight", step_times(2)),
    ("LogisticRegression", "scores", scores_times_2),
    ("MLP", "forward", no_relu),
    ("MLP", "backward", relu_at_minus_1),
    ("MLP", "update_weight", b1_forgotten),
    ("MLP", "update_weight", another_loss),
    ("MLP", "update_weight", step_times(1.0001)),
    ("MLP", "train_epoch", sum_of_losses),
] + [
    (name, method, change)
    for name in SETTINGS
    for method, change in (
        ("update_weight", nothing),
        ("update_weight", printing),
        ("update_weight", noise),
        ("update_weight", draws_and_forgets),
        ("update_weight", counter),
        ("train_epoch", full_batch),
        ("train_epoch", without_the_last),
        ("train_epoch", without_one_in_the_middle),
        ("train_epoch", shuffled_again),
        ("train_epoch", backwards),
        ("train_epoch", decay_at_the_end),
        ("train_epoch", decay_every_20),
        ("train_epoch", progress),
    )
] + [(name, "update_weight", fading) for name in ("LogisticRegression", "MLP")]  # fmt: skip
# Not to be seen in the weights after a short run from the model's own start.
INVISIBLE = [printing, progress, counter, another_loss, sum_of_losses, relu_at_minus_1, no_relu]
EACH_CHANGE = pytest.mark.parametrize(
    ("name", "method", "change"),
    CHANGES,
    ids=[f"{name}.{method}-{change.__qualname__.split('.')[0]}-{i}"
         for i, (name, method, change) in enumerate(CHANGES)],
)  # fmt: skip


def temperature_2(own):
    return lambda logits, y: own(logits / 2, y)


# --------------------------------------------------------------------------------------------
# Training a changed model


def made(q1, name, kind=None, n_features=12):
    """A model with small random weights, the same each time; of a class of the module's or another."""
    kind = kind or getattr(q1, name)
    rng = np.random.default_rng(1)
    model = kind(N_CLASSES, n_features, *([5] if name == "MLP" else []))
    if name == "MLP":
        for value in parameters(model).values():
            value[...] = rng.normal(0, 0.3, value.shape)
    return model


def replaced(q1, monkeypatch, name, method, change, n_features):
    kind = getattr(q1, name)
    monkeypatch.setattr(kind, method, change(getattr(kind, method)))
    return lambda: made(q1, name, n_features=n_features)


def wrapped(q1, monkeypatch, name, method, change, n_features):
    """By a closure over the model."""

    def make():
        model = made(q1, name, n_features=n_features)
        changed = change(getattr(type(model), method))
        setattr(model, method, lambda *arguments, **named: changed(model, *arguments, **named))
        return model

    return make


def bound(q1, monkeypatch, name, method, change, n_features):
    def make():
        model = made(q1, name, n_features=n_features)
        changed = change(getattr(type(model), method))
        setattr(model, method, types.MethodType(changed, model))
        return model

    return make


def partially_applied(q1, monkeypatch, name, method, change, n_features):
    def make():
        model = made(q1, name, n_features=n_features)
        setattr(model, method, functools.partial(change(getattr(type(model), method)), model))
        return model

    return make


def subclassed(q1, monkeypatch, name, method, change, n_features):
    kind = getattr(q1, name)
    changed = type("Changed", (kind,), {method: change(getattr(kind, method))})
    return lambda: made(q1, name, changed, n_features)


def numbers_and_pixels():
    """(X, the same as an array, y), of random numbers and of pixels."""
    y = np.random.default_rng(3).integers(0, N_CLASSES, N)
    X = np.random.default_rng(2).normal(size=(N, 12))
    images, labels = (tiny_arrays()[f"train_{what}"] for what in ("images", "labels"))
    order = np.random.default_rng(4).permutation(N)
    pixels = FeatureMatrix(images, order=order)
    return [(X, X, y), (pixels, features(images)[order], labels[order])]


def train_twice(train, model, X, y, settings):
    """Two epochs from one seed; the losses, and the numbers drawn next."""
    random.seed(5)
    np.random.seed(5)
    losses = [train(model, X, y, **settings) for _ in range(2)]
    return losses, random.random(), np.random.random()


def own_loop(model, X, y, **settings):
    return model.train_epoch(X, y, **settings)


def assert_same(model, plain):
    assert vars(model).keys() == vars(plain).keys()
    for name, value in parameters(plain).items():
        np.testing.assert_allclose(getattr(model, name), value, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("manner", [replaced, wrapped, subclassed])
@EACH_CHANGE
def test_a_changed_model_trains_as_its_own_loop_does(
    q1, monkeypatch, capsys, manner, name, method, change
):
    check_changed_model(q1, monkeypatch, capsys, manner, name, method, change)


@pytest.mark.parametrize("manner", [bound, partially_applied])
@pytest.mark.parametrize(("name", "method", "change"), CHANGES[:13])
def test_methods_that_are_bound_by_hand_stay_bound(
    q1, monkeypatch, capsys, manner, name, method, change
):
    """To the model, and not to the copy of it to which the comparison goes back."""
    check_changed_model(q1, monkeypatch, capsys, manner, name, method, change)


def check_changed_model(q1, monkeypatch, capsys, manner, name, method, change):
    for X, plain_X, y in numbers_and_pixels():
        with monkeypatch.context() as patched:
            make = manner(q1, patched, name, method, change, X.shape[1])
            model, plain = make(), make()
            before = dict(vars(model))
            capsys.readouterr()
            expected = train_twice(own_loop, plain, plain_X, y, SETTINGS[name])
            printed = capsys.readouterr().out
            assert train_twice(exact_sgd.train_epoch, model, X, y, SETTINGS[name]) == expected
            out, err = capsys.readouterr()
            assert out == printed  # and nothing of the comparison's
            assert err.count(NOTICE) == 1
            assert exact_sgd.trains_by_own_loop(model)
            assert_same(model, plain)
            assert all(vars(model)[key] is value for key, value in before.items())


@pytest.mark.parametrize("manner", [wrapped, bound, subclassed])
@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_changed_without_effect_trains_fast(q1, capsys, name, manner):
    own = getattr(q1, name).update_weight
    for change in (rebinding, lambda _: lambda self, *given, **named: own(self, *given, **named)):
        for X, plain_X, y in numbers_and_pixels():
            model = manner(q1, None, name, "update_weight", change, X.shape[1])()
            plain = made(q1, name, n_features=X.shape[1])
            loss = exact_sgd.train_epoch(model, X, y, **SETTINGS[name])
            expected = plain.train_epoch(plain_X, y, **SETTINGS[name])
            limit = 1e-4 if name == "MLP" else 1e-10
            assert loss == (None if expected is None else pytest.approx(expected, rel=limit))
            for key, value in parameters(plain).items():
                np.testing.assert_allclose(getattr(model, key), value, limit, limit)
            assert not exact_sgd.trains_by_own_loop(model)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("n_classes", [6, 15])
@pytest.mark.parametrize("name", SETTINGS)
def test_a_step_that_differs_for_one_class_is_seen(q1, name, n_classes):
    """Whichever it is, and though the first examples are of others."""
    for weighted in range(n_classes):

        def change(own, weighted=weighted):
            def update_weight(self, x_i, y_i, **settings):
                return own(self, 1.5 * x_i if y_i == weighted else x_i, y_i, **settings)

            return update_weight

        kind = getattr(q1, name)
        changed = type("Changed", (kind,), {"update_weight": change(kind.update_weight)})
        X, _, _ = numbers_and_pixels()[0]
        y = (weighted + 1 + np.arange(N) // 10) % n_classes  # the first ten of the next class
        model = changed(n_classes, 12, *([5] if name == "MLP" else []))
        exact_sgd.train_epoch(model, X, y, **SETTINGS[name])
        assert exact_sgd.trains_by_own_loop(model), weighted


def plain_train_epoch(model, X, y, epoch=None, **settings):
    return (epoch or model.train_epoch)(np.asarray(X), y, **settings)


def plain_evaluate(model, X, y):
    X = np.asarray(X)
    return model.evaluate(X, y), model.scores(X)


@pytest.fixture
def run(monkeypatch, tiny_npz, tmp_path, blank_figures, capsys):
    """run(q1, words): the model, the history and standard error; plainly: with nothing of fast/."""

    def run(script, words, plainly=False):
        with monkeypatch.context() as patched:
            if plainly:
                patched.setattr(exact_sgd, "train_epoch", plain_train_epoch)
                patched.setattr(exact_sgd, "evaluate", plain_evaluate)
            capsys.readouterr()
            folders = ["-data_path", tiny_npz, "-plots_dir", tmp_path / f"plots{plainly}"]
            return *script.main([*words, *folders]), capsys.readouterr().err

    return run


def assert_same_run(ours, plain):
    """Costs to float32's digits, in which the fast way computes the scores of pixels."""
    (model, history, _), (plain_model, plain_history, _) = ours, plain
    assert_same(model, plain_model)
    for row, plain_row in zip(history, plain_history, strict=True):
        assert row.keys() == plain_row.keys()
        for name, value in plain_row.items():
            of_scores = name.endswith(("_loss", "_cost"))
            assert row[name] == pytest.approx(value, rel=1e-5 if of_scores else 1e-12), name


def differ(model, other):
    return any(
        not np.allclose(getattr(model, name), value, rtol=1e-9, atol=1e-12)
        for name, value in parameters(other).items()
    )


@EACH_CHANGE
def test_the_program_trains_by_the_method_that_is_shown(q1, monkeypatch, run, name, method, change):
    """A method replaced: the history is that of the same program with its own loop alone."""
    unchanged, _, err = run(q1, COMMANDS[name])
    assert NOTICE not in err
    kind = getattr(q1, name)
    monkeypatch.setattr(kind, method, change(getattr(kind, method)))
    ours, plain = run(q1, COMMANDS[name]), run(q1, COMMANDS[name], plainly=True)
    assert_same_run(ours, plain)
    assert ours[2].count(NOTICE) == 1
    if change not in INVISIBLE:
        assert differ(ours[0], unchanged)


@pytest.mark.parametrize("name", ["LogisticRegression", "MLP"])
def test_the_program_trains_by_the_softmax_that_is_shown(q1, monkeypatch, run, name):
    monkeypatch.setattr(q1, "cross_entropy", temperature_2(q1.cross_entropy))
    ours, plain = run(q1, COMMANDS[name]), run(q1, COMMANDS[name], plainly=True)
    assert_same_run(ours, plain)
    assert ours[2].count(NOTICE) == 1


@pytest.mark.parametrize(
    ("method", "change"),
    [("update_weight", nothing), ("update_weight", flipped_penalty), ("scores", scores_times_2)],
)
def test_l1_trains_by_the_steps_that_are_shown(q1, monkeypatch, run, method, change):
    command = [*COMMANDS["LogisticRegression"], "-l1_penalty", 0.01]
    kind = q1.LogisticRegression
    assert NOTICE not in run(q1, command)[2]
    monkeypatch.setattr(kind, method, change(getattr(kind, method)))
    ours, plain = run(q1, command), run(q1, command, plainly=True)
    assert_same_run(ours, plain)
    assert ours[2].count(NOTICE) == 1


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("manner", [replaced, wrapped, bound, partially_applied, subclassed])
@pytest.mark.parametrize(
    ("method", "change"),
    [
        ("predict", last_of_equals),
        ("predict", lambda own: lambda self, X: (own(self, X) + 1) % N_CLASSES),
        ("evaluate", lambda own: lambda self, X, y: own(self, X, y) / 2),
        ("evaluate", lambda own: lambda self, X, y: float(self.scores(X)[np.arange(N), y].mean())),
        ("scores", lambda own: lambda self, X: -own(self, X)),
        ("scores", lambda own: lambda self, X: own(self, X) ** 2),
    ],
)
def test_evaluation_is_by_the_models_own_methods(q1, monkeypatch, name, manner, method, change):
    for X, plain_X, y in numbers_and_pixels():
        with monkeypatch.context() as patched:
            model = manner(q1, patched, name, method, change, X.shape[1])()
            for value in parameters(model).values():
                value[...] = np.random.default_rng(6).normal(0, 0.3, value.shape)
            before = dict(vars(model))
            accuracy, scores = exact_sgd.evaluate(model, X, y)
            assert all(vars(model)[key] is value for key, value in before.items())
            limit = 1e-12 if X is plain_X else 1e-5
            assert accuracy == pytest.approx(model.evaluate(plain_X, y), rel=limit)
            np.testing.assert_allclose(scores, model.scores(plain_X), limit, limit)


# --------------------------------------------------------------------------------------------
# A fast way that is wrong


def doubled_rate(W, X, y, size, learning_rate, *arguments, own=blocks.rank_one_blocks, **named):
    return own(W, X, y, size, 2 * learning_rate, *arguments, **named)


def no_decay(W, X, y, size, learning_rate, l2_penalty=0.0, *, own=blocks.rank_one_blocks, **named):
    return own(W, X, y, size, learning_rate, 0.0, **named)


def warm(logits, gold, own=blocks.cross_entropy):
    return own(logits / 1.01, gold)


def loss_too_small(logits, gold, own=blocks.cross_entropy):
    loss, gradient = own(logits, gold)
    return 0.999 * loss, gradient


def only_promotes(W, X, y, size, **settings):
    for x_i, y_i in zip(X, y, strict=True):
        if (W @ x_i).argmax() != y_i:
            W[y_i] += x_i


def fails(*arguments, **settings):
    raise ZeroDivisionError("a defect")


def without_the_second_bias(W1, b1, W2, b2, *arguments, own=blocks.mlp, **settings):
    return own(W1, b1, W2, b2.copy(), *arguments, **settings)


# In place of what, and in which models it shows.
DEFECTS = [
    ("rank_one_blocks", doubled_rate, ["LogisticRegression", "MLP"]),
    ("rank_one_blocks", no_decay, ["LogisticRegression"]),
    ("rank_one_blocks", fails, ["LogisticRegression", "MLP"]),
    ("cross_entropy", warm, ["LogisticRegression", "MLP"]),
    ("cross_entropy", loss_too_small, ["MLP"]),
    ("perceptron", only_promotes, ["Perceptron"]),
    ("perceptron", fails, ["Perceptron"]),
    ("mlp", without_the_second_bias, ["MLP"]),
]
EACH_DEFECT = pytest.mark.parametrize(
    ("place", "defect", "name"),
    [(place, defect, name) for place, defect, names in DEFECTS for name in names],
)


def plant(monkeypatch, place, defect):
    ways = [
        way._replace(epoch=defect) if way.epoch is getattr(blocks, place) else way
        for way in exact_sgd.WAYS
    ]
    monkeypatch.setattr(exact_sgd, "WAYS", tuple(ways))
    monkeypatch.setattr(blocks, place, defect)


@EACH_DEFECT
def test_where_the_fast_way_is_wrong_the_models_loop_trains(
    q1, monkeypatch, capsys, place, defect, name
):
    plant(monkeypatch, place, defect)
    for X, plain_X, y in numbers_and_pixels():
        model, plain = (made(q1, name, n_features=X.shape[1]) for _ in range(2))
        expected = train_twice(own_loop, plain, plain_X, y, SETTINGS[name])
        assert train_twice(exact_sgd.train_epoch, model, X, y, SETTINGS[name]) == expected
        assert_same(model, plain)
        assert capsys.readouterr().err.count(NOTICE) == 1


@EACH_DEFECT
def test_the_program_trains_rightly_where_the_fast_way_is_wrong(
    q1, monkeypatch, run, place, defect, name
):
    plant(monkeypatch, place, defect)
    ours, plain = run(q1, COMMANDS[name]), run(q1, COMMANDS[name], plainly=True)
    assert_same_run(ours, plain)
    assert ours[2].count(NOTICE) == 1


# --------------------------------------------------------------------------------------------
# What the comparison leaves


@pytest.mark.parametrize("name", SETTINGS)
def test_the_arrays_stay_the_models_and_the_random_numbers_too(q1, name):
    for X, _, y in numbers_and_pixels():
        model = made(q1, name, n_features=X.shape[1])
        before, drawn = dict(vars(model)), (random.getstate(), np.random.get_state()[1].tolist())
        for _ in range(2):
            exact_sgd.train_epoch(model, X, y, **SETTINGS[name])
            exact_sgd.evaluate(model, X, y)
        assert vars(model).keys() == before.keys()
        assert all(getattr(model, key) is value for key, value in before.items())
        assert all(value.dtype == np.float64 for value in parameters(model).values())
        assert (random.getstate(), np.random.get_state()[1].tolist()) == drawn
        assert not exact_sgd.trains_by_own_loop(model)


@pytest.mark.parametrize("name", SETTINGS)
def test_an_error_in_a_step_comes_from_the_models_loop(q1, name):
    """And leaves the model as that loop leaves it."""

    def fifth_step_fails(own):
        def update_weight(self, x_i, y_i, **settings):
            np.random.random()
            if np.array_equal(x_i, plain_X[4]):
                raise ZeroDivisionError("the fifth")
            return own(self, x_i, y_i, **settings)

        return update_weight

    for X, plain_X, y in numbers_and_pixels():
        make = subclassed(q1, None, name, "update_weight", fifth_step_fails, X.shape[1])
        model, plain, left = make(), make(), []
        before = dict(vars(model))
        for train, either, given in ((exact_sgd.train_epoch, model, X), (own_loop, plain, plain_X)):
            np.random.seed(8)
            with pytest.raises(ZeroDivisionError, match="the fifth"):
                train(either, given, y, **SETTINGS[name])
            left.append(np.random.random())
        assert left[0] == left[1]
        assert_same(model, plain)
        assert all(getattr(model, key) is value for key, value in before.items())


def test_a_softmax_that_overflows_is_not_repaired(q1, monkeypatch, capsys):
    """Without the subtraction of the largest logit, an MLP from its own start becomes nan."""

    def cross_entropy(logits, y):
        p = np.exp(logits) / np.exp(logits).sum()
        return -np.log(p[y]), p - (np.arange(len(p)) == y)

    monkeypatch.setattr(q1, "cross_entropy", cross_entropy)
    np.random.seed(42)
    model = q1.MLP(N_CLASSES, 3000, 20)
    model.W1 *= 10
    X, y = np.random.random((N, 3000)), np.arange(N) % N_CLASSES
    assert np.isnan(exact_sgd.train_epoch(model, X, y, learning_rate=0.001))
    assert NOTICE in capsys.readouterr().err


def test_a_model_that_only_later_differs(q1, capsys):
    """Before each epoch the first examples are compared again."""
    X, plain_X, y = numbers_and_pixels()[1]
    for name, settings in SETTINGS.items():
        model, plain = (made(q1, name, n_features=X.shape[1]) for _ in range(2))
        exact_sgd.train_epoch(model, X, y, **settings)
        assert capsys.readouterr().err == ""
        for key, value in parameters(plain).items():
            value[...] = getattr(model, key)
        for either in (model, plain):
            either.update_weight = functools.partial(
                lambda either, x_i, y_i, **named: type(either).update_weight(
                    either, 1.5 * x_i, y_i, **named
                ),
                either,
            )
        exact_sgd.train_epoch(model, X, y, **settings)
        plain.train_epoch(plain_X, y, **settings)
        assert_same(model, plain)
        assert capsys.readouterr().err.count(NOTICE) == 1


@pytest.mark.parametrize("name", SETTINGS)
def test_the_decision_is_in_the_checkpoint(q1, capsys, name):
    X, _, y = numbers_and_pixels()[0]
    order = np.arange(N)
    make = subclassed(q1, None, name, "update_weight", counter, 12)
    stepped_aside, fast = make(), made(q1, name)
    for model, own in ((stepped_aside, True), (fast, False)):
        exact_sgd.train_epoch(model, X, y, **SETTINGS[name])
        saved = numpy_state.state(model, order)
        assert bool(saved["own_loop"]) is own
        fresh = made(q1, name)
        numpy_state.restore(fresh, np.arange(N), saved)
        assert exact_sgd.trains_by_own_loop(fresh) is own
        capsys.readouterr()
        steps = []
        fresh.update_weight = lambda x_i, y_i, steps=steps, **settings: steps.append(y_i)
        exact_sgd.train_epoch(fresh, X, y, **SETTINGS[name])
        if own:  # neither compared again nor said again
            assert steps == y.tolist()
            assert capsys.readouterr().err == ""


# --------------------------------------------------------------------------------------------
# Question 2

LINEAR = ["logistic_regression", "-epochs", 1]
NETWORK = ["mlp", "-epochs", 1, "-hidden_size", 7]


def doubled(function):
    return lambda *arguments, **options: 2 * function(*arguments, **options)


def without_a_step(function):
    return lambda *arguments, **options: torch.tensor(1.0)


@pytest.mark.parametrize(
    ("owner", "function", "change", "command"),
    [
        ("", "train_batch", without_a_step, NETWORK),
        ("FeedforwardNetwork", "forward", doubled, NETWORK),
        ("LogisticRegression", "forward", doubled, LINEAR),
    ],
)
def test_question_2_trains_by_the_step_that_is_shown(
    q2, monkeypatch, run, owner, function, change, command
):
    before = run(q2, command)[0].state_dict()
    place = getattr(q2, owner) if owner else q2
    monkeypatch.setattr(place, function, change(getattr(place, function)))
    after = run(q2, command)[0].state_dict()
    assert any(not torch.allclose(after[name], before[name], rtol=1e-6) for name in before)


# --------------------------------------------------------------------------------------------
# A script as a module


@pytest.mark.parametrize(
    ("name", "command"), [("hw1-q1", ["perceptron"]), ("hw1-q2", ["mlp", "-hidden_size", "5"])]
)
def test_main_takes_a_list_and_returns_what_it_trained(
    monkeypatch, blank_figures, tmp_path, tiny_npz, name, command
):
    """And reads no command line: that of whoever calls it, a notebook say, is another's."""
    script = importlib.import_module(name)
    monkeypatch.setattr(sys, "argv", ["notebook", "-f", "kernel.json"])
    words = [*command, "-epochs", "3", "-data_path", str(tiny_npz), "-plots_dir", str(tmp_path)]
    model, history = script.main(words)
    assert len(history) == 3 and all(0 <= row["val_acc"] <= 1 for row in history)
    arrays = tiny_arrays()
    X = arrays["val_images"].reshape(24, -1) / 256
    if name == "hw1-q1":
        X = np.hstack([X, np.ones((24, 1))])
        predicted = model.predict(X)
    else:
        predicted = script.predict(model.eval(), torch.tensor(X).float()).numpy()
    assert np.mean(predicted == arrays["val_labels"]) == history[-1]["val_acc"]


def test_a_command_line_may_be_one_text(q1, blank_figures, tmp_path, tiny_npz):
    """As a notebook writes it."""
    _, history = q1.main(f"perceptron -epochs 2 -data_path '{tiny_npz}' -plots_dir '{tmp_path}'")
    assert len(history) == 2


def test_a_sweep_returns_a_model_for_each_run(q1, blank_figures, tmp_path, tiny_npz):
    words = ["logistic_regression", "-epochs", 2, "-learning_rate", 0.1, 0.01]
    results = q1.main([*words, "-data_path", tiny_npz, "-plots_dir", tmp_path])
    assert [len(history) for _, history in results] == [2, 2]
    assert isinstance(results[0][0], q1.LogisticRegression)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("hw1-q1", ["Perceptron.update_weight", "MLP.forward", "MLP.backward", "cross_entropy"]),
        ("hw1-q2", ["FeedforwardNetwork", "train_batch", "evaluate"]),
    ],
)
def test_a_notebook_can_show_a_scripts_functions(name, shown):
    script = importlib.import_module(name)
    for path in shown:
        thing = script
        for part in path.split("."):
            thing = getattr(thing, part)
        source = inspect.getsource(thing)
        assert f" {part}(" in source and '"""' in source
