"""The parent of a submission's process inside the cage: ends what that process leaves behind.

    python -I -S keeper.py SCRATCH COMMAND...

Started by checks/sandbox/cage.py, with the privileges of new namespaces where the system has them.
It does what no command of util-linux does: SCRATCH, unless it is empty, stays the only folder that
can be written to; process numbers are few; orphans are killed when COMMAND ends. The exit status is
COMMAND's, or 128 and more after a signal.
"""

import contextlib
import ctypes
import os
import signal
import sys

MS_BIND = 0x1000
MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, READ_ONLY = 442, -100, 0x8000, 1
PR_SET_CHILD_SUBREAPER = 36
FEWEST_PIDS = 301  # the kernel's own lower limit


def main():
    scratch, *command = sys.argv[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    if os.getpid() == 1:
        limit_process_numbers()
    else:  # no process namespace that ends with us
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if scratch:
        make_read_only(libc, os.fsencode(scratch))
        os.chdir(os.getcwd())  # into the folder as it is mounted now
    child = os.fork()
    if not child:
        os.execvp(command[0], command)
    while True:
        pid, status = os.wait()
        if pid == child:
            if os.getpid() != 1:
                kill_orphans()
            sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)


def limit_process_numbers():
    """Leave the process namespace as few process numbers as the kernel allows.

    RLIMIT_NPROC does not bind the administrator. Before Linux 6.14 the number is the whole
    machine's, and is left alone.
    """
    version = tuple(int(part) for part in os.uname().release.split(".")[:2] if part.isdigit())
    if version >= (6, 14):
        with contextlib.suppress(OSError), open("/proc/sys/kernel/pid_max", "w") as file:
            file.write(str(FEWEST_PIDS))


def make_read_only(libc, scratch):
    """Make every file system of this mount namespace read-only but the folder `scratch`; OSError."""

    class Attributes(ctypes.Structure):
        _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns")]

    def set_attributes(path, flags, set_=0, clear=0):
        attributes = Attributes(set_, clear, 0, 0)
        size = ctypes.sizeof(attributes)
        return libc.syscall(MOUNT_SETATTR, AT_FDCWD, path, flags, ctypes.byref(attributes), size)

    if (
        libc.mount(scratch, scratch, None, MS_BIND, None) != 0
        or set_attributes(b"/", AT_RECURSIVE, set_=READ_ONLY) != 0
        or set_attributes(scratch, 0, clear=READ_ONLY) != 0
    ):
        raise OSError(ctypes.get_errno(), "file systems cannot be made read-only")


def kill_orphans():
    """Kill what the child left behind: it has become ours, and what that started becomes ours next."""
    with contextlib.suppress(OSError):  # a kernel that keeps no such file
        while True:
            with open(f"/proc/self/task/{os.getpid()}/children") as file:
                orphans = list(map(int, file.read().split()))
            if not orphans:
                return
            for pid in orphans:
                os.kill(pid, signal.SIGKILL)
            for pid in orphans:
                os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
