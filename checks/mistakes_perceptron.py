"""Mistakes of the perceptron, with their wrong twins.

A way to change W is (W, x, y, predicted) -> what is added to it.
"""

import numpy as np

from checks.entry import Entry


def on_mistake(rows):
    """rows(change, W, x, y, predicted) writes to the change, where the prediction is wrong."""

    def change(W, x, y, predicted):
        added = np.zeros_like(W)
        if predicted != y:
            rows(added, W, x, y, predicted)
        return added

    return change


@on_mistake
def promote_only(added, W, x, y, predicted):
    added[y] += x


@on_mistake
def both_by_label(added, W, x, y, predicted):
    added[y] += y * x
    added[predicted] -= y * x


@on_mistake
def promote_by_label(added, W, x, y, predicted):
    added[y] += y * x
    added[predicted] -= x


@on_mistake
def promote_only_by_label(added, W, x, y, predicted):
    added[y] += y * x


@on_mistake
def predicted_by_label(added, W, x, y, predicted):
    added[predicted] += y * x


@on_mistake
def overwrite(added, W, x, y, predicted):
    added[predicted] = W[y] - x - W[predicted]


@on_mistake
def promote_and_overwrite(added, W, x, y, predicted):
    added[y] += x
    added[predicted] = W[y] - W[predicted]  # W[y] has x by now


@on_mistake
def promote_and_overwrite_from_old(added, W, x, y, predicted):
    added[y] += x
    added[predicted] = W[y] - x - W[predicted]


@on_mistake
def every_row(added, W, x, y, predicted):
    added += x


@on_mistake
def every_row_but_predicted(added, W, x, y, predicted):
    added += x
    added[predicted] -= x


@on_mistake
def every_row_up_predicted_down(added, W, x, y, predicted):
    added += x
    added[predicted] -= 2 * x


@on_mistake
def every_row_by_labels(added, W, x, y, predicted):
    added += (y - predicted) * x


@on_mistake
def every_row_by_label(added, W, x, y, predicted):
    added += y * x


def always_every_row(W, x, y, predicted):
    return np.tile(x, (len(W), 1))


def always_every_row_by_label(W, x, y, predicted):
    return np.tile(y * x, (len(W), 1))


def own_sign_of_each_class(factor):
    def change(W, x, y, predicted):
        target = np.where(np.arange(len(W)) == y, 1, -1)
        return factor * np.outer(np.where(np.sign(W @ x) == target, 0, target), x)

    return change


def signs_argmax(scores):
    return int(np.argmax(np.sign(scores)))


def steps_argmax(scores):
    return int(np.argmax(scores > 0))


def shrink(W, rate, penalty):
    return W * (1 - rate * penalty)


def shrink_by_penalty(W, rate, penalty):
    return W * (1 - penalty)


def shrink_twice(W, rate, penalty):
    return W * (1 - 2 * rate * penalty)


TABLE = [
    Entry(
        "perc_label_scaled",
        "wrong",
        "The update is multiplied by the label",
        "The perceptron's step is multiplied by the number of the class. Class 0 then never learns, "
        "and class 5 takes steps five times as long as class 1, though the numbers of the classes "
        "are only names.",
        "Multiplying by y is the rule for two classes named -1 and 1. What does the label choose "
        "when there are several classes, each with a row of its own?",
        {
            "perceptron": [
                {"change": both_by_label},
                {"change": promote_by_label},
                {"change": promote_only_by_label},
                {"change": predicted_by_label},
            ]
        },
    ),
    Entry(
        "perc_no_demote",
        "wrong",
        "The predicted class's row keeps what it has",
        "On a mistake x is added to the gold class's row, but not taken from the row of the class "
        "that was predicted. The wrong class keeps its score and the rows only grow.",
        "Two classes are involved in a mistake. What happens to each one's row?",
        {"perceptron": [{"change": promote_only}]},
    ),
    Entry(
        "perc_wrong_row",
        "wrong",
        "One row is overwritten from another",
        "The predicted class's row is computed from the gold class's row, so what the predicted "
        "class had learned is lost at each mistake.",
        "Which row stands on each side of the assignment?",
        {
            "perceptron": [
                {"change": overwrite},
                {"change": promote_and_overwrite},
                {"change": promote_and_overwrite_from_old},
            ]
        },
    ),
    Entry(
        "perc_sign_argmax",
        "wrong",
        "The prediction is taken from the signs of the scores",
        "All positive scores become the same number before the largest is looked for, so the first "
        "class with a positive score wins, however small it is.",
        "sign() belongs to the perceptron of two classes. What decides among several?",
        {"perceptron": [{"decide": signs_argmax}, {"decide": steps_argmax}]},
    ),
    Entry(
        "perc_one_vs_all",
        "wrong",
        "One perceptron of two classes for each class",
        "Each row is trained alone to be positive for its class and negative for all others. The "
        "multi-class perceptron compares the rows: it changes two of them, and only when the "
        "largest score is not the gold class's.",
        "When the gold class has the largest score already, should any row change?",
        {
            "perceptron": [
                {"change": own_sign_of_each_class(1)},
                {"change": own_sign_of_each_class(2)},
                {"change": own_sign_of_each_class(0.5)},
            ]
        },
    ),
    Entry(
        "perc_l2_decay",
        "wrong",
        "The perceptron's weights shrink at every example",
        "W is multiplied by 1 - learning_rate * l2_penalty at each example. The perceptron has no "
        "penalty in its rule: between two mistakes its weights stay as they are.",
        "Which of the options are the logistic regression's alone?",
        {
            "perceptron": [
                {field: function}
                for field in ("decay", "decay_after")
                for function in (shrink, shrink_twice, shrink_by_penalty)
            ]
        },
    ),
    Entry(
        "perc_all_rows",
        "wrong",
        "Every row of W is changed",
        "The example is added to the rows of all classes. Their scores rise together, so the class "
        "with the largest score remains the same.",
        "How many classes' rows should change at one mistake?",
        {
            "perceptron": [
                {"change": every_row},
                {"change": every_row_but_predicted},
                {"change": every_row_up_predicted_down},
                {"change": every_row_by_labels},
                {"change": every_row_by_label},
                {"change": always_every_row},
                {"change": always_every_row_by_label},
            ]
        },
    ),
]
