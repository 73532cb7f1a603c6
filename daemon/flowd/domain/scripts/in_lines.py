"""Scripts in files that are read line by line: Makefiles, Dockerfiles."""

import json
import re
from collections.abc import Iterator

from flowd.domain.scripts.place import Place, Script

_SHELL_LINE = re.compile(r"#!\s*(?:\S*/env\s+(?:-S\s+)?)?(?:\S*/)?(?:ba|da|z|k|a)?sh\b")
_RECIPE_SIGNS = re.compile(r"[@+\-\s]*")
_MAKE_VARIABLE = re.compile(r"\$[({]([A-Za-z_][\w.-]*)[)}]")
_ASSIGNED = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)\s*(?:[:?]{0,2}|\+)=\s*(.*)")
_RUN = re.compile(r"\s*RUN\s+((?:--\S+\s+)*)", re.IGNORECASE)
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1\s*$")


def is_shell(text: str) -> bool:
    """Whether a text's first line says that a shell runs it."""
    return _SHELL_LINE.match(text) is not None


def make(text: str) -> Iterator[Script]:
    """Every recipe line is a script of its own, for make starts a shell for each.

    `$$` is the shell's `$`; `$(NAME)` is make's: it is judged as a variable of the shell, which is
    what the file sets it to, where that is plain text.
    """
    target = before = ""
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        line = lines[number]
        if not line.startswith("\t"):
            assigned = _ASSIGNED.fullmatch(line.rstrip())
            if assigned is not None:
                before += _assignment(assigned[1], assigned[2])
            elif ":" in line and not line.startswith(("#", " ")):
                target = line.partition(":")[0].strip()
            number += 1
            continue
        first = number
        while lines[number].endswith("\\") and number + 1 < len(lines):
            number += 1
        number += 1
        signs = _RECIPE_SIGNS.match(line)
        skipped = signs.end() if signs else 0
        parts = [line[skipped:], *lines[first + 1 : number]]
        starts = [Place(first + 1, skipped + 1)]
        starts += [Place(first + 2 + at, 1) for at in range(len(parts) - 1)]
        yield Script("\n".join(map(_of_shell, parts)) + "\n", target, tuple(starts), before)


def _assignment(name: str, value: str) -> str:
    """A variable of make as one of the shell; nothing, where only make can know what it is."""
    text = _of_shell(value.partition(" #")[0].strip())
    return f'{name}="{text}"\n' if re.fullmatch(r"(?:[^$\"\\`]|\$\{\w+\})*", text) else ""


def _of_shell(line: str) -> str:
    """Turn make's variables into the shell's, of the same length, so that columns stay right."""
    same_length = _MAKE_VARIABLE.sub(lambda match: "${" + match[1] + "}", line)
    return same_length.replace("$$", "$") if "$$" in same_length else same_length


def docker(text: str) -> Iterator[Script]:
    """`RUN` in its forms: a shell's line, a list of words, a here-document."""
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        match = _RUN.match(lines[number])
        if match is None:
            number += 1
            continue
        first, column = number, match.end()
        document = _HEREDOC.search(lines[number])
        if document is not None:
            end = next(
                (at for at in range(first + 1, len(lines)) if lines[at].strip() == document[2]),
                len(lines),
            )
            body = lines[first + 1 : end]
            starts = tuple(Place(first + 2 + at, 1) for at in range(max(1, len(body))))
            yield Script("\n".join(body) + "\n", "RUN", starts)
            number = end + 1
            continue
        while _goes_on(lines, number):
            number += 1
        number += 1
        yield _run(lines[first][column:], lines[first + 1 : number], first, column)


def _goes_on(lines: list[str], number: int) -> bool:
    """Whether an instruction has another line; comments in between are no end."""
    line = lines[number].rstrip()
    return number + 1 < len(lines) and (line.endswith("\\") or line.lstrip().startswith("#"))


def _run(head: str, more: list[str], first: int, column: int) -> Script:
    if head.lstrip().startswith("[") and not more:
        try:
            words = json.loads(head)
        except ValueError:
            words = None
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            text = " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)
            return Script(text, "RUN", (Place(first + 1, column + 2),))  # `["` is a `'` here
    kept = [(at, line) for at, line in enumerate(more) if not line.lstrip().startswith("#")]
    starts = (Place(first + 1, column + 1), *(Place(first + 2 + at, 1) for at, _ in kept))
    return Script("\n".join([head, *(line for _, line in kept)]) + "\n", "RUN", starts)
