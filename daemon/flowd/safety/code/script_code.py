"""Perl, Ruby, JavaScript, PHP, Lua, awk and sed source: a look at its calls, not a parse.

A call is a known name and the string literals after it in the same statement. That is what short
programs on a command line are made of; whatever is cleverer than that is not followed.
"""

import re
from collections.abc import Mapping

from msgspec import Struct

from flowd.safety.code import (
    COMPUTED_CODE,
    FETCHED_CODE,
    FORK_BOMB,
    HIDDEN_CODE,
    REVERSE_SHELL,
    Inside,
)
from flowd.safety.programs.effects import Code, Language, Run, Write
from flowd.safety.syntax import Span
from flowd.safety.value import UNKNOWN, Argument, unknown, value_of

_STRING = re.compile(
    r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'|`((?:[^`\\]|\\.)*)`"
    r"|%x\{([^}]*)\}|%x\(([^)]*)\)|qx\{([^}]*)\}|qx\(([^)]*)\)|qx/([^/]*)/|q[qw]?\{([^}]*)\}"
    r"|q[qw]?\(([^)]*)\)",
    re.DOTALL,
)
_MAX_CHARACTERS = 8_192
_MAX_CALLS = 200


class Grammar(Struct, frozen=True):
    """Names of calls by what they do. `backquotes`: `...` runs a shell."""

    commands: str = ""
    delete: str = ""
    delete_tree: str = ""
    move: str = ""
    write: str = ""
    read: str = ""
    evaluate: str = ""
    decode: str = ""
    network: str = ""
    backquotes: bool = False


GRAMMARS: Mapping[Language, Grammar] = {
    "perl": Grammar(
        commands=r"system|exec|popen|run",
        delete=r"unlink",
        delete_tree=r"rmtree|remove_tree",
        move=r"rename|move",
        write=r"open\s*\(?\s*(?:my\s*)?\$?\w+\s*,\s*['\"]\+?>{1,2}['\"]|write_file|spew",
        read=r"open|read_file|slurp",
        evaluate=r"eval|do\s+shell\s+script",
        decode=r"decode_base64|pack|unpack|inflate",
        network=r"socket|IO::Socket\S*|LWP\S*|HTTP::\S*|connect",
        backquotes=True,
    ),
    "ruby": Grammar(
        commands=r"system|exec|spawn|IO\.popen|Open3\.\w+|PTY\.spawn|Kernel\.\w+",
        delete=r"File\.(?:delete|unlink)|FileUtils\.(?:rm|rm_f|remove|remove_file)|Dir\.(?:delete|rmdir)"
        r"|(?:rm|rm_f)(?=\s*\()",
        delete_tree=r"FileUtils\.(?:rm_rf|rm_r|rmtree|remove_dir|remove_entry\w*)|rm_rf|rm_r"
        r"|remove_entry\w*",
        move=r"File\.rename|FileUtils\.(?:mv|move)",
        write=r"(?:File|IO)\.(?:write|binwrite)",
        read=r"(?:File|IO)\.(?:read|readlines|foreach|binread)",
        evaluate=r"eval|instance_eval|class_eval|load",
        decode=r"Base64\.\w*decode64|unpack1?",
        network=r"TCPSocket\S*|UDPSocket\S*|TCPServer\S*|Net::HTTP\S*|URI\.open|open-uri",
        backquotes=True,
    ),
    "node": Grammar(
        commands=r"execSync|exec|spawnSync|spawn|execFileSync|execFile|\$(?=`)|Deno\.run|Bun\.spawn\w*",
        delete=r"unlinkSync|unlink|Deno\.removeSync|Deno\.remove",
        delete_tree=r"rmSync|rmdirSync|rmdir|rm|removeSync|emptyDirSync|rimraf\S*|deleteSync",
        move=r"renameSync|rename",
        write=r"writeFileSync|writeFile|createWriteStream|truncateSync",
        read=r"readFileSync|readFile|createReadStream",
        evaluate=r"eval|Function|runInThisContext|runInNewContext",
        decode=r"atob|Buffer\.from|decodeURIComponent|unescape",
        network=r"net\.\w+|fetch|https?\.(?:get|request)|axios\S*|WebSocket",
    ),
    "php": Grammar(
        commands=r"system|exec|shell_exec|passthru|popen|proc_open|pcntl_exec",
        delete=r"unlink|rmdir",
        delete_tree=r"deleteDirectory",
        move=r"rename",
        write=r"file_put_contents",
        read=r"file_get_contents|readfile|file|show_source",
        evaluate=r"eval|assert|create_function|include|require",
        decode=r"base64_decode|gzinflate|gzuncompress|str_rot13|hex2bin",
        network=r"fsockopen|stream_socket_client|socket_connect|curl_exec",
        backquotes=True,
    ),
    "lua": Grammar(
        commands=r"os\.execute|io\.popen",
        delete=r"os\.remove",
        move=r"os\.rename",
        read=r"io\.open|io\.lines",
        evaluate=r"load|loadstring|dofile",
        network=r"socket\.\w+|require\s*\(?\s*['\"]socket['\"]",
    ),
    "awk": Grammar(commands=r"system", network=r"/inet[46]?/(?:tcp|udp)/"),
}
_FORK_BOMB = re.compile(
    r"\bfork\s+(?:while|until)\b|(?:while|loop|for)\b[^;]{0,40}\bfork\b|\bloop\s*\{?\s*(?:do\s*)?fork"
    r"|while\s*\((?:1|true|;;)\)\s*\{?\s*(?:require\S+\.)?(?:fork|spawn|exec)\b",
    re.DOTALL,
)
_SHELL_WORD = re.compile(r"(?:^|/)(?:ba|z|da|k|a)?sh(?:\s+-[il]+)?(?:\s|$|<|>)|cmd\.exe|powershell")
_AWK_PIPE = re.compile(r"\|\s*(?:getline|&)?\s*\"([^\"]*)\"|\"([^\"]*)\"\s*\|&?\s*getline")
_AWK_FILE = re.compile(r"print[^\"|;}]*?(?:\"[^\"]*\"[^\"|;}>]*?)?>{1,2}\s*\"([^\"]*)\"")
_SED_RUNS = re.compile(r"(?:^|[;{}\n]|\d|/\w*)\s*e\s+(\S[^\n;]*)|/[gpiIm0-9]*e[gpiIm0-9]*\s*$")
_SED_FILE = re.compile(r"(?:^|[;{}\n]|\d|/[gpiI0-9]*)\s*w\s+(\S+)\s*$")


def read(language: Language, source: str, span: Span) -> Inside:
    """Say what code of a language does, as far as its calls tell."""
    if len(source) > _MAX_CHARACTERS or source == UNKNOWN:
        return Inside(dangers=frozenset([COMPUTED_CODE]))
    if language == "sed":
        return _read_sed(source, span)
    grammar = GRAMMARS.get(language)
    if grammar is None:
        return Inside()
    return _read_calls(language, grammar, source, span)


def _read_calls(language: Language, grammar: Grammar, source: str, span: Span) -> Inside:
    runs: list[Run] = []
    codes: list[Code] = []
    writes: list[Write] = []
    dangers: set[str] = set()
    spawns_shell = False
    for strings in _calls(grammar.commands, source):
        codes.extend(_shell_code(language, strings, span))
        spawns_shell = spawns_shell or any(_SHELL_WORD.search(text) for text in strings)
    if grammar.backquotes:
        for match in _STRING.finditer(source):
            text = next((match[i] for i in (3, 4, 5, 6, 7, 8) if match[i] is not None), None)
            if text is not None:
                codes.append(Code("shell", value_of(text), span))
    for words, names in (
        (("rm", "-f"), grammar.delete),
        (("rm", "-rf"), grammar.delete_tree),
        (("mv",), grammar.move),
        (("cat",), grammar.read),
    ):
        for strings in _calls(names, source):
            targets = [_interpolated(text) for text in strings[:6] if text] or [UNKNOWN]
            runs.append(Run(_arguments([*words, *targets], span)))
    for strings in _calls(grammar.write, source):
        named = [text for text in strings if text not in (">", ">>", "+>", "w", "a")]
        target = _interpolated(named[0]) if named else UNKNOWN
        writes.append(Write(Argument(target, span), unknown(), append=">>" in strings))
    if language == "ruby":
        writes.extend(_ruby_opens(source, span))
    if language == "awk":
        codes += [
            Code("shell", value_of(match[1] or match[2] or ""), span)
            for match in _AWK_PIPE.finditer(source)
        ]
        writes += [
            Write(Argument(match[1], span), unknown()) for match in _AWK_FILE.finditer(source)
        ]
    network = _named(grammar.network, source)
    if network and (spawns_shell or any(_SHELL_WORD.search(str(c.source.texts[0])) for c in codes)):
        dangers.add(REVERSE_SHELL)
    evaluates = _named(grammar.evaluate, source)
    if evaluates and _named(grammar.decode, source):
        dangers.add(HIDDEN_CODE)
    if evaluates and network:
        dangers.add(FETCHED_CODE)
    if _FORK_BOMB.search(source):
        dangers.add(FORK_BOMB)
    harmless = not (runs or codes or writes or dangers or evaluates or network)
    return Inside(tuple(runs), tuple(codes), tuple(writes), (), frozenset(dangers), harmless)


def _named(names: str, source: str) -> bool:
    return bool(names) and re.search(rf"(?<![\w.$@])(?:{names})(?!\w)", source) is not None


def _calls(names: str, source: str) -> list[list[str]]:
    """For every call of one of these names, the string literals up to the statement's end."""
    if not names:
        return []
    found = []
    for match in re.finditer(rf"(?<![\w$@])(?:[\w.]*\.)?(?:{names})(?![\w:])", source):
        found.append(_literals(source, match.end()))
        if len(found) >= _MAX_CALLS:
            break
    return found


def _literals(source: str, position: int) -> list[str]:
    """String literals from a position to the end of the statement or the call."""
    strings: list[str] = []
    depth = 0
    end = min(len(source), position + 4_000)
    while position < end:
        character = source[position]
        match = _STRING.match(source, position) if character in "\"'`%q" else None
        if match:
            strings.append(next(group for group in match.groups() if group is not None))
            position = match.end()
            continue
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
            if depth <= 0:
                break
        elif character in ";\n" and depth <= 0:
            break
        position += 1
    return strings


def _shell_code(language: Language, strings: list[str], span: Span) -> list[Code]:
    """One string is shell code; several are a program and its arguments."""
    if not strings:
        return [Code("shell", unknown(), span)]
    texts = [_interpolated(text) for text in strings]
    if language == "node" and texts[-1] in ("inherit", "pipe", "utf8", "ignore", "utf-8"):
        texts = texts[:-1] or texts
    return [Code("shell", value_of(" ".join(texts)), span)]


def _interpolated(text: str) -> str:
    """Backslashes taken out; what the language fills in is unknown."""
    text = re.sub(r"\\(.)", r"\1", text)
    return re.sub(r"#\{[^}]*\}|\$\{[^}]*\}|[$@]\w+", UNKNOWN, text)


def _arguments(words: list[str], span: Span) -> tuple[Argument, ...]:
    return tuple(Argument(word, span) for word in words)


def _ruby_opens(source: str, span: Span) -> list[Write]:
    writes = []
    for strings in _calls(r"(?:File|IO)\.(?:open|new)|open", source):
        if len(strings) > 1 and strings[1][:1] in ("w", "a"):
            target = Argument(_interpolated(strings[0]), span)
            writes.append(Write(target, unknown(), append=strings[1][0] == "a"))
    return writes


def _read_sed(source: str, span: Span) -> Inside:
    codes = tuple(
        Code("shell", value_of(match[1] or UNKNOWN), span) for match in _SED_RUNS.finditer(source)
    )
    writes = tuple(
        Write(Argument(match[1], span), unknown()) for match in _SED_FILE.finditer(source)
    )
    return Inside(codes=codes, writes=writes, harmless=not codes and not writes)
