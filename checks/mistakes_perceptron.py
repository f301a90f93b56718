"""Mistakes of the perceptron, with their wrong twins.

A way to change W is (W, x, y, predicted) -> what is added to it.
"""

import numpy as np

from checks.entry import wrong
from checks.twins import one_hot


def on_mistake(factors):
    """Where the prediction is wrong, x is added to each row, multiplied by its factor.

    factors(gold, other, y, predicted) -> (classes,); gold and other are y and predicted as one-hot
    vectors.
    """

    def change(W, x, y, predicted):
        gold, other = one_hot(y, len(W)), one_hot(predicted, len(W))
        return (predicted != y) * np.outer(factors(gold, other, y, predicted), x)

    return {"change": change}


def overwrite(row, promote):
    """Where the prediction is wrong, the predicted class's row becomes row(W[y], x)."""

    def change(W, x, y, predicted):
        added = np.zeros_like(W)
        if predicted != y:
            added[y] = promote * x
            added[predicted] = row(W[y], x) - W[predicted]
        return added

    return {"change": change}


def every_row(factor):
    """x times a factor is added to every row at every example."""
    return {"change": lambda W, x, y, predicted: np.tile(factor(y) * x, (len(W), 1))}


def own_sign_of_each_class(factor):
    def change(W, x, y, predicted):
        target = np.where(np.arange(len(W)) == y, 1, -1)
        return factor * np.outer(np.where(np.sign(W @ x) == target, 0, target), x)

    return {"change": change}


SHRINKINGS = [
    lambda W, rate, penalty: W * (1 - rate * penalty),
    lambda W, rate, penalty: W * (1 - 2 * rate * penalty),
    lambda W, rate, penalty: W * (1 - penalty),
]

TABLE = [
    wrong(
        "perc_label_scaled",
        "The update is multiplied by the label",
        "The perceptron's step is multiplied by the number of the class. Class 0 then never learns, "
        "and class 5 takes steps five times as long as class 1, though the numbers of the classes "
        "are only names.",
        "Multiplying by y is the rule for two classes named -1 and 1. What does the label choose "
        "when there are several classes, each with a row of its own?",
        perceptron=[
            on_mistake(lambda gold, other, y, predicted: y * (gold - other)),
            on_mistake(lambda gold, other, y, predicted: y * gold - other),
            on_mistake(lambda gold, other, y, predicted: y * gold),
            on_mistake(lambda gold, other, y, predicted: y * other),
        ],
    ),
    wrong(
        "perc_no_demote",
        "The predicted class's row keeps what it has",
        "On a mistake x is added to the gold class's row, but not taken from the row of the class "
        "that was predicted. The wrong class keeps its score and the rows only grow.",
        "Two classes are involved in a mistake. What happens to each one's row?",
        perceptron=[on_mistake(lambda gold, other, y, predicted: gold)],
    ),
    wrong(
        "perc_wrong_row",
        "One row is overwritten from another",
        "The predicted class's row is computed from the gold class's row, so what the predicted "
        "class had learned is lost at each mistake.",
        "Which row stands on each side of the assignment?",
        perceptron=[
            overwrite(lambda gold_row, x: gold_row - x, promote=0),
            overwrite(lambda gold_row, x: gold_row, promote=1),  # gold_row + x - x
            overwrite(lambda gold_row, x: gold_row - x, promote=1),
        ],
    ),
    wrong(
        "perc_sign_argmax",
        "The prediction is taken from the signs of the scores",
        "All positive scores become the same number before the largest is looked for, so the first "
        "class with a positive score wins, however small it is.",
        "sign() belongs to the perceptron of two classes. What decides among several?",
        perceptron=[
            {"decide": lambda scores: int(np.argmax(np.sign(scores)))},
            {"decide": lambda scores: int(np.argmax(scores > 0))},
        ],
    ),
    wrong(
        "perc_one_vs_all",
        "One perceptron of two classes for each class",
        "Each row is trained alone to be positive for its class and negative for all others. The "
        "multi-class perceptron compares the rows: it changes two of them, and only when the "
        "largest score is not the gold class's.",
        "When the gold class has the largest score already, should any row change?",
        perceptron=[own_sign_of_each_class(factor) for factor in (1, 2, 0.5)],
    ),
    wrong(
        "perc_l2_decay",
        "The perceptron's weights shrink at every example",
        "W is multiplied by 1 - learning_rate * l2_penalty at each example. The perceptron has no "
        "penalty in its rule: between two mistakes its weights stay as they are.",
        "Which of the options are the logistic regression's alone?",
        perceptron=[{field: shrink} for field in ("decay", "decay_after") for shrink in SHRINKINGS],
    ),
    wrong(
        "perc_all_rows",
        "Every row of W is changed",
        "The example is added to the rows of all classes. Their scores rise together, so the class "
        "with the largest score remains the same.",
        "How many classes' rows should change at one mistake?",
        perceptron=[
            on_mistake(lambda gold, other, y, predicted: 1 + 0 * gold),
            on_mistake(lambda gold, other, y, predicted: 1 - other),
            on_mistake(lambda gold, other, y, predicted: 1 - 2 * other),
            on_mistake(lambda gold, other, y, predicted: y - predicted + 0 * gold),
            on_mistake(lambda gold, other, y, predicted: y + 0 * gold),
            every_row(lambda y: 1),
            every_row(lambda y: y),
        ],
    ),
]
