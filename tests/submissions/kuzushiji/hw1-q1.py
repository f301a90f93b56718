#!/usr/bin/env python

# Deep Learning Homework 1

import argparse
import time

import numpy as np
import matplotlib.pyplot as plt

import utils


class LinearModel(object):
    def __init__(self, n_classes, n_features, **kwargs):
        self.W = np.zeros((n_classes, n_features))

    def update_weight(self, x_i, y_i, **kwargs):
        raise NotImplementedError

    def train_epoch(self, X, y, **kwargs):
        for x_i, y_i in zip(X, y):
            self.update_weight(x_i, y_i, **kwargs)

    def predict(self, X):
        """X (n_examples x n_features)"""
        scores = np.dot(self.W, X.T)
        predicted_labels = scores.argmax(axis=0)
        return predicted_labels

    def evaluate(self, X, y):
        y_hat = self.predict(X)
        n_correct = (y == y_hat).sum()
        n_possible = y.shape[0]
        return n_correct / n_possible


class Perceptron(LinearModel):
    def update_weight(self, x_i, y_i, **kwargs):
        # Q3.1a
        scores = self.W @ x_i
        y_hat = scores.argmax()
        if y_hat != y_i:
            self.W[y_i] += x_i
            self.W[y_hat] -= x_i
        else:
            pass


class LogisticRegression(LinearModel):
    def update_weight(self, x_i, y_i, learning_rate=0.001):
        # Q3.1b
        num_labels = np.shape(self.W)[0]
        x = np.reshape(x_i, (x_i.size, 1))
        scores = self.W @ x
        y_vec = np.zeros((num_labels, 1))
        y_vec[y_i] = 1
        Z = np.sum(np.exp(scores))
        probs = np.exp(scores) / Z
        self.W = self.W - learning_rate * np.matmul(probs - y_vec, x.T)


class MLP(object):
    def __init__(self, n_classes, n_features, hidden_size, layers):
        # Initialize an MLP with a single hidden layer.
        self.layers = layers
        self.n_classes = n_classes
        units = [n_features] + [hidden_size] * layers + [n_classes]
        self.W = []
        self.b = []
        for i in range(1, len(units)):
            self.W.append(np.random.normal(0.1, 0.1, (units[i], units[i - 1])))
            self.b.append(np.zeros((units[i], 1)))

    def relu(self, x):
        return np.maximum(0, x)

    def softmax(self, x):
        x = x - np.max(x)
        return np.exp(x) / np.exp(x).sum(axis=0, keepdims=True)

    def forward(self, x):
        """x (n_features x n_examples)"""
        hs = [x]
        for i in range(self.layers):
            hs.append(self.relu(self.W[i] @ hs[-1] + self.b[i]))
        return hs, self.W[-1] @ hs[-1] + self.b[-1]

    def predict(self, X):
        # Compute the forward pass of the network. At prediction time, there is
        # no need to save the values of hidden nodes, whereas this is required
        # at training time.
        _, output = self.forward(X.T)
        return output.argmax(axis=0)

    def evaluate(self, X, y):
        y_hat = self.predict(X)
        n_correct = (y == y_hat).sum()
        n_possible = y.shape[0]
        return n_correct / n_possible

    def train_epoch(self, X, y, learning_rate=0.001):
        for x_i, y_i in zip(X, y):
            hs, output = self.forward(x_i[:, np.newaxis])
            y_vec = np.zeros((self.n_classes, 1))
            y_vec[y_i] = 1
            grad_z = self.softmax(output) - y_vec
            for i in range(self.layers, -1, -1):
                grad_w = grad_z @ hs[i].T
                grad_b = grad_z
                grad_z = (self.W[i].T @ grad_z) * (hs[i] > 0)
                self.W[i] -= learning_rate * grad_w
                self.b[i] -= learning_rate * grad_b


def plot(epochs, train_accs, val_accs, filename=None):
    plt.xlabel('Epoch')
    plt.ylabel('Accuracy')
    plt.plot(epochs, train_accs, label='train')
    plt.plot(epochs, val_accs, label='validation')
    plt.legend()
    if filename is not None:
        plt.savefig(filename, bbox_inches='tight')
    plt.show()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('model', choices=['perceptron', 'logistic_regression', 'mlp'],
                        help="Which model should the script run?")
    parser.add_argument('-epochs', default=20, type=int)
    parser.add_argument('-hidden_size', type=int, default=200)
    parser.add_argument('-layers', type=int, default=1)
    parser.add_argument('-learning_rate', type=float, default=0.001)
    opt = parser.parse_args()

    utils.configure_seed(seed=42)

    add_bias = opt.model != "mlp"
    data = utils.load_classification_data(bias=add_bias)
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
        model = MLP(n_classes, n_feats, opt.hidden_size, opt.layers)

    epochs = np.arange(1, opt.epochs + 1)
    train_accs, valid_accs = [], []
    start = time.time()
    print('initial train acc: {:.4f} | initial val acc: {:.4f}'.format(
        model.evaluate(train_X, train_y), model.evaluate(dev_X, dev_y)))

    for i in epochs:
        print('Training epoch {}'.format(i))
        order = np.random.permutation(train_X.shape[0])
        train_X = train_X[order]
        train_y = train_y[order]
        model.train_epoch(train_X, train_y, learning_rate=opt.learning_rate)
        train_accs.append(model.evaluate(train_X, train_y))
        valid_accs.append(model.evaluate(dev_X, dev_y))
        print('train acc: {:.4f} | val acc: {:.4f}'.format(train_accs[-1], valid_accs[-1]))

    minutes, seconds = divmod(int(time.time() - start), 60)
    print('Training took {} minutes and {} seconds'.format(minutes, seconds))
    print('Final test acc: {:.4f}'.format(model.evaluate(test_X, test_y)))
    plot(epochs, train_accs, valid_accs, filename=f"Q1-{opt.model}-accs.pdf")


if __name__ == '__main__':
    main()
