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
OTHER_DIMS = [3, 5, 7]  # classes, features, hidden units
WIDE = (60, 400)  # features and hidden units where the initial weights are looked at
PENALTY = 0.25
SHORT = 5  # seconds a call may take; these are microseconds of work


def rounded(array):
    return np.round(array, 3)


def linear_examples(n_classes, n_features, count, right, seed):
    """Weights, X, y with scores far from ties and from 0.

    W predicts the last `right` examples rightly, and the others wrongly; the gold class of these is
    the example's number modulo the number of classes.
    """
    rng = np.random.default_rng(seed)
    W = rounded(rng.normal(size=(n_classes, n_features)))
    X, y = [], []
    while len(X) < count:
        x = rounded(rng.uniform(-0.35, 0.35, n_features))
        scores, gold = np.sort(W @ x), len(X) % n_classes
        predicted, by_sign = int(np.argmax(W @ x)), int(np.argmax(np.sign(W @ x)))
        clear = scores[-1] - scores[-2] > 0.05 and np.abs(scores).min() > 0.01
        if not clear or predicted == by_sign:
            continue
        if len(X) >= count - right:
            gold = predicted
        elif gold in (predicted, by_sign):
            continue
        X.append(x)
        y.append(gold)
    return {"W": W, "b": bias(n_classes)}, np.array(X), np.array(y)


def bias(n_classes):
    return rounded(np.linspace(-0.02, 0.03, n_classes))


def mlp_examples(n_classes, n_features, hidden, count, seed):
    """Weights, X, y; each example with live and dead units, none of them near 0."""
    rng = np.random.default_rng(seed)
    weights = {
        "W1": rounded(rng.normal(0, 1, (hidden, n_features))),
        "b1": rounded(rng.normal(0, 0.3, hidden)),
        "W2": rounded(rng.normal(0, 0.5, (n_classes, hidden))),
        "b2": rounded(rng.normal(0, 0.3, n_classes)),
    }
    X = []
    while len(X) < count:
        x = rounded(rng.uniform(-0.35, 0.35, n_features))
        z = weights["W1"] @ x + weights["b1"]
        z_one_bias = weights["W1"] @ x + weights["b1"][0]
        clear = min(np.abs(z).min(), np.abs(z_one_bias).min()) > 0.01
        if clear and 2 < (z > 0).sum() < hidden - 2:
            X.append(x)
    return weights, np.array(X), -np.arange(1, count + 1) % n_classes


def examples(role, dims, count, seed, right=0):
    if role == "mlp":
        return mlp_examples(*dims, count, seed)
    return linear_examples(*dims[:2], count, right, seed)


# ----------------------------------------------------------------------------------------------
# Calls and checks


def plain(value):
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value


def call(kind, weights, X, **arguments):
    given = {"set": weights, "X": X, **arguments}
    return {"call": kind, "seconds": SHORT, **{name: plain(v) for name, v in given.items()}}


def training(weights, X, y, rate, penalty=0.0, **more):
    """A call of train_epoch."""
    hyper = {"learning_rate": rate, "l2_penalty": penalty}
    return call("epoch", weights, X, y=np.array(y), hyper=hyper, **more)


def check(key, dims, calls, **more):
    role = key.partition("/")[0]
    return {"key": key, "kind": "numpy", "role": role, "dims": dims, "calls": calls, **more}


def with_updates(check, key):
    """A check of single steps by update_weight in place of train_epoch."""
    return {**check, "key": key, "calls": [as_update(call) for call in check["calls"]]}


def as_update(call):
    rest = {name: value for name, value in call.items() if name not in ("X", "y")}
    return {**rest, "call": "update", "x": call["X"][0], "y": call["y"][0]}


def with_penalty(check, key=None):
    """A check with a penalty in all its training calls."""
    calls = [
        {**call, "hyper": {**call["hyper"], "l2_penalty": PENALTY}} if "hyper" in call else call
        for call in check["calls"]
    ]
    return {**check, "key": key or check["key"], "calls": calls}


def encoded(check):
    """A check with one-hot labels."""
    calls = [{**call, "onehot": check["dims"][0]} for call in check["calls"]]
    return {**check, "key": f"{check['key']}_onehot", "calls": calls}


def model_checks(role, n_classes, hidden=HIDDEN, penalised=False):
    """The checks of one model; penalised where also its ordinary calls are passed a penalty."""
    dims = [n_classes, FEATURES, hidden]
    single = check(f"{role}/single", dims, steps(role, dims))
    epoch = check(f"{role}/epoch", dims, epochs(role, dims))
    checks = [
        single,
        epoch,
        check(f"{role}/predict", dims, predictions(role, dims)),
        check(f"{role}/other", OTHER_DIMS, epochs(role, OTHER_DIMS)),
        check(f"{role}/absent", dims, absent(role, dims)),
        check(f"{role}/initial", [n_classes, *WIDE], [], brief=True, seed=1),
        encoded(single),
        encoded(epoch),
    ]
    if role != "mlp":
        checks = [with_updates(single, f"{role}/update"), *checks]
    if penalised:
        checks = [with_penalty(each) for each in checks]
    if role != "perceptron":
        huge = check(f"{role}/huge", dims, mlp_huge(dims) if role == "mlp" else linear_huge(dims))
        checks += [huge, encoded(huge)]
    if role == "logistic_regression":
        l2 = with_penalty(single, f"{role}/l2/single")
        checks += [l2, encoded(l2), with_penalty(epoch, f"{role}/l2/epoch")]
        checks += [with_updates(l2, f"{role}/l2/update")]
    return checks + small_checks(role)


def steps(role, dims):
    """train_epoch on one example each: every class, predicted rightly and wrongly."""
    weights, X, y = examples(role, dims, dims[0] + 4, 7, right=4)
    return [
        training(weights, X[i : i + 1], y[i : i + 1], (0.5, 0.125)[i % 2]) for i in range(len(X))
    ]


def epochs(role, dims):
    """Two whole epochs, in which every class is present."""
    return [
        training(*examples(role, dims, dims[0] + 1, seed), rate)
        for seed, rate in ((11, 0.25), (12, 0.0625))
    ]


def absent(role, dims):
    """An epoch without the first and the last class."""
    weights, X, _ = examples(role, dims, 5, 13)
    return [training(weights, X, [1, 2, 1, 2, 2], 0.25)]


def predictions(role, dims):
    """predict and evaluate; then a batch in which one row's scores are huge."""
    weights, _, _ = examples(role, dims, 1, 17)
    if role == "mlp":
        at_zero = scores_of({**weights, "b2": 0}, np.zeros(FEATURES))
        weights["b2"] = -rounded(at_zero)  # no favourite
    else:
        weights["b"] = 0 * weights["b"]
    X, classes = prediction_rows(weights, 18)
    y = (classes + 1) % dims[0]
    y[:5] = classes[:5]  # right for five of the seven, which no constant is
    far = X.copy()
    far[0] *= 1e5
    return [
        call("predict", weights, X, rows=7),
        call("evaluate", weights, X, y=y),
        call("predict", weights, far),
    ]


def scores_of(weights, x):
    if "W" in weights:
        return weights["W"] @ x
    return weights["W2"] @ np.maximum(weights["W1"] @ x + weights["b1"], 0) + weights["b2"]


def prediction_rows(weights, seed):
    """X (7, features) whose predicted classes are several, the first one not 0; and its classes."""
    rng = np.random.default_rng(seed)
    X, classes = [], []
    while len(X) < 7:
        x = rounded(rng.uniform(-0.35, 0.35, FEATURES))
        scores = scores_of(weights, x)
        ordered, predicted = np.sort(scores), int(np.argmax(scores))
        clear = ordered[-1] - ordered[-2] > 0.03
        # No class more than three times, and class 0 seldom and not first.
        allowed = 3 if predicted else min(1, len(X))
        if clear and classes.count(predicted) < allowed:
            X.append(x)
            classes.append(predicted)
    return np.array(X), np.array(classes)


RATE_OF_HUGE = 2**-10


def linear_huge(dims):
    """Steps at scores in the thousands; and one with a gradient far above 1."""
    n_classes = dims[0]
    W, b = (
        rounded(np.random.default_rng(19).normal(size=(n_classes, FEATURES))),
        np.zeros(n_classes),
    )
    X, _ = prediction_rows({"W": W}, 20)
    steps = [
        ("overflow", W, 1e4, 0),
        ("overflow", W, 1e4, 1),
        ("gradient", rounded(W / 100), 200, 0),
    ]
    calls = []
    for meant, weights, factor, row in steps:
        gold = [int(np.argsort(W @ X[row])[-2])]
        x = factor * X[row : row + 1]
        calls.append(training({"W": weights, "b": b}, x, gold, RATE_OF_HUGE, meant=meant))
    return calls + [as_update(call) for call in calls]


def mlp_huge(dims):
    """Two steps at scores of 1000 and 990; two at 600 and -600; one with a large gradient."""
    weights, X, _ = mlp_examples(*dims, 3, 41)
    quiet = {**weights, "W2": rounded(weights["W2"] / 100)}
    large = {name: rounded(value / 100) for name, value in weights.items() if name != "W2"}

    def step(meant, scores, gold, x):
        rest = [min(scores) - 5.0] * (dims[0] - len(scores))
        at = {**quiet, "b2": np.array([*scores, *rest])}
        return training(at, x[None], [gold], RATE_OF_HUGE, meant=meant)

    return [
        step("overflow", (1000, 990), 1, X[0]),
        step("overflow", (1980, 1990, 2000), 1, X[1]),
        step("underflow", (600, -600), 1, X[0]),
        step("underflow", (0, 600, -600), 2, X[1]),
        training({**weights, **large}, 200 * X[2:3], [1], RATE_OF_HUGE, meant="gradient"),
    ]


def small_checks(role):
    """The cases of certificates, each on a model of its size."""
    checks = []
    for number, case in enumerate(small_cases(role)):
        n_classes = len(case.before["W2" if role == "mlp" else "W"])
        weights = {"b": np.zeros(n_classes), **case.before}
        step = training(weights, case.X, case.y, case.rate, case.penalty)
        dims = [n_classes, case.X.shape[1], 2]
        checks.append(check(f"{role}/small/{number}", dims, [step]))
    return checks


def q1_request(script, edition, roles, n_classes=None, hidden=HIDDEN):
    """The request for a script of Question 1, on its models `roles`."""
    checks = [{"key": "load", "kind": "load", "seconds": 60}]
    for role in roles:
        penalised = role == "perceptron" and edition == "ist-2024"
        checks += model_checks(role, n_classes or CLASSES[edition], hidden, penalised)
    return {"script": script, "edition": edition, "checks": checks}
