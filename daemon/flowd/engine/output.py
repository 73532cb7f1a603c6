"""What a script writes becomes events, in pieces, while it runs.

The script writes to files and never waits for us; we look at the files. A stream is kept from its
head until its share of the cap is used up; from then on only its last bytes are added at the end.
"""

from msgspec import Struct, field

from flowd.domain.commands import OutputChunk
from flowd.domain.events import Stream
from flowd.domain.ports import AttemptKey, Executor

STREAMS: tuple[Stream, ...] = ("stdout", "stderr")
CHUNK_BYTES = 65_536
CHUNKS_A_LOOK = 4
HEAD_SHARE = 0.375  # of the cap, for each of the two streams
TAIL_SHARE = 0.125
MORE_BYTES = 65_536  # that may be kept beyond the cap for each time somebody types at a terminal
RESTS = 16  # how often, for each such time, a screenful is let through when a flood has ended
SCREEN_BYTES = 16_384  # of what was left out before, so that the screen is whole again


class OutputCursor(Struct):
    """How far each stream of an attempt has been read. Sizes in bytes."""

    key: AttemptKey
    cap: int
    offsets: dict[Stream, int] = field(default_factory=dict)
    more_up_to: int = 0
    skipped: int = 0
    size_seen: int = 0

    @property
    def bytes_written(self) -> int:
        """How much of both streams was read or left out so far; after `finish`, all of it."""
        return sum(self.offsets.values())

    def read(self, executor: Executor) -> list[OutputChunk]:
        """Give what is new, at most a few chunks of a stream; nothing once the head is full."""
        chunks: list[OutputChunk] = []
        for stream in STREAMS:
            size = executor.output_size(self.key, stream)
            most = self.offsets.get(stream, 0) + CHUNKS_A_LOOK * CHUNK_BYTES
            self._read_up_to(min(size, self._head, most), stream, executor, chunks)
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
            size = executor.output_size(self.key, stream)
            self._read_up_to(min(size, self._head), stream, executor, chunks)
            offset = self.offsets.get(stream, 0)
            skipped = max(0, size - offset - int(self.cap * TAIL_SHARE))
            self._read_up_to(size, stream, executor, chunks, skipped)
        return chunks

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
        skipped: int = 0,
    ) -> None:
        """Add what stands before `end`, but for the first `skipped` bytes of it."""
        offset = self.offsets.get(stream, 0) + skipped
        while offset < end:
            limit = min(CHUNK_BYTES, end - offset)
            data = executor.read_output(self.key, stream, offset, limit)
            if not data:
                break
            skipped += self._left_out(stream)
            chunks.append(OutputChunk(stream=stream, data=data, skipped=skipped))
            offset, skipped = offset + len(data), 0
            self.offsets[stream] = offset
