"""Running several at a time: threads, memory, the longest first, and the time that is left."""

import os
import random
import sys
import threading

import pytest

from editions import pool


class FakeJob:
    """A job of a pace that was expected and one that it has, in seconds an epoch."""

    failure, output, startup = "", None, 0.0

    def __init__(self, title, epochs=10, expected=1.0, pace=1.0, memory=1.0, kind="mlp"):
        self.title, self.epochs, self.pace, self.true_pace = title, epochs, expected, pace
        self.memory, self.command = memory, ["hw1-q2.py", kind]
        self.argv = ["-c", ""]

    @property
    def cost(self):
        return self.epochs * self.pace

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


def simulate(jobs, count, at):
    """(estimate, truth) of the seconds left when a share `at` of the whole time has passed."""
    jobs = sorted(jobs, key=lambda job: job.cost, reverse=True)

    def ends():
        free, found = [0.0] * count, {}
        for job in jobs:
            start = min(free)
            free[free.index(start)] = found[job.title] = start + job.epochs * job.true_pace
        return found

    finished = ends()
    total = max(finished.values())
    now = at * total
    running = pool.Pool(jobs, count, 1)
    for job in jobs:
        start = finished[job.title] - job.epochs * job.true_pace
        done = min(job.epochs, int((now - start) / job.true_pace)) if now > start else 0
        running.done[job.title] = done
        if now > start and done < job.epochs:
            running.under_way[job.title] = None
        if done:
            running.pace[job.title] = job.true_pace
    running.bar.close()
    return running.seconds_left(), total - now


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_time_left_is_right_to_a_third_after_a_quarter(seed, count):
    """A machine of any speed, on which each kind is expected wrongly by its own factor."""
    rng = random.Random(seed)
    kinds = {kind: rng.uniform(0.5, 2) * rng.uniform(0.2, 5) for kind in ("mlp", "logistic", "q1")}
    speed = rng.uniform(0.1, 10)
    jobs = []
    for i in range(15):
        kind = rng.choice(list(kinds))
        expected = rng.uniform(0.1, 1.5)
        true = expected * speed * (kinds[kind] ** 0.3) * rng.uniform(0.9, 1.1)
        jobs.append(FakeJob(str(i), rng.choice([100, 200]), expected, true, kind=kind))
    estimate, truth = simulate(jobs, count, 0.25)
    assert estimate == pytest.approx(truth, rel=1 / 3)


def test_a_run_that_failed_says_nothing_about_the_pace():
    jobs = [FakeJob("a", 200), FakeJob("b", 300)]
    running = pool.Pool(jobs, 1, 1)
    running.advance(jobs[0], 0)
    running.advance(jobs[0], 200, trained=False)
    assert running.time_left() == ""
    running.pace["a"] = 0.5
    assert running.time_left() == "; about 2 min 30 s left"
    running.bar.close()
