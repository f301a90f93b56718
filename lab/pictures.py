"""Pictures of a finished run beside its curves: what its weights look for, and where it errs."""

from dataclasses import dataclass

import numpy as np

import utils
from lab.quantities import as_share

MISTAKES, COLUMNS = 20, 4  # images on the contact sheet


@dataclass(frozen=True)
class Outcome:
    """What came of a run on the test images.

    predictions : (n,) the predicted classes.
    margins : (n,) by how much the predicted class's score exceeds the gold one's, 0 where right.
    weights : (n_classes, features) of a linear model, without the bias; else None.
    """

    predictions: np.ndarray
    margins: np.ndarray
    weights: np.ndarray | None = None

    @classmethod
    def of(cls, scores, gold, predictions, weights=None):
        """That of scores (n, n_classes) on images of classes `gold` (n,)."""
        rows = np.arange(len(gold))
        return cls(predictions, scores[rows, predictions] - scores[rows, gold], weights)


# What each picture shows, by the word that it has in its file's name.
CAPTIONS = {
    "weights": "weights, one image for each class",
    "weight-histogram": "distribution of the weights",
    "kept-weights": "weights that are not zero, in their channel's colour",
    "confusion": "test images of each class, and what they are taken for",
    "mistakes": "test images that are wrong with most confidence",
}


def quantities(opt, linear):
    """Those of the pictures that a run of these options draws; `linear`: of a linear model in NumPy?"""
    of_weights = ["weights", "weight-histogram"] if linear else []
    if linear and opt.model == "logistic_regression" and opt.l1_penalty:
        of_weights.append("kept-weights")
    return [*of_weights, "confusion", "mistakes"]


def pictures(outcome, data, title, opt):
    """Yield (quantity, matplotlib figure) of a run's `Outcome` on its `dataset.Data`."""
    images, gold, names = data.arrays["test_images"], data.arrays["test_labels"], data.class_names
    weights, about = outcome.weights, (title, opt.show)
    for quantity in quantities(opt, weights is not None):
        if quantity == "weights":
            figure = utils.plot_weights(weights, images.shape[1:], title, names, opt.show)
        elif quantity == "kept-weights":
            kept = (weights != 0).astype(float)
            figure = utils.plot_weights(kept, images.shape[1:], title, names, opt.show)
        elif quantity == "weight-histogram":
            figure = weight_histogram(weights, *about)
        elif quantity == "confusion":
            figure = confusion(gold, outcome.predictions, names, *about)
        else:
            figure = mistakes(images, gold, outcome, names, *about)
        yield quantity, figure


def weight_histogram(weights, title, show=False):
    """How many weights are how large, and how many are exactly zero, as a figure."""
    figure = utils.new_figure((6.4, 4.2), title, show)
    axes = figure.add_subplot()
    finite = weights[np.isfinite(weights)]
    if finite.size:
        axes.hist(finite, bins=101, log=True)
    zeros = np.count_nonzero(weights == 0)
    axes.set_xlabel(f"weight; exactly zero: {zeros:,} of {weights.size:,}")
    axes.set_ylabel("weights, log scale")
    axes.grid(alpha=0.3)
    return figure


def counted(gold, predictions, n_classes):
    """How many images of each class, a row, were taken for each class, a column."""
    counts = np.zeros((n_classes, n_classes), int)
    np.add.at(counts, (gold, predictions), 1)
    return counts


def confusion(gold, predictions, names, title, show=False):
    """The test images of each class by predicted class, as a figure; rows add up to the class.

    gold, predictions : (n,). The darkness is the share of the row; a row's label has the share that
    is right, the class's accuracy.
    """
    n_classes = len(names)
    counts = counted(gold, predictions, n_classes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = utils.new_figure((6.4, 1.6 + 0.5 * max(n_classes, 5)), title, show)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(counts.shape):
        color = "white" if shares[row, column] > 0.5 else "black"
        text = f"{counts[row, column]}"
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize="small")
    rows = [
        f"{name} ({as_share(share, 2)})" for name, share in zip(names, np.diag(shares), strict=True)
    ]
    axes.set_yticks(range(n_classes), rows, fontsize="small")
    axes.set_xticks(range(n_classes), names, fontsize="small", rotation=30, ha="right")
    axes.set_xlabel("predicted class")
    axes.set_ylabel("class, and share that is right")
    return figure


def mistakes(images, gold, outcome, names, title, show=False):
    """The wrong test images of the largest margins, as a contact sheet: "class, taken for class"."""
    surest = np.argsort(-outcome.margins, kind="stable")[:MISTAKES]
    surest = surest[outcome.predictions[surest] != gold[surest]]
    rows = max(-(-len(surest) // COLUMNS), 1)
    figure = utils.new_figure((6.4, 1.9 * rows + 0.5), title, show)
    if len(surest) == 0:
        figure.text(0.5, 0.4, "no test image is wrong", ha="center")
    for place, (i, image) in enumerate(zip(surest, images[surest], strict=True), 1):
        axes = figure.add_subplot(rows, COLUMNS, place)
        if image.ndim == 3 and image.shape[2] != 3:
            image = image.mean(axis=2)
        axes.imshow(image, cmap="gray", vmin=0, vmax=255)
        words = f"{names[gold[i]]},\ntaken for {names[outcome.predictions[i]]}"
        axes.set_title(words, fontsize="small")
        axes.set_axis_off()
    return figure
