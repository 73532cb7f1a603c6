"""Programs whose output can be told from their arguments."""

import re

from flowd.safety.command import Command, split
from flowd.safety.parsing.quoting import hides_characters, unescape_ansi_c
from flowd.safety.paths import locate
from flowd.safety.programs.effects import Effects, Models
from flowd.safety.state import State
from flowd.safety.tables import listed
from flowd.safety.value import (
    DECODED,
    NOWHERE,
    UNKNOWN,
    Argument,
    Origins,
    Value,
    unknown,
    value_of,
)

_DIRECTIVE = re.compile(r"%(?:%|[-+ #0]*(?:\d+|\*)?(?:\.(?:\d+|\*))?([diouxXeEfFgGcsbq]))")
_MOST_ROUNDS = 200
_GRAVE = ("root", "system", "home")


def origins_of(arguments: tuple[Argument, ...]) -> Origins:
    """The origins of any of these."""
    made = NOWHERE
    for argument in arguments:
        made |= argument.origins
    return made


def _echo(command: Command, _state: State) -> Effects:
    arguments = list(command.arguments)
    escapes = False
    newline = "\n"
    while arguments and re.fullmatch(r"-[neE]+", arguments[0].text):
        flags = arguments.pop(0).text
        escapes = escapes or "e" in flags
        newline = "" if "n" in flags else newline
    text = " ".join(argument.text for argument in arguments)
    origins = origins_of(command.arguments)
    if escapes:
        origins |= DECODED if hides_characters(text) else NOWHERE
        text = unescape_ansi_c(text)
    return Effects(output=value_of(text + newline, origins))


def _printf(command: Command, _state: State) -> Effects:
    arguments = command.arguments
    if arguments and arguments[0].text == "-v":
        return Effects(output=value_of(""))
    if arguments and arguments[0].text == "--":
        arguments = arguments[1:]
    return Effects(output=formatted(arguments))


def formatted(arguments: tuple[Argument, ...]) -> Value:
    """What `printf` prints for a format and its arguments."""
    if not arguments:
        return value_of("")
    pattern = arguments[0].text
    texts = [argument.text for argument in arguments[1:]]
    origins = origins_of(arguments)
    if hides_characters(pattern) or ("%b" in pattern and any(map(hides_characters, texts))):
        origins |= DECODED
    takes = sum(1 for match in _DIRECTIVE.finditer(pattern) if match[1])
    made = ""
    position = 0
    for _ in range(_MOST_ROUNDS):
        chunk = texts[position : position + takes]
        made += _round(pattern, chunk)
        position += takes
        if not takes or position >= len(texts):
            break
    return value_of(made, origins)


def _round(pattern: str, texts: list[str]) -> str:
    """One pass over the format."""
    pieces: list[str] = []
    end = 0
    rest = iter(texts)
    for match in _DIRECTIVE.finditer(pattern):
        pieces.append(unescape_ansi_c(pattern[end : match.start()]))
        end = match.end()
        kind = match[1]
        if kind is None:
            pieces.append("%")
        else:
            text = next(rest, "")
            pieces.append(_converted(kind, text))
    return "".join([*pieces, unescape_ansi_c(pattern[end:])])


def _converted(kind: str, text: str) -> str:
    if kind == "s":
        return text
    if kind == "b":
        return unescape_ansi_c(text)
    if kind == "c":
        return text[:1]
    if kind == "q":
        return text if re.fullmatch(r"[\w./-]+", text) else "'" + text.replace("'", r"'\''") + "'"
    return text if re.fullmatch(r"-?\d+", text) and kind in "di" else UNKNOWN


def _mktemp(command: Command, _state: State) -> Effects:
    options = split(command.arguments, listed("-p --tmpdir --suffix"))
    template = options.operands[0].text if options.operands else ""
    name = re.sub(r"X{3,}", f"tmp{UNKNOWN}", template) or f"tmp.{UNKNOWN}"
    folder = options.value("-p", "--tmpdir")
    relative = template and not options.has("-t", "-p", "--tmpdir")
    if relative or name.startswith("/"):
        return Effects(output=value_of(name + "\n"))
    where = folder.text if folder is not None and folder.text else "/tmp"  # noqa: S108
    return Effects(output=value_of(f"{where}/{name}\n"))


def _pwd(_command: Command, state: State) -> Effects:
    return Effects(output=value_of((state.folder or UNKNOWN) + "\n"))


def _basename(command: Command, _state: State) -> Effects:
    operands = split(command.arguments).operands
    if not operands or not operands[0].known:
        return Effects(output=unknown())
    name = operands[0].text.rstrip("/").rpartition("/")[2]
    suffix = operands[1].text if len(operands) > 1 else ""
    return Effects(output=value_of(name.removesuffix(suffix) + "\n", operands[0].origins))


def _dirname(command: Command, _state: State) -> Effects:
    operands = split(command.arguments).operands
    if not operands or not operands[0].known:
        return Effects(output=unknown())
    head, slash, _ = operands[0].text.rstrip("/").rpartition("/")
    return Effects(output=value_of((head or slash or ".") + "\n", operands[0].origins))


def _locator(command: Command, _state: State) -> Effects:
    """`which rm`, `command -v rm`: prints a path to the program."""
    names = [argument for argument in command.arguments if not argument.text.startswith("-")]
    text = f"/usr/bin/{names[0].text}\n" if len(names) == 1 else UNKNOWN
    return Effects(output=value_of(text))


def _list_names(command: Command, state: State) -> Effects:
    """`ls FOLDER` prints the names in it; only of grave places does it matter that it is all."""
    options = split(command.arguments)
    folder = options.operands[0].text if len(options.operands) == 1 else ""
    if folder and not options.given and locate(folder, state.folder).place in _GRAVE:
        return Effects(output=value_of("*\n"))
    return Effects(output=unknown())


def _silent(_command: Command, _state: State) -> Effects:
    return Effects(output=value_of(""))


MODELS: Models = {
    "echo": _echo,
    "printf": _printf,
    "mktemp": _mktemp,
    "pwd": _pwd,
    "basename": _basename,
    "dirname": _dirname,
    "which": _locator,
    "ls": _list_names,
    **dict.fromkeys(("true", "false", ":", "test", "[", "sleep", "wait", "cd"), _silent),
}
