"""1.2(a) of 2023-24: logistic regression's loss is convex in the weights, the MLP's is not.

Both models in float64 on all examples at once, and the loss along straight lines between two sets of
weights. A function is convex if and only if it is along
every line; one line where it is not is enough to show the contrary.
"""

from typing import NamedTuple

import numpy as np

from theory.descent import flat, like


class MLP(NamedTuple):
    """W1 (hidden, features), b1 (hidden,), W2 (classes, hidden), b2 (classes,)."""

    W1: np.ndarray
    b1: np.ndarray
    W2: np.ndarray
    b2: np.ndarray

    def permuted(self, order):
        """The same network with its hidden units in another order: the same function of x."""
        return MLP(self.W1[order], self.b1[order], self.W2[:, order], self.b2)

    def least_distance(self, other):
        """No more than the distance of the parameters from another's, whatever its units' order.

        Each unit, its row of W1, its bias and its column of W2, is paired with the nearest of the
        other's; a permutation can only do worse, as it takes each of them once.
        """
        mine, theirs = (np.column_stack([m.W1, m.b1, m.W2.T]) for m in (self, other))
        squares = np.sum((mine[:, None] - theirs) ** 2, axis=2).min(axis=1)
        return float(np.sqrt(squares.sum() + np.sum((self.b2 - other.b2) ** 2)))

    def mean_of_permutations(self):
        """The mean over all orders of the units: every unit the mean unit, so one unit in effect."""
        W1, b1 = (np.broadcast_to(p.mean(axis=0), p.shape) for p in self[:2])
        return MLP(
            W1, b1, np.broadcast_to(self.W2.mean(axis=1, keepdims=True), self.W2.shape), self.b2
        )


def span_coordinates(X):
    """The examples X, (n, features), in orthonormal coordinates of their span, (n, min of both).

    A weight vector's part in the span has the same scores and the same norm in these coordinates.
    Its other part changes no score, and a penalty's minimum has none. So costs along lines, and the
    minimum, are those of the pixels' weights, at a tenth of the work.
    """
    return np.linalg.qr(X.T, mode="r").T


def log_softmax(logits):
    """The logarithms of the probabilities of each row of logits, (n, classes)."""
    from scipy import special

    return special.log_softmax(logits, axis=1)


def cross_entropy(logits, y):
    """Mean cross-entropy of logits (n, classes) with labels y (n,), and its gradient in the logits."""
    log_p = log_softmax(logits)
    rows = np.arange(len(y))
    d_logits = np.exp(log_p)
    d_logits[rows, y] -= 1
    return -float(np.mean(log_p[rows, y])), d_logits / len(y)


def logistic_regression_cost(theta, X, y, n_classes, l2_penalty=0.0):
    """Cross-entropy + l2_penalty / 2 ||W||^2, and its gradient, a vector as theta, W's rows in turn.

    X has shape (n, features), its bias as a column of ones, as in hw1-q1.py.
    """
    W = theta.reshape(n_classes, X.shape[1])
    loss, d_logits = cross_entropy(X @ W.T, y)
    return loss + l2_penalty / 2 * (theta @ theta), (d_logits.T @ X).ravel() + l2_penalty * theta


def curvature(theta, direction, X, n_classes, l2_penalty=0.0):
    """Second derivative of logistic regression's cost at theta along a direction: never negative.

    Along theta + t D the logits z = W x change at the rate r = D x, the same for all t. The loss of
    an example, log sum_k exp z_k - z_y, has the first derivative sum_k p_k r_k - r_y, p the softmax,
    and the second sum_k p_k r_k^2 - (sum_k p_k r_k)^2: the variance of r under p. The penalty adds
    l2_penalty ||D||^2. So the loss is convex, and with a penalty strictly.
    """
    W, D = (vector.reshape(n_classes, X.shape[1]) for vector in (theta, direction))
    p, rates = np.exp(log_softmax(X @ W.T)), X @ D.T
    mean = np.sum(p * rates, axis=1, keepdims=True)
    variance = np.sum(p * (rates - mean) ** 2, axis=1)
    return float(np.mean(variance)) + l2_penalty * float(direction @ direction)


def mlp_cost(theta, shapes, X, y, l2_penalty=0.0):
    """The same of an MLP with one layer of relu units; `shapes` is any `MLP` of theta's shapes."""
    W1, b1, W2, b2 = like(shapes, theta)
    z = X @ W1.T + b1
    h = np.maximum(z, 0)
    loss, d_logits = cross_entropy(h @ W2.T + b2, y)
    d_z = d_logits @ W2 * (z > 0)
    gradient = flat((d_z.T @ X, d_z.sum(axis=0), d_logits.T @ h, d_logits.sum(axis=0)))
    return loss + l2_penalty / 2 * (theta @ theta), gradient + l2_penalty * theta


def random_mlp(coordinates, pixels, hidden_size, n_classes, rng):
    """An `MLP` to start from: weights N(0, 2 / inputs of their layer), biases zero.

    The first layer's inputs are so many pixels, of which it sees the `span_coordinates`.
    """
    W1 = rng.normal(size=(hidden_size, coordinates)) * np.sqrt(2 / pixels)
    W2 = rng.normal(size=(n_classes, hidden_size)) * np.sqrt(2 / hidden_size)
    return MLP(W1, np.zeros(hidden_size), W2, np.zeros(n_classes))


def along_line(cost_and_gradient, start, end, points):
    """The costs at start + t (end - start) for t in `points`, from 0 to 1."""
    return np.array([cost_and_gradient((1 - t) * start + t * end)[0] for t in points])


def above_chord(costs, points):
    """How far costs along a line lie above the straight line between their ends: <= 0 if convex."""
    return costs - ((1 - points) * costs[0] + points * costs[-1])
