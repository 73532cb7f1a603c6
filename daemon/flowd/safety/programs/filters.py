"""Programs that read text and print text: how it changes, and what it still is."""

import base64
import binascii
from collections.abc import Callable

from flowd.safety.command import Command, Options, split
from flowd.safety.files import content_of
from flowd.safety.programs.effects import Effects, Models, Send, Write
from flowd.safety.state import State
from flowd.safety.tables import listed
from flowd.safety.value import (
    DECODED,
    NETWORK,
    NOWHERE,
    SECRET,
    UNKNOWN,
    Argument,
    Value,
    either,
    joined,
    value_of,
)

_VALUES = {
    "head": "-n -c --lines --bytes",
    "tail": "-n -c --lines --bytes --pid -s",
    "sort": "-k -t -o -S -T --key --field-separator --output --buffer-size",
    "cut": "-d -f -c -b --delimiter --fields",
    "fold": "-w",
    "split": "-l -b -n -a -C",
    "base64": "-w --wrap -i -o",
    "xxd": "-c -l -s -g",
    **dict.fromkeys(("egrep", "fgrep", "zgrep"), "-e -f -m -A -B -C"),
    "rg": "-e -f -g -t -T -m -A -B -C -j -r -E --regexp --file --glob --type --ignore-file --pre",
    "grep": "-e -f -m -A -B -C --regexp --file --include --exclude --exclude-dir --exclude-from "
    "--max-count --color",
    "sed": "-e -f -l --expression --file",
    "gpg": "-o --output -r --recipient -u",
}
_PATTERN_FIRST = listed(
    "grep egrep fgrep rg ag ack zgrep sed gsed awk gawk mawk nawk jq yq perl tr expr"
)


def input_of(command: Command, state: State, options: Options, skip: int = 0) -> Value:
    """What a filter reads: its file operands one after the other, else its standard input."""
    operands = options.operands[skip:]
    if not operands:
        return command.stdin
    value: Value | None = None
    for operand in operands[:20]:
        more = command.stdin if operand.text == "-" else content_of(operand, state)
        value = more if value is None else joined(value, more)
    return value if value is not None else command.stdin


def options_for(command: Command) -> Options:
    """The options of a filter, with the ones that take a value known."""
    return split(command.arguments, listed(_VALUES.get(command.name, "")))


def _pass(command: Command, state: State) -> Effects:
    return Effects(output=input_of(command, state, options_for(command)))


def _unique(command: Command, state: State) -> Effects:
    """`uniq [INPUT [OUTPUT]]`."""
    operands = split(command.arguments, listed("-f -s -w")).operands
    value = content_of(operands[0], state) if operands else command.stdin
    if len(operands) < 2:
        return Effects(output=value)
    return Effects(value_of(""), writes=(Write(operands[1], value),))


def _search(command: Command, state: State) -> Effects:
    """Some of the lines it reads."""
    options = options_for(command)
    skip = 0 if options.has("-e", "-f", "--regexp", "--file") else 1
    return Effects(output=input_of(command, state, options, skip))


def transformed(value: Value) -> Value:
    """Text that went through an edit: unknown now.

    Text spelled out in the script only to be edited into something else counts as decoded.
    """
    origins = value.origins | (DECODED if value.only else NOWHERE)
    return Value((UNKNOWN,), origins)


def _edit(command: Command, state: State) -> Effects:
    skip = 1 if command.name in _PATTERN_FIRST else 0
    value = input_of(command, state, options_for(command), skip)
    return Effects(output=transformed(value))


def _tee(command: Command, _state: State) -> Effects:
    options = split(command.arguments)
    append = options.has("-a", "--append")
    writes = tuple(Write(operand, command.stdin, append) for operand in options.operands)
    return Effects(output=command.stdin, writes=writes)


def _soak(command: Command, _state: State) -> Effects:
    """Sponge: a tee that prints nothing."""
    return Effects(
        value_of("") if command.arguments else command.stdin, _tee(command, _state).writes
    )


def _sort(command: Command, state: State) -> Effects:
    options = options_for(command)
    value = input_of(command, state, options)
    target = options.value("-o", "--output")
    writes = (Write(target, value),) if target is not None else ()
    return Effects(output=value, writes=writes)


def _rev(command: Command, state: State) -> Effects:
    value = input_of(command, state, options_for(command))
    return Effects(output=decoded(value, lambda text: text[:-1][::-1] + text[-1:]))


def _tr(command: Command, _state: State) -> Effects:
    options = split(command.arguments)
    value = command.stdin
    if options.has("-d", "--delete") and len(options.operands) == 1 and not options.has("-c"):
        gone = _character_set(options.operands[0].text)
        if gone:
            deleted = str.maketrans("", "", gone)
            return Effects(output=decoded(value, lambda text: text.translate(deleted)))
    if options.has("-d", "--delete") or len(options.operands) < 2:
        return Effects(output=transformed(value))
    source = _character_set(options.operands[0].text)
    target = _character_set(options.operands[1].text)
    if not source or not target or options.has("-c", "-C", "--complement"):
        return Effects(output=transformed(value))
    table = str.maketrans(source, (target + target[-1] * len(source))[: len(source)])
    return Effects(output=decoded(value, lambda text: text.translate(table)))


def _character_set(text: str) -> str:
    """`a-zA-Z` spelled out; empty when it is more than that."""
    if UNKNOWN in text or "[:" in text:
        return ""
    made = ""
    position = 0
    while position < len(text) and len(made) < 512:
        if text[position + 1 : position + 2] == "-" and position + 2 < len(text):
            low, high = ord(text[position]), ord(text[position + 2])
            made += "".join(chr(code) for code in range(low, min(high, low + 255) + 1))
            position += 3
        else:
            made += text[position]
            position += 1
    return made


def decoded(value: Value, decode: Callable[[str], str]) -> Value:
    """Texts with a decoder applied where they are known; decoded in any case."""
    texts = tuple(UNKNOWN if UNKNOWN in text else decode(text) for text in value.texts)
    return either([Value(texts, value.origins | DECODED)])


def from_base64(text: str) -> str:
    """The text behind base64, UNKNOWN when it is not text."""
    compact = "".join(text.split())
    try:
        return base64.b64decode(compact + "=" * (-len(compact) % 4)).decode()
    except (binascii.Error, ValueError):
        return UNKNOWN


def from_hexadecimal(text: str) -> str:
    """The text behind hexadecimal digits, UNKNOWN when it is not text."""
    try:
        return bytes.fromhex("".join(text.split())).decode()
    except ValueError:
        return UNKNOWN


def _to_base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "replace")).decode() + "\n"


def _base64(command: Command, state: State) -> Effects:
    options = options_for(command)
    value = input_of(command, state, options)
    if options.has("-d", "-D", "--decode", "-di"):
        return Effects(output=decoded(value, from_base64))
    texts = tuple(UNKNOWN if UNKNOWN in text else _to_base64(text) for text in value.texts)
    return Effects(output=Value(texts, value.origins))


def _xxd(command: Command, state: State) -> Effects:
    options = options_for(command)
    value = content_of(options.operands[0], state) if options.operands else command.stdin
    output = Value((UNKNOWN,), value.origins)
    if options.has("-r", "-R"):
        output = decoded(value, from_hexadecimal)
    if len(options.operands) == 2:  # xxd INPUT OUTPUT
        return Effects(value_of(""), writes=(Write(options.operands[1], output),))
    return Effects(output=output)


def _openssl(command: Command, state: State) -> Effects:
    words = command.arguments
    mode = words[0].text if words else ""
    options = split(
        words[1:],
        listed("-in -out -k -K -iv -pass -S -md -connect -keyout -subj -days -newkey"),
        long_with_one_dash=True,
    )
    source = options.value("-in")
    value = content_of(source, state) if source is not None else command.stdin
    if mode == "s_client":
        host = options.value("-connect")
        sends = (
            (Send(command.stdin, host.text, command.span, files=bool(command.stdin_path)),)
            if host is not None and command.stdin_path != "/dev/null"
            else ()
        )
        return Effects(output=Value((UNKNOWN,), NETWORK), sends=sends)
    plain = mode == "base64" or options.has("-base64", "-a")
    if options.has("-d"):
        output = decoded(value, from_base64 if plain else lambda _: UNKNOWN)
    else:
        output = Value((UNKNOWN,), value.origins)
    target = options.value("-out")
    if target is not None:
        return Effects(output=value_of(""), writes=(Write(target, output),))
    return Effects(output=output)


def _decoder(command: Command, state: State) -> Effects:
    """Programs that only ever decode, to their output."""
    value = input_of(command, state, options_for(command))
    return Effects(output=decoded(value, lambda _: UNKNOWN))


def _gpg(command: Command, state: State) -> Effects:
    options = options_for(command)
    value = input_of(command, state, options)
    target = options.value("-o", "--output")
    if options.has("-d", "--decrypt"):
        value = decoded(value, lambda _: UNKNOWN)
    output = Value((UNKNOWN,), value.origins)
    if any(each.text.startswith("--export-secret") for each in command.arguments):
        output = Value((UNKNOWN,), SECRET)
    return Effects(output=output, writes=(Write(target, output),) if target is not None else ())


def _compressor(command: Command, state: State) -> Effects:
    """`gzip` and its like: with -d a decoder; without -c the file itself is replaced."""
    options = split(command.arguments, listed("-o -S -T"))
    value = input_of(command, state, options)
    unpacks = options.has("-d", "--decompress", "--uncompress") or command.name.startswith("un")
    output = decoded(value, lambda _: UNKNOWN) if unpacks else Value((UNKNOWN,), value.origins)
    if options.operands and not options.has("-c", "--stdout", "--to-stdout"):
        return Effects(output=value_of(""), writes=tuple(_packed(options.operands, output)))
    return Effects(output=output)


def _packed(operands: tuple[Argument, ...], value: Value) -> list[Write]:
    """`x.sh.gz` becomes `x.sh`, and the other way round."""
    made = []
    for operand in operands:
        head, dot, end = operand.text.rpartition(".")
        packed = dot and end in ("gz", "bz2", "xz", "zst", "lz4", "Z", "br")
        made.append(Write(operand.with_text(head if packed else operand.text + ".gz"), value))
    return made


MODELS: Models = {
    **dict.fromkeys(
        listed("cat head tail nl fold fmt pv less more bat tac strings shuf"),
        _pass,
    ),
    **dict.fromkeys(listed("grep egrep fgrep rg zgrep ag ack"), _search),
    **dict.fromkeys(listed("cut jq yq paste expand unexpand column"), _edit),
    **dict.fromkeys(listed("zcat bzcat xzcat zstdcat gzcat lzcat uudecode"), _decoder),
    **dict.fromkeys(
        listed("gzip gunzip bzip2 bunzip2 xz unxz zstd unzstd lz4 brotli"),
        _compressor,
    ),
    **dict.fromkeys(("base64", "base32", "gbase64", "basenc"), _base64),
    "tee": _tee,
    "uniq": _unique,
    "sponge": _soak,
    "sort": _sort,
    "rev": _rev,
    **dict.fromkeys(("gpg", "gpg2", "age"), _gpg),
    "tr": _tr,
    "xxd": _xxd,
    "openssl": _openssl,
}
