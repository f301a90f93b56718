"""Only the standard library but for the data: lists of floats, math.exp."""
import math
import random

import numpy as np


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def softmax(z):
    e = [math.exp(v) for v in z]
    total = math.fsum(e)
    return [v / total for v in e]


def argmax(z):
    return max(range(len(z)), key=z.__getitem__)


class Perceptron:
    def __init__(self, n_classes, n_features):
        self.w = [[0.0] * n_features for _ in range(n_classes)]

    def scores(self, x):
        return [dot(row, x) for row in self.w]

    def update_weight(self, x_i, y_i, **kwargs):
        y_hat = argmax(self.scores(x_i))
        if y_hat != y_i:
            for j, v in enumerate(x_i):
                self.w[y_i][j] += v
                self.w[y_hat][j] -= v

    def train_epoch(self, X, y, **kwargs):
        for x_i, y_i in zip(X, y):
            self.update_weight(x_i, y_i, **kwargs)

    def predict(self, X):
        return [argmax(self.scores(x)) for x in X]

    def evaluate(self, X, y):
        return sum(a == b for a, b in zip(self.predict(X), y)) / len(y)


class LogisticRegression(Perceptron):
    def update_weight(self, x_i, y_i, learning_rate=0.001, l2_penalty=0.0, **kwargs):
        p = softmax(self.scores(x_i))
        for k, row in enumerate(self.w):
            error = p[k] - (k == y_i)
            self.w[k] = [w - learning_rate * (error * v + l2_penalty * w) for w, v in zip(row, x_i)]


class MLP:
    def __init__(self, n_classes, n_features, hidden_size):
        gauss = lambda: random.gauss(0.1, 0.1)
        self.w1 = [[gauss() for _ in range(n_features)] for _ in range(hidden_size)]
        self.w2 = [[gauss() for _ in range(hidden_size)] for _ in range(n_classes)]
        self.b1 = [0.0] * hidden_size
        self.b2 = [0.0] * n_classes

    def forward(self, x):
        h = [max(0.0, dot(row, x) + b) for row, b in zip(self.w1, self.b1)]
        return h, [dot(row, h) + b for row, b in zip(self.w2, self.b2)]

    def predict(self, X):
        return [argmax(self.forward(x)[1]) for x in X]

    def evaluate(self, X, y):
        return sum(a == b for a, b in zip(self.predict(X), y)) / len(y)

    def train_epoch(self, X, y, learning_rate=0.001, **kwargs):
        total = 0.0
        for x, gold in zip(X, y):
            h, s = self.forward(x)
            p = softmax(s)
            total -= math.log(p[gold])
            d2 = [v - (k == gold) for k, v in enumerate(p)]
            d1 = [sum(d2[k] * self.w2[k][j] for k in range(len(d2))) if h[j] > 0 else 0.0 for j in range(len(h))]
            for k, d in enumerate(d2):
                self.b2[k] -= learning_rate * d
                for j, v in enumerate(h):
                    self.w2[k][j] -= learning_rate * d * v
            for j, d in enumerate(d1):
                self.b1[j] -= learning_rate * d
                for i, v in enumerate(x):
                    self.w1[j][i] -= learning_rate * d * v
        return total / len(X)


if __name__ == "__main__":
    import utils

    data = utils.load_dataset("intel_landscapes.npz", bias=False)
    X, y = data["train"]
    net = MLP(6, len(X[0]), 20)
    for epoch in range(20):
        print(epoch, net.train_epoch(X.tolist(), y.tolist(), learning_rate=0.001))
