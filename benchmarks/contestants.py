"""The contestants of speed.py and growth.py: each a process that trains an epoch when told to.

`timing.Contestant` is its parent's end. The process answers on its standard output, one JSON value
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
    m = min(len(X), max(50, len(X) // int(denominator)))

    def epoch():
        for i in torch.randperm(len(X))[:m].tolist():
            optimizer.zero_grad()
            criterion(model(X[i : i + 1]), y[i : i + 1]).backward()
            optimizer.step()

    take_turns(epoch, m / len(X))


def torch_products(data_path, batch_size, hidden_size, layers):
    """The products of an epoch of the feedforward network, batch by batch, in float32.

    Forward and weight gradient of every layer, and the input gradient from the second on.
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
            products(X[row : row + m])

    with torch.no_grad():
        take_turns(epoch)


RIVALS = {
    "plain_q1.py": plain_q1,
    "plain_q2.py": plain_q2,
    "torch_mlp": torch_mlp,
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
