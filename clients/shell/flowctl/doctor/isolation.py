"""What keeps a step within bounds on this machine, said as it is."""

from __future__ import annotations

import ctypes
import shutil
import subprocess

from flowctl.doctor.checks import Check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_LANDLOCK_CREATE_RULESET = 444  # the same number on every architecture
_LANDLOCK_VERSION_FLAG = 1


def look() -> Iterator[Check]:
    """Say what bounds a step beside its `limits`: nothing yet; then what the kernel would offer."""
    yield Check(
        "isolation",
        "warn",
        "steps are judged before they run; while they run nothing confines them",
        "this version refuses `sandbox: project` and `strict` rather than promise what it cannot "
        "keep; run what you do not trust in a container",
    )
    version = landlock_version()
    yield Check(
        "landlock",
        "ok",
        f"the kernel offers version {version}; not used yet" if version else "the kernel has none",
    )
    works = "works here; not used yet" if bubblewrap_works() else "not found, or not allowed"
    yield Check("bubblewrap", "ok", works)


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
