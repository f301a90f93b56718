"""What the tests hold the models to, beyond the plain programs: features, costs, steps in batches.

The oracle itself is benchmarks/plain_q1.py and plain_q2.py, loops in float64 and of torch's own parts
that take nothing from the program. A `model` here is theirs or ours: anything with W, or with W1, b1,
W2 and b2.
"""

import copy

import numpy as np


def features(images, bias=False):
    """Images as the rows of a float64 matrix, pixels / 256."""
    X = images.reshape(len(images), -1) / 256
    return np.hstack([X, np.ones((len(X), 1))]) if bias else X


def parameters(model):
    """{name: array} of what the model has learnt."""
    return {name: value for name, value in vars(model).items() if isinstance(value, np.ndarray)}


def logits(model, X):
    """(n, classes), from the definitions."""
    if hasattr(model, "W"):
        return X @ model.W.T
    z = X @ model.W1.T + model.b1
    return np.where(z > 0, z, 0) @ model.W2.T + model.b2


def losses(logits, y):
    """The cross-entropy of each row, (n,)."""
    top = logits.max(axis=1)
    return top + np.log(np.exp(logits - top[:, None]).sum(axis=1)) - logits[np.arange(len(y)), y]


def cost(model, X, y, l2=0.0):
    """Mean cross-entropy plus l2 / 2 times the sum of the squared weights, for centred differences."""
    penalty = sum(np.sum(np.square(value)) for value in parameters(model).values()) if l2 else 0
    return np.mean(losses(logits(model, X), y)) + l2 / 2 * penalty


def train_in_batches(model, X, y, size, **settings):
    """An epoch in which each batch changes the model by the mean of what its examples alone would.

    Returns the mean loss of an MLP before its updates.
    """
    before_updates = []
    for start in range(0, len(X), size):
        rows = range(start, min(start + size, len(X)))
        change = {name: np.zeros_like(value) for name, value in parameters(model).items()}
        for i in rows:
            alone = copy.deepcopy(model)
            before_updates.append(alone.train_epoch(X[i : i + 1], y[i : i + 1], **settings))
            for name, value in parameters(model).items():
                change[name] += (getattr(alone, name) - value) / len(rows)
        for name, value in parameters(model).items():
            value += change[name]
    return np.mean(before_updates) if hasattr(model, "W1") else None
