#!/usr/bin/env python

# Deep Learning Homework 1

import argparse
import time

import torch
from torch.utils.data import DataLoader
import torch.nn as nn
from matplotlib import pyplot as plt
import numpy as np

import utils


import math


class Linear(nn.Module):
    """y = x W + b, with W (n_in x n_out)"""

    def __init__(self, n_in, n_out):
        super().__init__()
        bound = 1 / math.sqrt(n_in)
        self.W = nn.Parameter(torch.empty(n_in, n_out).uniform_(-bound, bound))
        self.b = nn.Parameter(torch.empty(n_out).uniform_(-bound, bound))

    def forward(self, x):
        return torch.matmul(x, self.W) + self.b


class Block(nn.Module):
    def __init__(self, n_in, n_out, activation, dropout):
        super().__init__()
        self.linear = Linear(n_in, n_out)
        self.activation = activation
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.dropout(self.activation(self.linear(x)))


class LogisticRegression(Linear):
    def __init__(self, n_classes, n_features, **kwargs):
        super().__init__(n_features, n_classes)


class FeedforwardNetwork(nn.Module):
    def __init__(self, n_classes, n_features, hidden_size, layers, activation_type, dropout,
                 **kwargs):
        super().__init__()
        activation = getattr(torch, activation_type)
        blocks = [Block(n_features, hidden_size, activation, dropout)]
        while len(blocks) < layers:
            blocks.append(Block(hidden_size, hidden_size, activation, dropout))
        self.blocks = nn.Sequential(*blocks)
        self.readout = Linear(hidden_size, n_classes)

    def forward(self, x, **kwargs):
        return self.readout(self.blocks(x))


def train_batch(X, y, model, optimizer, criterion, **kwargs):
    def closure():
        optimizer.zero_grad()
        loss = criterion(model(X), y)
        loss.backward()
        return loss

    loss = optimizer.step(closure)
    return loss.item()


def predict(model, X):
    """X (n_examples x n_features)"""
    scores = model(X)
    return scores.argmax(dim=-1)


@torch.no_grad()
def evaluate(model, X, y, criterion):
    model.eval()
    logits = model(X)
    loss = criterion(logits, y).item()
    n_correct = (logits.argmax(dim=-1) == y).sum().item()
    model.train()
    return loss, n_correct / float(y.shape[0])


def plot(epochs, plottables, filename=None):
    plt.clf()
    plt.xlabel('Epoch')
    for label, values in plottables.items():
        plt.plot(epochs, values, label=label)
    plt.legend()
    if filename:
        plt.savefig(filename, bbox_inches='tight')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('model', choices=['logistic_regression', 'mlp'])
    parser.add_argument('-epochs', default=200, type=int)
    parser.add_argument('-batch_size', default=64, type=int)
    parser.add_argument('-hidden_size', type=int, default=200)
    parser.add_argument('-layers', type=int, default=2)
    parser.add_argument('-learning_rate', type=float, default=0.002)
    parser.add_argument('-l2_decay', type=float, default=0.0)
    parser.add_argument('-dropout', type=float, default=0.3)
    parser.add_argument('-momentum', type=float, default=0.0)
    parser.add_argument('-activation', choices=['tanh', 'relu'], default='relu')
    parser.add_argument('-optimizer', choices=['sgd', 'adam'], default='sgd')
    parser.add_argument('-data_path', type=str, default='intel_landscapes.npz')
    opt = parser.parse_args()

    utils.configure_seed(seed=42)
    data = utils.load_dataset(opt.data_path)
    dataset = utils.ClassificationDataset(data)
    train_dataloader = DataLoader(dataset, batch_size=opt.batch_size, shuffle=True,
                                  generator=torch.Generator().manual_seed(42))
    n_classes = torch.unique(dataset.y).shape[0]
    n_feats = dataset.X.shape[1]

    if opt.model == 'logistic_regression':
        model = LogisticRegression(n_classes, n_feats)
    else:
        model = FeedforwardNetwork(n_classes, n_feats, opt.hidden_size, opt.layers,
                                   opt.activation, opt.dropout)
    if opt.optimizer == 'adam':
        optimizer = torch.optim.Adam(model.parameters(), lr=opt.learning_rate,
                                     weight_decay=opt.l2_decay)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=opt.learning_rate,
                                    momentum=opt.momentum, weight_decay=opt.l2_decay)
    criterion = nn.CrossEntropyLoss()

    train_losses, valid_losses, valid_accs = [], [], []
    start = time.time()
    model.eval()
    _, initial = evaluate(model, dataset.dev_X, dataset.dev_y, criterion)
    model.train()
    print('initial val acc: {:.4f}'.format(initial))
    for epoch in range(1, opt.epochs + 1):
        print('Training epoch {}'.format(epoch))
        epoch_losses = []
        for X_batch, y_batch in train_dataloader:
            loss = train_batch(X_batch, y_batch, model, optimizer, criterion)
            epoch_losses.append(loss)
        val_loss, val_acc = evaluate(model, dataset.dev_X, dataset.dev_y, criterion)
        train_losses.append(torch.tensor(epoch_losses).mean().item())
        valid_losses.append(val_loss)
        valid_accs.append(val_acc)
        print('train loss: {:.4f} | val loss: {:.4f} | val acc: {:.4f}'.format(
            train_losses[-1], val_loss, val_acc))
    minutes, seconds = divmod(int(time.time() - start), 60)
    print('Training took {} minutes and {} seconds'.format(minutes, seconds))
    _, test_acc = evaluate(model, dataset.test_X, dataset.test_y, criterion)
    print('Final test acc: {:.4f}'.format(test_acc))
    epochs = range(1, opt.epochs + 1)
    plot(epochs, {'train': train_losses, 'val': valid_losses}, f'{opt.model}-losses.pdf')
    plot(epochs, {'val': valid_accs}, f'{opt.model}-accs.pdf')


if __name__ == '__main__':
    main()
