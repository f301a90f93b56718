"""How torch's threads should wait for each other: an epoch on an idle machine and on a busy one.

    python benchmarks/waiting.py -data_path data/intel_landscapes.npz

The default network of hw1-q2.py, some epochs with each way of waiting in turn, with 0, 1 and 2 other
processes that each keep a core busy. Prints seconds per epoch of training, the median of the rounds.
hw1-q2.py sets what is called the program's.
"""

import contextlib
import os
from statistics import median

from processes import DATA_PATH, ROOT, a_busy_process, record_of

from lab.options import Parser, count
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


def seconds_per_epoch(environment, opt):
    """Seconds of training per epoch in a run of its own that waits so."""
    settings = ("-epochs", opt.epochs, "-data_path", opt.data_path)
    record, *_ = record_of(ROOT / "hw1-q2.py", "mlp", *settings, **environment)
    return record.seconds["training"] / opt.epochs


def main(arguments):
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("-data_path", **DATA_PATH)
    parser.add_argument("-epochs", type=count, default=3, help="(default: %(default)s)")
    parser.add_argument("-repeats", type=count, default=3, help="rounds (default: %(default)s)")
    opt = parser.parse_args(arguments)
    for name in THE_PROGRAMS:  # which the user may have set
        os.environ.pop(name, None)
    print("| way | " + " | ".join(f"{n} busy" for n in range(3)) + " |\n|---|---|---|---|")
    results = {way: [] for way in WAYS}
    for busy in range(3):
        with contextlib.ExitStack() as others:
            for _ in range(busy):
                others.enter_context(a_busy_process())
            rounds = [
                {way: seconds_per_epoch(environment, opt) for way, environment in WAYS.items()}
                for _ in range(opt.repeats)
            ]
        for way in WAYS:
            results[way].append(median(each[way] for each in rounds))
    for way, seconds in results.items():
        print(f"| {way} | " + " | ".join(f"{s:.2f}" for s in seconds) + " |")


if __name__ == "__main__":
    run_script(main)
