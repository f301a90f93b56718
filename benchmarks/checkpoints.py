"""What a checkpoint costs: seconds to write one, of each model, against the time between two.

    python benchmarks/checkpoints.py -data_path data/intel_landscapes.npz

Trains each model for a few epochs (`-repeats`) by its script's own main(), with a checkpoint after every
epoch, and prints the medians.
"""

import contextlib
import importlib
import io
import math
import tempfile
from pathlib import Path
from statistics import median
from unittest import mock

from timing import parser_of, print_row, seconds_of

from lab import checkpoint
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


def timed(method, seconds):
    """`method`, each of whose calls adds its time to the list `seconds`."""
    return lambda *given, **named: seconds.append(seconds_of(lambda: method(*given, **named)))


def measure(script, arguments):
    """(bytes of a checkpoint, seconds to write one, seconds per epoch to hold its state ready)."""
    writing, ending = [], []
    main = importlib.import_module(script).main
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(Run, "save_checkpoint", timed(Run.save_checkpoint, writing)),
        mock.patch.object(Run, "end_epoch", timed(Run.end_epoch, ending)),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        main([*arguments, "-plots_dir", folder])
        size = max(path.stat().st_size for path in Path(folder).glob("runs/*/checkpoint*.npz"))
    writing.pop()  # the one at the end of the run
    holding = [whole - part for whole, part in zip(ending, writing, strict=True)]
    return size, median(writing), median(holding)


def main(arguments):
    opt = parser_of(__doc__, rounds=4).parse_args(arguments)
    interval = checkpoint.CHECKPOINT_SECONDS
    checkpoint.CHECKPOINT_SECONDS, checkpoint.CHECKPOINT_SHARE = 0, math.inf
    of_interval, holding = f"of {interval} s", "ms per epoch to hold it ready"
    print_row("model", "checkpoint, MB", "seconds to write", of_interval, holding, heads=True)
    for name, (script, *words) in MODELS.items():
        common = ["-epochs", str(opt.repeats), "-data_path", str(opt.data_path)]
        size, writing, holding = measure(script, [*words, *common])
        share = f"{writing / interval:.3%}"
        print_row(name, f"{size / 1e6:.2f}", f"{writing:.4f}", share, f"{1e3 * holding:.2f}")


if __name__ == "__main__":
    run_script(main)
