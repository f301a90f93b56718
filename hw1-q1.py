"""Question 1: perceptron, logistic regression and MLP in NumPy, trained one example at a time.

    python hw1-q1.py perceptron -epochs 100
    python hw1-q1.py logistic_regression -epochs 100 -l2_penalty 0.01
    python hw1-q1.py mlp

The models come first, then the options, then the loop over epochs. A model gives the gradient of its
loss at its scores; `rank_one_blocks` turns those of several examples into exact steps, one per
example: fast/blocks.py says how, docs/exact-sgd.md why that is exact.
"""

from lab import startup  # isort: skip

if __name__ == "__main__":
    startup.begin()

import functools
import math

import numpy as np

import utils
from fast import ties
from fast.blocks import CHUNK, blocks, gold_classes, one_blas_thread, rank_one_blocks
from fast.pixels import FeatureMatrix, feature_statistics
from lab import figures, numpy_state, options, process, sweep
from lab.figures import Outcome
from lab.names import changed_options
from lab.run import Run

# --------------------------------------------------------------------------------------------
# Models


def cross_entropy(logits, gold):
    """-log softmax(logits)[gold], and its gradient at the logits: softmax(logits) - onehot(gold).

    For one example, logits (classes,) and gold a class, a number and a list; for several, logits
    (n, classes) and gold (n,), arrays of shape (n,) and (n, classes). The largest logit is subtracted
    first, as exp of the MLP's first logits, in the thousands, overflows.
    """
    if logits.ndim == 1:  # for so few numbers plain floats are several times faster than arrays
        logits = logits.tolist()
        largest = max(logits)
        gradient = [math.exp(logit - largest) for logit in logits]
        total = sum(gradient)
        gradient = [value / total for value in gradient]
        gradient[gold] -= 1
        return math.log(total) + largest - logits[gold], gradient
    rows = np.arange(len(gold))
    shifted = logits - logits.max(axis=1, keepdims=True)
    gradient = np.exp(shifted)
    total = gradient.sum(axis=1, keepdims=True)
    gradient /= total
    gradient[rows, gold] -= 1
    return np.log(total[:, 0]) - shifted[rows, gold], gradient


class Model:
    """What the models share: classes from scores. X is (n, features) or a `FeatureMatrix`."""

    def predict(self, X):
        """The class of each row's largest score, the first of equals, (n,); of one example a number."""
        if len(X.shape) == 1:
            return self.scores(X[None])[0].argmax()
        found = [self.scores(rows).argmax(axis=1) for rows, _ in blocks(X, range(len(X)), CHUNK)]
        return np.concatenate([np.zeros(0, np.int64), *found])

    def evaluate(self, X, y):
        """The fraction of rows whose predicted class is the gold one; y (n,) or (n, 1)."""
        return float(np.mean(self.predict(X) == np.reshape(y, X.shape[:-1])))


class LinearModel(Model):
    """Scores W x; W (n_classes, n_features) starts at zero. A bias is a last feature of ones."""

    PARAMETERS = ("W",)

    def __init__(self, n_classes, n_features, dtype=np.float64):
        self.W = np.zeros((n_classes, n_features), dtype)

    def scores(self, X):
        """X W^T, (n, n_classes), in float64; near ties of float32 pixels are settled exactly."""
        return ties.scores(X, self.W)


class Perceptron(LinearModel):
    """Rosenblatt's perceptron for several classes.

    On pixels / 256 its W is exact in float32 too, as sums of multiples of 1/256 up to 2^16. Rounding
    of the scores could only change near ties: see fast/ties.py.
    """

    BLOCK = 32  # examples between two estimates of the rounding
    rounding = None  # of the scores, at most; None where they are in float64

    def update_weight(self, x_i, y_i, learning_rate=1.0, l2_penalty=0.0):
        """If y_i is not predicted, add x_i (n_features,) to its row and take it from the predicted one's.

        The learning rate, which only scales a W that starts at zero, is 1; the penalty is not used.
        """
        y_hat = ties.argmax(self.W, x_i, self.rounding)
        if y_hat != y_i:
            self.W[y_i] += x_i
            self.W[y_hat] -= x_i

    def train_epoch(self, X, y, learning_rate=1.0, l2_penalty=0.0, batch_size=1):
        """One pass over the rows of X in order: one update per example, or a mean one per batch."""
        y = gold_classes(y, X, len(self.W))
        if batch_size > 1:
            onehot = np.eye(len(self.W))
            for X_batch, y_batch in blocks(X, y, batch_size):
                error = onehot[(X_batch @ self.W.T).argmax(axis=1)] - onehot[y_batch]
                self.W -= error.T @ X_batch / len(y_batch)
            return
        for X_block, y_block in blocks(X, y, self.BLOCK):
            self.rounding = ties.bound_over_steps(self.W, self.BLOCK)
            for x_i, y_i in zip(X_block, y_block.tolist(), strict=True):
                self.update_weight(x_i, y_i)


class LogisticRegression(LinearModel):
    """Softmax regression: the cost is -log softmax(W x)[y] + l2_penalty / 2 |W|_2^2 + l1_penalty |W|_1."""

    # Examples. The Gram matrices' work grows with it, the number of calls shrinks; and with 6,913
    # features about 12 rows are the most that OpenBLAS's routine for small products takes.
    BLOCK = 12
    # Examples between two proximal steps for l1: the gradient step of the next example would move
    # every weight off zero again (Langford et al., Sparse online learning via truncated gradient).
    TRUNCATION = 1920

    def gradient(self, scores, y):
        """The loss's gradient at the scores, of one example or of each row: softmax - onehot."""
        return cross_entropy(scores, y)[1]

    def update_weight(self, x_i, y_i, learning_rate=0.001, l2_penalty=0.0):
        """One gradient step on the example x_i (n_features,) of class y_i."""
        error = self.gradient(self.W.dot(x_i), y_i)
        self.W -= learning_rate * (np.outer(error, x_i) + l2_penalty * self.W)

    def shrink(self, threshold):
        """l1's proximal step: take `threshold` off every |weight|, to exactly zero at the most."""
        if threshold:
            self.W -= np.clip(self.W, -threshold, threshold)

    def train_epoch(self, X, y, learning_rate=0.001, l2_penalty=0.0, batch_size=1, l1_penalty=0.0):
        """One pass over the rows of X in order: one step per example, or per batch on its mean loss."""
        y = gold_classes(y, X, len(self.W))
        if batch_size > 1:
            for X_batch, y_batch in blocks(X, y, batch_size):
                error = self.gradient(X_batch @ self.W.T, y_batch)
                gradient = error.T @ X_batch / len(y_batch)
                self.W -= learning_rate * (gradient + l2_penalty * self.W)
                self.shrink(learning_rate * l1_penalty)
            return
        every = self.TRUNCATION if l1_penalty else len(y)
        for start in range(0, len(y), every):
            stop = min(start + every, len(y))
            self.take_steps(X, y, start, stop, learning_rate, l2_penalty)
            self.shrink(learning_rate * l1_penalty * (stop - start))

    def take_steps(self, X, y, start, stop, learning_rate, l2_penalty):
        """The steps of `update_weight` on the rows from `start` to `stop`, those of a block at once.

        Where the textbook reads W, the block is asked for the scores; where the textbook changes W, it
        is given the error. The last rows, too few for a block, are taken one at a time.
        """
        whole = start + (stop - start - 1) // self.BLOCK * self.BLOCK
        settings = self.BLOCK, learning_rate, 1 - learning_rate * l2_penalty
        for block, y_block in rank_one_blocks(self.W, X, y[:whole], *settings, start=start):
            for i, y_i in enumerate(y_block):
                block.errors[i] = self.gradient(block.scores(i), y_i)
        for X_rest, y_rest in blocks(X, y[:stop], self.BLOCK, whole):
            for x_i, y_i in zip(X_rest, y_rest, strict=True):
                self.update_weight(x_i, y_i, learning_rate, l2_penalty)


class MLP(Model):
    """One hidden layer of relu units: z = W1 x + b1, h = relu(z), logits = W2 h + b2.

    W1 (hidden_size, n_features) and then W2 (n_classes, hidden_size) are drawn from N(0.1, 0.1^2)
    with NumPy's global generator; b1 and b2 are zero. The loss is softmax cross-entropy.
    """

    PARAMETERS = ("W1", "b1", "W2", "b2")
    BLOCK = 96  # examples; more than logistic regression's, as each product has all of W1 to read

    def __init__(self, n_classes, n_features, hidden_size, dtype=np.float64):
        self.W1 = np.random.normal(0.1, 0.1, (hidden_size, n_features)).astype(dtype)
        self.b1 = np.zeros(hidden_size, dtype)
        self.W2 = np.random.normal(0.1, 0.1, (n_classes, hidden_size)).astype(dtype)
        self.b2 = np.zeros(n_classes, dtype)

    def forward(self, z):
        """Forward pass from z (..., hidden_size): (h, logits), the logits (..., n_classes)."""
        h = np.maximum(z, 0)
        return h, h @ self.W2.T + self.b2

    def backward(self, error, z):
        """Backpropagation: the loss's gradient at z, given `error`, that at the logits.

        The gradients of the weights are outer products with each layer's input, error h^T for W2
        and backward(error, z) x^T for W1; those of the biases are the errors themselves.
        """
        return error @ self.W2 * (z > 0)

    def scores(self, X):
        """The logits of X (n, n_features)."""
        return self.forward(X @ self.W1.T + self.b1)[1]

    def train_epoch(self, X, y, learning_rate=0.001, batch_size=1):
        """One pass over the rows of X in order: one step per example, or per batch on its mean loss.

        Returns the mean over examples of the loss just before the update that they took part in.
        W1 and b1 take the steps of a block at once, as in `LogisticRegression.take_steps`.
        """
        y = gold_classes(y, X, len(self.W2))
        if batch_size > 1:
            return self._train_epoch_in_batches(X, y, learning_rate, batch_size)
        total = 0.0
        for block, y_block in rank_one_blocks(self.W1, X, y, self.BLOCK, learning_rate, b=self.b1):
            for i, y_i in enumerate(y_block):
                z = block.scores(i)
                h, logits = self.forward(z)
                loss, error = cross_entropy(logits, y_i)
                total += loss
                error = np.array(error, h.dtype)
                # The error goes back through the W2 that made it, so W2 changes after.
                block.errors[i] = self.backward(error, z)
                error *= learning_rate
                self.W2 -= error[:, None] * h
                self.b2 -= error
        return total / len(y)

    def _train_epoch_in_batches(self, X, y, learning_rate, batch_size):
        total = 0.0
        for X_batch, y_batch in blocks(X, y, batch_size):
            m = len(y_batch)
            z = X_batch @ self.W1.T + self.b1
            h, logits = self.forward(z)
            losses, error = cross_entropy(logits, y_batch)
            total += m * float(np.mean(losses))
            error_z = self.backward(error, z)
            self.W2 -= learning_rate * (error.T @ h / m)
            self.b2 -= learning_rate * error.mean(axis=0)
            self.W1 -= learning_rate * (error_z.T @ X_batch / m)
            self.b1 -= learning_rate * error_z.mean(axis=0)
        return total / len(y)


# --------------------------------------------------------------------------------------------
# Options

SCRIPT = "hw1-q1.py"
FIGURES = {
    "perceptron": [figures.ACCURACIES],
    "logistic_regression": [figures.ACCURACIES, figures.NORMS, figures.LOSSES, figures.COSTS],
    "mlp": [figures.ACCURACIES, figures.TRAINING_LOSS],
}


def parse_arguments(arguments):
    """What a command line, a list of words, asks for: a `sweep.Sweep`, most often of a single run."""
    about = "Homework 1, Question 1: train a model in NumPy, one example at a time."
    parser = options.ModelParser(SCRIPT, about, FIGURES)
    option, lr = parser.option, ["logistic_regression"]
    # fmt: off
    option("epochs", options.count, 20, "passes over the training examples", title="")
    option("batch_size", options.count, 1, "examples per update, which follows their mean gradient", short="batch")
    option("hidden_size", options.count, 100, "hidden units", ["mlp"], "hidden", "{} hidden units")
    option("learning_rate", options.positive, 0.001, "size of a step", [*lr, "mlp"], "lr", "learning rate {:g}")
    option("l2_penalty", options.non_negative, 0.0, "adds l2_penalty / 2 * |W|^2 to the cost, so l2_penalty * W "
           "to the gradient", lr, "l2", "l2 penalty {:g}")
    option("l1_penalty", options.non_negative, 0.0, "adds l1_penalty * |W|_1 to the cost, by proximal steps", lr, "l1")
    # fmt: on
    parser.shared_options()
    return sweep.parse(parser, arguments, file_name)


def file_name(opt, parser):
    """The name of a run's files: the model and the options that differ from their defaults."""
    return f"Q1-{opt.model}{changed_options(opt, parser)}{{data}}-{{quantity}}"


# --------------------------------------------------------------------------------------------
# The program


def main(arguments):
    """Train what the command line, a list of words, asks for; returns what `train` does."""
    return sweep.train_all(parse_arguments(arguments), train)


def train(opt, names, data):
    """One run from its seed to its figures: its options, its `Names`, its `Data`.

    Returns the model and its history, a list with a dict of numbers per epoch.
    """
    utils.configure_seed(opt.seed)
    train_y, val_y, test_y = (data.arrays[f"{split}_labels"] for split in utils.SPLITS)
    dtype, evaluation_dtype = precisions(opt)
    scale = feature_statistics(data.arrays["train_images"]) if opt.standardize else None
    train_X, *_ = matrices(data, opt.model, dtype, scale)
    evaluated_X, val_X, test_X = matrices(data, opt.model, evaluation_dtype, scale)
    model, settings = build(opt, data.n_classes, train_X.shape[1], dtype)
    order = np.arange(len(train_y), dtype=np.min_scalar_type(len(train_y)))

    run = Run(SCRIPT, opt, data, names, FIGURES[opt.model])
    with run, one_blas_thread():
        if opt.resume:
            run.load_checkpoint(functools.partial(numpy_state.restore, model, order))
        else:
            with run.clock("evaluation"):
                train_acc = run.initial["train_acc"] = model.evaluate(evaluated_X, train_y)
                val_acc = run.initial["val_acc"] = model.evaluate(val_X, val_y)
            run.say(f"initial train acc: {train_acc:.4f} | initial val acc: {val_acc:.4f}")

        for _ in run.epochs():
            with run.clock("training"):
                # As the skeleton re-indexes arrays that it has shuffled before: this gives
                # order[np.random.permutation(n)], in place.
                np.random.shuffle(order)
                shuffled_X = run.watched(train_X.reordered(order))
                loss = model.train_epoch(shuffled_X, train_y[order], **settings)
            with run.clock("evaluation"):
                line, numbers = measure(model, opt, loss, (evaluated_X, train_y), (val_X, val_y))
            run.end_epoch(line, numpy_state.state(model, order), **numbers)

        run.say(f"Training took {run.duration()}")
        test_acc = model.evaluate(test_X, test_y)
        run.say(f"Final test acc: {test_acc:.4f}")
        final = {name: run.history[-1][name] for name in ("train_acc", "val_acc")}
        weights = model.W[:, :-1] if isinstance(model, LinearModel) else None
        scores = np.concatenate([model.scores(X) for X, _ in blocks(test_X, test_y, CHUNK)])
        outcome = Outcome.of(scores, test_y, scores.argmax(axis=1), weights)
        run.finish(outcome, **final, test_acc=test_acc)
    return model, run.history


def precisions(opt):
    """The types of the numbers that train and that evaluate: float32 where no printed digit changes.

    Logistic regression trained in float32 would classify one example in a million differently. The MLP's
    digits depend on the order of summation in any precision.
    """
    if opt.standardize:
        return np.float64, np.float64
    exact = opt.model == "perceptron" and opt.batch_size == 1
    return np.float32 if exact or opt.model == "mlp" else np.float64, np.float32


def matrices(data, model, dtype, scale):
    """The images of train, val and test as the matrices that a model sees, with a bias if linear."""
    images = [data.arrays[f"{split}_images"] for split in utils.SPLITS]
    return [FeatureMatrix(each, model != "mlp", dtype, scale) for each in images]


def build(opt, n_classes, n_features, dtype):
    """The model that the options ask for, and the keywords of its `train_epoch`."""
    settings = {"learning_rate": opt.learning_rate, "batch_size": opt.batch_size}
    if opt.model == "perceptron":
        return Perceptron(n_classes, n_features, dtype), settings
    if opt.model == "mlp":
        return MLP(n_classes, n_features, opt.hidden_size, dtype), settings
    settings |= {"l2_penalty": opt.l2_penalty, "l1_penalty": opt.l1_penalty}
    return LogisticRegression(n_classes, n_features, dtype), settings


def measure(model, opt, loss, train, val):
    """The line to print and the numbers to keep after an epoch; `train` and `val` are (X, y)."""
    if opt.model == "logistic_regression":
        train_acc, train_loss = accuracy_and_loss(model, *train)
        val_acc, val_loss = accuracy_and_loss(model, *val)
    else:
        train_acc, val_acc = model.evaluate(*train), model.evaluate(*val)
    line = f"train acc: {train_acc:.4f} | val acc: {val_acc:.4f}"
    numbers = {"train_acc": train_acc, "val_acc": val_acc}
    if opt.model == "perceptron":
        return line, numbers
    if opt.model == "mlp":
        return f"loss: {loss:.4f} | {line}", numbers | {"loss": loss}
    norm = float(np.linalg.norm(model.W))
    penalty = opt.l2_penalty / 2 * norm**2 + opt.l1_penalty * float(np.abs(model.W).sum())
    losses = {"w_norm": norm, "train_loss": train_loss, "val_loss": val_loss}
    costs = {"train_cost": train_loss + penalty, "val_cost": val_loss + penalty}
    return f"{line} | W norm: {norm:.4f}", numbers | losses | costs


def accuracy_and_loss(model, X, y):
    """(accuracy, mean cross-entropy) on X (n, n_features) with gold classes y (n,), in one pass."""
    correct, losses = 0, []
    for X_block, y_block in blocks(X, y, CHUNK):
        scores = model.scores(X_block)
        correct += np.count_nonzero(scores.argmax(axis=1) == y_block)
        losses.append(cross_entropy(scores, y_block)[0])
    return correct / len(y), float(np.mean(np.concatenate(losses)))


if __name__ == "__main__":
    process.run_script(main)
