"""Running the jobs of an edition, several at a time.

Each run has as many threads as it is told, one unless the user says otherwise: two runs with one
thread each get further in an hour than one after the other with two, and the numbers of an edition do
not depend on how many cores the machine has. The longest start first, so that none runs alone at the
end.
"""

import contextlib
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
            notice("stopped; what was trained is kept, and the same command continues")
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
        self.bar = tqdm(
            total=sum(job.epochs for job in left),
            bar_format="{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} epochs, {remaining} left",
            smoothing=0,  # the mean pace: epochs of different models take turns
            disable=None,
            leave=False,
        )

    def run(self, job):
        """Run one job to its end; where that leaves no result, note its failure."""
        with contextlib.suppress(InputError):
            job.result()  # another reproduce.py has run it in the meantime
            self.advance(job, job.epochs)
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
        self.advance(job, job.epochs)
        outcome = "failed" if job.failure else "finished"
        self.bar.write(
            f"{job.title}: {outcome} after {in_words(time.monotonic() - started)}"
            f"{job.failure and f': {job.failure}'}",
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

    def advance(self, job, epochs):
        """Note that so many epochs of a run are done, or will not be."""
        with self.turn:
            self.bar.update(epochs - self.done[job.title])
            self.done[job.title] = epochs
