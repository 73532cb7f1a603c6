"""A real `systemd --user` for tests, in namespaces of its own, without systemd as process 1.

Needs root, util-linux and control groups version 2; `reason_to_skip` says what is missing.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = ("unshare", "nsenter", "mount", "systemctl", "/usr/lib/systemd/systemd")
PATIENCE = 30.0  # seconds until something that should happen at once is called missing


def control_group_root() -> Path | None:
    """Where control groups version 2 are mounted, alone or next to version 1."""
    for root in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")):
        if (root / "cgroup.procs").exists():
            return root
    return None


def reason_to_skip() -> str | None:
    """Why a user manager cannot run here; None when it can."""
    if os.geteuid() != 0:
        return "a systemd --user in namespaces of its own needs root"
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    root = control_group_root()
    if root is None or not os.access(root, os.W_OK):
        return "control groups version 2 are not mounted or not writable"
    tried = subprocess.run(
        ["unshare", "--mount", "--pid", "--cgroup", "--ipc", "--fork", "--mount-proc", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"unshare: {tried.stderr.strip()}" if tried.returncode else None


@dataclass(frozen=True)
class UserManager:
    """A running `systemd --user`. `home` and `runtime` are the HOME and XDG_RUNTIME_DIR it has."""

    home: Path
    runtime: Path
    log: Path
    first_pid: int

    def run(self, *command: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command beside the manager, as its user would in a terminal."""
        ended = subprocess.run(
            [
                *("nsenter", f"--target={self.first_pid}"),
                *("--mount", "--pid", "--cgroup", "--ipc", "--"),
                *("env", "-i", f"HOME={self.home}", f"XDG_RUNTIME_DIR={self.runtime}"),
                *("PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"),
                *command,
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if check and ended.returncode:
            raise AssertionError(
                f"{command} ended with {ended.returncode}\n{ended.stdout}{ended.stderr}\n"
                f"--- systemd and its services:\n{self.log.read_text()[-8000:]}"
            )
        return ended

    def systemctl(self, *arguments: str, check: bool = True) -> str:
        """Give what `systemctl --user` prints."""
        return self.run("systemctl", "--user", *arguments, check=check).stdout.strip()

    def property(self, unit: str, name: str) -> str:
        """Give one property of a unit, as `systemctl show` has it."""
        return self.systemctl("show", "--value", f"--property={name}", unit)

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Ask again until it is so; systemd has no news to wait on for what we ask here."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"never: {what}\n{self.log.read_text()[-8000:]}")
            time.sleep(0.05)


@contextlib.contextmanager
def user_manager() -> Iterator[UserManager]:
    """Start a user manager with an empty home; on leaving, all it ever started is gone."""
    root = control_group_root()
    assert root is not None, "ask reason_to_skip first"
    group = root / f"flow-test-{os.getpid()}"
    with tempfile.TemporaryDirectory(prefix="flow-") as folder, contextlib.ExitStack() as undo:
        base = Path(folder)  # short, since socket paths are limited to 107 bytes
        home, runtime, log = base / "home", base / "run", base / "systemd.log"
        home.mkdir()
        runtime.mkdir(mode=0o700)
        group.mkdir()
        undo.callback(remove_group, group)
        output = undo.enter_context(log.open("w"))
        enter_group = 'echo $$ > "$0/cgroup.procs"; exec "$@"'
        namespaces = ("--mount", "--pid", "--cgroup", "--ipc", "--fork", "--mount-proc")
        with _ready_socket(runtime / "ready") as ready:
            process = subprocess.Popen(
                [
                    *("sh", "-c", enter_group, group),
                    *("unshare", *namespaces, "--kill-child=KILL"),
                    *(HERE / "user_manager.sh", home, runtime),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
            undo.callback(process.wait)
            undo.callback(process.kill)  # process 1 of the namespace dies with it, and all others
            _wait_until_ready(ready, log)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield UserManager(home, runtime, log, int(children[0]))


@contextlib.contextmanager
def _ready_socket(path: Path) -> Iterator[socket.socket]:
    """Where the manager says READY=1. To be closed then: it would block on a full queue later."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(path))
        receiver.settimeout(PATIENCE)
        yield receiver


def _wait_until_ready(receiver: socket.socket, log: Path) -> None:
    try:
        while "READY=1" not in receiver.recv(4096).decode().splitlines():
            pass
    except TimeoutError as error:
        raise AssertionError(f"systemd --user never got ready\n{log.read_text()}") from error


def remove_group(group: Path) -> None:
    """Remove a control group and those in it, once their last processes are gone."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            for folder, _, _ in os.walk(group, topdown=False):
                Path(folder).rmdir()
            return
        except OSError:  # the last processes are still on their way out
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
