"""Question 1: perceptron, logistic regression and MLP in NumPy, trained one example at a time.

    python hw1-q1.py perceptron -epochs 100
    python hw1-q1.py logistic_regression -epochs 100 -l2_penalty 0.01
    python hw1-q1.py mlp

The models come first, then the options, then the loop over epochs. `train_epoch` is the textbook's
loop over `update_weight`. fast/exact_sgd.py takes the same steps sooner, checks that against the
loop, and runs the loop itself where they differ: what you change here is what trains.
"""

import functools
import sys

try:
    import numpy as np

    import utils
    from fast import exact_sgd
    from fast.pixels import FeatureMatrix, feature_statistics, part
    from lab import figures, numpy_state, options, process, sweep
    from lab.run import Run
except ModuleNotFoundError as error:
    advice = "activate the environment, or 'pip install -r requirements.txt'"
    print(f"hw1-q1.py: the package {error.name} is missing; {advice}", file=sys.stderr)
    sys.exit(2)
except KeyboardInterrupt:
    sys.exit(130)

# --------------------------------------------------------------------------------------------
# Models


class Model:
    """What the models share. X is (n, n_features), y (n,) classes from 0."""

    def predict(self, X):
        """The class with the largest score, the first of equals; of many examples or of one."""
        return self.scores(X).argmax(axis=-1)

    def evaluate(self, X, y):
        """The fraction of rows whose predicted class is the gold one."""
        return float(np.mean(self.predict(X) == np.reshape(y, len(X))))

    def train_epoch(self, X, y, batch_size=1, **settings):
        """One pass over the rows in order: one step per example, or per batch on its mean gradient.

        Returns the mean over examples of the losses that the steps return, if they return one.
        """
        y = exact_sgd.gold_classes(y, len(X))
        if batch_size == 1:
            examples = zip(X, y, strict=True)
            losses = [self.update_weight(x_i, y_i, **settings) for x_i, y_i in examples]
        else:
            batches = [slice(start, start + batch_size) for start in range(0, len(y), batch_size)]
            losses = [self.update_batch(X[rows], y[rows], **settings) for rows in batches]
        return None if losses[0] is None else float(np.mean(np.hstack(losses)))

    def update_batch(self, X, y, **settings):
        """One step along the mean gradient of a batch; `update_weight` accepts a batch, too."""
        return self.update_weight(X, y, **settings)


class LinearModel(Model):
    """Scores W x. W (n_classes, n_features) starts at zero. A bias is a last feature of ones."""

    def __init__(self, n_classes, n_features):
        self.W = np.zeros((n_classes, n_features))

    def scores(self, X):
        """W x of each example, (n, n_classes); of one example (n_classes,)."""
        return X @ self.W.T


class Perceptron(LinearModel):
    """Rosenblatt's perceptron for several classes. A learning rate would only scale W: none is used."""

    def update_weight(self, x_i, y_i, learning_rate=1.0, l2_penalty=0.0):
        """If another class than y_i is predicted, add x_i to y_i's row and subtract it from the other's."""
        y_hat = self.predict(x_i)
        if y_hat != y_i:
            self.W[y_i] += x_i
            self.W[y_hat] -= x_i

    def update_batch(self, X, y, learning_rate=1.0, l2_penalty=0.0):
        """The mean of the updates that `update_weight` would make on the examples of the batch."""
        onehot = np.eye(len(self.W))
        self.W += mean_outer(onehot[y] - onehot[self.predict(X)], X)


class LogisticRegression(LinearModel):
    """Softmax regression. The cost of an example is -log softmax(W x)[y] + l2_penalty / 2 |W|^2."""

    def update_weight(self, x_i, y_i, learning_rate=0.001, l2_penalty=0.0):
        """One gradient step on the example x_i (n_features,) of class y_i."""
        _, error = cross_entropy(self.scores(x_i), y_i)
        self.W -= learning_rate * (mean_outer(error, x_i) + l2_penalty * self.W)


class MLP(Model):
    """One hidden layer of relu units: z = W1 x + b1, h = relu(z), logits = W2 h + b2.

    W1 (hidden_size, n_features) and then W2 (n_classes, hidden_size) are drawn from N(0.1, 0.1^2)
    with NumPy's global generator; b1 and b2 are zero. The loss is softmax cross-entropy.
    """

    def __init__(self, n_classes, n_features, hidden_size):
        self.W1 = np.random.normal(0.1, 0.1, (hidden_size, n_features))
        self.b1 = np.zeros(hidden_size)
        self.W2 = np.random.normal(0.1, 0.1, (n_classes, hidden_size))
        self.b2 = np.zeros(n_classes)

    def scores(self, X):
        """The logits of each example, (n, n_classes); of one example (n_classes,)."""
        return self.forward(X)[-1]

    def forward(self, x):
        """Forward pass: z (..., hidden_size), h (..., hidden_size), logits (..., n_classes)."""
        z = x @ self.W1.T + self.b1
        h = np.maximum(z, 0)
        return z, h, h @ self.W2.T + self.b2

    def backward(self, x, z, h, error):
        """Backpropagation: the gradients of W1, b1, W2, b2, given `error`, that of the logits."""
        error_z = error @ self.W2 * (z > 0)
        return mean_outer(error_z, x), mean(error_z), mean_outer(error, h), mean(error)

    def update_weight(self, x_i, y_i, learning_rate=0.001):
        """One gradient step on the example x_i (n_features,) of class y_i; the loss before it."""
        z, h, logits = self.forward(x_i)
        loss, error = cross_entropy(logits, y_i)
        gradients = self.backward(x_i, z, h, error)
        parameters = self.W1, self.b1, self.W2, self.b2
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= learning_rate * gradient
        return loss


class SparseLogisticRegression(LogisticRegression):
    """Softmax regression whose cost has l1_penalty |W|_1 as well: weights become exactly zero.

    l1's proximal step is taken once for many examples, or per batch: the next example's gradient step
    moves every weight off zero again (Langford et al., Sparse online learning via truncated gradient).
    """

    TRUNCATION = 1920  # examples between two proximal steps; each batch is followed by its own

    def train_epoch(self, X, y, batch_size=1, learning_rate=0.001, l1_penalty=0.0, **settings):
        """One pass over the rows in order: the steps of `LogisticRegression` and the proximal steps."""
        settings |= {"batch_size": batch_size, "learning_rate": learning_rate}
        every = self.TRUNCATION if batch_size == 1 else batch_size
        for start in range(0, len(y), every):
            rows = slice(start, start + every)
            exact_sgd.train_epoch(self, part(X, rows), y[rows], super().train_epoch, **settings)
            steps = len(y[rows]) if batch_size == 1 else 1
            threshold = steps * learning_rate * l1_penalty
            self.W -= np.clip(self.W, -threshold, threshold)


# --------------------------------------------------------------------------------------------
# The mathematics, for one example or for a batch


def cross_entropy(logits, y):
    """-log softmax(logits)[y], and its gradient at the logits: softmax(logits) - onehot(y).

    logits (n_classes,) and y a class; or (n, n_classes) and (n,), for losses (n,) and gradients of
    the logits' shape. The largest logit is subtracted first, since exp(710) overflows.
    """
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_softmax = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    gold = np.arange(logits.shape[-1]) == np.expand_dims(y, -1)
    return -log_softmax[gold].reshape(np.shape(y)), np.exp(log_softmax) - gold


def mean_outer(a, b):
    """The outer product a b^T of one example's vectors; for a batch, the mean over its examples."""
    return np.outer(a, b) if a.ndim == 1 else a.T @ b / len(a)


def mean(a):
    """One example's vector unchanged; for a batch, the mean over its examples."""
    return a if a.ndim == 1 else a.mean(axis=0)


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
    option("batch_size", options.count, 1, "examples per update; their gradients are averaged", short="batch")
    option("hidden_size", options.count, 100, "units in the hidden layer", ["mlp"], "hidden", "{} hidden units")
    option("learning_rate", options.positive, 0.001, "learning rate", [*lr, "mlp"], "lr", "learning rate {}")
    option("l2_penalty", options.non_negative, 0.0, "adds l2_penalty / 2 * |W|^2 to the cost", lr, "l2", "l2 penalty {}")
    option("l1_penalty", options.non_negative, 0.0, "adds l1_penalty * |W|_1 to the cost, by proximal steps", lr, "l1")
    # fmt: on
    parser.shared_options()
    return sweep.parse(parser, arguments)


# --------------------------------------------------------------------------------------------
# The program


def main(arguments):
    """Train what the command line, a list of words, asks for; returns what `train` does."""
    return sweep.train_all(parse_arguments(arguments), train)


def train(opt, names, data):
    """One run, from its seed to its figures; returns the model and a dict of numbers per epoch."""
    utils.configure_seed(opt.seed)
    train_y, val_y, test_y = (data.arrays[f"{split}_labels"] for split in utils.SPLITS)
    scale = feature_statistics(data.arrays["train_images"]) if opt.standardize else None
    train_X, val_X, test_X = (
        FeatureMatrix(data.arrays[f"{split}_images"], opt.model != "mlp", standardize=scale)
        for split in utils.SPLITS
    )
    model, settings = build(opt, data.n_classes, train_X.shape[1])
    order = np.arange(len(train_y), dtype=np.min_scalar_type(len(train_y)))
    run = Run(SCRIPT, opt, data, names, FIGURES[opt.model])
    with run, exact_sgd.one_blas_thread():
        if opt.resume:
            run.load_checkpoint(functools.partial(numpy_state.restore, model, order))
        else:
            with run.clock("evaluation"):
                run.initial["train_acc"], _ = exact_sgd.evaluate(model, train_X, train_y)
                run.initial["val_acc"], _ = exact_sgd.evaluate(model, val_X, val_y)
            line = "initial train acc: {train_acc:.4f} | initial val acc: {val_acc:.4f}"
            run.say(line.format(**run.initial))

        for _ in run.epochs():
            with run.clock("training"):
                # The order of the epoch before is permuted, as when the skeleton re-indexes its arrays.
                np.random.shuffle(order)
                shuffled_X = run.watched(train_X.changed(order=order))
                loss = exact_sgd.train_epoch(model, shuffled_X, train_y[order], **settings)
            with run.clock("evaluation"):
                line, numbers = measure(model, opt, loss, (train_X, train_y), (val_X, val_y))
            # Prints the line, and saves a checkpoint where one is due.
            run.end_epoch(line, numpy_state.state(model, order), **numbers)

        run.say(f"Training took {run.duration()}")
        test_acc, scores = exact_sgd.evaluate(model, test_X, test_y)
        run.say(f"Final test acc: {test_acc:.4f}")
        weights = model.W[:, :-1] if isinstance(model, LinearModel) else None
        last, outcome = run.history[-1], figures.Outcome(scores, weights)
        run.finish(outcome, train_acc=last["train_acc"], val_acc=last["val_acc"], test_acc=test_acc)
    return model, run.history


def build(opt, n_classes, n_features):
    """The model that the options ask for, and the settings of its `train_epoch`."""
    settings = {"batch_size": opt.batch_size, "learning_rate": opt.learning_rate}
    if opt.model == "perceptron":
        return Perceptron(n_classes, n_features), settings
    if opt.model == "mlp":
        return MLP(n_classes, n_features, opt.hidden_size), settings
    settings["l2_penalty"] = opt.l2_penalty
    if opt.model == "logistic_regression" and opt.l1_penalty:
        settings["l1_penalty"] = opt.l1_penalty
        return SparseLogisticRegression(n_classes, n_features), settings
    if opt.model == "logistic_regression":
        return LogisticRegression(n_classes, n_features), settings
    raise NotImplementedError(f"build has no branch for {opt.model}")


def measure(model, opt, loss, train, val):
    """The line to print and the numbers to keep after an epoch; `train` and `val` are (X, y)."""
    train_acc, train_scores = exact_sgd.evaluate(model, *train)
    val_acc, val_scores = exact_sgd.evaluate(model, *val)
    line = f"train acc: {train_acc:.4f} | val acc: {val_acc:.4f}"
    numbers = {"train_acc": train_acc, "val_acc": val_acc}
    if opt.model == "perceptron":
        return line, numbers
    if opt.model == "mlp":
        return f"loss: {loss:.4f} | {line}", numbers | {"loss": loss}
    norm = float(np.linalg.norm(model.W))
    penalty = opt.l2_penalty / 2 * norm**2 + opt.l1_penalty * float(np.abs(model.W).sum())
    train_loss = float(cross_entropy(train_scores, train[1])[0].mean())
    val_loss = float(cross_entropy(val_scores, val[1])[0].mean())
    losses = {"w_norm": norm, "train_loss": train_loss, "val_loss": val_loss}
    costs = {"train_cost": train_loss + penalty, "val_cost": val_loss + penalty}
    return f"{line} | W norm: {norm:.4f}", numbers | losses | costs


if __name__ == "__main__":
    process.run_script(main)
