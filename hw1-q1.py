"""Question 1: perceptron, logistic regression and MLP in NumPy, trained one example at a time.

    python hw1-q1.py perceptron -epochs 100
    python hw1-q1.py logistic_regression -epochs 100 -l2_penalty 0.01
    python hw1-q1.py mlp

The models come first, each a few lines of the textbook; `RankOneBlock` holds the one idea that
makes exact per-example training fast; then the command line and the loop over epochs. Everything
around that loop (names, figures, records, checkpoints) is in runs.py.
"""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

import runs
import sweeps
import utils

CHUNK = 192  # examples that the second thread prepares at a time; more would leave the caches


# --------------------------------------------------------------------------------------------
# Models


def blocks(X, y, size):
    """Yield (X_block, y_block) down the rows, `size` of them at a time.

    X is an ndarray of shape (n, features) or `utils.Pixels`; integers become float64. While the
    caller works on the blocks of one chunk of rows, a second thread turns the next chunk into
    floats.
    """
    for X_chunk, y_chunk, _ in _chunks(X, y, size, lambda X_chunk: None):
        for start in range(0, len(X_chunk), size):
            yield X_chunk[start : start + size], y_chunk[start : start + size]


def _chunks(X, y, size, prepare):
    """Yield (X_chunk, y_chunk, prepare(X_chunk)), a chunk being whole blocks of `size` rows."""
    step = max(CHUNK // size, 1) * size

    def chunk(start):
        X_chunk = X[start : start + step]
        if X_chunk.dtype.kind != "f":
            X_chunk = X_chunk.astype(np.float64)
        return X_chunk, y[start : start + step], prepare(X_chunk)

    y = np.asarray(y)
    with ThreadPoolExecutor(max_workers=1) as second_thread:
        following = second_thread.submit(chunk, 0)
        for start in range(step, len(X) + step, step):
            current = following.result()
            if start < len(X):
                following = second_thread.submit(chunk, start)
            yield current


def stacked(X, size):
    """X (n, features) as whole blocks of `size` rows, (n // size, size, features), and the rest."""
    whole = len(X) // size
    return X[: whole * size].reshape(whole, size, X.shape[1]), X[whole * size :]


def softmax(logits):
    """Probabilities from logits along the last axis, same shape.

    The maximum is subtracted first: exp of the MLP's first logits, in the thousands, overflows.
    """
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def cross_entropies(logits, y):
    """-log softmax(logits)[y] of each example; logits (n, classes), y and the result (n,).

    Written as log-sum-exp minus the gold logit, so that there is no log of 0.
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return log_sum - shifted[np.arange(len(y)), y]


def count_correct(logits, y):
    """The number of rows whose largest logit, the first of equals, is the gold class's."""
    return np.count_nonzero(logits.argmax(axis=1) == y)


def accuracy_and_loss(model, X, y):
    """(accuracy, mean cross-entropy) of a model on X (n, n_features) with gold classes y (n,).

    The scores are taken a block of rows at a time: of an example only its loss is kept.
    """
    correct, losses, done = 0, np.empty(len(y)), 0
    for scores, y_block in model.score_blocks(X, y):
        correct += count_correct(scores, y_block)
        losses[done : done + len(y_block)] = cross_entropies(scores, y_block)
        done += len(y_block)
    return correct / len(y), float(np.mean(losses))


def cross_entropy_of_one(logits, gold):
    """Cross-entropy of one example and its gradient at the logits, softmax(logits) - onehot(gold).

    logits (classes,), gold a class; returns (loss, gradient), the gradient as a list. For the few
    numbers of one example plain floats are several times faster than arrays.
    """
    logits = logits.tolist()
    largest = max(logits)
    gradient = [math.exp(logit - largest) for logit in logits]
    total = sum(gradient)
    gradient = [value / total for value in gradient]
    gradient[gold] -= 1
    return math.log(total) + largest - logits[gold], gradient


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

    The products are computed in X's dtype, what is summed from step to step in W's. The caller asks
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


def rank_one_blocks(W, X, y, size, learning_rate, decay=1.0, b=None):
    """Yield (block, y_block) down the rows of X: a `RankOneBlock` of W and b and its gold classes.

    The blocks' Gram matrices come from the second thread. A block's steps reach W and b when the
    caller, who has filled in its errors, asks for the next one.
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
        with np.errstate(over="ignore"):  # as `train` says for its own thread alone
            result[:, 1:, :-1] = (gram + constant) * effect[: m - 1, : m - 1]
        return result

    def prepare(X_chunk):
        # All of the chunk's in one call: each call's end waits for the other thread to make way.
        stack, rest = stacked(X_chunk, size)
        return [*influences(stack), *(influences(rest[None]) if len(rest) else ())]

    for X_chunk, y_chunk, chunk_influences in _chunks(X, y, size, prepare):
        for start in range(0, len(X_chunk), size):
            rows = slice(start, start + size)
            influence = chunk_influences[start // size]
            block = RankOneBlock(W, X_chunk[rows], influence, learning_rate, powers, b)
            yield block, y_chunk[rows].tolist()
            block.finish()


class LinearModel:
    """Scores W x for classes; W is an ndarray of shape (n_classes, n_features), at first zero.

    The features' last column is ones where a bias is wanted. X is an ndarray of shape
    (n, n_features) or `utils.Pixels`, in float32 with features from -1 to 1; y holds the gold
    classes, shape (n,).
    """

    PARAMETERS = ("W",)

    # |computed - exact| < LAMBDA sqrt(n) u |w| |x| for a dot product of n terms in arithmetic of
    # unit roundoff u, but for a probability of about exp(-LAMBDA^2 / 2) (Higham and Mary, SIAM
    # Journal on Scientific Computing 41, 2019). Two scores are compared, hence the margin.
    LAMBDA = 12

    def __init__(self, n_classes, n_features, dtype=np.float64):
        self.W = np.zeros((n_classes, n_features), dtype)

    def rounding_up_to(self, norm):
        """The most by which float32's rounding can change the difference of two scores of an
        example with features from -1 to 1, and so |x| <= sqrt(n), if |W| <= norm.
        """
        return self.LAMBDA * self.W.shape[1] * 2**-24 * float(norm)

    def score_blocks(self, X, y):
        """Yield (X W^T, y) for a block of rows at a time, the scores in float64.

        Of float32 pixels the products are float32's, but no near tie is decided by rounding: the
        scores of such rows are computed again.
        """
        exact_W = self.W.astype(np.float64, copy=False)
        W = self.W.astype(np.float32, copy=False) if X.dtype == np.float32 else exact_W
        rounding = self.rounding_up_to(np.linalg.norm(exact_W))
        for X_block, y_block in blocks(X, y, CHUNK):
            # 16 rows at a time: for so small a product OpenBLAS has (where there is AVX-512) a
            # routine that takes half the time of the one for large products.
            stack, rest = stacked(X_block, 16)
            scores = np.concatenate([(stack @ W.T).reshape(-1, len(W)), rest @ W.T])
            if scores.dtype == np.float32:
                scores = scores.astype(np.float64)
                second, first = np.sort(scores, axis=1)[:, -2:].T
                close = (first - second <= rounding) | ~np.isfinite(scores).all(axis=1)
                scores[close] = X_block[close].astype(np.float64) @ exact_W.T
            yield scores, y_block

    def predict(self, X):
        """The class of each row's largest score, the first of equals; shape (n,)."""
        pairs = self.score_blocks(X, range(len(X)))
        return np.concatenate([scores.argmax(axis=1) for scores, _ in pairs])

    def evaluate(self, X, y):
        """The fraction of rows whose predicted class is the gold one."""
        return sum(count_correct(*pair) for pair in self.score_blocks(X, y)) / len(y)


class Perceptron(LinearModel):
    """Rosenblatt's perceptron for several classes.

    An example at a time on pixels / 256, its predictions are those of exact arithmetic, in float32
    too. Those pixels and their sums are multiples of 1/256, which float32 holds without rounding up
    to 2^16, so W is exact; the rounding of a score matters only where the two largest nearly tie,
    and those few are computed again in float64, in training and in evaluation.
    """

    BLOCK = 32  # examples between two estimates of the rounding

    def __init__(self, n_classes, n_features, dtype=np.float64):
        super().__init__(n_classes, n_features, dtype)
        self.rounding = None  # what `rounding_up_to` gives for the block at hand; None in float64

    def update_weight(self, x_i, y_i, **kwargs):
        """Add x_i (n_features,) to the gold class's row and take it from the predicted one's.

        Nothing changes when they agree. The learning rate does not matter to a perceptron that
        starts at zero, and is 1; other arguments are ignored.
        """
        scores = self.W.dot(x_i)
        y_hat = scores.argmax()
        if self.rounding is not None:
            second, first = sorted(scores.tolist())[-2:]
            if first - second <= self.rounding:
                y_hat = self.W.astype(np.float64).dot(x_i.astype(np.float64)).argmax()
        if y_hat != y_i:
            self.W[y_i] += x_i
            self.W[y_hat] -= x_i

    def train_epoch(self, X, y, batch_size=1, **kwargs):
        """One pass over the rows of X in order: an update an example, or a mean one a batch."""
        if batch_size > 1:
            for X_batch, y_batch in blocks(X, y, batch_size):
                rows = np.arange(len(y_batch))
                step = np.zeros((len(y_batch), len(self.W)))
                step[rows, y_batch] += 1
                step[rows, (X_batch @ self.W.T).argmax(axis=1)] -= 1
                self.W += step.T @ X_batch / len(y_batch)
            return
        for X_block, y_block in blocks(X, y, self.BLOCK):
            if self.W.dtype == np.float32:
                # In a block W grows by at most sqrt(2) |x| an example.
                growth = math.sqrt(2 * self.W.shape[1]) * self.BLOCK
                self.rounding = self.rounding_up_to(np.linalg.norm(self.W) + growth)
            for x_i, y_i in zip(X_block, y_block.tolist(), strict=True):
                self.update_weight(x_i, y_i)


class LogisticRegression(LinearModel):
    """Softmax regression; the gradient at the logits is softmax(W x) - onehot(y)."""

    # Examples. The Gram matrices' work grows with it, the calls' number shrinks; and with 6,913
    # features about 12 rows are the most that OpenBLAS's routine for small products takes.
    BLOCK = 12

    def update_weight(self, x_i, y_i, learning_rate=0.001, l2_penalty=0.0, **kwargs):
        """One gradient step along -log softmax(W x_i)[y_i] + l2_penalty / 2 * |W|^2.

        x_i (n_features,), y_i its gold class.
        """
        error = softmax(self.W.dot(x_i))
        error[y_i] -= 1
        self.W -= learning_rate * (np.outer(error, x_i) + l2_penalty * self.W)

    def train_epoch(self, X, y, learning_rate=0.001, l2_penalty=0.0, batch_size=1, **kwargs):
        """One pass over the rows of X in order: a step of `update_weight` an example, or one along
        the mean gradient of each batch.
        """
        if batch_size > 1:
            for X_batch, y_batch in blocks(X, y, batch_size):
                error = softmax(X_batch @ self.W.T)
                error[np.arange(len(y_batch)), y_batch] -= 1
                gradient = error.T @ X_batch / len(y_batch)
                self.W -= learning_rate * (gradient + l2_penalty * self.W)
            return
        decay = 1 - learning_rate * l2_penalty
        for block, y_block in rank_one_blocks(self.W, X, y, self.BLOCK, learning_rate, decay):
            for i, y_i in enumerate(y_block):
                _, block.errors[i] = cross_entropy_of_one(block.scores(i), y_i)


class MLP:
    """One hidden layer of relu units, softmax cross-entropy.

    z = W1 x + b1, h = max(z, 0), logits = W2 h + b2. W1 (hidden_size, n_features) and then
    W2 (n_classes, hidden_size) are drawn from N(0.1, 0.1^2) with NumPy's global generator; b1
    and b2 are zero.
    """

    PARAMETERS = ("W1", "b1", "W2", "b2")
    BLOCK = 96  # examples; more than logistic regression's, as each product has all of W1 to read

    def __init__(self, n_classes, n_features, hidden_size, dtype=np.float64):
        self.W1 = np.random.normal(0.1, 0.1, (hidden_size, n_features)).astype(dtype)
        self.b1 = np.zeros(hidden_size, dtype)
        self.W2 = np.random.normal(0.1, 0.1, (n_classes, hidden_size)).astype(dtype)
        self.b2 = np.zeros(n_classes, dtype)

    def score_blocks(self, X, y):
        """Yield (logits, y) for a block of rows of X (n, n_features) at a time."""
        for X_block, y_block in blocks(X, y, CHUNK):
            h = np.maximum(X_block @ self.W1.T + self.b1, 0)
            yield h @ self.W2.T + self.b2, y_block

    def predict(self, X):
        """The class of each row's largest logit, the first of equals; shape (n,)."""
        pairs = self.score_blocks(X, range(len(X)))
        return np.concatenate([logits.argmax(axis=1) for logits, _ in pairs])

    def evaluate(self, X, y):
        """The fraction of rows whose predicted class is the gold one."""
        return sum(count_correct(*pair) for pair in self.score_blocks(X, y)) / len(y)

    def train_epoch(self, X, y, learning_rate=0.001, batch_size=1, **kwargs):
        """One pass over the rows of X in order: a step an example, or one a batch along the mean.

        Returns the mean over examples of the loss just before the update that they took part in.
        """
        if batch_size > 1:
            return self._train_epoch_in_batches(X, y, learning_rate, batch_size)
        total = 0.0
        for block, y_block in rank_one_blocks(self.W1, X, y, self.BLOCK, learning_rate, b=self.b1):
            for i, y_i in enumerate(y_block):
                z = block.scores(i)
                h = np.maximum(z, 0)
                loss, error = cross_entropy_of_one(self.W2.dot(h) + self.b2, y_i)
                total += loss
                error = np.array(error, h.dtype)
                # The error goes back through the W2 that made it, so W2 changes after.
                np.multiply(error.dot(self.W2), z > 0, out=block.errors[i])
                error *= learning_rate
                self.W2 -= error[:, None] * h
                self.b2 -= error
        return total / len(X)

    def _train_epoch_in_batches(self, X, y, learning_rate, batch_size):
        total = 0.0
        for X_batch, y_batch in blocks(X, y, batch_size):
            m = len(y_batch)
            z = X_batch @ self.W1.T + self.b1
            h = np.maximum(z, 0)
            logits = h @ self.W2.T + self.b2
            total += m * float(np.mean(cross_entropies(logits, y_batch)))
            error = softmax(logits)
            error[np.arange(m), y_batch] -= 1
            error_h = error @ self.W2 * (z > 0)
            self.W2 -= learning_rate * (error.T @ h / m)
            self.b2 -= learning_rate * error.mean(axis=0)
            self.W1 -= learning_rate * (error_h.T @ X_batch / m)
            self.b1 -= learning_rate * error_h.mean(axis=0)
        return total / len(X)


# --------------------------------------------------------------------------------------------
# The program

ACCURACIES = runs.Figure(
    "accs", "accuracy", {"train": "train_acc", "validation": "val_acc"}, best="validation"
)
FIGURES = {
    "perceptron": [ACCURACIES],
    "logistic_regression": [
        ACCURACIES,
        runs.Figure("w_norms", "norm of the weights", {"|W|": "w_norm"}),
        runs.Figure("loss", "cross-entropy", {"train": "train_loss", "validation": "val_loss"}),
        runs.Figure(
            "cost",
            "cost (loss and l2 penalty)",
            {"train": "train_cost", "validation": "val_cost"},
        ),
    ],
    "mlp": [ACCURACIES, runs.Figure("loss", "cross-entropy", {"train": "loss"})],
}

# float32 where the printed digits survive it. The perceptron's do (see there). Logistic regression in
# float32 gets one training example in a million otherwise than in float64, which is now and then a
# fourth decimal. The MLP's digits depend on the order of summation in any precision.
PRECISION = {"perceptron": "float32", "logistic_regression": "float64", "mlp": "float32"}

MODELS = ["perceptron", "logistic_regression", "mlp"]
# Which models use an option that not all of them use.
USES = {
    "hidden_size": {"mlp"},
    "learning_rate": {"logistic_regression", "mlp"},
    "l2_penalty": {"logistic_regression"},
}


def parse_arguments(arguments=None):
    """What a command line asks for: a `sweeps.Sweep`, most often of a single run."""
    parser = utils.Parser(
        description="Homework 1, Question 1: train a model in NumPy, one example at a time.",
        epilog="In brackets: the models that use the option.",
    )
    parser.add_argument("model", choices=MODELS)
    parser.add_argument(
        "-epochs", type=runs.count, nargs="+", default=20, help="[all] (default: %(default)s)"
    )
    parser.add_argument(
        "-batch_size",
        type=runs.count,
        nargs="+",
        default=1,
        help="examples an update; above 1 the update is their mean [all] (default: %(default)s)",
    )
    parser.add_argument(
        "-hidden_size",
        type=runs.count,
        nargs="+",
        default=100,
        help="hidden units [mlp] (default: %(default)s)",
    )
    parser.add_argument(
        "-learning_rate",
        type=runs.positive,
        nargs="+",
        default=0.001,
        help="[logistic_regression, mlp] (default: %(default)s)",
    )
    parser.add_argument(
        "-l2_penalty",
        type=runs.non_negative,
        nargs="+",
        default=0.0,
        help="adds l2_penalty / 2 * |W|^2 to the cost, so l2_penalty * W to the gradient "
        "[logistic_regression] (default: %(default)s)",
    )
    parser.add_argument(
        "-precision",
        choices=["float32", "float64"],
        nargs="+",
        help="of the products in training [all] (default: float64 for logistic_regression, with "
        "-standardize and for the perceptron in batches, else float32)",
    )
    runs.add_shared_options(parser)
    return sweeps.parse(parser, arguments, MODELS, file_name, resolve, USES)


def file_name(opt, parser):
    """The name of a run's files: the model and the options that differ from their defaults."""
    return f"Q1-{opt.model}{runs.settings(opt, parser)}{{data}}-{{quantity}}"


def resolve(opt, parser):
    """Fill in the default that depends on other options."""
    if opt.precision is None:
        in_float64 = opt.standardize or (opt.model == "perceptron" and opt.batch_size > 1)
        opt.precision = "float64" if in_float64 else PRECISION[opt.model]


def main():
    sweeps.run(parse_arguments(), train)


def train(opt, name, data):
    """One run from its seed to its figures: `opt` its options, `name` its files', `data` `runs.Data`."""
    utils.configure_seed(opt.seed)

    train_images = data.arrays["train_images"]
    train_y, val_y, test_y = (data.arrays[f"{split}_labels"] for split in utils.SPLITS)
    linear = opt.model != "mlp"
    scale = utils.feature_statistics(train_images) if opt.standardize else None

    def matrix(split, dtype):
        return utils.Pixels(data.arrays[f"{split}_images"], linear, dtype, scale)

    # No near tie may be decided by rounding. For pixels the linear models see to that in float32.
    evaluation_dtype = opt.precision
    if linear:
        evaluation_dtype = "float64" if opt.standardize else "float32"
    train_X = matrix("train", opt.precision)
    evaluated_X, val_X, test_X = (matrix(split, evaluation_dtype) for split in utils.SPLITS)

    n_classes, n_features = data.n_classes, train_X.shape[1]
    settings = {"learning_rate": opt.learning_rate, "batch_size": opt.batch_size}
    if opt.model == "perceptron":
        model = Perceptron(n_classes, n_features, dtype=opt.precision)
    elif opt.model == "logistic_regression":
        model = LogisticRegression(n_classes, n_features)
        settings["l2_penalty"] = opt.l2_penalty
    else:
        model = MLP(n_classes, n_features, opt.hidden_size, dtype=opt.precision)
    order = np.arange(len(train_y), dtype=np.min_scalar_type(len(train_y)))

    run = runs.Run(opt, data, name, title(opt), FIGURES[opt.model])
    # The second core has the next block to prepare (see `blocks`). Left to itself, BLAS would split
    # these small products over both, which gains little and, beside another program, costs much.
    with run, threadpool_limits(1, "blas"), np.errstate(all="ignore"):
        if opt.resume:
            order = run.load_checkpoint(lambda saved: restore(model, order, saved))
        else:
            with run.clock("evaluation"):
                run.initial["train_acc"] = model.evaluate(evaluated_X, train_y)
                run.initial["val_acc"] = model.evaluate(val_X, val_y)
            run.say(
                f"initial train acc: {run.initial['train_acc']:.4f} | "
                f"initial val acc: {run.initial['val_acc']:.4f}"
            )

        for _ in run.epochs():
            with run.clock("training"):
                # As the skeleton re-indexes arrays that it has shuffled before: this gives
                # order[np.random.permutation(n)], in place.
                np.random.shuffle(order)
                shuffled_X = run.progress_of_slices(train_X.reordered(order))
                loss = model.train_epoch(shuffled_X, train_y[order], **settings)
            with run.clock("evaluation"):
                if opt.model == "logistic_regression":
                    train_acc, train_loss = accuracy_and_loss(model, evaluated_X, train_y)
                    val_acc, val_loss = accuracy_and_loss(model, val_X, val_y)
                else:
                    train_acc = model.evaluate(evaluated_X, train_y)
                    val_acc = model.evaluate(val_X, val_y)
                figures = {"train_acc": train_acc, "val_acc": val_acc}
                line = f"train acc: {train_acc:.4f} | val acc: {val_acc:.4f}"
                if opt.model == "logistic_regression":
                    figures["w_norm"] = float(np.linalg.norm(model.W))
                    penalty = opt.l2_penalty / 2 * figures["w_norm"] ** 2
                    figures["train_loss"], figures["val_loss"] = train_loss, val_loss
                    figures["train_cost"] = figures["train_loss"] + penalty
                    figures["val_cost"] = figures["val_loss"] + penalty
                    line = f"{line} | W norm: {figures['w_norm']:.4f}"
                elif opt.model == "mlp":
                    figures["loss"] = loss
                    line = f"loss: {loss:.4f} | {line}"
            run.end_epoch(line, state(model, order), **figures)

        run.say(f"Training took {run.duration()}")
        test_acc = model.evaluate(test_X, test_y)
        run.say(f"Final test acc: {test_acc:.4f}")

        def draw_weights():
            return utils.plot_weights(model.W[:, :-1], train_images.shape[1:], run.title, opt.show)

        pictures = [("weights", draw_weights)] if linear else []
        last = run.history[-1]
        run.finish(
            pictures, train_acc=last["train_acc"], val_acc=last["val_acc"], test_acc=test_acc
        )


def title(opt):
    """The model and its settings, for the figures' titles."""
    words = [opt.model.replace("_", " ").replace("mlp", "MLP")]
    if opt.model == "mlp":
        words.append(f"{opt.hidden_size} hidden units")
    if opt.model != "perceptron":
        words.append(f"learning rate {opt.learning_rate:g}")
    if opt.model == "logistic_regression":
        words.append(f"l2 penalty {opt.l2_penalty:g}")
    words.append("one example a step" if opt.batch_size == 1 else f"batches of {opt.batch_size}")
    if opt.standardize:
        words.append("standardised")
    if opt.seed != 42:
        words.append(f"seed {opt.seed}")
    return ", ".join(words)


def state(model, order):
    """All that the next epoch depends on, as a dict of arrays."""
    _, keys, position, _, _ = np.random.get_state()
    return {
        "order": order,
        "random_keys": keys,
        "random_position": np.array(position),
        **{name: getattr(model, name) for name in model.PARAMETERS},
    }


def restore(model, order, saved):
    """Put a saved `state` back, which stays as it is; returns the order of the examples.

    ValueError where it does not fit.
    """
    for name, now in state(model, order).items():
        if (saved[name].shape, saved[name].dtype) != (now.shape, now.dtype):
            raise ValueError(f"{name} has another shape or type")
    position = int(saved["random_position"])
    if not 0 <= position <= len(saved["random_keys"]):  # NumPy would read beyond the keys
        raise ValueError("random_position is out of range")
    if not np.array_equal(np.sort(saved["order"]), np.arange(len(order))):
        raise ValueError("order is no permutation")
    np.random.set_state(("MT19937", saved["random_keys"], position))
    for name in model.PARAMETERS:
        getattr(model, name)[...] = saved[name]
    return saved["order"].copy()


if __name__ == "__main__":
    utils.run_script(main)
