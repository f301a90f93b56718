"""Question 2: logistic regression and a feedforward network in PyTorch, trained by mini-batches.

    python hw1-q2.py logistic_regression -epochs 100 -batch_size 32 -l2_decay 0.01
    python hw1-q2.py mlp -batch_size 512
    torchrun --nproc-per-node 2 hw1-q2.py mlp -batch_size 512       on two processes: see lab/ranks.py

The models and the functions that train and evaluate them come first, as in the course's skeleton;
then the options, then the loop over epochs.
"""

import argparse
import functools
import math
import os
import sys

try:
    # Threads of torch's that wait for one another sleep at once; by default they spin, which takes the
    # core from a busy program beside them. Obeyed only if set before torch is loaded.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # libgomp, turns of its loop
        os.environ.setdefault("KMP_BLOCKTIME", "0")  # libomp and Intel's, milliseconds

    import torch
    from torch import nn

    import utils
    from fast.batches import ImageTensor, shuffled_batches
    from fast.layers import Dropout, few_outputs, has_fast_bfloat16, softmax_regression_step
    from fast.pixels import feature_statistics
    from lab import figures, options, process, sweep, torch_state
    from lab.alone import Alone
    from lab.figures import Outcome
except ModuleNotFoundError as error:
    advice = "activate the environment, or 'pip install -r requirements.txt'"
    print(f"hw1-q2.py: the package {error.name} is missing; {advice}", file=sys.stderr)
    sys.exit(2)
except KeyboardInterrupt:
    sys.exit(130)

SCRIPT = "hw1-q2.py"
ALONE = Alone()


# --------------------------------------------------------------------------------------------
# Models


class LogisticRegression(nn.Module):
    """Softmax regression: the logits are W x + b."""

    def __init__(self, n_classes, n_features, **kwargs):
        super().__init__()
        self.linear = nn.Linear(n_features, n_classes)

    def forward(self, x, **kwargs):
        """x (batch, n_features) -> logits (batch, n_classes); the softmax is in the criterion."""
        return few_outputs(self.linear, x)


class FeedforwardNetwork(nn.Module):
    """`layers` hidden layers of `hidden_size` units, each followed by activation and dropout."""

    def __init__(
        self, n_classes, n_features, hidden_size, layers, activation_type, dropout, **kwargs
    ):
        """activation_type is "relu" or "tanh"; dropout the probability that a unit is left out."""
        super().__init__()
        activation = {"relu": nn.ReLU, "tanh": nn.Tanh}[activation_type]
        modules = []
        width = n_features
        for _ in range(layers):
            modules += [nn.Linear(width, hidden_size), activation(), Dropout(dropout)]
            width = hidden_size
        self.network = nn.Sequential(*modules, nn.Linear(width, n_classes))

    def forward(self, x, **kwargs):
        """x (batch, n_features) -> logits (batch, n_classes); the softmax is in the criterion."""
        return self.network(x)


# --------------------------------------------------------------------------------------------
# Training and evaluation


def gradient_step(X, y, model, optimizer, criterion):
    """One optimiser step on a batch; returns its loss as a tensor, so that nothing waits for the device."""
    optimizer.zero_grad()
    loss = criterion(model(X), y)
    loss.backward()
    optimizer.step()
    return loss.detach()


def train_batch(X, y, model, optimizer, criterion, **kwargs):
    """One optimiser step on a batch.

    X (batch, n_features), y (batch,) gold classes; returns the loss before the step, a float.
    """
    return gradient_step(X, y, model, optimizer, criterion).item()


def train_epoch(batches, count, model, optimizer, criterion, step=train_batch):
    """A step on each of `count` batches, pairs (X, y); their losses, a tensor (count,).

    `step` is called as `train_batch` is.
    """
    # Not a list: small tensors kept between batches that are freed would fragment the memory.
    losses = torch.empty(count, device=next(model.parameters()).device)
    for i, batch in enumerate(batches):
        losses[i] = step(*batch, model, optimizer, criterion)
    return losses


@torch.no_grad()
def predict(model, X):
    """The class of each row's largest logit, X (n, n_features) -> (n,); of one example a number.

    The model's mode is kept.
    """
    return model(X).argmax(dim=-1) if X.dim() > 1 else model(X[None]).argmax()


@torch.no_grad()
def evaluate(model, X, y, criterion, block=2048, team=ALONE):
    """(loss, accuracy) of the model without dropout on X (n, n_features) with gold classes y (n,).

    `criterion` averages over the examples it is given. The rows are taken a block at a time, so
    memory does not grow with n; the ranks of a team take turns at the blocks. The model is left in
    the mode that it was in.
    """
    was_training = model.training
    model.eval()
    y = y.reshape(len(X))  # (n, 1) would compare each with all
    loss, correct = 0.0, 0
    for start in team.turns(range(0, len(y), block)):
        X_block, y_block = X[start : start + block], y[start : start + block]
        logits = model(X_block)
        loss += criterion(logits, y_block).item() * len(y_block)
        correct += (logits.argmax(dim=-1) == y_block).sum().item()
    loss, correct = team.total(loss, correct)
    model.train(was_training)
    return loss / len(y), correct / len(y)


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
    option("learning_rate", options.positive, 0.002, "size of a step", [], "lr", "learning rate {}")
    option("l2_decay", options.non_negative, 0.0, "the optimiser's weight_decay", [], "l2", "l2 decay {}")
    option("dropout", options.fraction, 0.3, "probability of leaving a hidden unit out", network, None, "dropout {}")
    option("momentum", options.fraction, 0.0, "of sgd; adam has its own", [], "mom")
    option("optimizer", ["sgd", "adam"], "sgd", "what takes the steps", [], "opt", "{}")
    option("precision", ["float32", "bfloat16"], "float32", "precision of the matrix products")
    option("device", device, "cpu", "cpu, cuda or mps, where images and model live", nargs=None)
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
        raise argparse.ArgumentTypeError(
            f"{text} is not available on this machine (cpu always is)"
        ) from error
    return text


# --------------------------------------------------------------------------------------------
# The program


def main(arguments, team=ALONE):
    """Train what the command line, a list of words, asks for; returns what `train` does.

    team : the processes that train together, under torchrun; see lab/ranks.py.
    """
    return team.train_all(parse_arguments(arguments), functools.partial(train, team=team))


def train(opt, names, data, team=ALONE):
    """One run from its seed to its figures: its options, its `Names`, its `Data`.

    Returns the model and its history, a list with a dict of numbers per epoch.
    """
    utils.configure_seed(opt.seed)
    scale = feature_statistics(data.arrays["train_images"]) if opt.standardize else None
    train_X, val_X, test_X = (
        ImageTensor(
            data.arrays[f"{split}_images"], data.arrays[f"{split}_labels"], opt.device, scale
        )
        for split in utils.SPLITS
    )
    generator = torch.Generator().manual_seed(opt.seed)
    model, optimizer = build(opt, data.n_classes, train_X.bytes.shape[1])
    criterion = nn.CrossEntropyLoss()
    step = team.step(train_batch if opt.device == "cpu" else gradient_step)
    if opt.model == "logistic_regression":
        step = team.step(softmax_regression_step)
    share, count = team.share(train_X), math.ceil(len(train_X) / opt.batch_size)

    threads = torch.get_num_threads()
    run = team.begin_run(model, SCRIPT, opt, data, names, FIGURES[opt.model], threads)
    with run, product_precision(opt):
        if opt.resume:
            run.load_checkpoint(functools.partial(torch_state.restore, model, optimizer, generator))
        else:
            with run.clock("evaluation"):
                _, run.initial["val_acc"] = evaluate(model, val_X, val_X.y, criterion, team=team)
            run.say(f"initial val acc: {run.initial['val_acc']:.4f}")

        for _ in run.epochs():
            with run.clock("training"):
                batches = shuffled_batches(share, opt.batch_size, generator)
                batches = run.watched_batches(batches, count)
                losses = train_epoch(batches, count, team.model(model), optimizer, criterion, step)
                train_loss = team.mean(losses)
            with run.clock("evaluation"):
                val_loss, val_acc = evaluate(model, val_X, val_X.y, criterion, team=team)
            run.end_epoch(
                f"train loss: {train_loss:.4f} | val loss: {val_loss:.4f} | val acc: {val_acc:.4f}",
                torch_state.state(model, optimizer, generator),
                train_loss=train_loss,
                val_loss=val_loss,
                val_acc=val_acc,
            )

        run.say(f"Training took {run.duration()}")
        _, test_acc = evaluate(model, test_X, test_X.y, criterion, team=team)
        run.say(f"Final test acc: {test_acc:.4f}")
        _, train_acc = evaluate(model, train_X, train_X.y, criterion, team=team)
        final = {
            "train_acc": train_acc,
            "val_acc": run.history[-1]["val_acc"],
            "test_acc": test_acc,
        }
        run.finish(outcome(model, test_X), **final)
    return model, run.history


@torch.no_grad()
def outcome(model, X, block=2048):
    """What came of the model on the test images, an `ImageTensor`, for the run's pictures."""
    model.eval()
    starts = range(0, len(X), block)
    predictions = torch.cat([predict(model, X[start : start + block]) for start in starts])
    logits = torch.cat([model(X[start : start + block]) for start in starts]).float()
    return Outcome.of(logits.cpu().numpy(), X.y.cpu().numpy(), predictions.cpu().numpy())


def build(opt, n_classes, n_features):
    """The model, on its device, and the optimiser that the options ask for. MemoryError."""
    try:
        if opt.model == "logistic_regression":
            model = LogisticRegression(n_classes, n_features)
        else:
            model = FeedforwardNetwork(
                n_classes, n_features, opt.hidden_size, opt.layers, opt.activation, opt.dropout
            )
        model.to(opt.device)
    except RuntimeError as error:
        if "memory" not in str(error):  # torch has no error of its own for too little of it
            raise
        said = " ".join(str(error).split())
        raise MemoryError(said.rpartition("DefaultCPUAllocator: ")[2][:120]) from error
    # A fused step reads a large W once; for small models the plain step is faster.
    fused = opt.model == "mlp"
    settings = {"lr": opt.learning_rate, "weight_decay": opt.l2_decay, "fused": fused}
    if opt.optimizer == "sgd":
        return model, torch.optim.SGD(model.parameters(), momentum=opt.momentum, **settings)
    return model, torch.optim.Adam(model.parameters(), **settings)


def product_precision(opt):
    """A context in which matrix products have the precision that the options ask for."""
    if opt.precision == "bfloat16" and opt.device == "cpu" and not has_fast_bfloat16():
        utils.notice(
            "note: this processor has no instructions for bfloat16; float32 will be faster"
        )
    # Without the cache, which would keep the first step's weights in bfloat16 for all the others.
    return torch.autocast(
        torch.device(opt.device).type,
        torch.bfloat16,
        enabled=opt.precision == "bfloat16",
        cache_enabled=False,
    )


if __name__ == "__main__":
    if torch.distributed.is_torchelastic_launched():
        from lab import ranks

        ranks.run_script(main)
    else:
        process.run_script(main)
