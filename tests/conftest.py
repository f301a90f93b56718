"""What several tests need: the scripts as modules, small data files, and ways to run a script.

A run is made in this process (`run_main`) wherever that shows what is asked; in a forked child of it
(`forked`, `launched`) where signals, exit statuses or a kill are the subject; and in a new interpreter
(`run_script`, `started`) only where the start of one is.
"""

import os

# Before torch is loaded: the workers share the cores, one thread each.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ.pop("PYTHONUNBUFFERED", None)  # which few users set, and which hides what a buffer does

import contextlib
import importlib
import json
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import NamedTuple

import hypothesis
import matplotlib.backends.backend_pdf  # once here, and not in every child
import matplotlib.figure  # noqa: F401
import numpy as np
import pytest

import utils
from lab import figures, process

ROOT = Path(__file__).resolve().parent.parent
STOPS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
LIMIT, LONG_LIMIT = 120, 900  # seconds that a test may take; one that waits for ever fails
FSYNC = os.fsync

# The same examples on every run: a test that fails, fails again.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=30)
# pytest --hypothesis-profile=thorough
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("repeatable")

# Under nohup, or with & from a script, these are ignored, and every child would ignore them too. A
# handler of our own, unlike that, ends with the child's start: there the signals do what they do.
for _number in STOPS:
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda number, frame: None)


@pytest.fixture(autouse=True)
def limited(request):
    """Fail a test that takes far too long, whatever it waits for."""

    def too_long(number, frame):
        raise TimeoutError(f"the test took longer than {limit} seconds")

    limit = LONG_LIMIT if request.node.get_closest_marker("long") else LIMIT
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(limit)
    yield
    signal.alarm(0)


@pytest.fixture(autouse=True, scope="session")
def quick_disks():
    """Nobody cuts the power between two tests: fsync, which waits for the disk, does nothing."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    return no_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    return no_skip((yield))


def no_skip(report):
    """The report; where HOMEWORK_NO_SKIPS is set, a skipped test is a failure."""
    if report.skipped and os.environ.get("HOMEWORK_NO_SKIPS"):
        report.outcome, report.longrepr = "failed", f"skipped: {report.longrepr}"
    return report


# --------------------------------------------------------------------------------------------
# Data and folders


def tiny_arrays(seed=0, sizes=(60, 24, 24), shape=(6, 5, 3), n_classes=3):
    """A small data set in the course's format, its classes told apart by brightness and noise."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for split, n in zip(("train", "val", "test"), sizes, strict=True):
        labels = np.arange(n) % n_classes
        noise = rng.integers(0, 120, (n, *shape))
        arrays[f"{split}_images"] = (noise + 40 * labels.reshape(n, *[1] * len(shape))).astype(
            np.uint8
        )
        arrays[f"{split}_labels"] = labels
    return arrays


@pytest.fixture
def tiny_npz(tmp_path):
    """The path of a small data set, the test's own."""
    path = tmp_path / "tiny.npz"
    np.savez(path, **tiny_arrays())
    return path


def record_of(folder):
    """The record of the only run in a plots folder."""
    (path,) = Path(folder).glob("runs/*/record.json")
    return json.loads(path.read_text())


def numbers(folder):
    """The record of the only run in a folder, as text without the time that it took.

    Nor the digest, which is of where the data lay, too.
    """
    record = record_of(folder)
    del record["digest"]
    assert set(record.pop("seconds")) == {"training", "evaluation", "plotting"}
    return json.dumps(record)


def remove_record(folder):
    """So that the next run's is the only one: its name may hold another number of epochs."""
    for path in Path(folder).glob("runs/*/record.json"):
        path.unlink()


def snapshot(folder):
    """Every path below a folder, with the content of the files, to see whether one was touched."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in Path(folder).rglob("*")
    }


def left_behind(folder):
    """The names of temporary files in a plots folder."""
    return [path.name for path in Path(folder).rglob(".*")]


def checkpoints_in(folder):
    """The paths of all checkpoints in a plots folder."""
    return sorted(Path(folder).glob("runs/*/checkpoint*.npz"))


def without_places(err):
    """Standard error without the last line of a finished run, which says where its files are."""
    starts = ("figures: ", "table and figures")
    return "".join(line for line in err.splitlines(True) if not line.startswith(starts))


# --------------------------------------------------------------------------------------------
# Runs in this process


@pytest.fixture(scope="session")
def q1():
    return importlib.import_module("hw1-q1")


@pytest.fixture(scope="session")
def q2():
    return importlib.import_module("hw1-q2")


class Outcome(NamedTuple):
    """What a run of a script left on its streams."""

    status: int
    out: str
    err: str

    @property
    def err_lines(self):
        return self.err.splitlines()

    @property
    def said(self):
        """The lines of standard error that are not empty."""
        return [line for line in self.err_lines if line.strip()]

    @property
    def printed(self):
        """The lines of standard output but for the one that says how long it took."""
        return [line for line in self.out.splitlines() if not line.startswith("Training took")]


@pytest.fixture
def run_main(monkeypatch, capsys):
    """Run a loaded script's main() in this process: run_main(q1, "mlp", "-epochs", 2)."""

    def run(module, *arguments):
        monkeypatch.setattr(sys, "argv", [Path(module.__file__).name, *map(str, arguments)])
        capsys.readouterr()
        before = [(number, signal.getsignal(number)) for number in STOPS]
        try:
            process.run_script(module.main)
            status = 0
        except SystemExit as stop:
            status = stop.code or 0
        finally:
            for number, handler in before:  # after a stop they are left at the system's
                signal.signal(number, handler)
        out, err = capsys.readouterr()
        return Outcome(status, out, without_places(err))

    return run


def leave_figures_blank(patched):
    """Have figures written as empty files, with a pytest.MonkeyPatch."""
    patched.setattr(utils, "plot_curves", lambda *arguments, **options: None)
    for module in ("lab.run", "lab.sweep"):
        importlib.import_module(module)
        patched.setattr(f"{module}.save_figure", lambda figure, path: path.touch())
    importlib.import_module("lab.compare")
    patched.setattr("lab.compare.curves_figure", lambda *arguments, **options: figure_of_nothing())
    leave_pictures_blank(patched)


def figure_of_nothing():
    """A figure with axes, to which somebody may add."""
    figure = utils.new_figure((1, 1))
    figure.add_subplot()
    return figure


def leave_pictures_blank(patched):
    """Have what is drawn of a run's end, which takes longest, be empty figures."""
    for name in ("weight_images", "weight_histogram", "confusion", "mistakes"):
        patched.setattr(figures, name, lambda *arguments, **options: utils.new_figure((1, 1)))


@pytest.fixture
def blank_figures(request, monkeypatch):
    """For the many runs whose figures are not looked at.

    In a test that is marked `draws` the curves are drawn, and where it says "pictures" these too.
    """
    mark = request.node.get_closest_marker("draws")
    if mark is None:
        leave_figures_blank(monkeypatch)
    elif "pictures" not in mark.args:
        leave_pictures_blank(monkeypatch)


# --------------------------------------------------------------------------------------------
# Runs in a forked child


class Child:
    """A function in a forked child of this process, with what is asked of a `subprocess.Popen`.

    Its signals do what they do in a new process; its exit status is that of `SystemExit`, or 1 after
    any other error, whose traceback is shown. `stdout` and `stderr` are files, descriptors, or None:
    then `stdout` is a pipe to read from, and `stderr` is what `communicate` returns.
    """

    def __init__(self, function, stdout=None, stderr=None):
        self.returncode = None
        self._err = tempfile.TemporaryFile("w+")  # noqa: SIM115, and no pipe: it is never full
        receiver, sender = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(receiver)
            _become(function, stdout or sender, stderr or self._err)
        os.close(sender)
        self.stdout = os.fdopen(receiver)

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def poll(self):
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self):
        while self.poll() is None:
            time.sleep(0.002)
        return self.returncode

    def communicate(self):
        """(what is still to be read of standard output, all of standard error), at the end."""
        out = "" if self.stdout.closed else self.stdout.read()
        self.wait()
        self._err.seek(0)
        return out, without_places(self._err.read())

    def close(self):
        self.kill()
        self.wait()
        self.stdout.close()
        self._err.close()


def _become(function, stdout, stderr):
    """Be the process that runs `function`; never returns."""
    status = 1
    try:
        for number in [*STOPS, signal.SIGALRM]:
            default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, default)
        for stream, number in ((stdout, 1), (stderr, 2)):
            os.dup2(stream if isinstance(stream, int) else stream.fileno(), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdout, sys.stderr = open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
        function()
        status = 0
    except SystemExit as end:
        status = end.code or 0
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        try:
            sys.stdout.flush()
        except (OSError, ValueError):
            status = 120  # as Python does
        os._exit(status)


@contextlib.contextmanager
def forked(function, **streams):
    """The `Child` that runs a function; killed at the end if it still runs."""
    child = Child(function, **streams)
    try:
        yield child
    finally:
        child.close()


@contextlib.contextmanager
def launched(module, *arguments, prepare=None, **streams):
    """The `Child` that runs a loaded script, after `prepare()` there."""

    def run():
        sys.argv = [Path(module.__file__).name, *map(str, arguments)]
        if prepare:
            prepare()
        process.run_script(module.main)

    with forked(run, **streams) as child:
        yield child


def run_forked(module, *arguments, **options):
    """The `Outcome` of a loaded script in a child, run to its end; see `launched`."""
    with launched(module, *arguments, **options) as child:
        out, err = child.communicate()
        return Outcome(child.returncode, out, err)


def read_until(child, line):
    """Read a child's standard output up to and with a line."""
    assert f"{line}\n" in iter(child.stdout.readline, "")


def at_most(n_bytes):
    """In a child: have the operating system take no more than so many bytes a file."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))


# --------------------------------------------------------------------------------------------
# Runs in a new interpreter


def run_script(name, *arguments, cwd=ROOT, timeout=LIMIT, **options):
    """Run a script as a user does; returns the finished process with its output as text."""
    return subprocess.run(
        [sys.executable, ROOT / name, *map(str, arguments)],
        check=False,
        cwd=cwd,
        timeout=timeout,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        **options,
    )


@contextlib.contextmanager
def started(name, *arguments, **options):
    """A script's process, its output as text in pipes; killed at the end if it still runs."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    process = subprocess.Popen(
        [sys.executable, ROOT / name, *map(str, arguments)], text=True, **{**pipes, **options}
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()
