"""How long an example takes against the size of its block, and a formula for it: docs/exact-sgd.md.

    python benchmarks/block_size.py -data_path data/intel_landscapes.npz

Trains new models of hw1-q1.py on the same examples with blocks of each size, in turn, by the epochs of
fast/blocks.py, and fits

    t(B) = a + b B + c / B        seconds per example

where b B are the Gram matrices, c / B is what a block costs once (reading and writing all of W, the
calls), shared by its examples, and a all that each example costs by itself. Prints the formula, the size
at which it is least, sqrt(c / b), and the table; draws docs/block-size.png.
"""

import functools
from pathlib import Path
from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits
from timing import ROOT, in_turn, parser_of, print_row, seconds_of

from fast import exact_sgd
from fast.pixels import FeatureMatrix
from lab.dataset import read_data
from lab.figures import save_figure
from lab.options import count
from lab.process import run_script
from utils import new_figure

HIDDEN, CLASSES = 100, 6
SIZES = {
    "logistic_regression": (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 96),
    "mlp": (1, 2, 4, 8, 16, 32, 48, 96, 192, 384),
}


def seconds_per_example(name, images, y, size):
    """One pass over the examples, in blocks of `size`, from new weights in the type that trains."""
    if name == "mlp":
        X = FeatureMatrix(images, bias=False, dtype=np.float32)
        draw = functools.partial(np.random.default_rng(42).normal, 0.1, 0.1)
        arrays = draw((HIDDEN, X.shape[1])), np.zeros(HIDDEN), draw((CLASSES, HIDDEN)), np.zeros(CLASSES)  # fmt: skip
    else:
        X = FeatureMatrix(images, bias=True, dtype=np.float64)
        arrays = (np.zeros((CLASSES, X.shape[1])),)
    arrays = [array.astype(X.dtype) for array in arrays]
    with threadpool_limits(1, "blas"):
        return seconds_of(lambda: way_of(name).epoch(*arrays, X, y, size)) / len(y)


def way_of(name):
    return next(way for way in exact_sgd.WAYS if way.epoch.__name__ == name)


def fit(sizes, seconds):
    """The coefficients (a, b, c) of least relative squares, none below 0 in a sensible fit."""
    sizes, seconds = np.array(sizes, float), np.array(seconds)
    terms = np.stack([np.ones_like(sizes), sizes, 1 / sizes], axis=1)
    coefficients, *_ = np.linalg.lstsq(terms / seconds[:, None], np.ones_like(seconds), rcond=None)
    return coefficients


def main(arguments):
    parser = parser_of(__doc__, rounds=5)
    parser.add_argument("-examples", type=count, default=3840, help="(default: %(default)s)")
    parser.add_argument("-figure", type=Path, default=ROOT / "docs" / "block-size.png")
    opt = parser.parse_args(arguments)
    arrays = read_data(opt.data_path)
    images, y = (arrays[f"train_{part}"][: opt.examples] for part in ("images", "labels"))

    figure = new_figure((6.4, 4.2))
    axes = figure.add_subplot()
    for name, sizes in SIZES.items():
        run = functools.partial(functools.partial, seconds_per_example, name, images, y)
        results = in_turn({size: run(size) for size in sizes}, opt.repeats, name)
        micro = [1e6 * median(results[size]) for size in sizes]
        a, b, c = fit(sizes, micro)
        print(f"{name}: t(B) = {a:.2f} + {b:.4f} B + {c:.1f} / B microseconds")
        if b > 0 and c > 0:
            best, ours = (c / b) ** 0.5, way_of(name).block
            print(f"least at B = {best:.0f}; the program's B is {ours}\n")
        print_row("B", "measured", "by the formula", heads=True)
        for size, measured in zip(sizes, micro, strict=True):
            print_row(size, f"{measured:.1f}", f"{a + b * size + c / size:.1f}")
        print()
        (line,) = axes.loglog(sizes, micro, "o", label=name.replace("_", " "))
        fine = np.geomspace(sizes[0], sizes[-1], 200)
        axes.loglog(fine, a + b * fine + c / fine, color=line.get_color(), alpha=0.6)
    axes.set_xlabel("examples per block, B")
    axes.set_ylabel("microseconds per example")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    save_figure(figure, opt.figure)


if __name__ == "__main__":
    run_script(main)
