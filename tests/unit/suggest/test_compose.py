"""Workflows put together from the clauses of a task."""

from typing import Any

import pytest

from flowd.domain.parse import workflow_from_object
from flowd.suggest.compose import compose
from flowd.suggest.context import Context
from flowd.suggest.part_forms import form_of
from flowd.suggest.parts import load_parts, said_by
from flowd.suggest.providers.base import Draft
from flowd.suggest.retrieve import load_knowledge, retrieve

KNOWLEDGE = load_knowledge()
PARTS = KNOWLEDGE.parts
PUT_TOGETHER = "put together from what each part of the task says"
NOWHERE = Context(cwd="/tmp")


def first(task: str) -> Draft:
    return retrieve(task, NOWHERE, KNOWLEDGE, 3)[0]


def told(task: str) -> list[str]:
    """The steps of the first answer with the values in the place of inputs."""
    workflow: Any = first(task).workflow
    workflow_from_object(workflow)  # it is one
    values = {name: given.get("default") for name, given in workflow.get("inputs", {}).items()}
    scripts = []
    for step in workflow["steps"]:
        script = step["run"]
        for name in sorted(values, key=len, reverse=True):
            script = script.replace(f'"${name}"', str(values[name]))
        scripts.append(f"{step['cwd']}: {script}" if step.get("cwd") else script)
    return scripts


def test_each_clause_is_a_step_and_it_means_what_was_named_before() -> None:
    assert told("create a file notes.txt containing hello, commit it and tag it v1") == [
        "printf '%s\\n' hello > notes.txt",
        'git add -- notes.txt && git commit --quiet -m "Add $file" -- notes.txt',
        "git tag v1",
    ]


def test_what_is_in_quotes_stays_as_it_is() -> None:
    assert told(
        "create a.txt with the text 'one,  it, two' and commit it with message 'fix it'"
    ) == [
        "printf '%s\\n' one,  it, two > a.txt",
        "git add -- a.txt && git commit --quiet -m fix it -- a.txt",
    ]
    steps = told("create a table t with columns a, b in d.db and insert ('ann', 3)")
    assert steps[-1].endswith('VALUES $values"')


def test_there_is_the_folder_made_before() -> None:
    task = "make a folder app, initialize an npm package in it and create a file a.js there"
    assert told(task) == [
        "mkdir -p -- app",
        "app: npm init -y",
        "app: touch -- a.js",
    ]


def test_a_file_made_in_a_folder_is_found_there_later() -> None:
    steps = told("create the folder x, create a file a.sh in it and make the file executable")
    assert steps[-1] == "chmod +x -- x/a.sh"


def test_values_of_the_same_name_stay_apart() -> None:
    draft = first("write one to a.txt, then write two to b.txt, then delete a.txt")
    workflow: Any = draft.workflow
    assert told("write one to a.txt, then write two to b.txt, then delete a.txt") == [
        "printf '%s\\n' one > a.txt",
        "printf '%s\\n' two > b.txt",
        "rm -- a.txt",
    ]
    assert sorted(workflow["inputs"]) == ["file", "file_2", "text", "text_2"]
    assert len({step["id"] for step in workflow["steps"]}) == 3


def test_undo_and_confirm_of_a_part_are_kept_with_its_own_values() -> None:
    workflow: Any = first("create the folder a, create the folder b and delete c.txt").workflow
    assert [step.get("undo") for step in workflow["steps"]] == [
        'rmdir --ignore-fail-on-non-empty -- "$folder"',
        'rmdir --ignore-fail-on-non-empty -- "$folder_2"',
        None,
    ]
    assert workflow["steps"][2]["confirm"]


def test_found_files_are_what_the_next_clauses_are_about() -> None:
    steps = told("find all .log files bigger than 1 MB, compress them and move them to old/")
    assert len(steps) == 2
    assert "gzip" in steps[0]
    assert "-size" in steps[0]
    assert "mv -n" in steps[1]


def test_a_clause_no_part_knows_is_answered_by_a_recipe() -> None:
    steps = told("create a branch dev, cherry-pick the commit abc1234 and delete the file a.txt")
    assert steps == ["git switch --quiet -c dev", "git cherry-pick abc1234", "rm -- a.txt"]


def test_a_clause_nobody_can_answer_spoils_the_composition() -> None:
    drafts = retrieve("create the folder x and send qwx to zzkp", NOWHERE, KNOWLEDGE, 3)
    assert all(draft.explanation != PUT_TOGETHER for draft in drafts)


def test_a_recipe_that_answers_the_whole_well_goes_first() -> None:
    answered = compose("delete a.txt and delete b.txt", PARTS, [], lambda _: None)
    assert answered is not None
    recipe = Draft(title="both", workflow={}, confidence=0.9, recipe="both")
    behind = compose("delete a.txt and delete b.txt", PARTS, [recipe], lambda _: None)
    assert behind is not None
    assert behind.confidence < recipe.confidence < answered.confidence


@pytest.mark.parametrize(
    "task", ["find all txt files and delete them", "sort by name and size", "remove duplicates"]
)
def test_one_thing_to_do_is_not_composed(task: str) -> None:
    drafts = retrieve(task, NOWHERE, KNOWLEDGE, 3)
    assert all(draft.explanation != PUT_TOGETHER for draft in drafts)


def test_a_question_for_a_number_is_answered_by_the_number_alone() -> None:
    assert told("how many words are in essay.txt?") == ["wc -w < essay.txt"]


def test_a_value_that_is_nowhere_is_not_made_up() -> None:
    assert said_by("how many rows are in the table users", PARTS, {}) is None
    said = said_by("how many rows are in the table users", PARTS, {"database": "a.db"})
    assert said is not None
    assert said.values == {"table": "users", "database": "a.db"}


def test_every_form_can_be_read_and_every_part_makes_a_workflow() -> None:
    parts = load_parts()
    assert len({part.id for part in parts}) == len(parts)
    for part in parts:
        assert part.steps
        assert all(step.run for step in part.steps)


def test_a_form_that_is_wrong_says_so() -> None:
    with pytest.raises(ValueError, match="brackets"):
        form_of("create [folder {folder}", {})
    with pytest.raises(ValueError, match="no word"):
        form_of("<nothing> {folder}", {})


def test_a_text_is_replaced_as_it_is_written() -> None:
    assert "s/\\Q$ENV{text}\\E/$ENV{replacement}/g" in told('replace "foo" with "bar" in a.ini')[0]


@pytest.mark.parametrize(
    "task", ["find all txt files and delete them", "list the users of a group and print the result"]
)
def test_what_is_one_command_is_left_to_the_whole_even_if_each_clause_has_an_answer(
    task: str,
) -> None:
    step = {"id": "run", "run": "true"}
    sure = Draft(title="sure", workflow={"flow": 1, "name": "sure", "steps": [step]}, confidence=1)
    assert compose(task, PARTS, [], lambda _: sure) is None
