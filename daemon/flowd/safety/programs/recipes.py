"""Tools that read a script of their own from a file or their input, and run shell text in it."""

import re
from collections.abc import Callable, Iterable

from flowd.safety.command import Command, split
from flowd.safety.files import content, content_of, resolve
from flowd.safety.programs.effects import Code, Effects, Model, Models, Write
from flowd.safety.state import State
from flowd.safety.tables import listed
from flowd.safety.value import UNKNOWN, Value, unknown

_MAKE_VALUES = listed("-f -C -I -j -l -o -W --file --makefile --directory --include-dir --jobs")
_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
_RECIPE = re.compile(r"^\t[@+-]*(.*(?:\\\n.*)*)", re.MULTILINE)
_MAKE_SHELL = re.compile(r"\$\(shell\s+([^()]*(?:\([^()]*\)[^()]*)*)\)")
_MAKE_VARIABLE = re.compile(r"\$\$|\$\([^()]*\)|\$\{[^{}]*\}|\$[@<^*?%+]")
_M4_CALL = re.compile(r"\be?syscmd\(\s*[`\[]*([^)`'\]]*)")
_ED_SHELL = re.compile(r"^(?:[0-9,.$%;]*|[re]\s+|w\s+)!(.*)", re.MULTILINE)
_ED_WRITES = re.compile(r"^[0-9,.$%;]*(?:w|wq|W|x)\b(?:\s+([^!\s].*))?", re.MULTILINE)


def _code(
    source: Value, command: Command, find: Callable[[str], Iterable[str]]
) -> tuple[Code, ...]:
    """What is found in each text it may be; a text nobody can see is judged by its origin only."""
    codes = []
    for text in source.texts:
        found = [UNKNOWN] if text.strip("\n") == UNKNOWN and source.origins else find(text)
        codes += [Code("shell", Value((each,), source.origins), command.span) for each in found]
    return tuple(codes)


def _recipes(text: str) -> list[str]:
    """The shell text in a makefile. Its variables are not followed."""
    lines = [*(m[1] for m in _RECIPE.finditer(text)), *(m[1] for m in _MAKE_SHELL.finditer(text))]
    return [_MAKE_VARIABLE.sub(_as_shell, line.replace("\\\n", " ")) for line in lines]


def _as_shell(variable: re.Match[str]) -> str:
    return "$" if variable[0] == "$$" else UNKNOWN


def _make(command: Command, state: State) -> Effects:
    """Make runs the recipes of a makefile; of a file that is not in the script nothing is known."""
    options = split(command.arguments, _MAKE_VALUES)
    if options.has("-n", "--just-print", "--dry-run", "--recon"):
        return Effects(output=unknown())
    files = options.values("-f", "--file", "--makefile")
    folder = options.value("-C", "--directory")
    below = f"{folder.text}/" if folder is not None else ""
    sources = [
        command.stdin if each.text == "-" else content_of(each.with_text(below + each.text), state)
        for each in files
    ]
    if not files:
        paths = (resolve(below + name, state) for name in _MAKEFILES)
        sources = [content(path, state) for path in paths if path in state.files]
    codes = tuple(code for source in sources for code in _code(source, command, _recipes))
    return Effects(output=unknown(), codes=codes)


def _macros(command: Command, state: State) -> Effects:
    operands = split(command.arguments, listed("-D -I -o -s -U -B -H -L")).operands
    sources = [content_of(each, state) for each in operands] or [command.stdin]
    found = [
        code
        for source in sources
        for code in _code(source, command, lambda text: (m[1] for m in _M4_CALL.finditer(text)))
    ]
    return Effects(output=unknown(), codes=tuple(found))


def _line_editor(command: Command, state: State) -> Effects:
    """Ed, and ex with its script on standard input: `!command`, and what it writes."""
    operands = split(command.arguments, listed("-p -c -S -u")).operands
    codes = _code(command.stdin, command, lambda text: (m[1] for m in _ED_SHELL.finditer(text)))
    writes = []
    for text in command.stdin.texts:
        for match in _ED_WRITES.finditer(text):
            target = operands[0].with_text(match[1] or operands[0].text) if operands else None
            if target is not None:
                writes.append(Write(target, unknown()))
    return Effects(output=unknown(), writes=tuple(writes[:20]), codes=codes)


def _also(first: Model, second: Model) -> Model:
    def model(command: Command, state: State) -> Effects:
        one, other = first(command, state), second(command, state)
        return Effects(
            one.output or other.output,
            one.writes + other.writes,
            one.sends + other.sends,
            one.runs + other.runs,
            one.codes + other.codes,
        )

    return model


MODELS: Models = {
    **dict.fromkeys(("make", "gmake"), _make),
    "m4": _macros,
    "ed": _line_editor,
}


def with_scripts(models: Models) -> Models:
    """Editors that take the commands of ed, too, on top of what they do by their options."""
    return {name: _also(models[name], _line_editor) for name in ("ex", "vim", "vi", "nvim")}
