"""The keeper of one step's terminal, in a process of its own: started by the holder, see there.

    python -I -S terminal.py HOLDER FOLDER

HOLDER is the holder's pid. On its descriptors it finds

    0    the master of the pseudo-terminal
    1    the attempt's file `stdout`, to which everything is copied that is written to the terminal
    3    the FIFO `keys` in the attempt's folder: whoever may open it may type

What comes through the FIFO are messages: a letter, the length in two bytes, that many bytes.

    k    keys, as a keyboard would send them
    w    the size of the window: columns and rows, two bytes each

One message is written with one call and is at most 4096 bytes, which the kernel keeps whole
(PIPE_BUF). Numbers are little-endian. Nothing is read while the program does not take what was
typed before, so the FIFO fills up (64 KiB) and whoever types is told.

It lives until SIGTERM, by which the holder says that the step has ended, or, when the holder is no
more, until nobody has the terminal open. Its end hangs the terminal up.
"""

import errno
import fcntl
import os
import select
import signal
import sys
import termios

MASTER, FILE, KEYS = 0, 1, 3
READ_BYTES = 65_536
LAST_BYTES = 1_048_576  # of those that go on writing when the step has ended
PAUSE_MILLISECONDS = 100  # between looks at a terminal that nobody has open, or at a full disk


class Keeper:
    """Copies what is written, types what is sent."""

    def __init__(self, holder: int):
        self._holder = holder
        self._inbox = bytearray()
        self._typed = b""  # and not taken by the terminal yet
        self._unsaved = b""  # the disk had no room for it
        self._deserted = False  # nobody has the terminal open, but somebody may open it again

    def serve(self) -> None:
        """Work until the step has ended."""
        woken, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGTERM, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        os.set_blocking(MASTER, False)
        over = False
        while not over:
            over = woken in self._wait(woken)
            self._type()
            self._copy(READ_BYTES)
            if self._deserted and os.getppid() != self._holder:
                return
        self._copy(LAST_BYTES)

    def _wait(self, woken: int) -> set[int]:
        """Wait until there is something to do; give the descriptors it is about."""
        poll = select.poll()
        poll.register(woken, select.POLLIN)
        if not self._typed:
            poll.register(KEYS, select.POLLIN)
        paused = self._deserted or bool(self._unsaved)
        if not paused:
            poll.register(MASTER, select.POLLIN | (select.POLLOUT if self._typed else 0))
        return {ready for ready, _ in poll.poll(PAUSE_MILLISECONDS if paused else None)}

    # ------------------------------------------------------------------------------- copying

    def _copy(self, most: int) -> None:
        """Copy what was written to the terminal, up to `most` bytes."""
        while most > 0 and self._save():
            try:
                self._unsaved = os.read(MASTER, READ_BYTES)
            except BlockingIOError:
                self._deserted = False
                return
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                self._deserted = True
                return
            self._deserted = False
            most -= len(self._unsaved)
        self._save()

    def _save(self) -> bool:
        """Write what is not on the disk yet; False when that has no room, and it is kept."""
        try:
            while self._unsaved:
                self._unsaved = self._unsaved[os.write(FILE, self._unsaved) :]
        except OSError:
            return False
        return True

    # ------------------------------------------------------------------------------- typing

    def _type(self) -> None:
        """Hand on what was typed, as far as the terminal takes it."""
        while self._typed or self._receive():
            try:
                self._typed = self._typed[os.write(MASTER, self._typed) :]
            except OSError:  # it takes no more for now, or nobody has it open
                return

    def _receive(self) -> bool:
        """Obey what came through the FIFO; False when nothing came."""
        try:
            self._inbox += os.read(KEYS, READ_BYTES)
        except BlockingIOError:
            return False
        while len(self._inbox) >= 3:
            end = 3 + int.from_bytes(self._inbox[1:3], "little")
            if len(self._inbox) < end:
                break
            body = bytes(self._inbox[3:end])
            match self._inbox[:1]:
                case b"k":
                    self._typed += body
                case b"w" if len(body) == 4:
                    _set_window(body)
            del self._inbox[:end]
        return True


def message(letter: bytes, body: bytes) -> bytes:
    """Make a message for the FIFO."""
    return letter + len(body).to_bytes(2, "little") + body


def window(columns: int, rows: int) -> bytes:
    """Make the body of a message that tells the size of the window, 1 to 65535 each."""
    return columns.to_bytes(2, "little") + rows.to_bytes(2, "little")


def _set_window(body: bytes) -> None:
    columns, rows = int.from_bytes(body[:2], "little"), int.from_bytes(body[2:], "little")
    size = b"".join(number.to_bytes(2, sys.byteorder) for number in (rows, columns, 0, 0))
    fcntl.ioctl(MASTER, termios.TIOCSWINSZ, size)  # the kernel sends SIGWINCH


if __name__ == "__main__":
    os.chdir("/")  # or the folder we were started in could not be unmounted
    Keeper(int(sys.argv[1])).serve()
