"""The texts that stand in code which is read without a parser, and what is joined of them."""

import re
from collections import Counter
from collections.abc import Mapping

from flowd.safety.programs.effects import Language
from flowd.safety.value import UNKNOWN

STRING = re.compile(
    r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'|`((?:[^`\\]|\\.)*)`"
    r"|%x\{([^}]*)\}|%x\(([^)]*)\)|qx\{([^}]*)\}|qx\(([^)]*)\)|qx/([^/]*)/|q[qw]?\{([^}]*)\}"
    r"|q[qw]?\(([^)]*)\)",
    re.DOTALL,
)
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
_SETS = re.compile(r"([$@]?[A-Za-z_]\w*)\s*(?:\|\||&&|\?\?|[-+.*|&])?:?=(?![=~>])")
_TAKES_LIST = re.compile(r"(?:system|exec|spawn\w*|execFile\w*|popen)$")


def constants(source: str) -> dict[str, str]:
    """The variables that are set once, to one text, or to every name that a pattern finds."""
    known = {match[1]: match[2][1:-1] for match in _CONSTANT.finditer(source)}
    known |= {match[2]: match[1][1:-1] for match in _EACH.finditer(source)}
    for match in _FOR_EACH.finditer(source):
        known[match[1] or match[4]] = (match[2] or match[3])[1:-1]
    changed = Counter(match[1] for match in _SETS.finditer(source))
    return {name: text for name, text in known.items() if changed[name] < 2}


def literals(
    source: str,
    position: int,
    language: Language = "other",
    known: Mapping[str, str] | None = None,
    call: str = "",
) -> list[str]:
    """The texts a call is given, up to the end of the statement or the call.

    A variable that is set to one text counts as that; whatever else is not spelled out is UNKNOWN
    where it stands first, or is joined to a text.
    """
    variables = known or {}
    strings: list[str] = []
    computed = joins = False
    depth = 0
    end = min(len(source), position + 4_000)
    while position < end:
        character = source[position]
        quoted = STRING.match(source, position) if character in "\"'`%q" else None
        name = None if quoted else _NAME.match(source, position)
        word = name[0] if name else ""
        token = quoted or name
        if token and (quoted or word in variables or joins):
            text = _group(quoted) if quoted else variables.get(word, UNKNOWN)
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


def interpolated(text: str) -> str:
    """Backslashes taken out; what the language fills in is unknown."""
    text = re.sub(r"\\(.)", r"\1", text)
    return re.sub(r"#\{[^}]*\}|\$\{[^}]*\}|[$@]\w+", UNKNOWN, text)
