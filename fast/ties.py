"""Scores in float32 whose largest is the one of exact arithmetic.

float32 halves the time of a linear model's products, and its rounding can change a prediction only
where the two largest scores nearly tie. Those few scores are computed again in float64.
"""

import math

import numpy as np

# |computed - exact| < LAMBDA sqrt(n) u |w| |x| for a dot product of n terms in arithmetic of unit
# roundoff u, but for a probability of about exp(-LAMBDA^2 / 2) (Higham and Mary, SIAM Journal on
# Scientific Computing 41, 2019). Two scores are compared, hence the margin.
LAMBDA = 12
# For so few rows OpenBLAS has (where there is AVX-512) a routine that takes half the time of the one
# for large products.
SMALL_PRODUCT = 16


def stacked(X, size):
    """X (n, features) as whole blocks of `size` rows, (n // size, size, features), and the rest."""
    whole = len(X) // size
    return X[: whole * size].reshape(whole, size, X.shape[1]), X[whole * size :]


def rounding_bound(W, norm):
    """The most by which float32's rounding can change the difference of two scores of an example.

    For features from -1 to 1, so that |x| <= sqrt(n), and a W (n_classes, n) with |W| <= norm.
    """
    return LAMBDA * W.shape[1] * 2**-24 * float(norm)


def bound_over_steps(W, steps):
    """`rounding_bound`, also after so many perceptron steps from W; None where W is in float64."""
    if W.dtype != np.float32:
        return None
    growth = math.sqrt(2 * W.shape[1]) * steps  # a step adds at most sqrt(2) |x| to |W|
    return rounding_bound(W, np.linalg.norm(W) + growth)


def argmax(W, x, bound):
    """The index of the largest of the scores W x, the first of equals, as in exact arithmetic.

    W (n_classes, n), x (n,); `bound` is that of the scores' rounding, None where they are exact.
    """
    scores = W.dot(x)
    if bound is not None and len(W) > 1:
        second, first = sorted(scores.tolist())[-2:]
        if first - second <= bound:
            scores = W.astype(np.float64).dot(x.astype(np.float64))
    return scores.argmax()


def nearly_tie(scores, bound):
    """Which rows of scores (n, n_classes) rounding by `bound` could give another largest; (n,) bools."""
    second, first = np.sort(scores, axis=1)[:, -2:].T
    return (first - second <= bound) | ~np.isfinite(scores).all(axis=1)
