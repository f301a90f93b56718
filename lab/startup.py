"""What has to happen before the slow imports: a quiet Ctrl-C, and threads of torch that wait politely.

    from lab import startup  # first, before NumPy and torch

Imports nothing that Python has not loaded by then: the module signal would import enum, and a Ctrl-C
in the middle of that would be a traceback.
"""

import _signal as signal
import os

# How long a thread of torch's spins while it waits for the others, before it sleeps. By default the
# OpenMP runtimes spin for milliseconds to 200 of them; beside another busy program a thread then
# burns the time that the one it waits for needs. Obeyed only if set before torch is loaded.
WAITING = {
    "GOMP_SPINCOUNT": "1000",  # libgomp, turns of its loop
    "KMP_BLOCKTIME": "0",  # libomp and Intel's, milliseconds
}


def wait_politely(environment=os.environ):
    """Keep torch's threads from spinning for long, unless the user has said how they wait."""
    if "OMP_WAIT_POLICY" not in environment:
        for name, value in WAITING.items():
            environment.setdefault(name, value)


def end_quietly_on_ctrl_c():
    """Until `process.stoppable` takes over: Ctrl-C is one line and exit status 130, no traceback."""

    def end(signum, frame):
        os.write(2, b"stopped; there was nothing to keep\n")
        os._exit(128 + signum)

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, end)


wait_politely()
