"""What a checkpoint costs: seconds to write one, of each model, against the time between two.

    python benchmarks/checkpoints.py -data_path data/intel_landscapes.npz

Trains each model for a few epochs by its script's own main(), with a checkpoint after every epoch,
and prints the medians as a Markdown table.
"""

import contextlib
import io
import math
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import runs
import utils

MODELS = {
    "perceptron": ("hw1-q1.py", "perceptron"),
    "logistic regression": ("hw1-q1.py", "logistic_regression"),
    "NumPy MLP": ("hw1-q1.py", "mlp"),
    "torch logistic regression": ("hw1-q2.py", "logistic_regression"),
    "torch MLP": ("hw1-q2.py", "mlp"),
    "torch MLP, momentum": ("hw1-q2.py", "mlp", "-momentum", "0.9"),
    "torch MLP, adam": ("hw1-q2.py", "mlp", "-optimizer", "adam", "-learning_rate", "0.0001"),
}


def timed(function, seconds):
    """`function`, each of whose calls adds its time to the list `seconds`."""

    def wrapper(*arguments, **options):
        start = time.perf_counter()
        function(*arguments, **options)
        seconds.append(time.perf_counter() - start)

    return wrapper


def measure(script, arguments, folder):
    """(bytes of a checkpoint, seconds to write one, seconds an epoch to hold its state ready)."""
    writing, ending = [], []
    write, end = runs.Run.save_checkpoint, runs.Run.end_epoch
    runs.Run.save_checkpoint = timed(write, writing)
    runs.Run.end_epoch = timed(end, ending)
    sys.argv = [script, *arguments, "-plots_dir", folder]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            utils.load_script(script).main()
    finally:
        runs.Run.save_checkpoint, runs.Run.end_epoch = write, end
    writing.pop()  # the one at the end of the run
    size = max(path.stat().st_size for path in Path(folder).glob("*checkpoint*.npz"))
    holding = [whole - part for whole, part in zip(ending, writing, strict=True)]
    return size, median(writing), median(holding)


def main():
    parser = utils.Parser(description="What a checkpoint costs, of each model.")
    parser.add_argument(
        "-data_path",
        metavar="NPZ",
        default=str(runs.DEFAULT_DATA),
        help="images and labels (default: data/intel_landscapes.npz)",
    )
    parser.add_argument("-epochs", type=runs.count, default=4, help="of each model (default: 4)")
    opt = parser.parse_args()
    interval = runs.CHECKPOINT_SECONDS
    runs.CHECKPOINT_SECONDS, runs.CHECKPOINT_SHARE = 0, math.inf
    print(
        f"| model | checkpoint, MB | seconds to write | of {interval} s | "
        "ms an epoch to hold it ready |"
    )
    print("|---|---|---|---|---|")
    for name, (script, *arguments) in MODELS.items():
        common = ["-epochs", str(opt.epochs), "-data_path", opt.data_path]
        with tempfile.TemporaryDirectory() as folder:
            size, writing, holding = measure(script, [*arguments, *common], folder)
        print(
            f"| {name} | {size / 1e6:.2f} | {writing:.4f} | {writing / interval:.3%} | "
            f"{1e3 * holding:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    utils.run_script(main)
