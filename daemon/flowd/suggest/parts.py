"""Parts: forms of a clause, told apart so exactly that every value in it finds its place.

    'write hello to notes.txt' -> part file-with, text 'hello', file 'notes.txt'

They are data, `recipes/parts/parts.yaml`, which says how a form is written. Recipes are found by
what words mean and are many; parts are few, and what they take from the task is certain.
"""

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

import msgspec
import yaml
from msgspec import Struct, field

from flowd.suggest.clauses import outside_quotes
from flowd.suggest.part_forms import Form, bare, form_of, value_of

_LONGEST = 300  # characters of a clause that are compared with the forms
_VARIABLE = re.compile(r"\$\{?([a-z][a-z0-9_]*)\b(:-)?")
_COMMA = re.compile(r"(\([^()]*\))|,(?= )")
_COURTESY = re.compile(
    r"^(?:(?:please|and|then|also|now|finally|first|next|afterwards|after that|can you|could you|"
    r"i want to|i need to|how (?:do|can) i|how to)[ ,]+)+|[ ,]+(?:please|afterwards|for me)$",
    re.IGNORECASE,
)


class PartStep(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One step of a part, in the language of workflows."""

    run: str
    id: str = ""
    undo: str | None = None
    confirm: str | None = None


class _WrittenPart(Struct, forbid_unknown_fields=True):
    id: str
    title: str
    says: list[str]
    run: str = ""
    undo: str | None = None
    confirm: str | None = None
    steps: list[PartStep] = field(default_factory=list)
    it: str = ""
    ends: dict[str, list[str]] = field(default_factory=dict)


class _PartFile(Struct, forbid_unknown_fields=True):
    words: dict[str, str]
    parts: list[_WrittenPart]


class Part(Struct, frozen=True):
    """What answers a form of clause. `it` is what "it" means after it, with {names} of values."""

    id: str
    title: str
    forms: list[Form]
    steps: list[PartStep]
    variables: dict[str, bool]
    it: str = ""
    ends: dict[str, list[str]] = field(default_factory=dict)


class Said(Struct, frozen=True):
    """A part with the values of a clause."""

    part: Part
    values: dict[str, str]
    loose: bool = False  # a value is several words without quotes: it may have taken too much

    @property
    def it(self) -> str:
        """What "it" means in the next clause; empty when that does not change."""
        if self.part.it:
            return self.part.it.format_map(self.values)
        named = (self.values.get(name) for name in ("archive", "file", "folder", "branch"))
        return next((value for value in named if value), "")


def load_parts() -> list[Part]:
    """Read the data file. msgspec.ValidationError or ValueError when it is wrong."""
    text = files("flowd.suggest").joinpath("recipes", "parts", "parts.yaml").read_text("utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loaded: Any = yaml.load(text, Loader=loader)  # noqa: S506  # a safe loader, in C where possible
    written = msgspec.convert(loaded, _PartFile)
    return [_part(each, written.words) for each in written.parts]


def _part(written: _WrittenPart, words: Mapping[str, str]) -> Part:
    steps = written.steps or [PartStep(written.run, "", written.undo, written.confirm)]
    forms = [form_of(said, words) for said in written.says]
    known = {name for form in forms for name in form.names} | {"database", "file", "folder"}
    variables = {
        found[1]: bool(found[2])
        for step in steps
        for found in _VARIABLE.finditer(f"{step.run} {step.undo or ''}")
        if found[1] in known
    }
    return Part(written.id, written.title, forms, steps, variables, written.it, written.ends)


def said_by(clause: str, parts: list[Part], before: Mapping[str, str]) -> Said | None:
    """Find the part a clause is a form of; what it leaves out is taken from what was said before.

    None when it is none, or a value is nowhere.
    """
    text = plain_clause(clause)
    if len(text) > _LONGEST:
        return None
    return next(_all_said(text + " ", parts, before), None)


def plain_clause(clause: str) -> str:
    """Take courtesies, commas and the full stop from a clause."""
    text = outside_quotes(clause, lambda part: re.sub(r"\s+", " ", part)).strip(" .,;:?!")
    text = _COURTESY.sub("", text)
    return outside_quotes(text, lambda part: _COMMA.sub(lambda found: found[1] or "", part))


def _all_said(text: str, parts: list[Part], before: Mapping[str, str]) -> Iterator[Said]:
    for part in parts:
        for form in part.forms:
            found = form.match(text)
            if found is None:
                continue
            values = {
                name.partition("__")[0]: value_of(form.kinds[name], value)
                for name, value in found.groupdict().items()
                if value is not None
            }
            if _fits(part, values) and _complete(part, values, before):
                yield Said(part, values, _is_loose(form, found))


def _is_loose(form: Form, found: re.Match[str]) -> bool:
    open_ended = (found[name] for name, kind in form.kinds.items() if kind in ("text", "list"))
    return any(value and " " in value and bare(value) == value for value in open_ended)


def _fits(part: Part, values: Mapping[str, str]) -> bool:
    return all(values.get(name, "").endswith(tuple(endings)) for name, endings in part.ends.items())


def _complete(part: Part, values: dict[str, str], before: Mapping[str, str]) -> bool:
    """Fill in what the clause does not say; say whether nothing is missing."""
    for name, may_lack in part.variables.items():
        if name in values:
            continue
        known = before.get(name) or (before.get("it") if name == "file" else None)
        if known is None and not may_lack:
            return False
        values[name] = known if known is not None and not may_lack else ""
    return True
