"""How the cost of an epoch grows with examples, features and hidden units: a figure and its fits.

    python benchmarks/growth.py -data_path data/intel_landscapes.npz

Trains each model on parts of the data: fewer examples, images cropped to fewer rows or tiled to
more, fewer and more hidden units; the rest as in the whole set. Draws seconds per epoch with a
straight line by least squares through the points, plots/growth.png, and prints the lines as a
Markdown table. An epoch is what the scripts' own clock counts as training; the median of a few
after one to warm up. On an otherwise idle machine; a few minutes.
"""

import contextlib
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
from timing import Contestant, in_turn, parser_of, print_row

from lab.figures import save_figure
from lab.files import make_folder
from lab.options import PLOTS
from lab.process import run_script
from utils import new_figure, notice, read_npz

# What the table and the figure call a model, and what `Contestant` takes.
MODELS = {
    "perceptron": ("perceptron", "hw1-q1.py", "perceptron"),
    "logistic_regression": ("logistic regression", "hw1-q1.py", "logistic_regression"),
    "mlp": ("MLP, NumPy", "hw1-q1.py", "mlp"),
    "q2-mlp": ("MLP, torch, batch 64", "hw1-q2.py", "mlp"),
}
WITH_HIDDEN_UNITS = {"mlp", "q2-mlp"}

EIGHTHS_OF_EXAMPLES = (1, 2, 4, 8)
EIGHTHS_OF_ROWS = (1, 2, 4, 8, 16)
HIDDEN = (25, 50, 100, 200, 400)
EVALUATED = 100  # examples of validation and test, whose evaluation is not measured

# The unit of each slope is seconds for so many more of what grows.
PER = {"examples": 1000, "features": 1000, "hidden units": 100}


def with_examples(arrays, eighths):
    """The data with `eighths` / 8 of the training examples, drawn at random."""
    n = len(arrays["train_labels"])
    chosen = np.random.default_rng(0).permutation(n)[: max(1, n * eighths // 8)]
    return arrays | {key: arrays[key][chosen] for key in ("train_images", "train_labels")}


def with_rows(arrays, eighths):
    """The data with `eighths` / 8 of each image's rows of pixels; above 8 the image is repeated."""
    height = arrays["train_images"].shape[1]
    rows = np.arange(max(1, height * eighths // 8)) % height
    return {
        name: array[:, rows] if name.endswith("images") else array for name, array in arrays.items()
    }


def cases(arrays):
    """Yield (what grows, its size, the data, options of the models) of each point."""
    for eighths in EIGHTHS_OF_EXAMPLES:
        part = with_examples(arrays, eighths)
        yield "examples", len(part["train_labels"]), part, ()
    for eighths in EIGHTHS_OF_ROWS:
        part = with_rows(arrays, eighths)
        yield "features", part["train_images"][0].size, part, ()
    for hidden_size in HIDDEN:
        yield "hidden units", hidden_size, arrays, ("-hidden_size", str(hidden_size))


def measure(arrays, models, rounds):
    """{what grows: {model: [(size, seconds per epoch)]}}, the models in turn at each size."""
    points = {what: {} for what in PER}
    for what, size, part, options in cases(arrays):
        notice(f"{size:,} {what}")
        grown = [m for m in models if what != "hidden units" or m in WITH_HIDDEN_UNITS]
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            path = Path(folder) / "part.npz"
            np.savez(path, **part)
            epochs = {}
            for model in grown:
                contestant = Contestant(str(path), *MODELS[model][1:], *options)
                epochs[model] = stack.enter_context(contestant).epoch
                epochs[model]()  # warms up
            for model, seconds in in_turn(epochs, rounds).items():
                points[what].setdefault(model, []).append((size, median(seconds)))
    return points


def straight_line(sizes, seconds):
    """(intercept, slope, R^2) of the least-squares line through the points."""
    slope, intercept = np.polyfit(sizes, seconds, 1)
    left = np.sum((seconds - intercept - slope * sizes) ** 2)
    return intercept, slope, 1 - left / np.sum((seconds - seconds.mean()) ** 2)


def print_fits(points):
    """The lines as a Markdown table, with the points that they were drawn through."""
    heads = "against|model|intercept, s|slope, s|R^2|points: seconds at size"
    print_row(*heads.split("|"), heads=True)
    for what, by_model in points.items():
        for model, pairs in by_model.items():
            intercept, slope, r2 = straight_line(*np.transpose(pairs))
            more = f"{slope * PER[what]:.3g} for {PER[what]:,} more"
            measured = ", ".join(f"{seconds:.3g} at {size:,}" for size, seconds in pairs)
            name = MODELS[model][0]
            print_row(what, name, f"{intercept:.3g}", more, f"{r2:.4f}", measured)


def draw(points, title):
    """A figure of three panels: seconds per epoch against examples, features and hidden units."""
    figure = new_figure((11, 4), title)
    panels = figure.subplots(1, len(points), squeeze=False)[0]
    colours = {model: f"C{i}" for i, model in enumerate(MODELS)}
    for panel, (what, by_model) in zip(panels, points.items(), strict=True):
        for model, pairs in by_model.items():
            sizes, seconds = np.transpose(pairs)
            intercept, slope, _ = straight_line(sizes, seconds)
            ends = np.array([0, sizes.max()])
            panel.plot(sizes, seconds, "o", color=colours[model], label=MODELS[model][0])
            panel.plot(ends, intercept + slope * ends, "-", color=colours[model], linewidth=1)
        panel.set_xlabel(what)
        panel.set_xlim(left=0)
        panel.locator_params(axis="x", nbins=5)
        panel.set_ylim(bottom=0)
        panel.set_ylabel("seconds per epoch")
        panel.grid(alpha=0.3)
        if by_model:
            panel.legend(fontsize="small")
    return figure


def main(arguments):
    parser = parser_of(__doc__, rounds=3)
    parser.add_argument("-models", nargs="+", choices=MODELS, default=list(MODELS))
    where = "where growth.png goes (default: plots)"
    parser.add_argument("-plots_dir", type=Path, default=PLOTS, metavar="DIR", help=where)
    opt = parser.parse_args(arguments)
    make_folder(opt.plots_dir, "-plots_dir")
    arrays = read_npz(opt.data_path)
    for split in ("val", "test"):
        for kind in ("images", "labels"):
            arrays[f"{split}_{kind}"] = arrays[f"{split}_{kind}"][:EVALUATED]
    points = measure(arrays, opt.models, opt.repeats)
    shape = f"{len(arrays['train_labels']):,} x {arrays['train_images'][0].size:,}"
    title = f"Cost of an epoch; all else as in the whole set, {shape}"
    print_fits(points)
    path = opt.plots_dir / "growth.png"
    save_figure(draw(points, title), path)
    notice(f"written: {path}")


if __name__ == "__main__":
    run_script(main)
