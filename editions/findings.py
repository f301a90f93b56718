"""What one run shows, as sentences, each computed from its record."""

import math

import numpy as np

from lab import compare
from lab.figures import counted
from lab.quantities import as_share
from utils import SPLITS

FEWEST = 3  # epochs: one or two points are no curve


def one_class(record, dataset, predictions=None):
    """A sentence where a run gives one class for every image; "" where it tells classes apart.

    predictions : those of the test images; without them the accuracies tell, if all three are the
        shares of one class.
    """
    names = dataset.data.class_names
    label = dataset.only_class({split: record.final[f"{split}_acc"] for split in SPLITS})
    if label is not None:
        alone = f"The run gives one class ({names[label]}) for every image"
        return f"{alone}, so its accuracies are that class's shares."
    if predictions is not None and (predictions == predictions[0]).all():
        return f"The run gives one class ({names[predictions[0]]}) for every test image."
    return ""


def run_findings(record, dataset, predictions=None):
    """Sentences about a run's curves; none about curves of one or two points."""
    epochs, n = record.epochs, len(record.epochs)
    alone = one_class(record, dataset, predictions)
    sentences = [alone] if alone else []
    if n < FEWEST:
        return sentences
    best, final = record.best, record.final
    train, val, test = (final[f"{split}_acc"] for split in SPLITS)
    sentences.append(
        f"After {n} epochs training accuracy is {as_share(train)}, validation accuracy {as_share(val)} "
        f"and test accuracy {as_share(test)}."
    )
    side = f"{as_share(abs(train - val))} {'below' if train > val else 'above'}"
    side = "equal to" if train == val else side
    sentences.append(
        f"Validation accuracy is highest, {as_share(best['val_acc'])}, in epoch {best['epoch']}; at the "
        f"end it is {side} training accuracy."
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
    count, low, high = compare.last_epochs(record)
    if count > 1:
        oscillates = ": it oscillates" if high - low > 0.1 else ""
        moves = f"ranges from {as_share(low)} to {as_share(high)}{oscillates}"
        moves = moves if high > low else "does not change"
        sentences.append(f"Over the last {count} epochs validation accuracy {moves}.")
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
    end = losses[-max(1, n // compare.LAST) :]
    if len(end) > 2 and max(end) > 2 * min(end):
        return (
            f"The {words} oscillates: over the last {len(end)} epochs it ranges from {min(end):.4f} to "
            f"{max(end):.4f}. It is lowest, {lowest:.4f}, in epoch {epoch} of {n}."
        )
    if epoch <= 0.9 * n and min(losses[math.ceil(0.9 * n) - 1 :]) > 1.01 * lowest:
        return (
            f"The {words} rises again: it is lowest, {lowest:.4f}, in epoch {epoch} of {n}, and ends at "
            f"{last:.4f}, {last / lowest:.3g} times that."
        )
    return f"The {words} is lowest, {lowest:.4f}, in epoch {epoch} of {n}, and ends at {last:.4f}."


def about_confusion(gold, predictions, names):
    """Which two classes are confused most often, as a sentence in a list; none of a perfect run.

    gold, predictions : (n,) classes.
    """
    counts = counted(gold, predictions, len(names))
    np.fill_diagonal(counts, 0)
    both = np.triu(counts + counts.T)
    if not both.any():
        return []
    a, b = np.unravel_index(both.argmax(), both.shape)
    said = (
        f"{counts[a, b]} of {np.sum(gold == a)} test images of {names[a]} for {names[b]} and "
        f"{counts[b, a]} of {np.sum(gold == b)} of {names[b]} for {names[a]}"
    )
    return [f"Most often it confuses {names[a]} and {names[b]}: it takes {said}."]
