#!/usr/bin/env python

# Deep Learning Homework 1 - group 17

import argparse
import time

import numpy as np
import matplotlib.pyplot as plt

import utils


class LinearModel(object):
    def __init__(self, n_classes, n_features, learning_rate=0.001):
        self.W = np.zeros((n_classes, n_features))
        self.n_classes = n_classes
        self.learning_rate = learning_rate

    def update_weight(self, x_i, y_i, *, learning_rate, l2_penalty):
        raise NotImplementedError

    def train_epoch(self, X, y, *, learning_rate, l2_penalty):
        for x_i, y_i in zip(X, y):
            self.update_weight(x_i, y_i, learning_rate=learning_rate, l2_penalty=l2_penalty)

    def predict(self, X):
        scores = np.dot(self.W, X.T)
        # labels and their scores
        return scores.argmax(axis=0), scores.max(axis=0)

    def evaluate(self, X, y):
        y_hat, _ = self.predict(X)
        n_correct = (y == y_hat).sum()
        return n_correct / y.shape[0]


class Perceptron(LinearModel):
    def update_weight(self, x_i, y_i, *, learning_rate, l2_penalty):
        y_hat, _ = self.predict(x_i)
        if y_hat != y_i:
            for c in range(self.n_classes):
                if c == y_i:
                    self.W[c] = self.W[c] + x_i
                elif c == y_hat:
                    self.W[c] = self.W[c] - x_i


class LogisticRegression(LinearModel):
    def update_weight(self, x_i, y_i, *, learning_rate, l2_penalty):
        scores = [float(np.dot(self.W[c], x_i)) for c in range(self.n_classes)]
        top = max(scores)
        exps = [np.exp(s - top) for s in scores]
        total = sum(exps)
        new_W = self.W.copy()
        for c in range(self.n_classes):
            p = exps[c] / total
            for j in range(x_i.shape[0]):
                g = p * x_i[j]
                if c == y_i:
                    g -= x_i[j]
                new_W[c, j] -= learning_rate * (g + l2_penalty * self.W[c, j])
        self.W = new_W


class MLP(object):
    def __init__(self, n_classes, n_features, hidden_size, learning_rate):
        self.W1 = 0.1 + 0.1 * np.random.randn(hidden_size, n_features)
        self.W2 = 0.1 + 0.1 * np.random.randn(n_classes, hidden_size)
        self.b1 = np.array([0.0] * hidden_size)
        self.b2 = np.array([0.0] * n_classes)
        self.learning_rate = learning_rate

    def predict(self, x):
        """One example at a time: x (n_features)."""
        hidden = np.maximum(self.W1.dot(x) + self.b1, 0)
        return np.argmax(self.W2.dot(hidden) + self.b2)

    def evaluate(self, X, y):
        n_correct = 0
        for x_i, y_i in zip(X, y):
            if self.predict(x_i) == y_i:
                n_correct += 1
        return n_correct / len(y)

    def train_epoch(self, X, y, **kwargs):
        lr = kwargs.get('learning_rate', self.learning_rate)
        loss_sum = 0.0
        for n in range(X.shape[0]):
            x = X[n]
            t = y[n]
            a1 = self.W1.dot(x) + self.b1
            h1 = a1.copy()
            h1[h1 < 0] = 0
            a2 = self.W2.dot(h1) + self.b2
            m = a2.max()
            lse = m + np.log(np.exp(a2 - m).sum())
            loss_sum += lse - a2[t]

            d2 = np.exp(a2 - lse)
            d2[t] -= 1
            d1 = np.zeros(len(h1))
            for k in range(len(h1)):
                if a1[k] > 0:
                    d1[k] = np.sum(self.W2[:, k] * d2)
            for c in range(len(d2)):
                self.W2[c] -= lr * d2[c] * h1
                self.b2[c] -= lr * d2[c]
            for k in range(len(h1)):
                self.W1[k] -= lr * d1[k] * x
                self.b1[k] -= lr * d1[k]
        return loss_sum / X.shape[0]


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
        model = MLP(n_classes, n_feats, opt.hidden_size, opt.learning_rate)

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
