"""A machine to switch off: systemd as process 1, on a copy-on-write copy of this machine's root.

What the machine writes stays on its disk (a folder on another file system than the root) from boot
to boot; everything else is gone after `cut_power`. Needs root, as `reason_to_skip` says.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from support.systemd import control_group_root, reason_to_skip, remove_group

HERE = Path(__file__).resolve().parent
TREE = HERE.parents[1]
USER, UID = "flow-user", 1500
PATIENCE = 60.0  # seconds until something that should happen at once is called missing

_TARGET = """\
[Unit]
Requires=basic.target
Wants=systemd-logind.service dbus.service systemd-user-sessions.service
After=basic.target systemd-user-sessions.service systemd-logind.service
AllowIsolate=yes
"""
# They need hardware, a network, or time, and nothing here is about them.
_NOT_WANTED = "timesyncd udevd resolved networkd hwdb-update journal-catalog-update update-done"


def why_no_machine() -> str | None:
    """Why no machine can be booted here; None when one can."""
    if (reason := reason_to_skip()) is not None:
        return reason
    if not shutil.which("dbus-daemon"):
        return "dbus-daemon is not installed, without which no user is logged in"
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == Path("/").stat().st_dev:
        return "there is no file system beside the root for the machine's disk"
    return None


class Machine:
    """A machine that is on or off. `disk` is where its files are, as changes to ours."""

    def __init__(self, disk: Path):
        self.disk = disk
        self.log = disk / "console.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._group: Path | None = None
        self._boots = 0

    @property
    def home(self) -> Path:
        """The user's home, as seen from here."""
        return self.disk / f"upper/home/{USER}"

    # ------------------------------------------------------------------------------- on and off

    def boot(self) -> None:
        """Switch on, and wait until systemd has started what it is to start."""
        root = control_group_root()
        assert root is not None, "ask why_no_machine first"
        self._boots += 1
        group = self._group = root / f"flow-machine-{os.getpid()}-{self._boots}"
        group.mkdir()
        namespaces = ("--mount", "--uts", "--ipc", "--pid", "--cgroup", "--net", "--fork")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *("sh", "-c", 'echo $$ > "$0/cgroup.procs"; exec "$@"', group),
                    *("unshare", *namespaces, "--kill-child=KILL"),
                    *(HERE / "machine.sh", self.disk, TREE, *_python_elsewhere()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.wait_for(self._is_up, "the machine has booted")
        self.wait_for(self._serves_its_user, "its user's systemd answers")

    def cut_power(self) -> None:
        """Switch off without a word to anybody."""
        if self._process is not None:
            self._process.kill()  # process 1 of the machine dies with it, and all others
            self._gone()

    def shut_down(self) -> None:
        """Switch off as users do."""
        self.run("systemctl", "poweroff", check=False, as_root=True)
        self._gone()

    def _gone(self) -> None:
        assert self._process is not None
        assert self._group is not None
        self._process.wait(PATIENCE)
        self._process = None
        remove_group(self._group)

    def _first_pid(self) -> int | None:
        """Process 1 of the machine, once it is systemd."""
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        with contextlib.suppress(OSError):
            for pid in map(int, children.read_text().split()):
                if Path(f"/proc/{pid}/comm").read_text() == "systemd\n":
                    return pid
        return None

    def _is_up(self) -> bool:
        if self._first_pid() is None:
            return False
        state = self.run("systemctl", "is-system-running", check=False, as_root=True)
        return state.strip() in ("running", "degraded")

    def _serves_its_user(self) -> bool:
        """Whether the user's own systemd is up: the machine counts as booted without it, too."""
        state = self.run("systemctl", "--user", "is-system-running", check=False)
        return state.strip() in ("running", "degraded")

    # ------------------------------------------------------------------------------ being used

    def run(self, *command: str | Path, check: bool = True, as_root: bool = False) -> str:
        """Run a command on the machine, as its user; give what it printed."""
        who = () if as_root else ("runuser", "-u", USER, "--")
        ended = subprocess.run(
            [
                *("nsenter", f"--target={self._first_pid()}", "--all", "--wd=/", "--", *who),
                *("env", "-i", f"HOME=/home/{USER}", f"XDG_RUNTIME_DIR=/run/user/{UID}"),
                *("PATH=/usr/local/bin:/usr/bin:/bin:/sbin", "LANG=C.UTF-8"),
                *command,
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        if check and ended.returncode:
            raise AssertionError(
                f"{command} ended with {ended.returncode}\n{ended.stdout}{ended.stderr}\n"
                f"--- console:\n{self.log.read_text()[-4000:]}"
            )
        return ended.stdout

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Ask again until it is so."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"never: {what}\n{self.log.read_text()[-4000:]}")
            time.sleep(0.05)


@contextlib.contextmanager
def new_machine() -> Iterator[Machine]:
    """A machine that was never on, with one user, for whom systemd works without a login."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="flow-machine-") as folder:
        machine = Machine(Path(folder))
        _install(machine.disk / "upper")
        try:
            yield machine
        finally:
            machine.cut_power()


def _install(disk: Path) -> None:
    units = disk / "etc/systemd/system"
    units.mkdir(parents=True)
    (units / "flow-test.target").write_text(_TARGET)
    for name in _NOT_WANTED.split():
        (units / f"systemd-{name}.service").symlink_to("/dev/null")
    (units / "ldconfig.service").symlink_to("/dev/null")
    for name, entry in (
        ("passwd", f"{USER}:x:{UID}:{UID}::/home/{USER}:/bin/bash"),
        ("group", f"{USER}:x:{UID}:"),
        ("shadow", f"{USER}:*:19000::::::"),
    ):
        (disk / f"etc/{name}").write_text(f"{Path('/etc', name).read_text()}{entry}\n")
    machine_id = subprocess.check_output(["systemd-id128", "new"], text=True)
    (disk / "etc/machine-id").write_text(machine_id)
    (disk / "var/lib/systemd/linger").mkdir(parents=True)
    (disk / "var/lib/systemd/linger" / USER).touch()
    for updated in (disk / "etc/.updated", disk / "var/.updated"):
        updated.touch()  # or systemd would do what follows an upgrade of /usr
        os.utime(updated, ns=(Path("/usr").stat().st_mtime_ns,) * 2)
    home = disk / "home" / USER
    home.mkdir(parents=True)
    os.chown(home, UID, UID)


def _python_elsewhere() -> list[Path]:
    """Where this Python is, when it is neither in the tree nor in the system."""
    base = Path(sys.base_prefix)
    return [] if base.is_relative_to("/usr") or base.is_relative_to(TREE) else [base]
