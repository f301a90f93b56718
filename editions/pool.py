"""Running the jobs of an edition, several at a time, and telling how long it will take.

Each run has as many threads as it is told, one unless the user says otherwise: two runs with one
thread each get further in an hour than one after the other with two, and the numbers of an edition do
not depend on how many cores the machine has. The longest start first, so that none runs alone at the
end.
"""

import contextlib
import heapq
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path

import utils
from lab.files import replacing
from lab.process import Stopped
from lab.quantities import in_words
from utils import InputError, notice

# Tells a run how many others may run beside it, for its record: seconds compare only if that is alike.
RUNS_AT_A_TIME = "HOMEWORK_RUNS_AT_A_TIME"


def cores():
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def threads_each(asked):
    """The threads of each run: those asked for, else what OMP_NUM_THREADS says, else one."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    return asked or (int(said) if said.isdigit() and int(said) else 1)


def available_memory():
    """Bytes of memory that are free for new processes; infinity where the system does not say."""
    free = [float("inf")]
    with contextlib.suppress(OSError, ValueError, IndexError):
        words = Path("/proc/meminfo").read_text().split()
        free.append(int(words[words.index("MemAvailable:") + 1]) * 1024)
    with contextlib.suppress(OSError, ValueError):  # a container's own limit
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text())
        free.append(limit - int((group / "memory.current").read_text()))
    return min(free)


def run_all(left, jobs, threads):
    """Run jobs, so many at a time; a failure is noted in the job, and the rest go on.

    A signal that asks for a stop, see `lab.process.stoppable`, stops those under way, which keep what
    they trained, and ends the program. A second one ends it without waiting for them.
    """
    left = sorted(left, key=lambda job: job.cost, reverse=True)
    pool = Pool(left, min(jobs, len(left)), threads)
    with ThreadPoolExecutor(pool.jobs) as executor:
        futures = []
        try:
            futures += [executor.submit(pool.run, job) for job in left]
            wait(futures, return_when=FIRST_EXCEPTION)
        except Stopped as stopped:
            pool.stop()
            executor.shutdown()
            pool.bar.close()
            notice("stopped; what was trained is kept, and the same command goes on")
            raise Stopped(stopped.signum, told=True) from None
        finally:
            pool.stop()
            pool.bar.close()
    for future in futures:
        future.result()


class Pool:
    """Runs jobs and tells how far they are, on standard error; see `run_all`."""

    def __init__(self, left, jobs, threads):
        from tqdm import tqdm

        self.left, self.jobs, self.threads = left, jobs, threads
        self.turn = threading.Condition()  # guards everything below
        self.memory = available_memory()
        self.under_way = {}  # {title of a job: its process}
        self.stopping = False
        self.done = dict.fromkeys((job.title for job in left), 0)  # epochs
        self.first = {}  # {title: (epochs done when its first epoch began, when that was)}
        self.pace = {}  # {title: seconds per epoch, measured}
        self.bar = tqdm(
            total=sum(job.epochs for job in left),
            bar_format="{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} epochs{postfix}",
            disable=None,
            leave=False,
        )

    def run(self, job):
        """Run one job to its end; where that leaves no result, note its failure."""
        with contextlib.suppress(InputError):
            job.result()  # another reproduce.py has run it in the meantime
            self.advance(job, job.epochs, trained=False)
            self.bar.write(
                f"{job.title}: already finished by another process; kept", file=sys.stderr
            )
            return
        started = time.monotonic()
        with tempfile.TemporaryFile() as errors:
            process = self.start(job, errors)
            if process is None:
                return
            printed = []
            with process.stdout as lines:
                for line in lines:
                    if job.output:
                        printed.append(line)
                    elif line.startswith("Training epoch "):
                        self.advance(job, int(line.split()[2]) - 1)
            process.wait()
            with self.turn:
                del self.under_way[job.title]
                self.turn.notify_all()
                if self.stopping:
                    return
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().splitlines()
        if job.output and printed:
            with replacing(job.output) as stream:
                stream.write("".join(printed).encode())
        try:
            if process.returncode and not (job.output and printed and not said):
                # A proof that found a claim wrong has that status too, and a result.
                raise InputError(said[-1] if said else f"exit status {process.returncode}")
            job.result()
        except InputError as error:
            left_none = "" if process.returncode else "left no record that can be used: "
            job.failure = f"{left_none}{error}"
        self.advance(job, job.epochs, trained=not job.failure)
        outcome = "failed" if job.failure else "finished"
        self.bar.write(
            f"{job.title}: {outcome} after {in_words(time.monotonic() - started)}"
            f"{self.time_left()}{job.failure and f': {job.failure}'}",
            file=sys.stderr,
        )

    def start(self, job, errors):
        """The process of a job, once there is memory for it; None when all are to stop.

        One runs in any case. What it takes is estimated: those that have just started have not yet
        taken theirs.
        """
        with self.turn:
            self.turn.wait_for(lambda: self.stopping or self.fits(job))
            if self.stopping:
                return None
            if job.output:
                job.folder.mkdir(parents=True, exist_ok=True)
            environment = {
                "OMP_NUM_THREADS": str(self.threads),
                RUNS_AT_A_TIME: str(self.jobs),
            }
            process = subprocess.Popen(
                [sys.executable, *job.argv],
                cwd=utils.ROOT,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,  # a file, so no terminal: its progress bars do not mix with ours
                text=True,
                start_new_session=True,  # Ctrl-C comes to us alone; see `stop`
            )
            self.under_way[job.title] = process
            return process

    def fits(self, job):
        """Is there memory for it beside those under way?"""
        taken = sum(other.memory for other in self.left if other.title in self.under_way)
        return not self.under_way or taken + job.memory <= self.memory

    def stop(self):
        """Start nothing more, and have the runs under way stop."""
        with self.turn:
            self.stopping = True
            self.turn.notify_all()
            for process in self.under_way.values():
                process.terminate()  # SIGINT would be ignored by those of a shell's `&`

    def advance(self, job, epochs, trained=True):
        """Note that so many epochs of a run are done, or will not be: then they were not `trained`."""
        now = time.monotonic()
        with self.turn:
            before, began = self.first.setdefault(job.title, (epochs, now))
            if trained and epochs > before:
                self.pace[job.title] = (now - began) / (epochs - before)
            self.bar.update(epochs - self.done[job.title])
            self.done[job.title] = epochs
        self.bar.set_postfix_str(self.time_left().removeprefix("; "))

    def time_left(self):
        """'; about 3 min 20 s left', or '' before an epoch was measured, and in the last second."""
        with self.turn:
            seconds = self.seconds_left()
        return f"; about {in_words(seconds)} left" if seconds >= 1 else ""

    def seconds_left(self):
        """The seconds until the last run ends: those under way to their ends, the others in turn.

        A run's epochs take what they took so far; before it starts, what its kind was measured to
        take, as a multiple of what was expected of it. 0 where nothing was measured.
        """
        if not self.pace:
            return 0.0
        ratios = [
            (kind_of(job), self.pace[job.title] / job.pace)
            for job in self.left
            if job.title in self.pace
        ]

        def remaining(job):
            if job.title in self.pace:
                return (job.epochs - self.done[job.title]) * self.pace[job.title]
            alike = [ratio for kind, ratio in ratios if kind == kind_of(job)]
            alike = alike or [ratio for _, ratio in ratios]
            return job.startup + job.epochs * job.pace * sum(alike) / len(alike)

        unfinished = [job for job in self.left if self.done[job.title] < job.epochs]
        ends = [remaining(job) for job in unfinished if job.title in self.under_way]
        ends += [0.0] * (self.jobs - len(ends))
        heapq.heapify(ends)
        for job in unfinished:
            if job.title not in self.under_way:
                heapq.heappush(ends, heapq.heappop(ends) + remaining(job))
        return max(ends)


def kind_of(job):
    """What runs have in common whose expected times are wrong by the same factor."""
    return job.command[:2]
