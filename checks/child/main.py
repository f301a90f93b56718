"""The child's side of check.py: loads one script, feeds it numbers and writes what it returns.

    python -I main.py PLACES < request.json > replies

PLACES are the folders of the user's own packages. The request is {"script": name, "edition": ...,
"checks": [{"key", "kind", ...}, ...]}; for each check goes one frame to the standard output, as
checks/sandbox/reply.py describes it. Nothing here knows what is right: expected values stay with
the parent process. Besides the standard library only msgspec and NumPy are imported, and torch where
a check needs it.
"""

import importlib
import importlib.util
import io
import json
import math
import os
import sys
from pathlib import Path

sys.path += [place for place in sys.argv[1].split(os.pathsep) if place]

import msgspec
import numpy as np

QUICK_EXIT = os._exit  # the submission's becomes an exception
PACKAGE = "check_child"  # this folder, under a name that no submission has


def main():
    request, process = json.loads(sys.stdin.read()), os.getpid()
    with own_channel() as channel:
        silence()
        limits, loading = part("limits"), part("load")
        loaded = None
        for check in request["checks"]:
            overtime = limits.overtime()
            try:
                with limits.time_limit(check.get("seconds", 20)):
                    if loaded is None:
                        loaded = loading.load(request["script"])
                    if isinstance(loaded, BaseException):
                        raise loaded
                    if check["kind"] == "load":
                        value = loaded.report()
                    else:
                        value = part(f"{check['kind']}_models").run_check(loaded, check)
            except BaseException as error:  # noqa: BLE001  # SystemExit and KeyboardInterrupt too
                value = {"error": limits.described_error(error)}
                loaded = loaded or error  # a script that cannot be loaded is not loaded again
            if os.getpid() != process:  # the submission forked, and this is the copy
                QUICK_EXIT(1)
            reply = {"key": check["key"], "value": plain(value)}
            frame = msgspec.msgpack.encode({**reply, "overtime": limits.overtime() > overtime})
            channel.write(len(frame).to_bytes(4, "big") + frame)
            channel.flush()
    QUICK_EXIT(0)  # no thread or exit handler of the submission keeps the process


def own_channel():
    """The standard output as a file of ours alone; the submission's leads nowhere."""
    channel = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return channel


def silence():
    """Prints go nowhere at once, without a system call each; there is nothing more to read."""
    os.environ.setdefault("MPLBACKEND", "Agg")

    class Nowhere(io.StringIO):
        def write(self, text):
            return len(text)

    sys.stdout = sys.__stdout__ = Nowhere()
    sys.stderr = Nowhere()
    sys.stdin = io.StringIO()

    process = os.getpid()

    def leave(status=None, *_):
        if os.getpid() != process:
            QUICK_EXIT(status or 0)
        raise SystemExit(status)

    os._exit = leave


def part(name):
    """The module `name` of this folder, which stays off the submission's sys.path."""
    if PACKAGE not in sys.modules:
        here = Path(__file__).resolve().parent
        spec = importlib.util.spec_from_file_location(
            PACKAGE, here / "__init__.py", submodule_search_locations=[str(here)]
        )
        sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
    return importlib.import_module(f"{PACKAGE}.{name}")


def plain(value, depth=0):
    """`value` with nothing in it but what MessagePack has; an array as its shape and its bytes."""
    if depth > 30:
        return None
    if isinstance(value, dict):
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, np.ndarray):
        return [list(value.shape), np.ascontiguousarray(value, "<f8").tobytes()]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) < 2**63 else math.copysign(math.inf, value)
    if isinstance(value, float):
        return float(value)
    return str(value)[:500]


if __name__ == "__main__":
    main()
