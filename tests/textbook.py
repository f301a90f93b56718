"""The models as a textbook writes them: a plain loop in float64, one example at a time.

Nothing here comes from the program. The tests run both on the same data and compare; where they
differ, one of them is wrong. The functions change the arrays given to them in place.
"""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def softmax(scores):
    """Probabilities from the scores of one example, shape (classes,)."""
    powers = np.exp(scores - np.max(scores))
    return powers / np.sum(powers)


def cross_entropy(scores, gold):
    """-log softmax(scores)[gold] of one example."""
    top = np.max(scores)
    return top + np.log(np.sum(np.exp(scores - top))) - scores[gold]


def relu(z):
    return np.where(z > 0, z, 0.0)


# --------------------------------------------------------------------------------------------
# Costs, for centred differences


def logistic_regression_cost(W, X, y, l2=0.0):
    """Mean cross-entropy plus l2 / 2 times the sum of the squared weights."""
    losses = [cross_entropy(W @ x, gold) for x, gold in zip(X, y, strict=True)]
    return np.mean(losses) + l2 / 2 * np.sum(W * W)


def mlp_cost(W1, b1, W2, b2, X, y):
    """Mean cross-entropy of the network with one hidden layer of relu units."""
    losses = [
        cross_entropy(W2 @ relu(W1 @ x + b1) + b2, gold) for x, gold in zip(X, y, strict=True)
    ]
    return np.mean(losses)


# --------------------------------------------------------------------------------------------
# Epochs, one example a step


def perceptron_epoch(W, X, y):
    for x, gold in zip(X, y, strict=True):
        predicted = np.argmax(W @ x)
        if predicted != gold:
            W[gold] += x
            W[predicted] -= x


def logistic_regression_epoch(W, X, y, learning_rate, l2=0.0):
    for x, gold in zip(X, y, strict=True):
        probabilities = softmax(W @ x)
        one_hot = np.zeros(len(W))
        one_hot[gold] = 1
        W -= learning_rate * (np.outer(probabilities - one_hot, x) + l2 * W)


def mlp_epoch(W1, b1, W2, b2, X, y, learning_rate):
    """Returns the mean over examples of the loss before each step."""
    losses = []
    for x, gold in zip(X, y, strict=True):
        z = W1 @ x + b1
        h = relu(z)
        scores = W2 @ h + b2
        losses.append(cross_entropy(scores, gold))

        grad_scores = softmax(scores)
        grad_scores[gold] -= 1
        grad_h = W2.T @ grad_scores
        grad_z = np.where(z > 0, grad_h, 0.0)

        W2 -= learning_rate * np.outer(grad_scores, h)
        b2 -= learning_rate * grad_scores
        W1 -= learning_rate * np.outer(grad_z, x)
        b1 -= learning_rate * grad_z
    return np.mean(losses)


# --------------------------------------------------------------------------------------------
# Epochs in batches: the mean over the batch of what one example alone would change


def batches(n, size):
    return [range(start, min(start + size, n)) for start in range(0, n, size)]


def perceptron_epoch_in_batches(W, X, y, size):
    for batch in batches(len(X), size):
        total = np.zeros_like(W)
        for i in batch:
            changed = W.copy()
            perceptron_epoch(changed, X[i : i + 1], y[i : i + 1])
            total += changed - W
        W += total / len(batch)


def logistic_regression_epoch_in_batches(W, X, y, learning_rate, l2, size):
    for batch in batches(len(X), size):
        gradient = np.zeros_like(W)
        for i in batch:
            error = softmax(W @ X[i])
            error[y[i]] -= 1
            gradient += np.outer(error, X[i]) / len(batch)
        W -= learning_rate * (gradient + l2 * W)


def mlp_epoch_in_batches(W1, b1, W2, b2, X, y, learning_rate, size):
    losses = []
    for batch in batches(len(X), size):
        totals = [np.zeros_like(parameter) for parameter in (W1, b1, W2, b2)]
        for i in batch:
            changed = [parameter.copy() for parameter in (W1, b1, W2, b2)]
            losses.append(mlp_epoch(*changed, X[i : i + 1], y[i : i + 1], learning_rate))
            for total, new, old in zip(totals, changed, (W1, b1, W2, b2), strict=True):
                total += new - old
        for parameter, total in zip((W1, b1, W2, b2), totals, strict=True):
            parameter += total / len(batch)
    return np.mean(losses)


# --------------------------------------------------------------------------------------------
# Question 1 as a whole: the skeleton's shuffling around the epochs


def features(images, bias):
    X = images.reshape(len(images), -1) / 256
    return np.hstack([X, np.ones((len(X), 1))]) if bias else X


def question_1(arrays, model, epochs, learning_rate=0.001, l2=0.0, hidden=100, seed=42):
    """The figures of every epoch, as a list of dicts, and the test accuracy.

    arrays : the six arrays of a data file.
    """
    np.random.seed(seed)
    linear = model != "mlp"
    splits = {
        split: (
            features(arrays[f"{split}_images"], bias=linear),
            arrays[f"{split}_labels"].reshape(-1).astype(int),
        )
        for split in ("train", "val", "test")
    }
    X, y = splits["train"]
    n_classes = len(set(y.tolist()))
    if linear:
        W = np.zeros((n_classes, X.shape[1]))

        def predict(x):
            return np.argmax(W @ x)
    else:
        W1 = np.random.normal(0.1, 0.1, size=(hidden, X.shape[1]))
        b1 = np.zeros(hidden)
        W2 = np.random.normal(0.1, 0.1, size=(n_classes, hidden))
        b2 = np.zeros(n_classes)

        def predict(x):
            return np.argmax(W2 @ relu(W1 @ x + b1) + b2)

    def accuracy(split):
        return np.mean([predict(x) == gold for x, gold in zip(*splits[split], strict=True)])

    history = []
    for _ in range(epochs):
        shuffled = np.random.permutation(len(X))
        X, y = X[shuffled], y[shuffled]
        figures = {}
        if model == "perceptron":
            perceptron_epoch(W, X, y)
        elif model == "logistic_regression":
            logistic_regression_epoch(W, X, y, learning_rate, l2)
            figures["w_norm"] = np.sqrt(np.sum(W**2))
        else:
            figures["loss"] = mlp_epoch(W1, b1, W2, b2, X, y, learning_rate)
        history.append({**figures, "train_acc": accuracy("train"), "val_acc": accuracy("val")})
    return history, accuracy("test")


# --------------------------------------------------------------------------------------------
# Question 2 as a whole: torch's own layers and loader, all examples as floats


def network(n_features, n_classes, hidden=200, layers=2, activation="relu", dropout=0.3):
    """The layers one after the other; `layers=0` is logistic regression."""
    modules = []
    for layer in range(layers):
        modules.append(nn.Linear(n_features if layer == 0 else hidden, hidden))
        modules.append(nn.ReLU() if activation == "relu" else nn.Tanh())
        modules.append(nn.Dropout(p=dropout))
    modules.append(nn.Linear(hidden if layers else n_features, n_classes))
    return nn.Sequential(*modules)


def question_2(
    arrays,
    epochs,
    batch_size=64,
    learning_rate=0.002,
    l2=0.0,
    momentum=0.0,
    optimizer="sgd",
    seed=42,
    **architecture,
):
    """The figures of every epoch, as a list of dicts, and the test accuracy."""
    torch.manual_seed(seed)
    splits = {
        split: (
            torch.tensor(features(arrays[f"{split}_images"], bias=False), dtype=torch.float32),
            torch.tensor(arrays[f"{split}_labels"].reshape(-1), dtype=torch.long),
        )
        for split in ("train", "val", "test")
    }
    X, y = splits["train"]
    loader = DataLoader(
        TensorDataset(X, y),
        batch_size=batch_size,
        shuffle=True,
        generator=torch.Generator().manual_seed(seed),
    )
    model = network(X.shape[1], len(y.unique()), **architecture)
    if optimizer == "sgd":
        steps = torch.optim.SGD(
            model.parameters(), lr=learning_rate, momentum=momentum, weight_decay=l2
        )
    else:
        steps = torch.optim.Adam(model.parameters(), lr=learning_rate, weight_decay=l2)

    def evaluated(split):
        X, y = splits[split]
        model.eval()
        with torch.no_grad():
            logits = model(X)
            loss = nn.functional.cross_entropy(logits, y).item()
            return loss, (logits.argmax(1) == y).double().mean().item()

    history = []
    for _ in range(epochs):
        model.train()
        losses = []
        for X_batch, y_batch in loader:
            steps.zero_grad()
            loss = nn.functional.cross_entropy(model(X_batch), y_batch)
            loss.backward()
            steps.step()
            losses.append(loss.item())
        val_loss, val_acc = evaluated("val")
        history.append({"train_loss": np.mean(losses), "val_loss": val_loss, "val_acc": val_acc})
    return history, evaluated("test")[1]
