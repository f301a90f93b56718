"""Runs side by side: their table, as text, csv, Markdown and LaTeX, and their curves in one figure."""

import csv
import io
import itertools
import math

import utils
from lab.files import replacing
from lab.quantities import NAMES, as_text, axis_label, head_of, is_accuracy, name_of

NOT_TOLD = "not told apart"  # in the column "best": from the best setting, over several seeds
# How far a curve moves is measured over its last fifth of epochs, over three at least.
LAST, FEWEST_LAST = 5, 3


def final_accuracy(record):
    """The validation accuracy after the last epoch, by which the best run is chosen."""
    return record.epochs[-1]["val_acc"]


def tied_with_best(records):
    """The indices of the records that share the highest final validation accuracy."""
    accuracies = [final_accuracy(record) for record in records]
    return [i for i, accuracy in enumerate(accuracies) if accuracy == max(accuracies)]


def last_epochs(record):
    """(count, lowest, highest) of the validation accuracy over the last fifth of the epochs, three at
    least where there are so many.
    """
    accuracies = [row["val_acc"] for row in record.epochs]
    last = accuracies[-max(FEWEST_LAST, len(accuracies) // LAST) :]
    return len(last), min(last), max(last)


def measured_alike(records):
    """Had the runs the same number of threads each, and as many others beside them?"""
    return len({(record.threads, record.runs_at_a_time) for record in records}) == 1


def table(settings, records, baseline=None):
    """The rows of a comparison: a dict of settings and numbers per run, a key per column.

    The column "best" marks the highest final validation accuracy, or those that tie, and "moves" is
    how far that accuracy moves over the last epochs; the test accuracy is reported and selects
    nothing. Runs that differ in nothing but the seed are repetitions, and none of them is best.

    settings : one dict per run, {option: value}.
    baseline : {"val_acc": share, "test_acc": share} of the most frequent class, for a last row.
    """
    tied = tied_with_best(records)
    word = "best" if len(tied) == 1 else "tied"
    repeated = all(setting.keys() == {"seed"} for setting in settings)
    alike = measured_alike(records)
    rows = []
    for i, (setting, record) in enumerate(zip(settings, records, strict=True)):
        count, low, high = last_epochs(record)
        row = {
            **setting,
            "val_acc": final_accuracy(record),
            "moves": high - low if count > 1 else None,
            "best_val_acc": record.best["val_acc"],
            "best_epoch": record.best["epoch"],
            "test_acc": record.final["test_acc"],
            "seconds": round(record.seconds_of_epochs, 3),
        }
        if not alike:
            row |= {"threads": record.threads, "runs_at_a_time": record.runs_at_a_time}
        rows.append({**row, "best": word if i in tied and not repeated else ""})
    return rows + baseline_rows(rows, baseline)


def baseline_rows(rows, baseline):
    """The last row of a table, as a list: what one class alone reaches; empty without a baseline."""
    first = next(iter(rows[0]))
    row = {**dict.fromkeys(rows[0]), first: "one class", **(baseline or {}), "best": ""}
    return [row] if baseline else []


def text_rows(rows):
    """The rows as dicts of strings, {head: text}."""
    return [{head_of(key): as_text(key, value) for key, value in row.items()} for row in rows]


def numeric_columns(rows):
    """The keys of the columns of numbers, which are set to the right."""
    return {
        key
        for key in rows[0]
        if all(isinstance(row[key], int | float | None) for row in rows if row[key] != "one class")
    } | {key for key in rows[0] if is_accuracy(key)}


def formatted(rows, style):
    """The rows as a table in one of tabulate's styles."""
    from tabulate import tabulate

    right = numeric_columns(rows)
    return tabulate(
        [[text.replace("|", "\\|") for text in row.values()] for row in text_rows(rows)],
        headers=[head_of(key) for key in rows[0]],
        tablefmt=style,
        disable_numparse=True,
        colalign=["right" if key in right else "left" for key in rows[0]],
    )


def latex(rows):
    """The rows as a LaTeX tabular: heads in words, numbers to the right, the best row bold.

    Rows that over several seeds cannot be told from it are in italics.
    """
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    special |= {character: f"\\{character}" for character in "&%$#_{}"}

    def escaped(text):
        return text.translate(str.maketrans(special))

    right = numeric_columns(rows)
    keys = [key for key in rows[0] if key != "best"]  # the bold row says it
    heads = [escaped(name_of(key)) for key in keys]
    lines = [
        "% in the preamble: \\usepackage{booktabs}",
        f"\\begin{{tabular}}{{{''.join('r' if key in right else 'l' for key in keys)}}}",
        "\\toprule",
        " & ".join(head[:1].upper() + head[1:] for head in heads) + r" \\",
        "\\midrule",
    ]
    for row in rows:
        texts = [escaped(as_text(key, row[key])) for key in keys]
        style = {"best": "textbf", "tied": "textbf", NOT_TOLD: "textit"}.get(row.get("best"))
        if style:
            texts = [text and f"\\{style}{{{text}}}" for text in texts]
        lines.append(" & ".join(texts) + r" \\")
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", ""])


def csv_text(rows):
    """The rows as CSV, numbers as they are, an accuracy or a loss to four decimals."""
    lines = io.StringIO()
    writer = csv.DictWriter(lines, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {
                key: f"{value:.4f}" if isinstance(value, float) and key in NAMES else value
                for key, value in row.items()
            }
        )
    return lines.getvalue()


def write_table(rows, path_for, csv_rows=None):
    """Write the rows as CSV, Markdown and LaTeX; `path_for(ending)` names the files.

    csv_rows : what the CSV has in their place, where its columns are others.
    """
    texts = {"csv": csv_text(csv_rows or rows), "md": formatted(rows, "github") + "\n"}
    texts["tex"] = latex(rows)
    for ending, text in texts.items():
        with replacing(path_for(ending)) as stream:
            stream.write(text.encode())


def called(model):
    """What a title calls a model: 'logistic regression', 'the MLP'."""
    words = {"mlp": "the MLP", "perceptron": "the perceptron"}
    return words.get(model, model.replace("_", " "))


def subject(model, options):
    """What the title of a figure says that it compares: 'logistic regression, by learning rate'."""
    return f"{called(model)}, by {' and '.join(option.replace('_', ' ') for option in options)}"


def shared_quantities(records, only=None):
    """The quantities that all histories have, of those in `only`; an empty or no list is all."""
    return [
        quantity
        for quantity in records[0].epochs[0]
        if quantity != "epoch"
        and all(quantity in record.epochs[0] for record in records)
        and (not only or quantity in only)
    ]


def overlays(records, labels, subject, data_title, only=None, show=False):
    """Yield (quantity, figure) for each quantity that all histories have, a curve per run.

    `only` is a list of quantities, or None for all.
    """
    for quantity in shared_quantities(records, only):
        curves = {
            label: [row[quantity] for row in record.epochs]
            for label, record in zip(labels, records, strict=True)
        }
        yield quantity, curves_figure(quantity, curves, subject, data_title, show)


def curves_figure(quantity, curves, subject, data_title, show=False):
    """A figure of one quantity against the epochs, {label: values}, titled with a sentence.

    A curve with fewer epochs than another ends earlier.
    """
    name = name_of(quantity)
    title = f"{name[0].upper()}{name[1:]} of {subject}\n{data_title}"
    rows = list(itertools.zip_longest(*curves.values(), fillvalue=math.nan))
    curves = dict(zip(curves, zip(*rows, strict=True), strict=True))
    epochs = list(range(1, len(rows) + 1))
    log_from = math.inf if is_accuracy(quantity) else 10  # else 25 hides all that happens at 1
    label = axis_label(quantity)
    return utils.plot_curves(epochs, curves, label, title, show=show, log_from=log_from)
