#!/usr/bin/env python

import argparse
import time

import numpy as np
import matplotlib.pyplot as plt

import utils


def to_one_hot(y, n_classes):
    return np.eye(n_classes)[y]


class LinearModel(object):
    def __init__(self, n_classes, n_features, **kwargs):
        self.W = np.zeros((n_classes, n_features))
        self.n_classes = n_classes

    def predict(self, X):
        """Returns one-hot predictions (n_examples x n_classes)"""
        scores = X.dot(self.W.T)
        return to_one_hot(scores.argmax(axis=1), self.n_classes)

    def evaluate(self, X, y):
        return np.mean(self.predict(X).argmax(axis=1) == y)


class Perceptron(LinearModel):
    def train_epoch(self, X, y, **kwargs):
        self.mistakes = 0
        for x_i, y_i in zip(X, y):
            self.update_weight(x_i, y_i)

    def update_weight(self, x_i, y_i, **kwargs):
        y_hat = self.predict(x_i[None, :])[0]
        y_gold = to_one_hot(y_i, self.n_classes)
        if (y_hat != y_gold).any():
            self.mistakes += 1
        self.W += np.outer(y_gold - y_hat, x_i)


class LogisticRegression(LinearModel):
    def train_epoch(self, X, y, learning_rate=0.001):
        self.lr = learning_rate
        self.targets = to_one_hot(y, self.n_classes)
        for i in range(len(X)):
            self.update_weight(X[i], y[i])

    def update_weight(self, x_i, y_i, **kwargs):
        z = self.W @ x_i
        p = np.exp(z) / np.exp(z).sum()
        self.W -= self.lr * np.outer(p - to_one_hot(y_i, self.n_classes), x_i)


class MLP(object):
    def __init__(self, n_classes, n_features, hidden_size):
        self.w1 = np.random.normal(loc=0.1, scale=0.1, size=(n_features, hidden_size))
        self.w2 = np.random.normal(loc=0.1, scale=0.1, size=(hidden_size, n_classes))
        self.bias1 = np.zeros(hidden_size)
        self.bias2 = np.zeros(n_classes)

    def predict(self, X):
        """Returns the probabilities of the classes (n_examples x n_classes)"""
        h = np.maximum(X @ self.w1 + self.bias1, 0)
        z = h @ self.w2 + self.bias2
        z = z - z.max(axis=1, keepdims=True)
        return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)

    def evaluate(self, X, y):
        if y.ndim == 2:
            y = y.argmax(axis=1)
        return np.mean(self.predict(X).argmax(axis=1) == y)

    def train_epoch(self, X, y, learning_rate=0.001):
        """y (n_examples x n_classes) is one-hot"""
        total = 0
        for i in range(len(X)):
            x, t = X[i], y[i]
            a = x @ self.w1 + self.bias1
            h = np.maximum(a, 0)
            z = h @ self.w2 + self.bias2
            z = z - z.max()
            p = np.exp(z) / np.exp(z).sum()
            total += -(t * np.log(p + 1e-15)).sum()
            delta_out = p - t
            delta_hid = (self.w2 @ delta_out) * (a > 0)
            self.w2 -= learning_rate * np.outer(h, delta_out)
            self.bias2 -= learning_rate * delta_out
            self.w1 -= learning_rate * np.outer(x, delta_hid)
            self.bias1 -= learning_rate * delta_hid
        return total / len(X)


def plot(epochs, train_accs, val_accs, filename=None):
    plt.xlabel('Epoch')
    plt.ylabel('Accuracy')
    plt.plot(epochs, train_accs, label='train')
    plt.plot(epochs, val_accs, label='validation')
    plt.legend()
    if filename is not None:
        plt.savefig(filename, bbox_inches='tight')
    plt.show()


def plot_loss(epochs, loss, filename=None):
    plt.xlabel('Epoch')
    plt.ylabel('Loss')
    plt.plot(epochs, loss, label='train')
    plt.legend()
    if filename is not None:
        plt.savefig(filename, bbox_inches='tight')
    plt.show()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('model', choices=['perceptron', 'logistic_regression', 'mlp'],
                        help="Which model should the script run?")
    parser.add_argument('-epochs', default=20, type=int)
    parser.add_argument('-hidden_size', type=int, default=100)
    parser.add_argument('-learning_rate', type=float, default=0.001)
    opt = parser.parse_args()

    utils.configure_seed(seed=42)

    add_bias = opt.model != "mlp"
    data = utils.load_oct_data(bias=add_bias)
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
        targets = to_one_hot(train_y, n_classes) if opt.model == 'mlp' else train_y
        loss = model.train_epoch(train_X, targets, learning_rate=opt.learning_rate)
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
