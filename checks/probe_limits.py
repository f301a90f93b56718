"""Time limits inside the child, and what is said of an error (part of probe.py)."""

import contextlib
import os
import signal
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))


class TooLong(BaseException):
    """A call took longer than its check allows. Not an Exception: a bare except is common."""


@contextlib.contextmanager
def time_limit(seconds):
    """TooLong inside the block after so many seconds; limits may be nested, the inner the shorter."""
    if not hasattr(signal, "setitimer"):  # Windows: the parent's clock alone
        yield
        return

    def ring(*_):
        raise TooLong(f"took longer than {seconds:g} seconds")

    outer = signal.signal(signal.SIGALRM, ring)
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    started = time.monotonic()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, outer)
        if left:
            rest = left - (time.monotonic() - started)
            signal.setitimer(signal.ITIMER_REAL, max(rest, 0.01))


def described_error(error):
    """{"type", "message", "line"} of what was raised; line is the submission's own, or None."""
    line = where = None
    with contextlib.suppress(Exception):
        frames = traceback.extract_tb(error.__traceback__)
        own = [f for f in frames if not f.filename.startswith((HERE, sys.prefix, "<"))]
        if own:
            line, where = own[-1].lineno, own[-1].name
    message = ""
    with contextlib.suppress(BaseException):
        message = str(error)[:300]
    return {"type": type(error).__name__, "message": message, "line": line, "function": where}
