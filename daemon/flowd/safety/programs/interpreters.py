"""Programs that run code: from an option, a file, or their standard input."""

import re
from collections.abc import Mapping

from msgspec import Struct

from flowd.safety.command import Command, split
from flowd.safety.files import content_of
from flowd.safety.programs.effects import Code, Effects, Language, Model, Models, Run, Write
from flowd.safety.state import State
from flowd.safety.tables import listed
from flowd.safety.value import DECODED, UNKNOWN, Argument, Value, unknown, value_of

SHELLS = listed("sh bash zsh dash ksh ksh93 mksh ash rbash fish csh tcsh yash posh")
_VERSIONED = re.compile(r"(python|perl|ruby|php|lua|node|pypy|pip)[\d.]+(?:-config)?")


class Interpreter(Struct, frozen=True):
    """How an interpreter is told what to run: options with code, and options with other values."""

    language: Language
    code: str
    values: str = ""
    loads: str = ""
    """Options that load a library: code that needs it shows its name."""


INTERPRETERS = {
    "python": Interpreter("python", "-c", "-W -X -m --check-hash-based-pycs"),
    "perl": Interpreter("perl", "-e -E", "-I -M -m -F -C -D", "-M -m"),
    "ruby": Interpreter("ruby", "-e", "-r -I -E -F -C -K -T -W", "-r"),
    "node": Interpreter(
        "node", "-e -p --eval --print", "-r --require --import --loader --inspect --env-file -C"
    ),
    "deno": Interpreter("node", "--eval", ""),
    "bun": Interpreter("node", "-e --eval -p --print", "-r --preload"),
    "php": Interpreter("php", "-r -B -R -E", "-d -c -S -t -z"),
    "lua": Interpreter("lua", "-e", "-l"),
    "osascript": Interpreter("other", "-e", "-l -s"),
    "Rscript": Interpreter("other", "-e", ""),
    "julia": Interpreter("other", "-e -E --eval --print", "-p -t -J"),
    "tclsh": Interpreter("tcl", "", ""),
    "expect": Interpreter("tcl", "-c", ""),
    "groovy": Interpreter("other", "-e", ""),
    "scala": Interpreter("other", "-e", ""),
    "elixir": Interpreter("other", "-e --eval", "-r -pr -pa -pz --name --sname --cookie"),
    "guile": Interpreter("lisp", "-c", "-L -l -e"),
    "sbcl": Interpreter("lisp", "--eval", "--load"),
    "clojure": Interpreter("lisp", "-e", ""),
    "racket": Interpreter("lisp", "-e", "-l -t"),
}
_ALIASES = {
    "python2": "python",
    "python3": "python",
    "pypy": "python",
    "pypy3": "python",
    "ipython": "python",
    "nodejs": "node",
    "tsx": "node",
    "ts-node": "node",
    "luajit": "lua",
    "irb": "ruby",
    "jruby": "ruby",
}


_PROJECT_TOOLS = frozenset({"manage.py", "artisan", "setup.py", "console"})
"""Scripts every project of a kind has, with subcommands that rules know."""


def plain_name(name: str) -> str:
    """`python3.11` is python: the name rules and models know a program by."""
    if name in _ALIASES:
        return _ALIASES[name]
    match = _VERSIONED.fullmatch(name)
    return _ALIASES.get(match[1], match[1]) if match else name


def is_interpreter(name: str) -> bool:
    """Whether a program of this name runs code it is given."""
    return name in SHELLS or plain_name(name) in INTERPRETERS


def _shell(command: Command, state: State) -> Effects:
    arguments = list(command.arguments)
    inline = checks_only = from_input = False
    while arguments and arguments[0].text[:1] in ("-", "+") and len(arguments[0].text) > 1:
        text = arguments.pop(0).text
        if text in ("--help", "--version"):
            return Effects(output=unknown())
        if text == "--":
            break
        if text in ("-o", "+o", "-O", "+O", "--rcfile", "--init-file"):
            arguments = arguments[1:]
        elif not text.startswith("--"):
            if text[-1] in "oO":  # -euo pipefail
                arguments = arguments[1:]
            inline = inline or "c" in text
            checks_only = checks_only or "n" in text
            from_input = from_input or "s" in text
        if text in ("--command", "-Command", "--init-command"):
            inline = True
    if checks_only:
        return Effects(output=unknown())
    if inline:
        if not arguments:
            return Effects()
        code, *rest = arguments
        return Effects(codes=(_code(code, rest, command),))
    if arguments and arguments[0].text != "-" and not from_input:
        return Effects(codes=(_script("shell", arguments[0], arguments[1:], command, state),))
    return Effects(codes=(_from_input("shell", command),))


def _code(code: Argument, rest: list[Argument], command: Command) -> Code:
    source = value_of(code.text, code.origins)
    zero, positional = (rest[0] if rest else None), tuple(rest[1:])
    return Code("shell", source, code.span, positional, stdin=command.stdin, zero=zero)


def _script(
    language: Language, file: Argument, rest: list[Argument], command: Command, state: State
) -> Code:
    source = content_of(file, state)
    return Code(
        language, source, file.span, tuple(rest), unseen=True, stdin=command.stdin, name=file.text
    )


def _from_input(language: Language, command: Command) -> Code:
    return Code(language, command.stdin, command.span, unseen=True)


_ONLY_LOOKS: Mapping[Language, tuple[str, ...]] = {
    "php": ("-h", "-v", "-i", "-m", "-l", "--syntax-check"),
    "perl": ("-h", "-v", "-c"),
    "ruby": ("-h", "-v", "-c"),
    "node": ("-h", "-v", "-c", "--check"),
    "lua": ("-v",),
    "lisp": ("-h", "-v"),
}
"""Options with which an interpreter shows something or only reads the code."""


def _modelled(interpreter: Interpreter) -> Model:
    language = interpreter.language
    values = listed(interpreter.code) | listed(interpreter.values)
    code_options = interpreter.code.split()

    def model(command: Command, state: State) -> Effects:
        options = split(command.arguments, values, first_operand_ends=True)
        if options.asks_for_help or options.has("-V", *_ONLY_LOOKS.get(language, ("-h",))):
            return Effects(output=unknown())
        module = options.value("-m") if language == "python" else None
        if module is not None:
            return _python_module(module, command)
        inline = options.values(*code_options)
        loaded = "".join(f"{each.text}; " for each in options.values(*interpreter.loads.split()))
        if language == "perl" and options.has("-n", "-p"):
            loaded += "<>; "
        codes: list[Code] = [
            Code(language, value_of(text, each.origins), each.span, stdin=command.stdin)
            for each in inline
            for text in (f"{loaded}{each.text}",)
        ]
        operands = options.operands
        if not inline and operands and operands[0].text != "-":
            if command.name in ("deno", "bun"):
                return _javascript_task(operands, command, state)
            if operands[0].text.rpartition("/")[2] in _PROJECT_TOOLS:
                return Effects(runs=(Run(operands),))
            codes = [_script(language, operands[0], list(operands[1:]), command, state)]
        elif not inline:
            codes = [_from_input(language, command)]
        writes: tuple[Write, ...] = ()
        if language in ("perl", "ruby") and any(o.name == "-i" for o in options.given):
            writes = tuple(Write(each, unknown(), append=True) for each in operands)
        origins = command.stdin.origins
        for operand in operands:
            origins |= content_of(operand, state).origins
        return Effects(output=Value((UNKNOWN,), origins), codes=tuple(codes), writes=writes)

    return model


def _python_module(module: Argument, command: Command) -> Effects:
    """`python -m NAME ...` runs the program of that name."""
    ends = (argument.text.endswith(module.text) for argument in command.arguments)
    position = next((place for place, found in enumerate(ends) if found), 0)
    rest = command.arguments[position + 1 :]
    if module.text in ("timeit", "cProfile", "profile", "trace", "pdb"):
        return Effects(output=unknown())
    name = module.text.partition(".")[0]
    return Effects(runs=(Run((module.with_text(name), *rest), skips_functions=True),))


def _javascript_task(operands: tuple[Argument, ...], command: Command, state: State) -> Effects:
    """Deno and bun: `run FILE`, `eval CODE`, or a command of their own."""
    task, rest = operands[0].text, list(operands[1:])
    files = [each for each in rest if not each.text.startswith("-")]
    if task == "exec" and rest:
        text = " ".join(each.text for each in rest)
        return Effects(codes=(Code("shell", value_of(text), rest[0].span),))
    if task == "eval" and files:
        return Effects(codes=(Code("node", value_of(files[0].text), files[0].span),))
    if task == "run" and files and re.search(r"\.[cm]?[jt]sx?$|^https?:|/", files[0].text):
        if files[0].text.startswith("http"):
            source = unknown(["network"])
            return Effects(codes=(Code("node", source, files[0].span, unseen=True),))
        return Effects(codes=(_script("node", files[0], rest[1:], command, state),))
    if re.search(r"\.[cm]?[jt]sx?$", task):
        return Effects(codes=(_script("node", operands[0], rest, command, state),))
    return Effects(output=unknown())


def _awk(command: Command, state: State) -> Effects:
    options = split(
        command.arguments,
        listed("-f -v -F -e -i -l --file --assign --field-separator --source"),
    )
    programs = options.values("-e", "--source")
    operands = options.operands
    files = options.values("-f", "--file")
    if not programs and not files:
        programs, operands = list(operands[:1]), operands[1:]
    given = [each.text.partition("=") for each in options.values("-v", "--assign")]
    known = "".join(f'{name}="{text}"; ' for name, _, text in given if '"' not in text)
    codes = [
        Code("awk", value_of(f"{known}{each.text}", each.origins), each.span) for each in programs
    ]
    for file in files:
        source = command.stdin if file.text == "-" else content_of(file, state)
        codes.append(Code("awk", source, file.span, name=file.text))
    value = command.stdin
    origins = value.origins
    for operand in operands:
        if "=" not in operand.text:
            origins |= content_of(operand, state).origins
    if value.only and not operands and command.stdin_path:
        origins |= DECODED
    return Effects(output=Value((UNKNOWN,), origins), codes=tuple(codes))


MODELS: Models = {
    **dict.fromkeys(SHELLS, _shell),
    **{name: _modelled(interpreter) for name, interpreter in INTERPRETERS.items()},
    **dict.fromkeys(("awk", "gawk", "mawk", "nawk"), _awk),
}
