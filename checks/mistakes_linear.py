"""Mistakes of the perceptron and of logistic regression, with their wrong twins."""

import numpy as np

from checks.entry import Entry
from checks.twins import one_hot

# ----------------------------------------------------------------------------------------------
# Perceptron: ways to change W, each (W, x, y, predicted) -> what is added to W


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


# ----------------------------------------------------------------------------------------------
# Logistic regression


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
