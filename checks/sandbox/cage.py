"""The cage around a child: the commands of util-linux that isolate and limit it, and what they give.

Which of them work here is tried once, with `true` in the child's place; the report says what is
not available. This is not a defence against malicious code: see docs/check.md.
"""

import contextlib
import functools
import os
import shutil
import site
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKS = HERE.parent
CHILD = CHECKS / "child" / "main.py"
KEEPER = HERE / "keeper.py"
UTILS = CHECKS.parent / "utils.py"  # for a submission that brought none

MAX_MEMORY = 3 * 2**30  # bytes, of one process and of all together
MAX_FILE = 64 * 2**20  # bytes
MAX_PROCESSES = 64
MAX_OPEN_FILES = 256

NETWORK = "no network"
PROCESSES = "no access to other processes"
FILES = "no writing outside its folder"
LIMITS = "limits on processor time, memory and the size of files"
PROTECTIONS = (NETWORK, PROCESSES, FILES, LIMITS)
# What is tried, the best first. A process namespace without a /proc of its own still shows others.
LEVELS = (
    PROTECTIONS,
    (NETWORK, FILES, LIMITS),
    (NETWORK, PROCESSES, LIMITS),
    (NETWORK, LIMITS),
    (LIMITS,),
    (),
)

UNSHARE = [
    "unshare", "--user", "--map-root-user", "--mount", "--net", "--ipc", "--pid", "--fork",
    "--kill-child",
]  # fmt: skip
DIE_WITH_PARENT = ["setpriv", "--pdeathsig", "KILL"]
NO_CAPABILITIES = ["--bounding-set=-all", "--inh-caps=-all"]


@functools.cache
def protections():
    """Those of `PROTECTIONS` that work here, together."""
    with tempfile.TemporaryDirectory(prefix="check-") as scratch:
        return next(level for level in LEVELS if _works(level, scratch))


def _works(level, scratch):
    if not level:
        return True
    command = _caged(["true"], level, scratch, seconds=10)
    silent = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    try:
        return subprocess.run(command, check=False, timeout=10, **silent).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def command(scratch, seconds):
    """The command line of a child that may write in `scratch` and have so much processor time."""
    python = [sys.executable, "-I", "-B"]
    return _caged([*python, CHILD, more_packages()], protections(), scratch, seconds)


def _caged(child, level, scratch, seconds):
    if not level:
        return child
    keeper = [sys.executable, "-I", "-S", "-B", KEEPER, scratch if FILES in level else ""]
    inner = [*_limits(level, seconds), *DIE_WITH_PARENT, "--no-new-privs"]
    if NETWORK in level or os.geteuid() == 0:  # else there are none to give up
        inner += NO_CAPABILITIES
    unshare = []
    if NETWORK in level:
        unshare = [*UNSHARE, *(["--mount-proc"] if PROCESSES in level else [])]
    return [*DIE_WITH_PARENT, *unshare, *keeper, *inner, *child]


def _limits(level, seconds):
    """prlimit with our limits; where the user's own are lower, with these."""
    import resource  # which Windows does not have

    limits = {
        "cpu": int(seconds) + 1,
        "data": MAX_MEMORY,
        "fsize": MAX_FILE,
        "nofile": MAX_OPEN_FILES,
        "core": 0,
    }
    if NETWORK in level:  # elsewhere the processes of the user are counted, not the child's
        limits["nproc"] = MAX_PROCESSES
    words = ["prlimit"]
    for name, value in limits.items():
        _, hard = resource.getrlimit(getattr(resource, f"RLIMIT_{name.upper()}"))
        lowest = value if hard == resource.RLIM_INFINITY else min(value, hard)
        words.append(f"--{name}={lowest}")
    return words


def more_packages():
    """Where the user's own packages are: pip's --user folder and PYTHONPATH, which -I leaves out."""
    places = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if site.ENABLE_USER_SITE:
        places.append(site.getusersitepackages())
    found = [p for p in places if p and os.path.isdir(p) and Path(p).resolve() != CHECKS.parent]
    return os.pathsep.join(map(os.path.abspath, found))


def environment(scratch):
    """The child's environment: nothing of the user's but where programs are."""
    home = scratch / "home"
    fonts = home / "matplotlib"
    fonts.mkdir(parents=True)
    # Without its list of fonts every import of pyplot would search the whole system for them.
    with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: the user has no home
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        for path in (cache / "matplotlib").glob("fontlist-*.json"):
            shutil.copyfile(path, fonts / path.name)
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    places = dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP", "USERPROFILE"), str(home))
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    more = {"LANG": "C.UTF-8", "MPLBACKEND": "Agg", "MPLCONFIGDIR": str(fonts)}
    return {**kept, **places, **threads, **more}
