"""A run's figures: its curves, what its weights look for, where it errs; their captions and files."""

import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import utils
from lab.files import replacing
from lab.quantities import as_share


@dataclass(frozen=True)
class Figure:
    """Curves to draw from the history.

    quantity : the figure's word in its file's name.
    ylabel : the axis.
    curves : {label in the legend: name in the history}.
    best : label of the curve whose best epoch is marked, or None.
    """

    quantity: str
    ylabel: str
    curves: dict
    best: str | None = None

    def draw(self, history, title, show=False):
        """The matplotlib figure of a history, a list with a dict of numbers per epoch."""
        epochs = list(range(1, len(history) + 1))
        curves = {label: [row[key] for row in history] for label, key in self.curves.items()}
        return utils.plot_curves(epochs, curves, self.ylabel, title, self.best, show)


TRAIN_AND_VALIDATION = {"train": "train_loss", "validation": "val_loss"}
ACCURACIES = Figure(
    "accs", "accuracy", {"train": "train_acc", "validation": "val_acc"}, best="validation"
)
NORMS = Figure("w_norms", "norm of the weights", {"|W|": "w_norm"})
LOSSES = Figure("loss", "cross-entropy", TRAIN_AND_VALIDATION)
COSTS = Figure("cost", "cross-entropy + penalty", {"train": "train_cost", "validation": "val_cost"})
TRAINING_LOSS = Figure("loss", "cross-entropy", {"train": "loss"})
# Question 2's, by the skeleton's names.
TORCH = [
    Figure("training-loss", "cross-entropy", TRAIN_AND_VALIDATION),
    Figure("validation-accuracy", "accuracy", {"validation": "val_acc"}, best="validation"),
]

# Of a finished run, by their words in the files' names.
CAPTIONS = {
    "weights": "weights of each class as an image",
    "weight-histogram": "histogram of the weights",
    "kept-weights": "weights that are not zero, in their channel's colour",
    "confusion": "confusion matrix, test set",
    "mistakes": "most confident mistakes, test set",
}
MISTAKES = 20  # images among them


@dataclass(frozen=True)
class Outcome:
    """What came of a run on the test images.

    scores : (n, n_classes); the predicted class has an image's highest.
    weights : (n_classes, features) of a linear model, without the bias; else None.
    """

    scores: np.ndarray
    weights: np.ndarray | None = None

    @property
    def predictions(self):
        """(n,) the predicted classes."""
        return self.scores.argmax(axis=1)


def quantities(opt, linear):
    """The keys of CAPTIONS that a run of these options draws; `linear`: of a linear NumPy model?"""
    of_weights = ["weights", "weight-histogram"] if linear else []
    if linear and opt.model == "logistic_regression" and opt.l1_penalty:
        of_weights.append("kept-weights")
    return [*of_weights, "confusion", "mistakes"]


def pictures(outcome, data, title, opt):
    """Yield (quantity, matplotlib figure) of a run's `Outcome` on its `dataset.Data`."""
    images, gold, names = data.arrays["test_images"], data.arrays["test_labels"], data.class_names
    weights = outcome.weights
    for quantity in quantities(opt, weights is not None):
        caption = CAPTIONS[quantity]
        about = f"{caption[0].upper()}{caption[1:]}\n{title}", opt.show
        if quantity == "weights":
            yield quantity, weight_images(weights, images.shape[1:], names, *about)
        elif quantity == "kept-weights":
            kept = (weights != 0).astype(float).reshape(-1, *images.shape[1:])
            yield quantity, contact_sheet(kept, names, 6, *about)
        elif quantity == "weight-histogram":
            yield quantity, weight_histogram(weights, *about)
        elif quantity == "confusion":
            yield quantity, confusion(gold, outcome.predictions, names, *about)
        else:
            yield quantity, mistakes(images, gold, outcome, names, *about)


def weight_images(weights, image_shape, names, title, show=False):
    """Each class's weights as an image, stretched to the class's own range, as a figure.

    weights : (n_classes, features); image_shape : (height, width) or (height, width, channels).
    """
    weights = np.where(np.isfinite(weights), weights, 0).astype(float)
    low = weights.min(axis=1, keepdims=True)
    span = weights.max(axis=1, keepdims=True) - low
    images = (weights - low) / np.where(span > 0, span, 1)
    return contact_sheet(images.reshape(-1, *image_shape), names, 6, title, show)


@utils.default_style()
def contact_sheet(images, labels, columns, title, show=False):
    """Images side by side, each with its label above it, as a figure.

    images : (n, height, width) or (n, height, width, channels), from 0 to 1; three channels are
        colours, any other number is averaged to grey.
    labels : n texts.
    """
    if images.ndim == 4:
        images = images if images.shape[3] == 3 else images.mean(axis=3)
    larger = -(-48 // max(images.shape[1:3]))
    images = images.repeat(larger, axis=1).repeat(larger, axis=2)
    n, height, width = images.shape[:3]
    # All are one image on one pair of axes, which is drawn much sooner than axes for each.
    columns = min(n, columns)
    rows, gap = -(-n // columns), width // 16
    inch = (width + gap) * max(columns, 4) / 6.2  # in pixels
    room = int(16.5 * width / inch)  # characters, of 16 or 17 an inch
    labels = ["\n".join(textwrap.fill(line, room) for line in each.split("\n")) for each in labels]
    lines = 1 + max(label.count("\n") for label in labels)
    above = round((0.08 + 0.15 * lines) * inch)
    canvas = np.ones((rows * (above + height), columns * (width + gap) - gap, 3), np.float32)
    size = canvas.shape[1] / inch, canvas.shape[0] / inch
    top = 0.15 + 0.17 * sum(1 + len(line) // 83 for line in title.splitlines())  # as it is wrapped
    figure = utils.new_figure((6.4, top + size[1] + 0.1), title, show, margins=(0.1, 0.1, 0.1))
    left, tall = (6.4 - size[0]) / 2, figure.get_figheight()
    axes = figure.add_axes((left / 6.4, 0.1 / tall, size[0] / 6.4, size[1] / tall))
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        y, x = i // columns * (above + height) + above, i % columns * (width + gap)
        canvas[y : y + height, x : x + width] = image.reshape(height, width, -1)
        middle = x + width / 2
        axes.text(middle, y - 0.04 * inch, label, ha="center", fontsize="small", parse_math=False)
    axes.imshow(canvas, aspect="auto", interpolation="nearest")
    axes.set_axis_off()
    return figure


@utils.default_style()
def weight_histogram(weights, title, show=False):
    """How many weights are how large, and how many are exactly zero, as a figure."""
    figure = utils.new_figure((6.4, 4.2), title, show, margins=(0.75, 0.2, 0.55))
    axes = figure.add_subplot()
    finite = weights[np.isfinite(weights)]
    if finite.size:
        axes.stairs(*np.histogram(finite, bins=101), fill=True)
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.5)
    zeros = np.count_nonzero(weights == 0)
    axes.set_xlabel(f"weight; exactly zero: {zeros:,} of {weights.size:,}")
    axes.set_ylabel("number of weights, log scale")
    axes.grid(alpha=0.3)
    return figure


def counted(gold, predictions, n_classes):
    """How many images of each class, a row, were taken for each class, a column."""
    counts = np.zeros((n_classes, n_classes), int)
    np.add.at(counts, (gold, predictions), 1)
    return counts


@utils.default_style()
def confusion(gold, predictions, names, title, show=False):
    """The confusion matrix of classes gold and predictions, (n,), as a figure.

    A cell is as dark as its share of the row is large; a row's label has the class's recall.
    """
    n_classes = len(names)
    counts = counted(gold, predictions, n_classes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    recalls = [f"{name} ({as_share(shares[i, i], 2)})" for i, name in enumerate(names)]
    below = min(0.6 + 0.035 * max(map(len, names)), 2)
    margins = min(0.45 + 0.066 * max(map(len, recalls)), 3), 0.2, below
    figure = utils.new_figure((6.4, 1.2 + below + 0.45 * max(n_classes, 5)), title, show, margins)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(counts.shape):
        color = "white" if shares[row, column] > 0.5 else "black"
        text = f"{counts[row, column]}"
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize="small")
    words = {"fontsize": "small", "parse_math": False}
    axes.set_yticks(range(n_classes), recalls, **words)
    axes.set_xticks(
        range(n_classes), names, rotation=30, ha="right", rotation_mode="anchor", **words
    )
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class (recall)")
    return figure


def mistakes(images, gold, outcome, names, title, show=False):
    """The wrong test images whose predicted class's score exceeds the true one's most, as a figure."""
    predictions, each = outcome.predictions, np.arange(len(gold))
    margins = outcome.scores[each, predictions] - outcome.scores[each, gold]
    surest = np.argsort(-margins, kind="stable")[:MISTAKES]
    surest = surest[predictions[surest] != gold[surest]]
    if len(surest) == 0:
        figure = utils.new_figure((6.4, 1.2), title, show, margins=(0.1, 0.1, 0.1))
        figure.text(0.5, 0.3, "no test image is wrong", ha="center")
        return figure
    words = [f"{names[gold[i]]},\ntaken for {names[predictions[i]]}" for i in surest]
    return contact_sheet(images[surest] / 255, words, 5, title, show)


@utils.default_style()
def save_figure(figure, path):
    """Write a matplotlib figure to `path`, whose ending names the format; whole or not at all."""
    kind = Path(path).suffix[1:]
    # A date in the file would make two runs of the same command differ.
    metadata = {"CreationDate": None} if kind == "pdf" else None
    with replacing(path) as stream:
        figure.savefig(stream, format=kind, dpi=150, metadata=metadata)


def show_figures():
    """Open the figures that were made to be shown; a notice where there is no screen for them."""
    from matplotlib import get_backend, pyplot

    if get_backend().lower() == "agg":  # what matplotlib takes where none can open
        utils.notice("note: no window can be opened here; the figures are in their files")
    else:
        pyplot.show()
