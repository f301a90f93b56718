"""Question 2 as a student would write it: what hw1-q2.py is measured against, digit and second.

    python benchmarks/plain_q2.py mlp -batch_size 512 -data_path data/intel_landscapes.npz

A DataLoader of single examples and `loss.item()` a batch, as in the course's skeleton. Prints the
lines that hw1-q2.py prints. No figures.
"""

import argparse
import time

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader


class Images(torch.utils.data.Dataset):
    def __init__(self, data_path):
        data = np.load(data_path)
        for split in ("train", "val", "test"):
            X = data[f"{split}_images"]
            X = X.reshape(X.shape[0], -1) / 256
            y = data[f"{split}_labels"].reshape(-1)
            setattr(self, f"{split}_X", torch.tensor(X, dtype=torch.float32))
            setattr(self, f"{split}_y", torch.tensor(y, dtype=torch.long))

    def __len__(self):
        return len(self.train_X)

    def __getitem__(self, index):
        return self.train_X[index], self.train_y[index]


def feedforward(n_features, n_classes, opt):
    layers, width = [], n_features
    for _ in range(opt.layers):
        layers += [nn.Linear(width, opt.hidden_size), nn.ReLU(), nn.Dropout(opt.dropout)]
        width = opt.hidden_size
    return nn.Sequential(*layers, nn.Linear(width, n_classes))


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


def main():
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
    parser.add_argument("-data_path", required=True)
    opt = parser.parse_args()

    np.random.seed(42)
    torch.manual_seed(42)
    data = Images(opt.data_path)
    loader = DataLoader(
        data, opt.batch_size, shuffle=True, generator=torch.Generator().manual_seed(42)
    )
    n_classes, n_features = len(torch.unique(data.train_y)), data.train_X.shape[1]
    if opt.model == "mlp":
        model = feedforward(n_features, n_classes, opt)
    else:
        model = nn.Linear(n_features, n_classes)
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=opt.learning_rate,
        weight_decay=opt.l2_decay,
        momentum=opt.momentum,
    )
    criterion = nn.CrossEntropyLoss()

    start = time.time()
    print(f"initial val acc: {evaluate(model, data.val_X, data.val_y, criterion)[1]:.4f}")
    for epoch in range(1, opt.epochs + 1):
        print(f"Training epoch {epoch}", flush=True)
        losses = [train_batch(X, y, model, optimizer, criterion) for X, y in loader]
        val_loss, val_acc = evaluate(model, data.val_X, data.val_y, criterion)
        print(
            f"train loss: {torch.tensor(losses).mean().item():.4f} | val loss: {val_loss:.4f} | "
            f"val acc: {val_acc:.4f}"
        )
    minutes, seconds = divmod(int(time.time() - start), 60)
    print(f"Training took {minutes} minutes and {seconds} seconds")
    test_acc = evaluate(model, data.test_X, data.test_y, criterion)[1]
    print(f"Final test acc: {test_acc:.4f}")


if __name__ == "__main__":
    main()
