#!/usr/bin/env python
"""All parameters of the MLP in one vector; W1, b1, W2, b2 are views of it."""
import argparse
from typing import Any

import numpy as np
import utils


class LinearModel(object):
    def __init__(self, n_classes: int, n_features: int, **kwargs: Any) -> None:
        self.W = np.zeros((n_classes, n_features))

    def update_weight(self, x_i, y_i, **kwargs):
        raise NotImplementedError

    def train_epoch(self, X, y, **kwargs):
        for x_i, y_i in zip(X, y):
            self.update_weight(x_i, y_i, **kwargs)

    def predict(self, X):
        return (X @ self.W.T).argmax(axis=1)

    def evaluate(self, X, y):
        return np.mean(self.predict(X) == y)


class Perceptron(LinearModel):
    def update_weight(self, x_i: np.ndarray, y_i: int, **kwargs) -> None:
        y_hat = (self.W @ x_i).argmax()
        step = np.zeros(len(self.W))
        step[y_i] += 1
        step[y_hat] -= 1
        self.W += np.outer(step, x_i)


def log_softmax(z: np.ndarray) -> np.ndarray:
    return z - np.logaddexp.reduce(z)


class LogisticRegression(LinearModel):
    def update_weight(self, x_i, y_i, learning_rate: float = 0.001, l2_penalty: float = 0.0, **kwargs) -> None:
        p = np.exp(log_softmax(self.W @ x_i))
        grad = p[:, None] * x_i[None, :]
        grad[y_i] -= x_i
        self.W = (1 - learning_rate * l2_penalty) * self.W - learning_rate * grad


class MLP:
    def __init__(self, n_classes: int, n_features: int, hidden_size: int, **kwargs: Any) -> None:
        self.shapes = [(hidden_size, n_features), (hidden_size,), (n_classes, hidden_size), (n_classes,)]
        sizes = [int(np.prod(s)) for s in self.shapes]
        self.bounds = np.cumsum([0] + sizes)
        self.theta = np.zeros(self.bounds[-1])
        self.W1[...] = np.random.normal(0.1, 0.1, self.shapes[0])
        self.W2[...] = np.random.normal(0.1, 0.1, self.shapes[2])

    def _view(self, k: int) -> np.ndarray:
        return self.theta[self.bounds[k]:self.bounds[k + 1]].reshape(self.shapes[k])

    @property
    def W1(self):
        return self._view(0)

    @property
    def b1(self):
        return self._view(1)

    @property
    def W2(self):
        return self._view(2)

    @property
    def b2(self):
        return self._view(3)

    def forward(self, X):
        H = np.maximum(X @ self.W1.T + self.b1, 0)
        return H, H @ self.W2.T + self.b2

    def predict(self, X):
        return self.forward(X)[1].argmax(-1)

    def evaluate(self, X, y):
        return np.mean(self.predict(X) == y)

    def gradient(self, x, label):
        h, scores = self.forward(x)
        logp = log_softmax(scores)
        delta = np.exp(logp)
        delta[label] -= 1
        back = (delta @ self.W2) * (h > 0)
        pieces = [np.outer(back, x), back, np.outer(delta, h), delta]
        return -logp[label], np.concatenate([p.ravel() for p in pieces])

    def train_epoch(self, X, y, learning_rate: float = 0.001, **kwargs) -> float:
        losses = []
        for x, label in zip(X, y):
            loss, grad = self.gradient(x, label)
            self.theta = self.theta - learning_rate * grad
            losses.append(loss)
        return float(np.mean(losses))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=["perceptron", "logistic_regression", "mlp"])
    parser.add_argument("-epochs", default=20, type=int)
    opt = parser.parse_args()
    utils.configure_seed(seed=42)
    data = utils.load_dataset("intel_landscapes.npz", bias=opt.model != "mlp")
    n_classes, n_feats = np.unique(data["train"][1]).size, data["train"][0].shape[1]
    if opt.model == "mlp":
        model = MLP(n_classes, n_feats, 200)
    else:
        models = {"perceptron": Perceptron, "logistic_regression": LogisticRegression}
        model = models[opt.model](n_classes, n_feats)
    for _ in range(opt.epochs):
        model.train_epoch(*data["train"])


if __name__ == "__main__":
    main()
