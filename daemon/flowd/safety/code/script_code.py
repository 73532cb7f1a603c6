"""Perl, Ruby, JavaScript, PHP, Lua and other source: a look at its calls, not a parse.

A call is a known name and the string literals after it in the same statement. That is what short
programs on a command line are made of; whatever is cleverer than that is not followed.
"""

import re
from itertools import islice

from flowd.safety.code import (
    COMPUTED_CODE,
    FETCHED_CODE,
    FORK_BOMB,
    HIDDEN_CODE,
    REVERSE_SHELL,
    Inside,
)
from flowd.safety.code.filter_code import awk_pipes, awk_writes, read_sed, read_tcl
from flowd.safety.code.languages import CALLS, GRAMMARS, NAMES
from flowd.safety.code.literals import STRING, constants, interpolated, literals
from flowd.safety.programs.effects import Code, Language, Run, Write
from flowd.safety.state import HOME
from flowd.safety.syntax import Span
from flowd.safety.value import (
    ANYTHING,
    DECODED,
    NETWORK,
    UNKNOWN,
    Argument,
    Value,
    unknown,
    value_of,
)

_MAX_CHARACTERS = 8_192
_MAX_CALLS = 200


_INPUT = re.compile(r"<>|<STDIN>|STDIN|stdin|\bgets\b|\bARGF\b|readFileSync\(0|php://input")
_PERL_OPEN = re.compile(r"\bopen\s*\(?\s*(?:my\s*)?\$?\w+\s*,\s*(['\"])\+?>{1,2}\s*([^'\"\s]+)\1")
_PERL_PIPE = re.compile(
    r"\bopen\s*\(?\s*(?:my\s*)?\$?\w+\s*,\s*"
    r"(?:(['\"])-\|\1\s*,\s*(['\"])([^'\"]+)\2|(['\"])\s*\|([^'\"]+)\4|(['\"])([^'\"|]+)\|\6)"
)
"""Perl opens the input or the output of a command."""
_DELETED = re.compile(
    r"(?:File|Path|Paths\.get|Path\.of|Pathname\.new|Pathname|Dir)\s*\(\s*(['\"])([^'\"]*)\1\s*\)"
    r"(?:\.\w+\(\))*\.(?:deleteDir|deleteRecursively|delete|rmtree|unlink)\b"
)
"""A method that deletes what a path was just made for."""
_RUBY_OPEN = re.compile(r"(?<![\w.])(?:(?:File|IO)\.(?:open|new)|open)(?!\w)")
_FORK_BOMB = re.compile(
    r"\bfork\s+(?:while|until)\b|(?:while|loop|for)\b[^;]{0,40}\bfork\b|\bloop\s*\{?\s*(?:do\s*)?fork"
    r"|while\s*\((?:1|true|;;)\)\s*\{?\s*(?:require\S+\.)?(?:fork|spawn|exec)\b",
    re.DOTALL,
)
_PRINTED = re.compile(
    r"((?:^|[;{}\n])\s*(?:print|puts|say|echo|p|warn|console\.(?:log|error|info|warn)|io\.write)\s*\(?\s*)"
    r"(\"[^\"\\$@#{`]*\"|'[^'\\]*')(?=\s*(?:[;)}\n]|$))"
)
"""A statement that prints one text with nothing to be filled in."""
_CALLED_BACK = re.compile(
    r"(?:array_map|array_walk|call_user_func(?:_array)?)\s*\(\s*['\"](\w+)['\"]\s*,"
)
_RENAMED = re.compile(
    r"\b((?:exec|spawn)\w*)\s*:\s*(\w+)(?=[\s,}])"
    r"|(\w+)\s*=\s*require\(['\"](?:node:)?child_process['\"]\)\.(?:exec|spawn)\w*"
)
_METHOD = re.compile(r"\.\s*exec$")
_SHELL_WORD = re.compile(r"(?:^|/)(?:ba|z|da|k|a)?sh(?:\s+-[il]+)?(?:\s|$|<|>)|cmd\.exe|powershell")
_EXECUTED = re.compile(
    r"(?:\"([^\"]*)\"|'([^']*)'|\[((?:\s*['\"][^'\"]*['\"]\s*,?)+)\])\s*\.execute\s*\("
)
"""Groovy: a text, or a list of words, that is run."""


def read(language: Language, source: str, span: Span, fed: Value = ANYTHING) -> Inside:
    """Say what code of a language does, as far as its calls tell; `fed` is its input."""
    if len(source) > _MAX_CHARACTERS or source == UNKNOWN:
        return Inside(dangers=frozenset([COMPUTED_CODE]))
    if language == "sed":
        return read_sed(source, span, fed)
    if language == "tcl":
        return read_tcl(source, span)
    if language not in GRAMMARS:
        return Inside()
    return _read_calls(language, source, span, fed)


_AS_COMMAND = {
    "delete": ("rm", "-f"),
    "delete_tree": ("rm", "-rf"),
    "move": ("mv",),
    "read": ("cat",),
}
_MODES = frozenset({">", ">>", "+>", "w", "a"})


def _read_calls(language: Language, source: str, span: Span, fed: Value) -> Inside:
    codes: list[Code] = []
    runs: list[Run] = []
    source = _plainly_called(_PRINTED.sub(_without_print, source))
    for strings in _calls(language, "commands", source):
        codes += _shell_code(language, strings, span)
    if GRAMMARS[language].backquotes:
        codes += _backquoted(source, span)
    for kind, words in _AS_COMMAND.items():
        for strings in _calls(language, kind, source):
            if kind == "delete" and re.search(r"recursive\s*=\s*(?:TRUE|T\b|true)", source):
                words = ("rm", "-rf")
            targets = [_home(language, interpolated(text)) for text in strings[:6] if text] or [
                UNKNOWN
            ]
            runs.append(Run(_arguments([*words, *targets], span)))
    writes = [_write(strings, span) for strings in _calls(language, "write", source)]
    if language == "ruby":
        writes += _ruby_opens(source, span)
    if language in ("other", "ruby"):
        runs += [
            Run(_arguments(["rm", "-rf", interpolated(match[2])], span))
            for match in _DELETED.finditer(source)
        ]
    if language == "perl":
        piped = (match[3] or match[5] or match[7] for match in _PERL_PIPE.finditer(source))
        codes += [Code("shell", value_of(interpolated(text)), span) for text in piped]
        writes += [Write(Argument(m[2], span), unknown()) for m in _PERL_OPEN.finditer(source)]
    if language == "other":
        texts = (m[1] or m[2] or " ".join(literals(m[3], 0)) for m in _EXECUTED.finditer(source))
        codes += [Code("shell", value_of(text), span) for text in texts]
    if language == "awk":
        codes += awk_pipes(source, span)
        writes += awk_writes(source, span)
    dangers = _dangers(language, source, codes, fed)
    suspicious = any(_named(language, kind, source) for kind in ("evaluate", "network"))
    harmless = not (runs or codes or writes or dangers or suspicious)
    return Inside(tuple(runs), tuple(codes), tuple(writes), (), dangers, harmless)


def _dangers(language: Language, source: str, codes: list[Code], fed: Value) -> frozenset[str]:
    """What is dangerous about the whole: calls that are harmless one by one."""
    found: set[str] = set()
    network = _named(language, "network", source)
    evaluates = _named(language, "evaluate", source)
    texts = [text for code in codes for text in code.source.texts]
    if network and any(_SHELL_WORD.search(text) or text == UNKNOWN for text in texts):
        found.add(REVERSE_SHELL)
    if evaluates and _named(language, "decode", source):
        found.add(HIDDEN_CODE)
    reads_input = evaluates and _INPUT.search(source) is not None
    if reads_input and not fed.origins & (NETWORK | DECODED):
        found.add(COMPUTED_CODE)
    if evaluates and (network or (reads_input and "network" in fed.origins)):
        found.add(FETCHED_CODE)
    if _FORK_BOMB.search(source):
        found.add(FORK_BOMB)
    return frozenset(found)


def _backquoted(source: str, span: Span) -> list[Code]:
    """`code`, %x(code) and qx(code)."""
    return [
        Code("shell", value_of(text), span)
        for match in STRING.finditer(source)
        if (text := next((group for group in match.groups()[2:8] if group is not None), None))
    ]


def _write(strings: list[str], span: Span) -> Write:
    named = [text for text in strings if text not in _MODES]
    target = interpolated(named[0]) if named else UNKNOWN
    return Write(Argument(target, span), unknown(), append=">>" in strings)


def _named(language: Language, kind: str, source: str) -> bool:
    pattern = NAMES[language].get(kind)
    return pattern is not None and pattern.search(source) is not None


def _calls(language: Language, kind: str, source: str) -> list[list[str]]:
    """For every call of a kind, the string literals up to the statement's end."""
    pattern = CALLS[language].get(kind)
    if pattern is None:
        return []
    matches = islice(pattern.finditer(source), _MAX_CALLS)
    known = constants(source)
    return [
        literals(source, match.end(), language, known, match[0])
        for match in matches
        if language != "node" or "child_process" in source or not _METHOD.search(match[0])
    ]


def _plainly_called(source: str) -> str:
    """Calls under another name, and by a name in a string, written as usual."""
    source = _CALLED_BACK.sub(r"\1(", source)
    if "child_process" in source:
        for match in _RENAMED.finditer(source):
            source = re.sub(rf"(?<![\w.$]){match[2] or match[3]}\s*\(", "execSync(", source)
    return source


def _home(language: Language, text: str) -> str:
    """Emacs takes `~` for the home folder, as shells do."""
    return HOME + text[1:] if language == "lisp" and text.startswith("~") else text


def _shell_code(language: Language, strings: list[str], span: Span) -> list[Code]:
    """One string is shell code; several are a program and its arguments."""
    if not strings:
        return [Code("shell", unknown(), span)]
    if strings[0] == UNKNOWN:
        return [Code("shell", unknown(), span)]
    texts = [interpolated(text) for text in strings]
    if language == "node" and texts[-1] in ("inherit", "pipe", "utf8", "ignore", "utf-8"):
        texts = texts[:-1] or texts
    return [Code("shell", value_of(" ".join(texts)), span)]


def _arguments(words: list[str], span: Span) -> tuple[Argument, ...]:
    return tuple(Argument(word, span) for word in words)


def _ruby_opens(source: str, span: Span) -> list[Write]:
    writes = []
    for strings in (literals(source, match.end()) for match in _RUBY_OPEN.finditer(source)):
        if len(strings) > 1 and strings[1][:1] in ("w", "a"):
            target = Argument(interpolated(strings[0]), span)
            writes.append(Write(target, unknown(), append=strings[1][0] == "a"))
    return writes


def _without_print(printed: re.Match[str]) -> str:
    """What stands in a printed text is data; but not when the quotes before it do not pair up."""
    before = printed.string[: printed.start()]
    if before.count("'") % 2 or before.count('"') % 2:
        return printed[0]
    return f"{printed[1]}''"
