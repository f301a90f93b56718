"""Question 3 of 2023-24: f(x) = 1 where A <= x_1 + .. + x_D <= B, else -1, for x in {-1, 1}^D.

One perceptron cannot compute f unless the interval touches an end of the range; two hidden units
can, with sign or relu activations, and stay f under perturbations of the inputs and the weights.
"""

from typing import NamedTuple

import numpy as np

EXHAUSTIVE_D = 20  # up to here all 2^D inputs are tried, above it a sample
CHUNK_ENTRIES = 2**20  # of the inputs held at once, 8 MB
SAMPLE_CHUNKS = 8


def sign(z):
    """The hard threshold: 1 where z >= 0, else -1."""
    return np.where(z >= 0, 1, -1)


def relu(z):
    return np.maximum(z, 0)


def f(X, A, B):
    """The function to compute: X of shape (n, D) to (n,), each 1 or -1."""
    total = X.sum(axis=1)
    return np.where((total >= A) & (total <= B), 1, -1)


def reachable_interval(D, A, B):
    """(lo, hi): the least and greatest sums in [A, B] that inputs can have.

    A sum of D terms of -1 or 1 has the parity of D, so A is rounded up and B down to it. They are
    kept within one step (two units) of [-D, D]. lo = hi + 2 when no sum is in [A, B].
    """
    lo, hi = A + (A - D) % 2, B - (B - D) % 2
    return min(max(lo, -D), D + 2), max(min(hi, D), -D - 2)


# One perceptron.


def farkas_certificate(D, lo, hi):
    """(positives, negatives), each two inputs, (2, D), of the same sum; None if there are none.

    If sign(w^T x + b) were f, the positives would give w^T (p + q) + 2b >= 0 and the negatives
    w^T (u + t) + 2b < 0; but p + q = u + t. (By Farkas' lemma the linear programme for w, b has
    no solution exactly when such an equality of weighted means exists.) u has the sum below the
    interval, t the one above, with u <= t in each coordinate; p is u with one coordinate raised,
    q is t with the same one lowered.
    """
    if lo > hi or lo == -D or hi == D:
        return None
    u, t = (np.where(np.arange(D) < (s + D) // 2, 1, -1) for s in (lo - 2, hi + 2))
    step = np.zeros(D, dtype=int)
    step[(lo - 2 + D) // 2] = 2  # the first coordinate that is -1 in u and 1 in t
    return np.array([u + step, t - step]), np.array([u, t])


def single_perceptron(D, lo, hi):
    """(w, b) with sign(w^T x + b) = f, of margin 1, where one exists: the interval touches an end.

    The positive sums are then all those up to hi, or from lo; or none (b = -D - 1).
    """
    if lo > hi:
        return np.ones(D), -D - 1.0
    if lo == -D:
        return -np.ones(D), hi + 1.0
    return np.ones(D), 1.0 - lo


def perceptron_states(X, y, epochs=100):
    """The perceptron rule on integer data from zero weights, until an epoch's state recurs.

    Returns (states, epochs_before, mistakes): the states (w, b) after each example, whose first
    is zero, the epoch after which the last one was already met (None if never) and the mistakes
    of the last epoch. A recurring state with mistakes in between recurs for ever.
    """
    state = (0,) * (X.shape[1] + 1)
    states, met = [state], {state: 0}
    examples = [((*x, 1), label) for x, label in zip(X.tolist(), y.tolist(), strict=True)]
    for epoch in range(1, epochs + 1):
        mistakes = 0
        for x, label in examples:
            z = sum(w * value for w, value in zip(state, x, strict=True))
            if label != (1 if z >= 0 else -1):
                mistakes += 1
                state = tuple(w + label * value for w, value in zip(state, x, strict=True))
            states.append(state)
        if state in met:
            return states, met[state], mistakes
        met[state] = epoch
    return states, None, mistakes


# Two hidden units.


class Network(NamedTuple):
    """Two hidden units and one output: y = sign(v^T g(W x + b) + v0)."""

    activation: object  # g: sign or relu
    W: np.ndarray  # (2, D)
    b: np.ndarray  # (2,)
    v: np.ndarray  # (2,)
    v0: float

    def hidden(self, X):
        """The hidden pre-activations of X, shape (n, D): (n, 2)."""
        return X @ self.W.T + self.b

    def output(self, X):
        """The output's pre-activation, (n,)."""
        return self.activation(self.hidden(X)) @ self.v + self.v0

    def __call__(self, X):
        return sign(self.output(X))


def sign_network(D, lo, hi):
    """f with threshold units.

    h1 = sign(s - (lo - 1)) says "not below", h2 = sign((hi + 1) - s) "not above", s = sum x. One
    of them always holds, so h1 + h2 is 2 in the interval and 0 outside: y = sign(h1 + h2 - 1).
    The sums next to a threshold, lo - 2 and lo, are both at distance 1 from it: with thresholds
    at lo and hi themselves a sum equal to lo would sit on the edge, and any perturbation tip it.
    """
    W = np.vstack([np.ones(D), -np.ones(D)])
    return Network(sign, W, np.array([1.0 - lo, 1.0 + hi]), np.ones(2), -1.0)


def relu_network(D, lo, hi):
    """f with relu units.

    h1 = relu(lo - s) and h2 = relu(s - hi) are 0 in the interval; outside it one of them is at
    least 2, sums being two apart. So y = sign(1 - h1 - h2), whose argument is 1 inside and at
    most -1 outside. A sum may sit on a kink of relu: it is continuous there, so nothing tips.
    """
    W = np.vstack([-np.ones(D), np.ones(D)])
    return Network(relu, W, np.array([lo, -hi], dtype=float), -np.ones(2), 1.0)


def margins(network, X):
    """How much sum x may move before an output can change, over the rows of X; and the output's
    pre-activation, how near it comes to its threshold 0.

    A hidden pre-activation moves by as much as sum x does. With sign units nothing changes while
    none of them crosses 0. With relu units the output's pre-activation moves by at most as much
    (both units are active only where no sum is in the interval, and there they cancel).
    """
    hidden, output = (np.min(np.abs(z)) for z in (network.hidden(X), network.output(X)))
    return hidden if network.activation is sign else output, output


def weight_margin(D):
    """eta such that moving every weight and bias by at most eta changes no output.

    A hidden pre-activation moves by at most e = eta (D + 1). Sign units need e < 1, and the
    output, then moving by at most 3 eta, needs 3 eta < 1. For relu units, inside the interval,
    2 e (1 + eta) < 1 - eta is enough; outside, (1 - eta)(2 - e) > 1 + eta. eta = 1 / (2 D + 6)
    meets all four.
    """
    return 1 / (2 * D + 6)


# The inputs to try.


def with_sums(D, sums, rng):
    """Random inputs that have the given sums, shape (n,); returns (n, D)."""
    positive = (np.asarray(sums) + D) // 2
    return rng.permuted(np.where(np.arange(D) < positive[:, None], 1.0, -1.0), axis=1)


def boundary_sums(D, lo, hi):
    """The sums on either side of both ends of the interval, and the two extreme ones."""
    return [s for s in (-D, lo - 2, lo, hi, hi + 2, D) if -D <= s <= D]


def inputs_to_try(D, lo, hi, rng):
    """Chunks of inputs, (n, D): up to D = 20 all 2^D; above, the boundary sums and a sample of
    inputs whose sums are drawn uniformly.
    """
    rows = max(1, CHUNK_ENTRIES // D)
    if D <= EXHAUSTIVE_D:
        for start in range(0, 2**D, rows):
            numbers = np.arange(start, min(start + rows, 2**D))
            yield 2.0 * (numbers[:, None] >> np.arange(D) & 1) - 1
    else:
        yield with_sums(D, boundary_sums(D, lo, hi), rng)
        for _ in range(SAMPLE_CHUNKS):
            yield with_sums(D, 2 * rng.integers(0, D + 1, size=rows) - D, rng)
