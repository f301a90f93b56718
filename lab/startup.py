"""What has to happen before the slow imports: quiet ends, and threads of torch that wait politely.

    from lab import startup  # first, before NumPy and torch

Imports nothing that Python has not loaded by then: the module signal would import enum, and a Ctrl-C
in the middle of that would be a traceback.
"""

import _signal as signal
import os
import sys

# How long a thread of torch's spins while it waits for the others, before it sleeps. By default the
# OpenMP runtimes spin for milliseconds to 200 of them; beside another busy program a thread then
# burns the time that the one it waits for needs. Obeyed only if set before torch is loaded.
WAITING = {
    "GOMP_SPINCOUNT": "1000",  # libgomp, turns of its loop
    "KMP_BLOCKTIME": "0",  # libomp and Intel's, milliseconds
}
if "OMP_WAIT_POLICY" not in os.environ:  # else the user has said how they wait
    for name, value in WAITING.items():
        os.environ.setdefault(name, value)


def begin():
    """Until a script's main() runs: one line, no traceback, for Ctrl-C and for a missing package."""

    def end(signum, frame):
        os.write(2, b"stopped; there was nothing to keep\n")
        os._exit(128 + signum)

    def missing(kind, error, traceback, shown=sys.excepthook):
        if not issubclass(kind, ModuleNotFoundError):
            return shown(kind, error, traceback)
        script = os.path.basename(sys.argv[0])
        sys.stderr.write(
            f"{script}: the package {error.name} is missing; activate the environment, or 'pip "
            "install -r requirements.txt'\n"
        )
        sys.stderr.flush()
        os._exit(2)

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, end)
    sys.excepthook = missing
