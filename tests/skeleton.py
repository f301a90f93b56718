"""A student's script in the course's style, which knows of this project only `import utils`."""

import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

import utils


class Perceptron:
    def __init__(self, n_classes, n_features):
        self.W = np.zeros((n_classes, n_features))

    def update_weight(self, x_i, y_i):
        y_hat = np.argmax(self.W.dot(x_i))
        if y_hat != y_i:
            self.W[y_i, :] += x_i
            self.W[y_hat, :] -= x_i

    def train_epoch(self, X, y):
        for x_i, y_i in zip(X, y, strict=True):
            self.update_weight(x_i, y_i)

    def predict(self, X):
        return np.argmax(np.dot(X, self.W.T), axis=1)

    def evaluate(self, X, y):
        return np.mean(self.predict(X) == y)


def numpy_part(opt):
    utils.configure_seed(seed=42)
    data = utils.load_dataset(data_path=opt.data_path, bias=True)
    train_X, train_y = data["train"]
    dev_X, dev_y = data["dev"]
    test_X, test_y = data["test"]
    n_classes = np.unique(train_y).size
    model = Perceptron(n_classes, train_X.shape[1])
    print(
        f"initial train acc: {model.evaluate(train_X, train_y):.4f} | "
        f"initial val acc: {model.evaluate(dev_X, dev_y):.4f}"
    )
    for i in np.arange(1, opt.epochs + 1):
        print(f"Training epoch {i}")
        train_order = np.random.permutation(train_X.shape[0])
        train_X = train_X[train_order]
        train_y = train_y[train_order]
        model.train_epoch(train_X, train_y)
        print(
            f"train acc: {model.evaluate(train_X, train_y):.4f} | "
            f"val acc: {model.evaluate(dev_X, dev_y):.4f}"
        )
    print(f"Final test acc: {model.evaluate(test_X, test_y):.4f}")


def torch_part(opt):
    utils.configure_seed(seed=42)
    data = utils.load_dataset(opt.data_path)
    dataset = utils.ClassificationDataset(data)
    train_dataloader = DataLoader(
        dataset, batch_size=8, shuffle=True, generator=torch.Generator().manual_seed(42)
    )
    n_classes = torch.unique(dataset.y).shape[0]
    model = nn.Linear(dataset.X.shape[1], n_classes)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    criterion = nn.CrossEntropyLoss()
    for _ in range(20):
        for X_batch, y_batch in train_dataloader:
            optimizer.zero_grad()
            loss = criterion(model(X_batch), y_batch)
            loss.backward()
            optimizer.step()
    accuracy = (model(dataset.test_X).argmax(dim=-1) == dataset.test_y).float().mean().item()
    print(f"torch test acc: {accuracy:.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("-epochs", default=20, type=int)
    parser.add_argument("-data_path", type=str, required=True)
    options = parser.parse_args()
    numpy_part(options)
    torch_part(options)
