import os
import random

import numpy as np


def configure_seed(seed):
    os.environ["PYTHONHASHSEED"] = str(seed)
    random.seed(seed)
    np.random.seed(seed)


def load_dataset(data_path, bias=False):
    data = np.load(data_path)
    splits = {}
    for ours, theirs in (("train", "train"), ("dev", "val"), ("test", "test")):
        X = data[f"{theirs}_images"]
        X = X.reshape(X.shape[0], -1) / 256
        if bias:
            X = np.hstack((X, np.ones((X.shape[0], 1))))
        splits[ours] = (X, data[f"{theirs}_labels"].reshape(-1).astype(int))
    return splits


def relu(z):
    return np.maximum(z, 0)


def relu_grad(z):
    return np.where(z > 0, 1.0, 0.0)


def softmax(z):
    e = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def one_hot(label, n_classes):
    return np.eye(n_classes)[label]


def cross_entropy(z, target):
    m = np.max(z)
    return m + np.log(np.sum(np.exp(z - m))) - np.dot(z, target)
