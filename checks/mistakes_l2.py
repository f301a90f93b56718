"""Mistakes of the l2 penalty of logistic regression, with their wrong twins.

A twin is (W, stepped, rate, penalty) -> what the penalty adds to the step that the program makes
without it, which leads from W to `stepped`.
"""

import numpy as np

from checks.entry import Entry
from checks.twins import half_square


def l2_entry(id, title, explanation, hint, *changes):
    """An entry of the part logistic_regression_l2."""
    return Entry(id, "wrong", title, explanation, hint, {"logistic_regression_l2": list(changes)})


def right_l2(W, stepped, rate, penalty):
    return -rate * half_square(W, penalty)


def row_by_row(norm):
    """Rows changed one after the other, each by a number that the rows before have changed."""

    def change(W, stepped, rate, penalty):
        new = W.copy()
        for c in range(len(W)):
            new[c] += stepped[c] - W[c] - rate * penalty * norm(new, c)
        return new - stepped

    return change


def after_the_step(W, stepped, rate, penalty):
    return -rate * half_square(stepped, penalty)


TABLE = [
    l2_entry(
        "l2_missing",
        "l2_penalty is never used",
        "The step is the same with and without a penalty, so every experiment with l2_penalty gives "
        "the same model.",
        "Where does l2_penalty enter the gradient?",
        lambda W, stepped, rate, penalty: 0 * W,
    ),
    l2_entry(
        "l2_sign",
        "The penalty has the wrong sign",
        "The weights grow by what they should shrink, so the penalty does the opposite of its aim.",
        "With no data at all, should the penalty make |W| smaller or larger?",
        lambda W, stepped, rate, penalty: rate * penalty * W,
        lambda W, stepped, rate, penalty: 2 * rate * penalty * W,
        lambda W, stepped, rate, penalty: rate * penalty * stepped,
    ),
    l2_entry(
        "l2_scalar_norm",
        "The squared norm is used in place of its gradient",
        "One number, the sum of the squared weights, is taken from every weight. The penalty's "
        "gradient has one number for each weight, in proportion to it.",
        "Differentiate w1^2 + w2^2 with respect to w1.",
        *[
            lambda W, stepped, rate, penalty, f=factor: -rate * penalty * f * np.sum(W**2) + 0 * W
            for factor in (1, 0.5, 2, -1, -0.5)
        ],
        lambda W, stepped, rate, penalty: -rate * penalty * np.linalg.norm(W) + 0 * W,
        row_by_row(lambda W, c: np.sum(W**2)),
        row_by_row(lambda W, c: np.sum(W[c] ** 2)),
        row_by_row(lambda W, c: 0.5 * np.sum(W**2)),
        lambda W, stepped, rate, penalty: -penalty * np.sum(W**2) + 0 * W,
        lambda W, stepped, rate, penalty: -0.5 * penalty * np.sum(W**2) + 0 * W,
        lambda W, stepped, rate, penalty: -rate * penalty * np.sum(W) + 0 * W,
    ),
    l2_entry(
        "l2_no_update",
        "With a penalty there is no update at all",
        "As soon as l2_penalty is above 0 the weights no longer change.",
        "Follow the branch that runs when l2_penalty > 0 to its end: is W assigned there?",
        lambda W, stepped, rate, penalty: W - stepped,
    ),
    l2_entry(
        "l2_not_scaled_by_lr",
        "The penalty is not multiplied by the learning rate",
        "The penalty belongs to the cost whose gradient is followed, so its term takes the learning "
        "rate like the rest. Without it the weights shrink far too fast.",
        "Which terms of the update does learning_rate multiply?",
        lambda W, stepped, rate, penalty: -penalty * W,
        lambda W, stepped, rate, penalty: -2 * penalty * W,
        lambda W, stepped, rate, penalty: -penalty * stepped,
        lambda W, stepped, rate, penalty: -0.5 * penalty * W,
    ),
    Entry(
        "conv_l2_factor2",
        "deviation",
        "The penalty is l2_penalty * |W|^2, without the half",
        "The gradient carries 2 * l2_penalty * W. That is a convention, as good as the other: a "
        "penalty of 0.01 here is one of 0.02 there.",
        "To compare numbers with the handout's, halve the penalty.",
        {"logistic_regression_l2": [lambda W, stepped, rate, penalty: -2 * rate * penalty * W]},
    ),
]
