"""Question 1 on one page: the course's skeleton filled in plainly, without a thought for speed.

    python benchmarks/plain_q1.py perceptron -epochs 100 -data_path data/intel_landscapes.npz

Read it first. hw1-q1.py prints the same lines, sooner: the tests hold it to this program,
benchmarks/speed.py measures against it. A loop in float64, one example at a time; of this project it
knows what any student's script does, `import utils`.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parent.parent))  # where utils.py is

import utils


class LinearModel:
    def __init__(self, n_classes, n_features):
        self.W = np.zeros((n_classes, n_features))

    def train_epoch(self, X, y, **kwargs):
        for x_i, y_i in zip(X, y, strict=True):
            self.update_weight(x_i, y_i, **kwargs)

    def predict(self, X):
        return np.dot(X, self.W.T).argmax(axis=1)

    def evaluate(self, X, y):
        return np.mean(self.predict(X) == y)


class Perceptron(LinearModel):
    def update_weight(self, x_i, y_i, **kwargs):
        y_hat = np.argmax(self.W.dot(x_i))
        if y_hat != y_i:
            self.W[y_i] += x_i
            self.W[y_hat] -= x_i


class LogisticRegression(LinearModel):
    def update_weight(self, x_i, y_i, learning_rate=0.001, l2_penalty=0.0):
        logits = self.W.dot(x_i)
        p = np.exp(logits - logits.max())
        p /= p.sum()
        p[y_i] -= 1
        gradient = np.outer(p, x_i)
        if l2_penalty:
            gradient = gradient + l2_penalty * self.W
        self.W -= learning_rate * gradient


class MLP:
    def __init__(self, n_classes, n_features, hidden_size):
        self.W1 = np.random.normal(0.1, 0.1, (hidden_size, n_features))
        self.b1 = np.zeros(hidden_size)
        self.W2 = np.random.normal(0.1, 0.1, (n_classes, hidden_size))
        self.b2 = np.zeros(n_classes)

    def train_epoch(self, X, y, learning_rate=0.001, **kwargs):
        total = 0
        for x_i, y_i in zip(X, y, strict=True):
            z = self.W1.dot(x_i) + self.b1
            h = np.maximum(z, 0)
            logits = self.W2.dot(h) + self.b2
            logits -= logits.max()
            log_sum = np.log(np.exp(logits).sum())
            total += log_sum - logits[y_i]
            error = np.exp(logits - log_sum)
            error[y_i] -= 1
            error_z = self.W2.T.dot(error) * (z > 0)
            self.W2 -= learning_rate * np.outer(error, h)
            self.b2 -= learning_rate * error
            self.W1 -= learning_rate * np.outer(error_z, x_i)
            self.b1 -= learning_rate * error_z
        return total / len(X)

    def predict(self, X):
        h = np.maximum(np.dot(X, self.W1.T) + self.b1, 0)
        return (np.dot(h, self.W2.T) + self.b2).argmax(axis=1)

    def evaluate(self, X, y):
        return np.mean(self.predict(X) == y)


def main(arguments=None):
    """Returns the model and the numbers of each epoch."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=["perceptron", "logistic_regression", "mlp"])
    parser.add_argument("-epochs", type=int, default=20)
    parser.add_argument("-hidden_size", type=int, default=100)
    parser.add_argument("-learning_rate", type=float, default=0.001)
    parser.add_argument("-l2_penalty", type=float, default=0.0)
    parser.add_argument("-seed", type=int, default=42)
    parser.add_argument("-data_path", required=True)
    opt = parser.parse_args(arguments)

    utils.configure_seed(opt.seed)
    data = utils.load_dataset(opt.data_path, bias=opt.model != "mlp")
    (train_X, train_y), (val_X, val_y), (test_X, test_y) = data.values()
    n_classes, n_features = np.unique(train_y).size, train_X.shape[1]
    if opt.model == "mlp":
        model = MLP(n_classes, n_features, opt.hidden_size)
    elif opt.model == "perceptron":
        model = Perceptron(n_classes, n_features)
    else:
        model = LogisticRegression(n_classes, n_features)

    start = time.time()
    history = []
    train_acc, val_acc = model.evaluate(train_X, train_y), model.evaluate(val_X, val_y)
    print(f"initial train acc: {train_acc:.4f} | initial val acc: {val_acc:.4f}")
    for epoch in range(1, opt.epochs + 1):
        print(f"Training epoch {epoch}", flush=True)
        order = np.random.permutation(train_X.shape[0])
        train_X, train_y = train_X[order], train_y[order]
        loss = model.train_epoch(
            train_X, train_y, learning_rate=opt.learning_rate, l2_penalty=opt.l2_penalty
        )
        train_acc, val_acc = model.evaluate(train_X, train_y), model.evaluate(val_X, val_y)
        line = f"train acc: {train_acc:.4f} | val acc: {val_acc:.4f}"
        if opt.model == "mlp":
            line = f"loss: {loss:.4f} | {line}"
        elif opt.model == "logistic_regression":
            line = f"{line} | W norm: {np.linalg.norm(model.W):.4f}"
        print(line)
        history.append({"loss": loss, "train_acc": train_acc, "val_acc": val_acc})
    minutes, seconds = divmod(int(time.time() - start), 60)
    print(f"Training took {minutes} minutes and {seconds} seconds")
    print(f"Final test acc: {model.evaluate(test_X, test_y):.4f}")
    return model, history


if __name__ == "__main__":
    main()
