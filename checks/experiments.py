"""The inputs that are sent to a submission: small numbers that tell the twins apart.

They hold every class as the gold one, class 0 among them, right and wrong predictions, negative
features, live and dead hidden units, two learning rates, neither of them 1; no ties, and no score or
hidden unit near 0, so that float32 programs decide as float64 ones. test_check_twins.py shows that
they separate every pair of twins.
"""

import numpy as np

CLASSES = {"ist-2024": 6, "ist-2023": 4, "ist-2022": 10}
FEATURES, HIDDEN = 8, 13  # with the number of classes, and each plus one, all different
OTHER_DIMS = [3, 5, 7]
RATES = (0.5, 0.125)
PENALTY = 0.25
SHORT = 5  # seconds a call may take; these are microseconds of work


def rounded(array):
    return np.round(array, 3)


def linear_examples(n_classes, n_features, count, rng, wrong):
    """W, X, y with scores far from ties and from 0; wrong(i) says whether example i is to be one
    that W predicts wrongly, and then its gold class is i modulo the number of classes.
    """
    W = rounded(rng.normal(size=(n_classes, n_features)))
    X, y = [], []
    while len(X) < count:
        x = rounded(rng.uniform(-0.35, 0.35, n_features))
        scores = np.sort(W @ x)
        signs_differ = np.argmax(np.sign(W @ x)) != np.argmax(W @ x)
        if scores[-1] - scores[-2] < 0.05 or np.abs(scores).min() < 0.01 or not signs_differ:
            continue
        i, predicted = len(X), int(np.argmax(W @ x))
        if not wrong(i):
            X.append(x)
            y.append(predicted)
        elif i % n_classes not in (predicted, int(np.argmax(np.sign(W @ x)))):
            X.append(x)
            y.append(i % n_classes)
    return W, np.array(X), np.array(y)


def mlp_examples(n_classes, n_features, hidden, count, seed):
    """Weights, X, y; each example with live and dead units, none of them near 0."""
    rng = np.random.default_rng(seed)
    weights = {
        "W1": rounded(rng.normal(0, 1, (hidden, n_features))),
        "b1": rounded(rng.normal(0, 0.3, hidden)),
        "W2": rounded(rng.normal(0, 0.5, (n_classes, hidden))),
        "b2": rounded(rng.normal(0, 0.3, n_classes)),
    }
    X, y = [], []
    while len(X) < count:
        x = rounded(rng.uniform(-0.35, 0.35, n_features))
        z = weights["W1"] @ x + weights["b1"]
        z_one_bias = weights["W1"] @ x + weights["b1"][0]
        clear = min(np.abs(z).min(), np.abs(z_one_bias).min()) > 0.01
        if clear and 2 < (z > 0).sum() < hidden - 2:
            X.append(x)
            y.append(len(y) % n_classes)
    return weights, np.array(X), np.array(y)


def plain(value):
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value


def call(kind, **arguments):
    return {"call": kind, "seconds": SHORT, **{k: plain(v) for k, v in arguments.items()}}


def hyper(rate, penalty=0.0):
    return {"learning_rate": rate, "l2_penalty": penalty}


def check(key, role, dims, calls, **more):
    return {"key": key, "kind": "numpy", "role": role, "dims": dims, "calls": calls, **more}


# ----------------------------------------------------------------------------------------------
# Perceptron and logistic regression


def linear_checks(role, n_classes, penalty_for_perceptron=0.0):
    """The checks of one linear model, as a list."""
    rng = np.random.default_rng(7)
    dims = [n_classes, FEATURES, HIDDEN]
    count = n_classes + 4
    W, X, y = linear_examples(n_classes, FEATURES, count, rng, lambda i: i < n_classes)
    penalty = penalty_for_perceptron if role == "perceptron" else 0.0

    def steps(kind, penalty):
        values = {"W": W, "b": bias(n_classes)}
        method = "update" if kind == "update" else "epoch"
        return [
            call(method, set=values, hyper=hyper(RATES[i % 2], penalty), **example)
            for i, example in enumerate(examples(kind, X, y))
        ]

    checks = [
        check(f"{role}/update", role, dims, steps("update", penalty)),
        check(f"{role}/single", role, dims, steps("epoch", penalty)),
        check(f"{role}/epoch", role, dims, linear_epochs(n_classes, penalty)),
        check(f"{role}/single_onehot", role, dims, steps(n_classes, penalty)),
        check(f"{role}/epoch_onehot", role, dims, linear_epochs(n_classes, penalty, n_classes)),
        check(f"{role}/predict", role, dims, linear_predictions(n_classes)),
        check(f"{role}/other", role, OTHER_DIMS, linear_epochs(3, penalty, features=5)),
        check(f"{role}/absent", role, dims, linear_absent(n_classes)),
        check(f"{role}/initial", role, [n_classes, 60, 400], [], brief=True),
    ]
    if role == "logistic_regression":
        checks += [
            check(f"{role}/l2/update", role, dims, steps("update", PENALTY)),
            check(f"{role}/l2/single", role, dims, steps("epoch", PENALTY)),
            check(f"{role}/l2/epoch", role, dims, linear_epochs(n_classes, PENALTY)),
            check(f"{role}/huge", role, dims, linear_huge(n_classes)),
        ]
    return checks


def bias(n_classes):
    return rounded(np.linspace(-0.02, 0.03, n_classes))


def examples(kind, X, y):
    """The arguments of calls with one example each."""
    if kind == "update":
        return [{"x": x, "y": int(k)} for x, k in zip(X, y, strict=True)]
    more = {"onehot": kind} if isinstance(kind, int) else {}  # the number of classes
    return [{"X": x[None], "y": [int(k)], **more} for x, k in zip(X, y, strict=True)]


def linear_epochs(n_classes, penalty, onehot=None, features=FEATURES):
    """Two whole epochs, in which every class is present."""
    calls = []
    for seed, rate in ((11, 0.5), (12, 0.125)):
        rng = np.random.default_rng(seed)
        W, X, y = linear_examples(n_classes, features, n_classes + 1, rng, lambda i: True)
        values = {"W": W, "b": bias(n_classes)}
        more = {"onehot": onehot} if onehot else {}
        calls.append(call("epoch", set=values, X=X, y=y, hyper=hyper(rate, penalty), **more))
    return calls


def linear_absent(n_classes):
    """An epoch without the first and the last class."""
    rng = np.random.default_rng(13)
    W, X, _ = linear_examples(n_classes, FEATURES, 5, rng, lambda i: True)
    y = np.array([1, 2, 1, 2, 2])
    return [call("epoch", set={"W": W, "b": bias(n_classes)}, X=X, y=y, hyper=hyper(0.5))]


def prediction_rows(n_classes, scores_of, n_features, seed):
    """X (7, features) whose predicted classes are several, the first one not 0; and its classes."""
    rng = np.random.default_rng(seed)
    X, classes = [], []
    while len(X) < 7:
        x = rounded(rng.uniform(-0.35, 0.35, n_features))
        scores = scores_of(x)
        ordered, predicted = np.sort(scores), int(np.argmax(scores))
        clear = ordered[-1] - ordered[-2] > 0.03
        # No class more than three times, and class 0 seldom and not first.
        allowed = 3 if predicted else min(1, len(X))
        if clear and classes.count(predicted) < allowed:
            X.append(x)
            classes.append(predicted)
    return np.array(X), np.array(classes)


def mostly_right(classes, n_classes):
    """Labels that agree with five of the seven predicted classes, which no constant does."""
    y = (classes + 1) % n_classes
    y[:5] = classes[:5]
    return y


def linear_predictions(n_classes):
    """predict and evaluate; then a batch in which one row's scores are huge."""
    W = rounded(np.random.default_rng(17).normal(size=(n_classes, FEATURES)))
    values = {"W": W, "b": 0 * bias(n_classes)}
    X, classes = prediction_rows(n_classes, lambda x: W @ x, FEATURES, 18)
    far = X.copy()
    far[0] *= 1e5
    return [
        call("predict", set=values, X=X, rows=7),
        call("evaluate", set=values, X=X, y=mostly_right(classes, n_classes)),
        call("predict", set=values, X=far),
    ]


def linear_huge(n_classes):
    """Steps at scores in the thousands; and one with a gradient far above 1."""
    W = rounded(np.random.default_rng(19).normal(size=(n_classes, FEATURES)))
    X, _ = prediction_rows(n_classes, lambda x: W @ x, FEATURES, 20)
    gold = [int(np.argsort(W @ x)[-2]) for x in X[:2]]
    values = {"W": W, "b": 0 * bias(n_classes)}
    steps = [
        call("epoch", set=values, X=1e4 * X[i : i + 1], y=[gold[i]], hyper=hyper(2**-10))
        for i in range(2)
    ]
    small = {"W": rounded(W / 100), "b": 0 * bias(n_classes)}
    steps.append(call("epoch", set=small, X=200 * X[:1], y=[gold[0]], hyper=hyper(2**-10)))
    steps += [
        call("update", set=values, x=1e4 * X[i], y=gold[i], hyper=hyper(2**-10)) for i in range(2)
    ]
    steps.append(call("update", set=small, x=200 * X[0], y=gold[0], hyper=hyper(2**-10)))
    return steps


# ----------------------------------------------------------------------------------------------
# Multi-layer perceptron


def mlp_checks(n_classes, hidden=HIDDEN):
    role, dims = "mlp", [n_classes, FEATURES, hidden]
    return [
        check("mlp/single", role, dims, mlp_steps(n_classes, hidden)),
        check("mlp/epoch", role, dims, mlp_epochs(n_classes, hidden=hidden)),
        check("mlp/single_onehot", role, dims, mlp_steps(n_classes, hidden, n_classes)),
        check("mlp/epoch_onehot", role, dims, mlp_epochs(n_classes, n_classes, hidden=hidden)),
        check("mlp/predict", role, dims, mlp_predictions(n_classes, hidden)),
        check("mlp/huge", role, dims, mlp_huge(n_classes, hidden)),
        check("mlp/other", role, OTHER_DIMS, mlp_epochs(3, features=5, hidden=7)),
        check("mlp/absent", role, dims, mlp_absent(n_classes, hidden)),
        check("mlp/initial", role, [n_classes, 60, 400], [], brief=True, seed=1),
    ]


def mlp_steps(n_classes, hidden, onehot=None):
    weights, X, y = mlp_examples(n_classes, FEATURES, hidden, n_classes + 3, 23)
    return [
        call("epoch", set=weights, hyper=hyper(RATES[i % 2]), **example)
        for i, example in enumerate(examples(onehot or "epoch", X, y))
    ]


def mlp_epochs(n_classes, onehot=None, features=FEATURES, hidden=HIDDEN):
    calls = []
    for seed, rate in ((29, 0.25), (30, 0.0625)):
        weights, X, y = mlp_examples(n_classes, features, hidden, n_classes + 1, seed)
        y = y[::-1].copy()
        more = {"onehot": onehot} if onehot else {}
        calls.append(call("epoch", set=weights, X=X, y=y, hyper=hyper(rate), **more))
    return calls


def mlp_absent(n_classes, hidden):
    weights, X, _ = mlp_examples(n_classes, FEATURES, hidden, 5, 31)
    return [call("epoch", set=weights, X=X, y=[1, 2, 1, 2, 2], hyper=hyper(0.25))]


def mlp_scores(weights, x):
    return weights["W2"] @ np.maximum(weights["W1"] @ x + weights["b1"], 0) + weights["b2"]


def mlp_predictions(n_classes, hidden):
    weights, _, _ = mlp_examples(n_classes, FEATURES, hidden, 1, 37)
    weights["b2"] = -rounded(mlp_scores({**weights, "b2": 0}, np.zeros(FEATURES)))  # no favourite
    X, classes = prediction_rows(n_classes, lambda x: mlp_scores(weights, x), FEATURES, 38)
    far = X.copy()
    far[0] *= 1e5
    return [
        call("predict", set=weights, X=X, rows=7),
        call("evaluate", set=weights, X=X, y=mostly_right(classes, n_classes)),
        call("predict", set=weights, X=far),
    ]


def mlp_huge(n_classes, hidden):
    """Two steps at scores of 1000 and 990; two at 600 and -600; one with a large gradient."""
    weights, X, _ = mlp_examples(n_classes, FEATURES, hidden, 3, 41)
    quiet = {**weights, "W2": rounded(weights["W2"] / 100)}

    def scores(*values):
        rest = [min(values) - 5.0] * (n_classes - len(values))
        return {**quiet, "b2": np.array([*values, *rest])}

    def step(values, gold, x, rate=2**-10):
        return call("epoch", set=values, X=x[None], y=[gold], hyper=hyper(rate))

    large = {name: rounded(value / 100) for name, value in weights.items()}
    return [
        step(scores(1000, 990), 1, X[0]),
        step(scores(1980, 1990, 2000), 1, X[1]),
        step(scores(600, -600), 1, X[0]),
        step(scores(0, 600, -600), 2, X[1]),
        step({**large, "W2": weights["W2"]}, 1, 200 * X[2]),
    ]


def q1_request(script, edition, parts, n_classes=None, hidden=HIDDEN):
    """The request for a script of Question 1."""
    n_classes = n_classes or CLASSES[edition]
    checks = [{"key": "load", "kind": "load", "seconds": 60}]
    if "perceptron" in parts:
        penalty = PENALTY if edition == "ist-2024" else 0.0
        checks += linear_checks("perceptron", n_classes, penalty)
    if parts & {"logistic_regression", "logistic_regression_l2"}:
        checks += linear_checks("logistic_regression", n_classes)
    if "mlp" in parts:
        checks += mlp_checks(n_classes, hidden)
    return {"script": script, "edition": edition, "checks": checks}
