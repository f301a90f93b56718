"""Scores in float32 whose largest is the one of exact arithmetic.

float32 halves the time of a linear model's products, and its rounding can change a prediction only
where the two largest scores nearly tie. Those few scores are computed again in float64.
"""

import math

import numpy as np

from fast.blocks import stacked

# |computed - exact| < LAMBDA sqrt(n) u |w| |x| for a dot product of n terms in arithmetic of unit
# roundoff u, but for a probability of about exp(-LAMBDA^2 / 2) (Higham and Mary, SIAM Journal on
# Scientific Computing 41, 2019). Two scores are compared, hence the margin.
LAMBDA = 12
# For so few rows OpenBLAS has (where there is AVX-512) a routine that takes half the time of the one
# for large products.
SMALL_PRODUCT = 16


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


def scores(X, W):
    """X W^T in float64, (n, n_classes), whose largest of a row is that of exact arithmetic.

    X (n, features) in float32, with features from -1 to 1, or in float64.
    """
    exact_W = W.astype(np.float64, copy=False)
    W = W.astype(np.float32, copy=False) if X.dtype == np.float32 else exact_W
    stack, rest = stacked(X, SMALL_PRODUCT)
    result = np.concatenate([(stack @ W.T).reshape(-1, len(W)), rest @ W.T])
    if result.dtype == np.float32 and len(W) > 1:
        bound = rounding_bound(W, np.linalg.norm(exact_W))
        second, first = np.sort(result, axis=1)[:, -2:].T
        close = (first - second <= bound) | ~np.isfinite(result).all(axis=1)
        result = result.astype(np.float64)
        result[close] = X[close].astype(np.float64) @ exact_W.T
    return result.astype(np.float64, copy=False)
