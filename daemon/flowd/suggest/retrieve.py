"""What Flow itself knows about a task: built-in recipes, composed commands, the project's tasks."""

from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec import Struct

from flowd.domain.knowledge import ImportedKnowledge
from flowd.suggest import project
from flowd.suggest.binding import fill
from flowd.suggest.compose import compose
from flowd.suggest.context import Context
from flowd.suggest.find_task import understand
from flowd.suggest.find_words import UNDERSTOOD
from flowd.suggest.find_workflow import title_of, workflow_of
from flowd.suggest.imported import familiarity, recall
from flowd.suggest.library import Library, Recipe, load_library
from flowd.suggest.match import Entry, Index
from flowd.suggest.parts import Part, load_parts
from flowd.suggest.providers.base import Draft
from flowd.suggest.slots import Slots, extract
from flowd.suggest.tools import fitness, tools_named

_LEAST = 0.12  # below this, an answer is a guess that only distracts
_COMPOSED = 0.95
_PER_CONDITION = 0.05
_UNPLACED = 0.1
_MISSING = 0.02
_GENERAL = 0.95  # leaves room for what the project itself says
_ELSEWHERE = 0.75
_AT_HOME = 1.1
_NO_REPOSITORY = 0.9

_KIND_WORDS = {
    "python": {"python", "pip", "pytest", "py"}, "node": {"node", "npm", "javascript", "js"},
    "rust": {"rust", "cargo"}, "go": {"go", "golang"}, "java": {"java", "maven", "gradle"},
}  # fmt: skip


class Knowledge(Struct, frozen=True):
    """The library and its index. Making one takes a moment; it never changes."""

    library: Library
    index: Index
    familiar: Counter[str]
    parts: list[Part]

    def phrases(self) -> list[str]:
        """Every way of asking for a recipe."""
        recipes = self.library.recipes.values()
        return [phrase for recipe in recipes for phrase in (recipe.title, *recipe.phrases)]


def load_knowledge() -> Knowledge:
    """Read the recipes and build their index (well under a second; call it in a thread)."""
    library = load_library()
    index = Index(_entry(recipe) for recipe in library.recipes.values())
    return Knowledge(library, index, familiarity(library), load_parts())


def _entry(recipe: Recipe) -> Entry:
    extra = " ".join((recipe.id, recipe.subject, *recipe.keywords, *recipe.scripts))
    return Entry(recipe.id, (recipe.title, *recipe.phrases), extra)


def retrieve(task: str, context: Context, knowledge: Knowledge, limit: int) -> list[Draft]:
    """Give the best answers, best first; `confidence` is how well each matches the task."""
    drafts = _to_whole(task, context, knowledge, limit)
    composed = compose(
        task,
        knowledge.parts,
        drafts,
        lambda clause: next(iter(best_of(_to_whole(clause, context, knowledge, 1), 1)), None),
    )
    return best_of([composed, *drafts] if composed else drafts, limit)


def _to_whole(task: str, context: Context, knowledge: Knowledge, limit: int) -> list[Draft]:
    """Give what answers a task as one."""
    slots = extract(task, knowledge.index)
    return [
        *project.answers(task, context.tasks, context.cwd, limit, knowledge.index),
        *_over_files(slots, knowledge),
        *_from_recipes(slots, context, knowledge, limit),
    ]


async def retrieve_imported(
    task: str, knowledge: Knowledge, imported: ImportedKnowledge, limit: int
) -> list[Draft]:
    """Give the best answers among what the user has imported, best first."""
    slots = extract(task, knowledge.index)
    library, index = knowledge.library, knowledge.index
    return await recall(slots, imported, library, index, knowledge.familiar, limit)


def best_of(drafts: Iterable[Draft], limit: int) -> list[Draft]:
    """Put drafts of all kinds in order."""
    return sorted(drafts, key=lambda draft: -draft.confidence)[:limit]


def _over_files(slots: Slots, knowledge: Knowledge) -> Iterator[Draft]:
    """Give the workflow put together for a task over many files, if it is one."""
    task = understand(slots)
    if task is not None:
        share = knowledge.index.share(slots.rest, UNDERSTOOD)
        sure = min(1.0, _COMPOSED + _PER_CONDITION * task.files.conditions)
        yield Draft(
            title=title_of(task),
            workflow=workflow_of(task),
            explanation="put together from what the task says of the files",
            confidence=sure * share**2,
            matched=True,
        )


def _from_recipes(
    slots: Slots, context: Context, knowledge: Knowledge, limit: int
) -> Iterator[Draft]:
    named = tools_named(slots.task)
    for match in knowledge.index.find(slots.asked, limit * 2):
        recipe = knowledge.library.recipes[match.key]
        filled = fill(recipe, slots.found, knowledge.library.inputs)
        confidence = _GENERAL * match.score * _fitness(recipe, slots.task, context)
        confidence *= fitness(named, recipe.scripts)
        if slots.found:
            confidence *= 1 - _UNPLACED * (1 - filled.used / len(slots.found))
        confidence *= 1 - _MISSING * min(3, len(filled.missing))
        if confidence >= _LEAST:
            yield Draft(
                title=recipe.title,
                workflow=filled.workflow,
                explanation=recipe.explanation,
                confidence=min(1.0, confidence),
                matched=True,
                recipe=recipe.id,
                asked_as=match.phrase,
            )


def _fitness(recipe: Recipe, task: str, context: Context) -> float:
    """Say how well the recipe fits the folder: 1 when nothing speaks for or against it."""
    fitness = 1.0 if context.git or not recipe.requires.git else _NO_REPOSITORY
    for kind in recipe.requires.kinds:
        if kind in context.kinds:
            return fitness * _AT_HOME
        if _KIND_WORDS.get(kind, {kind}) & set(task.lower().split()):
            return fitness
    return fitness * _ELSEWHERE if recipe.requires.kinds else fitness
