"""Values that a script publishes by writing to the file named by `$FLOW_OUTPUT`.

    key=value               one line
    key<<END                several lines, up to one that says END
    first
    second
    END

A later value of a key replaces an earlier one.
"""

import logging
import os
import re

from flowd.exec.regular import read_regular

MAX_BYTES = 1_048_576
MOST_LINES_TOLD = 20
MOST_QUOTED = 80

_NO_WAIT = os.O_NONBLOCK | os.O_CLOEXEC
_SINGLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_MULTIPLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)<<(\S+)\s*")

log = logging.getLogger(__name__)


def read_outputs(folder: str) -> dict[str, str]:
    """Read the values an attempt published; complaints about them are added to its stderr."""
    content = read_regular(f"{folder}/output", MAX_BYTES + 1)
    if content is None:
        return {}
    values, problems = parse_outputs(content)
    if problems:
        complain(folder, problems)
    return values


def complain(folder: str, problems: list[str]) -> None:
    """Add to what an attempt wrote to stderr, unless it, or a full disk, made that impossible."""
    stderr = f"{folder}/stderr"
    lines = "".join(f"flow: {problem}\n" for problem in problems)
    try:
        # A pipe in its place, without a reader, is an error and not a wait; a link leads to
        # somebody's file, in which a script must not have us write.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | _NO_WAIT
        descriptor = os.open(stderr, flags, 0o600)
        try:
            os.write(descriptor, lines.encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        log.warning("%s could not be told: %s", stderr, error.strerror)


def _quoted(line: str) -> str:
    """Quote a short line whole: part of one could be part of a secret, which nobody recognises."""
    return f": {line!r}" if len(line) <= MOST_QUOTED else f" ({len(line)} characters)"


def parse_outputs(content: bytes) -> tuple[dict[str, str], list[str]]:
    """Read the values, and a sentence about every line that could not be read.

    Only the first MAX_BYTES count. Bytes that are not UTF-8 become U+FFFD.
    """
    values: dict[str, str] = {}
    problems: list[str] = []
    unread: list[tuple[int, str]] = []
    if len(content) > MAX_BYTES:
        content = content[:MAX_BYTES]
        problems.append(f"only the first {MAX_BYTES} bytes of $FLOW_OUTPUT were read")
    if b"\0" in content:  # no later script could be given it: the kernel ends variables there
        content = content.replace(b"\0", b"\xef\xbf\xbd")
        problems.append("zero bytes in $FLOW_OUTPUT became U+FFFD: values are text")
    lines = content.decode(errors="replace").removesuffix("\n").split("\n")
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if single := _SINGLE.fullmatch(line):
            values[single[1]] = single[2]
        elif multiple := _MULTIPLE.fullmatch(line):
            key, closing = multiple.groups()
            try:
                end = lines.index(closing, number)
            except ValueError:
                problems.append(
                    f"line {number} of $FLOW_OUTPUT opens a value of {key}, "
                    f"and no later line says how it ends{_quoted(closing)}"
                )
                break
            values[key] = "\n".join(lines[number:end])
            number = end + 1
        elif line.strip():
            unread.append((number, line))
    problems += [
        f"line {number} of $FLOW_OUTPUT is neither key=value nor key<<END{_quoted(line)}"
        for number, line in unread[:MOST_LINES_TOLD]
    ]
    if len(unread) > MOST_LINES_TOLD:
        problems.append(f"nor are {len(unread) - MOST_LINES_TOLD} more lines of $FLOW_OUTPUT")
    return values, problems
