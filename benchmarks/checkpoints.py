"""What a checkpoint costs: seconds to write one, of each model, against the time between two.

    python benchmarks/checkpoints.py -data_path data/intel_landscapes.npz

Trains each model for a few epochs by its script's own main(), with a checkpoint after every epoch,
and prints the medians as a Markdown table.
"""

import contextlib
import importlib
import io
import math
import tempfile
import time
from pathlib import Path
from statistics import median
from unittest import mock

from processes import DATA_PATH

from lab import checkpoint
from lab.options import Parser, count
from lab.process import run_script
from lab.run import Run

MODELS = {
    "perceptron": ("hw1-q1", "perceptron"),
    "logistic regression": ("hw1-q1", "logistic_regression"),
    "NumPy MLP": ("hw1-q1", "mlp"),
    "torch logistic regression": ("hw1-q2", "logistic_regression"),
    "torch MLP": ("hw1-q2", "mlp"),
    "torch MLP, momentum": ("hw1-q2", "mlp", "-momentum", "0.9"),
    "torch MLP, adam": ("hw1-q2", "mlp", "-optimizer", "adam", "-learning_rate", "0.0001"),
}


def timed(function, seconds):
    """`function`, each of whose calls adds its time to the list `seconds`."""

    def wrapper(*arguments, **options):
        start = time.perf_counter()
        function(*arguments, **options)
        seconds.append(time.perf_counter() - start)

    return wrapper


def measure(script, arguments, folder):
    """(bytes of a checkpoint, seconds to write one, seconds per epoch to hold its state ready)."""
    writing, ending = [], []
    main = importlib.import_module(script).main
    with (
        mock.patch.object(Run, "save_checkpoint", timed(Run.save_checkpoint, writing)),
        mock.patch.object(Run, "end_epoch", timed(Run.end_epoch, ending)),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        main([*arguments, "-plots_dir", folder])
    writing.pop()  # the one at the end of the run
    size = max(path.stat().st_size for path in Path(folder).glob("runs/*/checkpoint*.npz"))
    holding = [whole - part for whole, part in zip(ending, writing, strict=True)]
    return size, median(writing), median(holding)


def main(arguments):
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("-data_path", **DATA_PATH)
    parser.add_argument("-epochs", type=count, default=4, help="of each model (default: 4)")
    opt = parser.parse_args(arguments)
    interval = checkpoint.CHECKPOINT_SECONDS
    checkpoint.CHECKPOINT_SECONDS, checkpoint.CHECKPOINT_SHARE = 0, math.inf
    print(
        f"| model | checkpoint, MB | seconds to write | of {interval} s | "
        "ms per epoch to hold it ready |"
    )
    print("|---|---|---|---|---|")
    for name, (script, *words) in MODELS.items():
        common = ["-epochs", str(opt.epochs), "-data_path", opt.data_path]
        with tempfile.TemporaryDirectory() as folder:
            size, writing, holding = measure(script, [*words, *common], folder)
        print(
            f"| {name} | {size / 1e6:.2f} | {writing:.4f} | {writing / interval:.3%} | "
            f"{1e3 * holding:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    run_script(main)
