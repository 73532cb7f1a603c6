"""The source of a manual page (macros of man or mdoc) as lines and words that people would read.

No formatter is called: a machine may have none, it takes a tenth of a second, and its output hides
what the macros say. What the lines mean, `manual_pages` and `manual_examples` find out.
"""

import re
from collections.abc import Iterator

_FONT = (
    r"\\(?:f(?:\[[^]]*\]|\(..|.)|[&,/:%^|cdu)]|s[-+]?\d+|m\[[^]]*\]"
    r"|[hvwlL]'[^']*'|k.|z|F\[[^]]*\]|n\(?..?)"
)
_DASH = r"\\(?:-|\(mi|\(hy|\[u2010\]|\[mi\]|\[hy\]|\(en|\[en\]|\(em|\[em\])"
_SPECIAL = r"\\\*?(?:\((?P<two>..)|\[(?P<name>[^]]*)\])|\\(?P<one>[ ~0e.'`\\])"
_ESCAPE = re.compile(f"(?P<font>{_FONT})|(?P<dash>{_DASH})|{_SPECIAL}")
_NAMED = {
    "aq": "'", "cq": "'", "oq": "'", "Aq": "'", "dq": '"', "lq": '"', "rq": '"', "Lq": '"',
    "Rq": '"', 'L"': '"', 'R"': '"', "bu": "*", "rs": "\\", "bv": "|", "ba": "|", "ha": "^",
    "ti": "~", "sh": "#", "at": "@", "lB": "[", "rB": "]", "la": "<", "ra": ">", "co": "(C)",
    "ga": "`", "->": "->", "<=": "<=", ">=": ">=", "C+": "C++",
}  # fmt: skip
_ARGUMENT = re.compile(r'"((?:[^"]|"")*)"?|((?:\\ |\S)+)')

_FALSE_BLOCK = re.compile(r"[.']\s*(?:el|(?:if|ie)\s+(?!n\b)\S+.*?)\s*\\\{")
_CONDITION = re.compile(r"[.']\s*(?:if|ie)\s+n\s*(?:\\\{\\?)?\s*")
_FALSE_LINE = re.compile(r"[.']\s*(?:el\b|if\b|ie\b)")
_DEFINITION = re.compile(r"[.']\s*(?:de1?|am|ig)\b")


def plain_lines(source: str) -> Iterator[str]:
    """The lines that a terminal would be shown, without definitions, comments and conditions."""
    within = ""
    depth = 0
    for line in source.split("\n"):
        if within == "definition":
            within = "" if re.match(r"[.']\s*\.", line) else within
        elif within == "false":
            depth += line.count("\\{") - line.count("\\}")
            within = "false" if depth > 0 else ""
        elif line.startswith(('.\\"', "'\\\"", ".\\}", '\\"')):
            continue
        elif _DEFINITION.match(line):
            within = "definition"
        elif _FALSE_BLOCK.match(line):
            depth = line.count("\\{") - line.count("\\}")
            within = "false" if depth > 0 else ""
        elif condition := _CONDITION.match(line):
            rest = line[condition.end() :].replace("\\}", "").strip("\\ ")
            if rest:
                yield rest
        elif not _FALSE_LINE.match(line):
            yield re.sub(r'\\".*', "", line)


def clean(text: str) -> str:
    """Text without fonts, with characters for their names."""
    return _ESCAPE.sub(_character, text)


def _character(match: re.Match[str]) -> str:
    if match["font"]:
        return ""
    if match["dash"]:
        return "-"
    if one := match["one"]:
        return {"e": "\\", "\\": "\\"}.get(one, one if one in ".'`" else " ")
    return _NAMED.get(match["two"] or match["name"], "")


def arguments(text: str) -> list[str]:
    """The words of a macro's line; what is in quotes is one."""
    return [
        (quoted.replace('""', '"') if quoted or not bare else bare)
        for quoted, bare in _ARGUMENT.findall(text)
    ]


ALTERNATING = frozenset(("BR", "RB", "BI", "IB", "IR", "RI"))
FONTS = frozenset(("B", "I", "SM", "SB", "R", "CW"))
_MDOC_TEXT_TEXT = """
    Fl Ar Op Nm Pa Sy Em Li Cm Ic Dv Ev Xr Dq Sq Ql Qq Va Vt Fn Fa Ad An Er Tn Oo Oc Pq Bq Aq
    Brq Dl No Ns Sm Bx Ux At Do Dc So Sc Po Pc Lk Mt Cd Nx Fx Ox St
"""
MDOC_TEXT = frozenset(_MDOC_TEXT_TEXT.split())


_QUOTES = {
    "Dq": '"',
    "Qq": '"',
    "Sq": "'",
    "Ql": "'",
    "Pq": "()",
    "Bq": "[]",
    "Aq": "<>",
    "Op": "[]",
}
_CLOSING = frozenset(",.;:)]?!")


def mdoc(text: str, program: str) -> str:
    """The text of a line of mdoc: `Fl o Ar file` is `-o file`."""
    words = arguments(text)
    made = ""
    joins = True  # the next word follows without a space
    closing: list[str] = []
    flag = False
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if word in _QUOTES:
            pair = _QUOTES[word]
            made += ("" if joins else " ") + pair[0]
            closing.append(pair[-1])
            joins, flag = True, False
        elif word in ("Oo", "Oc"):
            made += ("" if joins or word == "Oc" else " ") + ("[" if word == "Oo" else "]")
            joins, flag = word == "Oo", False
        elif word == "Ns":
            joins = True
        elif word == "Fl":
            if words[position : position + 1] == ["Fl"]:
                position += 1
                dashes = "--"
            else:
                dashes = "-"
            made += ("" if joins else " ") + dashes
            joins, flag = True, False
            if position < len(words) and words[position] not in MDOC_TEXT:
                made += clean(words[position])
                position += 1
                joins, flag = False, True
        elif word in MDOC_TEXT:
            flag = False
            if word == "Ar" and (position == len(words) or words[position] in MDOC_TEXT):
                made += ("" if joins else " ") + "file"
                joins = False
            elif word == "Nm" and position == len(words):
                made += ("" if joins else " ") + program
                joins = False
            elif word == "Xr" and position + 1 < len(words):
                made += ("" if joins else " ") + f"{words[position]}({words[position + 1]})"
                position, joins = position + 2, False
        else:
            spaced = "" if joins or word in _CLOSING else " "
            dashed = "-" if flag and re.fullmatch(r"[\w-]+", word) else ""
            made += spaced + dashed + clean(word)
            joins = word in "(["
    return made + "".join(reversed(closing))
