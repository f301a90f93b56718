"""Faults planted in a run: a function that fails, or before whose call a signal arrives.

Each is written WHAT:WHERE:CALL. From the CALL-th call on of the function WHERE ("os.replace",
"lab.run.Run.finish"; "script" is the script itself) a call fails with the OSError WHAT ("ENOSPC"); or,
at the CALL-th call alone, the signal WHAT ("SIGKILL") arrives just before it.
"""

import errno
import functools
import importlib
import math
import os
import signal

import pytest


def plant(patched, fault, script):
    """Plant a fault, with a pytest.MonkeyPatch; `script` is the script's module."""
    what, where, at = fault.split(":")
    owner, name = owner_of(where, script)
    function, calls = getattr(owner, name, open), 0  # no module has an open of its own

    @functools.wraps(function)
    def faulty(*arguments, **options):
        nonlocal calls
        calls += 1
        if what.startswith("SIG"):
            if calls == int(at):
                os.kill(os.getpid(), getattr(signal, what))
        elif calls >= int(at):
            number = getattr(errno, what)
            raise OSError(number, os.strerror(number))
        return function(*arguments, **options)

    patched.setattr(owner, name, faulty, raising=False)


def owner_of(where, script):
    """The object and the name in it of a function, given as in a fault."""
    path = where.split(".")
    if path[0] == "script":
        owner, path = script, path[1:]
    else:
        length = 2 if path[0] in ("lab", "fast") else 1
        owner, path = importlib.import_module(".".join(path[:length])), path[length:]
    return functools.reduce(getattr, path[:-1], owner), path[-1]


def checkpoints_after_every_epoch(patched):
    """Have every run write one, however short its epochs."""
    patched.setattr("lab.checkpoint.CHECKPOINT_SECONDS", 0)
    patched.setattr("lab.checkpoint.CHECKPOINT_SHARE", math.inf)


def faults(script, *planted):
    """What `conftest.launched` takes to prepare a child: faults, a checkpoint after every epoch."""

    def prepare():
        patched = pytest.MonkeyPatch()
        checkpoints_after_every_epoch(patched)
        for fault in planted:
            plant(patched, fault, script)

    return prepare
