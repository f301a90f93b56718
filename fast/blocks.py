"""Exact per-example SGD at the speed of matrix products: a block of rank-1 steps at a time.

Three words for three sizes. A *batch* is what the user asked for: examples that share one step. A
*block* is a run of examples whose steps stay one per example but are computed together. A *chunk* is
the blocks that a second thread prepares while the first trains on the chunk before.
docs/exact-sgd.md derives the block and measures it.
"""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fast import ties
from fast.pixels import FeatureMatrix

CHUNK = 192  # examples; more would leave the caches


def chunks(X, size, prepare=lambda X_chunk: None, dtype=None):
    """Yield (start, X_chunk, prepare(X_chunk)) down the rows of X, whole blocks of `size` rows each.

    X is an ndarray of shape (n, features) or a `pixels.FeatureMatrix`.
    """
    step = max(CHUNK // size, 1) * size
    if dtype is not None and isinstance(X, FeatureMatrix):
        X = X.changed(dtype=dtype)

    def chunk(start):
        X_chunk = X[start : start + step]
        if dtype is not None:  # of an ndarray, a chunk at a time
            X_chunk = X_chunk.astype(dtype, copy=False)
        return start, X_chunk, prepare(X_chunk)

    with ThreadPoolExecutor(max_workers=1) as second_thread:
        following = second_thread.submit(chunk, 0)
        for start in range(step, len(X) + step, step):
            current = following.result()
            if start < len(X):
                following = second_thread.submit(chunk, start)
            yield current


class Block:
    """The scores of a linear map while every example of a block changes it by a rank-1 step.

    After example j, W becomes a W - r e_j x_j^T, where e_j (rows,) is the gradient at the scores, r
    the learning rate, and a = 1 - r * l2_penalty decays the weights. Unrolled from the block's start,

        W_i x_i = a^i (W x_i) - sum_{j<i} r a^(i-1-j) (x_j . x_i) e_j

    so example i needs row i of X W^T and of the Gram matrix X X^T, which two matrix products give
    for the whole block, and the errors e_j of the examples before it. W takes all steps in a third
    product. A bias b is a column of W for a feature that is always 1: it adds 1 to each x_j . x_i.

    The caller asks for `scores(i)` and fills in `errors[i]`, for i = 0, 1, ... in this order.
    """

    def __init__(self, W, b, X, y, influence, learning_rate, powers):
        self.W, self.b, self.X, self.y = W, b, X, y
        self.influence, self.learning_rate, self.powers = influence, learning_rate, powers
        self.start = X @ W.T
        if b is not None:
            self.start += b
        if powers[1] != 1:
            self.start *= powers[: len(X), None]
        self.errors = np.zeros((len(X), len(W)), W.dtype)

    def scores(self, i):
        """W_i x_i + b_i, of shape (rows,), given the errors of the examples before i."""
        return self.start[i] + self.influence[i].dot(self.errors)

    def finish(self):
        """Give W and b all the steps of the block, in place."""
        m = len(self.X)
        steps = self.errors * -self.learning_rate
        if self.powers[1] != 1:
            steps *= self.powers[:m][::-1, None]
            self.W *= self.powers[m]
        self.W += steps.T @ self.X
        if self.b is not None:
            self.b *= self.powers[m]
            self.b += steps.sum(axis=0)


def rank_one_blocks(W, X, y, size, learning_rate, l2_penalty=0.0, b=None):
    """Yield a `Block` of W (and of the bias b) for each `size` rows of X, in order.

    W (rows, features), b (rows,) or None, y (n,) integers. X is read in W's dtype. The second
    thread makes the Gram matrices. A block's steps reach W and b when the next is asked for.
    """
    powers = np.power(1 - learning_rate * l2_penalty, np.arange(size + 1.0)).astype(W.dtype)
    # [i - 1, j] is -r a^(i-1-j): the first example is influenced by none, the last influences none.
    age = np.subtract.outer(np.arange(size - 1), np.arange(size - 1))
    effect = np.tril(-learning_rate * powers[np.maximum(age, 0)])

    def influences(stack):
        """What e_j adds to the scores of example i, at [:, i, j], for blocks (k, m, features)."""
        m = stack.shape[1]
        # Not stack @ stack^T, for which NumPy takes a routine that is slow with so few rows.
        gram = stack[:, 1:] @ stack[:, :-1].transpose(0, 2, 1)
        result = np.zeros((len(stack), m, m), W.dtype)
        with np.errstate(all="ignore"):  # the caller's setting is its own thread's alone
            result[:, 1:, :-1] = (gram + (b is not None)) * effect[: m - 1, : m - 1]
        return result

    def prepare(X_chunk):
        stack, rest = ties.stacked(X_chunk, size)
        return [*influences(stack), *(influences(rest[None]) if len(rest) else ())]

    for start, X_chunk, chunk_influences in chunks(X, size, prepare, W.dtype):
        for row, influence in zip(range(0, len(X_chunk), size), chunk_influences, strict=True):
            y_block = y[start + row : start + row + len(influence)].tolist()
            X_block = X_chunk[row : row + size]
            block = Block(W, b, X_block, y_block, influence, learning_rate, powers)
            yield block
            block.finish()


# --------------------------------------------------------------------------------------------
# The epochs of Question 1: each changes the weights that it is given, in place.


def perceptron(W, X, y, size, learning_rate=1.0, l2_penalty=0.0):
    """An epoch of the perceptron, W (n_classes, n_features); it has no use for the settings.

    In float32, W is exact on pixels / 256 (sums of multiples of 1/256 up to 2^16); the scores are
    rounded, and ties.py settles those that nearly tie.
    """
    for start, X_chunk, _ in chunks(X, size, dtype=W.dtype):
        for row in range(0, len(X_chunk), size):
            bound = ties.bound_over_steps(W, size)
            y_block = y[start + row : start + row + size].tolist()
            for x_i, y_i in zip(X_chunk[row : row + size], y_block, strict=True):
                y_hat = ties.argmax(W, x_i, bound)
                if y_hat != y_i:
                    W[y_i] += x_i
                    W[y_hat] -= x_i


def logistic_regression(W, X, y, size, learning_rate=0.001, l2_penalty=0.0):
    """An epoch of softmax regression, W (n_classes, n_features)."""
    for block in rank_one_blocks(W, X, y, size, learning_rate, l2_penalty):
        for i, y_i in enumerate(block.y):
            block.errors[i] = cross_entropy(block.scores(i), y_i)[1]


def mlp(W1, b1, W2, b2, X, y, size, learning_rate=0.001):
    """An epoch of the MLP; returns the mean loss before each step. The block is of W1 and b1."""
    total = 0.0
    for block in rank_one_blocks(W1, X, y, size, learning_rate, b=b1):
        for i, y_i in enumerate(block.y):
            z = block.scores(i)
            h = np.maximum(z, 0)
            loss, error = cross_entropy(h @ W2.T + b2, y_i)
            total += loss
            error = np.array(error, W2.dtype)
            block.errors[i] = error @ W2 * (z > 0)
            error *= learning_rate
            W2 -= error[:, None] * h
            b2 -= error
    return total / len(y)


def cross_entropy(logits, gold):
    """(loss, its gradient at the logits), of one example; for so few numbers plain floats are
    several times faster than arrays.
    """
    logits = logits.tolist()
    largest = max(logits)
    gradient = [math.exp(logit - largest) for logit in logits]
    total = sum(gradient)
    gradient = [value / total for value in gradient]
    gradient[gold] -= 1
    return math.log(total) + largest - logits[gold], gradient
