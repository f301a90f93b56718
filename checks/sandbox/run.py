"""Runs the checks of a request on a submission in a caged child process, in a stated time.

`run` copies the submission to a scratch folder and starts checks/child/main.py there, in the cage
of checks/sandbox/cage.py, with a clean environment. The request, JSON, is the child's standard
input; its replies, see checks/sandbox/reply.py, come on its standard output, which the
submission does not have. What it prints and its exit status decide nothing; what it had
finished before it was killed counts.
"""

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from checks.sandbox import cage, reply
from checks.submissions import files

IMPORTS = 60  # seconds for Python to start and for a submission's imports
FULL_CHECKS = 20  # a submission has IMPORTS, and the time of so many checks
MAX_REPLIES = 8 * 2**20  # bytes
TOO_MUCH = f"more than {MAX_REPLIES // 2**20} MB"
MAX_SCRATCH = 256 * 2**20  # bytes
TICK = 0.1  # seconds between two looks at the child
GONE = 5  # seconds at most to wait for what was killed


@dataclass
class Outcome:
    """What became of a child.

    results   {key: value} of the checks that were done, each of the type in checks/sandbox/reply.py
    ended     "finished", or else "timeout", "crashed" (the process left before its checks were
              done), "nonsense" (what it sent is no reply), "flood" (too many replies), "memory",
              "processes", "disk" (too much of them) or "stopped" (by the user)
    detail    one line that says so
    overtime  whether anything in it was stopped for taking too long, the whole child or one call
    """

    results: dict = field(default_factory=dict)
    ended: str = "finished"
    detail: str = ""
    overtime: bool = False


class Clock:
    """The time of one submission, on which all of its children draw.

    A check has `timeout` seconds, the first one, which imports the submission, IMPORTS; all
    together have `total`. Nothing that a child sends prolongs any of them.
    """

    def __init__(self, timeout):
        self.timeout, self.total = timeout, IMPORTS + FULL_CHECKS * timeout
        self.end = time.monotonic() + self.total

    def left(self):
        return self.end - time.monotonic()

    def allowed(self, check):
        """The seconds that a check may take."""
        return IMPORTS if check.get("kind") == "load" else self.timeout

    def start(self, check):
        """The moment by which a check that starts now must be done."""
        return min(self.end, time.monotonic() + self.allowed(check))

    def overtime(self, check):
        """The sentence on a check that was not done by then."""
        if self.left() <= 0:
            return f"was stopped: the {self.total:g} seconds of the whole submission were over"
        return f"was stopped after {self.allowed(check):g} seconds"


class _Ended(Exception):
    """The child is to be ended: why, as `Outcome.ended`, and in a sentence."""


def run(folder, script, request, clock, stop=None):
    """Run the checks of `request` on `script`, a path in `folder`, as long as a `Clock` allows.

    request  {"checks": [{"key", "kind", ...}, ...], ...}, as JSON; its "script" becomes the
             script's name in the child's working directory
    stop     a threading.Event that ends the child when it is set
    """
    script, outcome = Path(script), Outcome()
    waiting = list(request["checks"])
    with _scratch_folder() as scratch:
        work = scratch / "work"
        files.copy(folder, work, always=[script])
        place = work / script.parent
        place.mkdir(parents=True, exist_ok=True)
        if not (place / "utils.py").exists():  # the course's, of which a script alone is no part
            shutil.copyfile(cage.UTILS, place / "utils.py")
        child = _Child(scratch, place, {**request, "script": script.name}, clock)
        try:
            child.follow(waiting, outcome, stop)
        except _Ended as end:
            outcome.ended, outcome.detail = end.args
        finally:
            child.end()
    if outcome.ended == "finished" and waiting:
        outcome.ended, outcome.detail = "crashed", _how_it_ended(child.process.returncode)
    outcome.overtime |= outcome.ended == "timeout"
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
    if os.name == "posix" and status > 256 - signal.NSIG:  # as keeper.py passes on a signal
        with contextlib.suppress(ValueError):
            return f"its process was ended by {signal.Signals(256 - status).name}"
    return f"its process exited during a check, with exit status {status}"


class _Child:
    """The process, its replies, and what it may take."""

    def __init__(self, scratch, place, request, clock):
        self.scratch, self.clock = scratch, clock
        self.received, self.frames, self.pieces = 0, b"", queue.SimpleQueue()
        with tempfile.TemporaryFile() as stdin:
            stdin.write(json.dumps(request).encode())
            stdin.seek(0)
            self.process = subprocess.Popen(
                cage.command(scratch, max(1, clock.left())),
                cwd=place,
                env=cage.environment(scratch),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                start_new_session=True,
            )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        """In a thread of its own: pass on what comes, None at the end."""
        with self.process.stdout as pipe:
            while self.received <= MAX_REPLIES and (piece := pipe.read(2**16)):
                self.received += len(piece)
                self.pieces.put(piece)
        self.pieces.put(None)

    def follow(self, waiting, outcome, stop):
        """Move what is done from `waiting` to the results, until all is or the child has gone.

        _Ended if it has to go.
        """
        deadline, next_look = self.clock.start(waiting[0]), 0
        while waiting:
            gone = self.process.poll() is not None  # asked before reading: nothing is missed
            try:
                piece = self.pieces.get(timeout=TICK)
            except queue.Empty:
                piece = None if gone else b""
            if self.received > MAX_REPLIES:
                raise _Ended("flood", f"sent {TOO_MUCH}")
            if piece is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(1)  # for its exit status
                return
            for frame in self.whole_frames(piece):
                self.take(frame, waiting, outcome)
                if not waiting:
                    return
                deadline = self.clock.start(waiting[0])
            now = time.monotonic()
            if now > deadline:
                raise _Ended("timeout", self.clock.overtime(waiting[0]))
            if stop is not None and stop.is_set():
                raise _Ended("stopped", "stopped")
            if now > next_look:
                next_look = now + 2 * TICK
                self.look_after()

    def whole_frames(self, piece):
        self.frames += piece
        while len(self.frames) >= 4:
            length = 4 + int.from_bytes(self.frames[:4], "big")
            if length > MAX_REPLIES:
                raise _Ended("flood", f"sent what is not a reply, or {TOO_MUCH}")
            if len(self.frames) < length:
                return
            frame, self.frames = self.frames[4:length], self.frames[length:]
            yield frame

    def take(self, frame, waiting, outcome):
        try:
            value, overtime = reply.read(frame, waiting[0])
        except ValueError as error:
            raise _Ended("nonsense", " ".join(str(error).split())) from None
        outcome.results[waiting.pop(0)["key"]] = value
        outcome.overtime |= overtime

    def look_after(self):
        """_Ended if the child and what it started take too much."""
        processes, memory = _family(self.process.pid)
        if len(processes) > cage.MAX_PROCESSES:
            raise _Ended("processes", f"started more than {cage.MAX_PROCESSES} processes")
        if memory > cage.MAX_MEMORY:
            raise _Ended("memory", f"took more than {cage.MAX_MEMORY // 2**30} GB of memory")
        if _size(self.scratch) > MAX_SCRATCH:
            raise _Ended("disk", f"wrote more than {MAX_SCRATCH // 2**20} MB of files")

    def end(self):
        """Kill the child and everything it started, and wait until it is gone."""
        started, _ = _family(self.process.pid)
        if cage.NETWORK in cage.protections():  # the kernel ends all at once, with its namespaces
            self.process.kill()
        for _ in range(100):  # those of a fork bomb may have become more meanwhile
            family, _ = _family(self.process.pid)
            started += family
            for pid in [*family, self.process.pid]:
                with contextlib.suppress(OSError):
                    os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
            if len(family) < 2:
                break
        deadline = time.monotonic() + GONE
        while any(map(_is_alive, started)) and time.monotonic() < deadline:
            time.sleep(TICK / 10)
        with contextlib.suppress(OSError, AttributeError):  # where there is no /proc; Windows
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.reader.join(TICK)  # ends with the last process that holds the pipe


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
