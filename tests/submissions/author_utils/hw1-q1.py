#!/usr/bin/env python

# Deep Learning Homework 1

import argparse
import time

import numpy as np
import matplotlib.pyplot as plt
import sympy
from sklearn.metrics import accuracy_score

import utils
from utils import relu, relu_grad, softmax, one_hot, cross_entropy


class LinearModel(object):
    def __init__(self, n_classes, n_features, **kwargs):
        self.W = np.zeros((n_classes, n_features))
        self.n_classes = n_classes

    def update_weight(self, x_i, y_i, **kwargs):
        raise NotImplementedError

    def train_epoch(self, X, y, **kwargs):
        for x_i, y_i in zip(X, y):
            self.update_weight(x_i, y_i, **kwargs)

    def predict(self, X):
        return np.argmax(np.matmul(X, self.W.transpose()), axis=-1)

    def evaluate(self, X, y):
        return accuracy_score(y, self.predict(X))


class MulticlassPerceptron(LinearModel):
    def update_weight(self, x_i, y_i, **kwargs):
        y_hat = self.predict(x_i)
        self.W += np.outer(one_hot(y_i, self.n_classes) - one_hot(y_hat, self.n_classes), x_i)


Perceptron = MulticlassPerceptron


class LogisticRegression(LinearModel):
    def update_weight(self, x_i, y_i, learning_rate=0.001, l2_penalty=0.0, **kwargs):
        error = softmax(np.matmul(self.W, x_i)) - one_hot(y_i, self.n_classes)
        gradient = np.multiply.outer(error, x_i)
        penalty = l2_penalty * self.W
        np.subtract(self.W, learning_rate * (gradient + penalty), out=self.W)


class NeuralNetwork(object):
    def __init__(self, n_classes, n_features, hidden_size):
        self.n_classes = n_classes
        self.w_in = np.random.normal(0.1, 0.1, size=(hidden_size, n_features))
        self.b_in = np.zeros(hidden_size)
        self.w_out = np.random.normal(0.1, 0.1, size=(n_classes, hidden_size))
        self.b_out = np.zeros(n_classes)

    def predict(self, X):
        hidden = relu(X @ self.w_in.T + self.b_in)
        return np.argmax(hidden @ self.w_out.T + self.b_out, axis=-1)

    def evaluate(self, X, y):
        return accuracy_score(y, self.predict(X))

    def train_epoch(self, X, y, learning_rate=0.001, **kwargs):
        loss = 0
        for x_i, y_i in zip(X, y):
            z = self.w_in @ x_i + self.b_in
            hidden = relu(z)
            output = self.w_out @ hidden + self.b_out
            target = one_hot(y_i, self.n_classes)
            loss += cross_entropy(output, target)

            d_output = softmax(output) - target
            d_hidden = relu_grad(z) * (d_output @ self.w_out)
            for parameter, gradient in ((self.w_out, np.outer(d_output, hidden)),
                                        (self.b_out, d_output),
                                        (self.w_in, np.outer(d_hidden, x_i)),
                                        (self.b_in, d_hidden)):
                parameter -= learning_rate * gradient
        return loss / len(X)


MLP = NeuralNetwork

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
