"""One rule of a policy: when it is about a command, and when it is narrower than another rule.

A rule is about a command when every condition it states holds. What only the run will show may be
what the rule means: such a match is "perhaps", which is enough to confirm or block and never enough
to allow. Of several paths, hosts or branches one is enough to confirm or block; to allow, all must
be meant.
"""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Literal

from msgspec import Struct

from flowd.domain.ports import Verdict
from flowd.safety.command import Command
from flowd.safety.policy import facts
from flowd.safety.policy.facts import Given
from flowd.safety.policy.moments import When
from flowd.safety.value import UNKNOWN

Match = Literal["no", "perhaps", "yes"]
_RECURSIVE = frozenset({"mv", "find", "rsync", "tar", "shred", "trash", "trash-put", "gio"})


class Place(Struct, frozen=True):
    """Where in which file something stands; lines and columns count from 1."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class Rule(Struct, frozen=True, kw_only=True):
    """Conditions and what follows. Empty conditions say nothing; `text` is the rule in one line.

    `words` are the words of `run:`, `any_more` when they ended in `**`. Paths are absolute globs,
    `~` being both the home the judge makes up and the real one.
    """

    verdict: Verdict
    text: str
    place: Place
    words: tuple[str, ...] = ()
    any_more: bool = False
    program: str = ""
    subcommand: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    when: When | None = None
    message: str = ""
    safer: str = ""

    def match(self, given: Given) -> Match:
        """Whether a command is meant. `when` is not looked at."""
        command = given.command
        name = self.words[0] if self.words else self.program
        if name.isalnum() and name != command.name:  # so it is with most rules: quickly told
            return "no"
        found: Match = "yes"
        for result in self._conditions(given):
            if result == "no":
                return "no"
            if result == "perhaps":
                found = "perhaps"
        # An unknown word may be several, or change what the others mean.
        return found if given.known else "perhaps"

    @property
    def counts_perhaps(self) -> bool:
        """Whether the rule holds where it only may be meant."""
        return self.verdict != "allow"

    def _conditions(self, given: Given) -> Iterator[Match]:
        command = given.command
        if self.words:
            yield _words(self, command)
        if self.program:
            yield "yes" if fnmatchcase(command.name, self.program) else "no"
        if self.subcommand:
            yield _subcommand(self.subcommand, given)
        if self.flags:
            yield _flags(self.flags, command)
        all_of_them = self.verdict == "allow"
        if self.paths:
            found = _texts(self.paths, given.paths, all_of_them=all_of_them, path=True)
            if found == "no" and not all_of_them and _takes_folders(command):
                found = "yes" if any(_holds(path, self.paths) for path in given.paths) else "no"
            yield found
        if self.hosts:
            yield _texts(self.hosts, given.hosts, all_of_them=all_of_them)
        if self.branches:
            yield _texts(self.branches, given.branches, all_of_them=all_of_them)


def _words(rule: Rule, command: Command) -> Match:
    given, wanted = command.arguments, rule.words[1:]
    enough = len(given) >= len(wanted) if rule.any_more else len(given) == len(wanted)
    if not enough or not fnmatchcase(command.name, rule.words[0]):
        return "no"
    found: Match = "yes"
    for argument, word in zip(given, wanted, strict=False):
        if not argument.known:
            found = "perhaps"
        elif not fnmatchcase(argument.text, word):
            return "no"
    return found


def _subcommand(wanted: tuple[str, ...], given: Given) -> Match:
    found: Match = "no"
    for words, sure in given.subcommands:
        first = words[: len(wanted)]
        if len(first) < len(wanted):
            continue
        pairs = list(zip(first, wanted, strict=True))
        if all(UNKNOWN in word or fnmatchcase(word, pattern) for word, pattern in pairs):
            if sure and not any(UNKNOWN in word for word in first):
                return "yes"
            found = "perhaps"
    return found


def _flags(wanted: tuple[str, ...], command: Command) -> Match:
    if any(facts.has_flag(command, flag) for flag in wanted):
        return "yes"
    return "no" if all(argument.known for argument in command.arguments) else "perhaps"


def _texts(
    globs: tuple[str, ...], texts: Iterable[str], *, all_of_them: bool, path: bool = False
) -> Match:
    results = [_text(globs, text, path=path) for text in texts]
    if all_of_them:
        return "yes" if results and all(result == "yes" for result in results) else "no"
    return "yes" if "yes" in results else "perhaps" if "perhaps" in results else "no"


def _text(globs: tuple[str, ...], text: str, *, path: bool) -> Match:
    if any(covers(glob, text) if path else fnmatchcase(text, glob) for glob in globs):
        return "perhaps" if UNKNOWN in text else "yes"
    if UNKNOWN in text:
        known = text.partition(UNKNOWN)[0]
    elif path and (known := fixed_part(text)) != text:  # a pattern, which the shell will expand
        pass
    else:
        return "no"
    return "perhaps" if any(_may_begin(glob, known) for glob in globs) else "no"


def _may_begin(glob: str, known: str) -> bool:
    """Whether something that begins with `known` may match the glob."""
    fixed = fixed_part(glob)
    return known.startswith(fixed) or fixed.startswith(known)


def covers(glob: str, path: str) -> bool:
    """Whether a glob means a plain path. `*` stays within a name; `/**` is all below, and itself.

    Several `**` may stand in a glob; each is any number of folders.
    """
    if glob.endswith("/**") and covers(glob[:-3] or "/", path):
        return True
    return _parts_match(glob.split("/"), path.split("/"))


def _parts_match(globs: list[str], parts: list[str]) -> bool:
    """As `fnmatch` for each name; without recursion, so that no glob takes long."""
    at = [0]
    for part in parts:
        following: set[int] = set()
        for position in _past_stars(globs, at):
            if position >= len(globs):
                continue
            if globs[position] == "**":
                following.add(position)
            elif fnmatchcase(part, globs[position]):
                following.add(position + 1)
        if not following:
            return False
        at = sorted(following)
    return len(globs) in _past_stars(globs, at)


def _past_stars(globs: list[str], at: list[int]) -> list[int]:
    found = set(at)
    for position in at:
        following = position
        while following < len(globs) and globs[following] == "**":
            following += 1
            found.add(following)
    return sorted(found)


def fixed_part(glob: str) -> str:
    """What every text that matches begins with."""
    ends = [glob.index(mark) for mark in "*?[" if mark in glob]
    return glob[: min(ends)] if ends else glob


def _takes_folders(command: Command) -> bool:
    """Whether a path stands for all that is below it."""
    recursive = any(facts.has_flag(command, flag) for flag in ("-r", "-R", "--recursive"))
    return recursive or command.name in _RECURSIVE


def _holds(path: str, globs: tuple[str, ...]) -> bool:
    """Whether something that a glob means is below a path."""
    return any(fixed_part(glob).startswith(path.rstrip("/") + "/") for glob in globs)


# --------------------------------------------------------------------------------- exceptions


def narrower(one: Rule, other: Rule) -> bool:
    """Whether a rule says all that another one says, and more: then it is its exception.

    Only what can be told from the rules themselves counts, not how many words they have: an allowed
    `rm -rf build **` is no exception to a block of paths, for it may be given any path.
    """
    return _within(one, other) and not _within(other, one)


def _within(one: Rule, other: Rule) -> bool:
    """Whether, of commands both are about, `one` states every condition of `other`."""
    return (
        _run_within(one, other)
        and _each_within(one.flags, other.flags, exactly=True)
        and _each_within(one.paths, other.paths)
        and _each_within(one.hosts, other.hosts)
        and _each_within(one.branches, other.branches)
        and (other.when is None or one.when == other.when)
    )


def _run_within(one: Rule, other: Rule) -> bool:
    program = one.program or (one.words[0] if one.words else "")
    subcommand = one.subcommand or _plain_words(one.words[1:])
    if other.program and not (program and fnmatchcase(program, other.program)):
        return False
    if other.subcommand and not _begins(subcommand, other.subcommand):
        return False
    if not other.words:
        return True
    if one.words:
        return _words_within(one, other)
    words = (program, *subcommand)
    return other.any_more and _begins(words, other.words)


def _plain_words(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words before the first option."""
    return words[: next((n for n, word in enumerate(words) if word.startswith("-")), len(words))]


def _begins(words: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    return len(words) >= len(wanted) and all(
        word == glob or fnmatchcase(word, glob) for word, glob in zip(words, wanted, strict=False)
    )


def _words_within(one: Rule, other: Rule) -> bool:
    if not _begins(one.words, other.words):
        return False
    if other.any_more:
        return True
    return not one.any_more and len(one.words) == len(other.words)


def _each_within(one: tuple[str, ...], other: tuple[str, ...], *, exactly: bool = False) -> bool:
    """Whether the globs of one list say what those of the other do, or more; none say nothing."""
    if not other:
        return True
    if not one:
        return False
    if exactly:
        return set(one) <= set(other)
    return all(any(glob == each or covers(each, glob) for each in other) for glob in one)
