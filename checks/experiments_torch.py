"""What is asked of a script of Question 2. As in experiments.py, small numbers without near ties."""

import numpy as np

from checks.experiments import CLASSES, plain, rounded

FEATURES, HIDDEN, BATCH = 5, 7, 9
LAYERS, ACTIVATIONS, DROPOUT = (1, 2, 3), ("relu", "tanh"), 0.5
WIDE = 400
OTHER_CLASSES = 3
TRAIN_RATE = 0.5


def inputs(n_features, seed=3):
    return rounded(np.random.default_rng(seed).normal(0, 1, (BATCH, n_features)))


def network_check(key, n_classes, layers, activation, dropout=DROPOUT, features=FEATURES):
    rng = np.random.default_rng(5)
    return {
        "key": key,
        "kind": "torch",
        "role": "mlp",
        "dims": [n_classes, features, HIDDEN],
        "layers": layers,
        "activation": activation,
        "dropout": dropout,
        "seed": 10 * layers + len(activation),
        "X": plain(inputs(features)),
        "weight": plain(rounded(rng.normal(0, 1, (BATCH, n_classes)))),
    }


def batch_check(key, n_classes, criterion, more=None):
    rng = np.random.default_rng(8)
    batches = [
        [plain(inputs(FEATURES, seed)), [int(k) for k in rng.integers(0, n_classes, BATCH)]]
        for seed in (6, 7)
    ]
    return {
        "key": key,
        "kind": "torch",
        "role": "train_batch",
        "dims": [n_classes, FEATURES],
        "W": plain(rounded(rng.normal(0, 0.7, (n_classes, FEATURES)))),
        "b": plain(rounded(rng.normal(0, 0.3, n_classes))),
        "rate": TRAIN_RATE,
        "batches": batches,
        "criterion": criterion,
        "seed": 1,
        **({"more": more} if more else {}),
    }


def q2_request(script, edition, parts, features=FEATURES):
    """The request for a script of Question 2."""
    n = CLASSES[edition]
    checks = [{"key": "load", "kind": "load", "seconds": 60}]
    if "torch_logistic_regression" in parts:
        linear = {
            "kind": "torch",
            "role": "logistic_regression",
            "dims": [n, features],
            "X": plain(inputs(features)),
            "weight": plain(rounded(np.random.default_rng(5).normal(0, 1, (BATCH, n)))),
            "seed": 4,
        }
        checks.append({**linear, "key": "torch_logistic_regression/forward"})
        wide = {**linear, "dims": [OTHER_CLASSES, WIDE], "brief": True}
        checks.append({**wide, "key": "torch_logistic_regression/initial"})
    if "torch_mlp" in parts:
        checks += [
            network_check(f"torch_mlp/{layers}/{name}", n, layers, name, features=features)
            for layers in LAYERS
            for name in ACTIVATIONS
        ]
        other = network_check("torch_mlp/other", OTHER_CLASSES, 1, "relu", features=features)
        checks.append({**other, "brief": True})
    if "torch_train_batch" in parts:
        checks += [
            batch_check("torch_train_batch/mean", n, "mean"),
            batch_check("torch_train_batch/sum", n, "sum"),
            batch_check("torch_train_batch/l2", n, "mean", {"l2_decay": 0.5}),
        ]
    return {"script": script, "edition": edition, "checks": checks}
