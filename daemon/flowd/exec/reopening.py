"""Scripts that open their own output anew: `echo … > /dev/stderr`, `… | tee /dev/stderr`.

Output goes to files, since those outlive the daemon, and opening a file so cuts off what stands in
it (proc_pid_fd(5): `/dev/stdout` is the file itself). Such scripts write to pipes, which something
copies to the files. It is looked for in the script, and in what it names: a shell script, the
makefile. What those call in their turn is not seen.
"""

import os
import re
import stat
from collections.abc import Sequence
from functools import lru_cache

from flowd.exec.regular import read_regular

MOST_FILES = 8
MOST_BYTES = 65_536  # of a script, and of each text that it names

_ANEW = re.compile(rb"/dev/(?:std(?:out|err)\b|fd/)|/proc/(?:self|thread-self|\$\w+|\$\$)/fd/")
_WORD = re.compile(r"[\w@%+:,./~-]+")
_HAS_TEXTS = {
    "make": ("GNUmakefile", "makefile", "Makefile"),
    "just": ("justfile", "Justfile"),
    "npm": ("package.json",),
    "yarn": ("package.json",),
    "pnpm": ("package.json",),
}


@lru_cache(maxsize=64)
def opens_anew(script: str) -> bool:
    """Whether a script itself opens its stdout or stderr anew."""
    return _ANEW.search(script.encode(errors="surrogateescape")) is not None


@lru_cache(maxsize=64)
def texts_named(script: str) -> tuple[str, ...]:
    """Give what may be the texts that a script has carried out, as it names them."""
    found: dict[str, None] = {}
    for word in _WORD.findall(script[:MOST_BYTES]):
        names = _HAS_TEXTS.get(word) or ((word,) if "/" in word or "." in word else ())
        found.update(dict.fromkeys(names))
    return tuple(found)


def any_opens_anew(cwd: str, names: Sequence[str]) -> bool:
    """Whether one of these files does. It may be on a disk that takes its time."""
    looked_at = 0
    for name in names:
        path = os.path.join(cwd, name)  # noqa: PTH118
        try:
            # Looked at first: to open a pipe disturbs who waits at it, and a watchdog would start.
            if not stat.S_ISREG(os.lstat(path).st_mode):
                continue
            text = read_regular(path, MOST_BYTES)
        except OSError:  # there is none, most often
            continue
        if text is not None:
            if _ANEW.search(text):
                return True
            looked_at += 1
            if looked_at == MOST_FILES:
                break
    return False
