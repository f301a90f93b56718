"""Runs side by side, over several seeds or not: their table, as text, csv, Markdown and LaTeX; their
curves; and what can be said of them.

Runs that differ in the seed alone are repetitions of one setting, a group of records: their mean counts,
and no seed is ever best. A single run is a group of one.
"""

import csv
import io
import math

import numpy as np

import utils
from lab import statistics
from lab.files import replacing
from lab.quantities import (
    NAMES,
    as_share,
    as_text,
    axis_label,
    head_of,
    is_accuracy,
    join_words,
    name_of,
    shortest,
)

NOT_TOLD = "not told apart"  # in the column "best": from the best setting, over several seeds
# The range of a curve's end is that of its last fifth of epochs, of three at least.
LAST, FEWEST_LAST = 5, 3


def final_accuracy(record):
    """The validation accuracy after the last epoch, by which the best run is chosen."""
    return record.epochs[-1]["val_acc"]


def tied_with_best(records):
    """The indices of the records that share the highest final validation accuracy."""
    accuracies = [final_accuracy(record) for record in records]
    return [i for i, accuracy in enumerate(accuracies) if accuracy == max(accuracies)]


def last_epochs(record):
    """(count, lowest, highest) of the validation accuracy over the last fifth of the epochs."""
    accuracies = [row["val_acc"] for row in record.epochs]
    last = accuracies[-max(FEWEST_LAST, len(accuracies) // LAST) :]
    return len(last), min(last), max(last)


def measured_alike(records):
    """Had the runs the same number of threads each, and as many others beside them?"""
    return len({(record.threads, record.runs_at_a_time) for record in records}) == 1


def grouped(settings, records):
    """(settings without their seed, groups): the runs that differ in nothing but `seed` together.

    settings : one dict per run, {option: value}. A group is a list of records.
    """
    groups = {}
    for setting, record in zip(settings, records, strict=True):
        others = tuple((name, value) for name, value in setting.items() if name != "seed")
        groups.setdefault(others, []).append(record)
    return [dict(others) for others in groups], list(groups.values())


def over_seeds(groups):
    """Has any of the settings several runs?"""
    return max(map(len, groups)) > 1


def table(settings, groups, baseline=None):
    """The rows of a comparison: a dict of settings and numbers per group, a key per column.

    Several runs have their mean, deviation and range, a single one how far it moved over its last epochs.
    The column "best" marks the highest (mean) final validation accuracy, or those that tie, unless
    nothing but the seed differs; the test accuracy selects nothing.

    baseline : {"val_acc": share, "test_acc": share} of the most frequent class, for a last row.
    """
    repeated = over_seeds(groups)
    row_of = row_of_seeds if repeated else row_of_run
    rows = [{**each, **row_of(group)} for each, group in zip(settings, groups, strict=True)]
    records = [group[0] for group in groups]
    if not repeated and not measured_alike(records):
        for row, record in zip(rows, records, strict=True):
            row |= {"threads": record.threads, "runs_at_a_time": record.runs_at_a_time}
    highest = max(row["val_acc"] for row in rows)
    tied = [row["val_acc"] == highest for row in rows]
    only_seeds = all(each.keys() == {"seed"} for each in settings) or repeated and len(rows) == 1
    word = "" if only_seeds else "best" if sum(tied) == 1 else "tied"
    for row, is_highest in zip(rows, tied, strict=True):
        row["best"] = word if is_highest else ""
    if baseline:
        first = next(iter(rows[0]))
        rows.append({**dict.fromkeys(rows[0]), first: "one class", **baseline, "best": ""})
    return rows


def row_of_run(group):
    """The columns of a single run."""
    (record,) = group
    count, low, high = last_epochs(record)
    return {
        "val_acc": final_accuracy(record),
        "moves": high - low if count > 1 else None,
        "best_val_acc": record.best["val_acc"],
        "best_epoch": record.best["epoch"],
        "test_acc": record.final["test_acc"],
        "seconds": round(record.seconds_of_epochs, 3),
    }


def row_of_seeds(group):
    """The columns of a setting over its seeds."""
    val_acc = [final_accuracy(record) for record in group]
    test_acc = [record.final["test_acc"] for record in group]
    row = {"seeds": len(group)}
    for split, values in (("val", val_acc), ("test", test_acc)):
        about = statistics.summary(values)
        row |= {
            f"{split}_acc": about.mean,
            f"{split}_deviation": about.deviation if about.count > 1 else None,
            f"lowest_{split}_acc": about.low,
            f"highest_{split}_acc": about.high,
        }
    return row


def text_rows(rows):
    """The rows as dicts of strings, {head: text}."""
    return [{head_of(key): as_text(key, value) for key, value in row.items()} for row in rows]


def is_numeric(key, rows):
    """Is the column one of numbers, which are set to the right?"""
    values = [row[key] for row in rows if row[key] != "one class"]
    return is_accuracy(key) or all(isinstance(value, int | float | None) for value in values)


def formatted(rows, style):
    """The rows as a table in one of tabulate's styles."""
    cells = [[text.replace("|", "\\|") for text in row.values()] for row in text_rows(rows)]
    return tabulated(rows, {key: head_of(key) for key in rows[0]}, cells, style)


def latex(rows):
    """The rows as a LaTeX tabular: heads in words, numbers to the right, the best row bold.

    Rows that over several seeds cannot be told from it are in italics.
    """
    from tabulate import LATEX_ESCAPE_RULES

    def escaped(text):
        return text.translate(str.maketrans(LATEX_ESCAPE_RULES))

    names = {key: name_of(key) for key in rows[0] if key != "best"}  # the bold row says it
    heads = {key: escaped(name[:1].upper() + name[1:]) for key, name in names.items()}
    cells = []
    for row in rows:
        texts = [escaped(as_text(key, row[key])) for key in heads]
        style = {"best": "textbf", "tied": "textbf", NOT_TOLD: "textit"}.get(row.get("best"))
        cells.append([f"\\{style}{{{text}}}" if style and text else text for text in texts])
    text = tabulated(rows, heads, cells, "latex_raw")
    for rule in ("toprule", "midrule", "bottomrule"):  # tabulate has these only where it escapes
        text = text.replace("\\hline", f"\\{rule}", 1)
    return f"% in the preamble: \\usepackage{{booktabs}}\n{text}\n"


def tabulated(rows, heads, cells, style):
    """The texts in `cells`, a list per row, under heads {key: text}; numbers to the right."""
    from tabulate import tabulate

    return tabulate(
        cells,
        headers=heads.values(),
        tablefmt=style,
        disable_numparse=True,
        colalign=["right" if is_numeric(key, rows) else "left" for key in heads],
    )


def csv_text(rows):
    """The rows as CSV, numbers as they are, an accuracy or a loss to four decimals."""
    lines = io.StringIO()
    writer = csv.DictWriter(lines, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        numbers = {key: value for key, value in row.items() if isinstance(value, float)}
        texts = {k: f"{v:.4f}" if k in NAMES else shortest(v) for k, v in numbers.items()}
        writer.writerow({**row, **texts})
    return lines.getvalue()


def write_table(rows, path_for, csv_rows=None):
    """Write the rows as CSV, Markdown and LaTeX; `path_for(ending)` names the files.

    csv_rows : what the CSV has in their place, where its columns are others.
    """
    texts = {
        "csv": csv_text(csv_rows or rows),
        "md": formatted(rows, "github") + "\n",
        "tex": latex(rows),
    }
    for ending, text in texts.items():
        with replacing(path_for(ending)) as stream:
            stream.write(text.encode())


def called(model):
    """What titles and messages call a model: 'logistic regression', 'the MLP'."""
    words = {"mlp": "the MLP", "perceptron": "the perceptron"}
    return words.get(model, model.replace("_", " "))


def subject(model, options):
    """What the title of a figure says that it compares: 'logistic regression, by learning rate'."""
    by = " and ".join(option.replace("_", " ") for option in options)
    return f"{called(model)}, by {by}" if by else called(model)


def label_of(setting):
    """What sets a setting apart: 'batch size 32, learning rate 0.1'; 'mean' where nothing does."""
    words = [f"{name.replace('_', ' ')} {shortest(value)}" for name, value in setting.items()]
    return ", ".join(words) or "mean"


def shared_quantities(groups, only=None):
    """The quantities that all histories have, of those in `only`; an empty or no list is all."""
    first, *others = [record.epochs[0] for group in groups for record in group]
    shared = [key for key in first if key != "epoch" and all(key in each for each in others)]
    return [key for key in shared if not only or key in only]


def overlays(groups, labels, subject, data_title, only=None, show=False):
    """Yield (quantity, figure) for each quantity that all histories have, a curve per group: of several
    runs the mean, bold, with a thin line per seed and the band from the lowest to the highest.

    `only` is a list of quantities, or None for all. Curves end with their group's shortest run.
    """
    for quantity in shared_quantities(groups, only):
        curves = {}
        for label, group in zip(labels, groups, strict=True):
            epochs = zip(*(record.epochs for record in group), strict=False)
            values = [[row[quantity] for row in of_epoch] for of_epoch in epochs]
            curves[label] = np.array(values, float)  # (epochs, seeds), nan where it was not finite
        means = {label: values.mean(axis=1) for label, values in curves.items()}
        figure = curves_figure(quantity, means, subject, data_title, show)
        if over_seeds(groups):
            add_seeds(figure, curves.values())
        yield quantity, figure


@utils.default_style()
def add_seeds(figure, curves):
    """Add the seeds to the figure of their means; `curves` are arrays (epochs, seeds)."""
    for skipped, axes in enumerate(figure.axes):  # the second axes begin with the second epoch
        for line, values in zip(list(axes.lines), curves, strict=False):
            values, color = values[skipped:], line.get_color()
            epochs = np.arange(1, len(values) + 1) + skipped
            line.set_linewidth(2)
            low, high = values.min(axis=1), values.max(axis=1)
            axes.fill_between(epochs, low, high, color=color, alpha=0.15)
            axes.plot(epochs, values, color=color, linewidth=0.5, alpha=0.5)


def legend(groups):
    """What the lines of `overlays` are: 'bold: the mean of 5 seeds; thin: each seed; ...'."""
    counts = sorted({len(group) for group in groups})
    count = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"bold: the mean of {count} seeds; thin: each seed; shaded: their range"


def curves_figure(quantity, curves, subject, data_title, show=False):
    """A figure of one quantity against the epochs, {label: values}, titled with a sentence.

    A curve with fewer epochs than another ends earlier.
    """
    name = name_of(quantity)
    title = f"{name[0].upper()}{name[1:]} of {subject}\n{data_title}"
    longest = max(map(len, curves.values()))
    curves = {label: [*y, *[math.nan] * (longest - len(y))] for label, y in curves.items()}
    epochs = list(range(1, longest + 1))
    log_from = math.inf if is_accuracy(quantity) else 10  # else 25 hides all that happens at 1
    label = axis_label(quantity)
    return utils.plot_curves(epochs, curves, label, title, show=show, log_from=log_from)


def findings(labels, groups, of_top=False):
    """(top, alike, sentences): what can be said of settings with several runs each. ImportError
    without scipy.

    of_top : compare in words with the best setting alone, and not every two?

    top : the labels with the highest mean of the final validation accuracies, most often one.
    alike : those that cannot be told from the first of these, Holm over all pairs.
    sentences : this in words, then a sentence per pair, and what so few seeds can tell.
    """
    values = {
        label: [final_accuracy(record) for record in group]
        for label, group in zip(labels, groups, strict=True)
    }
    means = {label: statistics.summary(found).mean for label, found in values.items()}
    highest = max(means.values())
    top = [label for label in labels if means[label] == highest]
    pairs = statistics.compare_all(values)
    alike = [label for label in statistics.not_told_from(top[0], pairs) if label not in top]
    whose = f"shared by {join_words(top)}" if len(top) > 1 else f"that of {top[0]}"
    rest = f"; not to be told from it: {join_words(alike)}" if alike else ""
    said = f"The highest mean validation accuracy, {as_share(highest)}, is {whose}{rest}."
    sentences, limits = [said], []
    for pair in pairs:
        if not of_top or top[0] in (pair.first, pair.second):
            sentences.append(statistics.describe_comparison(pair))
            if min(pair.seeds) > 1:
                limits.append(statistics.describe_limit(pair))
    return top, alike, [*sentences, *dict.fromkeys(limits)]


def compare(settings, records, model, data_title, show=False):
    """(rows, sentences, figures) of a sweep: of `table`, of `findings`, of `overlays`.

    settings : one dict per run, {option: value}. Where `seed` is among them, the runs that differ in it
        alone are one setting; without scipy nothing is said of these, but for a notice.
    """
    options = [name for name in settings[0] if name != "seed"]
    settings, groups = grouped(settings, records)
    labels = [label_of(setting) for setting in settings]
    rows, sentences = table(settings, groups), []
    if over_seeds(groups):
        data_title = f"{legend(groups)}\n{data_title}"
        try:
            if len(groups) == 1:
                said = statistics.describe([final_accuracy(record) for record in records])
                sentences = [f"Validation accuracy: {said}"]
            else:
                _, alike, sentences = findings(labels, groups, of_top=True)
                for label, row in zip(labels, rows, strict=True):
                    row["best"] = NOT_TOLD if label in alike else row["best"]
        except ImportError:
            utils.notice(
                "note: scipy is not installed, so settings are not tested for a difference"
            )
    return rows, sentences, overlays(groups, labels, subject(model, options), data_title, show=show)
