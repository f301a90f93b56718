"""Run a script with faults planted in it.

    python tests/faulty.py FAULTS hw1-q1.py mlp -epochs 3 ...

FAULTS are separated by commas, each WHAT:WHERE:CALL. From the CALL-th call on of the function WHERE
("os.replace", "runs.Run.finish"; "script" is the script itself) a call fails with the OSError WHAT
("ENOSPC"); or, at the CALL-th call alone, the signal WHAT ("SIGKILL") arrives just before it.
Checkpoints are written after every epoch, and figures are not drawn: both would take the tests' time.
"""

import errno
import functools
import math
import os
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import runs
import utils


def plant(what, owner, name, at):
    """Replace owner's function by one that fails, or is interrupted, at its `at`-th call."""
    function, calls = getattr(owner, name), 0

    @functools.wraps(function)
    def faulty(*arguments, **options):
        nonlocal calls
        calls += 1
        if what.startswith("SIG"):
            if calls == at:
                os.kill(os.getpid(), getattr(signal, what))
        elif calls >= at:
            number = getattr(errno, what)
            raise OSError(number, os.strerror(number))
        return function(*arguments, **options)

    setattr(owner, name, faulty)


def owner_of(where, module):
    """The object and the name in it of a function, given as in FAULTS."""
    *path, name = where.split(".")
    owners = {"script": module, "os": os, "time": time, "runs": runs, "utils": utils}
    return functools.reduce(getattr, path[1:], owners[path[0]]), name


def main():
    faults, script = sys.argv[1:3]
    sys.argv = sys.argv[2:]
    runs.CHECKPOINT_SECONDS, runs.CHECKPOINT_SHARE = 0, math.inf
    utils.plot_curves = utils.plot_weights = lambda *arguments, **options: None
    utils.save_figure = lambda figure, path: path.touch()
    module = utils.load_script(script)
    for fault in filter(None, faults.split(",")):
        what, where, call = fault.split(":")
        plant(what, *owner_of(where, module), int(call))
    utils.run_script(module.main)


if __name__ == "__main__":
    main()
