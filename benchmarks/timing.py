"""The one way of timing here: programs in turn, each a process of its own, and one table.

    with Contestant(path, "hw1-q1.py", "mlp") as ours, Contestant(path, "plain_q1.py", "mlp") as plain:
        seconds = in_turn({"ours": ours.epoch, "plain": plain.epoch}, 5)
    print_row("mlp", spread(ratios(seconds["plain"], seconds["ours"]), "x faster"))

`run_command` runs a whole program, `record_of` one of the scripts and reads what it recorded. A ratio is
taken in each round, since a machine's speed changes from minute to minute. What a contestant's process
does is in contestants.py. Importing this module lets the benchmarks import the project's own.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

BENCHMARKS = Path(__file__).resolve().parent
ROOT = BENCHMARKS.parent
sys.path.insert(0, str(ROOT))

from lab.dataset import DEFAULT
from lab.options import Parser, count
from lab.record import read_record
from utils import InputError, notice

PAUSE = 0.05  # seconds, in which the threads of the one before stop spinning


def parser_of(about, rounds):
    """The parser of a benchmark's options, which may add to them; `about` is its docstring."""
    parser = Parser(description=about.splitlines()[0])
    add_options(parser, rounds)
    return parser


def add_options(parser, rounds):
    where = "images and labels (default: data/intel_landscapes.npz)"
    parser.add_argument("-data_path", metavar="NPZ", default=DEFAULT, help=where)
    of_rounds = "rounds to take the median of (default: %(default)s)"
    parser.add_argument("-repeats", type=count, default=rounds, help=of_rounds)


def in_turn(runners, rounds, about=""):
    """{name: the results of its `rounds` calls}: each round calls every runner once, in order.

    `runners` is {name: function without arguments}. `about` says in notices what is measured.
    """
    results = {name: [] for name in runners}
    for i in range(rounds):
        if about:
            notice(f"{about}: round {i + 1} of {rounds}")
        for name, run in runners.items():
            results[name].append(run())
    return results


def seconds_of(function):
    """How long a call of `function` takes in this process."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def ratios(these, those):
    """These seconds over those, round by round."""
    return [this / that for this, that in zip(these, those, strict=True)]


def print_row(*cells, heads=False):
    """A line of a Markdown table, at once; below `heads` comes the line that ends a table's head."""
    print(f"| {' | '.join(map(str, cells))} |", flush=True)
    if heads:
        print(f"|{'---|' * len(cells)}", flush=True)


def spread(values, unit):
    """Median, least and greatest in words."""
    return f"{median(values):.2f} {unit} ({min(values):.2f} to {max(values):.2f})"


def run_command(*command, **environment):
    """Run a Python program to its end, its output dropped: (wall seconds, peak resident bytes).

    `environment` is added to this process's. Raises InputError, with the program's last words, unless
    it exits with 0.
    """
    time.sleep(PAUSE)
    with tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={**os.environ, **environment},
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise InputError(f"{' '.join(map(str, command))}: {last_line(errors)}")
    return seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def record_of(*command, **environment):
    """`run_command` of one of the scripts: (the `Record` of the run, wall seconds, peak bytes)."""
    with tempfile.TemporaryDirectory() as plots:
        seconds, peak = run_command(*command, "-plots_dir", plots, **environment)
        (path,) = Path(plots).glob("runs/*/record.json")
        return read_record(path), seconds, peak


@contextlib.contextmanager
def a_busy_process():
    """Inside, another process keeps a core busy."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(PAUSE)
        yield
    finally:
        process.kill()
        process.wait()


class Contestant:
    """A process that stands ready to train an epoch of one model, again and again.

    Parameters
    ----------
    data_path : the npz file.
    kind : "hw1-q1.py", "hw1-q2.py", "plain_q1.py", "plain_q2.py" or another key of
        `contestants.RIVALS`.
    settings : for a program its options, else the function's arguments after the file; text.

    Raises InputError, with its last words, when the process has ended instead of answering.
    """

    def __init__(self, data_path, kind, *settings):
        self.name = " ".join((kind, *settings))
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115, closed by __exit__
        self.process = subprocess.Popen(
            [sys.executable, BENCHMARKS / "contestants.py", data_path, kind, *settings],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        self._answer()

    def __enter__(self):
        return self

    def epoch(self):
        """The seconds that the next epoch takes; all that surrounds an epoch is not counted."""
        time.sleep(PAUSE)
        with contextlib.suppress(BrokenPipeError):  # if it has ended, it does not answer either
            self.process.stdin.write("epoch\n")
            self.process.stdin.flush()
        return self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise InputError(f"{self.name}: {last_line(self.errors)}")
        return json.loads(line)

    def __exit__(self, *_):
        """End the process and free what it holds."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def last_line(errors):
    """The last line of a process's standard error, kept in the open file `errors`."""
    errors.seek(0)
    lines = errors.read().decode(errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "ended without a word")
