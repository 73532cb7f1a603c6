"""The holder: the parent of every step, in a process of its own.

A step must go on when the daemon is killed, crashes or is upgraded; it must run at most once; and
its exit code must not be lost. Only a parent learns an exit code, so the parent of steps is not
the daemon but this program. The daemon starts it (`link.py`), sends it orders over a socket, and
may die: the holder goes on until the last of its steps has ended and is recorded.

It is run as `python -I -S holder.py`: the standard library and nothing else, so it starts in some
15 ms, stays small, and no installed package can break it. A holder of an older release may be at
work beside a newer daemon, so the record below is a format that only grows.

The folder of an attempt holds a file `record`, to which lines are added:

    claim HOLDER NANOSECONDS       whoever writes the first line may make the process
    refused                        nothing was run, and nothing will be
    pid PID NANOSECONDS            the process exists
    end CODE MILLISECONDS BYTES CPU MEMORY
                                   it ended: exit code, duration, bytes it had written by then;
                                   then (not in the oldest records) ms of CPU, KiB of memory

A step on a terminal gets a second process, which keeps the terminal (`terminal.py`): it copies
what is written to the attempt's `stdout` and takes keys from the FIFO `keys`, so that neither a
slow disk nor a flood of output holds this program up. The end of such a step is recorded once its
last words are copied.

A script may be over before those that write for it: `exec > >(tee log)` leaves a `tee` behind that
nobody waits for. So the daemon is told of the end when no other process has the attempt's output
open any more, or, as with a server that was put in the background, PATIENCE_SECONDS later.

Nanoseconds are those of CLOCK_BOOTTIME, which no change of the wall clock and no sleep disturbs.
"""
# Paths are strings here: pathlib would double the time this program takes to start.
# ruff: noqa: PTH100, PTH116, PTH120, PTH208

import contextlib
import errno
import fcntl
import marshal
import os
import select
import signal
import sys
import time
from collections.abc import Iterator

TYPE_CHECKING = False
if TYPE_CHECKING:
    import resource

Order = tuple[int, str, str, tuple[str, ...], dict[str, str], str | tuple[int, int] | None]
"""Number, attempt's folder, working folder, command (a path first), environment, and the file for
stdin, or for a terminal its columns and rows, None where nobody has said them. After the word
INSTEAD in a command stand a path and the words of a command, to be tried first; at the end, after
COPIED_BY, the program that copies the output from pipes to the files (`reopening.py`). (The first
release's holder gives them to the script, as arguments that it does not look at.)"""

Finished = tuple[int, str, int, int, str]
"""Number, attempt's folder, exit code, duration in ms, and CPU and memory as in the record."""

Reply = tuple[int, str, int, int, str]
"""Number, then `ended` with exit code, duration in ms, and CPU and memory as in the record, and
after them `silent` if nothing was written and nothing can be any more, or `open` if others still
can; `taken` when somebody else has claimed the attempt; or `cwd` or `spawn`, the act that failed,
with errno, 0 and the system's words."""

READ_BYTES = 262_144
RETRY_MILLISECONDS = 1000  # how often a line is written again that the disk had no room for
PATIENCE_SECONDS = 0.5  # with what has an attempt's output open after its end
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.001, 0.032  # between looks at that
MOST_OPEN_RECORDS = 128  # which is far from what a process may have open; more are opened anew
WRITTEN = ("stdout", "stderr", "output")
USUAL_UMASK = 0o022  # the daemon's own is stricter, and not meant for what users' commands make
# SIGIO comes when somebody opens a file on which we have a lease.
DEAF_TO = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGIO)
INSTEAD = "--instead"
COPIED_BY = "--copied-by\n"  # which no word of a plain command ends with
KEYS = "keys"  # the FIFO, in an attempt's folder, of what is typed at its terminal
USUAL_WINDOW = (80, 24)  # columns and rows, until somebody says how large theirs is
RESET_IN_STEPS = tuple(map(int, (*DEAF_TO, signal.SIGPIPE, signal.SIGXFSZ)))  # Python ignores two

OPEN, UNKNOWN = -1, -2  # instead of a size, see `size_at_rest`
SILENT, STAYS_OPEN = "silent", "open"

_LEASED = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND

Files = tuple[tuple[int | str, ...], ...]
"""What a process is to have open, for posix_spawn."""


# ------------------------------------------------------------------------- messages and records


def pack(message: Order | Reply) -> bytes:
    """Make a message ready for the socket: its length in four bytes, then its body."""
    body = marshal.dumps(message)
    return len(body).to_bytes(4, "little") + body


def take_bodies(inbox: bytearray) -> Iterator[bytes]:
    """Remove the complete messages from the front of `inbox` and give their bodies."""
    while len(inbox) >= 4:
        end = 4 + int.from_bytes(inbox[:4], "little")
        if len(inbox) < end:
            return
        body = bytes(inbox[4:end])
        del inbox[:end]
        yield body


def claim(folder: str, lines: str) -> bool:
    """Begin the record of an attempt with these lines, unless it was begun: one caller succeeds.

    OSError when there is no such attempt, or no room on the disk; nothing was written then.
    """
    record = _begin_record(folder, lines)
    if record is not None:
        os.close(record)
    return record is not None


def _begin_record(folder: str, lines: str) -> int | None:
    """As `claim`, and give the record, open to add to it; None when somebody else has begun it.

    As long as it is open nobody else can begin it, which nobody may any more.
    """
    record = _open_record(folder)
    try:
        fcntl.lockf(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(record).st_size <= 1:  # a new one is an empty line
            os.write(record, lines.encode())
            return record
    except BlockingIOError:  # somebody is about to write it
        pass
    except BaseException:
        os.close(record)
        raise
    os.close(record)
    return None


def _open_record(folder: str) -> int:
    """Open the record to add to it. FileNotFoundError when a script put something else there."""
    # Opening a pipe must not wait for somebody to read it, and a link leads to somebody's file.
    flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(f"{folder}/record", flags)
    except OSError as error:
        if error.errno in (errno.EISDIR, errno.ENXIO, errno.ENOTDIR, errno.ELOOP):
            raise FileNotFoundError(errno.ENOENT, "not a record any more", folder) from error
        raise


def bytes_written(folder: str) -> int:
    """Count what an attempt has written to its streams and to $FLOW_OUTPUT."""
    total = 0
    for name in WRITTEN:
        try:
            total += os.stat(f"{folder}/{name}").st_size
        except OSError:  # the script may have done anything to its folder
            continue
    return total


def size_at_rest(folder: str) -> int:
    """Count what an attempt has written, as `bytes_written`, when nobody can write any more.

    OPEN while another process has its stdout or stderr open, UNKNOWN where that cannot be told:
    the kernel grants a write lease only on a file that nobody else has open (fcntl(2)).
    """
    total = 0
    for name in WRITTEN[:2]:
        try:
            descriptor = os.open(f"{folder}/{name}", _LEASED)
        except OSError:  # it is on a terminal; or the script may have done anything to its folder
            return UNKNOWN
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            status = os.fstat(descriptor)
        except OSError as error:
            return OPEN if error.errno == errno.EAGAIN else UNKNOWN
        finally:
            os.close(descriptor)  # gives the lease back
        if status.st_nlink != 1:  # it is known elsewhere
            return UNKNOWN
        total += status.st_size
    with contextlib.suppress(OSError):  # most have none
        total += os.stat(f"{folder}/{WRITTEN[2]}").st_size
    return total


def leases_work(folder: str) -> bool:
    """Whether a lease is granted here on a file that nobody has open: not on every network."""
    path = f"{folder}/lease.{os.getpid()}"
    try:
        descriptor = os.open(path, _LEASED | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.unlink(path)  # noqa: PTH108
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        finally:
            os.close(descriptor)
    except OSError:
        return False
    return True


class Lingering:
    """An attempt that has ended, and whose end the daemon is to be told when its output rests."""

    def __init__(self, folder: str, end: Reply):
        self.folder, self.end = folder, end
        self.pause = FIRST_PAUSE_SECONDS
        self.look_at = time.monotonic()
        self.give_up_at = self.look_at + PATIENCE_SECONDS


# ------------------------------------------------------------------------------------ the holder


class Holder:
    """Makes the processes that are ordered on the socket `control`, and sees them to their end."""

    def __init__(self, control: int, *, leases: bool):
        self._control = control
        self._leases = leases
        self._inbox = bytearray()
        self._listening = True
        # pid: number, folder, started, pid of the keeper of its terminal or 0
        self._running: dict[int, tuple[int, str, int, int]] = {}
        # keeper's pid: what there is to record of the step, once that has ended
        self._keepers: dict[int, Finished | None] = {}
        self._peak = 0  # of our own memory, in KiB, when it was looked at last
        self._unrecorded: list[tuple[str, str]] = []  # folder and line: the disk had no room
        self._records: dict[str, int] = {}  # by folder, those that are kept open
        self._lingering: list[Lingering] = []  # oldest first
        self._copiers: dict[int, str] = {}  # by pid, the attempt's folder

    def serve(self) -> None:
        """Work until the daemon is gone and everything has ended."""
        woken, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(woken, select.POLLIN)
        poll.register(self._control, select.POLLIN)
        while self._listening or self._running or self._keepers or self._unrecorded:
            for descriptor, _ in poll.poll(self._milliseconds_to_sleep()):
                if descriptor == woken:
                    os.read(woken, 4096)
                elif not self._take_orders():
                    poll.unregister(self._control)
                    self._listening = False
                    self._lingering.clear()  # the next daemon goes by the records
            self._reap()
            self._record_again()
            self._look_at_lingering()

    def _milliseconds_to_sleep(self) -> float | None:
        """Give how long there is nothing to do unless something happens; None for ever."""
        pauses: list[float] = [RETRY_MILLISECONDS] if self._unrecorded else []
        if self._lingering:
            now = time.monotonic()
            pauses += [1000 * max(0.0, each.look_at - now) for each in self._lingering]
        return min(pauses, default=None)

    def _take_orders(self) -> bool:
        """Carry out what has arrived; False once the daemon is gone."""
        try:
            data = os.read(self._control, READ_BYTES)
        except ConnectionError:
            return False
        self._inbox += data
        for body in take_bodies(self._inbox):
            order: Order = marshal.loads(body)  # noqa: S302  # the daemon that started us wrote it
            reply = self._start(order)
            if reply is not None:
                self._send(reply)
        return bool(data)

    def _start(self, order: Order) -> Reply | None:
        """Make the process, unless somebody has claimed the attempt; a reply says why not."""
        number, folder, working_folder, command, environment, stdin = order
        command, copier = _copied_by(command)
        started = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        act, keeper = "spawn", 0
        pipes: list[int] = []
        try:
            record = _begin_record(folder, f"claim {os.getpid()} {started}\n")
            if record is None:
                return (number, "taken", 0, 0, "")
            self._records[folder] = record
            try:
                if copier:  # before we change the folder, which copiers must not keep
                    self._add_copied_pipes(pipes, folder, copier)
                act = "cwd"
                os.chdir(working_folder)
                act = "spawn"
                if isinstance(stdin, str):
                    files = _on_pipes(pipes, stdin) if pipes else _on_files(folder, stdin)
                    pid = _spawn(command, environment, files)
                else:
                    window = stdin or USUAL_WINDOW
                    pid, keeper = self._spawn_on_terminal(folder, command, environment, window)
            except (OSError, ValueError):
                self._record(folder, "refused\n")
                self._close_record(folder)
                raise
            finally:
                os.chdir("/")  # or that folder could not be unmounted while we live
                for pipe in pipes:
                    os.close(pipe)
        except OSError as error:
            return (number, act, error.errno or 0, 0, str(error))
        except ValueError as error:  # an environment that no process can have
            return (number, act, errno.EINVAL, 0, str(error))
        self._running[pid] = (number, folder, started, keeper)
        self._record(folder, f"pid {pid} {time.clock_gettime_ns(time.CLOCK_BOOTTIME)}\n")
        if len(self._records) > MOST_OPEN_RECORDS:
            self._close_record(folder)
        return None

    def _add_copied_pipes(self, pipes: list[int], folder: str, copier: str) -> None:
        """Add two pipes to write to, each copied to one of the attempt's files until all let go."""
        for name in WRITTEN[:2]:
            read, write = os.pipe2(os.O_CLOEXEC)
            pipes.append(write)
            try:
                pid = os.posix_spawn(
                    copier,
                    (copier,),
                    {},
                    setsid=True,
                    file_actions=(
                        (os.POSIX_SPAWN_DUP2, read, 0),
                        (os.POSIX_SPAWN_OPEN, 1, f"{folder}/{name}", _APPEND, 0o600),
                    ),
                )
            finally:
                os.close(read)
            self._copiers[pid] = folder

    def _spawn_on_terminal(
        self,
        folder: str,
        command: tuple[str, ...],
        environment: dict[str, str],
        window: tuple[int, int],
    ) -> tuple[int, int]:
        """Make the process on a terminal of its own; give its pid and that of the keeper."""
        import termios  # here, because it is a tenth of the time this program takes to start

        os.mkfifo(f"{folder}/{KEYS}", 0o600)
        keys = os.open(f"{folder}/{KEYS}", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            master, slave = os.openpty()  # ours until both are there: a moment without is a hang-up
            try:
                columns, rows = window
                termios.tcsetwinsize(slave, (rows, columns))
                keeper = _spawn_keeper(folder, master, keys)
                self._keepers[keeper] = None
                try:
                    files = _on_terminal(os.ttyname(slave))
                    return _spawn(command, environment, files), keeper
                except (OSError, ValueError):
                    os.kill(keeper, signal.SIGTERM)
                    raise
            finally:
                os.close(slave)
                os.close(master)
        finally:
            os.close(keys)

    def _reap(self) -> None:
        """Record and report every process that has ended."""
        while self._running or self._keepers or self._copiers:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if not pid:
                return
            if self._copiers.pop(pid, None) is not None:
                continue
            if pid in self._keepers:
                last = self._keepers.pop(pid)
                if last is not None:
                    self._finish(*last)
                continue
            number, folder, started, keeper = self._running.pop(pid)
            code = os.waitstatus_to_exitcode(status)
            code = code if code >= 0 else 128 - code
            duration = (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - started) // 1_000_000
            finished = (number, folder, code, duration, self._used(usage))
            if keeper in self._keepers:
                self._keepers[keeper] = finished
                os.kill(keeper, signal.SIGTERM)  # "that was all": it copies the rest and ends
            else:
                self._finish(*finished)

    def _finish(self, number: int, folder: str, code: int, duration: int, used: str) -> None:
        written = self._size_at_rest(folder)
        total = bytes_written(folder) if written in (OPEN, UNKNOWN) else written
        self._record(folder, f"end {code} {duration} {total} {used}\n")
        self._close_record(folder)
        end = (number, "ended", code, duration, used)
        if written == OPEN and self._listening:
            self._lingering.append(Lingering(folder, end))
        else:
            self._tell_end(end, written)

    def _size_at_rest(self, folder: str) -> int:
        if self._copiers and folder in self._copiers.values():
            return OPEN
        return size_at_rest(folder) if self._leases else UNKNOWN

    def _tell_end(self, end: Reply, written: int) -> None:
        number, what, code, duration, used = end
        more = {0: f" {SILENT}", OPEN: f" {STAYS_OPEN}"}.get(written, "")
        self._send((number, what, code, duration, used + more))

    def _look_at_lingering(self) -> None:
        """Tell of those whose output is at rest by now, or never seems to be."""
        now = time.monotonic()
        for each in self._lingering[:]:
            if each.look_at <= now:
                written = self._size_at_rest(each.folder)
                if written == OPEN and now < each.give_up_at:
                    each.look_at = now + each.pause
                    each.pause = min(2 * each.pause, LONGEST_PAUSE_SECONDS)
                else:
                    self._lingering.remove(each)
                    self._tell_end(each.end, written)

    def _used(self, usage: "resource.struct_rusage") -> str:
        """Give the milliseconds of CPU of a process and all it waited for, and its peak in KiB.

        Until a new process executes its program it counts with our memory, so a peak not above
        ours tells nothing, and is given as 0.
        """
        cpu = round(1000 * (usage.ru_utime + usage.ru_stime))
        peak = usage.ru_maxrss
        if self._peak < peak < 2 * self._peak or not self._peak:  # we may have grown
            self._peak = _own_peak()
        return f"{cpu} {peak if peak > self._peak else 0}"

    def _record(self, folder: str, line: str) -> None:
        """Add a line to a record; later, when the disk has no room now."""
        try:
            if (kept := self._records.get(folder)) is not None:
                os.write(kept, line.encode())
                return
            record = _open_record(folder)
            try:
                os.write(record, line.encode())
            finally:
                os.close(record)
        except OSError as error:
            with contextlib.suppress(OSError):  # nor the complaint, perhaps
                print(
                    f"{folder}: {error}, not written: {line}", end="", file=sys.stderr, flush=True
                )
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                self._unrecorded.append((folder, line))

    def _close_record(self, folder: str) -> None:
        record = self._records.pop(folder, None)
        if record is not None:
            os.close(record)

    def _record_again(self) -> None:
        waiting, self._unrecorded = self._unrecorded, []
        for folder, line in waiting:
            self._record(folder, line)

    def _send(self, reply: Reply) -> None:
        with contextlib.suppress(OSError):  # the daemon is gone; the next one reads the record
            os.write(self._control, pack(reply))


def _own_peak() -> int:
    """Give the most memory we ever had, in KiB; what rusage tells of us counts our maker's."""
    with open("/proc/self/status", "rb") as status:  # noqa: PTH123
        for line in status:
            if line.startswith(b"VmHWM:"):
                return int(line.split()[1])
    return 0


def _on_files(folder: str, stdin: str) -> Files:
    return (
        (os.POSIX_SPAWN_OPEN, 0, stdin, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, f"{folder}/stdout", _APPEND, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, f"{folder}/stderr", _APPEND, 0o600),
    )


def _on_pipes(pipes: list[int], stdin: str) -> Files:
    return (
        (os.POSIX_SPAWN_OPEN, 0, stdin, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, pipes[0], 1),
        (os.POSIX_SPAWN_DUP2, pipes[1], 2),
    )


def _on_terminal(path: str) -> Files:
    # A session leader that opens a terminal gets it as its controlling one.
    return (
        (os.POSIX_SPAWN_OPEN, 0, path, os.O_RDWR, 0),
        (os.POSIX_SPAWN_DUP2, 0, 1),
        (os.POSIX_SPAWN_DUP2, 0, 2),
    )


def _copied_by(command: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    if command[-2:-1] == (COPIED_BY,):
        return command[:-2], command[-1]
    return command, ""


def _spawn(command: tuple[str, ...], environment: dict[str, str], files: Files) -> int:
    """Make the process; what cannot be executed without the shell, the shell has words for."""
    if INSTEAD not in command:
        return _execute(command[0], command, environment, files)
    at = command.index(INSTEAD)
    try:
        return _execute(command[at + 1], command[at + 2 :], environment, files)
    except OSError:
        return _execute(command[0], command[:at], environment, files)


def _execute(path: str, words: tuple[str, ...], environment: dict[str, str], files: Files) -> int:
    return os.posix_spawn(
        path,
        words,
        environment,
        setsid=True,
        setsigmask=(),
        setsigdef=RESET_IN_STEPS,
        file_actions=files,
    )


def _spawn_keeper(folder: str, master: int, keys: int) -> int:
    """Start `terminal.py`, which tells what its descriptors are. SIGTERM waits until it listens."""
    keeper = f"{os.path.dirname(os.path.abspath(__file__))}/terminal.py"
    return os.posix_spawn(
        sys.executable,
        (sys.executable, "-I", "-S", keeper, str(os.getpid()), folder),  # the last is for `ps` only
        {},
        setsid=True,
        setsigmask=(signal.SIGTERM,),
        file_actions=(
            (os.POSIX_SPAWN_DUP2, master, 0),
            (os.POSIX_SPAWN_OPEN, 1, f"{folder}/stdout", _APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, keys, 3),
        ),
    )


def main() -> None:
    """Serve the socket on descriptor 0."""
    for name in os.listdir("/proc/self/fd"):  # a step must not keep the daemon's files open
        if int(name) > 2:
            with contextlib.suppress(OSError):  # the listing's own is closed by now
                os.close(int(name))
    os.umask(USUAL_UMASK)
    os.chdir("/")
    for number in DEAF_TO:
        signal.signal(number, signal.SIG_IGN)
    folder = sys.argv[1] if len(sys.argv) > 1 else ""  # daemons of the first release gave none
    Holder(0, leases=bool(folder) and leases_work(folder)).serve()


if __name__ == "__main__":
    main()
