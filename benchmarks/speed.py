"""Measure speed and memory against what a student could pick instead, and print the table.

    pip install -r requirements-dev.txt
    python benchmarks/speed.py -data_path data/intel_landscapes.npz
    python benchmarks/speed.py -only mlp logistic_regression/plain edition

On an otherwise idle machine; up to two hours. What is measured, and the floors, is in races.py. Every
contestant has a process of its own (contestants.py), loads once, trains an epoch to warm up, and then
they take turns: ours, the first rival, the second, ours, ... A ratio is taken in each round; the table
gives the median of the rounds with the least and the greatest, and the median seconds (or peak
memory) of both sides. Then the same again beside one process that keeps a core busy. Exit status 0
when every floor is met, 1 when one is not, 2 for bad input.
"""

import concurrent.futures
import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
import tempfile
import time
from statistics import median

from processes import BENCHMARKS, DATA_PATH, ROOT, Contestant, a_busy_process, run_command
from races import (
    COMMANDS,
    EDITION_FLOOR,
    EDITION_ROW,
    EDITION_SHARE,
    HELP_ROW,
    HELP_SECONDS,
    PLAIN,
    RACES,
    ROWS,
    edition_commands,
    race_rows,
)

from lab.options import Parser, count
from lab.process import run_script
from utils import InputError, notice

# This process stays small (no data, no torch): Linux counts the peak memory of a process from
# before it became the program, when it was a copy of this one.

# --------------------------------------------------------------------------------------------
# Measuring


def in_turn(runners, repeats, name):
    """{runner's name: its `repeats` results}, where each round calls every runner once, in order.

    `runners` is {name: function without arguments}.
    """
    results = {runner: [] for runner in runners}
    for repeat in range(repeats):
        notice(f"{name}: round {repeat + 1} of {repeats}")
        for runner, run in runners.items():
            results[runner].append(run())
    return results


def measure_race(race, opt, table):
    """Time the epochs of a race, idle and beside a busy process, and add the rows that are wanted."""
    wanted = [row for row in race_rows(race) if row in opt.only]
    rivals = [rival for rival in race.rivals if f"{race.name}/{rival.name}" in wanted]
    if not wanted:
        return
    with contextlib.ExitStack() as stack:
        epochs = {}
        contestants = {"ours": race.ours} | {rival.name: rival.contestant for rival in rivals}
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
        table.ratio(*row, *sides, at_most=rival.at_most)
    if race.busy and f"{race.name}/busy" in wanted:
        what = f"{race.what}, beside a busy process"
        sides = busy["ours"], idle["ours"]
        table.ratio(f"{race.name}/busy", what, "itself, idle", race.busy, sides, at_most=True)


def measure_command(command, opt, table):
    """Run a whole command and its plain twin in turn; adds its row and keeps the memory's."""
    timed = command.floor is not None and command.row in opt.only
    if not timed and command.memory_row not in opt.only:
        return
    epochs = (opt.epochs or command.epochs) if timed else 1
    with tempfile.TemporaryDirectory() as plots:
        settings = (command.model, "-data_path", opt.data_path, *command.options, "-epochs", epochs)
        ours = (ROOT / command.script, "-plots_dir", plots, *settings)
        theirs = (command.plain, *settings)
        if timed:
            notice(f"{command.script} {command.model}: warms up")
            run_command(*ours[:-1], 1)
            run_command(theirs[0], "-h")
        runners = {"ours": lambda: run_command(*ours), "theirs": lambda: run_command(*theirs)}
        name = f"{command.script} {command.model}"
        results = in_turn(runners, opt.repeats if timed else 1, name)
    (our_seconds, our_peaks), (seconds, peaks) = (
        zip(*side, strict=True) for side in results.values()
    )
    if timed:
        words = " ".join((command.script, command.model, *command.options, f"-epochs {epochs}"))
        against = f"`{command.plain.name}`, the same command"
        what = f"whole command `{words}`"
        table.ratio(command.row, what, against, command.floor, (our_seconds, seconds))
    if command.memory_row in opt.only:
        what, against = f"peak memory, `{name}`", f"`{command.plain.name}`"
        sides = [[peak / 1e9 for peak in side] for side in (our_peaks, peaks)]
        row = (command.memory_row, what, against, command.gigabytes, *sides, "GB")
        table.later.append(row)


def measure_edition(opt, table):
    """The edition's commands, one after the other by the plain programs, and ours two at a time."""
    if EDITION_ROW not in opt.only:
        return
    commands = edition_commands(opt.epochs)
    theirs = {}
    for script, options in commands:
        notice(f"edition, plain: {PLAIN[script].name} {' '.join(options)}")
        settings = (*options, "-data_path", opt.data_path)
        theirs[script, options], _ = run_command(PLAIN[script], *settings)
    with tempfile.TemporaryDirectory() as plots:

        def run(command):
            script, options = command
            folders = ("-data_path", opt.data_path, "-plots_dir", plots)
            return run_command(ROOT / script, *options, *folders, OMP_NUM_THREADS="1")

        notice("edition, ours, two at a time")
        longest_first = sorted(commands, key=theirs.get, reverse=True)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            start = time.perf_counter()
            list(pool.map(run, longest_first))
            ours = time.perf_counter() - start
    share = f"1/{EDITION_SHARE} of the epochs"
    table.ratio(
        EDITION_ROW,
        f"the {len(commands)} commands of edition 2024-25, {share}, two at a time, one thread each",
        "the same by the plain programs, one after the other",
        EDITION_FLOOR,
        ([ours], [sum(theirs.values())]),
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
    sides = in_turn(runners, opt.repeats, HELP_ROW).values()
    table.limit(HELP_ROW, "`hw1-q1.py -h`", "`plain_q1.py -h`", HELP_SECONDS, *sides, "s")


# --------------------------------------------------------------------------------------------
# The table


class Table:
    """Prints rows as they are measured; the rows without a floor and those of memory wait.

    missed : names of the rows whose floor is not met.
    informative : rows without a floor, for a table of their own.
    later : arguments of `limit` for rows that come after the rest.
    """

    HEAD = (
        "| row | what | against | floor | measured | ours | theirs | met | busy | ours | theirs |\n"
        f"|{'---|' * 11}"
    )

    def __init__(self):
        self.missed, self.informative, self.later = [], [], []
        print(self.HEAD, flush=True)

    def ratio(self, row, what, against, floor, idle, busy=None, at_most=False):
        """A row from seconds of both sides, (ours, theirs), paired by round, idle and busy."""
        unit = "x their time" if at_most else "x faster"
        bound = f"{'at most' if at_most else 'at least'} {floor} {unit}" if floor else ""

        def ratios(ours, theirs):
            return [a / b if at_most else b / a for a, b in zip(ours, theirs, strict=True)]

        measured = spread(ratios(*idle), unit)
        ratio, met = median(ratios(*idle)), None
        if floor:
            met = ratio <= floor if at_most else ratio >= floor
        beside = [spread(ratios(*busy), unit), *middles(busy, "s")] if busy else ["", "", ""]
        self._row([row, what, against, bound, measured, *middles(idle, "s")], met, beside)

    def limit(self, row, what, against, most, ours, theirs, unit):
        """A row whose floor is an absolute figure that ours may not exceed."""
        cells = [row, what, against, f"at most {most} {unit}", spread(ours, unit)]
        cells += middles((ours, theirs), unit)
        self._row(cells, median(ours) <= most, ["", "", ""])

    def _row(self, cells, met, beside):
        verdict = {None: "", True: "yes", False: "**NOT MET**"}[met]
        line = f"| {' | '.join([*cells, verdict, *beside])} |"
        if met is False:
            self.missed.append(cells[0])
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


def spread(values, unit):
    """Median, least and greatest in words."""
    return f"{median(values):.2f} {unit} ({min(values):.2f} to {max(values):.2f})"


def middles(sides, unit):
    return [f"{median(side):.3g} {unit}" for side in sides]


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
        raise InputError(message.removeprefix("setting.py: "))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = ["numpy", "torch", *(["scikit-learn"] if has_sklearn() else [])]
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    libc = " ".join(platform.libc_ver())
    print(f"- Machine: {processor()}, {cores} cores to use; {platform.platform()} {libc}")
    print(f"- Python {platform.python_version()}, {versions}")
    print(about.stdout, end="")
    bearing = ("OPENBLAS_", "MKL_", "ONEDNN_", "OMP_", "GOMP_", "KMP_")
    variables = [f"{k}={v}" for k, v in os.environ.items() if k.startswith(bearing)]
    print(f"- Variables set that bear on BLAS and threads: {', '.join(variables) or 'none'}")
    load = f"; load average at the start {os.getloadavg()[0]:.2f}" * hasattr(os, "getloadavg")
    print(
        f"- Medians of {opt.repeats} rounds in turn after a warm-up{load}. Epochs without "
        "evaluation; ours is what the script's own clock counts as training, shuffling included, "
        "the plain loop is timed without it.\n"
        "- busy: the same rounds beside one process that keeps a core busy.\n"
        "- Whole commands: wall seconds with loading, evaluation and, for ours, figures and "
        "record. The edition once.\n"
        "- GB are 10^9 bytes of peak resident memory.\n",
        flush=True,
    )


def has_sklearn():
    return importlib.util.find_spec("sklearn") is not None


# --------------------------------------------------------------------------------------------
# The program


def parse_arguments(arguments):
    parser = Parser(
        prog="speed.py",
        description="Measure speed and memory against what a student could pick instead.",
        epilog=f"Rows: {', '.join(ROWS)}.",
    )
    add = parser.add_argument
    add("-data_path", **DATA_PATH)
    add("-repeats", type=count, default=5, help="rounds to take the median of (default: 5)")
    add("-epochs", type=count, help="of the whole commands, at most in the edition (default: the "
        "homework's 100, and 5 for the MLP; of the edition a tenth)")  # fmt: skip
    add("-only", nargs="+", metavar="ROW", help="rows, or the part before the slash for all of a "
        "kind (default: every row)")  # fmt: skip
    opt = parser.parse_args(arguments)
    wanted = opt.only or [row.partition("/")[0] for row in ROWS]
    for name in wanted:
        if not any(name in (row, row.partition("/")[0]) for row in ROWS):
            parser.error(f"no row is called {name}")
    opt.only = {row for row in ROWS if row in wanted or row.partition("/")[0] in wanted}
    return opt


def main(arguments):
    opt = parse_arguments(arguments)
    print_setting(opt)
    left_out = sorted(row for row in opt.only if "scikit-learn" in row and not has_sklearn())
    opt.only -= set(left_out)

    table = Table()
    for command in COMMANDS:
        measure_command(command, opt, table)
    for race in RACES:
        measure_race(race, opt, table)
    measure_edition(opt, table)
    measure_help(opt, table)
    table.finish()
    if left_out:
        print(
            f"\nLeft out: {', '.join(left_out)}, because scikit-learn is not installed "
            "('pip install -r requirements-dev.txt')."
        )
    sys.exit(1 if table.missed else 0)


if __name__ == "__main__":
    run_script(main)
