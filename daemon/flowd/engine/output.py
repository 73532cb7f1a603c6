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
    """How far each stream of an attempt has been read. Sizes in bytes.

    `unsent` was read and is not recorded yet: it must not be lost when the recording is broken off.
    """

    key: AttemptKey
    cap: int
    offsets: dict[Stream, int] = field(default_factory=dict)
    more_up_to: int = 0
    skipped: int = 0
    size_seen: int = 0
    unsent: list[OutputChunk] = field(default_factory=list)

    def read(self, executor: Executor) -> list[OutputChunk]:
        """Give what is new, at most a few chunks; nothing once the head is full."""
        head = max(int(self.cap * HEAD_SHARE), self.more_up_to)
        chunks = []
        for stream in STREAMS:
            for _ in range(CHUNKS_A_LOOK):
                offset = self.offsets.get(stream, 0)
                limit = min(CHUNK_BYTES, head - offset)
                data = executor.read_output(self.key, stream, offset, limit) if limit > 0 else b""
                if not data:
                    break
                self.offsets[stream] = offset + len(data)
                skipped, self.skipped = (
                    (self.skipped, 0) if stream == "stdout" else (0, self.skipped)
                )
                chunks.append(OutputChunk(stream=stream, data=data, skipped=skipped))
        return chunks

    def let_more_through(self, executor: Executor) -> None:
        """Somebody types at the terminal and wants to see what comes, however much there was.

        What was left out so far stays so, but for a screenful.
        """
        size = executor.output_size(self.key, "stdout")
        offset = self.offsets.get("stdout", 0)
        if offset < max(int(self.cap * HEAD_SHARE), self.more_up_to):
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
        chunks, self.unsent = self.unsent, []
        while fresh := self.read(executor):
            chunks += fresh
        tail = int(self.cap * TAIL_SHARE)
        for stream in STREAMS:
            size = executor.output_size(self.key, stream)
            offset = self.offsets.get(stream, 0)
            skipped = max(0, size - offset - tail)
            offset += skipped
            while offset < size:
                data = executor.read_output(self.key, stream, offset, CHUNK_BYTES)
                if not data:
                    break
                chunks.append(OutputChunk(stream=stream, data=data, skipped=skipped))
                offset, skipped = offset + len(data), 0
            self.offsets[stream] = offset
        return chunks
