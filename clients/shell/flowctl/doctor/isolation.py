"""What keeps a step within bounds on this machine, said as it is."""

from __future__ import annotations

import os
from pathlib import Path

from flowctl.connect import Daemon
from flowctl.doctor.checks import Check
from flowctl.exits import Failure
from flowproto.client import ClientError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowctl.arguments import Arguments
    from flowctl.console import Console

_NEEDED = (
    "a sandbox needs Linux 6.12 with Landlock, seccomp, and namespaces (any user's, or root's)"
)


def look(arguments: Arguments, console: Console) -> Iterator[Check]:
    """Say what confines steps, as tried by the daemon just now, and why no more.

    Nothing is said when there is no daemon, or an older one: another line tells that.
    """
    try:
        status = Daemon(arguments, console).request(
            "flow/daemon/status", {"try_sandbox": True}, timeout=30.0
        )
    except (Failure, ClientError):
        return
    found = status.get("step_sandbox", "")
    if not found:
        return
    if "refused" not in found:
        message = f"{found}; other steps without a sandbox are judged, not confined{_besides()}"
        yield Check("isolation", "ok", message)
        return
    cure = f"{_NEEDED}; {_cure(found)}until then, run what you do not trust in a container"
    yield Check("isolation", "warn", f"{found}{_besides()}", cure)


def _besides() -> str:
    """Say what of this machine bears upon it."""
    notes = []
    if os.geteuid() == 0:
        notes.append("steps are root, without root's privileges")
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        notes.append("in a container")
    return f" ({', '.join(notes)})" if notes else ""


def _cure(found: str) -> str:
    """Say how to get what is missing, where that is known."""
    if "user namespace" not in found:
        return ""
    for name, wanted in (
        ("kernel/apparmor_restrict_unprivileged_userns", "0"),
        ("kernel/unprivileged_userns_clone", "1"),
        ("user/max_user_namespaces", ""),
    ):
        try:
            value = Path("/proc/sys", name).read_text(encoding="ascii").strip()
        except OSError:
            continue
        setting = name.replace("/", ".")
        if (wanted and value != wanted) or (not wanted and value == "0"):
            return f"the administrator can allow them: sysctl {setting}={wanted or '10000'}; "
    return "in a container, start it so that it may make namespaces; "
