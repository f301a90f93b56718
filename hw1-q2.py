"""Question 2: logistic regression and a feedforward network in PyTorch, trained by mini-batches.

    python hw1-q2.py logistic_regression -epochs 100 -batch_size 32 -l2_decay 0.01
    python hw1-q2.py mlp -batch_size 512
    torchrun --nproc-per-node 2 hw1-q2.py mlp -batch_size 512       on two processes: see ranks.py

The models and the functions that train and evaluate them come first, as in the course's skeleton;
then the command line and the loop over epochs. Everything around that loop (names, figures,
records, checkpoints) is in runs.py.
"""

import argparse
import math

import numpy as np
import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.utils.data import DataLoader

import runs
import sweeps
import utils

# --------------------------------------------------------------------------------------------
# Models


# x W^T + b by oneDNN, which torch carries beside its BLAS (MKL); None where torch lacks it. oneDNN
# gives the same bits on any number of threads, which MKL does not, and on a processor that is not
# Intel's, where MKL uses half of the vector units' width, it takes half the time. torch has no
# public name for it, hence the way back to torch's own in `Linear`.
onednn_linear = getattr(torch.ops.mkldnn, "_linear_pointwise", None)


def product(A, B):
    """A B^T in float32: A (m, k), B (n, k) -> (m, n)."""
    return onednn_linear(A, B, None, "none", [], "")


class LinearByOneDNN(torch.autograd.Function):
    """x W^T + b and its gradients."""

    @staticmethod
    def forward(ctx, x, W, b):
        """x (batch, n_in), W (n_out, n_in), b (n_out,) -> (batch, n_out)."""
        ctx.save_for_backward(x, W)
        # oneDNN rearranges its second matrix, which had better be the smaller one. The result is not
        # left transposed, as dropout draws its masks in the order of memory.
        z = product(W, x).t().contiguous() if len(x) < len(W) else product(x, W)
        return z.add_(b)

    @staticmethod
    @once_differentiable
    def backward(ctx, error):
        """The gradients at x (None for the pixels, which need none), W and b."""
        x, W = ctx.saved_tensors
        error_x = product(error, W.t()) if ctx.needs_input_grad[0] else None
        return error_x, product(error.t(), x.t()), error.sum(dim=0)


class Linear(nn.Linear):
    """torch's linear layer with a bias, its products by oneDNN if they are of float32 on a CPU."""

    def forward(self, x):
        """x (batch, n_in) -> x W^T + b (batch, n_out)."""
        by_onednn = (
            onednn_linear is not None
            and x.dim() == 2
            and x.shape[1] == self.in_features
            and x.numel() > 0
            and x.device.type == "cpu"
            and x.dtype == self.weight.dtype == torch.float32
            and not torch.is_autocast_enabled("cpu")
        )
        if by_onednn:
            return LinearByOneDNN.apply(x, self.weight, self.bias)
        return super().forward(x)


class Dropout(nn.Dropout):
    """torch's dropout by the same draws, on a CPU in half the time that its bernoulli_ takes."""

    def forward(self, x):
        """x of any shape: its elements times 0, with probability p, or 1 / (1 - p)."""
        if not (self.training and 0 < self.p < 1 and x.device.type == "cpu"):
            return super().forward(x)
        kept = torch.rand(x.shape, dtype=torch.float64) < 1 - self.p
        return x * kept.to(x.dtype).div_(1 - self.p)


class LogisticRegression(nn.Module):
    """Softmax regression: the logits are W x + b."""

    def __init__(self, n_classes, n_features, **kwargs):
        super().__init__()
        self.linear = nn.Linear(n_features, n_classes)

    def forward(self, x, **kwargs):
        """x (batch, n_features) -> logits (batch, n_classes); the softmax is in the criterion."""
        # W x^T and not x W^T, for whose few columns MKL takes up to five times as long.
        return (self.linear.weight @ x.t()).t() + self.linear.bias


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
            modules += [Linear(width, hidden_size), activation(), Dropout(dropout)]
            width = hidden_size
        self.network = nn.Sequential(*modules, Linear(width, n_classes))

    def forward(self, x, **kwargs):
        """x (batch, n_features) -> logits (batch, n_classes); the softmax is in the criterion."""
        return self.network(x)


# --------------------------------------------------------------------------------------------
# Training and evaluation


def gradient_step(X, y, model, optimizer, criterion):
    """One optimiser step on a batch; returns its loss as a tensor, which waits for no device."""
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


@torch.no_grad()
def softmax_regression_step(X, y, model, optimizer, criterion):
    """`gradient_step` of a `LogisticRegression`, its gradient written out as in Question 1.

    Under nn.CrossEntropyLoss, which `criterion` has to be, the gradient at the logits is
    (p - onehot(y)) / m. Autograd comes to the same, but its bookkeeping takes longer than the two
    products of a few columns.
    """
    logits = model(X)
    error = torch.softmax(logits, dim=1, dtype=torch.float32)
    error -= nn.functional.one_hot(y, logits.shape[1])
    error /= len(y)
    model.linear.weight.grad = (error.t() @ X).to(model.linear.weight.dtype)
    model.linear.bias.grad = error.sum(dim=0)
    optimizer.step()
    return criterion(logits, y)


def train_epoch(batches, model, optimizer, criterion, step=gradient_step):
    """A step on each of the batches, pairs (X, y); the mean of their losses, a float.

    `step` is called as `gradient_step` is.
    """
    # Not a list: small tensors that stay, between batches that go, would scatter over the memory.
    losses = torch.empty(len(batches), device=next(model.parameters()).device)
    for i, (X_batch, y_batch) in enumerate(batches):
        losses[i] = step(X_batch, y_batch, model, optimizer, criterion)
    return losses.mean().item()


@torch.no_grad()
def predict(model, X):
    """The class of each row's largest logit, X (n, n_features) -> (n,); the model's mode is kept."""
    return model(X).argmax(dim=-1)


@torch.no_grad()
def evaluate(model, X, y, criterion, block=2048, team=None):
    """(loss, accuracy) of the model without dropout on X (n, n_features) with gold classes y (n,).

    `criterion` averages over the examples it is given. The rows are taken a block at a time, so
    memory does not grow with n; the ranks of a `ranks.Team` take turns at the blocks. The model is
    left in the mode that it was in.
    """
    was_training = model.training
    model.eval()
    loss, correct = 0.0, 0
    starts = range(0, len(y), block)
    for start in starts if team is None else starts[team.rank :: team.size]:
        X_block, y_block = X[start : start + block], y[start : start + block]
        logits = model(X_block)
        loss += criterion(logits, y_block).item() * len(y_block)
        correct += (logits.argmax(dim=-1) == y_block).sum().item()
    if team is not None:
        loss, correct = team.total(loss, correct)
    model.train(was_training)
    return loss / len(y), correct / len(y)


class ImageTensor(torch.utils.data.Dataset):
    """Images and labels on a device, the images as bytes, given out as float batches.

    A DataLoader asks `__getitems__` for a whole batch by its indices, so no example is touched
    alone. Slices serve `evaluate`.

    images : uint8 array of shape (n, height, width) or (n, height, width, channels), or
        `utils.StoredImages`, which stay in their file until a batch of them is asked for.
    labels : int64 array of shape (n,).
    scale : None, or the pair (mean, deviation) of `utils.feature_statistics`.
    """

    def __init__(self, images, labels, device, scale=None):
        self.bytes = utils.flat(images)
        if isinstance(images, np.ndarray):
            self.bytes = torch.from_numpy(self.bytes).to(device)
        self.y = torch.from_numpy(labels).to(device)
        self.scale = scale and [torch.from_numpy(s.astype(np.float32)).to(device) for s in scale]

    def __len__(self):
        return len(self.y)

    def __getitem__(self, rows):
        return self._floats(self.bytes[rows])

    def __getitems__(self, indices):
        indices = torch.as_tensor(indices, dtype=torch.int64, device=self.y.device)
        if isinstance(self.bytes, torch.Tensor):
            # Row by row; bytes[indices] would go pixel by pixel, in five times the time.
            raw = self.bytes.index_select(0, indices)
        else:
            raw = self.bytes[indices]
        return self._floats(raw), self.y[indices]

    def _floats(self, raw):
        X = torch.as_tensor(raw, device=self.y.device).to(torch.float32).mul_(1 / 256)
        if self.scale is not None:
            mean, deviation = self.scale
            X.sub_(mean).div_(deviation)
        return X


class ShuffledBatches:
    """The batches of `DataLoader(shuffle=True)` as tensors of indices, for its `batch_sampler`.

    The draws are those of torch's own samplers, which make a list of Python numbers of them: at
    every epoch's start 40 bytes an example, and time.
    """

    def __init__(self, n, batch_size, generator):
        self.n, self.batch_size, self.generator = n, batch_size, generator

    def __len__(self):
        return math.ceil(self.n / self.batch_size)

    def __iter__(self):
        yield from torch.randperm(self.n, generator=self.generator).split(self.batch_size)
        torch.randperm(self.n, generator=self.generator)  # RandomSampler draws one that it drops


# --------------------------------------------------------------------------------------------
# The program

FIGURES = [
    runs.Figure(
        "training-loss", "cross-entropy", {"train": "train_loss", "validation": "val_loss"}
    ),
    runs.Figure("validation-accuracy", "accuracy", {"validation": "val_acc"}, best="validation"),
]

MODELS = ["logistic_regression", "mlp"]
# Which models use an option that not all of them use.
USES = {name: {"mlp"} for name in ("hidden_size", "layers", "dropout", "activation")}


def parse_arguments(arguments=None):
    """What a command line asks for: a `sweeps.Sweep`, most often of a single run."""
    parser = utils.Parser(
        description="Homework 1, Question 2: train a model in PyTorch by mini-batches.",
        epilog="In brackets: the models that use the option.",
    )
    parser.add_argument("model", choices=MODELS)
    parser.add_argument(
        "-epochs", type=runs.count, nargs="+", default=200, help="[all] (default: %(default)s)"
    )
    parser.add_argument(
        "-batch_size",
        type=runs.count,
        nargs="+",
        default=64,
        help="examples an update [all] (default: %(default)s)",
    )
    parser.add_argument(
        "-hidden_size",
        type=runs.count,
        nargs="+",
        default=200,
        help="units a hidden layer [mlp] (default: %(default)s)",
    )
    parser.add_argument(
        "-layers",
        type=utils.whole_number(1, 100),
        nargs="+",
        default=2,
        help="hidden layers, 1 to 100 [mlp] (default: %(default)s)",
    )
    parser.add_argument(
        "-learning_rate",
        type=runs.positive,
        nargs="+",
        default=0.002,
        help="[all] (default: %(default)s)",
    )
    parser.add_argument(
        "-l2_decay",
        type=runs.non_negative,
        nargs="+",
        default=0.0,
        help="the optimiser's weight_decay [all] (default: %(default)s)",
    )
    parser.add_argument(
        "-dropout",
        type=runs.fraction,
        nargs="+",
        default=0.3,
        help="probability of leaving a hidden unit out [mlp] (default: %(default)s)",
    )
    parser.add_argument(
        "-momentum",
        type=runs.fraction,
        nargs="+",
        default=0.0,
        help="of sgd; adam has its own [all] (default: %(default)s)",
    )
    parser.add_argument(
        "-activation",
        choices=["tanh", "relu"],
        nargs="+",
        default="relu",
        help="[mlp] (default: %(default)s)",
    )
    parser.add_argument(
        "-optimizer",
        choices=["sgd", "adam"],
        nargs="+",
        default="sgd",
        help="[all] (default: %(default)s)",
    )
    parser.add_argument(
        "-device",
        type=device,
        default="cpu",
        help="cpu, cuda or mps, where the images and the model live [all] (default: %(default)s)",
    )
    parser.add_argument(
        "-precision",
        choices=["float32", "bfloat16"],
        nargs="+",
        default="float32",
        help="of the matrix products [all] (default: %(default)s)",
    )
    runs.add_shared_options(parser)
    return sweeps.parse(parser, arguments, MODELS, file_name, resolve, USES)


def resolve(opt, parser):
    """Refuse what does not go together."""
    if opt.optimizer == "adam" and opt.momentum:
        parser.error("-momentum is for -optimizer sgd; adam keeps moments of its own")


def file_name(opt, parser):
    """The name of a run's files: the skeleton's, which spells most options out, and what differs."""
    if opt.model == "logistic_regression":
        config = (
            f"batch-{opt.batch_size}-lr-{opt.learning_rate}-epochs-{opt.epochs}-"
            f"l2-{opt.l2_decay}-opt-{opt.optimizer}"
        )
        spelt_out = ["batch_size", "learning_rate", "epochs", "l2_decay", "optimizer"]
    else:
        config = (
            f"batch-{opt.batch_size}-lr-{opt.learning_rate}-epochs-{opt.epochs}-"
            f"hidden-{opt.hidden_size}-dropout-{opt.dropout}-l2-{opt.l2_decay}-"
            f"layers-{opt.layers}-act-{opt.activation}-opt-{opt.optimizer}-mom-{opt.momentum}"
        )
        spelt_out = ["batch_size", "learning_rate", "epochs", "hidden_size", "dropout"]
        spelt_out += ["l2_decay", "layers", "activation", "optimizer", "momentum"]
    settings = runs.settings(opt, parser, leave_out=spelt_out)
    return f"{opt.model}-{{quantity}}-{config}{settings}{{data}}"


def device(text):
    """An argparse type: the name of a torch device that this machine has."""
    try:
        torch.zeros(1, device=text).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise argparse.ArgumentTypeError(
            f"{text} is not to be had on this machine (cpu always is)"
        ) from error
    return text


def title(opt):
    """The model and its settings, for the figures' titles."""
    words = [opt.model.replace("_", " ").replace("mlp", "MLP")]
    if opt.model == "mlp":
        words.append(f"{opt.layers} x {opt.hidden_size} {opt.activation}")
        words.append(f"dropout {opt.dropout:g}")
    words += [f"batches of {opt.batch_size}", f"{opt.optimizer} {opt.learning_rate:g}"]
    if opt.momentum:
        words.append(f"momentum {opt.momentum:g}")
    words.append(f"l2 decay {opt.l2_decay:g}")
    if opt.standardize:
        words.append("standardised")
    if opt.precision != "float32":
        words.append(opt.precision)
    if opt.seed != 42:
        words.append(f"seed {opt.seed}")
    return ", ".join(words)


def build(opt, n_classes, n_features):
    """The model, on its device, and the optimiser that the options ask for."""
    if opt.model == "logistic_regression":
        model = LogisticRegression(n_classes, n_features)
    else:
        model = FeedforwardNetwork(
            n_classes, n_features, opt.hidden_size, opt.layers, opt.activation, opt.dropout
        )
    model.to(opt.device)
    # A fused step reads a large W once; of a small one torch's plain step is sooner done.
    fused = opt.model == "mlp"
    settings = {"lr": opt.learning_rate, "weight_decay": opt.l2_decay, "fused": fused}
    if opt.optimizer == "sgd":
        return model, torch.optim.SGD(model.parameters(), momentum=opt.momentum, **settings)
    return model, torch.optim.Adam(model.parameters(), **settings)


def main(team=None):
    """The program; `team` is the `ranks.Team` that this process belongs to under torchrun."""
    sweep = parse_arguments()
    if team is None:
        sweeps.run(sweep, train)
    else:
        team.run(sweep, train)


def train(opt, name, data, team=None):
    """One run from its seed to its figures: `opt` its options, `name` its files', `data` `runs.Data`."""
    utils.configure_seed(opt.seed)

    scale = utils.feature_statistics(data.arrays["train_images"]) if opt.standardize else None
    train, val, test = (
        ImageTensor(
            data.arrays[f"{split}_images"], data.arrays[f"{split}_labels"], opt.device, scale
        )
        for split in utils.SPLITS
    )
    generator = torch.Generator().manual_seed(opt.seed)
    batches = DataLoader(
        train if team is None else team.share(train),
        batch_sampler=ShuffledBatches(len(train), opt.batch_size, generator),
        generator=generator,
        collate_fn=lambda batch: batch,
    )

    try:
        model, optimizer = build(opt, data.n_classes, train.bytes.shape[1])
    except RuntimeError as error:
        if "memory" not in str(error):  # torch has no error of its own for too little of it
            raise
        said = " ".join(str(error).split())
        raise MemoryError(said.rpartition("DefaultCPUAllocator: ")[2][:120]) from error
    criterion = nn.CrossEntropyLoss()
    step = softmax_regression_step if opt.model == "logistic_regression" else gradient_step

    about = opt, data, name, title(opt), FIGURES
    run = runs.Run(*about) if team is None else team.join(model, *about)

    def measure(X):
        return evaluate(model, X, X.y, criterion, team=team)

    # Without the cache, which would keep the first step's weights in bfloat16 for all the others.
    products = torch.autocast(
        torch.device(opt.device).type,
        torch.bfloat16,
        enabled=opt.precision == "bfloat16",
        cache_enabled=False,
    )
    with run, products:
        if opt.resume:
            run.load_checkpoint(lambda saved: restore(model, optimizer, generator, saved))
        else:
            with run.clock("evaluation"):
                _, run.initial["val_acc"] = measure(val)
            run.say(f"initial val acc: {run.initial['val_acc']:.4f}")

        for _ in run.epochs():
            with run.clock("training"):
                progress = run.progress(batches)
                if team is None:
                    train_loss = train_epoch(progress, model, optimizer, criterion, step)
                else:
                    train_loss = team.train_epoch(progress, optimizer)
            with run.clock("evaluation"):
                val_loss, val_acc = measure(val)
            run.end_epoch(
                f"train loss: {train_loss:.4f} | val loss: {val_loss:.4f} | val acc: {val_acc:.4f}",
                state(model, optimizer, generator),
                train_loss=train_loss,
                val_loss=val_loss,
                val_acc=val_acc,
            )

        run.say(f"Training took {run.duration()}")
        _, test_acc = measure(test)
        run.say(f"Final test acc: {test_acc:.4f}")
        _, train_acc = measure(train)
        run.finish(train_acc=train_acc, val_acc=run.history[-1]["val_acc"], test_acc=test_acc)


def dropout_state(device):
    """The state of the device's generator, which draws the dropout's masks, as a uint8 tensor."""
    if device.type == "cuda":
        return torch.cuda.get_rng_state(device)
    return torch.mps.get_rng_state() if device.type == "mps" else torch.get_rng_state()


def restore_dropout(device, state):
    """Put a `dropout_state` back."""
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    elif device.type == "mps":
        torch.mps.set_rng_state(state)
    else:
        torch.set_rng_state(state)


def moment_names(optimizer):
    """What the optimiser remembers of each parameter from one step to the next."""
    if isinstance(optimizer, torch.optim.Adam):
        return ["step", "exp_avg", "exp_avg_sq"]
    return ["momentum_buffer"] if optimizer.defaults["momentum"] else []


def state(model, optimizer, generator):
    """All that the next epoch depends on, as a dict of arrays."""
    arrays = {f"model/{name}": value for name, value in model.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            if value is not None:  # sgd without momentum keeps a None
                arrays[f"optimizer/{index}/{name}"] = value
    arrays["random/batches"] = generator.get_state()
    arrays["random/dropout"] = dropout_state(next(model.parameters()).device)
    return {name: value.detach().cpu().numpy() for name, value in arrays.items()}


def restore(model, optimizer, generator, saved):
    """Put a saved `state` back. An error that NumPy or torch raises where it does not fit."""
    weights, moments = {}, {}
    for key, value in saved.items():
        kind, _, name = key.partition("/")
        if kind == "model":
            weights[name] = torch.from_numpy(value)
        elif kind == "optimizer":
            index, _, name = name.partition("/")
            moments.setdefault(int(index), {})[name] = torch.from_numpy(value)
    model.load_state_dict(weights)
    for index, parameter in enumerate(model.parameters()):
        for name in moment_names(optimizer):
            expected = () if name == "step" else parameter.shape
            if moments[index][name].shape != expected:
                raise ValueError(f"{name} of parameter {index} has another shape")
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})
    generator.set_state(torch.from_numpy(saved["random/batches"]))
    restore_dropout(next(model.parameters()).device, torch.from_numpy(saved["random/dropout"]))


if __name__ == "__main__":
    if torch.distributed.is_torchelastic_launched():
        import ranks

        ranks.run_script(main)
    else:
        utils.run_script(main)
