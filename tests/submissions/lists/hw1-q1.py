#!/usr/bin/env python

# Deep Learning Homework 1

import argparse
import time

import numpy as np
import matplotlib.pyplot as plt
from tqdm import tqdm

import utils


def softmax(x):
    return np.exp(x) / np.sum(np.exp(x))


def log_softmax(x):
    m = np.max(x)
    return x - m - np.log(np.sum(np.exp(x - m)))


def relu(x):
    return np.maximum(x, 0)


def one_hot(label, n):
    v = np.zeros(n)
    v[label] = 1
    return v


class LinearModel(object):
    def __init__(self, n_classes, n_features, **kwargs):
        self.W = np.zeros((n_classes, n_features))

    def update_weight(self, x_i, y_i, **kwargs):
        raise NotImplementedError

    def train_epoch(self, X, y, **kwargs):
        for x_i, y_i in zip(X, y):
            self.update_weight(x_i, y_i, **kwargs)

    def predict(self, X):
        scores = np.dot(self.W, X.T)
        return scores.argmax(axis=0)

    def evaluate(self, X, y):
        y_hat = self.predict(X)
        return (y == y_hat).sum() / y.shape[0]


class Perceptron(LinearModel):
    def update_weight(self, x_i, y_i, learning_rate=1.0, **kwargs):
        y_hat = self.predict(x_i.reshape(1, -1))[0]
        if y_hat != y_i:
            self.W[y_i] = self.W[y_i] + learning_rate * x_i
            self.W[y_hat] = self.W[y_hat] - learning_rate * x_i


class LogisticRegression(LinearModel):
    def update_weight(self, x_i, y_i, learning_rate=0.001, l2_penalty=0.0, **kwargs):
        p = softmax(self.W.dot(x_i))
        error = one_hot(y_i, len(p)) - p
        self.W = (1 - learning_rate * l2_penalty) * self.W
        self.W += learning_rate * np.outer(error, x_i)


class MLP(object):
    def __init__(self, n_classes, n_features, hidden_size):
        sizes = [n_features, hidden_size, n_classes]
        self.weights = []
        self.biases = []
        for n_in, n_out in zip(sizes[:-1], sizes[1:]):
            self.weights.append(np.random.normal(0.1, 0.1, size=(n_out, n_in)))
            self.biases.append(np.zeros(n_out))

    def forward(self, x):
        hiddens = []
        h = x
        for i in range(len(self.weights)):
            z = self.weights[i].dot(h) + self.biases[i]
            if i < len(self.weights) - 1:
                h = relu(z)
                hiddens.append(h)
        return z, hiddens

    def compute_loss(self, output, y_i):
        return -log_softmax(output)[y_i]

    def backward(self, x, y_i, output, hiddens):
        probs = np.exp(log_softmax(output))
        grad_z = probs - one_hot(y_i, len(probs))
        grad_weights = []
        grad_biases = []
        for i in range(len(self.weights) - 1, -1, -1):
            h = x if i == 0 else hiddens[i - 1]
            grad_weights.append(grad_z[:, None].dot(h[:, None].T))
            grad_biases.append(grad_z)
            grad_h = self.weights[i].T.dot(grad_z)
            if i > 0:
                grad_z = grad_h * np.where(hiddens[i - 1] > 0, 1, 0)
        grad_weights.reverse()
        grad_biases.reverse()
        return grad_weights, grad_biases

    def predict(self, X):
        return np.array([np.argmax(self.forward(x)[0]) for x in X])

    def evaluate(self, X, y):
        y_hat = self.predict(X)
        return (y == y_hat).sum() / y.shape[0]

    def train_epoch(self, X, y, learning_rate=0.001, **kwargs):
        total_loss = 0
        for x, y_i in tqdm(zip(X, y), total=len(y)):
            output, hiddens = self.forward(x)
            total_loss += self.compute_loss(output, y_i)
            grad_weights, grad_biases = self.backward(x, y_i, output, hiddens)
            for i in range(len(self.weights)):
                self.weights[i] -= learning_rate * grad_weights[i]
                self.biases[i] -= learning_rate * grad_biases[i]
        return total_loss / len(y)


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
