"""A run's figures: which quantities are drawn together, and how a figure becomes a file."""

from dataclasses import dataclass
from pathlib import Path

import utils
from lab.files import replacing


@dataclass(frozen=True)
class Figure:
    """A figure to draw from the history: which quantities, under which labels.

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
COSTS = Figure("cost", "loss and penalty", {"train": "train_cost", "validation": "val_cost"})
TRAINING_LOSS = Figure("loss", "cross-entropy", {"train": "loss"})
# Question 2's, by the skeleton's names.
TORCH = [
    Figure("training-loss", "cross-entropy", TRAIN_AND_VALIDATION),
    Figure("validation-accuracy", "accuracy", {"validation": "val_acc"}, best="validation"),
]


def save_figure(figure, path):
    """Write a matplotlib figure to `path`, whose ending names the format; whole or not at all."""
    kind = Path(path).suffix[1:]
    with replacing(path) as stream:
        # A date in the file would make two runs of the same command differ.
        figure.savefig(
            stream, format=kind, dpi=150, metadata={"CreationDate": None} if kind == "pdf" else None
        )
