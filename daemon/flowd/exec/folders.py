"""The folder of each attempt: `STEPS/BOOT/RUN.STEP.KIND.ATTEMPT/`.

    script, stdin      what is run, and what it reads
    record             how far it has come (`holder.py`)
    stdout, stderr     what it wrote
    output             values it published (`outputs.py`)
    limits             how its limits are held, if it has any (`held.py`)
    tmp, layers        what stands in for /tmp, and takes what is written to caches, if it is
                       confined (`boundaries.py`); `bounds` is there until it is
    keys               a FIFO: what is typed at its terminal, if it has one (`terminal.py`)

A folder appears complete under its name, before the attempt's start is recorded; so an attempt
with a recorded start and no folder in BOOT belongs to another boot of the machine. Where an attempt
may have to wait, a promise (`promises.py`) comes before its start, and the folder just before its
process: what is promised has surely not run.

Making and deleting files is the dearest thing about a short step (on some file systems a quarter of
a millisecond for each), so a folder that is done with is used again, with those of its files that
can be. They are overwritten and never cut to nothing: ext4 takes that for the replacing of a
precious file and writes it to the disk at once. A thousand attempts that wait are a thousand lines.
"""
# Paths are strings here: this runs several times a step, and a Path costs more than the call.
# ruff: noqa: PTH101, PTH102, PTH103, PTH104, PTH106, PTH108, PTH110, PTH116, PTH208

import errno
import fcntl
import itertools
import logging
import os
import re
import shutil
import stat
from collections.abc import Collection
from pathlib import Path
from typing import get_args

from flowd.domain.events import ScriptKind, Stream
from flowd.domain.ports import AttemptKey
from flowd.errors import Bug
from flowd.exec.groups import name_of, remove_group
from flowd.exec.held import HELD, held_in
from flowd.exec.promises import Promises
from flowd.exec.regular import read_regular
from flowd.exec.removal import remove_tree

HOLDER_LOG = "holder.log"
MOST_SPARES = 256  # those of as many steps as run at once, and of as many whose end is on its way
SPARE = "spare"
"""So begins the name of a folder that is no attempt's; the next daemon's start removes it."""

PROMISES = "promises"
TEMPORARY, LAYERS = "tmp", "layers"
_OF_CONFINED = frozenset((TEMPORARY, LAYERS))  # which may hold a hundred thousand files
_OUTPUT = frozenset(("stdout", "stderr"))
_NOTHING: frozenset[str] = frozenset()
_UNCLAIMED = "\n"  # what a new record says
_KEPT_UP_TO_BYTES = {"script": 65_536, "record": 65_536, "stdout": 0, "stderr": 0}
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_STEP = re.compile(r"[A-Za-z0-9_-]+(\.[0-9]+)?")  # with a number: an item of the step
_KINDS: dict[str, ScriptKind] = {kind: kind for kind in get_args(ScriptKind)}

log = logging.getLogger(__name__)


def boot_id() -> str:
    """Name this boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


class Folders:
    """The folders of all attempts, in `steps`, which is made if need be.

    `this_boot` is where those of the present boot are, `earlier_boots` where there are others.
    """

    def __init__(self, steps: Path):
        boot = steps / boot_id()
        boot.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.this_boot = os.fspath(boot)
        self.earlier_boots = [
            os.fspath(folder) for folder in steps.iterdir() if folder != boot and folder.is_dir()
        ]
        self._spares: list[str] = []
        self._spare_numbers = itertools.count()
        self._dropped: list[str] = []
        self._promises = Promises(f"{self.this_boot}/{PROMISES}")
        for folder in (self.this_boot, *self.earlier_boots):
            self._look_through(folder)
        self._drop_empty_boots()

    def _look_through(self, boot: str) -> None:
        """Take over what an earlier daemon left there for itself and not for an attempt."""
        for name in os.listdir(boot):
            if name.startswith(f"{SPARE}."):
                remove_tree(f"{boot}/{name}")
            elif name == PROMISES and boot != self.this_boot:
                os.unlink(f"{boot}/{name}")
            elif name in self._promises and boot == self.this_boot:
                self._promises.end(name)  # it was just being kept

    # ------------------------------------------------------------------------ finding an attempt

    def of(self, key: AttemptKey) -> str:
        """Give the folder that an attempt has, or would have, in this boot."""
        return _folder(self.this_boot, key)

    def exists(self, key: AttemptKey) -> bool:
        """Say whether the attempt was laid out, or promised, in this boot."""
        return self.is_promised(key) or os.path.exists(self.of(key))

    def is_promised(self, key: AttemptKey) -> bool:
        """Say whether the attempt has no folder as yet, and so has surely not run."""
        return _name_of(key) in self._promises

    def in_earlier_boot(self, key: AttemptKey) -> str | None:
        """Give the attempt's folder in an earlier boot, if it has one."""
        for boot in self.earlier_boots:
            folder = _folder(boot, key)
            if os.path.exists(folder):
                return folder
        return None

    def leftovers(self) -> list[AttemptKey]:
        """Name the attempts that have a folder, or are promised one, in any boot."""
        boots = (self.this_boot, *self.earlier_boots)
        names = self._promises.names() + [name for boot in boots for name in os.listdir(boot)]
        return sorted({key for name in names if (key := _key_of(name)) is not None})

    # ------------------------------------------------------------------------ making and removing

    def make_or_promise(self, key: AttemptKey, *, script: str, stdin: str | None) -> None:
        """Lay out an attempt where that is cheap and it need not wait; else promise it.

        `make` then keeps the promise. FileExistsError when it was laid out or promised already;
        OSError leaves nothing.
        """
        if self.exists(key):
            raise FileExistsError(errno.EEXIST, "laid out already", self.of(key))
        # Whoever has to wait behind others leaves the folders to those whose turn it is.
        if (self._spares and not self._promises) or not self._promise(key):
            self.make(key, script=script, stdin=stdin)

    def _promise(self, key: AttemptKey) -> bool:
        """Promise a folder; False where that cannot be."""
        _check(key)
        try:
            self._promises.add(_name_of(key))
        except OSError:
            return False
        return True

    def make(self, key: AttemptKey, *, script: str, stdin: str | None) -> None:
        """Lay out an attempt. FileExistsError when it was already; OSError leaves all as it was."""
        if not self.is_promised(key):
            _check(key)
        try:
            self._lay_out(key, script, stdin)
        except FileNotFoundError:  # somebody removed our folders while we work
            os.makedirs(self.this_boot, 0o700, exist_ok=True)
            self._spares.clear()
            self._promises.write_anew()
            self._lay_out(key, script, stdin)
        self._forget_promise(key)

    def _lay_out(self, key: AttemptKey, script: str, stdin: str | None) -> None:
        spare = self._spares.pop() if self._spares else self._new_spare()
        try:
            _write(f"{spare}/script", script)
            if stdin is not None:
                _write(f"{spare}/stdin", stdin)
            os.rename(spare, self.of(key))
        except OSError:
            shutil.rmtree(spare, ignore_errors=True)
            raise

    def forget(self, key: AttemptKey, *, silent: bool = False) -> None:
        """Remove all of an attempt, of any boot. What cannot be removed is logged.

        `silent` are attempts that wrote nothing, and whose output nobody has open.
        """
        try:
            self._forget_promise(key)
            self._keep_as_spare(self.of(key), at_rest=_OUTPUT if silent else _NOTHING)
            for boot in self.earlier_boots:
                remove_tree(_folder(boot, key))
        except OSError:
            log.warning("the folder of %s could not be removed", key, exc_info=True)
        if self.earlier_boots:
            self._drop_empty_boots()

    def _forget_promise(self, key: AttemptKey) -> None:
        if self.is_promised(key):
            self._promises.end(_name_of(key))

    def close(self) -> None:
        """Let go of what is open."""
        self._promises.close()

    def take_dropped(self) -> list[str]:
        """Give the folders that are nobody's any more and may take long to remove, once each."""
        dropped, self._dropped = self._dropped, []
        return dropped

    def _keep_as_spare(self, folder: str, at_rest: Collection[str]) -> None:
        spare = self._spare_path()
        try:
            os.rename(folder, spare)  # first: nobody finds its files by their names any more
        except FileNotFoundError:
            return
        names = os.listdir(spare)
        if HELD in names:
            _remove_control_group(spare, name_of(folder))
        if not _OF_CONFINED.isdisjoint(names):
            self._dropped.append(spare)
            return
        if len(self._spares) >= MOST_SPARES:
            shutil.rmtree(spare)
            return
        kept = [name for name in names if name in at_rest or _clean(spare, name)]
        if "record" not in kept:
            _write(f"{spare}/record", _UNCLAIMED)
        os.chmod(spare, 0o700)  # the script may have taken it from us
        self._spares.append(spare)

    def _new_spare(self) -> str:
        spare = self._spare_path()
        os.mkdir(spare, 0o700)
        try:
            _write(f"{spare}/record", _UNCLAIMED)
        except OSError:
            shutil.rmtree(spare, ignore_errors=True)
            raise
        return spare

    def _spare_path(self) -> str:
        return f"{self.this_boot}/{SPARE}.{next(self._spare_numbers)}"

    def _drop_empty_boots(self) -> None:
        for boot in list(self.earlier_boots):
            try:
                if os.listdir(boot) == [HOLDER_LOG]:
                    os.unlink(f"{boot}/{HOLDER_LOG}")
                if not os.listdir(boot):
                    os.rmdir(boot)
                    self.earlier_boots.remove(boot)
            except OSError:
                log.warning("the empty folder %s could not be removed", boot, exc_info=True)

    # ------------------------------------------------------------------------ what was written

    def size(self, key: AttemptKey, stream: Stream) -> int:
        """Count the bytes of a stream; 0 when there is none."""
        try:
            status = os.stat(self._stream(key, stream))
        except OSError:  # gone, or made unreachable by the script
            return 0
        return status.st_size if stat.S_ISREG(status.st_mode) else 0

    def read(self, key: AttemptKey, stream: Stream, offset: int, limit: int) -> bytes:
        """Give up to `limit` bytes of a stream; none when there is none."""
        return read_regular(self._stream(key, stream), limit, offset) or b""

    def release(self, key: AttemptKey, stream: Stream, start: int, end: int) -> None:
        """Give back to the disk what a stream has between two offsets."""
        from flowd.exec.holes import punch_hole  # here: ctypes is 1 MB that most daemons never need

        punch_hole(self._stream(key, stream), start, end)

    def _stream(self, key: AttemptKey, stream: Stream) -> str:
        folder = self.of(key)
        if self.earlier_boots and not os.path.exists(folder):
            folder = self.in_earlier_boot(key) or folder
        return f"{folder}/{stream}"


def _folder(boot: str, key: AttemptKey) -> str:
    if "/" in key.run or "/" in key.step:
        raise Bug(f"{key} would lead out of the folder of attempts")
    return f"{boot}/{_name_of(key)}"


def _name_of(key: AttemptKey) -> str:
    return f"{key.run}.{key.step}.{key.kind}.{key.attempt}"


def _check(key: AttemptKey) -> None:
    if not (_NAME.fullmatch(key.run) and _STEP.fullmatch(key.step)):
        raise Bug(f"{key} cannot be the name of a folder")


def _key_of(name: str) -> AttemptKey | None:
    """Give the attempt whose folder is called so; None when it is something else."""
    match name.split("."):
        case [run, *step, kind, attempt] if step and kind in _KINDS and attempt.isdecimal():
            return AttemptKey(run, ".".join(step), _KINDS[kind], int(attempt))
    return None


def _write(path: str, text: str) -> None:
    content = text.encode(errors="surrogateescape")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        written = 0
        while written < len(content):
            written += os.write(descriptor, content[written:])
        if os.fstat(descriptor).st_size != written:
            os.ftruncate(descriptor, written)
    finally:
        os.close(descriptor)


def _remove_control_group(folder: str, name: str) -> None:
    """Remove the control group of that name, of the attempt whose folder this was."""
    held = held_in(folder, name)
    if held is not None and held.group:
        remove_group(held.group)


def _clean(folder: str, name: str) -> bool:
    """Make a file of the last attempt ready for the next one, or remove it; say whether it stays.

    What stays is wanted, small enough, and surely open nowhere: a process that the last attempt
    left behind may still write to its stdout or read its script, and these must not become the
    next one's. The kernel grants a write lease only on a file that nobody else has open.
    """
    path = f"{folder}/{name}"
    most_bytes = _KEPT_UP_TO_BYTES.get(name)
    if most_bytes is None or not _can_be_used_again(path, name, most_bytes):
        try:
            os.unlink(path)
        except IsADirectoryError:
            shutil.rmtree(path)
        return False
    return True


def _can_be_used_again(path: str, name: str, most_bytes: int) -> bool:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        status = os.fstat(descriptor)
        # What has another name is somebody's file, which we would overwrite.
        if status.st_size > most_bytes or status.st_nlink != 1:
            return False
        if name == "record":
            os.pwrite(descriptor, _UNCLAIMED.encode(), 0)
            os.ftruncate(descriptor, len(_UNCLAIMED))
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)  # gives the lease back
