"""What a run measures: the one name, axis label, table head and format of each quantity.

Keys are those of a record's epochs and of a comparison's columns; a key that is not listed, an
option's say, is called by its own words.
"""

import numpy as np

# What a sentence calls each quantity and, where that is another, what the head of a table's column does,
# as the scripts print it.
NAMES = {
    "train_acc": ("training accuracy", "train acc"),
    "val_acc": ("validation accuracy", "val acc"),
    "test_acc": ("test accuracy", "test acc"),
    "loss": ("training loss", "train loss"),  # the mean over examples before each update
    "train_loss": ("training loss", "train loss"),
    "val_loss": ("validation loss", "val loss"),
    "train_cost": ("training cost",),  # the loss with the penalty
    "val_cost": ("validation cost",),
    "w_norm": ("norm of the weights", "W norm"),
    "best_val_acc": ("highest validation accuracy", "highest val acc"),
    "best_epoch": ("in epoch",),
    "moves": ("range over the last epochs", "range, last epochs"),
    "runs_at_a_time": ("runs at a time",),
    "val_deviation": ("deviation", "± val"),
    "test_deviation": ("deviation of the test accuracy", "± test"),
    "lowest_val_acc": ("lowest validation accuracy", "lowest val"),
    "highest_val_acc": ("highest validation accuracy", "highest val"),
    "lowest_test_acc": ("lowest test accuracy", "lowest test"),
    "highest_test_acc": ("highest test accuracy", "highest test"),
}
UNITS = {"loss": "cross-entropy", "cost": "cross-entropy + penalty"}


def name_of(key):
    """What a sentence calls a quantity: 'validation accuracy'."""
    return NAMES.get(key, [key.replace("_", " ")])[0]


def head_of(key):
    """What the head of a table's column calls it: 'val acc'."""
    return NAMES.get(key, [key.replace("_", " ")])[-1]


def axis_label(key):
    """What the axis of a figure calls it: 'validation loss (cross-entropy)'."""
    unit = UNITS.get(key.rpartition("_")[2])
    return f"{name_of(key)} ({unit})" if unit else name_of(key)


def is_accuracy(key):
    """Is the quantity a share of images, from 0 to 1?"""
    return key == "moves" or key.endswith(("_acc", "_deviation"))


def as_text(key, value):
    """A quantity as every table and sentence has it: an accuracy .4597, a loss 1.1093.

    None is the empty text. A number that is no float, a Decimal say, keeps the digits that it has.
    """
    if value is None:
        return ""
    if key == "seconds":
        return f"{value:g}" if not isinstance(value, float) else f"{value:.{int(value < 100)}f}"
    if isinstance(value, float) and key in NAMES:
        return as_share(value) if is_accuracy(key) else f"{value:.4f}"
    text = shortest(value)
    return text.removeprefix("0") if is_accuracy(key) and text.startswith("0.") else text


def shortest(value):
    """A number as people write it: the fewest digits that give it back, never an exponent.

    '0.00001' and not '1e-05'; a float keeps its point, '1.0'. What is no float is `str(value)`; 1e300, of
    301 digits, keeps its exponent.
    """
    if not isinstance(value, float) or not 1e-20 < abs(value) < 1e20:
        return str(value)
    return np.format_float_positional(value, trim="0")


def as_share(value, digits=4):
    """A number from -1 to 1 as course reports write it: .4597, -.0100; a greater one keeps its whole part."""
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def join_words(words):
    """'a', 'a and b', 'a, b and c'; '' of none."""
    *first, last = words or [""]
    return f"{', '.join(first)} and {last}" if first else last


def in_words(seconds):
    """Seconds as '0.4 s', '12 s', '2 min 26 s' or '1 h 5 min'."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    if minutes and not seconds:
        return f"{minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
