"""Several runs side by side: their table, and each quantity of all of them in one figure."""

import csv
import io

import utils
from lab.files import replacing

YLABELS = {
    "train_acc": "training accuracy",
    "val_acc": "validation accuracy",
    "train_loss": "training cross-entropy",
    "val_loss": "validation cross-entropy",
    "train_cost": "training cost (loss and l2 penalty)",
    "val_cost": "validation cost (loss and l2 penalty)",
    "loss": "training cross-entropy",
    "w_norm": "norm of the weights",
}


def best_of(records):
    """The index of the record with the highest final validation accuracy, the first of equals."""
    accuracies = [record.epochs[-1]["val_acc"] for record in records]
    return accuracies.index(max(accuracies))


def table(settings, records):
    """The rows of a comparison, dicts of strings: the settings, accuracies as fractions, seconds.

    The best run is that of the highest final validation accuracy, or the best are tied; the test
    accuracy is reported and selects nothing.
    """
    finals = [record.epochs[-1]["val_acc"] for record in records]
    best = "best" if finals.count(max(finals)) == 1 else "tied"
    return [
        {
            **{name: str(value) for name, value in setting.items()},
            "val acc": f"{record.epochs[-1]['val_acc']:.4f}",
            "highest val acc": f"{record.best['val_acc']:.4f}",
            "in epoch": str(record.best["epoch"]),
            "test acc": f"{record.final['test_acc']:.4f}",
            "seconds": f"{record.seconds_of_epochs:.1f}",
            "by val acc": best if final == max(finals) else "",
        }
        for setting, record, final in zip(settings, records, finals, strict=True)
    ]


def formatted(rows, style):
    """The rows, dicts with the same keys, as a table in one of tabulate's styles."""
    from tabulate import tabulate

    return tabulate(rows, headers="keys", tablefmt=style, disable_numparse=True)


def write_table(rows, path_for):
    """Write the rows as CSV, Markdown and LaTeX (booktabs); `path_for(ending)` names the files."""
    lines = io.StringIO()
    writer = csv.DictWriter(lines, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    texts = {
        "csv": lines.getvalue(),
        "md": formatted(rows, "github") + "\n",
        "tex": formatted(rows, "latex_booktabs") + "\n",
    }
    for ending, text in texts.items():
        with replacing(path_for(ending)) as stream:
            stream.write(text.encode())


def overlays(records, labels, title, show=False):
    """Yield (quantity, figure) for each quantity that all histories have, a curve a run.

    A run with fewer epochs than another ends earlier.
    """
    longest = max(len(record.epochs) for record in records)
    for quantity in records[0].epochs[0]:
        if quantity == "epoch" or any(quantity not in record.epochs[0] for record in records):
            continue
        curves = {
            label: [row[quantity] for row in record.epochs]
            + [float("nan")] * (longest - len(record.epochs))
            for label, record in zip(labels, records, strict=True)
        }
        epochs = list(range(1, longest + 1))
        ylabel = YLABELS.get(quantity, quantity)
        yield quantity, utils.plot_curves(epochs, curves, ylabel, title, show=show)
