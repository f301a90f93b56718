#!/usr/bin/env python
import argparse
import time

import matplotlib.pyplot as plt
import numpy as np

import utils

DTYPE = np.float32


class LinearModel:
    def __init__(self, n_classes: int, n_features: int, **kwargs):
        self.W = np.zeros((n_classes, n_features), dtype=DTYPE)

    def update_weight(self, x_i, y_i, **kwargs):
        raise NotImplementedError

    def train_epoch(self, X, y, **kwargs):
        for i in range(len(X)):
            self.update_weight(X[i], y[i], **kwargs)

    def predict(self, X):
        return np.argmax(X.astype(DTYPE) @ self.W.T, axis=1)

    def evaluate(self, X, y):
        return np.mean(self.predict(X) == y)


class Perceptron(LinearModel):
    def update_weight(self, x_i, y_i, **kwargs):
        x = x_i.astype(DTYPE)
        pred = int(np.argmax(self.W @ x))
        if pred == y_i:
            return
        delta = np.zeros_like(self.W)
        delta[y_i] = x
        delta[pred] = -x
        self.W = self.W + delta


def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


class LogisticRegression(LinearModel):
    def update_weight(self, x_i, y_i, learning_rate=0.001, l2_penalty=0.0, **kwargs):
        x = x_i.astype(DTYPE)
        p = softmax(self.W @ x)
        p[y_i] -= 1
        grad = np.outer(p, x)
        if l2_penalty > 0:
            grad += l2_penalty * self.W
        self.W = (self.W - learning_rate * grad).astype(DTYPE)


class MLP:
    def __init__(self, n_classes, n_features, hidden_size):
        self.W1 = np.random.normal(0.1, 0.1, (hidden_size, n_features)).astype(DTYPE)
        self.b1 = np.zeros(hidden_size, dtype=DTYPE)
        self.W2 = np.random.normal(0.1, 0.1, (n_classes, hidden_size)).astype(DTYPE)
        self.b2 = np.zeros(n_classes, dtype=DTYPE)

    def _forward(self, X):
        z = X @ self.W1.T + self.b1
        h = z * (z > 0)
        return z, h, h @ self.W2.T + self.b2

    def predict(self, X):
        return self._forward(X.astype(DTYPE))[2].argmax(axis=1)

    def evaluate(self, X, y):
        return np.mean(self.predict(X) == y)

    def train_epoch(self, X, y, learning_rate=0.001, **kwargs):
        X = X.astype(DTYPE)
        losses = np.zeros(len(X), dtype=DTYPE)
        for i in range(len(X)):
            x = X[i]
            z, h, out = self._forward(x)
            p = softmax(out)
            losses[i] = -np.log(p[y[i]] + 1e-9)
            d_out = p.copy()
            d_out[y[i]] -= 1.0
            d_h = self.W2.T @ d_out
            d_h[z <= 0] = 0
            self.W2 = (self.W2 - learning_rate * d_out[:, None] * h[None, :]).astype(DTYPE)
            self.b2 = (self.b2 - learning_rate * d_out).astype(DTYPE)
            self.W1 = (self.W1 - learning_rate * d_h[:, None] * x[None, :]).astype(DTYPE)
            self.b1 = (self.b1 - learning_rate * d_h).astype(DTYPE)
        return float(losses.mean())


def plot(epochs, train_accs, val_accs, filename=None):
    plt.xlabel('Epoch')
    plt.ylabel('Accuracy')
    plt.plot(epochs, train_accs, label='train')
    plt.plot(epochs, val_accs, label='validation')
    plt.legend()
    if filename:
        plt.savefig(filename)
    plt.show()


def plot_loss(epochs, loss, filename=None):
    plt.xlabel('Epoch')
    plt.ylabel('Loss')
    plt.plot(epochs, loss, label='train')
    plt.legend()
    if filename:
        plt.savefig(filename)
    plt.show()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('model', choices=['perceptron', 'logistic_regression', 'mlp'],
                        help="Which model should the script run?")
    parser.add_argument('-epochs', default=20, type=int)
    parser.add_argument('-hidden_size', type=int, default=100)
    parser.add_argument('-learning_rate', type=float, default=0.001)
    parser.add_argument('-l2_penalty', type=float, default=0.0)
    parser.add_argument('-data_path', type=str, default='intel_landscapes.npz')
    opt = parser.parse_args()

    utils.configure_seed(seed=42)

    add_bias = opt.model != "mlp"
    data = utils.load_dataset(data_path=opt.data_path, bias=add_bias)
    train_X, train_y = data["train"]
    dev_X, dev_y = data["dev"]
    test_X, test_y = data["test"]
    n_classes = np.unique(train_y).size
    n_feats = train_X.shape[1]

    if opt.model == 'perceptron':
        model = Perceptron(n_classes, n_feats)
    elif opt.model == 'logistic_regression':
        model = LogisticRegression(n_classes, n_feats)
    else:
        model = MLP(n_classes, n_feats, opt.hidden_size)

    epochs = np.arange(1, opt.epochs + 1)
    train_loss, train_accs, valid_accs = [], [], []
    start = time.time()
    print('initial train acc: {:.4f} | initial val acc: {:.4f}'.format(
        model.evaluate(train_X, train_y), model.evaluate(dev_X, dev_y)))

    for i in epochs:
        print('Training epoch {}'.format(i))
        order = np.random.permutation(train_X.shape[0])
        train_X = train_X[order]
        train_y = train_y[order]
        loss = model.train_epoch(train_X, train_y, learning_rate=opt.learning_rate,
                                 l2_penalty=opt.l2_penalty)
        train_accs.append(model.evaluate(train_X, train_y))
        valid_accs.append(model.evaluate(dev_X, dev_y))
        if opt.model == 'mlp':
            train_loss.append(loss)
            print('loss: {:.4f} | '.format(loss), end='')
        print('train acc: {:.4f} | val acc: {:.4f}'.format(train_accs[-1], valid_accs[-1]))

    minutes, seconds = divmod(int(time.time() - start), 60)
    print('Training took {} minutes and {} seconds'.format(minutes, seconds))
    print('Final test acc: {:.4f}'.format(model.evaluate(test_X, test_y)))
    plot(epochs, train_accs, valid_accs, filename=f"Q1-{opt.model}-accs.pdf")
    if opt.model == 'mlp':
        plot_loss(epochs, train_loss, filename=f"Q1-{opt.model}-loss.pdf")


if __name__ == '__main__':
    main()
