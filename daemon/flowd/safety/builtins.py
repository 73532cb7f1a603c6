"""The shell's own commands: those that change what later commands mean."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowd.safety import nested
from flowd.safety.command import Command, split
from flowd.safety.expand import expand_assigned, expand_words
from flowd.safety.files import content, content_of
from flowd.safety.paths import plain_path
from flowd.safety.programs.effects import Code, Run
from flowd.safety.programs.printers import formatted, origins_of
from flowd.safety.state import HOME, State, Variable
from flowd.safety.syntax import Assignment, SimpleCommand, Word
from flowd.safety.tables import listed
from flowd.safety.value import EMPTY, UNKNOWN, Value, either, joined, value_of

if TYPE_CHECKING:
    from flowd.safety.calls import Calls, Status

DECLARATIONS = frozenset({"declare", "typeset", "local", "export", "readonly"})
"""Commands whose arguments are assignments."""

Builtin = Callable[["Calls", Command, State], "Status"]


def declare(calls: "Calls", command: SimpleCommand, state: State) -> "Status":
    """`export NAME=value`, `declare -r NAME`, `local name` and their like."""
    first, *rest = command.words
    name = first.plain or "" if isinstance(first, Word) else ""
    flags = ""
    for word in rest:
        if isinstance(word, Assignment):
            value, elements = expand_assigned(word, state, calls)
            _declare(name, flags, word.name, value, elements, word.append, state)
            calls.look_at_variable(word.name, state, word.span)
            continue
        for reading in expand_words([word], state, calls)[:1]:
            for argument in reading:
                if argument.text.startswith("-"):
                    flags += argument.text[1:]
                    continue
                target, equals, text = argument.text.partition("=")
                given = value_of(text, argument.origins) if equals else None
                _declare(name, flags, target, given, None, False, state)
                calls.look_at_variable(target, state, argument.span)
    return True


def _declare(
    command: str,
    flags: str,
    name: str,
    value: Value | None,
    elements: tuple[Value, ...] | None,
    append: bool,
    state: State,
) -> None:
    old = state.variable(name)
    exported = old.exported or command == "export" or "x" in flags
    readonly = True if command == "readonly" or "r" in flags else old.readonly
    if value is None:
        if name in state.variables or exported or readonly:
            state.variables[name] = replace(old, exported=exported, readonly=readonly)
        return
    if old.readonly:
        return
    if "n" in flags and value.only is not None and value.only != name:
        state.variables[name] = Variable(value, refers=value.only)
        return
    if old.readonly is None:
        value = either([old.value, value])
    if append:
        value = joined(old.value, value)
    if "l" in flags or "u" in flags:
        texts = tuple(t.lower() if "l" in flags else t.upper() for t in value.texts)
        value = Value(texts, value.origins)
    state.variables[name] = Variable(value, elements=elements, exported=exported, readonly=readonly)


def assign(calls: "Calls", assignment: Assignment, state: State, *, exported: bool = False) -> None:
    """`NAME=value` on its own or before a command."""
    for script in assignment.inner:
        calls.capture(script, state)
    value, elements = expand_assigned(assignment, state, calls)
    old = state.variable(assignment.name)
    if old.readonly:
        return
    if assignment.index:
        known = old.elements or ()
        state.assign(assignment.name, either([old.value, value]), (*known, value))
        return
    if assignment.append:
        if elements is not None:
            elements = (*(old.elements or ()), *elements)
            value = elements[0]
        else:
            value = joined(old.value, value)
    state.assign(assignment.name, value, elements)
    if exported:
        state.variables[assignment.name] = replace(state.variables[assignment.name], exported=True)


def _unset(_calls: "Calls", command: Command, state: State) -> "Status":
    options = split(command.arguments)
    for operand in options.operands:
        if options.has("-f"):
            state.functions.pop(operand.text, None)
        elif operand.text in state.functions and operand.text not in state.variables:
            state.functions.pop(operand.text)
        else:
            state.unset(operand.text)
    return True


def _change_folder(_calls: "Calls", command: Command, state: State) -> "Status":
    options = split(command.arguments)
    target = options.operands[0].text if options.operands else state.text_of("HOME")
    if target == "-" or UNKNOWN in target:
        new = UNKNOWN if target == "-" else target
    elif target == HOME:
        new = HOME
    else:
        new = plain_path(target, state.folder)
    keeps = () if state.stops_on_error else state.folders[:1]
    state.folders = tuple(dict.fromkeys((new, *keeps)))
    state.arrived = True
    return True if new.startswith("/") and new in ("/", "/tmp", HOME) else None  # noqa: S108


def _leave_folder(_calls: "Calls", _command: Command, state: State) -> "Status":
    state.folders = (UNKNOWN,)
    return True


def _alias(calls: "Calls", command: Command, state: State) -> "Status":
    for argument in command.arguments:
        name, equals, text = argument.text.partition("=")
        if equals:
            state.aliases[name] = text
            nested.judge_alias(calls, name, text, argument.span)
    return True


def _unalias(_calls: "Calls", command: Command, state: State) -> "Status":
    for argument in command.arguments:
        state.aliases.pop(argument.text, None)
        if argument.text == "-a":
            state.aliases.clear()
    return True


def _eval(calls: "Calls", command: Command, state: State) -> "Status":
    arguments = command.arguments
    text = " ".join(argument.text for argument in arguments)
    source = value_of(text, origins_of(arguments))
    return calls.code(Code("shell", source, command.span, shares=True), command, state)


def _source(calls: "Calls", command: Command, state: State) -> "Status":
    if not command.arguments:
        if command.stdin_path:  # fish reads its input, bash would complain
            read = Code("shell", command.stdin, command.span, unseen=True, shares=True)
            return calls.code(read, command, state)
        return None
    file, *rest = command.arguments
    if file.text == "--" and rest:
        file, *rest = rest
    source = content_of(file, state)
    arguments = tuple(rest) or None
    code = Code("shell", source, file.span, arguments, unseen=True, shares=True, name=file.text)
    return calls.code(code, command, state)


def _exec(calls: "Calls", command: Command, state: State) -> "Status":
    options = split(command.arguments, listed("-a"), first_operand_ends=True)
    if options.operands:
        run = Run(options.operands, clears_environment=options.has("-c"))
        calls.inner(run, command, state)
    return None


def _set(calls: "Calls", command: Command, state: State) -> "Status":
    words = list(command.arguments)
    if not words:
        calls.program(command, state)
    while words and words[0].text[:1] in ("-", "+") and words[0].text not in ("-", "--"):
        flag = words.pop(0).text
        if flag in ("-o", "+o"):
            name = words.pop(0).text if words else ""
            if name == "errexit":
                state.stops_on_error = flag == "-o"
        elif "e" in flag and not flag.startswith("--"):
            state.stops_on_error = flag[0] == "-"
        if flag.endswith("o") and len(flag) > 2 and words:
            words.pop(0)
    if words:
        rest = words[1:] if words[0].text in ("-", "--") else words
        state.positional = tuple(rest)
    return True


def _shift(_calls: "Calls", command: Command, state: State) -> "Status":
    count = command.arguments[0].text if command.arguments else "1"
    if state.positional is not None:
        known = count.isdecimal()
        state.positional = state.positional[int(count[:4]) :] if known else None
    return True


def _read(_calls: "Calls", command: Command, state: State) -> "Status":
    values = listed("-a -d -i -n -N -p -t -u")
    options = split(command.arguments, values)
    descriptor = options.value("-u")
    fed = command.stdin
    if descriptor is not None and descriptor.text.isdecimal():
        path = state.descriptors.get(int(descriptor.text[:4]), "")
        fed = content(path, state)
    lines = tuple(text.split("\n")[0] for text in fed.texts)
    array = options.value("-a")
    names = [operand.text for operand in options.operands] or ["REPLY"]
    if array is not None:
        words = lines[0].split() if len(lines) == 1 else [UNKNOWN]
        elements = tuple(value_of(word, fed.origins) for word in words)
        state.assign(array.text, elements[0] if elements else EMPTY, elements)
    elif len(names) == 1:
        state.assign(names[0], Value(lines, fed.origins))
    else:
        words = lines[0].split(None, len(names) - 1) if len(lines) == 1 else []
        unknown = not lines or UNKNOWN in lines[0] or len(lines) > 1
        for position, name in enumerate(names):
            text = UNKNOWN if unknown else (words[position] if position < len(words) else "")
            state.assign(name, value_of(text, fed.origins))
    return None


def _mapfile(calls: "Calls", command: Command, state: State) -> "Status":
    options = split(command.arguments, listed("-d -n -O -s -u -C -c"))
    callback = options.value("-C")
    if callback is not None:
        source = value_of(callback.text, callback.origins)
        calls.code(Code("shell", source, callback.span, shares=True), command, state)
    name = options.operands[0].text if options.operands else "MAPFILE"
    text = command.stdin.only
    lines = text.splitlines() if text is not None else [UNKNOWN]
    elements = tuple(value_of(line, command.stdin.origins) for line in lines[:200])
    state.assign(name, elements[0] if elements else EMPTY, elements)
    return True


def _trap(calls: "Calls", command: Command, state: State) -> "Status":
    options = split(command.arguments)
    if len(options.operands) > 1 and options.operands[0].text not in ("-", ""):
        handler = options.operands[0]
        source = value_of(handler.text, handler.origins)
        calls.code(Code("shell", source, handler.span, shares=True), command, state.fork())
    return True


def _hash(_calls: "Calls", command: Command, state: State) -> "Status":
    """`hash -p PATH NAME`: NAME now runs PATH, unless it is the shell's own command."""
    options = split(command.arguments, listed("-p"))
    path = options.value("-p")
    if path is not None:
        for operand in options.operands:
            state.hashed[operand.text] = path.text
    return True


def _enable(_calls: "Calls", command: Command, state: State) -> "Status":
    options = split(command.arguments, listed("-f"))
    for operand in options.operands:
        if options.has("-n"):
            state.disabled.add(operand.text)
        else:
            state.disabled.discard(operand.text)
    return True


def _printf(calls: "Calls", command: Command, state: State) -> "Status":
    if len(command.arguments) > 2 and command.arguments[0].text == "-v":
        state.assign(command.arguments[1].text, formatted(command.arguments[2:]))
        return True
    calls.program(command, state)
    return True


def _echo(calls: "Calls", command: Command, state: State) -> "Status":
    calls.program(command, state)
    return True


def _getopts(_calls: "Calls", command: Command, state: State) -> "Status":
    if len(command.arguments) > 1:
        state.assign(command.arguments[1].text, value_of(UNKNOWN))
    state.assign("OPTARG", value_of(UNKNOWN))
    return None


def _let(_calls: "Calls", command: Command, state: State) -> "Status":
    for argument in command.arguments:
        name, equals, _ = argument.text.partition("=")
        if equals and name.isidentifier():
            state.assign(name, value_of(UNKNOWN))
    return None


def _true(_calls: "Calls", _command: Command, _state: State) -> "Status":
    return True


def _false(_calls: "Calls", _command: Command, _state: State) -> "Status":
    return False


def _nothing(_calls: "Calls", _command: Command, _state: State) -> "Status":
    return None


def _command(calls: "Calls", command: Command, state: State) -> "Status":
    """`command NAME`, `builtin NAME`: NAME itself, in this shell, whatever hides it."""
    options = split(command.arguments, first_operand_ends=True)
    if options.has("-v", "-V"):
        calls.program(command, state)
        return None
    if not options.operands:
        return True
    return calls.words(options.operands, state, command.span, own_names=False)


BUILTINS: dict[str, Builtin] = {
    "unset": _unset,
    "cd": _change_folder,
    "pushd": _change_folder,
    "popd": _leave_folder,
    "alias": _alias,
    "unalias": _unalias,
    "eval": _eval,
    "source": _source,
    ".": _source,
    "exec": _exec,
    "set": _set,
    "shift": _shift,
    "read": _read,
    "mapfile": _mapfile,
    "readarray": _mapfile,
    "trap": _trap,
    "hash": _hash,
    "enable": _enable,
    "printf": _printf,
    "echo": _echo,
    "getopts": _getopts,
    "let": _let,
    "command": _command,
    "builtin": _command,
    **dict.fromkeys(("true", ":"), _true),
    "false": _false,
    **dict.fromkeys(
        listed(
            "wait jobs fg bg disown type times ulimit umask shopt bind complete compgen "
            "compopt dirs return break continue exit logout suspend help test [ sleep"
        ),
        _nothing,
    ),
}
