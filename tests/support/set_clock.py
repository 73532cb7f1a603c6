"""A wall clock that can be set while a program runs: libfaketime, told by a file."""

from pathlib import Path

SYSTEM_LIBRARIES = Path("/usr/lib")


def find_libfaketime() -> str | None:
    """Where the library is; None when it is not installed."""
    found = sorted(SYSTEM_LIBRARIES.glob("*/faketime/libfaketime.so.1"))
    return str(found[0]) if found else None


class SetClock:
    """The wall clock of all programs that have `environment`. The others keep theirs.

    Clocks that no setting changes on a real machine (monotonic, boot time) stay as they are.
    """

    def __init__(self, file: Path, library: str):
        self._file = file
        self.set_by("+0")
        self.environment = {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def set_by(self, offset: str) -> None:
        """Set the clock by so much, from the true time: `+2y`, `-5h`."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset}\n")
        new.replace(self._file)  # programs look at it every second
