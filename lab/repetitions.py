"""Runs that differ in the seed alone, as repetitions of one setting: their table and their curves.

A seed is no setting, so none is ever best; what counts is the mean and how far the seeds lie apart.
"""

import numpy as np

from lab import statistics
from lab.comparison import baseline_rows, curves_figure, final_accuracy, shared_quantities


def grouped(settings, records):
    """(settings, groups): the runs put together that differ in nothing but `seed`, in their order.

    settings : one dict per run, {option: value}. Each group is a list of records.
    """
    groups = {}
    for setting, record in zip(settings, records, strict=True):
        others = tuple((name, value) for name, value in setting.items() if name != "seed")
        groups.setdefault(others, []).append(record)
    return [dict(others) for others in groups], list(groups.values())


def table(settings, groups, baseline=None):
    """The rows of a comparison over seeds: one per setting, with mean, deviation and range.

    The best mean is that of the final validation accuracy; `baseline` as in `comparison.table`.
    """
    rows = []
    for setting, records in zip(settings, groups, strict=True):
        row = {**setting, "seeds": len(records)}
        columns = {"val_acc": list(map(final_accuracy, records))}
        columns["test_acc"] = [record.final["test_acc"] for record in records]
        for key, values in columns.items():
            split = key.partition("_")[0]
            about = statistics.summary(values)
            deviation = about.deviation if about.count > 1 else None
            row |= {key: about.mean, f"{split}_deviation": deviation}
            row |= {f"lowest_{key}": about.low, f"highest_{key}": about.high}
        rows.append({**row, "best": ""})
    highest = max(row["val_acc"] for row in rows)
    tied = [row for row in rows if row["val_acc"] == highest]
    for row in tied if len(rows) > 1 else []:
        row["best"] = "best" if len(tied) == 1 else "tied"
    return rows + baseline_rows(rows, baseline)


def overlays(groups, labels, subject, data_title, only=None, show=False):
    """Yield (quantity, figure): for each setting a bold mean, a thin line per seed, and the band from
    the lowest to the highest seed.

    `only` is a list of quantities, or None for all. Where a setting's runs have other numbers of
    epochs, the band ends with the shortest.
    """
    records = [record for group in groups for record in group]
    for quantity in shared_quantities(records, only):
        curves = {}
        for label, group in zip(labels, groups, strict=True):
            shortest = min(len(record.epochs) for record in group)
            rows = [[row[quantity] for row in record.epochs[:shortest]] for record in group]
            curves[label] = np.array(rows, float)  # (seeds, epochs), nan where it was not finite
        means = {label: values.mean(axis=0) for label, values in curves.items()}
        figure = curves_figure(quantity, means, subject, data_title, show)
        axes = figure.axes[0]
        for line, values in zip(list(axes.lines), curves.values(), strict=False):
            epochs = np.arange(1, values.shape[1] + 1)
            line.set_linewidth(2)
            color = line.get_color()
            axes.fill_between(
                epochs, values.min(axis=0), values.max(axis=0), color=color, alpha=0.15
            )
            axes.plot(epochs, values.T, color=color, linewidth=0.5, alpha=0.5)
        yield quantity, figure


def legend(groups):
    """What the lines of `overlays` are: 'bold: the mean of 5 seeds; thin: each seed; ...'."""
    counts = sorted({len(group) for group in groups})
    count = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"bold: the mean of {count} seeds; thin: each seed; shaded: their range"
