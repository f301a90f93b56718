"""Parts of a torch model that compute what torch's own compute, faster on a CPU."""

from pathlib import Path

import torch
from torch import nn


class Dropout(nn.Dropout):
    """torch's dropout by the same draws, on a CPU in half the time that its bernoulli_ takes."""

    def forward(self, x):
        """x of any shape: its elements times 0, with probability p, or 1 / (1 - p)."""
        if not (self.training and 0 < self.p < 1 and x.device.type == "cpu"):
            return super().forward(x)
        kept = torch.rand(x.shape, dtype=torch.float64) < 1 - self.p
        return x * kept.to(x.dtype).div_(1 - self.p)


def has_fast_bfloat16(cpuinfo=Path("/proc/cpuinfo")):
    """Has the processor instructions for bfloat16? True where the system does not say: Linux does."""
    return not cpuinfo.is_file() or "bf16" in cpuinfo.read_text()


def few_outputs(linear, x):
    """linear(x) for an nn.Linear of a few outputs, as W x^T.

    For the few columns of x W^T MKL takes up to five times as long.
    """
    return (linear.weight @ x.t()).t() + linear.bias


@torch.no_grad()
def softmax_regression_step(X, y, model, optimizer, criterion):
    """One optimiser step of softmax regression, its gradient written out; returns the loss, a tensor.

    X (batch, n_features), y (batch,) gold classes; `model.linear` is the nn.Linear that gives the
    logits. The gradient at the logits is (softmax - onehot(y)) / batch, as in Question 1. Autograd
    comes to the same, but its bookkeeping takes longer than the two products of a few columns.

    ValueError for a criterion with another gradient.
    """
    plain = nn.CrossEntropyLoss()
    if type(criterion) is not type(plain) or (
        (criterion.reduction, criterion.label_smoothing, criterion.weight, criterion.ignore_index)
        != (plain.reduction, plain.label_smoothing, None, plain.ignore_index)
    ):
        raise ValueError("only the gradient of a plain nn.CrossEntropyLoss() is written out")
    logits = model(X)
    error = torch.softmax(logits, dim=1, dtype=torch.float32)
    error -= nn.functional.one_hot(y, logits.shape[1])
    error /= len(y)
    model.linear.weight.grad = (error.t() @ X).to(model.linear.weight.dtype)
    model.linear.bias.grad = error.sum(dim=0)
    optimizer.step()
    return criterion(logits, y)
