"""The user's own rules: `policy.yaml`.

    allow:
      - git push --force-with-lease origin *
    confirm:
      - run: kubectl **
        match: [kubectl get pods]
        not_match: [kubectx staging]
    block:
      - terraform destroy **

A pattern is a program's name and its words; in a word `*`, `?` and `[...]` match as in file names,
and a last `**` matches any further words. The examples of a pattern are tried when the file is
read. What the file allows is no longer asked about; what a built-in rule blocks stays blocked.
"""

import shlex
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import yaml
from msgspec import Struct

from flowd.domain.ports import Finding, Verdict
from flowd.errors import InvalidInput
from flowd.safety.command import Command
from flowd.safety.findings import block, confirm
from flowd.safety.value import UNKNOWN, Argument

MAX_CHARACTERS = 262_144
_LISTS: tuple[Verdict, ...] = ("allow", "confirm", "block")
_KEYS = ("run", "match", "not_match")
_CURE = "Correct the file; until then nothing it allows is allowed."


class Pattern(Struct, frozen=True):
    """Words with globs; `any_more` when they ended in `**`. `text` is as the user wrote it."""

    text: str
    words: tuple[str, ...]
    any_more: bool

    def matches(self, command: Command, *, guesses: bool) -> bool:
        """Whether a command is meant; with `guesses`, words not known yet match anything."""
        given = command.arguments
        enough = (
            len(given) >= len(self.words) - 1
            if self.any_more
            else (len(given) == len(self.words) - 1)
        )
        if not enough or not fnmatchcase(command.name, self.words[0]):
            return False
        if not guesses and not all(argument.known for argument in given):
            return False
        pairs = zip(given, self.words[1:], strict=False)
        return all(_word_matches(argument, word) for argument, word in pairs)


def _word_matches(argument: Argument, pattern: str) -> bool:
    return UNKNOWN in argument.text or fnmatchcase(argument.text, pattern)


class Example(Struct, frozen=True):
    """A command that a pattern must match, or must not; `line` and `column` count from 1."""

    command: str
    pattern: Pattern
    expected: bool
    line: int
    column: int


class Policy(Struct, frozen=True):
    """Patterns by what they ask for."""

    allow: tuple[Pattern, ...] = ()
    confirm: tuple[Pattern, ...] = ()
    block: tuple[Pattern, ...] = ()

    def allows(self, command: Command) -> bool:
        """Whether the user wants no questions about this command."""
        return any(pattern.matches(command, guesses=False) for pattern in self.allow)

    def judge(self, command: Command) -> Iterator[Finding]:
        """Give the user's own objections to a command."""
        for pattern in self.block:
            if pattern.matches(command, guesses=True):
                message = f"Your policy blocks `{pattern.text}`."
                yield block("policy.block", message, command.span)
        for pattern in self.confirm:
            if pattern.matches(command, guesses=True):
                message = f"Your policy wants to be asked about `{pattern.text}`."
                yield confirm("policy.confirm", message, command.span)


NO_POLICY = Policy()
Finds = Callable[[Policy, str], bool]
"""Whether following a script under a policy comes upon a command the policy blocks."""


def load_policy(path: Path, finds: Finds) -> Policy:
    """Read a policy file; a missing one is empty. InvalidInput names line and column.

    `finds` tries the examples: `flowd.safety.judge.finds_blocked`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return NO_POLICY
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}", cure=_CURE) from error
    return read_policy(text, finds, str(path))


def read_policy(text: str, finds: Finds, path: str = "policy.yaml") -> Policy:
    """Make a policy of a file's text. InvalidInput names line and column."""
    reader = _Reader(path)
    policy = reader.read(text)
    for example in reader.examples:
        only = Policy(block=(example.pattern,))
        if finds(only, example.command) is not example.expected:
            verb = "does not match" if example.expected else "matches"
            raise reader.problem(
                f"the pattern `{example.pattern.text}` {verb} its example `{example.command}`",
                example.line,
                example.column,
            )
    return policy


class _Reader:
    """Turns YAML nodes into patterns; every complaint has a place."""

    def __init__(self, path: str):
        self._path = path
        self.examples: list[Example] = []

    def problem(self, message: str, line: int, column: int) -> InvalidInput:
        where = {"path": self._path, "line": line, "column": column}
        return InvalidInput(f"{self._path}:{line}:{column}: {message}", cure=_CURE, data=where)

    def _at(self, node: yaml.Node, message: str) -> InvalidInput:
        return self.problem(message, node.start_mark.line + 1, node.start_mark.column + 1)

    def read(self, text: str) -> Policy:
        if len(text) > MAX_CHARACTERS:
            raise self.problem(f"the file is longer than {MAX_CHARACTERS} characters", 1, 1)
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            raise self.problem(error.problem or "this is not YAML", line, column) from error
        except yaml.YAMLError as error:
            raise self.problem("this is not YAML", 1, 1) from error
        except RecursionError as error:
            raise self.problem("this is nested too deeply", 1, 1) from error
        if root is None:
            return NO_POLICY
        lists: dict[str, tuple[Pattern, ...]] = {}
        for key, value in self._pairs(root, _LISTS):
            lists[key] = tuple(self._pattern(entry) for entry in self._items(value))
        return Policy(lists.get("allow", ()), lists.get("confirm", ()), lists.get("block", ()))

    def _pairs(self, node: yaml.Node, known: tuple[str, ...]) -> Iterator[tuple[str, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            raise self._at(node, f"this must be a mapping with {', '.join(known)}")
        seen: set[str] = set()
        for key, value in node.value:
            name = self._text(key)
            if name not in known:
                raise self._at(key, f"`{name}` is not known here: it must be {', '.join(known)}")
            if name in seen:
                raise self._at(key, f"`{name}` stands here twice")
            seen.add(name)
            yield name, value

    def _items(self, node: yaml.Node) -> list[yaml.Node]:
        if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null":
            return []
        if not isinstance(node, yaml.SequenceNode):
            raise self._at(node, "this must be a list")
        return list(node.value)

    def _text(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or not isinstance(node.value, str):
            raise self._at(node, "this must be a text")
        return node.value

    def _pattern(self, node: yaml.Node) -> Pattern:
        if isinstance(node, yaml.ScalarNode):
            return self._words(node)
        fields = dict(self._pairs(node, _KEYS))
        if "run" not in fields:
            raise self._at(node, "a pattern needs `run`")
        pattern = self._words(fields["run"])
        for key in ("match", "not_match"):
            for example in self._items(fields[key]) if key in fields else ():
                mark = example.start_mark
                self.examples.append(
                    Example(
                        self._text(example), pattern, key == "match", mark.line + 1, mark.column + 1
                    )
                )
        return pattern

    def _words(self, node: yaml.Node) -> Pattern:
        text = self._text(node)
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise self._at(node, f"`{text}` has a quote that does not end") from error
        any_more = len(words) > 1 and words[-1] == "**"
        words = words[:-1] if any_more else words
        if not words or words[0].startswith("*"):
            raise self._at(node, "a pattern must begin with the name of a program")
        return Pattern(text, tuple(words), any_more)
