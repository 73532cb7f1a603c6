"""Programs that copy, move, pack and overwrite files."""

from flowd.safety.command import Command, Options, split
from flowd.safety.files import PIPE, content_of, resolve, tree_of
from flowd.safety.programs.effects import Code, Effects, Models, Write
from flowd.safety.state import State
from flowd.safety.tables import listed
from flowd.safety.value import DECODED, NOWHERE, TREE, UNKNOWN, Argument, Value, unknown, value_of

_COPY_VALUES = listed("-t -S -m -o -g -Z --target-directory --suffix --mode --owner --group")
TAR_VALUES = listed(
    "-f -C -T -X -I -b -L -H -V -K -N -g -F --file --directory --files-from --exclude "
    "--exclude-from --use-compress-program --to-command --checkpoint-action --transform "
    "--strip-components --owner --group --mode --newer --rsh-command --info-script"
)


def copy_operands(command: Command) -> tuple[Options, tuple[Argument, ...], Argument | None]:
    """The options, sources and target of cp, mv, ln and install."""
    options = split(command.arguments, _COPY_VALUES)
    target = options.value("-t", "--target-directory")
    if target is not None:
        return options, options.operands, target
    if len(options.operands) < 2:
        return options, options.operands, None
    return options, options.operands[:-1], options.operands[-1]


def _copy(command: Command, state: State) -> Effects:
    options, sources, target = copy_operands(command)
    if target is None or options.asks_for_help or (options.has("-d") and command.name == "install"):
        return Effects(output=value_of(""))
    writes: list[Write] = []
    for source in sources:
        content = Value((content_of(source, state).texts), tree_of(source, state))
        writes += _copied_below(source, target, state)
        writes.append(Write(target, content))
        name = source.text.rstrip("/").rpartition("/")[2]
        if name:  # the target may be a folder
            inner = target.with_text(f"{target.text.rstrip('/') or '/'}/{name}")
            folder = options.has("-t", "--target-directory")
            if folder or len(sources) > 1 or target.text.endswith(("/", ".", "..")):
                writes.append(Write(inner, content))
    return Effects(output=value_of(""), writes=tuple(writes))


def _copied_below(source: Argument, target: Argument, state: State) -> list[Write]:
    """What the script has put into a folder is in its copy, too."""
    folder = resolve(source.text, state)
    return [
        Write(target.with_text(f"{target.text.rstrip('/')}/{path[len(folder) + 1 :]}"), value)
        for path, value in state.files.items()
        if path.startswith(f"{folder}/") and not path.startswith(PIPE)
    ]


def _dd(command: Command, state: State) -> Effects:
    pairs = {a.text.partition("=")[0]: a for a in command.arguments if "=" in a.text}
    source, target = pairs.get("if"), pairs.get("of")
    value = command.stdin
    if source is not None:
        value = content_of(source.with_text(source.text[3:]), state)
    if target is None:
        return Effects(output=value)
    return Effects(output=value_of(""), writes=(Write(target.with_text(target.text[3:]), value),))


def tar_options(command: Command) -> Options:
    """Tar's options; its first word may be letters without a dash."""
    arguments = list(command.arguments)
    first = arguments[0].text if arguments else ""
    if first and not first.startswith(("-", UNKNOWN)) and first.isalpha():
        letters = [letter for letter in first if letter in "fCTXIbLHVKNgF"]
        flags = [arguments[0].with_text(f"-{letter}") for letter in first if letter not in letters]
        rest = arguments[1:]
        taken: list[Argument] = []
        for letter in letters:
            if rest:
                taken += [arguments[0].with_text(f"-{letter}"), rest.pop(0)]
        arguments = [*flags, *taken, *rest]
    return split(arguments, TAR_VALUES)


def _tar(command: Command, state: State) -> Effects:
    options = tar_options(command)
    codes = [
        Code("shell", value_of(each.text), each.span)
        for each in options.values("--to-command", "-I", "--use-compress-program", "-F")
        + options.values("--info-script", "--rsh-command")
    ]
    codes += [
        Code("shell", value_of(action.text[5:]), action.span)
        for action in options.values("--checkpoint-action")
        if action.text.startswith("exec=")
    ]
    archive = options.value("-f", "--file")
    if not options.has("-c", "--create", "-r", "-u", "--append", "--update"):
        writes = _unpacked_to(options.value("-C", "--directory"))
        if not options.has("-x", "--extract", "--get"):
            writes = ()
        return Effects(output=unknown(), codes=tuple(codes), writes=writes)
    origins = TREE.union(*(tree_of(each, state) for each in options.operands))
    content = Value((UNKNOWN,), origins)
    if archive is None or archive.text == "-":
        return Effects(output=content, codes=tuple(codes))
    return Effects(value_of(""), writes=(Write(archive, content),), codes=tuple(codes))


def _unpacked_to(folder: Argument | None) -> tuple[Write, ...]:
    """Files are put into a folder."""
    return () if folder is None else (Write(folder, unknown(), append=True),)


def _unzip(command: Command, _state: State) -> Effects:
    options = split(command.arguments, listed("-d -x -P"))
    if options.has("-l", "-t", "-v", "-p", "-c"):
        return Effects(output=unknown())
    return Effects(output=unknown(), writes=_unpacked_to(options.value("-d")))


def _zip(command: Command, state: State) -> Effects:
    options = split(command.arguments, listed("-x -i -P -n -t -tt -b"))
    if not options.operands:
        return Effects()
    archive, *sources = options.operands
    origins = TREE.union(*(tree_of(each, state) for each in sources))
    content = Value((UNKNOWN,), origins)
    if archive.text == "-":
        return Effects(output=content)
    return Effects(value_of(""), writes=(Write(archive, content),))


def _touch(_command: Command, _state: State) -> Effects:
    return Effects(output=value_of(""))


def _sed(command: Command, state: State) -> Effects:
    """In place, sed writes its operands; otherwise it prints an edited text."""
    options = split(command.arguments, listed("-e -f -l --expression --file --line-length"))
    scripted = options.has("-e", "-f", "--expression", "--file")
    operands = options.operands if scripted else options.operands[1:]
    expressions = options.values("-e", "--expression") or list(options.operands[:1])
    codes = tuple(
        Code("sed", value_of(each.text, each.origins), each.span, stdin=command.stdin)
        for each in ([] if scripted and not options.has("-e", "--expression") else expressions)
    )
    if options.has("-i", "--in-place"):
        writes = tuple(Write(operand, unknown(), append=True) for operand in operands)
        return Effects(value_of(""), writes=writes, codes=codes)
    value = content_of(operands[0], state) if operands else command.stdin
    origins = value.origins | (DECODED if value.only else NOWHERE)
    return Effects(output=Value((UNKNOWN,), origins), codes=codes)


def _output_option(command: Command, _state: State) -> Effects:
    """Programs that keep what they make where -o or --output says."""
    options = split(command.arguments, listed("-o --output --out -O"))
    target = options.value("-o", "--output", "--out")
    writes = (Write(target, unknown()),) if target is not None else ()
    return Effects(writes=writes)


MODELS: Models = {
    **dict.fromkeys(("cp", "mv", "ln", "install", "gcp", "gmv"), _copy),
    "dd": _dd,
    "unzip": _unzip,
    **dict.fromkeys(("tar", "bsdtar", "gtar"), _tar),
    **dict.fromkeys(("zip", "7z", "7za"), _zip),
    **dict.fromkeys(("touch", "mkdir", "rmdir", "rm", "chmod", "chown", "unlink"), _touch),
    **dict.fromkeys(("sed", "gsed"), _sed),
    **dict.fromkeys(
        listed("gcc cc clang g++ c++ rustc ld pandoc ffmpeg convert"),
        _output_option,
    ),
}
