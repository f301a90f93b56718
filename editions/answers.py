"""What several runs side by side show: an answer in paragraphs, computed from their records.

A setting's runs differ in the seed alone: `groups` has a list of records for each setting, ours first.
`labels` are what the sentences call the settings.
"""

import numpy as np

from editions.findings import FEWEST, about_loss
from lab import compare, statistics
from lab.quantities import as_share, as_text, in_words, join_words, name_of


def answer(labels, groups, baseline=0.0, curves=(), tested=None, zeros=(), timed=False, first=""):
    """(paragraphs, labels of the settings that cannot be told from the best).

    baseline : the validation accuracy of one class alone.
    curves : the quantities that the question asks about; none for the losses.
    tested : (predictions of the test images, a run each; their gold classes; the classes' names), or
        None.
    zeros : (weights that are exactly zero, all weights) of each run, or None.
    timed : is it about time in any case?
    first : with several seeds, what to call the runs that predictions, zeros and seconds are of:
        " with seed 42".

    A paragraph is a list of sentences. There are none below three epochs.
    """
    records = [group[0] for group in groups]
    if min(len(record.epochs) for record in records) < FEWEST:
        return [], []
    paragraphs, alike = [], []
    # A question about the norm of the weights alone is not about which setting is best.
    if not curves or any(key.endswith(("acc", "loss")) for key in curves):
        if min(map(len, groups)) > 1:
            (best, *_), alike, sentences = compare.findings(labels, groups)
            paragraphs += [sentences, about_tests(labels, groups)]
        else:
            best = labels[compare.tied_with_best(records)[0]]
            disputes = about_disputes(labels, best, *tested[:2]) if tested else []
            paragraphs += [which_is_best(labels, records), disputes]
        paragraphs[0] = paragraphs[0] + about_baseline(labels, records, baseline)
        paragraphs.append(about_gap(labels, groups) + about_pace(labels, groups, best))
        paragraphs[-1] += about_classes(labels, first, *tested) if tested else []
    paragraphs.append(about_curves(labels, groups, curves) + about_zeros(labels, first, zeros))
    paragraphs.append(about_seconds(labels, records) if timed else [])
    return list(filter(None, paragraphs)), alike


def each(labels, texts):
    """'.5000 (a) and .6000 (b)'."""
    return join_words([f"{text} ({label})" for label, text in zip(labels, texts, strict=True)])


def over_seeds(key, values):
    """A quantity's mean over the seeds, and its deviation where there are several: '.5000 ± .0010'."""
    about = statistics.summary(values)
    mean = as_text(key, about.mean)
    return mean if about.count == 1 else f"{mean} ± {as_text(key, about.deviation)}"


def span(numbers):
    """'25', or '22 to 27'."""
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


# --------------------------------------------------------------------------------------------
# Which is best


def which_is_best(labels, records):
    """Of one run a setting: the best, by how much, and what its accuracy moves in the last epochs."""
    finals = [compare.final_accuracy(record) for record in records]
    tests = [record.final["test_acc"] for record in records]
    tied = compare.tied_with_best(records)
    others = [i for i in range(len(records)) if i not in tied]
    against = each([labels[i] for i in others], [as_share(finals[i]) for i in others])
    against = against and f" against {against}"
    names = [labels[i] for i in tied]
    if len(tied) > 1:
        level = f"{as_share(finals[tied[0]])}{against and ','}{against}"
        tests = each(names, [as_share(tests[i]) for i in tied])
        return [
            f"Tied by final validation accuracy, so none is best: {join_words(names)}, at {level}.",
            f"Their test accuracies, not used to choose, are {tests}.",
        ]
    (best,) = tied
    count, low, high = compare.last_epochs(records[best])
    moves = f"over its last {count} epochs it moves between {as_share(low)} and"
    level = f"{as_share(finals[best])} ({moves} {as_share(high)}){against}"
    sentences = [f"Best by final validation accuracy: {labels[best]}, with {level}."]
    lead = min(finals[best] - finals[i] for i in others)
    if lead < high - low:
        sentences.append(
            f"It leads by {as_share(lead)}, less than its own accuracy moves in the last epochs "
            f"({as_share(high - low)}): another last epoch could turn that around."
        )
    highest = [label for label, test in zip(labels, tests, strict=True) if test == max(tests)]
    if highest == [labels[best]]:
        sentences.append(f"Its test accuracy, {as_share(tests[best])}, is the highest too.")
    else:
        sentences.append(
            f"Its test accuracy is {as_share(tests[best])}; the highest, not used to choose, is "
            f"{as_share(max(tests))} ({join_words(highest)})."
        )
    return sentences


def about_disputes(labels, best, predictions, gold):
    """Do single runs differ on the same test images? McNemar's test, the best against each of the others.

    predictions : an array (n,) a run; gold (n,).
    """
    ours = predictions[labels.index(best)]
    return [
        statistics.describe_mcnemar(best, label, statistics.mcnemar(ours, theirs, gold))
        for label, theirs in zip(labels, predictions, strict=True)
        if label != best
    ]


def about_classes(labels, first, predictions, gold, names):
    """On which class's test images the settings differ most."""
    right = [[np.mean(found[gold == k] == k) for k in np.unique(gold)] for found in predictions]
    gaps = np.ptp(right, axis=0)
    most = int(gaps.argmax())
    if not gaps[most]:
        return []
    shares = each(labels, [as_share(of_run[most]) for of_run in right])
    which = names[np.unique(gold)[most]]
    return [
        f"They differ most on the test images of {which}: classified correctly{first} are {shares}."
    ]


def about_tests(labels, groups):
    """The test accuracies over the seeds."""
    values = [[record.final["test_acc"] for record in group] for group in groups]
    texts = [over_seeds("test_acc", of_setting) for of_setting in values]
    return [f"The mean test accuracies, not used to choose, are {each(labels, texts)}."]


def about_baseline(labels, records, share):
    """Which runs are no better on the validation images than one class alone, if any."""
    lost = [
        label
        for label, record in zip(labels, records, strict=True)
        if compare.final_accuracy(record) <= share
    ]
    do = "does" if len(lost) == 1 else "do"
    always = f"always giving the most frequent class ({as_share(share)})"
    return [f"{join_words(lost)} {do} no better than {always}."] if lost else []


def about_gap(labels, groups):
    """How far training accuracy exceeds validation accuracy."""
    gaps = [
        [record.final["train_acc"] - record.final["val_acc"] for record in group]
        for group in groups
    ]
    texts = [over_seeds("val_acc", values) for values in gaps]
    return [f"Training accuracy minus validation accuracy at the end is {each(labels, texts)}."]


def about_pace(labels, groups, best):
    """In which epoch the best setting has learned as much as another in all of its epochs.

    Against the epoch in which the other gets there itself: where its curve swings, its last epoch says
    little about when it had learned as much.
    """
    sentences = []
    for label, group in zip(labels, groups, strict=True):
        if label == best:
            continue
        pairs = [
            (ours, theirs)
            for ours in groups[labels.index(best)]
            for theirs in group
            if ours.options["seed"] == theirs.options["seed"]
        ]
        ends = [compare.final_accuracy(theirs) for _, theirs in pairs]
        sooner = [first_epoch(ours, end) for (ours, _), end in zip(pairs, ends, strict=True)]
        later = [first_epoch(theirs, end) for (_, theirs), end in zip(pairs, ends, strict=True)]
        if pairs and None not in sooner and min(later) - max(sooner) > len(group[0].epochs) / 20:
            sentences.append(
                f"In epoch {span(sooner)} {best} reaches the validation accuracy that {label} ends with "
                f"and first reaches in epoch {span(later)}."
            )
    return sentences


def first_epoch(record, accuracy):
    """The first epoch whose validation accuracy is at least so high; None if none is."""
    return next((row["epoch"] for row in record.epochs if row["val_acc"] >= accuracy), None)


# --------------------------------------------------------------------------------------------
# Curves, weights and time


def about_curves(labels, groups, curves):
    """Where each of the quantities ends; of validation loss what it does on the way there."""
    sentences = []
    for key in curves or ("train_loss", "val_loss"):
        if key == "val_acc" or not all(key in record.epochs[0] for (record, *_) in groups):
            continue  # where validation accuracy ends has been said
        name = name_of(key)
        if key == "val_loss" and max(map(len, groups)) == 1:
            for label, (record, *_) in zip(labels, groups, strict=True):
                losses = [row[key] for row in record.epochs]
                sentences.append(about_loss(f"{name} with {label}", losses))
            continue
        starts, ends = (
            [[record.epochs[at][key] for record in group] for group in groups] for at in (0, -1)
        )
        if any(None in values for values in starts + ends):
            continue
        texts = [
            f"from {over_seeds(key, start)} to {over_seeds(key, end)}"
            for start, end in zip(starts, ends, strict=True)
        ]
        sentences.append(
            f"Between the first epoch and the last, the {name} goes {each(labels, texts)}."
        )
    return sentences


def about_zeros(labels, first, zeros):
    """How many weights are exactly zero, where any are."""
    if not zeros or None in zeros or not any(zero for zero, _ in zeros):
        return []
    texts = [f"{zero:,} of {count:,}" for zero, count in zeros]
    return [f"These weights are exactly zero{first}: {each(labels, texts)}."]


def about_seconds(labels, records):
    """How long the runs took, in a sentence or none; by how much one is faster only where they were
    measured alike.
    """
    seconds = [record.seconds_of_epochs for record in records]
    paces = each(
        labels,
        [
            f"{time / len(record.epochs):.2f} s"
            for record, time in zip(records, seconds, strict=True)
        ],
    )
    if not compare.measured_alike(records):
        unlike = "other numbers of threads or of runs at a time, so these are not comparable"
        return [f"An epoch took {paces}, measured with {unlike}."]
    slow, fast = seconds.index(max(seconds)), seconds.index(min(seconds))
    if not seconds[fast]:
        return []
    slowest, fastest = (f"{in_words(seconds[i])} with {labels[i]}" for i in (slow, fast))
    ratio = f"a ratio of {seconds[slow] / seconds[fast]:.2f}"
    return [f"An epoch took {paces}. The whole run took {slowest} and {fastest}: {ratio}."]
