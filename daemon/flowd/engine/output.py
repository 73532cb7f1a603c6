"""What a script writes becomes events, in pieces, while it runs.

The script writes to files and never waits for us; we look at the files. A stream is kept from its
head until its share of the cap is used up; from then on only its last bytes are added at the end.
What lies between is given back to the disk meanwhile: an endless printer fills it with nothing.
Secrets are masked before anything is an event; where one may have begun, the rest is waited for.
"""

from collections.abc import Callable

from msgspec import Struct, field

from flowd.domain.commands import OutputChunk
from flowd.domain.events import Stream
from flowd.domain.ports import AttemptKey, Executor, Masker

STREAMS: tuple[Stream, ...] = ("stdout", "stderr")
CHUNK_BYTES = 65_536
CHUNKS_A_LOOK = 4
HEAD_SHARE = 0.375  # of the cap, for each of the two streams
TAIL_SHARE = 0.125
MORE_BYTES = 65_536  # that may be kept beyond the cap for each time somebody types at a terminal
RESTS = 16  # how often, for each such time, a screenful is let through when a flood has ended
CONTEXT_BYTES = 512  # before what is new, in which the beginning of a secret may stand
CONTEXT_AFTER_A_GAP = 20_480  # and where it was left out: a private key may have begun there
RELEASED_AT_ONCE = 1_048_576  # at least, since each time is a call of the system
SCREEN_BYTES = 16_384  # of what was left out before, so that the screen is whole again


class OutputCursor(Struct):
    """How far each stream of an attempt has been read. Sizes in bytes.

    `released` is up to where a stream was given back to the disk; it `floods` while that goes on.
    """

    key: AttemptKey
    cap: int
    make_masker: Callable[[], Masker]
    offsets: dict[Stream, int] = field(default_factory=dict)
    more_up_to: int = 0
    skipped: int = 0
    size_seen: int = 0
    released: dict[Stream, int] = field(default_factory=dict)
    floods: bool = False
    made_masker: Masker | None = None

    @property
    def masker(self) -> Masker:
        """Hides secrets in what the attempt writes; made when it writes something."""
        if self.made_masker is None:
            self.made_masker = self.make_masker()
        return self.made_masker

    @property
    def bytes_written(self) -> int:
        """How much of both streams was read or left out so far; after `finish`, all of it."""
        return sum(self.offsets.values())

    def read(self, executor: Executor) -> list[OutputChunk]:
        """Give what is new, at most a few chunks of a stream; nothing once the head is full."""
        chunks: list[OutputChunk] = []
        self.floods = False
        for stream in STREAMS:
            size = self._size(stream, executor)
            if size > self._head:
                self._release(stream, size, executor)
            most = self.offsets.get(stream, 0) + CHUNKS_A_LOOK * CHUNK_BYTES
            self._read_up_to(min(size, self._head, most), stream, executor, chunks, more=True)
        return chunks

    def let_more_through(self, executor: Executor) -> None:
        """Somebody types at the terminal and wants to see what comes, however much there was.

        What was left out so far stays so, but for a screenful.
        """
        size = executor.output_size(self.key, "stdout")
        offset = self.offsets.get("stdout", 0)
        if offset < self._head:
            return
        self.skipped += max(0, size - SCREEN_BYTES - offset)
        self.offsets["stdout"] = max(offset, size - SCREEN_BYTES)
        self.more_up_to = size + MORE_BYTES

    def catch_up(self, executor: Executor) -> bool:
        """When what is left out has come to rest since the last call, let its end through.

        True when there was something to let through.
        """
        size, seen = executor.output_size(self.key, "stdout"), self.size_seen
        self.size_seen = size
        if size != seen or size == self.offsets.get("stdout", 0):
            return False
        self.let_more_through(executor)
        return True

    def finish(self, executor: Executor) -> list[OutputChunk]:
        """Give the rest, after the script's end: all of the head, then the tail."""
        chunks: list[OutputChunk] = []
        for stream in STREAMS:
            size = self._size(stream, executor)
            head = min(size, self._head)
            self._read_up_to(head, stream, executor, chunks, more=head < size)
            offset = self.offsets.get(stream, 0)
            skipped = max(0, size - offset - int(self.cap * TAIL_SHARE))
            self._read_up_to(size, stream, executor, chunks, more=False, skipped=skipped)
        return chunks

    def _size(self, stream: Stream, executor: Executor) -> int:
        """Give the size of a stream; one that was cut off is begun anew.

        That is what a program does which opens /dev/stdout anew and was not expected to. What it
        cut off before it was read is lost.
        """
        size = executor.output_size(self.key, stream)
        if 0 < size < self.offsets.get(stream, 0):
            self.offsets[stream] = self.released[stream] = 0
        return size

    def _release(self, stream: Stream, size: int, executor: Executor) -> None:
        """Give back to the disk what is neither in the head nor will ever be in the tail."""
        tail = max(int(self.cap * TAIL_SHARE), SCREEN_BYTES) + CONTEXT_AFTER_A_GAP
        start, end = max(self._head, self.released.get(stream, 0)), size - tail
        if end - start >= RELEASED_AT_ONCE:
            executor.release_output(self.key, stream, start, end)
            self.released[stream] = end
            self.floods = True

    @property
    def _head(self) -> int:
        return max(int(self.cap * HEAD_SHARE), self.more_up_to)

    def _left_out(self, stream: Stream) -> int:
        """Give, once, how much was left out for `let_more_through`."""
        if stream != "stdout":
            return 0
        skipped, self.skipped = self.skipped, 0
        return skipped

    def _read_up_to(
        self,
        end: int,
        stream: Stream,
        executor: Executor,
        chunks: list[OutputChunk],
        *,
        more: bool,
        skipped: int = 0,
    ) -> None:
        """Add what stands before `end`, but for the first `skipped` bytes of it.

        With `more` to follow, what may be the beginning of a secret is left for the next time.
        """
        offset = self.offsets.get(stream, 0) + skipped
        while offset < end:
            gap = skipped or (stream == "stdout" and self.skipped)
            seen = min(offset, CONTEXT_AFTER_A_GAP if gap else CONTEXT_BYTES)
            limit = seen + min(CHUNK_BYTES, end - offset)
            data = executor.read_output(self.key, stream, offset - seen, limit)
            goes_on = more or offset + len(data) - seen < end
            kept, taken = self.masker.mask(data, seen, more=goes_on)
            if taken <= 0:
                break
            skipped += self._left_out(stream)
            chunks.append(OutputChunk(stream, kept, skipped, hidden=taken - len(kept)))
            offset, skipped = offset + taken, 0
            self.offsets[stream] = offset
