"""How many cores this process may use: what it is bound to, and what a container grants it."""

import os
from pathlib import Path


def cores(root=Path("/")):
    """The cores that this process may use: those it is bound to, or what its container grants.

    root  where /proc and /sys are
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    granted = [bound or 1, *_quotas(root / "sys/fs/cgroup", _own_groups(root))]
    return max(1, int(min(granted)))


def _own_groups(root):
    """The paths of this process's control groups, from the outermost on."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    paths = {Path(line.split(":", 2)[2].lstrip("/")) for line in lines if line.count(":") > 1}
    return sorted({parent for path in paths for parent in (path, *path.parents)})


def _quotas(groups, paths):
    """The cores that each control group grants, by cgroups 2 and 1."""
    for path in paths:
        for place, names in (
            (groups, ["cpu.max"]),
            (groups / "cpu", ["cpu.cfs_quota_us", "cpu.cfs_period_us"]),
        ):
            try:
                words = [
                    word for name in names for word in (place / path / name).read_text().split()
                ]
                quota, period = map(int, words)  # ValueError: "max"
            except (OSError, ValueError):
                continue
            if quota > 0 and period > 0:
                yield quota / period
