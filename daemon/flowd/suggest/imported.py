"""Answers from what the user has imported: found by meanings, then measured as recipes are."""

import hashlib
import json
import logging
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial

from msgspec.structs import replace

from flowd.domain.knowledge import Example, ImportedKnowledge, Worded
from flowd.suggest import words
from flowd.suggest.binding import fill
from flowd.suggest.library import Library, Recipe
from flowd.suggest.match import Entry, Index
from flowd.suggest.providers.base import Draft
from flowd.suggest.slots import Slots
from flowd.suggest.text import concepts
from flowd.suggest.tools import fitness, tools_named

_logger = logging.getLogger(__name__)

PORTION = 1000  # examples indexed between two commits
_LOOKED_AT = 150  # of thousands that share a word with the task
_CLOSE = 0.6
_LEAST = 0.12
_GENERAL = 0.78  # of a recipe's: these were tried out by nobody here
_OF_A_MANUAL = 0.85  # of others': written to show what the program can do, not what people ask
_PAGE = re.compile(r"\(\d\w*\)$")  # ends the topic of what a manual page says: tar(1)
_FAMILIAR = 0.15
_EVERYDAY = 6.0  # the logarithm of how often the best known programs occur among the recipes
_FIRST_PROGRAM = re.compile(r"^(?:sudo\s+|\w+=\S*\s+)*([\w.+-]+)")


@cache
def vocabulary() -> str:
    """Name the words' meanings of this Flow: what was indexed with others is indexed anew."""
    known = (words.REWRITES, sorted(words.CANONICAL.items()), sorted(words.IGNORED))
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]


def worded(examples: Iterable[Example]) -> Iterator[list[Worded]]:
    """Give the examples with their meanings, portion by portion."""
    portion: list[Worded] = []
    for example in examples:
        rest = f"{example.topic} {example.about} {example.script}"
        portion.append(Worded(example, " ".join(concepts(example.title)), " ".join(concepts(rest))))
        if len(portion) >= PORTION:
            yield portion
            portion = []
    if portion:
        yield portion


async def reword(imported: ImportedKnowledge) -> None:
    """Index anew what was indexed by a Flow that knew other words."""
    for source in await imported.sources():
        if source.vocabulary != vocabulary():
            examples = await imported.everything(source.name)
            renewed = replace(source, vocabulary=vocabulary())
            await imported.put(renewed, worded(examples), partial(str, source.kind))
            _logger.info("%s is indexed anew: %d commands", source.name, len(examples))


def familiarity(library: Library) -> Counter[str]:
    """Count how often each program begins a recipe: a measure of how common it is."""
    return Counter(_program_of(script) for r in library.recipes.values() for script in r.scripts)


async def recall(
    slots: Slots,
    imported: ImportedKnowledge,
    library: Library,
    index: Index,
    familiar: Counter[str],
    limit: int,
) -> list[Draft]:
    """Give the imported commands that fit the task best, best first."""
    asked = slots.asked
    found = await imported.find(_meanings_of(asked, index), _LOOKED_AT)
    if not found:
        return []
    near = Index((_entry(number, each) for number, each in enumerate(found)), weights=index)
    named = tools_named(slots.task)
    drafts = []
    for match in near.find(asked, limit * 2):
        example = found[int(match.key)]
        sure = _GENERAL * match.score * _prior(example, familiar)
        sure *= fitness(named, [example.script, example.topic])
        sure *= _OF_A_MANUAL if _PAGE.search(example.topic) else 1.0
        if sure >= _LEAST:
            drafts.append(_draft(example, slots, library, sure))
    return sorted(drafts, key=lambda draft: -draft.confidence)[:limit]


def _meanings_of(asked: str, index: Index) -> Sequence[str]:
    """Give the meanings to look for, the most telling first, each with those it may stand for."""
    weighed = dict(index.weighed(asked))
    for meaning, weight in list(weighed.items()):
        for other, share in words.RELATED.get(meaning, {}).items():
            if share >= _CLOSE:
                weighed.setdefault(other, weight * share)
    return sorted(weighed, key=lambda meaning: -weighed[meaning])


def _entry(number: int, example: Example) -> Entry:
    rest = f"{example.topic} {example.about} {example.script}"
    return Entry(str(number), (example.title,), rest)


def _prior(example: Example, familiar: Counter[str]) -> float:
    known = familiar[_program_of(example.script)]
    return min(1.0, math.pow(math.log(1.3 + known) / _EVERYDAY, _FAMILIAR))


def _program_of(script: str) -> str:
    found = _FIRST_PROGRAM.match(script)
    return found.group(1) if found else ""


def _draft(example: Example, slots: Slots, library: Library, sure: float) -> Draft:
    """Make a workflow of it, with the values of the task where its holes are."""
    own = {
        name: {"description": told, **_default(example.defaults.get(name))}
        for name, told in example.inputs.items()
    }
    shared = [name for name in own if name in library.inputs and "default" not in own[name]]
    recipe = Recipe(
        id="imported",
        title=example.title,
        subject=example.topic,
        phrases=[],
        workflow={
            "flow": 1,
            "name": _name_of(example),
            "inputs": {name: given for name, given in own.items() if name not in shared},
            "steps": [{"id": "run", "run": example.script}],
        },
        inputs=shared,
    )
    filled = fill(recipe, slots.found, library.inputs)
    if not filled.workflow["inputs"]:
        del filled.workflow["inputs"]
    return Draft(
        title=example.title,
        workflow=filled.workflow,
        explanation=f"from {example.topic}: {example.about}" if example.about else example.topic,
        confidence=min(1.0, sure),
        matched=True,
        asked_as=asked_as(example),
    )


def asked_as(example: Example) -> str:
    """Give the words an example is found by: many titles make sense below their topic only."""
    return f"{example.topic}: {example.title}"


def _default(value: str | None) -> dict[str, str]:
    return {} if value is None else {"default": value}


def _name_of(example: Example) -> str:
    return re.sub(r"[^a-z0-9]+", "-", example.title.lower()).strip("-")[:40].strip("-") or "command"
