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


class OutputCursor(Struct):
    """How far each stream of an attempt has been read. Sizes in bytes.

    `unsent` was read and is not recorded yet: it must not be lost when the recording is broken off.
    """

    key: AttemptKey
    cap: int
    offsets: dict[Stream, int] = field(default_factory=dict)
    unsent: list[OutputChunk] = field(default_factory=list)

    @property
    def bytes_written(self) -> int:
        """How much of both streams was read or left out so far; after `finish`, all of it."""
        return sum(self.offsets.values())

    def read(self, executor: Executor) -> list[OutputChunk]:
        """Give what is new, at most a few chunks; nothing once the head is full."""
        head = int(self.cap * HEAD_SHARE)
        chunks = []
        for stream in STREAMS:
            for _ in range(CHUNKS_A_LOOK):
                offset = self.offsets.get(stream, 0)
                limit = min(CHUNK_BYTES, head - offset)
                data = executor.read_output(self.key, stream, offset, limit) if limit > 0 else b""
                if not data:
                    break
                self.offsets[stream] = offset + len(data)
                chunks.append(OutputChunk(stream=stream, data=data))
        return chunks

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
