"""A script as a process: the signals that stop it, the one line that it says, its exit status."""

import contextlib
import io
import os
import signal
import sys
from pathlib import Path

from lab.files import NO_ROOM, NotWritten
from utils import InputError, notice


class Stopped(KeyboardInterrupt):
    """The program was asked to stop: by Ctrl-C, SIGTERM or the closing of its terminal.

    told : has somebody said what was kept?
    """

    def __init__(self, signum=signal.SIGINT, told=False):
        super().__init__(signum)
        self.signum, self.told = signum, told


class Incomplete(Exception):
    """The work was done, but not all of it: the message says in a line what is missing. Status 1."""


@contextlib.contextmanager
def stoppable():
    """Have the signals that ask for a stop raise `Stopped`; a second one ends the program at once.

    A signal that is ignored, as nohup asks, stays ignored.
    """

    def stop(signum, frame):
        for number in before:
            signal.signal(number, signal.SIG_DFL)
        if signum == signal.SIGINT and sys.stderr.isatty():  # whoever sees nothing presses it again
            with contextlib.suppress(OSError):
                os.write(sys.stderr.fileno(), b"\nstopping (a second Ctrl-C leaves at once)\n")
        raise Stopped(signum)

    before = {}
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.getsignal(number)
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is stop:  # else stopping is under way: not held up again
                signal.signal(number, handler)


def flush_or_drop(stream):
    """Flush a standard stream. Where it takes no more, a closed terminal say, turn it to nowhere: at
    exit Python would try again, and leave with status 120.
    """
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def run_script(main):
    """Run a script's main() on the command line's arguments and leave with its exit status.

    0, also if main returns something; 2 and one line for bad input; 1 and one line where a file
    could not be written; 128 and the signal's number after a stop: 130 for Ctrl-C, 143 for SIGTERM,
    129 for a terminal that was closed. Any other error is the program's own, and its traceback is
    shown.
    """
    # Closed by whoever started us. print() for standard error would turn to standard output.
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Whoever reads a pipe or a file sees each line; letters that it cannot hold are escaped.
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    script = Path(sys.argv[0]).name
    try:
        with stoppable():
            main(sys.argv[1:])
    except BrokenPipeError:  # the reader of standard output, `head` say, has left
        flush_or_drop(sys.stdout)
        sys.exit(1)
    except InputError as error:
        notice(f"{script}: {' '.join(str(error).split())}")
        sys.exit(2)
    except MemoryError as error:
        notice(f"{script}: not enough memory ({error}); ask for smaller sizes")
        sys.exit(2)
    except Incomplete as error:
        notice(str(error))
        sys.exit(1)
    except OSError as error:
        if not isinstance(error, NotWritten) and error.errno not in NO_ROOM:
            raise
        notice(
            f"{script}: {error.filename or 'standard output'}: cannot be written ({error.strerror})"
        )
        if not error.filename:
            flush_or_drop(sys.stdout)
        sys.exit(1)
    except Stopped as stopped:
        if not stopped.told:
            notice("stopped; there was nothing to keep")
        flush_or_drop(sys.stdout)
        sys.exit(128 + stopped.signum)
    finally:
        flush_or_drop(sys.stderr)
