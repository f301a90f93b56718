"""How long an example takes against the size of its block, and a formula for it: docs/exact-sgd.md.

    python benchmarks/block_size.py -data_path data/intel_landscapes.npz

Trains logistic regression and the MLP of hw1-q1.py on the same examples with blocks of each size,
in turn, and fits

    t(B) = a + b B + c / B        seconds per example

where b B are the Gram matrices, c / B is what a block costs once (reading and writing all of W, the
calls), shared by its examples, and a all that each example costs by itself. Prints the table, the
coefficients and the size at which the formula is least, sqrt(c / b); draws docs/block-size.png.
"""

import importlib
import statistics
import time
from pathlib import Path

import numpy as np
from processes import DATA_PATH, ROOT

import utils
from fast.blocks import one_blas_thread
from fast.pixels import FeatureMatrix
from lab.dataset import read_data
from lab.figures import save_figure
from lab.options import Parser, count
from lab.process import run_script

q1 = importlib.import_module("hw1-q1")

MODELS = {
    "logistic_regression": (q1.LogisticRegression, (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 96)),
    "mlp": (q1.MLP, (1, 2, 4, 8, 16, 32, 48, 96, 192, 384)),
}


def seconds_per_example(name, images, y, size):
    """One pass over the examples, in blocks of `size`, of a new model as its command builds it."""
    ((opt, _),) = q1.parse_arguments([name]).runs
    dtype, _ = q1.precisions(opt)
    X = FeatureMatrix(images, bias=name != "mlp", dtype=dtype)
    utils.configure_seed(opt.seed)
    model, settings = q1.build(opt, int(y.max()) + 1, X.shape[1], dtype)
    model.BLOCK = size
    with one_blas_thread():
        start = time.perf_counter()
        model.train_epoch(X, y, **settings)
        return (time.perf_counter() - start) / len(y)


def fit(sizes, seconds):
    """The coefficients (a, b, c) of least relative squares, none below 0 in a sensible fit."""
    sizes, seconds = np.array(sizes, float), np.array(seconds)
    terms = np.stack([np.ones_like(sizes), sizes, 1 / sizes], axis=1)
    coefficients, *_ = np.linalg.lstsq(terms / seconds[:, None], np.ones_like(seconds), rcond=None)
    return coefficients


def main(arguments):
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("-data_path", **DATA_PATH)
    parser.add_argument("-examples", type=count, default=3840, help="(default: %(default)s)")
    parser.add_argument("-repeats", type=count, default=5, help="rounds (default: %(default)s)")
    parser.add_argument("-figure", type=Path, default=ROOT / "docs" / "block-size.png")
    opt = parser.parse_args(arguments)
    arrays = read_data(opt.data_path)
    images, y = (arrays[f"train_{part}"][: opt.examples] for part in ("images", "labels"))

    figure = utils.new_figure((6.4, 4.2))
    axes = figure.add_subplot()
    for name, (model, sizes) in MODELS.items():
        rounds = [[seconds_per_example(name, images, y, size) for size in sizes]
                  for _ in range(opt.repeats)]  # fmt: skip
        seconds = [statistics.median(column) for column in zip(*rounds, strict=True)]
        a, b, c = fit(sizes, seconds)
        print(f"{name}: t(B) = {a * 1e6:.2f} + {b * 1e6:.4f} B + {c * 1e6:.1f} / B microseconds")
        if b > 0 and c > 0:
            print(f"  least at B = {(c / b) ** 0.5:.0f}; the program's B is {model.BLOCK}")
        for size, measured in zip(sizes, seconds, strict=True):
            formula = a + b * size + c / size
            print(
                f"  B = {size:3d}: {measured * 1e6:7.1f} measured, {formula * 1e6:7.1f} by the formula"
            )
        (line,) = axes.loglog(sizes, np.multiply(seconds, 1e6), "o", label=name.replace("_", " "))
        fine = np.geomspace(sizes[0], sizes[-1], 200)
        axes.loglog(fine, (a + b * fine + c / fine) * 1e6, color=line.get_color(), alpha=0.6)
    axes.set_xlabel("examples per block, B")
    axes.set_ylabel("microseconds per example")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    save_figure(figure, opt.figure)


if __name__ == "__main__":
    run_script(main)
