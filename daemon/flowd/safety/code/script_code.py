"""Perl, Ruby, JavaScript, PHP, Lua, awk and sed source: a look at its calls, not a parse.

A call is a known name and the string literals after it in the same statement. That is what short
programs on a command line are made of; whatever is cleverer than that is not followed.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice

from flowd.safety.code import (
    COMPUTED_CODE,
    FETCHED_CODE,
    FORK_BOMB,
    HIDDEN_CODE,
    REVERSE_SHELL,
    Inside,
)
from flowd.safety.code.languages import CALLS, GRAMMARS, NAMES
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

_STRING = re.compile(
    r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'|`((?:[^`\\]|\\.)*)`"
    r"|%x\{([^}]*)\}|%x\(([^)]*)\)|qx\{([^}]*)\}|qx\(([^)]*)\)|qx/([^/]*)/|q[qw]?\{([^}]*)\}"
    r"|q[qw]?\(([^)]*)\)",
    re.DOTALL,
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
_CONSTANT = re.compile(
    r"(?<![\w.$@])(?:my\s+|local\s+|const\s+|let\s+|var\s+)?([$@]?[A-Za-z_]\w*)\s*:?=(?![=~])\s*"
    r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')\s*(?=[;,\n})]|$)"
)
_EACH = re.compile(
    r"(?:Dir\.glob\s*\(|Dir\s*\[|glob\s*\()\s*(\"[^\"]*\"|'[^']*')\s*[\])]\s*\.each\w*\s*(?:\{|do)\s*\|(\w+)\|"
)
"""Ruby: a block called with every name that a pattern finds."""
_FOR_EACH = re.compile(
    r"\bfor(?:each)?\s*(?:my\s*)?(\$\w+)\s*\(\s*glob\s*\(?\s*(\"[^\"]*\"|'[^']*')"
    r"|\bforeach\s*\(\s*glob\s*\(\s*(\"[^\"]*\"|'[^']*')\s*\)\s*as\s+(\$\w+)"
)
"""Perl and PHP: a loop over the names that a pattern finds."""
_NAME = re.compile(r"[$@]?[A-Za-z_]\w*(?:\{\w+\})?|\$\d+")
_ENDS = frozenset({"or", "and", "if", "unless", "for", "foreach", "while"})
"""Words that end a call without brackets."""
_JOINS = re.compile(r"\s*(?:\.\.|[.+])\s*(?!\w+\()")
_NEXT_TO = re.compile(r"\s*(?=[$\w\"])")
"""Awk joins what stands side by side."""
_CALLED_BACK = re.compile(
    r"(?:array_map|array_walk|call_user_func(?:_array)?)\s*\(\s*['\"](\w+)['\"]\s*,"
)
_RENAMED = re.compile(
    r"\b((?:exec|spawn)\w*)\s*:\s*(\w+)(?=[\s,}])"
    r"|(\w+)\s*=\s*require\(['\"](?:node:)?child_process['\"]\)\.(?:exec|spawn)\w*"
)
_TAKES_LIST = re.compile(r"(?:system|exec|spawn\w*|execFile\w*|popen)$")
_METHOD = re.compile(r"\.\s*exec$")
_SHELL_WORD = re.compile(r"(?:^|/)(?:ba|z|da|k|a)?sh(?:\s+-[il]+)?(?:\s|$|<|>)|cmd\.exe|powershell")
_AWK_PIPE = re.compile(r"\|\s*&?\s*\"((?:[^\"\\]|\\.)*)\"|\"((?:[^\"\\]|\\.)*)\"\s*\|&?\s*getline")
_AWK_PRINTED = re.compile(r"print\s*\(?\"((?:[^\"\\]|\\.)*)\"\)?\s*\|\s*\"((?:[^\"\\]|\\.)*)\"")
_AWK_VARIABLE_PIPE = re.compile(
    r"\b([A-Za-z_]\w*)\s*\|&?\s*getline|\|&?\s*([A-Za-z_]\w*)\b(?!\s*getline)"
)
_TCL_DELETE = re.compile(r"(?:^|[;\[{\n])\s*file\s+delete\s+((?:-\w+\s+)*)([^;\n\]}]*)")
_TCL_CALL = re.compile(
    r"(?:^|[;\[{\n\"])\s*(?:exec|spawn|system|open\s+\"?\|)\s+((?:-\w+\s+)*)([^;\n\]}]*)"
)
_EXECUTED = re.compile(
    r"(?:\"([^\"]*)\"|'([^']*)'|\[((?:\s*['\"][^'\"]*['\"]\s*,?)+)\])\s*\.execute\s*\("
)
"""Groovy: a text, or a list of words, that is run."""
_AWK_FILE = re.compile(r"print[^\"|;}]*?(?:\"[^\"]*\"[^\"|;}>]*?)?>{1,2}\s*\"([^\"]*)\"")
_SED_RUNS = re.compile(r"(?:^|[;{}\n]|\d|/\w*)\s*e\s+(\S[^\n;]*)|/[gpiIm0-9]*e[gpiIm0-9]*\s*$")
_SED_SUBSTITUTES = re.compile(r"(?:^|[;{}\n/\d])\s*s([/|,#!@])")
_SED_RUN_FLAG = re.compile(r"[gpiIm0-9]*e")
_MAX_SUBSTITUTIONS = 50
_SED_FILE = re.compile(r"(?:^|[;{}\n]|\d|/[gpiI0-9]*)\s*w\s+(\S+)\s*$")


def read(language: Language, source: str, span: Span, fed: Value = ANYTHING) -> Inside:
    """Say what code of a language does, as far as its calls tell; `fed` is its input."""
    if len(source) > _MAX_CHARACTERS or source == UNKNOWN:
        return Inside(dangers=frozenset([COMPUTED_CODE]))
    if language == "sed":
        return _read_sed(source, span, fed)
    if language == "tcl":
        return _read_tcl(source, span)
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
            targets = [_home(language, _interpolated(text)) for text in strings[:6] if text] or [
                UNKNOWN
            ]
            runs.append(Run(_arguments([*words, *targets], span)))
    writes = [_write(strings, span) for strings in _calls(language, "write", source)]
    if language == "ruby":
        writes += _ruby_opens(source, span)
    if language in ("other", "ruby"):
        runs += [
            Run(_arguments(["rm", "-rf", _interpolated(match[2])], span))
            for match in _DELETED.finditer(source)
        ]
    if language == "perl":
        piped = (match[3] or match[5] or match[7] for match in _PERL_PIPE.finditer(source))
        codes += [Code("shell", value_of(_interpolated(text)), span) for text in piped]
        writes += [Write(Argument(m[2], span), unknown()) for m in _PERL_OPEN.finditer(source)]
    if language == "other":
        texts = (m[1] or m[2] or " ".join(_literals(m[3], 0)) for m in _EXECUTED.finditer(source))
        codes += [Code("shell", value_of(text), span) for text in texts]
    if language == "awk":
        codes += _awk_pipes(source, span)
        writes += [
            Write(Argument(match[1], span), unknown()) for match in _AWK_FILE.finditer(source)
        ]
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
        for match in _STRING.finditer(source)
        if (text := next((group for group in match.groups()[2:8] if group is not None), None))
    ]


def _write(strings: list[str], span: Span) -> Write:
    named = [text for text in strings if text not in _MODES]
    target = _interpolated(named[0]) if named else UNKNOWN
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
    constants = {match[1]: match[2][1:-1] for match in _CONSTANT.finditer(source)}
    constants |= {match[2]: match[1][1:-1] for match in _EACH.finditer(source)}
    for match in _FOR_EACH.finditer(source):
        constants[match[1] or match[4]] = (match[2] or match[3])[1:-1]
    return [
        _literals(source, match.end(), language, constants, match[0])
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


def _literals(
    source: str,
    position: int,
    language: Language = "other",
    constants: Mapping[str, str] | None = None,
    call: str = "",
) -> list[str]:
    """The texts a call is given, up to the end of the statement or the call.

    A variable that is set to one text counts as that; whatever else is not spelled out is UNKNOWN
    where it stands first, or is joined to a text.
    """
    known = constants or {}
    strings: list[str] = []
    computed = joins = False
    depth = 0
    end = min(len(source), position + 4_000)
    while position < end:
        character = source[position]
        quoted = _STRING.match(source, position) if character in "\"'`%q" else None
        name = None if quoted else _NAME.match(source, position)
        word = name[0] if name else ""
        token = quoted or name
        if token and (quoted or word in known or joins):
            text = _group(quoted) if quoted else known.get(word, UNKNOWN)
            if joins and strings:
                strings[-1] += text
            else:
                strings += [UNKNOWN, text] if computed and not strings else [text]
            position = _after_glue(source, token.end(), language)
            joins = position > token.end()
            continue
        joins = False
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
            if depth <= 0:
                break
        elif depth <= 0 and (character in ";\n" or (strings and word in _ENDS)):
            break
        elif character == "," and not strings:
            computed = True  # the first argument is not spelled out
        elif word and strings and language in _LISTS and _TAKES_LIST.search(call):
            strings.append(UNKNOWN)
        position = name.end() if name else position + 1
    return strings


def _home(language: Language, text: str) -> str:
    """Emacs takes `~` for the home folder, as shells do."""
    return HOME + text[1:] if language == "lisp" and text.startswith("~") else text


def _group(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group is not None)


def _after_glue(source: str, position: int, language: Language) -> int:
    """Where the text goes on that is joined to one that ends here; the same place if none is."""
    glue = _JOINS.match(source, position)
    if glue is None and language == "awk":
        glue = _NEXT_TO.match(source, position)
    joins = glue is not None and glue.end() < len(source) and source[glue.end()] not in ")];},"
    return glue.end() if glue and joins else position


_LISTS: frozenset[Language] = frozenset({"perl", "ruby"})
"""Languages in which a command may be given as a list of words without brackets."""


def _shell_code(language: Language, strings: list[str], span: Span) -> list[Code]:
    """One string is shell code; several are a program and its arguments."""
    if not strings:
        return [Code("shell", unknown(), span)]
    if strings[0] == UNKNOWN:
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
    for strings in (_literals(source, match.end()) for match in _RUBY_OPEN.finditer(source)):
        if len(strings) > 1 and strings[1][:1] in ("w", "a"):
            target = Argument(_interpolated(strings[0]), span)
            writes.append(Write(target, unknown(), append=strings[1][0] == "a"))
    return writes


def _without_print(printed: re.Match[str]) -> str:
    """What stands in a printed text is data; but not when the quotes before it do not pair up."""
    before = printed.string[: printed.start()]
    if before.count("'") % 2 or before.count('"') % 2:
        return printed[0]
    return f"{printed[1]}''"


def _awk_pipes(source: str, span: Span) -> list[Code]:
    """What awk reads from, or prints to: commands, spelled out or in a variable."""
    codes = [
        Code("shell", value_of(_interpolated(match[1] or match[2] or "")), span)
        for match in _AWK_PIPE.finditer(source)
    ]
    for match in _AWK_PRINTED.finditer(source):
        fed, command = _interpolated(match[1]), _interpolated(match[2])
        codes.append(Code("shell", value_of(command), span, stdin=value_of(fed + "\n")))
    for match in _AWK_VARIABLE_PIPE.finditer(source):
        name = match[1] or match[2]
        set_to = re.search(rf"\b{name}\s*=\s*\"((?:[^\"\\]|\\.)*)\"", source)
        if name != "getline":
            text = _interpolated(set_to[1]) if set_to else UNKNOWN
            codes.append(Code("shell", value_of(text), span))
    return codes


def _read_tcl(source: str, span: Span) -> Inside:
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


def _read_sed(source: str, span: Span, fed: Value) -> Inside:
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
