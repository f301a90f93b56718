"""Question 2: logistic regression and a feedforward network in PyTorch, trained by mini-batches.

    python hw1-q2.py logistic_regression -epochs 100 -batch_size 32 -l2_decay 0.01
    python hw1-q2.py mlp -batch_size 512
    torchrun --nproc-per-node 2 hw1-q2.py mlp -batch_size 512       on two processes: see lab/torchrun.py

The models and the functions that train and evaluate them come first, as in the course's skeleton;
then the options, then the loop over epochs.
"""

import argparse
import functools
import math
import os
import sys

# By default OpenMP's threads spin while they wait for each other. Beside another busy program they
# then burn the time that the awaited thread needs. torch reads these when it is imported.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # libgomp: turns of its loop
    os.environ.setdefault("KMP_BLOCKTIME", "0")  # libomp and Intel's: milliseconds

try:
    import torch
    import torch.distributed as dist
    from torch import nn

    import utils
    from fast.batches import image_tensors, shuffled_batches
    from lab import figures, options, process, sweep, torch_state, torchrun
    from lab.figures import Outcome
    from lab.run import Run
except ModuleNotFoundError as error:
    if __name__ != "__main__":
        raise
    advice = "activate the environment, or 'pip install -r requirements.txt'"
    print(f"hw1-q2.py: the package {error.name} is missing; {advice}", file=sys.stderr)
    sys.exit(2)
except KeyboardInterrupt:
    sys.exit(130)

SCRIPT = "hw1-q2.py"
EPOCH_LINE = "train loss: {train_loss:.4f} | val loss: {val_loss:.4f} | val acc: {val_acc:.4f}"


# --------------------------------------------------------------------------------------------
# Models


class LogisticRegression(nn.Module):
    """Softmax regression: the logits are W x + b."""

    def __init__(self, n_classes, n_features, **kwargs):
        super().__init__()
        self.linear = nn.Linear(n_features, n_classes)

    def forward(self, x, **kwargs):
        """x (batch, n_features) -> logits (batch, n_classes); the softmax is in the criterion."""
        return self.linear(x)


class FeedforwardNetwork(nn.Module):
    """`layers` hidden layers of `hidden_size` units, each followed by activation and dropout."""

    def __init__(
        self, n_classes, n_features, hidden_size, layers, activation_type, dropout, **kwargs
    ):
        """activation_type is "relu" or "tanh"; dropout the probability that a unit is left out."""
        super().__init__()
        activation = {"relu": nn.ReLU, "tanh": nn.Tanh}[activation_type]
        modules, width = [], n_features
        for _ in range(layers):
            modules += [nn.Linear(width, hidden_size), activation(), nn.Dropout(dropout)]
            width = hidden_size
        self.network = nn.Sequential(*modules, nn.Linear(width, n_classes))

    def forward(self, x, **kwargs):
        """x (batch, n_features) -> logits (batch, n_classes); the softmax is in the criterion."""
        return self.network(x)


# --------------------------------------------------------------------------------------------
# Training and evaluation


def train_batch(X, y, model, optimizer, criterion, **kwargs):
    """One optimiser step on a batch.

    X (batch, n_features), y (batch,) gold classes; returns the loss before the step, a float.
    """
    optimizer.zero_grad()
    loss = criterion(model(X), y)
    loss.backward()
    optimizer.step()
    return loss.item()


def train_epoch(batches, model, optimizer, criterion):
    """A step on each of the batches, pairs (X, y); returns the mean of their losses."""
    losses = [train_batch(X, y, model, optimizer, criterion) for X, y in batches]
    return torch.tensor(losses).mean().item()


@torch.no_grad()
def predict(model, X):
    """The class of each row's largest logit, X (n, n_features) -> (n,); of one example a number.

    The model's mode is kept.
    """
    return model(X).argmax(dim=-1) if X.dim() > 1 else model(X[None]).argmax()


@torch.no_grad()
def all_logits(model, X, block=2048):
    """The logits (n, n_classes) of the model without dropout on X (n, n_features).

    Rows are taken a block at a time, so that hidden units take no more memory for a larger n. The
    model's mode is kept.
    """
    was_training = model.training
    model.eval()
    logits = None
    for start in range(0, len(X), block):
        part = model(X[start : start + block])
        if logits is None:  # not a list: small tensors kept between large ones fragment the memory
            logits = part.new_empty(len(X), part.shape[-1])
        logits[start : start + block] = part
    model.train(was_training)
    return logits.float() if logits.dtype == torch.bfloat16 else logits  # NumPy has no bfloat16


def evaluate(model, X, y, criterion):
    """(loss, accuracy) of the model without dropout on X (n, n_features) with gold classes y (n,)."""
    logits, y = all_logits(model, X), y.reshape(len(X))  # (n, 1) would compare each with all
    accuracy = (logits.argmax(dim=-1) == y).sum().item() / len(y)
    return criterion(logits, y).item(), accuracy


# --------------------------------------------------------------------------------------------
# Options

FIGURES = {"logistic_regression": figures.TORCH, "mlp": figures.TORCH}


def parse_arguments(arguments):
    """What a command line, a list of words, asks for: a `sweep.Sweep`, most often of a single run."""
    about = "Homework 1, Question 2: train a model in PyTorch by mini-batches."
    parser = options.ModelParser(SCRIPT, about, FIGURES)
    option, network, few = parser.option, ["mlp"], options.whole_number(1, 100)
    # fmt: off
    option("epochs", options.count, 200, "passes over the training examples", title="")
    option("batch_size", options.count, 64, "examples per update", [], "batch", "batches of {}")
    option("layers", few, 2, "hidden layers, 1 to 100", network, None, "{} hidden layers")
    option("hidden_size", options.count, 200, "units per hidden layer", network, "hidden", "{} units each")
    option("activation", ["tanh", "relu"], "relu", "activation of the hidden units", network, "act", "{}")
    option("learning_rate", options.positive, 0.002, "learning rate", [], "lr", "learning rate {}")
    option("l2_decay", options.non_negative, 0.0, "the optimiser's weight_decay", [], "l2", "l2 decay {}")
    option("dropout", options.fraction, 0.3, "probability of leaving a hidden unit out", network, None, "dropout {}")
    option("momentum", options.fraction, 0.0, "of sgd; adam has its own", [], "mom")
    option("optimizer", ["sgd", "adam"], "sgd", "optimiser", [], "opt", "{}")
    option("precision", ["float32", "bfloat16"], "float32", "of the matrix products; bfloat16 is slow on processors without it")
    option("device", device, "cpu", "device to train on: cpu, cuda or mps", nargs=None)
    # fmt: on
    parser.shared_options()
    return sweep.parse(parser, arguments, resolve)


def resolve(opt, parser):
    """Reject conflicting options."""
    if opt.optimizer == "adam" and opt.momentum:
        parser.error("-momentum is for -optimizer sgd; adam keeps moments of its own")


def device(text):
    """An argparse type: the name of a torch device that this machine has."""
    try:
        torch.zeros(1, device=text).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise argparse.ArgumentTypeError(f"{text} is not available here; use cpu") from error
    return text


# --------------------------------------------------------------------------------------------
# The program


def main(arguments):
    """Train what the command line, a list of words, asks for; returns what `train` does."""
    asked = parse_arguments(arguments)
    if dist.is_torchelastic_launched():
        torchrun.join(asked)
    return sweep.train_all(asked, train)


def train(opt, names, data):
    """One run, from its seed to its figures; returns the model and a dict of numbers per epoch."""
    utils.configure_seed(opt.seed)
    train_X, val_X, test_X = image_tensors(data.arrays, opt.device, opt.standardize)
    generator = torch.Generator().manual_seed(opt.seed)
    model, optimizer = build(opt, data.n_classes, train_X.bytes.shape[1])
    criterion = nn.CrossEntropyLoss()
    several = dist.is_initialized()  # processes, under torchrun
    books = torchrun.RankRun if several else Run
    run = books(SCRIPT, opt, data, names, FIGURES[opt.model], torch.get_num_threads())
    # Without the cache, which would keep the first step's weights in bfloat16 for all the others.
    kind, bfloat16 = torch.device(opt.device).type, opt.precision == "bfloat16"
    with run, torch.autocast(kind, torch.bfloat16, bfloat16, cache_enabled=False):
        if opt.resume:
            run.load_checkpoint(functools.partial(torch_state.restore, model, optimizer, generator))
        else:
            with run.clock("evaluation"):
                _, run.initial["val_acc"] = evaluate(model, val_X, val_X.y, criterion)
            run.say(f"initial val acc: {run.initial['val_acc']:.4f}")
        learner, an_epoch = model, train_epoch
        if several:
            learner = torchrun.parallel(model)
            an_epoch = functools.partial(torchrun.train_epoch, train_batch)

        for _ in run.epochs():
            with run.clock("training"):
                batches = shuffled_batches(train_X, opt.batch_size, generator)
                batches = run.watched_batches(batches, math.ceil(len(train_X) / opt.batch_size))
                train_loss = an_epoch(batches, learner, optimizer, criterion)
            with run.clock("evaluation"):
                val_loss, val_acc = evaluate(model, val_X, val_X.y, criterion)
            numbers = {"train_loss": train_loss, "val_loss": val_loss, "val_acc": val_acc}
            state = torch_state.state(model, optimizer, generator)
            run.end_epoch(EPOCH_LINE.format(**numbers), state, **numbers)

        run.say(f"Training took {run.duration()}")
        logits, gold = all_logits(model, test_X).cpu().numpy(), data.arrays["test_labels"]
        test_acc = float((logits.argmax(axis=1) == gold).mean())
        run.say(f"Final test acc: {test_acc:.4f}")
        _, train_acc = evaluate(model, train_X, train_X.y, criterion)
        accuracies = {"train_acc": train_acc, "val_acc": run.history[-1]["val_acc"]}
        run.finish(Outcome(logits), **accuracies, test_acc=test_acc)
    return model, run.history


def build(opt, n_classes, n_features):
    """The model, on its device, and the optimiser that the options ask for. MemoryError."""
    try:
        if opt.model == "logistic_regression":
            model = LogisticRegression(n_classes, n_features)
        elif opt.model == "mlp":
            hidden = opt.hidden_size, opt.layers, opt.activation, opt.dropout
            model = FeedforwardNetwork(n_classes, n_features, *hidden)
        else:
            raise NotImplementedError(f"build() has no branch for {opt.model}")
        model.to(opt.device)
    except RuntimeError as error:  # torch has no error class of its own for too little memory
        if "memory" not in str(error):
            raise
        raise MemoryError(str(error).rpartition(": ")[2]) from error
    # A fused step reads a large W once; for small models the plain step is faster.
    settings = {"lr": opt.learning_rate, "weight_decay": opt.l2_decay, "fused": opt.model == "mlp"}
    if opt.optimizer == "sgd":
        return model, torch.optim.SGD(model.parameters(), momentum=opt.momentum, **settings)
    return model, torch.optim.Adam(model.parameters(), **settings)


if __name__ == "__main__":
    (torchrun if dist.is_torchelastic_launched() else process).run_script(main)
