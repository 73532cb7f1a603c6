"""The examples of a manual page: commands, each with what the page says that it is for.

Pages set them in many ways: as the tag of a paragraph, as lines that stay as they are, in bold,
indented. So a section is read as blocks, and a command is told by its nearest text: by what follows
its tag, by what ends with a colon before it, else by what stands before or after it. Which lines
are commands of the program at all, somebody has to say who reads the shell.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from flowd.exec.manual_pages import first_sentence
from flowd.exec.roff import ALTERNATING, FONTS, MDOC_TEXT, arguments, clean, mdoc, plain_lines

_HEADING = re.compile(r"^[.']\s*S[HhSs]\s+.*\bexamples?\b", re.IGNORECASE | re.MULTILINE)
_ABOUT_EXAMPLES = re.compile(r"\bexamples?\b", re.IGNORECASE)
_MACRO = re.compile(r"[.']\s*([A-Za-z]\w*)\s*(.*)")
_ALL_BOLD = re.compile(r"\s*\\f(?:B|C|\(C[BW]|\[C?[BW]+\])(?:(?!\\f[RP]).)*(?:\\f[RP]\s*)*")
_BULLET = re.compile(r"[*o+-]?|\(?\d+[.)]?")
_PARAGRAPHS = frozenset(("PP", "P", "LP", "Pp", "sp", "br", "Bl", "El"))
_BEGIN_LITERAL = frozenset(("nf", "EX", "Vb"))
_END_LITERAL = frozenset(("fi", "EE", "Ve", "Ed"))
_BOLD = frozenset(("B", "BR", "BI", "SB", "CW", "Nm", "Ic", "Li", "Cm"))

_PROMPT = re.compile(r"\s*(?:[\w.:~/@-]*[$#%]|>)\s+")
_COMMENT_BEHIND = re.compile(r"\s+#\s+(?P<text>.+)$")
_COMMENT = re.compile(r"\s*#+\s*(?P<text>.+)$")
_IS_PROSE = re.compile(r".*[.:;,!?]$|[A-Z][a-z]+ ")
_LAST_SENTENCE = re.compile(r".*[.!?]\s+(?=[A-Z])", re.DOTALL)

_NUMBER = re.compile(r"(?:Examples?\s*\d*[.:]\s*|\(?\d+[.)]\s*|[*o+-]\s+)+")
_FILLED_TEXT = r"""
    (?:the|this)\ (?:following|above|next|last|first|second)?\ *(?:simple\ )?
    (?:command|example|line|invocation|call|program|script)s?(?:\ line)?
    (?:\ (?:will|would|can\ be\ used\ to|shows?\ how\ to|demonstrates?\ how\ to|to))?\ +
    |this\ (?:will\ |would\ )?(?=[a-z]+s\b(?<!is)(?<!as))
    |(?:in\ order\ )?to\ +|(?:how|used)\ to\ +|shows?\ how\ to\ +
"""
_FILLED = re.compile(_FILLED_TEXT, re.VERBOSE | re.IGNORECASE)
_INVITES_TEXT = r"""
    [\s,]*(?:\b(?:you|one)\ (?:can|could|may|might|would|should)|\b(?:please|simply|just|by))?
    [\s,]*\b(?:run|running|use|using|type|typing|do|enter|execute|issue|say|try|with|via)
    (?:\ (?:something|like|this|the|a|following|commands?|line|program|example))*$
"""
_INVITES = re.compile(_INVITES_TEXT, re.VERBOSE)
_SAYS_LITTLE = re.compile(
    r"(?:Note|However|This|These|Those|That|The"
    r"|It|If|In|As|Or|But|And|Likewise|Same|Similar|Here|For|See|Where|Output|Then|Now|Even"
    r"|Because|Though|Although|When|While|Assum\w+|Suppose|Let|There|You|We|I|Could|Should|Would"
    r"|Aside|\S+ example|\S+ is)\b",
    re.IGNORECASE,
)
_FEWEST_WORDS = 3
_LONGEST_TITLE = 160  # characters: what is longer tells circumstances


class Shown(Struct, frozen=True):
    """A command as a page shows it, and the sentence that says what it is for."""

    text: str
    command: str


IsCommand = Callable[[str], bool]
"""Says whether a line is a command that is wanted: of the page's program, and nothing else."""


def read_examples(source: str, is_command: IsCommand) -> Iterator[Shown]:
    """Give the examples in a page's source, in order."""
    if _HEADING.search(source) is None:
        return  # most pages have none, and a look at the headings is quick
    for blocks in _sections(source):
        commands = [_commands_in(block, is_command) for block in blocks]
        yield from _told(blocks, commands)


# ------------------------------------------------------------------------------------------ blocks


class _Block(Struct):
    """A piece of a section, as lines; `is_tag`: what follows is about it."""

    lines: list[str]
    is_literal: bool = False
    is_tag: bool = False
    is_set_off: bool = False  # from prose, by bold letters or by a margin

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.lines).split())


def _sections(source: str) -> Iterator[list[_Block]]:
    """Give the blocks of every section of examples; each subsection by itself."""
    reader = _Reader("")
    program = ""
    section_is = reading = False
    for line in plain_lines(source):
        macro = _MACRO.match(line)
        name, rest = (macro[1], macro[2].strip()) if macro else ("", "")
        if name in ("SH", "Sh", "SS", "Ss"):
            yield reader.blocks
            reader = _Reader(program)
            reading = _ABOUT_EXAMPLES.search(rest) is not None
            if name in ("SH", "Sh"):
                section_is = reading
            reading = reading or section_is
        elif reading and macro:
            reader.macro(name, rest)
        elif reading and line[:1] not in (".", "'"):
            reader.text(line, is_bold=_ALL_BOLD.fullmatch(line) is not None)
        elif name == "Nm":
            program = program or rest.split(" ")[0]
    yield reader.blocks


class _Reader:
    """Puts the lines of a section together to blocks."""

    def __init__(self, program: str) -> None:
        self.blocks: list[_Block] = []
        self._program = program
        self._literal = False
        self._depth = 0
        self._indented = False
        self._open = False  # the last block goes on
        self._tag_is_next = False

    def text(self, line: str, *, is_bold: bool = False) -> None:
        """Take a line of text, still with its escapes."""
        cleaned = clean(line)
        if self._literal:
            self._add(cleaned, is_literal=True)
        elif not cleaned.strip():
            self._open = False
        elif self._tag_is_next:
            self._tag_is_next = False
            self._tag(cleaned)
        elif line[:1] in " \t" and not is_bold:  # what begins with a space stays on its line
            self._open = self._open and self.blocks[-1].is_literal
            self._add(cleaned, is_literal=True)
        else:
            self._add(cleaned, is_set_off=is_bold or self._indented or self._depth > 0)

    def macro(self, name: str, rest: str) -> None:
        """Take a line that is a macro."""
        if name in _BEGIN_LITERAL or (name == "Bd" and ("-lit" in rest or "-unf" in rest)):
            self._literal, self._open = True, False
        elif name in _END_LITERAL:
            self._literal = self._open = False
        elif name in ("Dl", "D1"):
            self._open = False
            self._add(mdoc(rest, self._program), is_literal=True)
            self._open = False
        elif name in _PARAGRAPHS:
            self._indented = self._indented and name in ("sp", "br")
            self._open = self._literal and self._open
        elif name in ("TP", "TQ", "HP"):
            self._tag_is_next, self._open = name != "HP", False
        elif name == "IP":
            self._indented, self._open = True, False
            tag = clean((arguments(rest) or [""])[0]).strip()
            if not _BULLET.fullmatch(tag):
                self._tag(tag)
        elif name == "It":
            self._tag(mdoc(rest, self._program))
        elif name in ("RS", "RE"):
            self._indent(deeper=name == "RS")
        elif name in ALTERNATING:
            self.text("".join(arguments(rest)), is_bold=name in _BOLD)
        elif name in FONTS:
            self.text(" ".join(arguments(rest)), is_bold=name in _BOLD)
        elif name in MDOC_TEXT:
            self.text(mdoc(f"{name} {rest}", self._program), is_bold=name in _BOLD)

    def _indent(self, *, deeper: bool) -> None:
        self._depth = max(0, self._depth + (1 if deeper else -1))
        self._open = False
        if deeper and self.blocks and not self.blocks[-1].is_literal:
            self.blocks[-1].is_tag = True  # as asciidoc writes them

    def _tag(self, text: str) -> None:
        if text.strip():
            self.blocks.append(_Block([text], is_tag=True, is_set_off=True))
            self._open = False

    def _add(self, line: str, *, is_literal: bool = False, is_set_off: bool = False) -> None:
        last = self.blocks[-1] if self._open and self.blocks else None
        if last is None or last.is_literal != is_literal:
            self.blocks.append(_Block([line], is_literal, is_set_off=is_set_off))
            self._open = True
        else:
            last.lines.append(line)
            last.is_set_off = last.is_set_off and is_set_off


# ------------------------------------------------------------------------------------------- pairs


def _commands_in(block: _Block, is_command: IsCommand) -> list[tuple[str, str]]:
    """Give the command of a block, or those of its commands that have a comment of their own."""
    if not block.is_literal:
        line = _PROMPT.sub("", block.text, count=1) if _PROMPT.match(block.text) else block.text
        wanted = (
            (block.is_set_off or block.is_tag) and not _IS_PROSE.match(line) and is_command(line)
        )
        return [(line, "")] if wanted else []
    found: list[tuple[str, str]] = []
    comment = ""
    lines = list(_whole_lines(block.lines))
    prompted = any(_PROMPT.match(line) and is_command(_bare(line)) for line in lines)
    for line in lines:
        command = _bare(line)
        behind = _COMMENT_BEHIND.search(command)
        is_wanted = (not prompted or _PROMPT.match(line)) and is_command(command)
        if is_wanted:
            bare = command[: behind.start()] if behind else command
            found.append((bare.strip(), behind["text"] if behind else comment))
        above = None if is_wanted else _COMMENT.match(line)
        comment = above["text"] if above else ""
    described = [each for each in found if each[1]]
    return described or (found if len(found) == 1 else [])


def _bare(line: str) -> str:
    return _PROMPT.sub("", line, count=1).strip() if _PROMPT.match(line) else line.strip()


def _whole_lines(lines: Sequence[str]) -> Iterator[str]:
    """Join what a backslash at the end of a line goes on with."""
    begun = ""
    for line in lines:
        if line.rstrip().endswith("\\"):
            begun += line.rstrip()[:-1].rstrip() + " "
        else:
            yield begun + (line.strip() if begun else line)
            begun = ""
    if begun:
        yield begun


def _told(
    blocks: Sequence[_Block], commands: Sequence[Sequence[tuple[str, str]]]
) -> Iterator[Shown]:
    """Give each command with its text. A text that is told of a command is of no other one.

    Where the first one is told of by what stands before it, all are, but for tags.
    """
    told: set[int] = set()
    tells_after = True
    first = True
    for place, block in enumerate(blocks):
        for command, comment in commands[place]:
            places = [place + 1, place - 1] if block.is_tag else [place - 1, place + 1]
            free = [
                each
                for each in places
                if 0 <= each < len(blocks)
                and each not in told
                and not blocks[each].is_literal
                and not commands[each]
                and (each < place or block.is_tag or tells_after)
                and not (each > place and blocks[each].text.endswith(":"))  # of what comes next
            ]
            titles = [(_title(blocks[each].text), each) for each in free]
            title, at = next((found for found in titles if found[0]), ("", -1))
            if comment:
                title, at = _title(comment), -1
            if first and not block.is_tag:
                first, tells_after = False, at != place - 1
            told.add(at)
            if title:
                yield Shown(title, command)


def _title(text: str) -> str:
    """Make a title of what is said of a command; "" when that says nothing by itself."""
    said = _LAST_SENTENCE.sub("", text) if text.endswith(":") else first_sentence(text)
    said = _NUMBER.sub("", said.strip(), count=1) if _NUMBER.match(said.strip()) else said.strip()
    said = _INVITES.sub("", said.rstrip(" .:;,"))
    filled = _FILLED.match(said)
    said = said[filled.end() :] if filled else said
    is_known = len(said.split()) < _FEWEST_WORDS or len(said) > _LONGEST_TITLE
    if is_known or _SAYS_LITTLE.match(said):
        return ""
    return said[:1].upper() + said[1:].rstrip(" ,")
