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


# Q4.1
class LogisticRegression(nn.Module):

    def __init__(self, n_classes, n_features, **kwargs):
        super().__init__()
        self.linear = nn.Linear(n_features, n_classes, bias=True)

    def forward(self, x, **kwargs):
        y_hat = self.linear(x)
        return y_hat


# Q4.2
class FeedforwardNetwork(nn.Module):
    def __init__(self, n_classes, n_features, hidden_size, layers,
                 activation_type, dropout, **kwargs):
        super().__init__()
        self.num_layers = layers
        self.hidden_size = hidden_size
        if activation_type == "tanh":
            self.activation = torch.nn.Tanh()
        elif activation_type == "relu":
            self.activation = torch.nn.ReLU()
        self.drop = torch.nn.Dropout(p=dropout)
        fcs = [nn.Linear(n_features, hidden_size)]
        fcs.extend([nn.Linear(hidden_size, hidden_size) for i in range(layers - 1)])
        fcs.append(nn.Linear(hidden_size, n_classes))
        self.fcs = nn.ModuleList(fcs)

    def forward(self, x, **kwargs):
        for fc in self.fcs[:-1]:
            x = self.drop(self.activation(fc(x)))
        return self.fcs[-1](x)


def train_batch(X, y, model, optimizer, criterion, **kwargs):
    # clear the gradients
    optimizer.zero_grad()
    # compute the model output
    yhat = model(X)
    # calculate loss
    loss = criterion(yhat, y)
    # credit assignment
    loss.backward()
    # update model weights
    optimizer.step()
    return loss.item()


def predict(model, X):
    """X (n_examples x n_features)"""
    scores = model(X)
    return scores.argmax(dim=-1)


def evaluate(model, X, y):
    """
    X (n_examples x n_features)
    y (n_examples): gold labels
    """
    model.eval()
    y_hat = predict(model, X)
    n_correct = (y == y_hat).sum().item()
    n_possible = float(y.shape[0])
    model.train()
    return n_correct / n_possible


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
    parser.add_argument('-batch_size', default=16, type=int)
    parser.add_argument('-hidden_size', type=int, default=200)
    parser.add_argument('-layers', type=int, default=2)
    parser.add_argument('-learning_rate', type=float, default=0.1)
    parser.add_argument('-l2_decay', type=float, default=0.0)
    parser.add_argument('-dropout', type=float, default=0.3)
    parser.add_argument('-momentum', type=float, default=0.0)
    parser.add_argument('-activation', choices=['tanh', 'relu'], default='relu')
    parser.add_argument('-optimizer', choices=['sgd', 'adam'], default='sgd')
    opt = parser.parse_args()

    utils.configure_seed(seed=42)
    data = utils.load_classification_data()
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

    train_losses, valid_accs = [], []
    start = time.time()
    model.eval()
    initial = evaluate(model, dataset.dev_X, dataset.dev_y)
    model.train()
    print('initial val acc: {:.4f}'.format(initial))
    for epoch in range(1, opt.epochs + 1):
        print('Training epoch {}'.format(epoch))
        epoch_losses = []
        for X_batch, y_batch in train_dataloader:
            loss = train_batch(X_batch, y_batch, model, optimizer, criterion)
            epoch_losses.append(loss)
        val_acc = evaluate(model, dataset.dev_X, dataset.dev_y)
        train_losses.append(torch.tensor(epoch_losses).mean().item())
        valid_accs.append(val_acc)
        print('train loss: {:.4f} | val acc: {:.4f}'.format(train_losses[-1], val_acc))
    minutes, seconds = divmod(int(time.time() - start), 60)
    print('Training took {} minutes and {} seconds'.format(minutes, seconds))
    test_acc = evaluate(model, dataset.test_X, dataset.test_y)
    print('Final test acc: {:.4f}'.format(test_acc))
    epochs = range(1, opt.epochs + 1)
    plot(epochs, {'train': train_losses}, f'{opt.model}-losses.pdf')
    plot(epochs, {'val': valid_accs}, f'{opt.model}-accs.pdf')


if __name__ == '__main__':
    main()
