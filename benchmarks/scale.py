"""Data larger than memory, and one run on several processes: the tables of docs/scale.md.

    python benchmarks/scale.py memory FOLDER        seconds per epoch and peak memory at 1, 10, 100 x
    python benchmarks/scale.py ranks -data_path data/intel_landscapes.npz

`memory` draws the stand-in in FOLDER at so many times its size, unpacks it there and trains from
the folders, one epoch of each model, by the scripts as they are; what it has drawn is kept and used
again. At 100 times that is 12 GB, another 12 GB while it is unpacked, and half an hour on two cores.
`ranks` sets one process of two threads beside two ranks of one thread, in turn.
"""

import functools
from pathlib import Path
from statistics import median

from timing import ROOT, add_options, in_turn, print_row, ratios, record_of, run_command

from lab.options import Parser, count
from lab.process import run_script
from utils import InputError, notice

MODELS = {
    "logistic regression, NumPy": ("hw1-q1.py", "logistic_regression"),
    "MLP, torch, batch 64": ("hw1-q2.py", "mlp"),
}
BATCH_SIZES = (64, 512)


def data_folder(folder, times):
    """The stand-in at `times` its size as a folder of .npy files, drawn if it is not there yet."""
    path = folder / f"standin-{times}"
    if not path.is_dir():
        npz = folder / f"standin-{times}.npz"
        notice(f"drawing {path}")
        run_command(ROOT / "data" / "prepare.py", "synthetic", "-times", times, "-output", npz)
        run_command(ROOT / "data" / "prepare.py", "unpack", npz, path)
        npz.unlink()
    return path


def memory(folder, times):
    """Print seconds per epoch and peak memory of each model at each size, and the arithmetic."""
    heads = "model|examples|on disk|training, s|evaluation, s|peak memory"
    print_row(*heads.split("|"), heads=True)
    lines = []
    for name, (script, model) in MODELS.items():
        for many in times:
            path = data_folder(folder, many)
            notice(f"{name}: {many} x")
            record, _, peak = record_of(ROOT / script, model, "-epochs", 1, "-data_path", path)
            n, disk = 12_630 * many, f"{record.data['bytes'] / 1e9:.2f} GB"
            seconds = [record.seconds[what] for what in ("training", "evaluation")]
            cells = [f"{value:.1f}" for value in seconds]
            print_row(name, f"{n:,}", disk, *cells, f"{peak / 1e6:.0f} MB")
        hours = 100 * seconds[0] / n * 1e9 / 3600
        on_64 = f", {hours / 64:,.1f} h on 64." if "torch" in name else "; its steps do not divide."
        lines.append(
            f"- {name}: 100 epochs of 10^9 examples take {hours:,.0f} h on one such machine{on_64}"
        )
    print("\nArithmetic, not measured: if training divides evenly and the network costs nothing,")
    print("\n".join(lines))


def ranks(data_path, rounds):
    """Print the paired times of one process with two threads and two ranks with one thread each."""
    one, two = "1 process, 2 threads, s per epoch", "2 ranks, 1 thread each"
    print_row("batch", one, two, "ratio", heads=True)
    for batch_size in BATCH_SIZES:

        def seconds_per_epoch(*launcher, threads, batch_size=batch_size):
            script = (ROOT / "hw1-q2.py", "mlp", "-epochs", 3, "-batch_size", batch_size)
            command = (*launcher, *script, "-data_path", data_path)
            record, *_ = record_of(*command, OMP_NUM_THREADS=threads)
            return record.seconds["training"] / 3

        torchrun = ("-m", "torch.distributed.run", "--nproc-per-node", 2)
        runners = {
            one: functools.partial(seconds_per_epoch, threads="2"),
            two: functools.partial(seconds_per_epoch, *torchrun, threads="1"),
        }
        seconds = in_turn(runners, rounds)
        values = [*seconds.values(), ratios(seconds[one], seconds[two])]
        print_row(batch_size, *(f"{median(each):.2f}" for each in values))


def main(arguments):
    parser = Parser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    sub = commands.add_parser("memory", help="seconds and memory per epoch as the data grow")
    sub.add_argument("folder", type=Path, metavar="FOLDER", help="where data are drawn and kept")
    times = {"nargs": "+", "default": [1, 10, 100], "help": "(default: 1 10 100)"}
    sub.add_argument("-times", type=count, **times)
    sub = commands.add_parser("ranks", help="one process against two under torchrun, in turn")
    add_options(sub, rounds=5)
    opt = parser.parse_args(arguments)
    if opt.command == "ranks":
        ranks(opt.data_path, opt.repeats)
    elif opt.folder.is_dir():
        memory(opt.folder, opt.times)
    else:
        raise InputError(f"{opt.folder}: no such folder; make it, on a disk with room")


if __name__ == "__main__":
    run_script(main)
