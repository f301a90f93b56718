#!/usr/bin/env python

# Deep Learning Homework 1

import argparse
import time

import matplotlib.pyplot as plt
import numpy as np

import utils


class Perceptron(object):
    def __init__(self, n_classes, n_features, **kwargs):
        self.W = np.zeros((n_features, n_classes))

    def update_weight(self, x_i, y_i, **kwargs):
        pred = np.argmax(x_i @ self.W)
        if pred != y_i:
            self.W[:, y_i] += x_i
            self.W[:, pred] -= x_i

    def train_epoch(self, X, y, **kwargs):
        for x_i, y_i in zip(X, y):
            self.update_weight(x_i, y_i, **kwargs)

    def predict(self, X):
        return np.argmax(X @ self.W, axis=1)

    def evaluate(self, X, y):
        y_hat = self.predict(X)
        return (y == y_hat).sum() / y.shape[0]


class LogisticRegression(Perceptron):
    def softmax(self, scores):
        e = np.exp(scores)
        return e / np.sum(e)

    def update_weight(self, x_i, y_i, learning_rate=0.001, l2_penalty=0.0, **kwargs):
        probs = self.softmax(x_i @ self.W)
        one_hot = np.zeros(self.W.shape[1])
        one_hot[y_i] = 1
        grad = np.outer(x_i, probs - one_hot)
        grad += 2 * l2_penalty * self.W
        self.W -= learning_rate * grad


class MLP(object):
    def __init__(self, n_classes, n_features, hidden_size):
        self.n_classes = n_classes
        mu, sigma = 0.1, 0.1
        self.W1 = np.random.normal(mu, sigma, (n_features, hidden_size))
        self.b1 = np.zeros((1, hidden_size))
        self.W2 = np.random.normal(mu, sigma, (hidden_size, n_classes))
        self.b2 = np.zeros((1, n_classes))

    def softmax(self, z):
        e = np.exp(z - np.max(z, axis=1, keepdims=True))
        return e / np.sum(e, axis=1, keepdims=True)

    def forward(self, X):
        self.z1 = X @ self.W1 + self.b1
        self.a1 = np.where(self.z1 > 0, self.z1, 0)
        self.z2 = self.a1 @ self.W2 + self.b2
        return self.softmax(self.z2)

    def predict(self, X):
        return np.argmax(self.forward(X), axis=1)

    def evaluate(self, X, y):
        y_hat = self.predict(X)
        return (y == y_hat).sum() / y.shape[0]

    def train_epoch(self, X, y, learning_rate=0.001, **kwargs):
        total_loss = 0.0
        for i in range(X.shape[0]):
            xi = X[i:i + 1]
            yi = np.zeros((1, self.n_classes))
            yi[0, y[i]] = 1
            probs = self.forward(xi)
            total_loss -= np.sum(yi * np.log(probs + 1e-12))

            dz2 = probs - yi
            dW2 = self.a1.T @ dz2
            db2 = np.sum(dz2, axis=0, keepdims=True)
            da1 = dz2 @ self.W2.T
            dz1 = da1 * (self.z1 > 0)
            dW1 = xi.T @ dz1
            db1 = np.sum(dz1, axis=0, keepdims=True)

            self.W1 -= learning_rate * dW1
            self.b1 -= learning_rate * db1
            self.W2 -= learning_rate * dW2
            self.b2 -= learning_rate * db2
        return total_loss


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
