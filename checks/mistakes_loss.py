"""Mistakes of the loss that the MLP's train_epoch returns, with their wrong twins.

A loss twin is (textbook, course, X, y) -> the mean over the examples, where course holds the weights
before each step and, last, after the epoch. The sum is accepted in place of the mean.
"""

import numpy as np

from checks.entry import Entry
from checks.twins import cross_entropy, epoch_losses, log_softmax


def before_each_step(loss):
    """The twin that takes another loss(scores, y) of each example, just before its step."""
    return lambda textbook, course, X, y: np.mean(epoch_losses(textbook, course, X, y, loss))


def right_loss(textbook, course, X, y):
    return np.mean(epoch_losses(textbook, course, X, y))


def last_example(textbook, course, X, y):
    return epoch_losses(textbook, course, X, y)[-1]


def last_example_shared(textbook, course, X, y):
    return epoch_losses(textbook, course, X, y)[-1] / len(X)


def after_each_step(textbook, course, X, y):
    return np.mean(epoch_losses(textbook, course[1:], X, y))


def after_the_epoch(textbook, course, X, y):
    return np.mean(epoch_losses(textbook, [course[-1]] * len(X), X, y))


def last_after_its_step(textbook, course, X, y):
    return cross_entropy(textbook.scores(course[-1], X[-1]), y[-1])


def over_the_batch(place, pick):
    """Probabilities that sum to 1 over all examples and classes together.

    place is that of the weights in the course; None for those before each example's own step.
    """

    def loss(textbook, course, X, y):
        places = range(len(X)) if place is None else [place] * len(X)
        scores = np.array([textbook.scores(course[i], x) for i, x in zip(places, X, strict=True)])
        logs = log_softmax(scores.ravel()).reshape(scores.shape)
        return -np.mean(pick(logs, y))

    return loss


def over_examples(place):
    """Probabilities that sum to 1 over the examples, for each class."""

    def loss(textbook, course, X, y):
        places = range(len(X)) if place is None else [place] * len(X)
        scores = np.array([textbook.scores(course[i], x) for i, x in zip(places, X, strict=True)])
        logs = np.array([log_softmax(column) for column in scores.T]).T
        return -np.mean(logs[np.arange(len(y)), y])

    return loss


def gold(logs, y):
    return logs[np.arange(len(y)), y]


def of_each(function):
    """[function, and the same divided by the number of classes]"""
    return [
        before_each_step(function),
        before_each_step(lambda scores, y: function(scores, y) / len(scores)),
    ]


def log_sum(scores):
    return scores.max() + np.log(np.exp(scores - scores.max()).sum())


def clipped_entries(limit):
    """The change of a step whose gradients' entries are cut at a limit."""
    return {"update": lambda weight, gradient, rate: weight - rate * cut(gradient, limit)}


def cut(gradient, limit):
    return np.clip(gradient, -limit, limit)


def clipped_length(limit):
    """The change of a step whose gradients are shortened to a limit, each by itself."""

    def update(weight, gradient, rate):
        return weight - rate * gradient * min(1, limit / max(np.linalg.norm(gradient), 1e-300))

    return {"update": update}


TABLE = [
    Entry(
        "loss_broadcast",
        "wrong",
        "The loss adds up all classes, by broadcasting",
        "A column of one shape met a row of another and became a matrix: -log p of every class is "
        "in the sum, not that of the gold class alone. The loss returned has little to do with the "
        "one that is trained.",
        "Print the shapes of the target and of log p in the product.",
        {
            "mlp_loss": [
                *of_each(lambda scores, y: -log_softmax(scores).sum()),
                before_each_step(lambda scores, y: -log_softmax(scores).sum() / len(scores) ** 2),
            ]
        },
    ),
    Entry(
        "loss_sign",
        "wrong",
        "A sign in the loss is wrong",
        "The gold class's score is added where it should be subtracted (or the whole loss has the "
        "other sign), so the loss rises as the model gets better.",
        "For a score of 10 for the gold class and 0 for the others: should the loss be near 0?",
        {
            "mlp_loss": [
                before_each_step(lambda scores, y: log_sum(scores) + scores[y]),
                before_each_step(
                    lambda scores, y: log_sum(scores - scores.max()) + scores[y] - scores.max()
                ),
                before_each_step(lambda scores, y: log_softmax(scores)[y]),
            ]
        },
    ),
    Entry(
        "loss_no_one_hot",
        "wrong",
        "The loss multiplies by the number of the class",
        "In place of a one-hot target the label itself stands in the product, so class 0 has no "
        "loss at all and class 5 five times that of class 1.",
        "What is the loss of an example of class 0, whatever the model says?",
        {
            "mlp_loss": [
                *of_each(lambda scores, y: -y * log_softmax(scores).sum()),
                *of_each(lambda scores, y: -y * log_softmax(scores)[y]),
            ]
        },
    ),
    Entry(
        "loss_last_sample",
        "wrong",
        "Only the last example's loss is returned",
        "The loss of one example says little of the epoch, and jumps from one epoch to the next.",
        "Which value does the variable hold when the loop has ended?",
        {"mlp_loss": [last_example, last_example_shared, last_after_its_step]},
    ),
    Entry(
        "loss_recomputed_late",
        "wrong",
        "The loss is computed after the update",
        "The loss of the epoch is that of the forward passes it was trained with. Computed again "
        "with the new weights it is another (usually lower) number, not to be compared with "
        "others'.",
        "At which line have the weights changed, and at which is the loss taken?",
        {"mlp_loss": [after_each_step, after_the_epoch]},
    ),
    Entry(
        "loss_batch_softmax",
        "wrong",
        "The loss's softmax runs over the whole batch",
        "The probabilities sum to 1 over all examples together, not for each example, so the loss "
        "grows with the number of examples.",
        "Which axis holds the classes?",
        {
            "mlp_loss": [
                twin
                for place in (0, -1, None)
                for twin in (over_the_batch(place, gold), over_examples(place))
            ]
        },
    ),
    Entry(
        "loss_shift_mismatch",
        "wrong",
        "The loss mixes shifted and unshifted scores",
        "The maximum was subtracted from the scores in one place and not in the other, so the loss "
        "is off by the maximum.",
        "In log(sum(exp(s))) - s[y], do both parts take the same s?",
        {
            "mlp_loss": [
                before_each_step(lambda scores, y: cross_entropy(scores, y) - scores.max()),
                before_each_step(lambda scores, y: cross_entropy(scores, y) + scores.max()),
            ]
        },
    ),
    Entry(
        "loss_constant",
        "wrong",
        "The loss is a constant",
        "The number returned is the same whatever the data and the weights are.",
        "Which line puts the examples' losses together?",
    ),
    Entry(
        "loss_not_returned",
        "wrong",
        "train_epoch returns no loss",
        "The skeleton prints what MLP.train_epoch returns; here it is None.",
        "What does the caller expect at the end of train_epoch?",
    ),
    Entry(
        "loss_extra",
        "deviation",
        "A loss is returned though none is asked for",
        "This edition's train_epoch returns nothing; what is returned is not used.",
        "Nothing to change.",
    ),
    Entry(
        "conv_loss_sum",
        "deviation",
        "The epoch's loss is the sum over the examples",
        "A convention: others return the mean. Divide by the number of examples to compare.",
        "Nothing to change.",
    ),
    Entry(
        "loss_log_zero",
        "fragile",
        "log(0) where a probability is too small",
        "A probability below about 1e-323 is 0 in the computer, and its logarithm minus infinity: "
        "the loss becomes inf (and nan in a mean), though the true loss is an ordinary number, such "
        "as 1200.",
        "log p can be computed from the scores without computing p first.",
    ),
    Entry(
        "loss_unstable",
        "fragile",
        "The loss takes exp of unshifted scores",
        "The probabilities for the gradient are computed with the maximum subtracted, those for "
        "the loss are not: exp overflows for scores above 709 and the loss becomes inf or nan.",
        "The gradient already does it right. What does the loss do otherwise?",
    ),
    Entry(
        "softmax_unstable",
        "fragile",
        "The softmax overflows for large scores",
        "exp(710) is more than a float64 holds, so for scores above about 709 the probabilities "
        "become inf / inf = nan, and so do the weights. With weights from N(0.1, 0.1^2) and 6,912 "
        "pixels the MLP's first scores are in the thousands.",
        "The softmax stays the same when one number is subtracted from all scores. Which one keeps "
        "exp small?",
    ),
    Entry(
        "predict_global_max",
        "fragile",
        "predict subtracts one maximum for the whole batch",
        "Rows whose scores lie some 745 below the batch's largest become all 0 after exp, and are "
        "predicted as class 0.",
        "Each row needs its own maximum: which axis, and what shape should it keep?",
    ),
    Entry(
        "gradient_clipped",
        "fragile",
        "Gradients are clipped before the update",
        "Small gradients are followed as they are, large ones are cut. The homework asks for plain "
        "gradient descent; the runs differ where gradients are large, as in the first epoch.",
        "If the clipping hides an overflow, cure the overflow.",
        {  # clipped so low that it shows in ordinary steps; higher limits show in a large gradient
            "logistic_regression": [clipped_entries(0.1), clipped_length(0.1)],
            "mlp": [
                *[clipped_entries(limit) for limit in (0.1, 0.5, 1)],
                *[clipped_length(limit) for limit in (0.1, 0.5, 1)],
            ],
        },
    ),
    Entry(
        "classes_from_batch",
        "fragile",
        "The number of classes is counted in the training labels",
        "np.unique(y) counts the classes that are present. When one is absent from the data given, "
        "the target gets too short, or other classes' places shift.",
        "The model knows its number of classes already.",
    ),
    Entry(
        "hardcoded_n_classes",
        "fragile",
        "The number of classes is written into the code",
        "With another number of classes than this data set's it fails, though n_classes is given.",
        "Which number in the code is n_classes?",
    ),
    Entry(
        "hardcoded_n_features",
        "fragile",
        "The number of features is written into the code",
        "With images of another size it fails, though n_features is given.",
        "Which number in the code is n_features?",
    ),
    Entry(
        "hardcoded_hidden_size",
        "wrong",
        "The hidden size is written into the code",
        "The argument hidden_size has no effect (or anything but one value fails), so -hidden_size "
        "does nothing.",
        "Which number in the code is hidden_size?",
    ),
]
