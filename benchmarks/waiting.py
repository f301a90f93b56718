"""How torch's threads should wait for each other: an epoch on an idle machine and on a busy one.

    python benchmarks/waiting.py -data_path data/intel_landscapes.npz

The default network of hw1-q2.py with each way of waiting in turn, beside 0, 1 and 2 other processes that
each keep a core busy: seconds per epoch of training, the median of the rounds. hw1-q2.py sets what is
called the program's.
"""

import contextlib
import functools
import os
from statistics import median

from timing import ROOT, a_busy_process, in_turn, parser_of, print_row, record_of

from lab.options import count
from lab.process import run_script

THE_PROGRAMS = {"GOMP_SPINCOUNT": "1000", "KMP_BLOCKTIME": "0"}
WAYS = {
    "the runtime's own": {"OMP_WAIT_POLICY": ""},  # set, if to nothing: the program sets no other
    "GOMP_SPINCOUNT=10000": {"GOMP_SPINCOUNT": "10000"},
    "the program's": THE_PROGRAMS,
    "GOMP_SPINCOUNT=100": {"GOMP_SPINCOUNT": "100"},
    "OMP_WAIT_POLICY=PASSIVE": {"OMP_WAIT_POLICY": "PASSIVE"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}


def main(arguments):
    parser = parser_of(__doc__, rounds=3)
    parser.add_argument("-epochs", type=count, default=3, help="(default: %(default)s)")
    opt = parser.parse_args(arguments)
    for name in THE_PROGRAMS:  # which the user may have set
        os.environ.pop(name, None)

    def seconds_per_epoch(environment):
        command = (ROOT / "hw1-q2.py", "mlp", "-epochs", opt.epochs, "-data_path", opt.data_path)
        record, *_ = record_of(*command, **environment)
        return record.seconds["training"] / opt.epochs

    runners = {way: functools.partial(seconds_per_epoch, WAYS[way]) for way in WAYS}
    columns = []
    for busy in range(3):
        with contextlib.ExitStack() as others:
            for _ in range(busy):
                others.enter_context(a_busy_process())
            columns.append(in_turn(runners, opt.repeats, f"{busy} busy"))
    print_row("way", *(f"{busy} busy" for busy in range(3)), heads=True)
    for way in WAYS:
        print_row(way, *(f"{median(column[way]):.2f}" for column in columns))


if __name__ == "__main__":
    run_script(main)
