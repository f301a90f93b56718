"""Time limits inside the child, and what is said of an error."""

import contextlib
import os
import signal
import time
import traceback

OWN = os.path.join(os.getcwd(), "")  # the folder of the submission's script

_rung = 0  # how many limits were exceeded


class TooLong(BaseException):
    """A call took longer than its check allows. Not an Exception: a bare except is common."""

    def __init__(self, *arguments):
        global _rung
        super().__init__(*arguments)
        _rung += 1


def overtime():
    """How often a call has taken too long so far."""
    return _rung


@contextlib.contextmanager
def time_limit(seconds):
    """TooLong inside the block after so many seconds; of limits inside each other the sooner rings."""
    if not hasattr(signal, "setitimer"):  # Windows: the parent's clock alone
        yield
        return
    left, _ = signal.getitimer(signal.ITIMER_REAL)
    if 0 < left <= seconds:  # the outer one's
        yield
        return

    def ring(*_):
        raise TooLong(f"took longer than {seconds:g} seconds")

    outer = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
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
    """{"type", "message", "line", "function"} of what was raised.

    line is the submission's own, or None; of a SyntaxError it is the one that cannot be parsed.
    """
    line = where = None
    message = ""
    with contextlib.suppress(Exception):
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if frame.filename.startswith(OWN)]
        if own:
            line, where = own[-1].lineno, own[-1].name
    with contextlib.suppress(BaseException):
        if isinstance(error, SyntaxError):
            message, line = str(error.msg)[:300], error.lineno
        else:
            message = str(error)[:300]
    return {"type": type(error).__name__, "message": message, "line": line, "function": where}
