"""The built-in recipes: data files under `recipes/`, read once, when first wanted.

A file has `recipes:` (whole workflows) and `commands:` (one command each, written as a list: the
command, its title, other ways of asking, and at last, if need be, keys of its step).
Further ways of asking for either are under `phrases/`, by the same file name: they are many, and
whoever reads or writes a recipe need not see them. `inputs.yaml` says what the variables in scripts
are called and where their values come from.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec
import yaml
from msgspec import Struct, field
from msgspec.structs import replace

from flowd.domain.workflow import InputValue

_FOLDER = files("flowd.suggest").joinpath("recipes")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_VARIABLE = re.compile(r"(?<!\\)\$\{?([a-z][a-z0-9_]*)\b")

Form = Literal["number", "days", "minutes", "seconds", "size", "glob", "extension", "ago", "text"]


class KnownInput(
    Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from", "as_": "as"}
):
    """An input recipes use: how it is described, and how it is found in a task."""

    description: str
    type: Literal["string", "integer"] = "string"
    default: InputValue | None = None
    from_: list[str] = field(default_factory=list)
    as_: Form = "text"


class Requires(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a recipe makes sense: in a git repository, in a project of a kind, with programs."""

    git: bool = False
    kinds: list[str] = field(default_factory=list)
    programs: list[str] = field(default_factory=list)


class Example(Struct, frozen=True, forbid_unknown_fields=True):
    """How a recipe is proved: run in an empty folder that is also HOME.

    `setup` makes the world, `check` must succeed after the steps, `undone` after the undos.
    """

    check: str
    setup: str = ""
    inputs: dict[str, InputValue] = field(default_factory=dict)
    undone: str = ""


class Recipe(Struct, frozen=True):
    """One answer. `workflow` is language v1 without the inputs that `inputs` names, in order."""

    id: str
    title: str
    subject: str
    phrases: list[str]
    workflow: dict[str, Any]
    inputs: list[str]
    explanation: str = ""
    keywords: list[str] = field(default_factory=list)
    requires: Requires = Requires()
    example: Example | None = None

    @property
    def scripts(self) -> list[str]:
        """Every script of every step."""
        return [text for step in self.workflow["steps"] for text in _scripts_of(step)]


class Library(Struct, frozen=True):
    """All recipes by id, and the inputs they share."""

    recipes: dict[str, Recipe]
    inputs: dict[str, KnownInput]


class _StepExtras(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What a command may say of its step; `note` explains it to people."""

    undo: str | None = None
    check: str | None = None
    confirm: str | None = None
    tty: bool = False
    note: str = ""


class _WrittenRecipe(Struct, forbid_unknown_fields=True):
    id: str
    title: str
    phrases: list[str]
    workflow: dict[str, Any]
    explanation: str = ""
    keywords: list[str] = field(default_factory=list)
    requires: Requires | None = None
    example: Example | None = None


class _RecipeFile(Struct, forbid_unknown_fields=True):
    subject: str
    requires: Requires = Requires()
    commands: dict[str, list[str | _StepExtras]] = field(default_factory=dict)
    recipes: list[_WrittenRecipe] = field(default_factory=list)


def load_library() -> Library:
    """Read all data files (a fifth of a second). msgspec.ValidationError when one is wrong."""
    known = msgspec.convert(_read("inputs.yaml")["inputs"], dict[str, KnownInput])
    recipes: dict[str, Recipe] = {}
    for entry in sorted(_FOLDER.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".yaml") and entry.name != "inputs.yaml":
            written = msgspec.convert(_read(entry.name), _RecipeFile)
            phrases = _phrases_beside(entry.name)
            for recipe in _recipes_of(written, known):
                if recipe.id in recipes:
                    raise ValueError(f"two recipes are called {recipe.id!r}")
                further = phrases.pop(recipe.id, [])
                recipes[recipe.id] = replace(recipe, phrases=[*recipe.phrases, *further])
            if phrases:
                raise ValueError(
                    f"phrases/{entry.name} is about no recipe of {entry.name}: {', '.join(phrases)}"
                )
    return Library(recipes, known)


@cache
def count_recipes() -> int:
    """Say how many recipes are built in (reads them all, the first time)."""
    return len(load_library().recipes)


def _phrases_beside(name: str) -> dict[str, list[str]]:
    """Give the further ways of asking for the recipes of a file, by recipe."""
    entry = _FOLDER.joinpath("phrases", name)
    if not entry.is_file():
        return {}
    return msgspec.convert(_read(f"phrases/{name}") or {}, dict[str, list[str]])


def _read(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(_FOLDER.joinpath(name).read_text("utf-8"), Loader=_LOADER)  # noqa: S506  # a safe loader, in C where there is one
    return loaded


def _recipes_of(written: _RecipeFile, known: Mapping[str, KnownInput]) -> Iterator[Recipe]:
    for name, parts in written.commands.items():
        yield _from_command(name, parts, written, known)
    for recipe in written.recipes:
        declared = recipe.workflow.get("inputs", {})
        variables = _variables(recipe.workflow, known)
        yield Recipe(
            id=recipe.id,
            title=recipe.title,
            subject=written.subject,
            phrases=recipe.phrases,
            workflow=recipe.workflow,
            inputs=[variable for variable in variables if variable not in declared],
            explanation=recipe.explanation,
            keywords=recipe.keywords,
            requires=recipe.requires or written.requires,
            example=recipe.example,
        )


def _from_command(
    name: str,
    parts: list[str | _StepExtras],
    written: _RecipeFile,
    known: Mapping[str, KnownInput],
) -> Recipe:
    extras = parts[-1] if isinstance(parts[-1], _StepExtras) else _StepExtras()
    command, title, *phrases = [part for part in parts if isinstance(part, str)]
    step = {"id": "run", "run": command, **msgspec.to_builtins(extras)}
    note = step.pop("note", "")
    workflow = {"flow": 1, "name": name, "steps": [step]}
    return Recipe(
        id=name,
        title=title,
        subject=written.subject,
        phrases=phrases,
        workflow=workflow,
        inputs=_variables(workflow, known),
        explanation=note,
        requires=written.requires,
    )


def _scripts_of(step: Mapping[str, Any]) -> list[str]:
    undo = step.get("undo")
    scripts = (step["run"], undo["run"] if isinstance(undo, dict) else undo, step.get("check"))
    return [script for script in scripts if script]


def _variables(workflow: Mapping[str, Any], known: Mapping[str, KnownInput]) -> list[str]:
    """Name the known inputs that the scripts use, in the order they are met."""
    scripts = [text for step in workflow["steps"] for text in _scripts_of(step)]
    scripts += [step["confirm"] for step in workflow["steps"] if "confirm" in step]
    found = [name for script in scripts for name in _VARIABLE.findall(script)]
    return [name for name in dict.fromkeys(found) if name in known]
