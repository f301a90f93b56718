"""What runs with several seeds tell: the best setting, those that cannot be told from it, and why.

Seeds are repetitions of a setting. `repetitions` has their table and their curves, `statistics` the
tests.
"""

from typing import NamedTuple

from lab import comparison, repetitions, statistics
from lab.quantities import as_share, join_words
from utils import notice


class Findings(NamedTuple):
    """What can be said of several settings, by their labels.

    top : those with the highest mean of the final validation accuracies, most often one.
    alike : those that cannot be told from the first of these, Holm over all pairs.
    sentences : this in words, then a sentence per pair, and what so few seeds can tell.
    """

    top: list
    alike: list
    sentences: list


def findings(labels, groups, of_top=False):
    """The `Findings` of settings with several runs each, a list of records a setting.

    of_top : compare in words with the best setting alone, and not every two? ImportError without
    scipy.
    """
    values = {
        label: [comparison.final_accuracy(record) for record in group]
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
            counts = len(values[pair.first]), len(values[pair.second])
            sentences.append(statistics.describe_comparison(pair, counts))
            if min(counts) > 1:
                limits.append(statistics.describe_limit(pair, counts))
    return Findings(top, alike, [*sentences, *dict.fromkeys(limits)])


def compare(settings, records, model, data_title, show=False):
    """(rows, sentences, figures) of a sweep in which `seed` is one of the options.

    rows : of `repetitions.table`, one per setting; "best" marks the settings that cannot be told from
        the best one too.
    sentences : what can be said of the settings, or of the only one; none, and a notice, without
        scipy.
    figures : pairs (quantity, figure) as of `repetitions.overlays`.

    settings : one dict per run, {option: value}, `seed` among them.
    """
    settings, groups = repetitions.grouped(settings, records)
    labels = [label_of(setting) for setting in settings]
    rows = repetitions.table(settings, groups)
    sentences = []
    try:
        if len(groups) == 1:
            accuracies = [comparison.final_accuracy(record) for record in groups[0]]
            sentences = [f"Validation accuracy: {statistics.describe(accuracies)}"]
        else:
            _, alike, sentences = findings(labels, groups, of_top=True)
            for label, row in zip(labels, rows, strict=True):
                if label in alike:
                    row["best"] = comparison.NOT_TOLD
    except ImportError:
        notice("note: scipy is not installed, so it is not said which of the settings differ")
    options = list(settings[0])
    subject = comparison.subject(model, options) if options else comparison.called(model)
    title = f"{repetitions.legend(groups)}\n{data_title}"
    return rows, sentences, repetitions.overlays(groups, labels, subject, title, show=show)


def label_of(setting):
    """What sets a setting apart: 'batch_size 32, learning_rate 0.1'; 'mean' where nothing does."""
    return ", ".join(f"{name} {value}" for name, value in setting.items()) or "mean"
