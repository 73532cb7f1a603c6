"""Answers worth giving again: workflows that were run, by the tasks they were run for.

They are kept as the user left them, edits included, and made general: a value that the task named
becomes an input, which the next task's value fills. A value that is not named again is asked for,
so that nobody deletes last week's branch once more.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from flowd.domain.learning import Chosen, Ended, Fact
from flowd.suggest.binding import take_value
from flowd.suggest.learning.commands import SUBCOMMANDS, Command, commands_in
from flowd.suggest.learning.habits import scripts_of, short_id
from flowd.suggest.library import KnownInput
from flowd.suggest.match import Index
from flowd.suggest.shape import shape_of_scripts
from flowd.suggest.slots import Slot, Slots, extract
from flowd.suggest.text import concepts

_PLAIN_VALUE = re.compile(r"[A-Za-z0-9/][\w./:@%+=-]+")
_WORD = re.compile(r"\w[\w-]{2,}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_SAME_THING = 0.5  # share of words that an edited version has in common with what it was
_REPLACED_KINDS = ("name", "path", "text", "number", "url", "host", "extension", "version")


UNUSABLE = (2, 126, 127)  # exit codes of commands that were wrong, not just unsuccessful


class Answer(Struct, kw_only=True):
    """A workflow that was run, in its JSON shape, and for what.

    `holes` says of inputs what kind of value of the task fills them, and beside which noun.
    `origins` are the shapes of suggestions that it is an edited version of. `literals` are words
    that its task and its scripts share all the same. `tasks` are the tasks by what they ask for,
    without their values. `numbers` are those of the facts it comes from; `own` whether no
    suggestion was its beginning.
    """

    shape: str
    title: str
    workflow: dict[str, Any]
    holes: dict[str, Slot]
    literals: set[str]
    own: bool
    edited: bool = False
    origins: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    tasks: dict[str, str] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    uses: int = 0
    bad_ends: float = 0.0
    last_at: int = 0

    @property
    def id(self) -> str:
        """A short name for `flowctl learned forget`."""
        return short_id(f"answer {self.shape}")

    @property
    def last_task(self) -> str:
        """The task that was asked last in words of its own."""
        return list(self.tasks.values())[-1]

    @property
    def worth_giving(self) -> bool:
        """Whether it was not mostly wrong: one that only did not succeed counts for a half."""
        return 2 * self.bad_ends <= self.uses


def answers_of(
    facts: Iterable[tuple[int, Fact]], words: Index, known: Mapping[str, KnownInput]
) -> list[Answer]:
    """Fold numbered facts, oldest first, into answers. `words` have a meaning of their own."""
    answers: dict[str, Answer] = {}
    by_run: dict[str, Answer] = {}
    ends: dict[str, Ended] = {}  # a run may fail, be tried again, succeed, and be undone
    for number, fact in facts:
        if isinstance(fact, Ended) and fact.run in by_run:
            by_run[fact.run].numbers.append(number)
            ends[fact.run] = fact
        elif isinstance(fact, Chosen):
            slots = values_in(fact.task, words)
            made = _general(fact, slots, known)
            answer = answers.setdefault(made.shape, made)
            answer.workflow, answer.holes = made.workflow, made.holes  # the newest way of it
            answer.literals = made.literals
            answer.title, answer.last_at = fact.title, fact.at
            answer.edited |= made.edited
            answer.own &= made.own
            answer.uses += 1
            answer.numbers.append(number)
            answer.folders.add(fact.folder)
            answer.tasks[slots.asked] = fact.task
            answer.runs.append(fact.run)
            by_run[fact.run] = answer
            _note_origin(answers, answer, fact)
    for run, end in ends.items():
        by_run[run].bad_ends += wrongness(end)
    return list(answers.values())


def wrongness(end: Ended) -> float:
    """Say how far the end of a run speaks against what was run: tests, too, may just fail."""
    if end.ending == "succeeded":
        return 0.0
    return 1.0 if end.ending == "undone" or end.exit_code in UNUSABLE else 0.5


@lru_cache(maxsize=4096)  # the fold asks for the same tasks again and again
def values_in(task: str, words: Index) -> Slots:
    """Find the values in a task, the surest first.

    After those that look like values come those that may as well be words with a meaning (`flask`),
    and last the words without any, and those with capitals in them (`TODO`).
    """
    sure = extract(task, words)
    found = list(sure.found)
    found += [slot for slot in extract(task).found if _is_free(slot, found)]
    for match in _WORD.finditer(task):
        word = match.group()
        unknown = word.lower() not in words and concepts(word)
        slot = Slot("name", word, match.start(), match.end())
        if (unknown or not word[1:].islower()) and _is_free(slot, found):
            found.append(slot)
    return replace(sure, found=found)


def _is_free(slot: Slot, found: list[Slot]) -> bool:
    return all(slot.end <= other.start or other.end <= slot.start for other in found)


def _general(fact: Chosen, slots: Slots, known: Mapping[str, KnownInput]) -> Answer:
    """Make what was run general: the values of its task become inputs without a value."""
    free = list(slots.found)
    inputs: dict[str, Any] = {}
    holes: dict[str, Slot] = {}
    text = json.dumps({**fact.workflow, "inputs": {}})
    for name, declared in fact.workflow.get("inputs", {}).items():
        if not re.search(rf"(?:\$\{{?|inputs\.){name}\b", text):
            continue  # it was edited away
        slot = _named_by(name, declared, free, known)
        if slot is not None:
            holes[name] = slot
            free.remove(slot)
            declared = {key: value for key, value in declared.items() if key != "default"}
            if name in known and known[name].default is not None:
                declared["default"] = known[name].default
        inputs[name] = declared
    steps = [dict(step) for step in fact.workflow["steps"]]
    for name, slot in holes.items():
        _put_hole(slot, name, steps)
    for slot in free:
        name = _name_for(slot, inputs, holes)
        if _put_hole(slot, name, steps):
            inputs.setdefault(name, {"description": slot.cue or slot.kind})
            holes[name] = slot
    workflow = {**fact.workflow, "steps": steps}
    if inputs:
        workflow["inputs"] = inputs
    ran = scripts_of(fact.workflow)
    shape = shape_of_scripts(scripts_of(workflow))
    edited = bool(fact.offered) and shape_of_scripts(fact.offered) != shape_of_scripts(ran)
    return Answer(
        shape=shape,
        title=fact.title,
        workflow=workflow,
        holes=holes,
        literals=set(_WORD.findall(fact.task)) & set(_arguments_in(scripts_of(workflow))),
        own=not fact.offered,
        edited=edited,
    )


def _named_by(
    name: str, declared: Mapping[str, Any], free: list[Slot], known: Mapping[str, KnownInput]
) -> Slot | None:
    """Give the value of the task that an input's default came from."""
    if "default" not in declared:
        return None
    for slot in free:
        value = take_value(known[name], [slot]) if name in known else None
        if declared["default"] == value or str(declared["default"]) == slot.value:
            return slot
    return None


def _note_origin(answers: Mapping[str, Answer], answer: Answer, fact: Chosen) -> None:
    """Note what the answer is an edited version of; what is run as it is needs no other version."""
    ran = scripts_of(fact.workflow)
    before, after = shape_of_scripts(fact.offered), shape_of_scripts(ran)
    if before == after:
        for other in answers.values():
            other.origins.discard(after)
    elif fact.offered:
        likeness = SequenceMatcher(None, before.split(), after.split(), autojunk=False).ratio()
        if likeness >= _SAME_THING:
            answer.origins.add(before)


def _arguments_in(scripts: Iterable[str]) -> Iterator[str]:
    """Give the words that are neither a program nor the subcommands of one."""
    for script in scripts:
        for command in commands_in(script):
            yield from (word.text for word in command[_places_of_names(command) :])


def _places_of_names(command: Command) -> int:
    return 3 if command[0].text in SUBCOMMANDS else 1


def _name_for(slot: Slot, inputs: Mapping[str, Any], holes: Mapping[str, Slot]) -> str:
    """Give the input that a value is for: the one of its noun that has no value, or a new one."""
    name = slot.cue if _NAME.fullmatch(slot.cue) else slot.kind
    while name in holes or "default" in inputs.get(name, {}):
        name += "_"
    return name


def _put_hole(slot: Slot, name: str, steps: list[dict[str, Any]]) -> bool:
    """Replace a value that is a word of its own in scripts by an input; say whether it was."""
    if slot.kind not in _REPLACED_KINDS or not _PLAIN_VALUE.fullmatch(slot.value):
        return False
    replaced = False
    for step in steps:
        for key in ("run", "undo", "check"):
            if isinstance(step.get(key), str):
                script = _with_hole(step[key], slot.value, name)
                replaced |= script != step[key]
                step[key] = script
    return replaced


def _with_hole(script: str, value: str, name: str) -> str:
    for command in reversed(commands_in(script)):
        for word in reversed(command[1:]):
            rest = word.text.removeprefix(value)
            if word.text.startswith(value) and (not rest or rest.startswith(".")):
                script = f'{script[: word.start]}"${name}"{rest}{script[word.end :]}'
    return script


def filled(answer: Answer, slots: Slots, known: Mapping[str, KnownInput]) -> dict[str, Any]:
    """Give the answer's workflow with the values of a task as defaults of its inputs."""
    said = {word for script in scripts_of(answer.workflow) for word in script.split()}
    free = [slot for slot in slots.found if slot.value not in said]
    inputs = dict(answer.workflow.get("inputs", {}))
    for name, meant in answer.holes.items():
        value: Any = take_value(known[name], free) if name in known else None
        slot = None if value is not None else _like(meant, free)
        if slot is not None:
            free.remove(slot)
            value = slot.value
        if value is not None:
            inputs[name] = {**inputs[name], "default": value}
    return {**answer.workflow, "inputs": inputs} if inputs else answer.workflow


def _like(meant: Slot, free: list[Slot]) -> Slot | None:
    """Give the value that stands where the other one stood: beside the same noun, or alike.

    A name may be quoted this time, which makes it a text.
    """
    kinds = ("name", "text") if meant.kind in ("name", "text") else (meant.kind,)
    same = [slot for slot in free if slot.kind in kinds]
    beside = [slot for slot in same if slot.cue == meant.cue]
    return next(iter(beside or same), None)
