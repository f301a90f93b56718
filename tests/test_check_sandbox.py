"""The child process of check.py: whatever a program does, it ends in its line, and soon."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

import pytest

from checks import sandbox

# A stand-in for checks/probe.py: a check calls the function of the script that it is named after.
PROBE = """
    import json, os, runpy, sys
    channel = sys.argv[1]
    channel = os.fdopen(int(channel), "w") if channel.isdigit() else open(channel, "w")
    request = json.load(sys.stdin)
    sys.path.insert(0, os.getcwd())

    def say(**said):
        channel.write(json.dumps(said) + "\\n")
        channel.flush()

    functions = {}
    for check in request["checks"]:
        say(key=check["key"], started=True)
        try:
            functions = functions or runpy.run_path(request["script"])
            value = functions[check["key"]]()
        except BaseException as error:
            value = {"error": {"type": type(error).__name__, "message": str(error)[:200]}}
        say(key=check["key"], value=value)
"""


@pytest.fixture(autouse=True)
def probe(tmp_path, monkeypatch):
    path = tmp_path / "probe.py"
    path.write_text(textwrap.dedent(PROBE))
    monkeypatch.setattr(sandbox, "PROBE", path)
    return path


@pytest.fixture(params=["namespaces", "no namespaces"])
def warden(request, tmp_path, monkeypatch):
    """With what the system offers, and as on a system that offers no namespaces."""
    if request.param == "no namespaces":
        text = sandbox.WARDEN.read_text()
        assert "libc.unshare(flags) != 0" in text
        path = tmp_path / "warden.py"
        path.write_text(text.replace("libc.unshare(flags) != 0", "True"))
        monkeypatch.setattr(sandbox, "WARDEN", path)
    return request.param


@pytest.fixture
def run(tmp_path):
    """Run functions of a script in a sandbox; the script has a `marker` in its processes' names."""

    def run_(script, *keys, timeout=5, **options):
        folder = tmp_path / "submission"
        folder.mkdir(exist_ok=True)
        (folder / "hw1-q1.py").write_text(textwrap.dedent(script))
        request = {"checks": [{"key": key} for key in keys]}
        return sandbox.run(folder, "hw1-q1.py", request, timeout, **options)

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


def test_numbers_come_back_and_prints_do_not_matter(run, warden):
    outcome = run(
        """
        import sys
        print("x" * 200_000)
        print("y" * 200_000, file=sys.stderr)
        def numbers(): return [1, 0.5, float("nan"), float("inf"), -float("inf")]
        def last(): print("z" * 200_000); return "done"
        """,
        "numbers",
        "last",
    )
    assert outcome.results == {"numbers": [1, 0.5, "nan", "inf", "-inf"], "last": "done"}
    assert outcome.ended == "finished"
    assert len(outcome.stderr_tail) <= sandbox.STDERR_KEPT
    assert set(outcome.isolation) <= set(sandbox.PROTECTIONS)
    if warden == "no namespaces":
        assert outcome.isolation == ["limits on processor time, memory and files"]


def test_surroundings_are_clean_and_its_own(run, warden, monkeypatch):
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


def test_what_a_program_may_raise_spoils_no_other_check(run, warden, tmp_path):
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
    assert outside.exists() == ("files read-only outside its folder" not in outcome.isolation)


ENDINGS = {
    "loop": ("while True: pass", "timeout"),
    "deaf": (
        "import signal, time\nfor n in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}: "
        + "signal.signal(n, signal.SIG_IGN)\ntime.sleep(100)",
        "timeout",
    ),
    "quits": ("import os; os._exit(0)", "crashed"),
    "segfault": ("import ctypes; ctypes.string_at(0)", "crashed"),
    "suicide": ("import os; os.kill(os.getpid(), 9)", "crashed"),
    "huge": ("return [0.123456789] * 10**6", "flood"),
    "closes": ("import os, time; os.closerange(0, 100); time.sleep(100)", "crashed"),
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
    if ended != "finished":
        assert outcome.at in ("check", None)
        assert outcome.detail
        assert "\n" not in outcome.detail
        assert "check" not in outcome.results
    if name == "segfault":
        assert "SIGSEGV" in outcome.detail
    # Other tests may have their folders there meanwhile.
    for folder in set(os.listdir(tempfile.gettempdir())) - before:
        assert not folder.startswith(f"check-{os.getpid()}")


@pytest.mark.parametrize("ended", ["by itself", "killed"])
def test_nothing_it_starts_outlives_it(run, warden, ended):
    marker = f"outlives-{os.getpid()}-{warden.replace(' ', '')}-{ended.replace(' ', '')}"
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


def test_killing_its_parent_does_not_help_it(run, warden):
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
    assert outcome.ended == ("finished" if "processes shut in" in outcome.isolation else "crashed")


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


def test_forged_and_broken_lines_are_let_pass(run):
    outcome = run(
        r"""
        import os
        def write(text):
            for channel in range(3, 20):
                try: os.write(channel, text)
                except OSError: pass
        def first():
            write(b'not json\n[1, 2]\n{"key": 5, "value": 1}\n' + b"[" * 100_000 + b"\n")
            write(b'{"key": "first", "value": ' + b"9" * 5000 + b"}\n\xff\xfe\n")
            return 1
        """,
        "first",
    )
    assert outcome.results == {"first": 1}


def test_packages_of_the_user_are_found_and_the_project_is_not(run, tmp_path, monkeypatch):
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "own_package.py").write_text("number = 3")
    places = os.pathsep.join(["", str(tmp_path / "packages"), "/nowhere", str(sandbox.HERE.parent)])
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


def test_it_goes_with_the_program_that_started_it(tmp_path, probe):
    folder = tmp_path / "submission"
    folder.mkdir()
    (folder / "hw1-q1.py").write_text("def loop():\n    while True: pass\n")
    request = {"checks": [{"key": "loop"}]}
    program = f"""
import sys
from pathlib import Path
from checks import sandbox
sandbox.PROBE = Path({str(probe)!r})
sandbox.run({str(folder)!r}, "hw1-q1.py", {request!r}, 60)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=sandbox.HERE.parent,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    try:
        deadline = time.monotonic() + 30
        while len(processes_with(str(probe))) < 2:  # it itself, and what it started
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    while processes_with(str(probe)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_without_posix_results_come_through_a_file(run, monkeypatch):
    monkeypatch.setattr(sandbox, "POSIX", False)
    outcome = run(
        "def first(): return 1\ndef loop():\n    while True: pass", "first", "loop", timeout=1
    )
    assert outcome.results == {"first": 1}
    assert outcome.ended == "timeout"
    assert outcome.isolation == []
