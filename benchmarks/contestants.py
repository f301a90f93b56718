"""The contestants of speed.py and growth.py: each a process that trains an epoch when told to.

`processes.Contestant` is its parent's end. The process answers on its standard output, one JSON value
per line: null once it is ready, then the seconds of an epoch for each line that it reads.

The scripts and the plain programs are run as they are, by their own main(): they are only stopped
before each epoch, so that what is timed is what a user gets, threads, memory and all. Each has a
process of its own because they do not leave each other alone in one: what a program has freed
before decides how fast the next one gets its memory. Of all contestants only one works at a time.
"""

import importlib
import itertools
import json
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# --------------------------------------------------------------------------------------------
# Waiting


def wait_for_turn(seconds=None):
    """Answer with the seconds of the epoch before, and wait until the next one is asked for.

    The answer is given here and not at the epoch's end so that what a program does between two
    epochs, such as evaluation, is over before another contestant starts.
    """
    print(json.dumps(seconds), file=sys.__stdout__, flush=True)
    if not sys.stdin.readline():
        sys.exit()


def take_turns(epoch, share=1.0):
    """Train a `share` of an epoch whenever one is asked for, and answer with the seconds of a whole."""
    seconds = None
    while True:
        wait_for_turn(seconds)
        start = time.perf_counter()
        epoch()
        seconds = (time.perf_counter() - start) / share


# --------------------------------------------------------------------------------------------
# Programs, stopped before each epoch


def homework_script(data_path, script, *options):
    """hw1-q1.py or hw1-q2.py; an epoch is what its own clock counts as training."""
    main = importlib.import_module(script.removesuffix(".py")).main
    from lab.run import Run

    def epochs(run):
        seconds = None
        while True:
            wait_for_turn(seconds)
            before = run.seconds["training"]
            yield
            seconds = run.seconds["training"] - before

    Run.epochs = epochs
    Run.end_epoch = lambda *_, **__: None  # keeps no history, prints and writes nothing
    with tempfile.TemporaryDirectory() as plots:
        main([*options, "-data_path", data_path, "-plots_dir", plots])


def plain_q1(data_path, *options):
    """plain_q1.py; an epoch is its `train_epoch`, not the re-indexing of the arrays before it."""
    import plain_q1

    def stopped(train_epoch):
        seconds = None

        def wait_and_train(model, X, y, **settings):
            nonlocal seconds
            wait_for_turn(seconds)
            start = time.perf_counter()
            loss = train_epoch(model, X, y, **settings)
            seconds = time.perf_counter() - start
            return loss

        return wait_and_train

    for model in (plain_q1.LinearModel, plain_q1.MLP):
        model.train_epoch = stopped(model.train_epoch)
    plain_q1.main([*options, "-data_path", data_path, "-epochs", "1000000"])


def plain_loop_alone(data_path, model, l2="0"):
    """The loop of plain_q1.py in a process that has loaded the training set and nothing else."""
    import numpy as np
    import plain_q1

    np.random.seed(42)
    with np.load(data_path) as data:
        X, y = data["train_images"], data["train_labels"].reshape(-1)
    X = X.reshape(len(X), -1) / 256
    n_classes = int(y.max()) + 1
    if model == "mlp":
        trained = plain_q1.MLP(n_classes, X.shape[1], 100)
    else:
        X = np.hstack((X, np.ones((len(X), 1))))
        perceptron = model == "perceptron"
        linear = plain_q1.Perceptron if perceptron else plain_q1.LogisticRegression
        trained = linear(n_classes, X.shape[1])

    take_turns(lambda: trained.train_epoch(X, y, learning_rate=0.001, l2_penalty=float(l2)))


def plain_q2(data_path, *options):
    """plain_q2.py; an epoch is the loop over its DataLoader."""
    import plain_q2

    class StoppedLoader(plain_q2.DataLoader):
        seconds = None

        def __iter__(self):
            wait_for_turn(self.seconds)
            start = time.perf_counter()
            yield from super().__iter__()  # the loop's body runs between two of these
            self.seconds = time.perf_counter() - start

    plain_q2.DataLoader = StoppedLoader
    plain_q2.main([*options, "-data_path", data_path, "-epochs", "1000000"])


# --------------------------------------------------------------------------------------------
# What else a student could pick


def training_set(data_path):
    """(X, y): pixels / 256 in float32, of shape (n, features), and int64 labels (n,)."""
    import numpy as np

    import utils
    from fast.pixels import FeatureMatrix

    arrays = utils.read_npz(data_path)
    return FeatureMatrix(arrays["train_images"], dtype=np.float32)[:], arrays["train_labels"]


def part_of(X, denominator):
    """How many of X's n examples the slow contestants see: n / denominator, but 50 if there are."""
    return min(len(X), max(50, len(X) // int(denominator)))


def sklearn_linear(data_path, model, l2="0"):
    """scikit-learn's Perceptron or SGDClassifier on two threads.

    An epoch is (fit of three epochs - fit of one) / 2: what `fit` does once is not counted.
    """
    from sklearn.linear_model import Perceptron, SGDClassifier

    X, y = training_set(data_path)

    def fit_seconds(epochs):
        if model == "perceptron":
            classifier = Perceptron(n_jobs=2, max_iter=epochs, tol=None)
        else:
            penalty = {"alpha": float(l2)} if float(l2) else {"penalty": None}
            classifier = SGDClassifier(
                loss="log_loss", n_jobs=2, max_iter=epochs, tol=None, **penalty
            )
        start = time.perf_counter()
        classifier.fit(X, y)
        return time.perf_counter() - start

    seconds = None
    while True:
        wait_for_turn(seconds)
        seconds = (fit_seconds(3) - fit_seconds(1)) / 2


def sklearn_mlp(data_path, hidden_size, denominator):
    """scikit-learn's MLPClassifier, one example per step, without momentum and penalty.

    An epoch is `partial_fit` on the first n / denominator examples, its seconds scaled up to n.
    """
    import numpy as np
    from sklearn.neural_network import MLPClassifier

    X, y = training_set(data_path)
    classifier = MLPClassifier((int(hidden_size),), solver="sgd", batch_size=1, alpha=0, momentum=0)
    m, classes = part_of(X, denominator), np.unique(y)
    take_turns(lambda: classifier.partial_fit(X[:m], y[:m], classes=classes), m / len(X))


def torch_mlp(data_path, hidden_size, denominator):
    """The MLP in torch, one example per step, on tensors in memory.

    An epoch is n / denominator examples in a random order, its seconds scaled up to n.
    """
    import torch
    from torch import nn

    X, y = map(torch.from_numpy, training_set(data_path))
    first = nn.Linear(X.shape[1], int(hidden_size))
    model = nn.Sequential(first, nn.ReLU(), nn.Linear(int(hidden_size), int(y.max()) + 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
    criterion = nn.CrossEntropyLoss()
    m = part_of(X, denominator)

    def epoch():
        for i in torch.randperm(len(X))[:m].tolist():
            optimizer.zero_grad()
            criterion(model(X[i : i + 1]), y[i : i + 1]).backward()
            optimizer.step()

    take_turns(epoch, m / len(X))


# --------------------------------------------------------------------------------------------
# Matrix products alone


def numpy_products(data_path, hidden_size, threads):
    """The two large products of an MLP epoch, of whole-epoch sizes, in float32.

    X W1^T and D^T X, with X (n, features), W1 (hidden_size, features), D (n, hidden_size).
    `threads` of the BLAS, or "default".
    """
    import numpy as np
    from threadpoolctl import threadpool_limits

    X, _ = training_set(data_path)
    n, features = X.shape
    rng = np.random.default_rng(0)
    W = rng.standard_normal((int(hidden_size), features), np.float32)
    D = rng.standard_normal((n, int(hidden_size)), np.float32)
    Z, step = np.empty_like(D), np.empty_like(W)

    def epoch():
        np.matmul(X, W.T, out=Z)
        np.matmul(D.T, X, out=step)

    with threadpool_limits(None if threads == "default" else int(threads), "blas"):
        take_turns(epoch)


def torch_products(data_path, batch_size, hidden_size, layers, batches):
    """The products of an epoch of the feedforward network, batch by batch, in float32.

    Forward and weight gradient of every layer, and the input gradient from the second on.
    `batches` is "all", each read once from memory as an epoch must, or "one", over and over.
    """
    import torch

    X, y = map(torch.from_numpy, training_set(data_path))
    n, batch_size = len(X), int(batch_size)
    widths = [X.shape[1], *[int(hidden_size)] * int(layers), int(y.max()) + 1]
    weights = [torch.randn(after, before) for before, after in itertools.pairwise(widths)]
    gradients = [torch.empty_like(W) for W in weights]

    def buffers(m):
        """Activations and their gradients for a batch of m; those of the pixels are not needed."""
        return [[torch.randn(m, width) for width in widths[1:]] for _ in range(2)]

    by_size = {m: buffers(m) for m in {min(batch_size, n), n % batch_size or batch_size}}

    def products(X_batch):
        outputs, errors = by_size[len(X_batch)]
        inputs = [X_batch, *outputs[:-1]]
        for h, W, z in zip(inputs, weights, outputs, strict=True):
            torch.mm(h, W.t(), out=z)
        for layer in reversed(range(len(weights))):
            torch.mm(errors[layer].t(), inputs[layer], out=gradients[layer])
            if layer:
                torch.mm(errors[layer], weights[layer], out=errors[layer - 1])

    def epoch():
        for row in range(0, n, batch_size):
            m = min(batch_size, n - row)
            products(X[row : row + m] if batches == "all" else X[:m])

    with torch.no_grad():
        take_turns(epoch)


RIVALS = {
    "plain_q1.py": plain_q1,
    "plain_loop_alone": plain_loop_alone,
    "plain_q2.py": plain_q2,
    "sklearn_linear": sklearn_linear,
    "sklearn_mlp": sklearn_mlp,
    "torch_mlp": torch_mlp,
    "numpy_products": numpy_products,
    "torch_products": torch_products,
}


def main():
    data_path, kind, *settings = sys.argv[1:]
    sys.path.insert(0, str(ROOT))
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115, what the programs print is in nobody's way
    if kind in RIVALS:
        RIVALS[kind](data_path, *settings)
    else:
        homework_script(data_path, kind, *settings)


if __name__ == "__main__":
    main()
