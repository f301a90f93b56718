"""The first process in a submission's sandbox: shuts the doors, starts the child, clears up.

    python -I -S warden.py '{"scratch": ..., "limits": {...}, "report": FD}' COMMAND...

Started by checks/sandbox.py. On Linux it gives itself new namespaces: no network, no sight of other
processes, every file system read-only but the scratch folder; then gives up its privileges and
sets the limits. What of this the system refused is left out, and what was done is written to the
descriptor `report` as one line of JSON. The warden stays as the parent of whatever the child
leaves behind: when it goes, they go.
"""

import contextlib
import ctypes
import json
import os
import signal
import sys

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER = 0x20000, 0x8000000, 0x10000000
CLONE_NEWPID, CLONE_NEWNET = 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 0x1000, 0x4000, 0x40000
MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, READ_ONLY = 442, -100, 0x8000, 1
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 24, 36, 38
CAPABILITY_VERSION = 0x20080522
FEWEST_PIDS = 301


def main():
    options = json.loads(sys.argv[1])
    command = sys.argv[2:]
    done = []
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if libc is not None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if shut_in(libc):
            # The first process of the new process namespace: when it ends, all in it are killed.
            pid = os.fork()
            if pid:
                os.close(options["report"])
                sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 0xFF)
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            done += ["no network", "processes shut in"]
            if mount_proc(libc):
                limit_pids()
                done += make_read_only(libc, options["scratch"])
        else:
            libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        drop_privileges(libc)
    done += set_limits(options["limits"], shut_in="processes shut in" in done)
    os.write(options["report"], (json.dumps({"isolation": done}) + "\n").encode())

    child = os.fork()
    if not child:
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.execv(command[0], command)
    os.close(options["report"])
    while True:  # also what others left behind
        pid, status = os.wait()
        if pid == child:
            kill_orphans()
            sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)


def kill_orphans():
    """Kill what the child left behind: it has become ours, and what that started becomes ours next."""
    with contextlib.suppress(OSError):  # no such file outside Linux
        while True:
            with open(f"/proc/self/task/{os.getpid()}/children") as file:
                orphans = list(map(int, file.read().split()))
            if not orphans:
                return
            for pid in orphans:
                os.kill(pid, signal.SIGKILL)
            for pid in orphans:
                os.waitpid(pid, 0)


def shut_in(libc):
    """New namespaces, through one for users, which needs no privilege; whether it worked."""
    uid, gid = os.getuid(), os.getgid()
    flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC
    if libc.unshare(flags) != 0:
        return False
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        with contextlib.suppress(OSError), open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    return True


def mount_proc(libc):
    """Mount the /proc of the new namespaces, if nobody outside sees their mounts; is that so?"""
    if libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        return False
    libc.mount(b"proc", b"/proc", b"proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, None)
    return True


def limit_pids():
    """Leave the new process namespace as few process numbers as the kernel allows.

    RLIMIT_NPROC does not bind the administrator, whose fork bomb would starve those who are to end it.
    Before Linux 6.14 the number is the whole machine's, and is left alone.
    """
    version = tuple(int(part) for part in os.uname().release.split(".")[:2] if part.isdigit())
    if version >= (6, 14):
        with contextlib.suppress(OSError), open("/proc/sys/kernel/pid_max", "w") as file:
            file.write(str(FEWEST_PIDS))


def make_read_only(libc, scratch):
    """Make every file system read-only but the folder `scratch`; what was done, as a list."""

    class Attributes(ctypes.Structure):
        _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns")]

    def set_attributes(path, flags, set_=0, clear=0):
        attributes = Attributes(set_, clear, 0, 0)
        size = ctypes.sizeof(attributes)
        return libc.syscall(MOUNT_SETATTR, AT_FDCWD, path, flags, ctypes.byref(attributes), size)

    scratch = os.fsencode(scratch)
    if (
        libc.mount(scratch, scratch, None, MS_BIND, None) != 0
        or set_attributes(b"/", AT_RECURSIVE, set_=READ_ONLY) != 0
        or set_attributes(scratch, 0, clear=READ_ONLY) != 0
    ):
        return []
    os.chdir(os.getcwd())  # into the folder as it is mounted now
    return ["files read-only outside its folder"]


def drop_privileges(libc):
    """Give up every capability, for good: no program that is started gets one back."""
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    libc.capset(header, (ctypes.c_uint32 * 6)())
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def set_limits(limits, shut_in):
    """Set the limits {name of an RLIMIT: value}; the names of those that hold, as a list."""
    try:
        import resource
    except ImportError:  # Windows
        return []
    done = []
    for name, value in limits.items():
        number = getattr(resource, f"RLIMIT_{name}", None)
        # Processes are counted for the whole user, except in a namespace of their own.
        if number is None or (name == "NPROC" and not shut_in):
            continue
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(number, (value, value))
            done.append(name)
    return ["limits on processor time, memory and files"] if done else []


if __name__ == "__main__":
    main()
