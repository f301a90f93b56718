"""Mistakes of logistic regression, and of the steps of all models, with their wrong twins."""

import numpy as np

from checks.entry import Entry
from checks.twins import one_hot


def sigmoid(scores):
    return 1 / (1 + np.exp(-scores))


def hard(scores):
    return one_hot(int(np.argmax(scores)), len(scores))


def integer_label(y, n_classes):
    return np.full(n_classes, float(y))


def label_in_its_place(y, n_classes):
    return y * one_hot(y, n_classes)


def previous_class(y, n_classes):
    return one_hot(y - 1, n_classes)


def next_class(y, n_classes):
    return one_hot((y + 1) % n_classes, n_classes)


def nothing(y, n_classes):
    return np.zeros(n_classes)


def ones(y, n_classes):
    return np.ones(n_classes)


def all_but_gold(y, n_classes):
    return 1 - one_hot(y, n_classes)


def plus_minus(y, n_classes):
    return 2 * one_hot(y, n_classes) - 1


def first_class(y, n_classes):
    return one_hot(0, n_classes)


def gold_probability(p, target, loss):
    """p[y] - 1 for every class, as where p[y] is taken before the target is subtracted."""
    return np.full(len(p), p @ target - 1)


def uphill(p, target, loss):
    return target - p


def target_over_p(p, target, loss):
    return -target / p


def loss_everywhere(error, x, loss):
    return np.full((len(error), len(x)), loss)


TARGETS = [
    {"target": integer_label},
    {"target": label_in_its_place},
    {"target": previous_class},
    {"target": next_class},
    {"target": nothing},
    {"target": ones},
    {"target": all_but_gold},
    {"target": plus_minus},
    {"target": first_class},
]
OVERWRITTEN = [
    lambda weight, gradient, rate: gradient,
    lambda weight, gradient, rate: gradient - rate * gradient,
    lambda weight, gradient, rate: rate * gradient,
    lambda weight, gradient, rate: -rate * gradient,
]

TABLE = [
    Entry(
        "sigmoid_not_softmax",
        "wrong",
        "A sigmoid for each class in place of the softmax",
        "Each score is turned into a probability of its own, so the probabilities of the classes do "
        "not sum to 1 and the classes do not compete. It is another model than the one asked for.",
        "What should the probabilities of all classes sum to?",
        {
            "logistic_regression": [{"probabilities": sigmoid}],
            "mlp": [{"probabilities": sigmoid}],
        },
    ),
    Entry(
        "lr_hard_prediction",
        "wrong",
        "The gradient uses the predicted class in place of the probabilities",
        "The class with the largest score counts as 1 and all others as 0. That is the perceptron's "
        "rule with a step size: nothing is learned from an example that is right already, and a "
        "near miss counts as much as a bad one.",
        "What does the model say of each class before one of them is chosen?",
        {"logistic_regression": [{"probabilities": hard}], "mlp": [{"probabilities": hard}]},
    ),
    Entry(
        "lr_loss_as_gradient",
        "wrong",
        "The loss is subtracted in place of its gradient",
        "The loss is one number, and the same number is taken from every weight. All classes' "
        "scores then fall together and nothing is learned.",
        "The gradient has one number for each weight. Where do the features come in?",
        {
            "logistic_regression": [
                {"gradient": loss_everywhere},
                {"gradient": loss_everywhere, "update": lambda W, loss, rate: W - loss},
                {"gradient": loss_everywhere, "update": lambda W, loss, rate: -rate * loss},
                {"gradient": loss_everywhere, "update": lambda W, loss, rate: -loss},
                {"gradient": loss_everywhere, "update": lambda W, loss, rate: W + rate * loss},
            ]
        },
    ),
    Entry(
        "lr_ignored",
        "wrong",
        "The learning rate given is not used",
        "The steps have the same length whatever learning_rate is passed, so no experiment with "
        "learning rates means anything.",
        "Follow learning_rate from the call to the update: where does it get lost?",
        {"logistic_regression": [{}], "mlp": [{}]},
        fitted=True,
    ),
    Entry(
        "one_hot_wrong",
        "wrong",
        "The target is not one-hot",
        "The error is the probabilities minus a vector with a 1 at the gold class. Here another "
        "vector is subtracted (such as the number of the class itself), so the gradient points "
        "elsewhere for most classes.",
        "Print the target for class 0 and for class 2: are both what they should be?",
        {
            "logistic_regression": [*TARGETS, {"error": gold_probability}],
            "mlp": [*TARGETS, {"error": gold_probability}],
        },
    ),
    Entry(
        "grad_through_softmax_missing",
        "wrong",
        "The softmax is left out of the gradient",
        "-y / p is the gradient of the loss at the probabilities. The scores come before them, so "
        "the derivative of the softmax has to be multiplied in.",
        "The chain rule has one factor for each function between the scores and the loss.",
        {"logistic_regression": [{"error": target_over_p}], "mlp": [{"error": target_over_p}]},
    ),
    Entry(
        "grad_sign",
        "wrong",
        "The step goes up the loss",
        "The update has the wrong sign: each step makes the loss of its example larger.",
        "After one step on one example, should its loss be smaller or larger?",
        {
            "perceptron": [{"descend": -1.0}],
            "logistic_regression": [{"error": uphill}],
            "mlp": [{"error": uphill}],
        },
    ),
    Entry(
        "no_update",
        "wrong",
        "The weights never change",
        "What was computed is not stored in the weights, so the model after training is the model "
        "before it.",
        "Print the weights before and after one call. Which line assigns them?",
        {
            "perceptron": [{"size": lambda rate: 0.0}],
            "logistic_regression": [{"update": lambda weight, gradient, rate: weight}],
            "mlp": [{"update": lambda weight, gradient, rate: weight}],
        },
    ),
    Entry(
        "weights_overwritten",
        "wrong",
        "The weights are replaced by the gradient",
        "After the step nothing of the weights before it is left: a name for the gradients is a "
        "second name for the weights themselves, or the gradient is assigned to them.",
        "Assigning a list or an array to a second name makes no copy of it.",
        {
            "logistic_regression": [{"update": update} for update in OVERWRITTEN],
            "mlp": [
                {"update": update, **more}
                for update in OVERWRITTEN
                for more in ({}, {"back_weights": lambda weights, new_W2, dW2: dW2})
            ],
        },
    ),
]
