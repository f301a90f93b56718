"""The right twins: each part of the homework as a plain float64 textbook, in pure functions.

A textbook is a step cut into the pieces that students write: how the scores become probabilities,
what the target is, what the error, what goes back through the hidden layer, how the weights take it.
Every piece is a field with the right function in it; a wrong twin is the same textbook with one
piece replaced, `replace(LOGISTIC, probabilities=sigmoid)`, and a pair of mistakes two pieces.

Weights are dicts of arrays: {"W": (classes, features)} or {"W1", "b1", "W2", "b2"}. A step takes
weights, one example x (features,), its class y and the hyperparameters; it returns new weights and
changes nothing. It also writes what it computes on the way to `trace`, where one is given: that is
what a certificate shows.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


def softmax(scores):
    exponentials = np.exp(scores - np.max(scores))
    return exponentials / exponentials.sum()


def one_hot(y, n_classes):
    target = np.zeros(n_classes)
    target[y] = 1
    return target


def log_softmax(scores):
    shifted = scores - np.max(scores)
    return shifted - np.log(np.exp(shifted).sum())


def cross_entropy(scores, y):
    """-log softmax(scores)[y]"""
    return -log_softmax(scores)[y]


def gradient_descent(weight, gradient, rate):
    return weight - rate * gradient


def note(trace, name, value):
    if trace is not None:
        trace.append((name, np.array(value, dtype=float)))


# ----------------------------------------------------------------------------------------------
# Perceptron


def first_largest(scores):
    return int(np.argmax(scores))


def move_rows(W, x, y, predicted):
    """Add x to the gold class's row and take it from the predicted one's, if they differ."""
    change = np.zeros_like(W)
    if predicted != y:
        change[y] += x
        change[predicted] -= x
    return change


def no_decay(W, rate, penalty):
    return W


@dataclass(frozen=True)
class Perceptron:
    """W[y] += x and W[predicted] -= x where the prediction is wrong."""

    decide: Callable = first_largest  # scores -> the predicted class
    change: Callable = move_rows  # W, x, y, predicted -> what is added to W
    size: Callable = lambda rate: 1.0  # what the change is multiplied by
    decay: Callable = no_decay  # W before the change, where it shrinks
    decay_after: Callable = no_decay  # the same after the change
    descend: float = 1.0  # -1 where the change has the wrong sign

    def step(self, weights, x, y, rate=1.0, penalty=0.0, trace=None):
        W = weights["W"]
        scores = W @ x
        note(trace, "scores W x", scores)
        predicted = self.decide(scores)
        note(trace, "predicted class", predicted)
        change = self.descend * self.size(rate) * self.change(W, x, y, predicted)
        W = self.decay_after(self.decay(W, rate, penalty) + change, rate, penalty)
        note(trace, "new W", W)
        return {"W": W}

    def scores(self, weights, x):
        return weights["W"] @ x


# ----------------------------------------------------------------------------------------------
# Logistic regression


def difference(probabilities, target, loss):
    """The gradient of the cross-entropy at the scores."""
    return probabilities - target


def half_square(W, penalty):
    """The gradient of penalty / 2 * |W|^2."""
    return penalty * W


@dataclass(frozen=True)
class LogisticRegression:
    """W -= rate * ((softmax(W x) - onehot(y)) x^T + penalty * W)"""

    probabilities: Callable = softmax
    target: Callable = one_hot  # y, n_classes -> target
    error: Callable = difference  # p, target, loss -> gradient at the scores
    gradient: Callable = lambda error, x, loss: np.outer(error, x)
    penalty_term: Callable = half_square  # W, penalty -> what is added to the gradient
    rate: Callable = lambda rate: rate  # the learning rate that is used
    update: Callable = gradient_descent  # weight, gradient, rate -> new weight

    def step(self, weights, x, y, rate=1.0, penalty=0.0, trace=None):
        W = weights["W"]
        scores = W @ x
        note(trace, "scores W x", scores)
        p = self.probabilities(scores)
        note(trace, "probabilities p", p)
        target = self.target(y, len(W))
        note(trace, "target t", target)
        loss = cross_entropy(scores, y)
        error = self.error(p, target, loss)
        note(trace, "error e", error)
        gradient = self.gradient(error, x, loss)
        note(trace, "gradient e x^T", gradient)
        if penalty:
            term = self.penalty_term(W, penalty)
            note(trace, "l2 term", term)
            gradient = gradient + term
        W = self.update(W, gradient, self.rate(rate))
        note(trace, "new W", W)
        return {"W": W}

    def scores(self, weights, x):
        return weights["W"] @ x


# ----------------------------------------------------------------------------------------------
# Multi-layer perceptron


def relu(z):
    return np.maximum(z, 0)


def relu_slope(z, h, back):
    return (z > 0).astype(float)


def identity(z):
    return z


def every_unit(error):
    return error


@dataclass(frozen=True)
class MLP:
    """z = W1 x + b1, h = relu(z), scores = W2 h + b2; gradient descent on the cross-entropy."""

    hidden_bias: Callable = identity  # b1 -> what is added in the hidden layer in training
    activation: Callable = relu
    slope: Callable = relu_slope  # z, h, back -> what `back` is multiplied by
    output: Callable = identity  # scores -> scores
    output_slope: Callable = lambda scores: 1.0
    probabilities: Callable = softmax
    target: Callable = one_hot
    error: Callable = difference
    second_input: Callable = lambda z, h: h  # what the error meets in the gradient of W2
    bias_gradient_1: Callable = every_unit
    bias_gradient_2: Callable = every_unit
    back_weights: Callable = lambda weights, new_W2, dW2: weights["W2"]  # W2 the error goes through
    rate: Callable = lambda rate: rate
    update: Callable = gradient_descent

    def forward(self, weights, x):
        z = weights["W1"] @ x + self.hidden_bias(weights["b1"])
        h = self.activation(z)
        return z, h, self.output(weights["W2"] @ h + weights["b2"])

    def scores(self, weights, x):
        return self.forward(weights, x)[2]

    def step(self, weights, x, y, rate=1.0, penalty=0.0, trace=None):
        z, h, scores = self.forward(weights, x)
        note(trace, "z = W1 x + b1", z)
        note(trace, "hidden units h", h)
        note(trace, "scores s", scores)
        p = self.probabilities(scores)
        note(trace, "probabilities p", p)
        target = self.target(y, len(scores))
        note(trace, "target t", target)
        error = self.error(p, target, cross_entropy(scores, y)) * self.output_slope(scores)
        note(trace, "error e", error)
        rate = self.rate(rate)
        dW2 = np.outer(error, self.second_input(z, h))
        note(trace, "gradient of W2", dW2)
        db2 = self.bias_gradient_2(error)
        note(trace, "gradient of b2", db2)
        W2 = self.update(weights["W2"], dW2, rate)
        back = self.back_weights(weights, W2, dW2).T @ error
        note(trace, "e back through W2", back)
        error_1 = back * self.slope(z, h, back)
        note(trace, "error at z", error_1)
        dW1 = np.outer(error_1, x)
        note(trace, "gradient of W1", dW1)
        db1 = self.bias_gradient_1(error_1)
        note(trace, "gradient of b1", db1)
        new = {
            "W1": self.update(weights["W1"], dW1, rate),
            "b1": self.update(weights["b1"], db1, rate),
            "W2": W2,
            "b2": self.update(weights["b2"], db2, rate),
        }
        for name, value in new.items():
            note(trace, f"new {name}", value)
        return new


# ----------------------------------------------------------------------------------------------
# An epoch, its loss, predictions


def epoch_losses(textbook, course, X, y, loss=cross_entropy):
    """The loss of each example just before its own step."""
    pairs = zip(course, X, y, strict=False)
    return np.array([loss(textbook.scores(weights, x), y_i) for weights, x, y_i in pairs])


def predictions(textbook, weights, X):
    """The class of the largest score of each row, the first of equals."""
    return np.array([np.argmax(textbook.scores(weights, x)) for x in X])


# ----------------------------------------------------------------------------------------------
# Question 2


def feedforward(layers, x, activations, output=identity, masks=None):
    """The logits of a network, and the units of each hidden layer before and after the activation.

    layers is [(W, b), ...], the last one the output's; x (batch, features); masks, one a hidden
    layer, multiply its units: dropout's zeros and 1 / (1 - p).
    """
    seen = []
    for number, (W, b) in enumerate(layers[:-1]):
        z = x @ W.T + b
        h = activations[number](z)
        seen.append((z, h))
        x = h if masks is None else h * masks[number]
    W, b = layers[-1]
    return output(x @ W.T + b), seen


def feedforward_gradients(layers, x, weight, slopes, activations):
    """The gradients of sum(weight * logits) at each (W, b); weight (batch, classes)."""
    inputs, before = [x], []
    for (W, b), activation in zip(layers[:-1], activations, strict=True):
        before.append(inputs[-1] @ W.T + b)
        inputs.append(activation(before[-1]))
    gradients, error = [], weight
    for number in reversed(range(len(layers))):
        gradients.append((error.T @ inputs[number], error.sum(axis=0)))
        if number:
            error = error @ layers[number][0] * slopes[number - 1](before[number - 1])
    return gradients[::-1]


def batch_step(W, b, X, y, rate, criterion):
    """One step of gradient descent on a linear model in batches: (loss, W, b) after it.

    criterion(logits, y) -> (loss, gradient at the logits).
    """
    loss, error = criterion(X @ W.T + b, y)
    return loss, W - rate * error.T @ X, b - rate * error.sum(axis=0)


def mean_cross_entropy(logits, y):
    rows = np.arange(len(y))
    p = np.array([softmax(row) for row in logits])
    loss = -np.mean([log_softmax(row)[k] for row, k in zip(logits, y, strict=True)])
    p[rows, y] -= 1
    return loss, p / len(y)
