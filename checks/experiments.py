"""The inputs that are sent to a submission: small numbers that tell the twins apart.

They hold every class as the gold one, class 0 among them, right and wrong predictions, negative
features, live and dead hidden units, two learning rates, neither of them 1; no ties, and no score or
hidden unit near 0, so that float32 programs decide as float64 ones. test_check_twins.py shows that
they separate every pair of twins.
"""

import numpy as np

from checks.small_cases import small_cases

CLASSES = {"ist-2024": 6, "ist-2023": 4, "ist-2022": 10}
FEATURES, HIDDEN = 8, 13  # with the number of classes, and each plus one, all different
OTHER_DIMS = [3, 5, 7]
WIDE = (60, 400)  # features and hidden units where the initial weights are looked at
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


def examples(X, y, onehot=None):
    """The arguments of calls of train_epoch with one example each."""
    more = {"onehot": onehot} if onehot else {}
    return [{"X": x[None], "y": [int(k)], **more} for x, k in zip(X, y, strict=True)]


# ----------------------------------------------------------------------------------------------
# Perceptron and logistic regression


def linear_checks(role, n_classes, penalty=0.0):
    """The checks of one linear model."""
    dims = [n_classes, FEATURES, HIDDEN]
    checks = [
        check(f"{role}/update", role, dims, linear_updates(n_classes, penalty)),
        check(f"{role}/single", role, dims, linear_steps(n_classes, penalty)),
        check(f"{role}/epoch", role, dims, linear_epochs(n_classes, penalty)),
        check(f"{role}/single_onehot", role, dims, linear_steps(n_classes, penalty, n_classes)),
        check(f"{role}/epoch_onehot", role, dims, linear_epochs(n_classes, penalty, n_classes)),
        check(f"{role}/predict", role, dims, linear_predictions(n_classes)),
        check(f"{role}/other", role, OTHER_DIMS, linear_epochs(3, penalty, features=5)),
        check(f"{role}/absent", role, dims, linear_absent(n_classes)),
        check(f"{role}/initial", role, [n_classes, *WIDE], [], brief=True),
    ]
    if role == "logistic_regression":
        checks += [
            check(f"{role}/l2/update", role, dims, linear_updates(n_classes, PENALTY)),
            check(f"{role}/l2/single", role, dims, linear_steps(n_classes, PENALTY)),
            check(f"{role}/l2/epoch", role, dims, linear_epochs(n_classes, PENALTY)),
            check(
                f"{role}/l2/single_onehot", role, dims, linear_steps(n_classes, PENALTY, n_classes)
            ),
            check(f"{role}/huge", role, dims, linear_huge(n_classes)),
            check(f"{role}/huge_onehot", role, dims, linear_huge(n_classes, n_classes)),
        ]
    return checks


def linear_steps(n_classes, penalty, onehot=None):
    """train_epoch on one example each: every class, predicted rightly and wrongly."""
    rng = np.random.default_rng(7)
    W, X, y = linear_examples(n_classes, FEATURES, n_classes + 4, rng, lambda i: i < n_classes)
    values = {"W": W, "b": bias(n_classes)}
    return [
        call("epoch", set=values, hyper=hyper(RATES[i % 2], penalty), **example)
        for i, example in enumerate(examples(X, y, onehot))
    ]


def linear_updates(n_classes, penalty):
    """The same examples for update_weight."""
    return [as_update(step) for step in linear_steps(n_classes, penalty)]


def as_update(step):
    """A call of train_epoch with one example as one of update_weight."""
    rest = {name: value for name, value in step.items() if name not in ("call", "X", "y")}
    return {**rest, "call": "update", "x": step["X"][0], "y": step["y"][0]}


def bias(n_classes):
    return rounded(np.linspace(-0.02, 0.03, n_classes))


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


def linear_huge(n_classes, onehot=None):
    """Steps at scores in the thousands; and one with a gradient far above 1."""
    W = rounded(np.random.default_rng(19).normal(size=(n_classes, FEATURES)))
    X, _ = prediction_rows(n_classes, lambda x: W @ x, FEATURES, 20)
    gold = [int(np.argsort(W @ x)[-2]) for x in X[:2]]
    large, small = (
        {"W": W, "b": 0 * bias(n_classes)},
        {"W": rounded(W / 100), "b": 0 * bias(n_classes)},
    )
    more = {"hyper": hyper(2**-10), **({"onehot": onehot} if onehot else {})}
    steps = [
        call("epoch", meant="overflow", set=large, X=1e4 * X[:1], y=gold[:1], **more),
        call("epoch", meant="overflow", set=large, X=1e4 * X[1:2], y=gold[1:], **more),
        call("epoch", meant="gradient", set=small, X=200 * X[:1], y=gold[:1], **more),
    ]
    return steps if onehot else steps + [as_update(step) for step in steps]


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
        check("mlp/huge_onehot", role, dims, mlp_huge(n_classes, hidden, n_classes)),
        check("mlp/other", role, OTHER_DIMS, mlp_epochs(3, features=5, hidden=7)),
        check("mlp/absent", role, dims, mlp_absent(n_classes, hidden)),
        check("mlp/initial", role, [n_classes, *WIDE], [], brief=True, seed=1),
    ]


def mlp_steps(n_classes, hidden, onehot=None):
    weights, X, y = mlp_examples(n_classes, FEATURES, hidden, n_classes + 3, 23)
    return [
        call("epoch", set=weights, hyper=hyper(RATES[i % 2]), **example)
        for i, example in enumerate(examples(X, y, onehot))
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


def mlp_huge(n_classes, hidden, onehot=None):
    """Two steps at scores of 1000 and 990; two at 600 and -600; one with a large gradient."""
    weights, X, _ = mlp_examples(n_classes, FEATURES, hidden, 3, 41)
    quiet = {**weights, "W2": rounded(weights["W2"] / 100)}
    large = {name: rounded(value / 100) for name, value in weights.items()}
    more = {"hyper": hyper(2**-10), **({"onehot": onehot} if onehot else {})}

    def step(meant, values, gold, x):
        rest = [min(values) - 5.0] * (n_classes - len(values))
        at = {**quiet, "b2": np.array([*values, *rest])}
        return call("epoch", meant=meant, set=at, X=x[None], y=[gold], **more)

    return [
        step("overflow", (1000, 990), 1, X[0]),
        step("overflow", (1980, 1990, 2000), 1, X[1]),
        step("underflow", (600, -600), 1, X[0]),
        step("underflow", (0, 600, -600), 2, X[1]),
        call(
            "epoch",
            meant="gradient",
            set={**large, "W2": weights["W2"]},
            X=200 * X[2:3],
            y=[1],
            **more,
        ),
    ]


# ----------------------------------------------------------------------------------------------


def small_checks(role):
    """The cases of certificates, each on a model of its size."""
    checks = []
    for number, case in enumerate(small_cases(role)):
        n_classes = len(case.before["W2" if role == "mlp" else "W"])
        values = {"b": np.zeros(n_classes), **case.before}
        step = call("epoch", set=values, X=case.X, y=case.y, hyper=hyper(case.rate, case.penalty))
        dims = [n_classes, case.X.shape[1], 2]
        checks.append(check(f"{role}/small/{number}", role, dims, [step]))
    return checks


def q1_request(script, edition, roles, n_classes=None, hidden=HIDDEN):
    """The request for a script of Question 1, on its models `roles`."""
    n_classes = n_classes or CLASSES[edition]
    checks = [{"key": "load", "kind": "load", "seconds": 60}]
    for role in roles:
        if role == "mlp":
            checks += mlp_checks(n_classes, hidden)
        else:
            penalised = role == "perceptron" and edition == "ist-2024"
            checks += linear_checks(role, n_classes, PENALTY if penalised else 0.0)
        checks += small_checks(role)
    return {"script": script, "edition": edition, "checks": checks}
