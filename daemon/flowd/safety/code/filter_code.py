"""awk, sed and Tcl: what their programs run and write."""

import re
from collections.abc import Iterator
from itertools import islice

from flowd.safety.code import Inside
from flowd.safety.code.literals import interpolated
from flowd.safety.programs.effects import Code, Write
from flowd.safety.syntax import Span
from flowd.safety.value import UNKNOWN, Argument, Value, unknown, value_of

_MAX_CALLS = 200
_AWK_PIPE = re.compile(r"\|\s*&?\s*\"((?:[^\"\\]|\\.)*)\"|\"((?:[^\"\\]|\\.)*)\"\s*\|&?\s*getline")
_AWK_PRINTED = re.compile(r"print\s*\(?\"((?:[^\"\\]|\\.)*)\"\)?\s*\|\s*\"((?:[^\"\\]|\\.)*)\"")
_AWK_VARIABLE_PIPE = re.compile(
    r"\b([A-Za-z_]\w*)\s*\|&?\s*getline|\|&?\s*([A-Za-z_]\w*)\b(?!\s*getline)"
)
_TCL_DELETE = re.compile(r"(?:^|[;\[{\n])\s*file\s+delete\s+((?:-\w+\s+)*)([^;\n\]}]*)")
_TCL_CALL = re.compile(
    r"(?:^|[;\[{\n\"])\s*(?:exec|spawn|system|open\s+\"?\|)\s+((?:-\w+\s+)*)([^;\n\]}]*)"
)
_AWK_FILE = re.compile(r"print[^\"|;}]*?(?:\"[^\"]*\"[^\"|;}>]*?)?>{1,2}\s*\"([^\"]*)\"")
_SED_RUNS = re.compile(r"(?:^|[;{}\n]|\d|/\w*)\s*e\s+(\S[^\n;]*)|/[gpiIm0-9]*e[gpiIm0-9]*\s*$")
_SED_SUBSTITUTES = re.compile(r"(?:^|[;{}\n/\d])\s*s([/|,#!@])")
_SED_RUN_FLAG = re.compile(r"[gpiIm0-9]*e")
_MAX_SUBSTITUTIONS = 50
_SED_FILE = re.compile(r"(?:^|[;{}\n]|\d|/[gpiI0-9]*)\s*w\s+(\S+)\s*$")


def awk_pipes(source: str, span: Span) -> list[Code]:
    """What awk reads from, or prints to: commands, spelled out or in a variable."""
    codes = [
        Code("shell", value_of(interpolated(match[1] or match[2] or "")), span)
        for match in _AWK_PIPE.finditer(source)
    ]
    for match in _AWK_PRINTED.finditer(source):
        fed, command = interpolated(match[1]), interpolated(match[2])
        codes.append(Code("shell", value_of(command), span, stdin=value_of(fed + "\n")))
    for match in _AWK_VARIABLE_PIPE.finditer(source):
        name = match[1] or match[2]
        set_to = re.search(rf"\b{name}\s*=\s*\"((?:[^\"\\]|\\.)*)\"", source)
        if name != "getline":
            text = interpolated(set_to[1]) if set_to else UNKNOWN
            codes.append(Code("shell", value_of(text), span))
    return codes


def awk_writes(source: str, span: Span) -> list[Write]:
    """The files awk prints to."""
    return [Write(Argument(match[1], span), unknown()) for match in _AWK_FILE.finditer(source)]


def read_tcl(source: str, span: Span) -> Inside:
    """Tcl and Expect: the words after `exec` and `spawn` are a command."""
    codes = tuple(
        Code("shell", value_of(re.sub(r"\$\w+|\[", UNKNOWN, match[2]).strip()), span)
        for match in islice(_TCL_CALL.finditer(source), _MAX_CALLS)
    )
    codes += tuple(
        Code("shell", value_of("rm -rf " + re.sub(r"\$\w+|\[", UNKNOWN, match[2])), span)
        for match in islice(_TCL_DELETE.finditer(source), _MAX_CALLS)
    )
    return Inside(codes=codes, harmless=not codes)


def _run_replacements(source: str) -> Iterator[str]:
    """The second parts of `s/pattern/code/e`: what a line has become is run."""
    for match in islice(_SED_SUBSTITUTES.finditer(source), _MAX_SUBSTITUTIONS):
        parts: list[str] = []
        position = match.end()
        while len(parts) < 2 and (end := _unescaped(source, match[1], position)) >= 0:
            parts.append(source[position:end])
            position = end + 1
        if len(parts) == 2 and _SED_RUN_FLAG.match(source, position):
            yield parts[1]


def _unescaped(source: str, mark: str, position: int) -> int:
    """Where a mark stands next without a backslash before it; -1 if nowhere."""
    while position < len(source) and source[position] != mark:
        position += 2 if source[position] == "\\" else 1
    return position if position < len(source) else -1


def read_sed(source: str, span: Span, fed: Value) -> Inside:
    """Sed's `e` and `w`, as commands and as flags of `s`; `fed` is what it reads."""
    codes = tuple(
        Code("shell", value_of(match[1] or UNKNOWN), span) for match in _SED_RUNS.finditer(source)
    )
    for replacement in _run_replacements(source):
        made = re.sub(r"\\(.)", r"\1", replacement)
        lines = fed.texts if "&" in made else ("",)
        texts = tuple(made.replace("&", line.strip("\n")) for line in lines)
        codes += (Code("shell", Value(texts, fed.origins), span),)
    writes = tuple(
        Write(Argument(match[1], span), unknown()) for match in _SED_FILE.finditer(source)
    )
    return Inside(codes=codes, writes=writes, harmless=not codes and not writes)
