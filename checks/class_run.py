"""Judges many submissions: several at a time, with progress; what has not changed is recalled."""

import functools
import sys
import threading
import time
import traceback
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path

from checks import cache
from checks.parts import PARTS, Judged, checked, failed
from checks.sandbox import cage
from checks.sandbox.run import Clock, run
from checks.submissions.names import printable


def judge_all(
    submissions, judge, *, edition=None, only=None, timeout=30, jobs=1, recall=None, fresh=False
):
    """Judge submissions, `jobs` at a time; returns their `Judged`, in the same order.

    judge    judge_submission of checks/judge.py
    edition  the skeleton that all of them fill in; None: as found out from each
    only     the parts to judge; None: those of the scripts that were handed in
    recall   the folder of what was found before, or None
    fresh    judge again what is remembered
    """
    stop = threading.Event()
    progress = _progress(len(submissions))
    executor = ThreadPoolExecutor(jobs)
    task = functools.partial(_judge_one, judge, edition, only, timeout, recall, fresh, stop)
    tasks = [executor.submit(task, submission) for submission in submissions]
    for each in tasks:
        each.add_done_callback(lambda _: progress.update())
    try:
        wait(tasks, return_when=FIRST_EXCEPTION)
        return [each.result() for each in tasks]
    finally:  # also after Ctrl-C: no child is left behind
        stop.set()
        executor.shutdown(cancel_futures=True)
        progress.close()


class _NoProgress:
    def update(self):
        pass

    def close(self):
        pass


def _progress(total):
    """A progress bar with the time left, on standard error, if that is a terminal."""
    if total < 2 or not sys.stderr.isatty():
        return _NoProgress()
    from tqdm import tqdm

    return tqdm(total=total, unit=" submissions", desc="judging", leave=False, smoothing=0.1)


def _judge_one(judge, edition, only, timeout, recall, fresh, stop, submission):
    parts = parts_of(submission, only)
    edition = edition or submission.edition
    started = time.monotonic()
    remembered = recall and recall / cache.name(submission, edition, parts, timeout)
    found = remembered and not fresh and cache.read(remembered, parts)
    if not found:
        runs = _Runs(timeout, stop)
        try:
            found = checked(judge(submission, runs.run, edition, parts, timeout), parts)
        # Whatever the judge stumbles over in one program, the class goes on.
        except Exception as error:  # noqa: BLE001
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}, line {place.lineno}"
            sentence = f"{type(error).__name__}: {error} ({where})"
            return failed(submission, parts, sentence, edition)
        found["notes"] += runs.notes()
        if remembered and not stop.is_set() and not runs.overtime:
            cache.write(remembered, found)
        found["seconds"] = time.monotonic() - started
    return Judged(
        name=submission.name,
        path=printable(submission.source),
        edition=edition,
        parts=found["parts"],
        notes=[*submission.notes, *found["notes"]],
        seconds=found.get("seconds", 0.0),
    )


def parts_of(submission, only):
    """The parts to judge: those asked for; of a script that was named alone, its question's."""
    parts = [part for part in PARTS if not only or part in only]
    own = [part for part in parts if PARTS[part][1] in submission.questions]
    return own or parts


class _Runs:
    """The children of one submission: one clock for all, and whether anything ran out of time."""

    def __init__(self, timeout, stop):
        self.clock, self.stop = Clock(timeout), stop
        self.any, self.overtime = False, False

    def run(self, folder, script, request, timeout):
        outcome = run(folder, script, request, self.clock, self.stop)
        self.any = True
        self.overtime |= outcome.overtime
        return outcome

    def notes(self):
        """One note, on the protections that were there and those that were not."""
        return [sandbox_note(cage.protections())] if self.any else []


def sandbox_note(protections):
    """The sentence on which of `cage.PROTECTIONS` were there."""
    missing = [name for name in cage.PROTECTIONS if name not in protections]
    note = f"Sandbox: {'; '.join(protections) or 'a separate process only'}."
    if missing:
        note += f" Not available on this system: {'; '.join(missing)} (see docs/check.md)."
    return note
