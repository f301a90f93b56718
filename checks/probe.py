"""The child's side of check.py: loads one script, feeds it numbers and writes what it returns.

    python -I probe.py CHANNEL < request.json

CHANNEL is a file descriptor or the path of a file; a line of JSON goes there as each check starts
and ends. The request is {"script": name, "edition": ..., "checks": [{"key", "kind", ...}, ...]}.
Nothing here knows what is right: expected values stay with the parent process. Besides the standard
library only NumPy is imported, and torch where a check needs it.
"""

import importlib.util
import io
import json
import math
import os
import sys
from pathlib import Path

QUICK_EXIT = os._exit  # the submission's becomes an exception
HERE = Path(__file__).resolve().parent


def main():
    request = json.loads(sys.stdin.read())
    channel = open_channel(sys.argv[1] if len(sys.argv) > 1 else "1")
    silence()
    limits, loading = sibling("probe_limits"), sibling("probe_load")
    for name in ("probe_calls", "probe_weights"):
        sibling(name)
    kinds = {"numpy": "probe_numpy", "torch": "probe_torch"}
    loaded = None
    for check in request["checks"]:
        key = check["key"]
        send(channel, {"key": key, "started": True})
        try:
            with limits.time_limit(check.get("seconds", 20)):
                if loaded is None:
                    loaded = loading.load(request["script"])
                if isinstance(loaded, BaseException):
                    raise loaded
                if check["kind"] == "load":
                    value = loaded.report()
                else:
                    value = sibling(kinds[check["kind"]]).run_check(loaded, check)
        except BaseException as error:  # noqa: BLE001  # SystemExit and KeyboardInterrupt too
            value = {"error": limits.described_error(error)}
            loaded = loaded or error  # a script that cannot be loaded is not loaded again
        send(channel, {"key": key, "value": plain(value)})
    channel.flush()
    QUICK_EXIT(0)  # no thread or exit handler of the submission keeps the process


def open_channel(where):
    return open(int(where) if where.isdigit() else where, "w", encoding="utf-8", buffering=1)


def send(channel, message):
    channel.write(json.dumps(message) + "\n")
    channel.flush()


def silence():
    """Prints go nowhere at once, without a system call each; there is nothing more to read."""
    os.environ.setdefault("MPLBACKEND", "Agg")

    class Nowhere(io.StringIO):
        def write(self, text):
            return len(text)

    sys.stdout = sys.__stdout__ = Nowhere()
    sys.stderr = Nowhere()
    sys.stdin = io.StringIO()

    def leave(status=None, *_):
        raise SystemExit(status)

    os._exit = leave


def sibling(name):
    """The module `name` beside this file; its folder stays off the submission's sys.path."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def plain(value, depth=0):
    """`value` with nothing in it but what JSON has; nan and inf as strings."""
    if depth > 30:
        return None
    if isinstance(value, dict):
        return {str(key): plain(part, depth + 1) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part, depth + 1) for part in value]
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1e15 else float(value) if abs(value) < 1e300 else "inf"
    if isinstance(value, float):
        if math.isfinite(value):
            return float(value)
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return str(value)[:200]


if __name__ == "__main__":
    main()
