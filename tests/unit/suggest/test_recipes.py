"""The built-in recipes: well written, safe, and true: those with an example are carried out."""

import re
import shutil
from pathlib import Path

import pytest

from flowd.domain.inputs import names_in_template
from flowd.domain.parse import workflow_from_object
from flowd.domain.preview import judge_workflow, strictest
from flowd.safety.judge import make_judge
from flowd.suggest.binding import fill
from flowd.suggest.library import Recipe, load_library
from flowd.suggest.rank import programs_of
from support.recipe_runner import run_example

LIBRARY = load_library()
RECIPES = list(LIBRARY.recipes.values())
EXAMPLES = [recipe for recipe in RECIPES if recipe.example]
WHOLE = [recipe for recipe in RECIPES if len(recipe.workflow["steps"]) > 1]

_USED = re.compile(r"(?<![\\$])\$\{?([a-z][a-z0-9_]*)")
_LOCAL = re.compile(r"\b([a-z_]+)=|\bfor ([a-z_]+) in\b|\bread (?:-r |-d '' |-n )*([a-z_ ]+)")


def test_there_are_enough():
    assert len(WHOLE) >= 80
    assert len(EXAMPLES) >= 40
    assert len(RECIPES) >= 2000


def test_every_recipe_is_a_workflow():
    for recipe in RECIPES:
        workflow = workflow_from_object(fill(recipe, (), LIBRARY.inputs).workflow)
        assert workflow.name, recipe.id


def test_nothing_built_in_is_blocked():
    judge = make_judge()
    blocked = {}
    for recipe in RECIPES:
        workflow = workflow_from_object(fill(recipe, (), LIBRARY.inputs).workflow)
        judged = judge_workflow(workflow, judge, "/home/dev/project")
        if strictest(judged) == "block":
            blocked[recipe.id] = [f.message for step in judged for f in step.judgement.findings]
    assert blocked == {}


def test_ids_are_easy_to_type():
    for recipe in RECIPES:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", recipe.id), recipe.id


def test_no_two_recipes_are_asked_for_in_the_same_words():
    seen: dict[str, str] = {}
    twice = []
    for recipe in RECIPES:
        for phrase in {text.lower() for text in (recipe.title, *recipe.phrases)}:
            if phrase in seen:
                twice.append((phrase, seen[phrase], recipe.id))
            seen[phrase] = recipe.id
    assert twice == []


def test_titles_say_what_is_done_in_a_line():
    for recipe in RECIPES:
        assert recipe.title[0].isupper() or recipe.title[0].isdigit(), recipe.id
        assert len(recipe.title) <= 80, recipe.id
        assert not recipe.title.endswith("."), recipe.id


def test_every_variable_is_an_input_or_made_in_the_script():
    unknown = {}
    for recipe in RECIPES:
        declared = {*recipe.inputs, *recipe.workflow.get("inputs", {})}
        for script in recipe.scripts:
            used = set(_USED.findall(re.sub(r"'[^']*'", "''", script)))
            made = {name for row in _LOCAL.findall(script) for part in row for name in part.split()}
            if used - declared - made:
                unknown[recipe.id] = used - declared - made
    assert unknown == {}


def test_questions_name_only_inputs():
    for recipe in RECIPES:
        declared = {*recipe.inputs, *recipe.workflow.get("inputs", {})}
        for step in recipe.workflow["steps"]:
            assert set(names_in_template(step.get("confirm", ""))) <= declared, recipe.id
            assert not re.search(r"\$[a-z]", step.get("confirm", "")), (
                f"{recipe.id}: write ${{name}}"
            )


def test_inputs_are_never_defaults_that_need_a_shell():
    for name, known in LIBRARY.inputs.items():
        assert not str(known.default or "").startswith("$"), name


@pytest.mark.parametrize("recipe", EXAMPLES, ids=lambda recipe: recipe.id)
def test_the_example_of_a_recipe_comes_out_right(recipe: Recipe, tmp_path: Path):
    workflow = workflow_from_object(fill(recipe, (), LIBRARY.inputs).workflow)
    for program in (
        "node",
        "npm",
        "cargo",
        "sqlite3",
        "openssl",
        "lsof",
        "jq",
        "zip",
        "ssh-keygen",
    ):
        if program in programs_of(workflow) and shutil.which(program) is None:
            pytest.skip(f"{program} is not installed here")
    run_example(recipe, LIBRARY.inputs, tmp_path)
