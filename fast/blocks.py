"""Exact per-example SGD at the speed of matrix products: a block of rank-1 steps at a time.

Three words for three sizes. A *batch* is what the user asked for: examples that share one step. A
*block* is a run of examples whose steps stay one per example but are computed together (see
`RankOneBlock`). A *chunk* is the whole blocks that a second thread prepares while the first trains
on the chunk before. docs/exact-sgd.md derives the block and measures it.
"""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

CHUNK = 192  # examples; more would leave the caches


@contextlib.contextmanager
def one_blas_thread():
    """Keep BLAS to one thread, and NumPy from warning of overflow, while a model trains.

    The second core has the next chunk to prepare. Left to itself, BLAS would split these small
    products over both, which gains little and, beside another program, costs much.
    """
    with threadpool_limits(1, "blas"), np.errstate(all="ignore"):
        yield


def gold_classes(y, X, n_classes):
    """y, (n,) or (n, 1), as integers (n,); ValueError if it is not a class for each of X's n > 0 rows."""
    y = np.reshape(y, len(X))
    if y.dtype.kind not in "biu" or len(y) == 0 or y.min() < 0 or y.max() >= n_classes:
        raise ValueError(
            f"y must have a class from 0 to {n_classes - 1} for each row of X, one at least"
        )
    return y.astype(np.int64, copy=False)


def blocks(X, y, size, start=0):
    """Yield (X_block, y_block) down the rows from `start`, `size` of them at a time.

    X is an ndarray of shape (n, features) or a `pixels.FeatureMatrix`; integers become float64.
    """
    for X_chunk, y_chunk, _ in _chunks(X, y, size, lambda X_chunk: None, start):
        for row in range(0, len(X_chunk), size):
            yield X_chunk[row : row + size], y_chunk[row : row + size]


def _chunks(X, y, size, prepare, start):
    """Yield (X_chunk, y_chunk, prepare(X_chunk)), whole blocks of `size` rows, from row `start` to
    row len(y).
    """
    step = max(CHUNK // size, 1) * size

    def chunk(row):
        X_chunk = X[row : min(row + step, len(y))]
        if X_chunk.dtype.kind != "f":
            X_chunk = X_chunk.astype(np.float64)
        return X_chunk, y[row : row + step], prepare(X_chunk)

    y = np.asarray(y)
    if start >= len(y):
        return
    with ThreadPoolExecutor(max_workers=1) as second_thread:
        following = second_thread.submit(chunk, start)
        for row in range(start + step, len(y) + step, step):
            current = following.result()
            if row < len(y):
                following = second_thread.submit(chunk, row)
            yield current


def stacked(X, size):
    """X (n, features) as whole blocks of `size` rows, (n // size, size, features), and the rest."""
    whole = len(X) // size
    return X[: whole * size].reshape(whole, size, X.shape[1]), X[whole * size :]


class RankOneBlock:
    """The scores of a linear map while every example of a block changes it by a rank-1 step.

    Per-example training reads and writes all of W for each example. But the steps have a form:
    after example j, W becomes a W - r e_j x_j^T, where e_j (rows,) is the gradient at the scores,
    r the learning rate, and a = 1 - r * l2_penalty decays the weights. Unrolled from the W at the
    block's start,

        W_i       = a^i W - sum_{j<i} r a^(i-1-j) e_j x_j^T
        W_i x_i   = a^i (W x_i) - sum_{j<i} r a^(i-1-j) (x_j . x_i) e_j

    so example i needs row i of X W^T and of the Gram matrix X X^T, which two matrix products give
    for the whole block, and then only the e_j of the examples before it. W takes all steps in a
    third product. The trajectory is that of the plain loop, in another order of summation.

    A bias b is a column of W for a feature that is always 1: it adds 1 to each x_j . x_i.

    Parameters
    ----------
    W : ndarray of shape (rows, features), read at the start and changed by `finish`.
    X : ndarray of shape (m, features), the block's examples in order.
    influence : (m, m), in W's dtype, at [i, j] what e_j adds to the scores of example i, which is
        -r a^(i-1-j) (x_j . x_i) if j < i and else 0. See `rank_one_blocks`.
    learning_rate : r.
    powers : ndarray of a^0, a^1, ... a^m or more.
    b : None or ndarray of shape (rows,), changed by `finish`.

    The products are computed in X's dtype, what is summed from step to step in W's. The model asks
    for `scores(i)` and fills in `errors[i]`, which is e_i, for i = 0, 1, ... m - 1.
    """

    def __init__(self, W, X, influence, learning_rate, powers, b):
        self.W, self.X, self.influence, self.b = W, X, influence, b
        self.learning_rate, self.powers = learning_rate, powers
        self.decays = powers[1] != 1
        self.start = (X @ W.T.astype(X.dtype, copy=False)).astype(W.dtype, copy=False)
        if b is not None:
            self.start += b
        if self.decays:
            self.start *= powers[: len(X), None]
        self.errors = np.zeros((len(X), len(W)), W.dtype)

    def scores(self, i):
        """W_i x_i + b_i, of shape (rows,), given the errors of the examples before i."""
        return self.start[i] + self.influence[i].dot(self.errors)

    def finish(self):
        """Give W and b all the steps of the block, in place."""
        m = len(self.X)
        steps = self.errors * -self.learning_rate
        if self.decays:
            steps *= self.powers[:m][::-1, None]
            self.W *= self.powers[m]
        self.W += steps.T.astype(self.X.dtype, copy=False) @ self.X
        if self.b is not None:
            self.b *= self.powers[m]
            self.b += steps.sum(axis=0)


def rank_one_blocks(W, X, y, size, learning_rate, decay=1.0, b=None, start=0):
    """Yield (block, y_block) down the rows of X: a `RankOneBlock` of W and b and its gold classes.

    The rows are those from `start` to the end of y. The blocks' Gram matrices come from the second thread. A
    block's steps reach W and b when the caller, who has filled in its errors, asks for the next.
    """
    # [i - 1, j] is -r a^(i-1-j): the first example is influenced by none, the last influences none.
    age = np.subtract.outer(np.arange(size - 1), np.arange(size - 1))
    powers = np.power(decay, np.arange(size + 1.0))
    effect = np.tril(-learning_rate * powers[np.maximum(age, 0)])
    constant = 0 if b is None else 1

    def influences(stack):
        """The influence matrices of a stack of blocks (k, m, features), of shape (k, m, m)."""
        m = stack.shape[1]
        # Not stack @ stack^T, for which NumPy takes a routine that is slow with so few rows.
        gram = stack[:, 1:] @ stack[:, :-1].transpose(0, 2, 1)
        result = np.zeros((len(stack), m, m), W.dtype)
        with np.errstate(over="ignore"):  # `one_blas_thread` says so for its own thread alone
            result[:, 1:, :-1] = (gram + constant) * effect[: m - 1, : m - 1]
        return result

    def prepare(X_chunk):
        # All of the chunk's in one call: each call's end waits for the other thread to make way.
        stack, rest = stacked(X_chunk, size)
        return [*influences(stack), *(influences(rest[None]) if len(rest) else ())]

    for X_chunk, y_chunk, chunk_influences in _chunks(X, y, size, prepare, start):
        for row in range(0, len(X_chunk), size):
            rows = slice(row, row + size)
            influence = chunk_influences[row // size]
            block = RankOneBlock(W, X_chunk[rows], influence, learning_rate, powers, b)
            yield block, y_chunk[rows].tolist()
            block.finish()
