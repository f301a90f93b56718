"""Runs checks/probe.py on a submission in a child process that can do little harm, and in time.

`run` copies the submission to a scratch folder and starts

    python -I warden.py ... python -I probe.py CHANNEL

there, with a clean environment. The request, JSON, is the child's standard input. CHANNEL is a file
descriptor (on Windows the path of a file) for its results, a line of JSON each as soon as it
is known; standard output leads nowhere, of standard error the end is kept. What the child prints and
its exit status decide nothing; what it had finished before it was killed counts.

This is no wall against a program that means harm: see docs/check.md.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import site
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from checks.submissions import files

HERE = Path(__file__).resolve().parent
PROBE = HERE / "probe.py"
WARDEN = HERE / "warden.py"
POSIX = os.name == "posix"

START = 60  # seconds for Python to start and import torch
MAX_RESULTS = 8 * 2**20  # bytes
MAX_MEMORY = 3 * 2**30  # bytes, of one process and of all together
MAX_FILE = 64 * 2**20  # bytes
MAX_SCRATCH = 256 * 2**20  # bytes
MAX_PROCESSES = 64
STDERR_KEPT = 4000  # characters
TICK = 0.1  # seconds between two looks at the child
GONE = 5  # seconds at most that what was killed is waited for

# Runs the probe with packages that -I leaves out: python -I -c ... PLACES PROBE CHANNEL.
WITH_MORE_PACKAGES = """
import os, runpy, sys
sys.path += sys.argv[1].split(os.pathsep)
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""

PROTECTIONS = [  # what warden.py reports where the system has it
    "no network",
    "processes shut in",
    "files read-only outside its folder",
    "limits on processor time, memory and files",
]


@dataclass
class Outcome:
    """What became of a child.

    results      {key: value} of the checks that were done, the values as the child gave them
    ended        "finished", or else "timeout" (a check took too long), "crashed" (the process went
                 before its checks were done), "flood" (too many results), "memory", "processes",
                 "disk" (too much of them) or "stopped" (by the user)
    detail       one line that says so
    at           the key of the check under way when it ended, or None
    stderr_tail  the end of what the child wrote to standard error
    isolation    those of PROTECTIONS that were there
    """

    results: dict = field(default_factory=dict)
    ended: str = "finished"
    detail: str = ""
    at: str | None = None
    stderr_tail: str = ""
    isolation: list = field(default_factory=list)


class _Ended(Exception):
    """The child is to be ended: why, as `Outcome.ended`, and in a sentence."""


def run(folder, script, request, timeout, stop=None):
    """Run the checks of `request` on `script`, a path in `folder`, each in `timeout` seconds.

    request  {"checks": [{"key": ...}, ...], ...}, as JSON; its "script" becomes the script's name
             in the child's working directory
    stop     a threading.Event that ends the child when it is set
    """
    script = Path(script)
    keys = [check["key"] for check in request.get("checks", ())]
    outcome = Outcome()
    with _scratch_folder() as scratch:
        work = scratch / "work"
        files.copy(folder, work, always=[script])
        place = work / script.parent
        place.mkdir(parents=True, exist_ok=True)
        if not (place / "utils.py").exists():  # the course's, of which a script alone is no part
            shutil.copyfile(HERE.parent / "utils.py", place / "utils.py")
        child = _Child(scratch, place, {**request, "script": script.name}, timeout)
        try:
            child.follow(keys, outcome, stop)
        except _Ended as end:
            outcome.ended, outcome.detail = end.args
        finally:
            child.end(shut_in="processes shut in" in outcome.isolation)
            child.read_stderr()
        outcome.stderr_tail = child.stderr.decode("utf-8", "replace")[-STDERR_KEPT:]
    if outcome.ended == "finished" and any(key not in outcome.results for key in keys):
        outcome.ended, outcome.detail = "crashed", _how_it_ended(child.process.returncode)
    return outcome


@contextlib.contextmanager
def _scratch_folder():
    folder = Path(tempfile.mkdtemp(prefix=f"check-{os.getpid()}-")).resolve()
    try:
        yield folder
    finally:
        try:
            shutil.rmtree(folder, onerror=_unlock_and_retry)
        except RecursionError:  # thousands of folders in each other
            subprocess.run(["rm", "-rf", "--", folder], check=False, stderr=subprocess.DEVNULL)


def _unlock_and_retry(function, path, _):
    with contextlib.suppress(OSError):
        os.chmod(os.path.dirname(path), 0o700)
        os.chmod(path, 0o700)
        function(path)


def _how_it_ended(status):
    status = status if status is not None and status >= 0 else -(status or 0) % 256
    if POSIX and status > 256 - signal.NSIG:  # as warden.py passes on a signal
        with contextlib.suppress(ValueError):
            return f"its process was ended by {signal.Signals(256 - status).name}"
    return f"its process left in the middle of a check, with exit status {status}"


class _Child:
    """The process, its channels, and the clock."""

    def __init__(self, scratch, place, request, timeout):
        self.scratch, self.timeout = scratch, timeout
        self.line, self.received, self.stderr = b"", 0, b""
        self.deadline = time.monotonic() + START
        python = [sys.executable, "-I", "-B"]
        more_packages = _more_packages()
        probe = ["-c", WITH_MORE_PACKAGES, more_packages, PROBE] if more_packages else [PROBE]
        if POSIX:
            self.results, channel = os.pipe()
            self.errors, stderr = os.pipe()
            for descriptor in (self.results, self.errors):
                os.set_blocking(descriptor, False)
            seconds = int(START + timeout * max(1, len(request.get("checks", ()))))
            limits = {
                "CPU": seconds,
                "DATA": MAX_MEMORY,
                "FSIZE": MAX_FILE,
                "NOFILE": 256,
                "NPROC": MAX_PROCESSES,
                "CORE": 0,
            }
            options = {"scratch": str(scratch), "limits": limits, "report": channel}
            warden = [*python, "-S", WARDEN, json.dumps(options)]
            command = [*warden, *python, *probe, str(channel)]
            more = {"pass_fds": [channel], "start_new_session": True, "stderr": stderr}
        else:
            path = scratch / "results"
            path.touch()
            self.file = open(path, "rb")  # noqa: SIM115
            command = [*python, *probe, str(path)]
            more = {"stderr": subprocess.DEVNULL}
        with tempfile.TemporaryFile() as stdin:
            stdin.write(json.dumps(request).encode())
            stdin.seek(0)
            self.process = subprocess.Popen(
                command,
                cwd=place,
                env=_environment(scratch),
                stdin=stdin,
                stdout=subprocess.DEVNULL,
                **more,
            )
        if POSIX:
            os.close(channel)
            os.close(stderr)

    def follow(self, keys, outcome, stop):
        """Take in results until the child has given all or has gone; _Ended if it has to go."""
        next_look = 0
        while True:
            gone = self.process.poll() is not None  # asked before reading: nothing is missed
            received = self.read_results()
            if received:
                self.take(received, outcome)
            elif received is None or gone:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(1)  # for its exit status
                return
            if outcome.at is None and keys and all(key in outcome.results for key in keys):
                return
            now = time.monotonic()
            if now > self.deadline:
                raise _Ended("timeout", _overtime(outcome.at, self.timeout))
            if stop is not None and stop.is_set():
                raise _Ended("stopped", "stopped")
            if now > next_look:
                next_look = now + 2 * TICK
                self.look_after()

    def read_results(self):
        """Bytes that came, waiting a little for them; b"" if none did, None at the end."""
        if not POSIX:
            return self.file.read(2**16) or time.sleep(TICK) or b""
        ready, _, _ = select.select([self.results, self.errors], [], [], TICK)
        if self.errors in ready and not self.read_stderr():
            time.sleep(TICK / 10)  # closed by the child
        if self.results in ready:
            return os.read(self.results, 2**16) or None
        return b""

    def read_stderr(self):
        if not POSIX:
            return False
        with contextlib.suppress(BlockingIOError, OSError):
            piece = os.read(self.errors, 2**16)
            self.stderr = (self.stderr + piece)[-4 * STDERR_KEPT :]
            return bool(piece)
        return False

    def take(self, received, outcome):
        """Read the whole lines received; each gives the check that follows its time anew."""
        self.received += len(received)
        if self.received > MAX_RESULTS:
            raise _Ended("flood", f"gave more than {MAX_RESULTS // 2**20} MB of results")
        *lines, self.line = (self.line + received).split(b"\n")
        for line in lines:
            try:
                said = json.loads(line, parse_constant=_CONSTANTS.get)
            except (ValueError, RecursionError):  # a line that the submission wrote itself
                continue
            if not isinstance(said, dict):
                continue
            self.deadline = time.monotonic() + self.timeout
            key = said.get("key")
            if "isolation" in said and not outcome.isolation:
                outcome.isolation = [name for name in PROTECTIONS if name in said["isolation"]]
                self.deadline = time.monotonic() + START
            elif isinstance(key, str) and said.get("started"):
                outcome.at = key
            elif isinstance(key, str) and "value" in said:
                outcome.results.setdefault(key, said["value"])
                outcome.at = None

    def look_after(self):
        """_Ended if the child and what it started take too much."""
        processes, memory = _family(self.process.pid)
        if len(processes) > MAX_PROCESSES:
            raise _Ended("processes", f"started more than {MAX_PROCESSES} processes")
        if memory > MAX_MEMORY:
            raise _Ended("memory", f"took more than {MAX_MEMORY // 2**30} GB of memory")
        if _size(self.scratch) > MAX_SCRATCH:
            raise _Ended("disk", f"wrote more than {MAX_SCRATCH // 2**20} MB of files")

    def end(self, shut_in):
        """Kill the child and everything it started, and close its channels."""
        started, _ = _family(self.process.pid)
        if shut_in:  # with the warden the kernel ends all at once, sooner than a bomb can spread
            self.process.kill()
        for _ in range(100):  # those of a fork bomb may have become more meanwhile
            family, _ = _family(self.process.pid)
            started += family
            for pid in [*family, self.process.pid]:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL if POSIX else signal.SIGTERM)
            if len(family) < 2:
                break
        deadline = time.monotonic() + GONE
        while any(map(_is_alive, started)) and time.monotonic() < deadline:
            time.sleep(TICK / 10)
        if POSIX:
            with contextlib.suppress(OSError):  # its process group, where there is no /proc
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.read_stderr()
        for descriptor in (self.results, self.errors) if POSIX else ():
            os.close(descriptor)
        if not POSIX:
            self.file.close()


_CONSTANTS = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}


def _more_packages():
    """Where the user's own packages are: pip's --user folder and PYTHONPATH, which -I leaves out."""
    places = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if site.ENABLE_USER_SITE:
        places.append(site.getusersitepackages())
    found = [p for p in places if p and os.path.isdir(p) and Path(p).resolve() != HERE.parent]
    return os.pathsep.join(map(os.path.abspath, found))


def _overtime(at, timeout):
    if at is None:
        return f"nothing came from it for {max(timeout, START):g} seconds"
    return f"was stopped after {timeout:g} seconds"


def _environment(scratch):
    """The child's environment: nothing of the user's but where programs are."""
    home = scratch / "home"
    fonts = home / "matplotlib"
    fonts.mkdir(parents=True)
    # Without its list of fonts every import of pyplot would search the whole system for them.
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    for path in (cache / "matplotlib").glob("fontlist-*.json"):
        with contextlib.suppress(OSError):
            shutil.copyfile(path, fonts / path.name)
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    places = dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP", "USERPROFILE"), str(home))
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    more = {"LANG": "C.UTF-8", "MPLBACKEND": "Agg", "MPLCONFIGDIR": str(fonts)}
    return {**kept, **places, **threads, **more}


def _is_alive(pid):
    with contextlib.suppress(OSError, IndexError):
        return _stat(pid)[0] != "Z"
    return False


def _stat(pid):
    """The words of a process's line in /proc, from its state on; OSError where it has gone."""
    return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()


def _family(pid):
    """The living descendants of a process, by /proc, and the memory they hold, in bytes."""
    children, memory = {}, {}
    for entry in os.scandir("/proc") if os.path.isdir("/proc/self") else ():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError, IndexError, ValueError):
            stat = _stat(entry.name)
            if stat[0] != "Z":
                children.setdefault(int(stat[1]), []).append(int(entry.name))
                memory[int(entry.name)] = int(stat[21]) * os.sysconf("SC_PAGE_SIZE")
    found, waiting = [], [pid]
    while waiting:
        born = children.get(waiting.pop(), ())
        found += born
        waiting += born
    return found, sum(memory[each] for each in found)


def _size(folder):
    """The bytes of the files in a folder and below, at least; each counts as a block or more."""
    size, waiting = 0, [folder]
    while waiting and size <= MAX_SCRATCH:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                size += max(4096, entry.stat(follow_symlinks=False).st_size)
    return size
