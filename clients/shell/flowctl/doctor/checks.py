"""The machine, the folders, the daemon and the programs around it."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path

from flowctl import __version__
from flowctl.commands.install import cure_when_given_up, has_systemd, unit_folder
from flowctl.connect import Daemon
from flowctl.exits import Failure
from flowctl.text import size
from flowproto.client import ClientError
from flowproto.paths import find_paths
from flowproto.starting import StartFailed, find_flowd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowctl.arguments import Arguments
    from flowctl.console import Console

_OLDEST_PYTHON = (3, 11)
_LITTLE_SPACE = 500_000_000
_NO_SPACE = 50_000_000
_REMOTE = frozenset({"9p", "afs", "ceph", "cifs", "fuse.sshfs", "nfs", "nfs4", "smb3", "smbfs"})


class Check:
    """One line of the report. `status` is ok, warn or fail; a cure goes with the last two."""

    def __init__(self, name: str, status: str, message: str, cure: str = ""):
        self.name = name
        self.status = status
        self.message = message
        self.cure = cure


def look(arguments: Arguments, console: Console) -> Iterator[Check]:
    """Check everything but isolation, in the order in which one thing needs the other."""
    paths = find_paths()
    yield _python()
    yield _program()
    yield _config(paths.config)
    yield _state_folder(paths.state)
    yield _space(paths.state)
    daemon = Daemon(arguments, console)
    yield from _daemon(daemon)
    yield from _socket(Path(daemon.socket))
    yield _shells()
    yield _git()
    yield _systemd()
    yield _editors()


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < _OLDEST_PYTHON:
        return Check("python", "fail", version, "install Python 3.11 or newer")
    return Check("python", "ok", f"{version} at {sys.executable}")


def _program() -> Check:
    try:
        return Check("flowd", "ok", find_flowd())
    except StartFailed as error:
        return Check("flowd", "fail", str(error), error.cure)


def _config(path: Path) -> Check:
    import tomllib

    try:
        tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Check("settings", "ok", f"no {path}: the defaults count")
    except (OSError, UnicodeDecodeError) as error:
        return Check("settings", "fail", f"{path} cannot be read: {error}", "mend or remove it")
    except tomllib.TOMLDecodeError as error:
        return Check("settings", "fail", f"{path} is not TOML: {error}", "mend that line")
    return Check("settings", "ok", str(path))


def _state_folder(folder: Path) -> Check:
    """Whether SQLite can work there: write, and share memory between connections (WAL)."""
    existing = folder
    while not existing.exists():
        existing = existing.parent
    try:
        with tempfile.NamedTemporaryFile(dir=existing):
            pass
    except OSError as error:
        cure = "make it writable, or set FLOW_HOME to a folder that is"
        return Check("data", "fail", f"{existing} is not writable: {error.strerror}", cure)
    kind = _file_system(existing)
    if kind in _REMOTE:
        cure = "a database on a network file system can be damaged: set FLOW_HOME to a local folder"
        return Check("data", "fail", f"{folder} is on {kind}", cure)
    return Check("data", "ok", f"{folder} is writable" + (f" ({kind})" if kind else ""))


def _file_system(path: Path) -> str:
    """Give the type of the file system that holds a path, or "" when nobody says."""
    device = os.stat(path).st_dev  # noqa: PTH116
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    for line in mounts.splitlines():
        fields, _, after = line.partition(" - ")
        if fields.split()[2] == wanted:
            return after.split()[0]
    return ""


def _space(folder: Path) -> Check:
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    message = f"{size(free)} free in {folder}"
    if free < _NO_SPACE:
        return Check("disk space", "fail", message, "make room: without it no run can be recorded")
    if free < _LITTLE_SPACE:
        return Check("disk space", "warn", message, "make room soon")
    return Check("disk space", "ok", message)


def _daemon(daemon: Daemon) -> Iterator[Check]:
    try:
        status = daemon.request("flow/daemon/status", {}, timeout=10.0)
    except Failure as failure:
        yield Check("daemon", "fail", failure.message, failure.cure)
        return
    except ClientError as error:
        yield Check("daemon", "fail", str(error), "see flowctl daemon logs")
        return
    version = status["version"]
    if version != __version__:
        message = f"flowd is {version}, flowctl {__version__}"
        yield Check("daemon", "warn", message, "flowctl daemon restart")
    else:
        yield Check("daemon", "ok", f"flowd {version}, pid {status['pid']}")
    if held := status.get("step_limits"):  # an older daemon does not tell
        yield Check("limits", "ok", f"of steps: {held}")
    if status["store_error"]:
        cure = "the message says what to mend; then flowctl daemon restart"
        yield Check("database", "fail", status["store_error"], cure)
    else:
        yield Check("database", "ok", status["database"])
    if problem := status.get("policy_error"):
        cure = "until it is mended, whatever changes something is asked about; flowctl policy show"
        yield Check("policy", "fail", problem, cure)
    else:
        yield Check("policy", "ok", str(find_paths().policy))


def _socket(path: Path) -> Iterator[Check]:
    """Whether nobody else can reach the daemon. The daemon checks the caller's user as well."""
    for place, name, allowed in ((path.parent, "socket's folder", 0o700), (path, "socket", 0o600)):
        try:
            status = place.stat()
        except OSError as error:
            yield Check(name, "warn", f"{place}: {error.strerror}", "flowctl daemon start makes it")
            continue
        mode = stat.S_IMODE(status.st_mode)
        if status.st_uid != os.getuid():
            owner = f"{place} belongs to user {status.st_uid}"
            yield Check(name, "fail", owner, "remove it, then flowctl daemon restart")
        elif mode & ~allowed:
            message = f"{place} has mode {mode:04o}; {allowed:04o} is enough"
            yield Check(name, "warn", message, f"chmod {allowed:o} {place}")
        else:
            yield Check(name, "ok", f"{place} is yours alone")


def _shells() -> Check:
    found = [shell for shell in ("bash", "sh", "zsh", "fish") if shutil.which(shell)]
    message = f"{', '.join(found) or 'none'} found"
    if "bash" not in found:
        cure = "steps use bash unless they say otherwise: install it, or write `shell: sh`"
        return Check("shells", "fail" if "sh" not in found else "warn", message, cure)
    return Check("shells", "ok", message)


def _git() -> Check:
    if shutil.which("git"):
        return Check("git", "ok", "found")
    return Check("git", "warn", "not found", "suggestions for repositories need it: install git")


def _systemd() -> Check:
    if not has_systemd():
        message = "no systemd of this user answers; flowctl starts the daemon when it is needed"
        return Check("systemd", "ok", message)
    if (unit_folder() / "flowd.socket").exists():
        if cure := cure_when_given_up():
            return Check("systemd", "warn", "it no longer tries to start the daemon", cure)
        return Check("systemd", "ok", "it starts the daemon on demand and after a reboot")
    cure = "flowctl daemon install: runs then go on after a reboot by themselves"
    return Check("systemd", "warn", "there, but it does not know the daemon", cure)


def _editors() -> Check:
    editors = {"code": "VS Code", "nvim": "Neovim"}
    found = [name for program, name in editors.items() if shutil.which(program)]
    if not found:
        return Check("editors", "ok", "neither VS Code nor Neovim; others use `flowctl lsp`")
    return Check("editors", "ok", f"{' and '.join(found)}; their clients talk to `flowctl lsp`")
