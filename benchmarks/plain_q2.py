"""Question 2 on one page: the course's skeleton filled in plainly, without a thought for speed.

    python benchmarks/plain_q2.py mlp -batch_size 512 -data_path data/intel_landscapes.npz

A DataLoader of single examples and `loss.item()` per batch. hw1-q2.py prints the same lines: the tests
hold it to this program, benchmarks/speed.py measures against it.
"""

import argparse
import sys
import time
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader

sys.path.append(str(Path(__file__).resolve().parent.parent))  # where utils.py is

import utils


class LogisticRegression(nn.Module):
    def __init__(self, n_classes, n_features):
        super().__init__()
        self.linear = nn.Linear(n_features, n_classes)

    def forward(self, x):
        return self.linear(x)


class FeedforwardNetwork(nn.Module):
    def __init__(self, n_classes, n_features, hidden_size, layers, activation_type, dropout):
        super().__init__()
        modules, width = [], n_features
        for _ in range(layers):
            modules.append(nn.Linear(width, hidden_size))
            modules.append(nn.ReLU() if activation_type == "relu" else nn.Tanh())
            modules.append(nn.Dropout(dropout))
            width = hidden_size
        self.layers = nn.Sequential(*modules, nn.Linear(width, n_classes))

    def forward(self, x):
        return self.layers(x)


def train_batch(X, y, model, optimizer, criterion):
    optimizer.zero_grad()
    loss = criterion(model(X), y)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, X, y, criterion):
    model.eval()
    logits = model(X)
    loss = criterion(logits, y).item()
    accuracy = (logits.argmax(dim=-1) == y).sum().item() / len(y)
    model.train()
    return loss, accuracy


def main(arguments=None):
    """Returns the model and the numbers of each epoch."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=["logistic_regression", "mlp"])
    parser.add_argument("-epochs", type=int, default=200)
    parser.add_argument("-batch_size", type=int, default=64)
    parser.add_argument("-hidden_size", type=int, default=200)
    parser.add_argument("-layers", type=int, default=2)
    parser.add_argument("-learning_rate", type=float, default=0.002)
    parser.add_argument("-l2_decay", type=float, default=0.0)
    parser.add_argument("-dropout", type=float, default=0.3)
    parser.add_argument("-momentum", type=float, default=0.0)
    parser.add_argument("-activation", choices=["tanh", "relu"], default="relu")
    parser.add_argument("-optimizer", choices=["sgd", "adam"], default="sgd")
    parser.add_argument("-seed", type=int, default=42)
    parser.add_argument("-data_path", required=True)
    opt = parser.parse_args(arguments)

    utils.configure_seed(opt.seed)
    data = utils.ClassificationDataset(utils.load_dataset(opt.data_path))
    loader = DataLoader(
        data, opt.batch_size, shuffle=True, generator=torch.Generator().manual_seed(opt.seed)
    )
    n_classes, n_features = len(torch.unique(data.y)), data.X.shape[1]
    if opt.model == "mlp":
        model = FeedforwardNetwork(
            n_classes, n_features, opt.hidden_size, opt.layers, opt.activation, opt.dropout
        )
    else:
        model = LogisticRegression(n_classes, n_features)
    settings = {"lr": opt.learning_rate, "weight_decay": opt.l2_decay}
    if opt.optimizer == "sgd":
        optimizer = torch.optim.SGD(model.parameters(), momentum=opt.momentum, **settings)
    else:
        optimizer = torch.optim.Adam(model.parameters(), **settings)
    criterion = nn.CrossEntropyLoss()

    start = time.time()
    history = []
    print(f"initial val acc: {evaluate(model, data.dev_X, data.dev_y, criterion)[1]:.4f}")
    for epoch in range(1, opt.epochs + 1):
        print(f"Training epoch {epoch}", flush=True)
        losses = [train_batch(X, y, model, optimizer, criterion) for X, y in loader]
        train_loss = torch.tensor(losses).mean().item()
        val_loss, val_acc = evaluate(model, data.dev_X, data.dev_y, criterion)
        print(f"train loss: {train_loss:.4f} | val loss: {val_loss:.4f} | val acc: {val_acc:.4f}")
        history.append({"train_loss": train_loss, "val_loss": val_loss, "val_acc": val_acc})
    minutes, seconds = divmod(int(time.time() - start), 60)
    print(f"Training took {minutes} minutes and {seconds} seconds")
    test_acc = evaluate(model, data.test_X, data.test_y, criterion)[1]
    print(f"Final test acc: {test_acc:.4f}")
    return model, history


if __name__ == "__main__":
    main()
