"""The child process of check.py: whatever a program does, it ends in its line, and soon."""

import math
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import checks.sandbox.run as sandbox
from checks.child import limits
from checks.sandbox import cage, reply

# checks/child/main.py, but a check calls the function of the script that it is named after.
CHILD = f"""
import importlib.util, types
spec = importlib.util.spec_from_file_location("child_main", {str(cage.CHILD)!r})
child = importlib.util.module_from_spec(spec)
spec.loader.exec_module(child)
part = child.part

def run_check(loaded, check):
    return getattr(loaded.module, check["key"])()

calls = types.SimpleNamespace(run_check=run_check)
child.part = lambda name: calls if name == "calls_models" else part(name)
child.main()
"""


@pytest.fixture(autouse=True)
def child(tmp_path, monkeypatch):
    path = tmp_path / "child.py"
    path.write_text(CHILD)
    monkeypatch.setattr(cage, "CHILD", path)
    known = reply.type_of
    monkeypatch.setattr(
        reply, "type_of", lambda check: Any if check["kind"] == "calls" else known(check)
    )
    return path


@pytest.fixture(params=["namespaces", "no namespaces"])
def system(request, monkeypatch):
    """With what the system offers, and as on a system that offers no namespaces."""
    cage.protections.cache_clear()
    if request.param == "no namespaces":
        monkeypatch.setattr(cage, "UNSHARE", ["false"])
    yield request.param
    cage.protections.cache_clear()


@pytest.fixture
def run(tmp_path):
    """Run functions of a script in a sandbox, after its imports."""

    def run_(script, *keys, timeout=5, clock=None, stop=None):
        folder = tmp_path / "submission"
        folder.mkdir(exist_ok=True)
        (folder / "hw1-q1.py").write_text(textwrap.dedent(script))
        checks = [{"key": "load", "kind": "load"}, *({"key": k, "kind": "calls"} for k in keys)]
        clock = clock or sandbox.Clock(timeout)
        outcome = sandbox.run(folder, "hw1-q1.py", {"checks": checks}, clock, stop)
        outcome.load = outcome.results.pop("load", None)
        return outcome

    return run_


def processes_with(word):
    """The processes whose command line or environment has `word`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if word.encode() in (folder / "cmdline").read_bytes():
                found.append(folder.name)
        except OSError:
            continue
    return found


def test_numbers_come_back_and_prints_do_not_matter(run, system):
    outcome = run(
        """
        import numpy as np, os, sys
        def numbers(): return [1, 0.5, float("nan"), float("inf"), -float("inf")]
        def last():
            print("z" * 200_000)
            os.write(1, b"x" * 200_000)
            os.write(2, b"y" * 200_000)
            return "done"
        """,
        "numbers",
        "last",
    )
    one, half, nan, inf, minus_inf = outcome.results.pop("numbers")
    assert (one, half, inf, minus_inf) == (1, 0.5, math.inf, -math.inf)
    assert math.isnan(nan)
    assert outcome.results == {"last": "done"}
    assert outcome.ended == "finished"
    assert cage.protections() in cage.LEVELS
    if system == "no namespaces":
        assert cage.protections() == (cage.LIMITS,)


def test_surroundings_are_clean_and_its_own(run, system, monkeypatch):
    monkeypatch.setenv("SECRET", "s3cret")
    outcome = run(
        """
        import os, sys, utils
        def environment(): return dict(os.environ)
        def place(): return [os.getcwd(), os.listdir(), utils.__file__]
        def standard_input(): return sys.stdin.read()
        """,
        "environment",
        "place",
        "standard_input",
    )
    environment = outcome.results["environment"]
    assert "SECRET" not in environment
    assert environment["MPLBACKEND"] == "Agg"
    assert environment["OMP_NUM_THREADS"] == "1"
    cwd, names, _ = outcome.results["place"]
    assert sorted(names) == ["hw1-q1.py", "utils.py"]  # the course's, as it brought none
    assert not Path(cwd).exists()  # the scratch folder is gone
    assert environment["HOME"].startswith(str(Path(cwd).parent))
    assert outcome.results["standard_input"] == ""


def test_what_a_program_may_raise_spoils_no_other_check(run, system, tmp_path):
    outside = tmp_path / "outside"
    outcome = run(
        f"""
        import os, socket, sys
        def first(): return 1
        def leaves(): sys.exit(0)
        def recursion(): return recursion()
        def array():
            import numpy as np
            return np.ones(10 * 2**30, np.uint8).nbytes
        def deletes():
            for name in os.listdir():
                os.remove(name)
        def network(): socket.create_connection(("192.0.2.1", 80), 0.2)
        def outside(): open({str(outside)!r}, "w").close()
        def file(): open("large", "wb").write(bytes(100 * 2**20))
        def last(): return 2
        """,
        *("first", "leaves", "recursion", "array", "deletes", "network", "outside", "file", "last"),
    )
    types = {
        key: value["error"]["type"] for key, value in outcome.results.items() if type(value) is dict
    }
    assert outcome.ended == "finished"
    assert outcome.results["first"] == 1
    assert outcome.results["last"] == 2
    assert types["leaves"] == "SystemExit"
    assert types["recursion"] == "RecursionError"
    assert types["array"] == "MemoryError" or "ArrayMemoryError" in types["array"]
    assert types["file"] == "OSError"
    assert outcome.results["deletes"] is None
    assert (tmp_path / "submission" / "hw1-q1.py").exists()  # it had a copy
    assert "network" in types  # refused by the system, or no such address
    assert outside.exists() == (cage.FILES not in cage.protections())


ENDINGS = {
    "loop": ("while True: pass", "timeout"),
    "deaf": (
        "import signal, time\nfor n in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}: "
        + "signal.signal(n, signal.SIG_IGN)\ntime.sleep(100)",
        "timeout",
    ),
    "quits": ("import posix; posix._exit(0)", "crashed"),
    "segfault": ("import ctypes; ctypes.string_at(0)", "crashed"),
    "suicide": ("import os; os.kill(os.getpid(), 9)", "crashed"),
    "huge": ("return [0.123456789] * 10**6", "flood"),
    "closes": ("import os, time; os.closerange(0, 100); time.sleep(100)", "timeout"),
    "shouts": (
        "import os, sys\nwhile True: os.write(1, bytes(2**16)); os.write(2, bytes(2**16))",
        "timeout",
    ),
    "bomb": (
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        "processes",
    ),
    "fills": (
        "i = 0\nwhile True:\n    i += 1\n    open(str(i), 'wb').write(bytes(30 * 2**20))",
        "disk",
    ),
    "deep": (
        "import os, time\nfor _ in range(1200): os.mkdir('d'); os.chdir('d')\nreturn 0",
        "finished",
    ),
}


SLOW = ("deep", "fills", "huge", "shouts")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.long if n in SLOW else ()) for n in ENDINGS]
)
def test_what_ends_it_is_named_and_what_was_done_counts(run, name):
    body, ended = ENDINGS[name]
    script = f"def first(): return 1\ndef check():\n{textwrap.indent(body, '    ')}\n"
    before = set(os.listdir(tempfile.gettempdir()))
    outcome = run(script, "first", "check", timeout=1 if ended == "timeout" else 20)
    assert outcome.ended == ended, outcome
    assert outcome.results["first"] == 1
    assert outcome.overtime == (ended == "timeout")
    if ended != "finished":
        assert outcome.detail
        assert "\n" not in outcome.detail
        assert "check" not in outcome.results
    if name == "segfault":
        assert "SIGSEGV" in outcome.detail
    # Other tests may have their folders there meanwhile.
    for folder in set(os.listdir(tempfile.gettempdir())) - before:
        assert not folder.startswith(f"check-{os.getpid()}")


@pytest.mark.parametrize("ended", ["by itself", "killed"])
def test_nothing_it_starts_outlives_it(run, system, ended):
    marker = f"outlives-{os.getpid()}-{system.replace(' ', '')}-{ended.replace(' ', '')}"
    outcome = run(
        f"""
        import os, subprocess, sys, time
        def daemon():
            if os.fork() == 0:
                os.setsid()
                subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)", {marker!r}],
                                 start_new_session=True)
                os._exit(0)
            os.wait()
            time.sleep(0.3)
            return 1
        def loop():
            while True: pass
        """,
        "daemon",
        *(["loop"] if ended == "killed" else []),
        timeout=1,
    )
    assert outcome.results == {"daemon": 1}
    assert not processes_with(marker)


def test_a_process_that_it_forks_does_not_reply(run):
    outcome = run(
        """
        import multiprocessing, os, time
        def forks():
            if os.fork() == 0:
                return "the copy"
            os.wait()
            return 1
        def starts():
            process = multiprocessing.get_context("fork").Process(target=forks)
            process.start()
            process.join()
            return process.exitcode
        """,
        "forks",
        "starts",
    )
    assert outcome.results == {"forks": 1, "starts": 0}
    assert outcome.ended == "finished"


def test_killing_its_parent_does_not_help_it(run, system):
    outcome = run(
        """
        import os, signal, time
        def first(): return 1
        def parent():
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(0.5)
            return 2
        """,
        "first",
        "parent",
    )
    assert outcome.results["first"] == 1
    assert outcome.ended == ("finished" if cage.NETWORK in cage.protections() else "crashed")


def test_time_is_counted_for_each_check(run):
    outcome = run(
        """
        import time
        def a(): time.sleep(0.6)
        b = c = a
        """,
        *("a", "b", "c"),
        timeout=1,
    )
    assert outcome.ended == "finished"
    assert not outcome.overtime


def test_imports_have_a_time_of_their_own(run):
    outcome = run("import time\npause = time.sleep(1.5)\ndef first(): return 1", "first", timeout=1)
    assert outcome.load["failed"] == []
    assert outcome.results == {"first": 1}


def test_imports_that_never_end_are_ended(run, monkeypatch):
    monkeypatch.setattr(sandbox, "IMPORTS", 1)
    outcome = run("import time\npause = time.sleep(99)\ndef first(): return 1", "first")
    assert (outcome.ended, outcome.detail) == ("timeout", "was stopped after 1 seconds")
    assert outcome.results == {}


def test_all_children_of_a_submission_share_one_clock(run):
    clock = sandbox.Clock(5)
    clock.end = time.monotonic() + 2
    script = "import time\ndef a(): time.sleep(1.5)\nb = c = a"
    for _ in range(2):
        outcome = run(script, "a", "b", "c", clock=clock)
        assert outcome.ended == "timeout"
        assert "of the whole submission" in outcome.detail
        assert outcome.overtime
        assert "c" not in outcome.results


CHANNELS = """
import os, time

def write(data):
    for descriptor in range(3, 20):
        try:
            os.write(descriptor, data)
        except OSError:
            pass
"""


@pytest.mark.parametrize(
    ("data", "ended"),
    [
        (r"b'{}\n{}\n'", "flood"),  # a length beyond all replies
        (r"b'\0\0\0\2{}'", "nonsense"),
        (r"b'\0\0\0\0'", "nonsense"),
        (r"b'\0'", "timeout"),  # a frame that never ends: its length, and then a byte at a time
    ],
)  # fmt: skip
def test_nothing_that_is_sent_prolongs_a_check(run, data, ended):
    body = f"write(b'\\0\\1\\0\\0') or [write({data}) or time.sleep(0.3) for _ in range(600)]"
    if ended != "timeout":
        body = f"[write({data}) or time.sleep(0.3) for _ in range(600)]"
    outcome = run(
        f"{CHANNELS}\ndef first(): return 1\ndef check(): {body}", "first", "check", timeout=1
    )
    assert outcome.ended == ended
    assert outcome.results == {"first": 1}
    assert outcome.detail
    assert "\n" not in outcome.detail


def test_a_limit_within_a_limit_does_not_replace_it():
    for inner, outer in ((60, 0.05), (0.05, 60)):
        too_long = pytest.raises(limits.TooLong, match=r"than 0\.05 seconds")
        with too_long, limits.time_limit(outer), limits.time_limit(inner):
            while True:
                pass


# --------------------------------------------------------------------------------------------
# Replies


NUMPY = {"key": "mlp/epoch", "kind": "numpy", "role": "mlp"}
ARRAY = [[1, 3], np.array([math.nan, math.inf, -2.5]).tobytes()]


def packed(value):
    return msgspec.msgpack.encode(value)


def test_a_reply_keeps_arrays_nan_and_inf():
    said = {
        "calls": [{"after": {"W": ARRAY}, "returned": {"kind": "number", "data": [[], b"\0" * 8]}}]
    }
    frame = packed({"key": "mlp/epoch", "value": said, "overtime": True})
    value, overtime = reply.read(frame, NUMPY)
    assert overtime
    np.testing.assert_array_equal(value["calls"][0]["after"]["W"], [[math.nan, math.inf, -2.5]])
    assert value["calls"][0]["returned"]["data"] == 0


@pytest.mark.parametrize(
    ("said", "place"),
    [
        (7, "object"),
        ({"calls": [{"after": {"W": "x"}}]}, "$.calls[0].after[...]"),
        ({"calls": [{"after": {"W": [[2, 2], b"\0" * 8]}}]}, "$.calls[0].after[...]"),
        (
            {"calls": [{"after": {"W": [[200_001], bytes(8 * 200_001)]}}]},
            "more than 200,000 numbers",
        ),
        ({"calls": [{"notes": [3]}]}, "$.calls[0].notes[0]"),
        ({"error": {"type": "ValueError"}}, "message"),
        ({"layout": {"W": {"path": "W"}}}, "transposed"),
    ],
)
def test_a_value_of_another_type_is_an_error_that_names_the_place(said, place):
    value = reply.typed(packed(said), NUMPY)
    assert value.keys() == {"error"}
    assert place in value["error"]["message"]


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xc1",
        b"\x91" * 100_000,
        packed([1]),
        packed({"key": 1}),
        packed({"key": "other", "value": 1}),
    ],
)
def test_a_frame_that_is_no_reply_is_refused(frame):
    with pytest.raises(ValueError, match=r"not a reply|replied to"):
        reply.read(frame, NUMPY)


def test_a_reply_of_another_type_costs_one_check(run, monkeypatch):
    monkeypatch.setattr(reply, "type_of", lambda check: reply.Load)
    outcome = run(
        "def odd(): return {'classes': 3}\ndef even(): return {'notes': ['x']}", "odd", "even"
    )
    assert "$.classes" in outcome.results["odd"]["error"]["message"]
    assert outcome.results["even"] == {"notes": ["x"]}


# --------------------------------------------------------------------------------------------


def test_packages_of_the_user_are_found_and_the_project_is_not(run, tmp_path, monkeypatch):
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "own_package.py").write_text("number = 3")
    places = os.pathsep.join(["", str(tmp_path / "packages"), "/nowhere", str(cage.CHECKS.parent)])
    monkeypatch.setenv("PYTHONPATH", places)
    outcome = run(
        """
        def own():
            import own_package
            return own_package.number
        def project():
            import checks
        """,
        "own",
        "project",
    )
    assert outcome.results["own"] == 3
    assert outcome.results["project"]["error"]["type"] == "ModuleNotFoundError"


def test_it_can_be_stopped_from_outside(run):
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    outcome = run("def loop():\n    while True: pass", "loop", timeout=60, stop=stop)
    assert outcome.ended == "stopped"


def test_it_goes_with_the_program_that_started_it(tmp_path, child):
    folder = tmp_path / "submission"
    folder.mkdir()
    (folder / "hw1-q1.py").write_text("def loop():\n    while True: pass\n")
    checks = [{"key": "load", "kind": "load"}, {"key": "loop", "kind": "calls"}]
    program = f"""
from pathlib import Path
from checks.sandbox import cage, run
cage.CHILD = Path({str(child)!r})
run.run({str(folder)!r}, "hw1-q1.py", {{"checks": {checks!r}}}, run.Clock(60))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=cage.CHECKS.parent,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    try:
        deadline = time.monotonic() + 30
        while len(processes_with(str(child))) < 2:  # it itself, and what it started
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    while processes_with(str(child)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_without_util_linux_there_is_a_process_and_its_time(run, monkeypatch):
    cage.protections.cache_clear()
    monkeypatch.setattr(cage, "DIE_WITH_PARENT", ["no-such-command"])
    try:
        script = "def first(): return 1\ndef loop():\n    while True: pass"
        outcome = run(script, "first", "loop", timeout=1)
        assert outcome.results == {"first": 1}
        assert outcome.ended == "timeout"
        assert cage.protections() == ()
    finally:
        cage.protections.cache_clear()
