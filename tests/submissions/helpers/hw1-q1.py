#!/usr/bin/env python
import argparse
import time

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import logsumexp

import utils

VERBOSE = True


def log(*args):
    if VERBOSE:
        print(*args)


class Model:
    """What every classifier here can do."""

    def scores(self, X):
        raise NotImplementedError

    def predict(self, X):
        return [int(np.argmax(s)) for s in self.scores(X)]

    def evaluate(self, X, y):
        hits = sum(int(a == b) for a, b in zip(self.predict(X), y))
        return hits / len(y)


class LinearModel(Model):
    def __init__(self, n_classes, n_features):
        self.n_classes = n_classes
        self.W = np.zeros((n_classes, n_features))

    def scores(self, X):
        return X.dot(self.W.T)

    def train_epoch(self, X, y, **hyper):
        for x_i, y_i in zip(X, y):
            self.update_weight(x_i, y_i, **hyper)
        log('norm of W:', np.linalg.norm(self.W))


class Perceptron(LinearModel):
    def update_weight(self, features, label, **hyper):
        guess = np.argmax(self.scores(features))
        if guess != label:
            for row, sign in ((label, 1), (guess, -1)):
                self.W[row] += sign * features


class LogisticRegression(LinearModel):
    def gradient(self, features, label, l2):
        s = self.scores(features)
        error = np.exp(s - logsumexp(s)) - (np.arange(self.n_classes) == label)
        return error[:, np.newaxis] * features[np.newaxis, :] + l2 * self.W

    def update_weight(self, features, label, *, learning_rate=0.001, l2_penalty=0.0):
        self.W -= learning_rate * self.gradient(features, label, l2_penalty)
        log('updated with', label)


class Layer:
    def __init__(self, n_in, n_out):
        self.weight = np.random.normal(0.1, 0.1, (n_out, n_in))
        self.bias = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return self.weight.dot(x) + self.bias

    def backward(self, delta, lr):
        back = self.weight.T.dot(delta)
        self.weight -= lr * np.outer(delta, self.x)
        self.bias -= lr * delta
        return back


class MLP(Model):
    def __init__(self, n_classes, n_features, hidden_size):
        self.hidden = Layer(n_features, hidden_size)
        self.output = Layer(hidden_size, n_classes)

    def scores_of(self, x):
        self.z = self.hidden.forward(x)
        return self.output.forward(np.maximum(self.z, 0.0))

    def scores(self, X):
        return np.array([self.scores_of(x) for x in X])

    def train_epoch(self, X, y, learning_rate=0.001, **hyper):
        total = 0.0
        for step, (x, label) in enumerate(zip(X, y)):
            s = self.scores_of(x)
            log_p = s - logsumexp(s)
            total += -log_p[label]
            delta = np.exp(log_p)
            delta[label] -= 1
            delta = self.output.backward(delta, learning_rate)
            delta[self.z <= 0] = 0
            self.hidden.backward(delta, learning_rate)
            log('step', step, 'loss', -log_p[label])
        return total / len(X)


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
