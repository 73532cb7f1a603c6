"""A machine whose power fails: the real daemon, its home on a disk that loses what is not synced.

The machine is a PID namespace, so nothing in it outlives the cut, and every boot has an id of its
own. Needs root and FUSE, as `why_no_lossy_machine` says. Whatever must tell the truth after a cut
(a witness) belongs outside of `home`.
"""

import ctypes.util
import errno
import importlib.util
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

from flowproto.client import DaemonUnreachable, connect
from support.doomed_daemon import WITH_TEST_SUPPORT
from support.real_daemon import BIN, PATIENCE_SECONDS

NAMESPACES = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
BOOT_ID = "/proc/sys/kernel/random/boot_id"
# The daemon as it is, and one that leaves out the syncs of its database.
FLOWD = [str(BIN / "flowd")]
CARELESS_FLOWD = [sys.executable, "-m", "support.careless_daemon"]


def why_no_lossy_machine() -> str | None:
    """Why there can be none here; None when there can be one."""
    if os.geteuid() != 0:
        return "mounting a file system of its own needs root"
    if not Path("/dev/fuse").exists():
        return "there is no /dev/fuse"
    if ctypes.util.find_library("fuse3") is None:
        return "libfuse3 is not installed (tests/install_tools.sh does)"
    if importlib.util.find_spec("mfusepy") is None:
        return "mfusepy is not installed (make setup does)"
    if shutil.which("unshare") is None:
        return "unshare is not installed"
    tried = subprocess.run([*NAMESPACES, "true"], capture_output=True, text=True, check=False)
    return f"unshare: {tried.stderr.strip()}" if tried.returncode else None


class LossyDisk:
    """The file system of `lossy_fs.py`, mounted at `folder`/disk from `mount` to `cut_power`."""

    def __init__(self, folder: Path, seed: int):
        self.root = folder / "disk"
        self.root.mkdir()
        self._platter = folder / "platter"
        self._chance = random.Random(seed)
        self._server: subprocess.Popen[str] | None = None

    def mount(self) -> None:
        """Have what the last cut left, or nothing yet."""
        _sweep_dead_mounts()
        seed = str(self._chance.randrange(1 << 30))
        self._server = subprocess.Popen(
            [sys.executable, "-m", "support.lossy_fs", str(self.root), str(self._platter), seed],
            env=WITH_TEST_SUPPORT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.root.is_mount():
            assert self._server.poll() is None, "the lossy file system could not be mounted"
            assert time.monotonic() < deadline, "the lossy file system is not mounted"
            time.sleep(0.01)

    def order(self, order: str) -> str:
        """Give an order and its answer."""
        assert self._server is not None
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(f"{order}\n")
        self._server.stdin.flush()
        return self._server.stdout.readline().strip()

    def cut_power(self) -> str:
        """Lose what is not synced, if it is mounted; give what that was."""
        if self._server is None:
            return ""
        told = self.order("cut")
        self._server.communicate(timeout=PATIENCE_SECONDS)
        self._server = None
        return told


def _sweep_dead_mounts() -> None:
    """Take away the mounts of servers that were killed, with the tests that had started them.

    Such a mount answers nobody, and `df` and backups of the machine stumble over it.
    """
    for line in Path("/proc/self/mounts").read_text().splitlines():
        source, mountpoint = line.split()[:2]
        if source != "lossy":
            continue
        try:
            Path(mountpoint).stat()
        except OSError as error:
            if error.errno == errno.ENOTCONN:
                subprocess.run(["umount", "--lazy", mountpoint], check=False)


class LossyMachine:
    """A machine that is on or off; `home` is the daemon's home, there while it is on.

    `cuts` is what the disk said about each cut.
    """

    def __init__(self, folder: Path, seed: int, daemon: list[str] | None = None):
        self.disk = LossyDisk(folder, seed)
        self.home = self.disk.root
        self.socket = self.home / "flowd.sock"
        self.cuts: list[str] = []
        self._daemon = daemon or FLOWD
        self._log = folder / "daemon.log"
        self._boot_id = folder / "boot_id"
        self._machine: subprocess.Popen[bytes] | None = None

    def boot(self) -> None:
        """Switch the machine on and wait until its daemon answers."""
        self.disk.mount()
        settings = self.home / "config.toml"
        if not settings.exists():  # keeping files costs syncs, and nothing here is put back
            settings.write_text("[engine]\nsaved_bytes_per_step = 0\n")
            os.sync()
        self._boot_id.write_text(f"{uuid.uuid4()}\n")
        starting = (
            f"mount --bind {shlex.quote(str(self._boot_id))} {BOOT_ID} &&"
            f" {{ {shlex.join(self._daemon)} & wait; }}"  # its orphans are this shell's
        )
        with self._log.open("ab") as log:
            self._machine = subprocess.Popen(
                [*NAMESPACES, "sh", "-c", starting],
                env={
                    **WITH_TEST_SUPPORT,
                    "FLOW_HOME": str(self.home),
                    "DBUS_SESSION_BUS_ADDRESS": "disabled:",
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                connect(self.socket, timeout=PATIENCE_SECONDS).close()
            except DaemonUnreachable:
                ended = self._machine.poll() is not None
                assert not ended and time.monotonic() < deadline, self.log()
                time.sleep(0.01)  # another process: no clock of ours can be turned
            else:
                return

    def cut_power(self) -> None:
        """End everything at once and lose what is not synced."""
        if self._machine is not None:
            self._stop_everything(self._machine)
            self._machine = None
        if told := self.disk.cut_power():
            self.cuts.append(told)

    def log(self) -> str:
        """What the daemons wrote."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _stop_everything(self, machine: "subprocess.Popen[bytes]") -> None:
        """Kill the first process of the namespace: the kernel ends all others with it."""
        pid = machine.pid
        first = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for number in first:
            os.kill(int(number), signal.SIGKILL)
        machine.wait(PATIENCE_SECONDS)
