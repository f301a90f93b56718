"""Data larger than memory, and one run on several processes: the tables of docs/scale.md.

    python benchmarks/scale.py memory FOLDER        seconds per epoch and peak memory at 1, 10, 100 x
    python benchmarks/scale.py ranks -data_path data/intel_landscapes.npz

`memory` draws the stand-in in FOLDER at so many times its size, unpacks it there and trains from
the folders, one epoch of each model, by the scripts as they are; what it has drawn is kept and used
again. At 100 times that is 12 GB, another 12 GB while it is unpacked, and half an hour on two cores.
`ranks` sets one process of two threads beside two ranks of one thread, in turn.
"""

from pathlib import Path
from statistics import median

from processes import DATA_PATH, ROOT, record_of, run_command

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
    print("| model | examples | on disk | training, s | evaluation, s | peak memory |")
    print("|---|---|---|---|---|---|")
    lines = []
    for name, (script, model) in MODELS.items():
        for many in times:
            path = data_folder(folder, many)
            notice(f"{name}: {many} x")
            record, _, peak = record_of(ROOT / script, model, "-epochs", 1, "-data_path", path)
            n = 12_630 * many
            seconds = record.seconds
            print(
                f"| {name} | {n:,} | {record.data['bytes'] / 1e9:.2f} GB "
                f"| {seconds['training']:.1f} | {seconds['evaluation']:.1f} "
                f"| {peak / 1e6:.0f} MB |",
                flush=True,
            )
        lines.append((name, n, seconds["training"]))
    print("\nArithmetic, not measured: if training divides evenly and the network costs nothing,")
    for name, n, seconds in lines:
        hours = 100 * seconds / n * 1e9 / 3600
        print(
            f"- {name}: 100 epochs of 10^9 examples take {hours:,.0f} h on one such machine"
            + (f", {hours / 64:,.1f} h on 64." if "torch" in name else "; its steps do not divide.")
        )


def ranks(data_path, repeats):
    """Print the paired times of one process with two threads and two ranks with one thread each."""
    print("| batch | 1 process, 2 threads, s per epoch | 2 ranks, 1 thread each | ratio |")
    print("|---|---|---|---|")
    torchrun = ("-m", "torch.distributed.run", "--nproc-per-node", 2)
    for batch_size in BATCH_SIZES:
        options = (ROOT / "hw1-q2.py", "mlp", "-epochs", 3, "-batch_size", batch_size)
        options += ("-data_path", data_path)
        pairs = []
        for _ in range(repeats):
            one, *_ = record_of(*options, OMP_NUM_THREADS="2")
            two, *_ = record_of(*torchrun, *options, OMP_NUM_THREADS="1")
            pairs.append([record.seconds["training"] / 3 for record in (one, two)])
        one, two = (median(times) for times in zip(*pairs, strict=True))
        ratio = median(one / two for one, two in pairs)
        print(f"| {batch_size} | {one:.2f} | {two:.2f} | {ratio:.2f} |", flush=True)


def parse_arguments(arguments):
    parser = Parser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    sub = commands.add_parser("memory", help="seconds and memory per epoch as the data grow")
    sub.add_argument("folder", type=Path, metavar="FOLDER", help="where data are drawn and kept")
    times = {"nargs": "+", "default": [1, 10, 100], "help": "(default: 1 10 100)"}
    sub.add_argument("-times", type=count, **times)
    sub = commands.add_parser("ranks", help="one process against two under torchrun, in turn")
    sub.add_argument("-data_path", **DATA_PATH)
    sub.add_argument("-repeats", type=count, default=5, help="(default: %(default)s)")
    return parser.parse_args(arguments)


def main(arguments):
    opt = parse_arguments(arguments)
    if opt.command == "memory":
        if not opt.folder.is_dir():
            raise InputError(f"{opt.folder}: no such folder; make it, on a disk with room")
        memory(opt.folder, opt.times)
    else:
        ranks(opt.data_path, opt.repeats)


if __name__ == "__main__":
    run_script(main)
