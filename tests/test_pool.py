"""Running several at a time: threads, memory, cores, the longest first."""

import os
import sys
import threading

import pytest

from editions import pool


class FakeJob:
    """A job that costs a second an epoch."""

    failure, output, memory, argv = "", None, 1.0, ["-c", ""]

    def __init__(self, title, epochs=10):
        self.title, self.epochs, self.cost = title, epochs, epochs

    def result(self):
        raise pool.InputError("not run yet")


def test_threads_are_one_unless_somebody_says_otherwise(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert (pool.threads_each(None), pool.threads_each(3)) == (1, 3)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert (pool.threads_each(None), pool.threads_each(3)) == (2, 3)
    for nonsense in ("", "0", "many", "-1"):
        monkeypatch.setenv("OMP_NUM_THREADS", nonsense)
        assert pool.threads_each(None) == 1


def test_a_run_is_told_its_threads_and_its_company(tmp_path, capfd):
    job = FakeJob("a")
    code = "import os, sys; sys.exit(' '.join(os.environ[n] for n in ('OMP_NUM_THREADS', '%s')))"
    job.argv = ["-c", code % pool.RUNS_AT_A_TIME]
    pool.run_all([job], 8, 3)
    assert job.failure == "3 1"  # no more at a time than there are


def test_the_longest_runs_first(monkeypatch):
    started = []
    monkeypatch.setattr(pool.Pool, "run", lambda self, job: started.append(job.title))
    jobs = [FakeJob("short", 1), FakeJob("long", 9), FakeJob("middle", 5)]
    pool.run_all(jobs, 1, 1)
    assert started == ["long", "middle", "short"]


@pytest.mark.parametrize(("memory", "most"), [(2.5, 2), (9, 4), (0.1, 1)])
def test_no_more_run_at_a_time_than_fit_into_memory(monkeypatch, memory, most):
    """But one in any case."""
    monkeypatch.setattr(pool, "available_memory", lambda: memory)
    under_way, highest = set(), []
    lock, real = threading.Lock(), pool.subprocess.Popen

    def popen(words, **options):
        process = real([sys.executable, "-c", "import time; time.sleep(0.3)"], **options)
        with lock:
            under_way.add(process)
            highest.append(sum(p.poll() is None for p in under_way))
        return process

    monkeypatch.setattr(pool.subprocess, "Popen", popen)
    jobs = [FakeJob(str(i)) for i in range(5)]
    pool.run_all(jobs, 4, 1)
    assert len(highest) == 5 and max(highest) <= most
    assert all(job.failure for job in jobs)  # they left no record


def test_available_memory_is_a_number_of_bytes():
    free = pool.available_memory()
    assert free == float("inf") or 2**20 < free < os.sysconf("SC_PHYS_PAGES") * 4096 * 2
