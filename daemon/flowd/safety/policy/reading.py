"""The language of `policy.yaml`: text in, a layer of rules out; every complaint has its place.

    allow:
      - git push --force-with-lease origin *
    confirm:
      - run: kubectl **
        match: [kubectl get pods]
        not_match: [kubectx staging]
      - {program: git, subcommand: push, branches: [main], when: {days: [sat, sun]}}
    block:
      - program: rm
        paths: ["~/archive/**"]
        message: The archive is for ever.
        safer: move it to ~/old
    writable: [".", /tmp]
    network: none

`run` is a program's name and its words; in a word `*`, `?` and `[...]` match as in file names, and
a last `**` matches any further words. Relative paths start in the folder of the project for its
own file, else in the folder of the run.
"""

import shlex
from collections.abc import Iterator
from functools import partial
from typing import Literal

import yaml
from msgspec import Struct

from flowd.domain.boundaries import NO_BOUNDARIES, Boundaries
from flowd.domain.ports import Verdict
from flowd.errors import InvalidInput
from flowd.safety.policy.moments import DAYS, MINUTES_A_DAY, When, minute_of
from flowd.safety.policy.rules import Place, Rule

MAX_CHARACTERS = 262_144
MOST_RULES = 1_000  # in a file, and as many examples: each command is held against each rule
LONGEST_EXAMPLE = 1_000  # characters; they are judged while the daemon waits
CURE = "Correct the file; until then nothing it allows is allowed, and changes are asked about."

Kind = Literal["administrator", "user", "project"]
_LISTS: tuple[Verdict, ...] = ("allow", "confirm", "block")
_BOUNDARIES = ("writable", "readable", "network", "privilege")
_CONDITIONS = ("run", "program", "subcommand", "flags", "paths", "hosts", "branches")
_KEYS = (*_CONDITIONS, "when", "message", "safer", "match", "not_match")


class Example(Struct, frozen=True):
    """A command that a rule must be about, or must not."""

    command: str
    rule: Rule
    expected: bool
    place: Place


class Layer(Struct, frozen=True):
    """What one file says. `lines` are those of its boundaries, by their key."""

    kind: Kind = "user"
    path: str = ""
    rules: tuple[Rule, ...] = ()
    boundaries: Boundaries = NO_BOUNDARIES
    lines: tuple[tuple[str, int], ...] = ()
    examples: tuple[Example, ...] = ()

    def place_of(self, boundary: str) -> str:
        """Where the file draws a boundary."""
        return f"{self.path}:{dict(self.lines).get(boundary, 1)}"


def read_layer(text: str, kind: Kind = "user", path: str = "policy.yaml") -> Layer:
    """Make a layer of a file's text; its examples are not tried. InvalidInput with the place."""
    return _Reader(kind, path).read(text)


def problem(message: str, place: Place) -> InvalidInput:
    """Make the error that names a place in a policy file."""
    where = {"path": place.path, "line": place.line, "column": place.column}
    return InvalidInput(
        f"{place.path}:{place.line}:{place.column}: {message}", cure=CURE, data=where
    )


class _Reader:
    """Turns YAML nodes into rules."""

    def __init__(self, kind: Kind, path: str):
        self._kind: Kind = kind
        self._path = path
        self._examples: list[Example] = []

    def _place(self, node: yaml.Node) -> Place:
        mark = node.start_mark
        return Place(self._path, mark.line + 1, mark.column + 1)

    def _at(self, node: yaml.Node, message: str) -> InvalidInput:
        return problem(message, self._place(node))

    def read(self, text: str) -> Layer:
        root = self._compose(text)
        if root is None:
            return Layer(self._kind, self._path)
        rules: list[Rule] = []
        boundaries = NO_BOUNDARIES
        drawn: dict[str, yaml.Node] = {}
        lines: list[tuple[str, int]] = []
        for key, name, value in self._pairs(root, (*_LISTS, *_BOUNDARIES)):
            if name in _BOUNDARIES:
                drawn[name] = value
                lines.append((name, self._place(key).line))
                continue
            verdict = next(each for each in _LISTS if each == name)
            entries = self._items(value)
            if verdict == "allow" and self._kind == "project" and entries:
                raise self._at(
                    entries[0],
                    "a project's policy may only tighten, and this allows: move it to your own",
                )
            rules += [self._rule(entry, verdict) for entry in entries]
            if len(rules) > MOST_RULES:
                raise self._at(key, f"the file has more than {MOST_RULES} rules")
        if drawn:
            boundaries = self._boundaries(drawn)
        examples = tuple(self._examples)
        return Layer(self._kind, self._path, tuple(rules), boundaries, tuple(lines), examples)

    def _compose(self, text: str) -> yaml.Node | None:
        at = partial(Place, self._path)
        if len(text) > MAX_CHARACTERS:
            raise problem(f"the file is longer than {MAX_CHARACTERS} characters", at(1, 1))
        try:
            root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            raise problem(error.problem or "this is not YAML", at(line, column)) from error
        except (yaml.YAMLError, ValueError) as error:
            raise problem("this is not YAML", at(1, 1)) from error
        except RecursionError as error:
            raise problem("this is nested too deeply", at(1, 1)) from error
        return root

    # ---------------------------------------------------------------------------------- nodes

    def _pairs(
        self, node: yaml.Node, known: tuple[str, ...]
    ) -> Iterator[tuple[yaml.Node, str, yaml.Node]]:
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
            yield key, name, value

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

    def _texts(self, node: yaml.Node) -> tuple[str, ...]:
        """A list of texts, at least one, or one text alone."""
        nodes = [node] if isinstance(node, yaml.ScalarNode) else self._items(node)
        texts = tuple(self._text(each) for each in nodes)
        if not texts or not all(texts):
            raise self._at(node, "this must name at least one thing")
        return texts

    # ---------------------------------------------------------------------------------- rules

    def _rule(self, node: yaml.Node, verdict: Verdict) -> Rule:
        if isinstance(node, yaml.ScalarNode):
            words, any_more = self._words(node)
            return Rule(
                verdict=verdict,
                text=node.value,
                place=self._place(node),
                words=words,
                any_more=any_more,
            )
        fields = {name: value for _, name, value in self._pairs(node, _KEYS)}
        if not any(name in fields for name in _CONDITIONS):
            raise self._at(node, f"a rule needs `run`, or another of {', '.join(_CONDITIONS[1:])}")
        words, any_more = self._words(fields["run"]) if "run" in fields else ((), False)
        if "run" in fields and ("program" in fields or "subcommand" in fields):
            raise self._at(node, "`run` names the program already: leave out program, subcommand")
        lists = {
            name: self._texts(fields[name]) if name in fields else ()
            for name in ("flags", "paths", "hosts", "branches")
        }
        texts = {
            name: self._text(fields[name]) if name in fields else ""
            for name in ("program", "message", "safer")
        }
        for name in ("program", "subcommand"):
            if name in fields and not self._text(fields[name]).strip():
                raise self._at(fields[name], f"`{name}` is empty")
        subcommand = self._text(fields["subcommand"]).split() if "subcommand" in fields else []
        when = self._when(fields["when"]) if "when" in fields else None
        rule = Rule(
            verdict=verdict,
            text=_in_one_line(fields),
            place=self._place(node),
            words=words,
            any_more=any_more,
            program=texts["program"],
            subcommand=tuple(subcommand),
            flags=self._flags(fields, lists["flags"]),
            paths=lists["paths"],
            hosts=tuple(host.lower() for host in lists["hosts"]),
            branches=lists["branches"],
            when=when,
            message=texts["message"],
            safer=texts["safer"],
        )
        for key in ("match", "not_match"):
            for each in self._items(fields[key]) if key in fields else ():
                example = Example(self._text(each), rule, key == "match", self._place(each))
                if len(example.command) > LONGEST_EXAMPLE or len(self._examples) >= MOST_RULES:
                    raise self._at(each, "this example is too long, or one too many")
                self._examples.append(example)
        return rule

    def _words(self, node: yaml.Node) -> tuple[tuple[str, ...], bool]:
        text = self._text(node)
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise self._at(node, f"`{text}` has a quote that does not end") from error
        any_more = len(words) > 1 and words[-1] == "**"
        words = words[:-1] if any_more else words
        if not words or words[0].startswith("*"):
            raise self._at(node, "a pattern must begin with the name of a program")
        return tuple(words), any_more

    def _flags(self, fields: dict[str, yaml.Node], flags: tuple[str, ...]) -> tuple[str, ...]:
        for flag in flags:
            if not flag.startswith("-") or len(flag.strip("-")) == 0:
                raise self._at(fields["flags"], f"`{flag}` is no flag: write it with its dashes")
        return flags

    def _when(self, node: yaml.Node) -> When:
        days: tuple[str, ...] = ()
        minutes = {"from": 0, "to": MINUTES_A_DAY}
        for _, name, value in self._pairs(node, ("days", "from", "to")):
            if name == "days":
                days = tuple(day.lower()[:3] for day in self._texts(value))
                if wrong := [day for day in days if day not in DAYS]:
                    raise self._at(value, f"`{wrong[0]}` is no day: {', '.join(DAYS)}")
                continue
            minute = minute_of(self._text(value))
            if minute is None:
                raise self._at(value, f"`{self._text(value)}` is no time of day such as 22:00")
            minutes[name] = minute
        if minutes["from"] == minutes["to"]:
            raise self._at(node, "`from` and `to` are the same time")
        return When(days, minutes["from"], minutes["to"])

    # ----------------------------------------------------------------------------- boundaries

    def _boundaries(self, drawn: dict[str, yaml.Node]) -> Boundaries:
        return Boundaries(
            writable=self._globs(drawn.get("writable")),
            readable=self._globs(drawn.get("readable")),
            network=self._allowed(drawn.get("network")),
            privilege=self._allowed(drawn.get("privilege")),
        )

    def _globs(self, node: yaml.Node | None) -> tuple[str, ...] | None:
        """Globs; an empty list is a boundary around nothing, no list is none."""
        if node is None:
            return None
        return tuple(self._text(each) for each in self._items(node))

    def _allowed(self, node: yaml.Node | None) -> bool:
        if node is None:
            return True
        text = self._text(node)
        if text not in ("none", "allow"):
            raise self._at(node, f"`{text}` is not known here: it must be none or allow")
        return text == "allow"


def _in_one_line(fields: dict[str, yaml.Node]) -> str:
    """The conditions of a rule as a user would write them."""
    shown = [
        fields["run"].value if name == "run" else f"{name}: {_shown(fields[name])}"
        for name in (*_CONDITIONS, "when")
        if name in fields
    ]
    return ", ".join(shown)


def _shown(node: yaml.Node) -> str:
    if isinstance(node, yaml.SequenceNode):
        return f"[{', '.join(_shown(each) for each in node.value)}]"
    if isinstance(node, yaml.MappingNode):
        return f"{{{', '.join(f'{_shown(k)}: {_shown(v)}' for k, v in node.value)}}}"
    return str(node.value)
