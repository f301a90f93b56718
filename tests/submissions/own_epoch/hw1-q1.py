#!/usr/bin/env python
import argparse
import sys
import time

import matplotlib.pyplot as plt
import numpy as np

import utils

LEARNING_RATE = 0.001


def add_bias_column(X):
    return np.c_[X, np.ones(len(X))]


class Perceptron:
    def __init__(self, n_classes, n_features):
        # the last column is the bias
        self.W = np.zeros((n_classes, n_features + 1))

    def train_epoch(self, X, y, **kwargs):
        for x, t in zip(add_bias_column(X), y):
            guess = np.argmax(self.W @ x)
            if guess != t:
                self.W[t] += x
                self.W[guess] -= x

    def predict(self, X):
        return (add_bias_column(X) @ self.W.T).argmax(axis=1).astype(float)

    def evaluate(self, X, y):
        return (self.predict(X) == y).mean()


class LogisticRegression(Perceptron):
    def train_epoch(self, X, y, learning_rate=LEARNING_RATE, l2_penalty=0.0):
        for x, t in zip(add_bias_column(X), y):
            s = self.W @ x
            s -= s.max()
            p = np.exp(s)
            p = p / p.sum()
            for c in range(len(self.W)):
                self.W[c] -= learning_rate * ((p[c] - (c == t)) * x + l2_penalty * self.W[c])


class MLP:
    def __init__(self, n_classes, n_features, hidden_size):
        rng = np.random.RandomState(7)
        self.Wh = rng.normal(0.1, 0.1, (hidden_size, n_features))
        self.bh = np.zeros(hidden_size)
        self.Wo = rng.normal(0.1, 0.1, (n_classes, hidden_size))
        self.bo = np.zeros(n_classes)

    def logits(self, X):
        return np.maximum(X @ self.Wh.T + self.bh, 0) @ self.Wo.T + self.bo

    def predict(self, X):
        return self.logits(X).argmax(axis=1).astype(float)

    def evaluate(self, X, y):
        return (self.predict(X) == y).mean()

    def train_epoch(self, X, y, learning_rate=LEARNING_RATE, l2_penalty=0.0):
        total = 0
        for x, t in zip(X, y):
            pre = self.Wh @ x + self.bh
            act = np.maximum(pre, 0)
            out = self.Wo @ act + self.bo
            p = np.exp(out - out.max())
            p = p / p.sum()
            total -= np.log(p[t]) if p[t] > 1e-300 else np.log(1e-300)
            p[t] -= 1
            back = p @ self.Wo
            back[pre <= 0] = 0
            self.Wo -= learning_rate * np.outer(p, act)
            self.bo -= learning_rate * p
            self.Wh -= learning_rate * np.outer(back, x)
            self.bh -= learning_rate * back
        return total / len(y)


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


main()
sys.exit(0)
