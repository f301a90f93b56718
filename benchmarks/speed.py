"""Measure speed against what a student could pick instead, and print the table of docs/speed.md.

    python benchmarks/speed.py -data_path data/intel_landscapes.npz
    python benchmarks/speed.py -only mlp logistic_regression/plain-in-program edition

On an otherwise idle machine. Every contestant loads once and trains an epoch to warm up; then they take
turns: ours, the first rival, the second, ours, ... The table gives the median of the rounds' ratios with
the least and the greatest, and the median seconds of both sides; then the same beside one process that
keeps a core busy. Exit status 0 when every floor is met, 1 when one is not, 2 for bad input.
"""

import concurrent.futures
import contextlib
import importlib.metadata
import os
import platform
import sys
import tempfile
import tomllib
from statistics import median
from typing import NamedTuple

from timing import (
    BENCHMARKS,
    ROOT,
    Contestant,
    a_busy_process,
    in_turn,
    parser_of,
    print_row,
    ratios,
    run_command,
    seconds_of,
    spread,
)

from lab.options import count
from lab.process import run_script
from utils import notice, read_npz

# --------------------------------------------------------------------------------------------
# What is measured


class Rival(NamedTuple):
    """Someone to measure against: one row of the table.

    name : the row's, after its race's.
    against : what it is, in words.
    floor : the least ratio theirs / ours; with `at_most` the greatest ours / theirs.
    contestant : `Contestant`'s kind and settings.
    """

    name: str
    against: str
    floor: float
    contestant: tuple
    at_most: bool = False


class Race(NamedTuple):
    """An epoch of ours and of its rivals, in turn. `ours` is `Contestant`'s kind and settings.

    busy : how many times longer our epoch may take beside one busy process; None if that is no aim.
    """

    name: str
    what: str
    ours: tuple
    rivals: tuple
    busy: float | None = None

    @property
    def rows(self):
        names = [rival.name for rival in self.rivals] + ["busy"] * (self.busy is not None)
        return [f"{self.name}/{name}" for name in names]


def plain(floor, *options):
    inside = "the same loop inside plain_q1.py, whose loading leaves memory at hand"
    return Rival("plain-in-program", inside, floor, ("plain_q1.py", *options))


def skeleton(floor, *options):
    return Rival("skeleton", "the skeleton's loop", floor, ("plain_q2.py", *options))


def network(batch_size, products_floor):
    """An epoch of hw1-q2.py's mlp with its defaults at a batch size."""
    options = ("mlp", "-batch_size", str(batch_size))
    products = ("torch_products", str(batch_size), "200", "2")
    alone = "its matrix products alone, same batch shapes"
    return Race(
        f"q2-mlp-{batch_size}",
        f"hw1-q2.py mlp epoch, batch {batch_size}",
        ("hw1-q2.py", *options),
        (
            skeleton(1.5, *options),
            Rival("products", alone, products_floor, products, at_most=True),
        ),
        busy=2.3,
    )


LOGISTIC, LOGISTIC_L2 = ("logistic_regression",), ("logistic_regression", "-l2_penalty", "0.01")
LOGISTIC_32 = ("logistic_regression", "-batch_size", "32")
TORCH_MLP = "torch, batch size 1, float32, 1/16 of the examples, scaled up"
RACES = [
    Race(
        "perceptron", "perceptron epoch", ("hw1-q1.py", "perceptron"), (plain(1.3, "perceptron"),)
    ),
    Race(
        "logistic_regression",
        "logistic regression epoch, l2 0",
        ("hw1-q1.py", *LOGISTIC),
        (plain(2, *LOGISTIC),),
    ),
    Race(
        "logistic_regression-l2",
        "logistic regression epoch, l2 0.01",
        ("hw1-q1.py", *LOGISTIC_L2),
        (plain(8, *LOGISTIC_L2),),
    ),
    Race(
        "mlp",
        "NumPy MLP epoch, 100 hidden",
        ("hw1-q1.py", "mlp"),
        (plain(10, "mlp"), Rival("torch", TORCH_MLP, 10, ("torch_mlp", "100", "16"))),
    ),
    network(64, 1.8),
    network(512, 1.5),
    Race(
        "q2-logistic_regression-32",
        "hw1-q2.py logistic_regression epoch, batch 32",
        ("hw1-q2.py", *LOGISTIC_32),
        (skeleton(1.7, *LOGISTIC_32),),
        busy=2.3,
    ),
]
PLAIN = {"hw1-q1.py": BENCHMARKS / "plain_q1.py", "hw1-q2.py": BENCHMARKS / "plain_q2.py"}
EDITION_FLOOR, EDITION_SHARE = 2, 10
DEFAULT_EPOCHS = {"hw1-q1.py": 20, "hw1-q2.py": 200}
ROWS = [*(row for race in RACES for row in race.rows), "edition"]


def edition_commands(most=None):
    """[(script, options)] of the runs of edition 2024-25, at a tenth of their epochs or at most so many.

    A run that several questions ask for is there once, as an edition trains it once.
    """
    with open(ROOT / "editions" / "ist-2024.toml", "rb") as stream:
        questions = tomllib.load(stream)["questions"]
    commands = {}
    for question in questions:
        for experiment in question.get("experiments", ()):
            script, *words = experiment["command"].split()
            if script not in PLAIN or "-l1_penalty" in words:  # the plain programs have neither
                continue
            epochs = DEFAULT_EPOCHS[script]
            if "-epochs" in words:
                at = words.index("-epochs")
                epochs = int(words[at + 1])
                del words[at : at + 2]
            epochs = max(1, min(epochs // EDITION_SHARE, most or epochs))
            commands[script, (*words, "-epochs", str(epochs))] = True
    return list(commands)


# --------------------------------------------------------------------------------------------
# Measuring


def measure_race(race, opt, table):
    """Time the epochs of a race, idle and beside a busy process, and print the rows that are wanted."""
    rivals = [rival for rival in race.rivals if f"{race.name}/{rival.name}" in opt.only]
    if not opt.only.intersection(race.rows):
        return
    contestants = {"ours": race.ours} | {rival.name: rival.contestant for rival in rivals}
    with contextlib.ExitStack() as stack:
        epochs = {}
        for name, contestant in contestants.items():
            notice(f"{race.name}: {name} loads and warms up")
            epochs[name] = stack.enter_context(Contestant(opt.data_path, *contestant)).epoch
            epochs[name]()
        idle = in_turn(epochs, opt.repeats, race.name)
        with a_busy_process():
            busy = in_turn(epochs, opt.repeats, f"{race.name}, beside a busy process")
    for rival in rivals:
        row = f"{race.name}/{rival.name}", race.what, rival.against, rival.floor
        sides = [(seconds["ours"], seconds[rival.name]) for seconds in (idle, busy)]
        table.row(*row, *sides, at_most=rival.at_most)
    if f"{race.name}/busy" in opt.only:
        what = f"{race.what}, beside a busy process"
        sides = busy["ours"], idle["ours"]
        table.row(f"{race.name}/busy", what, "itself, idle", race.busy, sides, at_most=True)


def measure_edition(opt, table):
    """The edition's commands, one after the other by the plain programs, and ours two at a time."""
    commands, data = edition_commands(opt.epochs), ("-data_path", opt.data_path)
    theirs = {}
    for script, options in commands:
        notice(f"edition, plain: {PLAIN[script].name} {' '.join(options)}")
        theirs[script, options], _ = run_command(PLAIN[script], *options, *data)
    longest_first = sorted(commands, key=theirs.get, reverse=True)
    notice("edition, ours, two at a time")
    with tempfile.TemporaryDirectory() as plots, concurrent.futures.ThreadPoolExecutor(2) as pool:

        def run(command):
            script, options = command
            folders = (*data, "-plots_dir", plots)
            return run_command(ROOT / script, *options, *folders, OMP_NUM_THREADS="1")

        ours = seconds_of(lambda: list(pool.map(run, longest_first)))
    share = f"1/{EDITION_SHARE} of the epochs, two at a time, one thread each"
    what = f"the {len(commands)} commands of edition 2024-25, {share}"
    against = "the same by the plain programs, one after the other"
    table.row("edition", what, against, EDITION_FLOOR, ([ours], [sum(theirs.values())]))


class Table:
    """Prints rows as they are measured. `missed` has the names of those whose floor is not met."""

    def __init__(self):
        self.missed = []
        head = "row|what|against|floor|measured|ours|theirs|met|busy|ours|theirs"
        print_row(*head.split("|"), heads=True)

    def row(self, row, what, against, floor, idle, busy=None, at_most=False):
        """A row from seconds of both sides, (ours, theirs), paired by round, idle and busy."""
        unit = "x their time" if at_most else "x faster"

        def measured(ours, theirs):
            values = ratios(ours, theirs) if at_most else ratios(theirs, ours)
            return values, [spread(values, unit), *(f"{median(s):.3g} s" for s in (ours, theirs))]

        values, cells = measured(*idle)
        met = median(values) <= floor if at_most else median(values) >= floor
        if not met:
            self.missed.append(row)
        beside = measured(*busy)[1] if busy else ["", "", ""]
        bound = f"{'at most' if at_most else 'at least'} {floor} {unit}"
        verdict = "yes" if met else "**NOT MET**"
        print_row(row, what, against, bound, *cells, verdict, *beside)


def print_setting(opt):
    """What the figures were measured on. InputError where the data is not to be used."""
    images = read_npz(opt.data_path)["train_images"]
    processor = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, IndexError), open("/proc/cpuinfo") as stream:
        lines = [line for line in stream if line.startswith("model name")]
        processor = lines[0].partition(":")[2].strip()
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "torch")
    )
    bearing = ("OPENBLAS_", "MKL_", "ONEDNN_", "OMP_", "GOMP_", "KMP_")
    variables = [f"{k}={v}" for k, v in os.environ.items() if k.startswith(bearing)]
    print(
        f"- Machine: {processor}, {os.cpu_count()} cores; {platform.platform()}\n"
        f"- Python {platform.python_version()}, {versions}\n"
        f"- Data: {len(images):,} training examples of {images[0].size:,} features\n"
        f"- Variables set that bear on BLAS and threads: {', '.join(variables) or 'none'}\n"
        f"- Medians of {opt.repeats} rounds in turn after a warm-up; the edition once. Epochs without "
        "evaluation; ours is what the script's own clock counts as training, shuffling included, "
        "the plain loop is timed without it.\n"
        "- busy: the same rounds beside one process that keeps a core busy.\n",
        flush=True,
    )


# --------------------------------------------------------------------------------------------
# The program


def parse_arguments(arguments):
    parser = parser_of(__doc__, rounds=5)
    parser.epilog = f"Rows: {', '.join(ROWS)}."
    add = parser.add_argument
    add("-epochs", type=count, help="of the edition's commands, at most (default: a tenth)")
    add("-only", nargs="+", metavar="ROW", help="rows, or the part before the slash for all of a "
        "kind (default: every row)")  # fmt: skip
    opt = parser.parse_args(arguments)
    wanted = opt.only or ROWS
    for name in wanted:
        if not any(name in (row, row.partition("/")[0]) for row in ROWS):
            parser.error(f"no row is called {name}")
    opt.only = {row for row in ROWS if row in wanted or row.partition("/")[0] in wanted}
    return opt


def main(arguments):
    opt = parse_arguments(arguments)
    print_setting(opt)
    table = Table()
    for race in RACES:
        measure_race(race, opt, table)
    if "edition" in opt.only:
        measure_edition(opt, table)
    missed = f"NOT MET: {', '.join(table.missed)}"
    print(f"\n{missed if table.missed else 'Every floor measured here is met.'}")
    sys.exit(1 if table.missed else 0)


if __name__ == "__main__":
    run_script(main)
