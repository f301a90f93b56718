"""The smallest numbers that show a mistake of Question 2, as text and Markdown."""

import numpy as np

from checks.certificate import both, shown
from checks.twins import cross_entropy, softmax

LOGITS = np.array([3.0, 0])


def twice(name, squashed):
    return both(
        f"logits {shown(LOGITS)}, the first class right",
        f"right: loss -log softmax = {shown(cross_entropy(LOGITS, 0))}",
        f"this program: {name} gives {shown(squashed)}; CrossEntropyLoss takes the softmax again,",
        f"  {shown(softmax(squashed))}, loss {shown(cross_entropy(squashed, 0))}",
    )


def softmax_twice():
    return twice("softmax", softmax(LOGITS))


def sigmoid_before():
    return twice("sigmoid", 1 / (1 + np.exp(-LOGITS)))


def activation_on_output(name):
    logits = np.array([-1.0, -3])
    function = (lambda z: np.maximum(z, 0)) if name == "relu" else np.tanh
    return both(
        f"logits {shown(logits)}, p = {shown(softmax(logits))}",
        f"this program: {name} makes them {shown(function(logits))}, p = "
        + shown(softmax(function(logits))),
    )


def unregistered():
    return both(
        "right: parameters() lists the weight and the bias of every layer",
        "this program: some are missing, and an optimiser step leaves them as they are",
    )


def dropout_in_evaluation():
    return both(
        "model.eval(), dropout 0.5, two passes of the same example",
        "right: the same logits twice",
        "this program: half of the hidden units are left out, each time others",
    )


def own_criterion():
    return both(
        "criterion: the sum of the cross-entropies; two examples with 0.5 and 0.7",
        "right: loss 1.2",
        "this program: loss 0.6, the mean, as it makes its own CrossEntropyLoss",
    )


def extra_penalty():
    return both(
        "a loss of 0.5, weights (3, 4)",
        "right: train_batch returns 0.5",
        "this program, with a factor of 0.01: 0.5 + 0.01 * (9 + 16) = 0.75",
    )


def tensor_returned():
    return both("right: 0.6931 (a float)", "this program: tensor(0.6931, grad_fn=...)")


def activation(asked, name):
    z = np.array([1.0, -1])
    functions = {
        "relu": lambda z: np.maximum(z, 0),
        "tanh": np.tanh,
        "none": lambda z: z,
        "tanh twice": lambda z: np.tanh(np.tanh(z)),
    }
    return both(
        f"a hidden layer with z = {shown(z)}, activation {asked}",
        f"right: {shown(functions[asked](z))}",
        f"this program ({name}): {shown(functions.get(name, functions['none'])(z))}",
    )


def depth(used):
    lines = [f"layers={k}: {k} expected, {count} used" for k, count in sorted(used.items())]
    return both("hidden layers", *lines)


def dropout_places(hidden, places):
    names = []
    for place in places:
        if isinstance(place, tuple):
            names.append(f"{place[0]} the activation of hidden layer {place[1] + 1}")
        else:
            names.append(f"on the {place}")
    right = [f"after the activation of hidden layer {k + 1}" for k in range(hidden)]
    return both(
        f"{hidden} hidden layer" + ("s" if hidden != 1 else ""),
        "right: dropout " + ", ".join(right),
        "this program: dropout " + (", ".join(names) or "nowhere"),
    )
