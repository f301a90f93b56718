"""Measure speed and memory against what a student could pick instead, and print the table.

    pip install -r requirements.txt -r benchmarks/requirements.txt
    python benchmarks/speed.py -data_path data/intel_landscapes.npz
    python benchmarks/speed.py -only mlp logistic_regression/textbook

On an otherwise idle machine; up to an hour. Every contestant has a process of its own
(contestants.py), loads once, trains an epoch to warm up, and then they take turns: ours, the
first rival, the second, ours, ... A ratio is taken in each round; the table gives the median of the
rounds with the least and the greatest, and the median seconds (or peak memory) of both sides. Exit
status 0 when every floor is met, 1 when one is not, 2 for bad input.
"""

import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from processes import BENCHMARKS, ROOT, Contestant, run_command

import runs
import utils

# This process stays small (no data, no torch): Linux counts the peak memory of a process from
# before it became the program, when it was a copy of this one.

# What the slow rivals see of the training set, their seconds scaled up to all of it.
SKLEARN_MLP_PART = 32
TORCH_MLP_PART = 16
HIDDEN = "100"  # the default of both programs
L2 = "0.01"

# --------------------------------------------------------------------------------------------
# What is measured


@dataclass(frozen=True)
class Rival:
    """Someone to measure against: one row of the table.

    name : the row's, after its race's.
    against : what it is, in words.
    floor : the least ratio theirs / ours; with `at_most` the greatest ours / theirs; None for a row
        that only informs.
    contestant : `Contestant`'s kind and settings.
    """

    name: str
    against: str
    floor: float | None
    contestant: tuple
    at_most: bool = False


@dataclass(frozen=True)
class Race:
    """An epoch of ours and of its rivals, in turn. `ours` is `Contestant`'s kind and settings."""

    name: str
    what: str
    ours: tuple
    rivals: tuple


def textbook(model, floor, description, l2="0"):
    """The textbook loop, in two surroundings that differ in what its temporaries cost.

    glibc gives freed memory back to the system at once, and gets the next piece with its pages to
    be cleared, until a block of some megabytes has been freed; then it keeps as much. So the loop
    is slow in a process that only trains, and faster in one that has freed such a block before, as
    plain_q1.py has when its validation images are floats. The floor is held against both.
    """
    options = ("-l2_penalty", l2) if model == "logistic_regression" else ()
    return (
        Rival(
            "textbook",
            f"the textbook loop (float64, {description}) in a process that has loaded the training "
            "set",
            floor,
            ("plain_loop_alone", model, l2),
        ),
        Rival(
            "textbook-in-program",
            "the same loop inside plain_q1.py, whose loading leaves memory at hand",
            floor,
            ("plain_q1.py", model, *options),
        ),
    )


def network(batch_size, floor, products_floor):
    """An epoch of hw1-q2.py's mlp with its defaults at a batch size."""
    options = ("mlp", "-batch_size", str(batch_size))
    products = ("torch_products", str(batch_size), "200", "2")
    return Race(
        f"q2-mlp-{batch_size}",
        f"hw1-q2.py mlp epoch, batch {batch_size}",
        ("hw1-q2.py", *options),
        (
            Rival("skeleton", "the skeleton's loop", floor, ("plain_q2.py", *options)),
            Rival(
                "products",
                "its matrix products alone, same batch shapes",
                products_floor,
                (*products, "all"),
                at_most=True,
            ),
            Rival(
                "products-one-batch",
                "the same on one batch over and over, which stays in the cache",
                None,
                (*products, "one"),
                at_most=True,
            ),
        ),
    )


RACES = [
    Race(
        "perceptron",
        "perceptron epoch",
        ("hw1-q1.py", "perceptron"),
        (
            *textbook("perceptron", 1.3, "`update_weight` an example"),
            Rival(
                "scikit-learn",
                "scikit-learn `Perceptron(n_jobs=2)`, float32, (3 epochs - 1) / 2",
                1.5,
                ("sklearn_linear", "perceptron"),
            ),
        ),
    ),
    Race(
        "logistic_regression",
        "logistic regression epoch, l2 0",
        ("hw1-q1.py", "logistic_regression"),
        (
            *textbook("logistic_regression", 2, "`np.outer`"),
            Rival(
                "scikit-learn",
                'scikit-learn `SGDClassifier(loss="log_loss", n_jobs=2)`, float32, no penalty, '
                "(3 epochs - 1) / 2",
                2,
                ("sklearn_linear", "logistic_regression"),
            ),
        ),
    ),
    Race(
        "logistic_regression-l2",
        f"logistic regression epoch, l2 {L2}",
        ("hw1-q1.py", "logistic_regression", "-l2_penalty", L2),
        (
            *textbook("logistic_regression", 8, "`np.outer`", L2),
            Rival(
                "scikit-learn",
                'scikit-learn `SGDClassifier(loss="log_loss", n_jobs=2)`, float32, '
                f"alpha {L2}, (3 epochs - 1) / 2",
                2,
                ("sklearn_linear", "logistic_regression", L2),
            ),
        ),
    ),
    Race(
        "mlp",
        f"NumPy MLP epoch, {HIDDEN} hidden",
        ("hw1-q1.py", "mlp"),
        (
            *textbook("mlp", 10, "`np.outer`"),
            Rival(
                "torch",
                f"torch, batch size 1, float32, 1/{TORCH_MLP_PART} of the examples, scaled up",
                10,
                ("torch_mlp", HIDDEN, str(TORCH_MLP_PART)),
            ),
            Rival(
                "scikit-learn",
                'scikit-learn `MLPClassifier(batch_size=1, solver="sgd")`, float32, '
                f"`partial_fit` on 1/{SKLEARN_MLP_PART} of the examples, scaled up",
                40,
                ("sklearn_mlp", HIDDEN, str(SKLEARN_MLP_PART)),
            ),
            Rival(
                "products",
                "its two matrix products alone (float32, whole-epoch sizes, default threads)",
                3,
                ("numpy_products", HIDDEN, "default"),
                at_most=True,
            ),
            Rival(
                "products-1-thread",
                "the same on one BLAS thread",
                None,
                ("numpy_products", HIDDEN, "1"),
                at_most=True,
            ),
        ),
    ),
    network(64, 1.5, 1.8),
    network(512, 1.5, 1.5),
    Race(
        "q2-logistic_regression-32",
        "hw1-q2.py logistic_regression epoch, batch 32",
        ("hw1-q2.py", "logistic_regression", "-batch_size", "32"),
        (
            Rival(
                "skeleton",
                "the skeleton's loop",
                1.7,
                ("plain_q2.py", "logistic_regression", "-batch_size", "32"),
            ),
        ),
    ),
]


@dataclass(frozen=True)
class Command:
    """A whole command against the same command of a plain program, and the memory of both.

    epochs : of the timed command.
    floor : the least ratio of seconds; None where only the memory is measured.
    gigabytes : the most memory that ours may take.
    """

    script: str
    plain: str
    model: str
    floor: float | None
    gigabytes: float
    options: tuple = ()
    epochs: int = 1

    @property
    def row(self):
        return f"command/{self.model}"

    @property
    def memory_row(self):
        return f"memory/{Path(self.script).stem[4:]}-{self.model}"


# The homework's numbers of epochs, but for the MLP's 20: with 5, loading weighs more, and plain_q1.py
# does not take half an hour.
COMMANDS = [
    Command("hw1-q1.py", "plain_q1.py", "perceptron", 2.5, 0.8, epochs=100),
    Command(
        "hw1-q1.py", "plain_q1.py", "logistic_regression", 6, 0.8, ("-l2_penalty", L2), epochs=100
    ),
    Command("hw1-q1.py", "plain_q1.py", "mlp", 8, 0.8, epochs=5),
    Command("hw1-q2.py", "plain_q2.py", "logistic_regression", None, 1.0),
    Command("hw1-q2.py", "plain_q2.py", "mlp", None, 1.0),
]
HELP_ROW, HELP_SECONDS = "help", 0.3

ROWS = [
    *(command.row for command in COMMANDS if command.floor),
    *(f"{race.name}/{rival.name}" for race in RACES for rival in race.rivals),
    *(command.memory_row for command in COMMANDS),
    HELP_ROW,
]


# --------------------------------------------------------------------------------------------
# Measuring


def race_in_turn(runners, repeats, name):
    """{runner's name: its `repeats` results}, where each round calls every runner once, in order.

    `runners` is {name: function without arguments}.
    """
    results = {runner: [] for runner in runners}
    for repeat in range(repeats):
        utils.notice(f"{name}: round {repeat + 1} of {repeats}")
        for runner, run in runners.items():
            results[runner].append(run())
    return results


def measure_race(race, opt, table):
    """Time the epochs of a race and add a row for each of its rivals that is wanted."""
    rivals = [rival for rival in race.rivals if f"{race.name}/{rival.name}" in opt.only]
    if not rivals:
        return
    with contextlib.ExitStack() as stack:
        contestants = {}
        for name, contestant in [
            ("ours", race.ours),
            *((rival.name, rival.contestant) for rival in rivals),
        ]:
            utils.notice(f"{race.name}: {name} loads and warms up")
            contestants[name] = stack.enter_context(Contestant(opt.data_path, *contestant))
            contestants[name].epoch()
        seconds = race_in_turn(
            {name: contestant.epoch for name, contestant in contestants.items()},
            opt.repeats,
            race.name,
        )
    for rival in rivals:
        table.ratio(
            f"{race.name}/{rival.name}",
            race.what,
            rival.against,
            rival.floor,
            seconds["ours"],
            seconds[rival.name],
            rival.at_most,
        )


def measure_command(command, opt, table):
    """Run a whole command and its plain twin in turn; adds its row and keeps the memory's."""
    timed = command.floor is not None and command.row in opt.only
    if not timed and command.memory_row not in opt.only:
        return
    epochs = (opt.epochs or command.epochs) if timed else 1
    with tempfile.TemporaryDirectory() as plots:
        settings = (command.model, "-data_path", opt.data_path, *command.options, "-epochs")
        ours = (ROOT / command.script, "-plots_dir", plots, *settings)
        theirs = (BENCHMARKS / command.plain, *settings)
        if timed:
            utils.notice(f"{command.script} {command.model}: warms up")
            run_command(*ours, 1)
            run_command(theirs[0], "-h")
        results = race_in_turn(
            {
                "ours": lambda: run_command(*ours, epochs),
                "theirs": lambda: run_command(*theirs, epochs),
            },
            opt.repeats if timed else 1,
            f"{command.script} {command.model}",
        )
    if timed:
        words = " ".join((command.script, command.model, *command.options, f"-epochs {epochs}"))
        table.ratio(
            command.row,
            f"whole command `{words}`",
            f"`{command.plain}`, the same command",
            command.floor,
            [seconds for seconds, _ in results["ours"]],
            [seconds for seconds, _ in results["theirs"]],
        )
    if command.memory_row in opt.only:
        table.later.append(
            (
                command.memory_row,
                f"peak memory, `{command.script} {command.model}`",
                f"`{command.plain}`",
                command.gigabytes,
                [peak / 1e9 for _, peak in results["ours"]],
                [peak / 1e9 for _, peak in results["theirs"]],
                "GB",
            )
        )


def measure_help(opt, table):
    """How long it takes to see the options."""
    if HELP_ROW not in opt.only:
        return
    runners = {
        "ours": lambda: run_command(ROOT / "hw1-q1.py", "-h")[0],
        "theirs": lambda: run_command(BENCHMARKS / "plain_q1.py", "-h")[0],
    }
    for run in runners.values():
        run()
    seconds = race_in_turn(runners, opt.repeats, HELP_ROW)
    table.limit(
        HELP_ROW,
        "`hw1-q1.py -h`",
        "`plain_q1.py -h`",
        HELP_SECONDS,
        seconds["ours"],
        seconds["theirs"],
        "s",
    )


# --------------------------------------------------------------------------------------------
# The table


class Table:
    """Prints rows as they are measured; the rows without a floor and those of memory wait.

    missed : names of the rows whose floor is not met.
    informative : rows without a floor, for a table of their own.
    later : arguments of `limit` for rows that come after the rest.
    """

    HEAD = (
        "| row | what | against | floor | measured | ours | theirs | met |\n"
        "|---|---|---|---|---|---|---|---|"
    )

    def __init__(self):
        self.missed, self.informative, self.later = [], [], []
        print(self.HEAD, flush=True)

    def ratio(self, row, what, against, floor, ours, theirs, at_most=False):
        """A row from seconds of both sides, paired by round."""
        pairs = list(zip(ours, theirs, strict=True))
        ratios = [a / b if at_most else b / a for a, b in pairs]
        unit = "x their time" if at_most else "x faster"
        bound = f"{'at most' if at_most else 'at least'} {floor} {unit}" if floor else ""
        met = None
        if floor:
            met = median(ratios) <= floor if at_most else median(ratios) >= floor
        measured = f"{median(ratios):.2f} {unit} ({min(ratios):.2f} to {max(ratios):.2f})"
        self._row(row, what, against, bound, measured, ours, theirs, "s", met)

    def limit(self, row, what, against, most, ours, theirs, unit):
        """A row whose floor is an absolute figure that ours may not exceed."""
        measured = f"{median(ours):.2f} {unit} ({min(ours):.2f} to {max(ours):.2f})"
        met = median(ours) <= most
        self._row(row, what, against, f"at most {most} {unit}", measured, ours, theirs, unit, met)

    def _row(self, row, what, against, bound, measured, ours, theirs, unit, met):
        cells = [row, what, against, bound, measured]
        cells += [f"{median(side):.3g} {unit}" for side in (ours, theirs)]
        cells.append({None: "", True: "yes", False: "**NOT MET**"}[met])
        line = f"| {' | '.join(cells)} |"
        if met is False:
            self.missed.append(row)
        if met is None:
            self.informative.append(line)
        else:
            print(line, flush=True)

    def finish(self):
        """Print the rows that were kept back and what has been missed."""
        for arguments in self.later:
            self.limit(*arguments)
        if self.informative:
            print("\nWithout a floor, to show where the ratios come from:\n")
            print("\n".join([self.HEAD, *self.informative]))
        if self.missed:
            print(f"\nNOT MET: {', '.join(self.missed)}")
        else:
            print("\nEvery floor measured here is met.")


def processor():
    """The processor's name as the system gives it."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as stream:
        for line in stream:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def print_setting(opt):
    """What the figures were measured on. InputError where the data is not to be used."""
    about = subprocess.run(
        [sys.executable, BENCHMARKS / "setting.py", opt.data_path],
        check=False,
        capture_output=True,
        text=True,
    )
    if about.returncode:
        message = about.stderr.strip().split("\n")[-1]
        raise utils.InputError(message.removeprefix("setting.py: "))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    libc = " ".join(platform.libc_ver())
    versions = ", ".join(
        f"{package} {importlib.metadata.version(package)}"
        for package in ("numpy", "torch", "scikit-learn")
        if package != "scikit-learn" or has_sklearn()
    )
    print(f"- Machine: {processor()}, {cores} cores to use; {platform.platform()} {libc}")
    print(f"- Python {platform.python_version()}, {versions}")
    print(about.stdout, end="")
    about_blas = [
        f"{name}={value}"
        for name, value in os.environ.items()
        if name.endswith("NUM_THREADS") or name.startswith(("OPENBLAS_", "MKL_", "ONEDNN_"))
    ]
    print(f"- Variables set that bear on BLAS and threads: {', '.join(about_blas) or 'none'}")
    busy = (
        f"; load average at the start {os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else ""
    )
    print(
        f"- Medians of {opt.repeats} rounds in turn after a warm-up{busy}. Epochs without "
        "evaluation; ours is what the script's own clock counts as training, shuffling included, "
        "the textbook loop is timed without it.\n"
        "- Whole commands: wall seconds with loading, evaluation and, for ours, figures and "
        "record.\n"
        "- GB are 10^9 bytes of peak resident memory.\n",
        flush=True,
    )


def has_sklearn():
    return importlib.util.find_spec("sklearn") is not None


# --------------------------------------------------------------------------------------------
# The program


def parse_arguments():
    parser = utils.Parser(
        description="Measure speed and memory against what a student could pick instead.",
        epilog=f"Rows: {', '.join(ROWS)}.",
    )
    parser.add_argument(
        "-data_path",
        metavar="NPZ",
        default=str(ROOT / "data" / "intel_landscapes.npz"),
        help="images and labels (default: data/intel_landscapes.npz)",
    )
    parser.add_argument(
        "-repeats", type=runs.count, default=5, help="rounds to take the median of (default: 5)"
    )
    parser.add_argument(
        "-epochs",
        type=runs.count,
        help="of the whole commands (default: the homework's 100, and 5 for the MLP)",
    )
    parser.add_argument(
        "-only",
        nargs="+",
        metavar="ROW",
        help="rows, or the part before the slash for all of a kind (default: every row)",
    )
    opt = parser.parse_args()
    opt.data_path = str(Path(opt.data_path).resolve())
    wanted = opt.only or [row.partition("/")[0] for row in ROWS]
    for name in wanted:
        if not any(name in (row, row.partition("/")[0]) for row in ROWS):
            parser.error(f"no row is called {name}")
    opt.only = {row for row in ROWS if row in wanted or row.partition("/")[0] in wanted}
    return opt


def main():
    opt = parse_arguments()
    print_setting(opt)
    left_out = sorted(row for row in opt.only if "scikit-learn" in row and not has_sklearn())
    opt.only -= set(left_out)

    table = Table()
    for command in COMMANDS:
        measure_command(command, opt, table)
    for race in RACES:
        measure_race(race, opt, table)
    measure_help(opt, table)
    table.finish()
    if left_out:
        print(
            f"\nLeft out: {', '.join(left_out)}, because scikit-learn is not installed "
            "('pip install -r benchmarks/requirements.txt')."
        )
    sys.exit(1 if table.missed else 0)


if __name__ == "__main__":
    utils.run_script(main)
