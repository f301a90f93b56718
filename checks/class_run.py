"""Judges many submissions: several at a time, with progress; what has not changed is recalled."""

import functools
import sys
import threading
import time
import traceback
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path

from checks import cache, sandbox
from checks.parts import PARTS, Judged, checked, failed
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
        seen = _Seen(stop)
        try:
            found = checked(judge(submission, seen.run, edition, parts, timeout), parts)
        # Whatever the judge stumbles over in one program, the class goes on.
        except Exception as error:  # noqa: BLE001
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}, line {place.lineno}"
            sentence = f"{type(error).__name__}: {error} ({where})"
            return failed(submission, parts, sentence, edition)
        found["notes"] += seen.notes()
        if remembered and not stop.is_set():
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


class _Seen:
    """sandbox.run, with a look at what the children were protected by."""

    def __init__(self, stop):
        self.stop = stop
        self.isolations = []

    def run(self, folder, script, request, timeout):
        outcome = sandbox.run(folder, script, request, timeout, stop=self.stop)
        self.isolations.append(outcome.isolation)
        return outcome

    def notes(self):
        """One note, on the protections that were there and those that were not."""
        if not self.isolations:
            return []
        missing = [
            name
            for name in sandbox.PROTECTIONS
            if not all(name in isolation for isolation in self.isolations)
        ]
        if not missing:
            return [f"Sandbox: {'; '.join(sandbox.PROTECTIONS)}."]
        there = [name for name in sandbox.PROTECTIONS if name not in missing]
        note = f"Sandbox: {'; '.join(there) or 'a process of its own alone'}. "
        note += f"Not available on this system: {'; '.join(missing)} (see docs/check.md)."
        return [note]
