"""What the kernel offers to keep a step within bounds, said as it is."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

from flowctl.doctor.checks import Check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_LANDLOCK_CREATE_RULESET = 444  # the same number on every architecture
_LANDLOCK_VERSION_FLAG = 1


def look() -> Iterator[Check]:
    """Check what `sandbox:` and `limits:` of a step can rely on here."""
    version = landlock_version()
    bubblewrap = bubblewrap_works()
    if version:
        yield Check("landlock", "ok", f"version {version}: `sandbox:` is enforced by the kernel")
    else:
        yield Check(
            "landlock",
            "warn",
            "this kernel has none, or it is switched off",
            "steps with `sandbox:` need it: Linux 5.13 or newer, with `landlock` in the lsm= list",
        )
    if bubblewrap:
        yield Check("bubblewrap", "ok", "works")
    else:
        yield Check("bubblewrap", "warn", "not found, or user namespaces are forbidden")
    yield _limits()
    yield Check("without `sandbox:`", "ok", "a step may do whatever you may: nothing confines it")


def landlock_version() -> int:
    """Give the version of Landlock the kernel offers, 0 when it offers none."""
    libc = ctypes.CDLL(None, use_errno=True)
    return max(int(libc.syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_VERSION_FLAG)), 0)


def bubblewrap_works() -> bool:
    """Whether bwrap is there and may make its namespaces."""
    program = shutil.which("bwrap")
    if program is None:
        return False
    command = [program, "--ro-bind", "/", "/", "--unshare-pid", "true"]
    try:
        ran = subprocess.run(command, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ran.returncode == 0


def _limits() -> Check:
    """Whether control groups can bound memory and processes for this user."""
    try:
        line = next(
            line
            for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
            if line.startswith("0::")
        )
        group = Path("/sys/fs/cgroup") / line[3:].lstrip("/")
        controllers = (group / "cgroup.controllers").read_text(encoding="utf-8").split()
    except (OSError, StopIteration):
        return Check("limits", "warn", "no unified control groups: `limits:` uses ulimit only")
    writable = os.access(group, os.W_OK)
    missing = {"memory", "pids"} - set(controllers)
    if missing or not writable:
        why = f"without {' and '.join(sorted(missing))}" if missing else "not writable for you"
        return Check(
            "limits", "warn", f"control group {group} is {why}: `limits:` uses ulimit only"
        )
    return Check("limits", "ok", "control groups bound memory and processes")
