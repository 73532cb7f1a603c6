"""Where one clause of a task ends and the next begins."""

import pytest

from flowd.suggest.clauses import split


@pytest.mark.parametrize(
    ("task", "clauses"),
    [
        ("create a.txt, commit it and tag it v1", ["create a.txt", "commit it", "tag it v1"]),
        ("run make clean and then make all", ["run make clean", "make all"]),
        ("delete a.txt; after that show b.txt", ["delete a.txt", "show b.txt"]),
        ("Delete a.txt. Then copy b.txt to c.txt", ["Delete a.txt", "copy b.txt to c.txt"]),
        ("1. create a folder x\n2. delete b.txt", ["create a folder x", "delete b.txt"]),
        ("- create a folder x\n- delete b.txt", ["create a folder x", "delete b.txt"]),
        ("first make x, finally commit", ["first make x", "commit"]),
    ],
)
def test_clauses_end_where_the_next_thing_to_do_begins(task: str, clauses: list[str]) -> None:
    assert split(task) == clauses


@pytest.mark.parametrize(
    "task",
    [
        "create the folders src, tests and docs",
        "show the name and tag of all images",
        "list branches and tags",
        "find and replace foo in a.txt",
        "find files named a and b",
        "commit with message 'add a, delete b and tag c'",
        'write "first, delete everything; then run" to plan.txt',
        "search and list",
        "",
    ],
)
def test_one_clause_stays_whole(task: str) -> None:
    assert split(task) == ([task] if task else [])
