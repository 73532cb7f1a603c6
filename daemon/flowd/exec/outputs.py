"""Values that a script publishes by writing to the file named by `$FLOW_OUTPUT`.

    key=value               one line
    key<<END                several lines, up to one that says END
    first
    second
    END

A later value of a key replaces an earlier one.
"""

import re
from pathlib import Path

MAX_BYTES = 1_048_576

_SINGLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_MULTIPLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)<<(\S+)\s*")


def read_outputs(folder: str) -> dict[str, str]:
    """Read the values an attempt published; complaints about them are added to its stderr."""
    try:
        with open(f"{folder}/output", "rb") as file:  # noqa: PTH123  # every step comes by here
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return {}
    values, problems = parse_outputs(content)
    if problems:
        with Path(f"{folder}/stderr").open("a") as stderr:
            stderr.writelines(f"flow: {problem}\n" for problem in problems)
    return values


def parse_outputs(content: bytes) -> tuple[dict[str, str], list[str]]:
    """Read the values, and a sentence about every line that could not be read.

    Only the first MAX_BYTES count. Bytes that are not UTF-8 become U+FFFD.
    """
    values: dict[str, str] = {}
    problems: list[str] = []
    if len(content) > MAX_BYTES:
        content = content[:MAX_BYTES]
        problems.append(f"only the first {MAX_BYTES} bytes of $FLOW_OUTPUT were read")
    lines = content.decode(errors="replace").removesuffix("\n").split("\n")
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if single := _SINGLE.fullmatch(line):
            values[single[1]] = single[2]
        elif multiple := _MULTIPLE.fullmatch(line):
            key, closing = multiple.groups()
            if closing not in lines[number:]:
                problems.append(
                    f"line {number} of $FLOW_OUTPUT opens {key}<<{closing}, "
                    f"and no later line says {closing}"
                )
                break
            end = lines.index(closing, number)
            values[key] = "\n".join(lines[number:end])
            number = end + 1
        elif line.strip():
            problems.append(
                f"line {number} of $FLOW_OUTPUT is neither key=value nor key<<END: {line[:80]!r}"
            )
    return values, problems
