"""The examples of certificates: a step or two on round numbers, to be followed with a pencil."""

import numpy as np

from checks.explain import Run

TWO, THREE = np.array([[1.0, 0], [0, 1]]), np.array([[1.0, 0], [0, 1], [-1, 2]])
UNEVEN = np.array([[2.0, 0], [0, 1]])
LINEAR = [  # W, X, y, l2_penalty; the smallest first
    (TWO, [[1, 2]], [0], 0.0),
    (TWO, [[2, 1]], [1], 0.0),
    (THREE, [[2, 1]], [1], 0.0),
    (THREE, [[1, 1]], [0], 0.0),
    (THREE, [[1, 2]], [0], 0.0),
    (TWO, [[1, 2]], [1], 0.0),
    (TWO, [[1, 2]], [0], 0.1),
    (TWO, [[2, 1]], [1], 0.1),
    (UNEVEN, [[1, 1]], [0], 0.0),
    (UNEVEN, [[1, 1]], [0], 0.1),
    (np.zeros((2, 2)), [[1, 2], [2, 1]], [1, 0], 0.0),
]
WITHOUT_PENALTY, WITH_PENALTY = 8, 9  # the same step

TWO_UNITS = {
    "W1": np.array([[1.0], [-1]]),
    "b1": np.array([1.0, 0]),
    "W2": np.array([[1.0, 0], [0, 1]]),
    "b2": np.zeros(2),
}
TWO_FEATURES = {
    "W1": np.array([[1.0, 1], [1, -2]]),
    "b1": np.array([1.0, 2]),
    "W2": np.array([[1.0, -1], [0, 1], [-1, 2]]),
    "b2": np.array([0.0, 1, -3]),
}
MLP = [  # weights, X, y
    (TWO_UNITS, [[1]], [1]),
    (TWO_UNITS, [[-2]], [0]),
    (TWO_FEATURES, [[1, 2]], [0]),
    (TWO_FEATURES, [[-1, 1]], [2]),
    (TWO_UNITS, [[1], [2]], [1, 0]),
]


def small_cases(role):
    """[Run] without what came of them; those of one example first, the last one of two."""
    if role == "mlp":
        cases = [(weights, X, y, 0.0) for weights, X, y in MLP]
    else:
        cases = [({"W": W}, X, y, penalty) for W, X, y, penalty in LINEAR]
    return [
        Run(weights, np.array(X, dtype=float), np.array(y), 0.5, penalty)
        for weights, X, y, penalty in cases
    ]
