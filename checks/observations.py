"""All that was observed of one NumPy model, its parameters in the shapes of the textbooks."""

import numpy as np

from checks import observed
from checks.explain import Run


class Observations:
    """The calls that were made to a model.

    role        "perceptron", "logistic_regression" or "mlp"
    bias_first  whether a bias that is a further column of its matrix is the first one
    encoded     whether the model is to be given one-hot labels
    with_column names of the matrices that have their bias as a further column
    """

    def __init__(self, role, checks, results, bias_first=False):
        self.role, self.checks, self.results = role, checks, results
        self.bias_first, self.encoded = bias_first, False
        layout = observed.mapped(observed.field(self.result("epoch"), "layout"))
        self.with_column = [name for name, slot in layout.items() if observed.field(slot, "extra")]

    def result(self, name):
        return self.results.get(f"{self.role}/{name}")

    def calls(self, name, kind=None):
        """The calls of a check: all, or those of a kind."""
        key = f"{self.role}/{name}"
        if self.encoded and f"{key}_onehot" in self.checks:
            key += "_onehot"
        found = observed.calls(self.checks.get(key, {}), self.results.get(key))
        return [call for call in found if kind in (None, call.asked["call"])]

    def runs(self, name, kind=None):
        """The training calls of a check as Runs, without those that failed."""
        runs = [self.run(call) for call in self.calls(name, kind)]
        return [run for run in runs if run is not None]

    def run(self, call):
        """A training call as a Run; None where it failed, or its parameters were not found."""
        before, after = self.weights(call.before), self.weights(call.after)
        if before is None and after is not None and self.role != "mlp":
            before = {"W": np.zeros_like(after["W"])}  # they are made by the first step
        X = self.rows(call.X, before)
        if (
            call.error
            or X is None
            or len(before["W2" if self.role == "mlp" else "W"]) <= call.y.max()
        ):
            return None
        if self.role == "perceptron" and len(X) == 1 and is_tie(before["W"] @ X[0]):
            return None
        return Run(before, X, call.y, call.rate, call.penalty, after)

    def weights(self, parameters):
        """{"W"} or {"W1", "b1", "W2", "b2"} of a call; None where they are not what they should be."""
        if not parameters:
            return None
        if self.role == "mlp":
            return mlp_weights(parameters, self.with_column, self.bias_first)
        return linear_weights(parameters)

    def rows(self, X, weights):
        """X as the weights take it; None where they are of another size.

        A linear model's bias is a column of its W, which meets a column of ones in X.
        """
        if weights is None:
            return None
        if self.role == "mlp":
            hidden, n_classes = len(weights["W1"]), len(weights["W2"])
            shapes = [(hidden, X.shape[1]), (hidden,), (n_classes, hidden), (n_classes,)]
            fits = [weights[n].shape for n in ("W1", "b1", "W2", "b2")] == shapes
            return X if fits else None
        more = weights["W"].shape[1] - X.shape[1]
        if more not in (0, 1):
            return None
        ones = np.ones((len(X), more))
        return np.hstack([ones, X] if self.bias_first else [X, ones])

    def scores(self, function, call):
        """function(weights, x) of each row of a call, (n, classes), before it; None if unknown."""
        weights = self.weights(call.before)
        X = self.rows(call.X, weights)
        return None if X is None else np.array([function(weights, x) for x in X])


def is_tie(scores):
    largest = np.sort(scores)[-2:]
    return largest[1] - largest[0] < 1e-9


def linear_weights(parameters):
    W, b = parameters.get("W"), parameters.get("b")
    if W is None or W.ndim != 2 or (b is not None and b.shape != (len(W),)):
        return None
    return {"W": W if b is None else np.hstack([W, b[:, None]])}


def mlp_weights(parameters, with_column, bias_first):
    """A bias that is a column of its matrix is taken out of it; one that is not there is zero."""
    found = dict(parameters)
    for number in "12":
        W = found.get(f"W{number}")
        if W is None or W.ndim != 2:
            return None
        if f"W{number}" in with_column:
            found[f"b{number}"] = W[:, 0 if bias_first else -1]
            found[f"W{number}"] = W[:, 1:] if bias_first else W[:, :-1]
        found.setdefault(f"b{number}", np.zeros(len(W)))
    return found
