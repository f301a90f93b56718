#!/usr/bin/env python

# Deep Learning Homework 1

import argparse
import random
import os
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
        scores = np.dot(self.W, X.T)  # (n_classes x n_examples)
        predicted_labels = scores.argmax(axis=0)  # (n_examples)
        return predicted_labels

    def evaluate(self, X, y):
        y_hat = self.predict(X)
        n_correct = (y == y_hat).sum()
        n_possible = y.shape[0]
        return n_correct / n_possible


class Perceptron(LinearModel):
    def update_weight(self, x_i, y_i, **kwargs):
        learning_rate = kwargs["learning_rate"]
        y_hat = np.argmax(np.dot(self.W, x_i))
        if y_hat != y_i:
            self.W[y_i, :] += learning_rate * x_i
            self.W[y_hat, :] -= learning_rate * x_i


class LogisticRegression(LinearModel):
    def update_weight(self, x_i, y_i, learning_rate=0.001):
        scores = np.dot(self.W, x_i.T)[:, None]
        y_one_hot = np.zeros((np.size(self.W, 0), 1))
        y_one_hot[y_i] = 1
        probs = np.exp(scores) / np.sum(np.exp(scores))
        self.W += learning_rate * (y_one_hot - probs) * x_i[None, :]


class MLP(object):
    # Q1.2b. This MLP skeleton code allows the MLP to be used in place of the
    # linear models with no changes to the training loop or evaluation code
    # in main().
    def __init__(self, n_classes, n_features, hidden_size):
        self.n_classes = n_classes
        self.hidden_size = hidden_size
        self.W = [np.random.normal(0.1, 0.1, (hidden_size, n_features)),
                  np.random.normal(0.1, 0.1, (n_classes, hidden_size))]
        self.B = [np.zeros((hidden_size)), np.zeros((n_classes))]

    def forward(self, x):
        z1 = self.W[0].dot(x) + self.B[0]
        h1 = np.maximum(z1, 0)
        z2 = self.W[1].dot(h1) + self.B[1]
        return z2, h1

    def predict(self, X):
        predicted_labels = []
        for x in X:
            output, _ = self.forward(x)
            predicted_labels.append(output.argmax(axis=0))
        return predicted_labels

    def evaluate(self, X, y):
        """
        X (n_examples x n_features)
        y (n_examples): gold labels
        """
        y_hat = self.predict(X)
        n_correct = (y == y_hat).sum()
        n_possible = y.shape[0]
        return n_correct / n_possible

    def train_epoch(self, X, y, learning_rate=0.001):
        total_loss = 0
        for x, y_true in zip(X, y):
            output, h1 = self.forward(x)
            output -= output.max()
            probs = np.exp(output) / np.sum(np.exp(output))
            y_one_hot = np.zeros(self.n_classes)
            y_one_hot[y_true] = 1
            loss = -y_one_hot.dot(np.log(probs))
            total_loss += loss

            grad_z2 = probs - y_one_hot
            grad_W2 = grad_z2[:, None].dot(h1[:, None].T)
            grad_h1 = self.W[1].T.dot(grad_z2)
            grad_z1 = grad_h1 * (h1 > 0)
            grad_W1 = grad_z1[:, None].dot(x[:, None].T)

            self.W[0] -= learning_rate * grad_W1
            self.B[0] -= learning_rate * grad_z1
            self.W[1] -= learning_rate * grad_W2
            self.B[1] -= learning_rate * grad_z2
        return total_loss


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
        loss = model.train_epoch(train_X, train_y, learning_rate=opt.learning_rate)
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
