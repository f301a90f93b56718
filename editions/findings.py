"""What curves show, as sentences, each computed from the records of runs."""

import math

import numpy as np

from lab import comparison, statistics
from lab.quantities import as_text, in_words, join_words
from utils import SPLITS

FEWEST = 3  # epochs: one or two points are no curve


def accuracy_text(value):
    """An accuracy as '.4597'."""
    return as_text("val_acc", float(value))


def one_class(record, dataset, predictions=None):
    """A sentence where a run gives one class for every image; "" where it tells classes apart.

    predictions : those of the test images; without them the accuracies tell, if all three are the
        shares of one class.
    """
    names = dataset.data.class_names
    label = dataset.only_class({split: record.final[f"{split}_acc"] for split in SPLITS})
    if label is not None:
        alone = f"It gives one class ({names[label]}) for every image"
        return f"{alone}; the accuracies are that class's shares."
    if predictions is not None and (predictions == predictions[0]).all():
        return f"It gives one class ({names[predictions[0]]}) for every test image."
    return ""


def run_findings(record, dataset, predictions=None):
    """Sentences about a run's curves; none about curves of one or two points."""
    epochs, n = record.epochs, len(record.epochs)
    alone = one_class(record, dataset, predictions)
    sentences = [alone] if alone else []
    if n < FEWEST:
        return sentences
    best, final = record.best, record.final
    gap = final["train_acc"] - final["val_acc"]
    side = "above" if gap >= 0 else "below"
    sentences.append(
        f"Validation accuracy ends at {accuracy_text(final['val_acc'])}; its highest is "
        f"{accuracy_text(best['val_acc'])}, in epoch {best['epoch']} of {n}."
    )
    sentences.append(
        f"Training accuracy ends at {accuracy_text(final['train_acc'])}, {accuracy_text(abs(gap))} {side} "
        "validation accuracy."
    )
    for key, words in (("val_loss", "validation loss"), ("train_loss", "training loss"),
                       ("loss", "training loss")):  # fmt: skip
        if key in epochs[0]:
            sentences.append(about_loss(words, [row[key] for row in epochs]))
    if None not in (epochs[0].get("w_norm"), epochs[-1].get("w_norm")):
        sentences.append(
            f"The norm of the weights is {epochs[0]['w_norm']:.4f} after the first epoch and "
            f"{epochs[-1]['w_norm']:.4f} after the last."
        )
    count, low, high = comparison.last_epochs(record)
    if count > 1:
        oscillates = ": it oscillates" if high - low > 0.1 else ""
        sentences.append(
            f"Over the last {count} epochs validation accuracy runs from {accuracy_text(low)} to "
            f"{accuracy_text(high)}{oscillates}."
        )
    return sentences


def about_loss(words, losses):
    """Where a loss has its lowest value, and what it does after."""
    finite = [(loss, epoch) for epoch, loss in enumerate(losses, 1) if loss is not None]
    if len(finite) < len(losses):
        return f"The {words} is not finite in {len(losses) - len(finite)} of {len(losses)} epochs."
    lowest, epoch = min(finite)
    n, last = len(losses), losses[-1]
    if epoch == n:
        return f"The {words} is still falling in the last epoch, {n}, where it is {last:.4f}."
    end = losses[-max(1, n // comparison.LAST) :]
    if len(end) > 2 and max(end) > 2 * min(end):
        return (
            f"The {words} oscillates: over the last {len(end)} epochs it runs from {min(end):.4f} to "
            f"{max(end):.4f}. It is lowest, {lowest:.4f}, in epoch {epoch} of {n}."
        )
    if epoch <= 0.9 * n and min(losses[math.ceil(0.9 * n) - 1 :]) > 1.01 * lowest:
        return (
            f"The {words} turns: it is lowest, {lowest:.4f}, after epoch {epoch} of {n}, and ends at "
            f"{last:.4f}, {last / lowest:.3g} times that."
        )
    return f"The {words} is lowest, {lowest:.4f}, in epoch {epoch} of {n}, and ends at {last:.4f}."


def comparison_findings(labels, records, timed):
    """What a comparison's curves show, as sentences; `timed`: is it about time in any case?"""
    if min(len(record.epochs) for record in records) < FEWEST:
        return []
    tied = comparison.tied_with_best(records)
    sentences = about_tie(labels, records, tied) if len(tied) > 1 else about_best(labels, records)
    return sentences + (about_seconds(labels, records) if timed else [])


def moving(record):
    """'over its last 40 epochs from .5990 to .6180'."""
    count, low, high = comparison.last_epochs(record)
    return f"over its last {count} epochs it moves between {accuracy_text(low)} and {accuracy_text(high)}"


def about_tie(labels, records, tied):
    """Several runs share the highest accuracy, so none of them is the best."""
    others = [i for i in range(len(records)) if i not in tied]
    finals = [comparison.final_accuracy(record) for record in records]
    against = join_words([f"{accuracy_text(finals[i])} ({labels[i]})" for i in others])
    against = f", against {against}" if others else ""
    tests = join_words(
        [f"{accuracy_text(records[i].final['test_acc'])} ({labels[i]})" for i in tied]
    )
    names = join_words([labels[i] for i in tied])
    level = f"{accuracy_text(finals[tied[0]])}{against}"
    return [
        f"Tied by final validation accuracy, so none is best: {names}, with {level}.",
        f"Their test accuracies, which select nothing, are {tests}.",
    ]


def about_best(labels, records):
    """Which run is the best, by how much, and what its accuracy moves in the last epochs."""
    best = comparison.best_of(records)
    finals = [comparison.final_accuracy(record) for record in records]
    tests = [record.final["test_acc"] for record in records]
    others = [i for i in range(len(records)) if i != best]
    against = join_words([f"{accuracy_text(finals[i])} ({labels[i]})" for i in others])
    level = f"{accuracy_text(finals[best])} ({moving(records[best])})"
    sentences = [
        f"Best by final validation accuracy: {labels[best]}, with {level} against {against}."
    ]
    gap = min(finals[best] - finals[i] for i in others)
    _, low, high = comparison.last_epochs(records[best])
    if gap < high - low:
        sentences.append(
            f"It leads by {accuracy_text(gap)}, less than its own accuracy moves in the last epochs "
            f"({accuracy_text(high - low)}): another last epoch could turn that around."
        )
    highest = [i for i, accuracy in enumerate(tests) if accuracy == max(tests)]
    if highest == [best]:
        sentences.append(f"Its test accuracy, {accuracy_text(tests[best])}, is the highest too.")
    else:
        sentences.append(
            f"Its test accuracy is {accuracy_text(tests[best])}; the highest, which selects nothing, is "
            f"{accuracy_text(max(tests))} ({join_words([labels[i] for i in highest])})."
        )
    for i in others:
        # Against the epoch in which the other gets there itself: where its curve swings, its last
        # epoch says little about when it had learned as much.
        sooner, later = (first_epoch(records[j], finals[i]) for j in (best, i))
        if later - sooner > len(records[i].epochs) / 20:
            sentences.append(
                f"With {labels[best]} epoch {sooner} reaches the validation accuracy that {labels[i]} "
                f"ends with and first reaches in epoch {later}: {later - sooner} "
                f"epoch{'s' * (later - sooner > 1)} saved."
            )
    return sentences


def about_confusion(gold, predictions, names):
    """Which two classes are confused most often, as a sentence in a list; none of a perfect run.

    gold, predictions : (n,) classes.
    """
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (gold, predictions), 1)
    np.fill_diagonal(counts, 0)
    both = np.triu(counts + counts.T)
    if not both.any():
        return []
    a, b = np.unravel_index(both.argmax(), both.shape)
    said = [
        f"{counts[i, j]} of {np.sum(gold == i)} test images of {names[i]} are taken for {names[j]}"
        for i, j in ((a, b), (b, a))
    ]
    return [f"Most often confused are {names[a]} and {names[b]}: {' and '.join(said)}."]


def about_disputes(labels, predictions, gold, best):
    """Do single runs differ on the same test images? McNemar's test of the best against each other.

    predictions : an array (n,) a run.
    """
    return [
        statistics.describe_mcnemar(
            labels[best], label, statistics.mcnemar(predictions[best], others, gold)
        )
        for i, (label, others) in enumerate(zip(labels, predictions, strict=True))
        if i != best
    ]


def about_seconds(labels, records):
    """How long the runs took, in a sentence or none; by how much one is faster only where they were
    measured alike.
    """
    seconds = [record.seconds_of_epochs for record in records]
    paces = join_words(
        [
            f"{time / len(record.epochs):.2f} s ({label})"
            for label, record, time in zip(labels, records, seconds, strict=True)
        ]
    )
    if not comparison.measured_alike(records):
        unlike = "other numbers of threads or of runs at a time, so these are not comparable"
        return [f"An epoch took {paces}, measured with {unlike}."]
    slow, fast = seconds.index(max(seconds)), seconds.index(min(seconds))
    if not seconds[fast]:
        return []
    slowest, fastest = (f"{in_words(seconds[i])} with {labels[i]}" for i in (slow, fast))
    ratio = f"a ratio of {seconds[slow] / seconds[fast]:.2f}"
    return [f"An epoch took {paces}. The whole run took {slowest} and {fastest}: {ratio}."]


def first_epoch(record, accuracy):
    """The first epoch whose validation accuracy is at least so high."""
    return next(row["epoch"] for row in record.epochs if row["val_acc"] >= accuracy)
