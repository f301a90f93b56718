"""The smallest numbers that show a mistake of Question 2, as text and Markdown."""

import numpy as np

from checks.certificate import both, largest_differences, shown
from checks.mistakes_linear import sigmoid
from checks.network import ACTIVATIONS
from checks.twins import cross_entropy, softmax

LOGITS = np.array([3.0, 0])


def twice(name, squashed, *rows):
    return both(
        f"logits {shown(LOGITS)}, the first class right",
        f"right: loss -log softmax = {shown(cross_entropy(LOGITS, 0))}",
        f"this program: {name} gives {shown(squashed)}; CrossEntropyLoss takes the softmax again,",
        f"  {shown(softmax(squashed))}, loss {shown(cross_entropy(squashed, 0))}",
        *as_run(*rows),
    )


def as_run(logits=None, outputs=None):
    """What the model gave for an example, beside what its own last layer gives."""
    if logits is None:
        return ()
    return "", f"as it was run: the layers give {shown(logits)},", f"  the model {shown(outputs)}"


def softmax_twice(*rows):
    return twice("softmax", softmax(LOGITS), *rows)


def sigmoid_before(*rows):
    return twice("sigmoid", sigmoid(LOGITS), *rows)


def activation_on_output(name, logits, outputs):
    example = np.array([-1.0, -3])
    changed = ACTIVATIONS[name](example)
    return both(
        f"logits {shown(example)}, p = {shown(softmax(example))}",
        f"this program: {name} makes them {shown(changed)}, p = {shown(softmax(changed))}",
        *as_run(logits, outputs),
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


def extra_penalty(expected, given):
    return both(
        "a loss of 0.5, weights (3, 4)",
        "right: train_batch returns 0.5",
        "this program, with a factor of 0.01: 0.5 + 0.01 * (9 + 16) = 0.75",
        f"as it was run: the loss of the batch is {expected:.6g}, returned is {given:.6g}",
    )


def tensor_returned():
    return both("right: 0.6931 (a float)", "this program: tensor(0.6931, grad_fn=...)")


def batch_step(check, expected, given):
    """The weights (W, b) after one batch, as they should be and as they are."""
    before = {"W": np.array(check["W"]), "b": np.array(check["b"])}
    expected, given = dict(zip("Wb", expected, strict=True)), dict(zip("Wb", given, strict=True))
    return both(
        f"one batch of {len(check['batches'][0][1])} examples, learning rate {check['rate']:g}",
        *largest_differences(before, expected, given),
    )


def activation(asked, name):
    z = np.array([1.0, -1])
    return both(
        f"a hidden layer with z = {shown(z)}, activation {asked}",
        f"right: {shown(ACTIVATIONS[asked](z))}",
        f"this program ({name}): {shown(ACTIVATIONS[name](z))}",
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
