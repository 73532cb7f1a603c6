"""Values in a task are found, told apart, and put where a recipe wants them."""

import pytest

from flowd.suggest.binding import fill
from flowd.suggest.library import load_library
from flowd.suggest.slots import days_of, extract, size_of

LIBRARY = load_library()


@pytest.mark.parametrize(
    ("task", "kind", "value"),
    [
        ("kill what runs on port 8080", "number", "8080"),
        ("count the lines in src/", "path", "src/"),
        ("list files under /var/log", "path", "/var/log"),
        ("open ~/notes.txt", "path", "~/notes.txt"),
        ("unpack data.tar.gz", "file", "data.tar.gz"),
        ("delete *.log files", "glob", "*.log"),
        ("files larger than 100MB", "size", "100MB"),
        ("files bigger than 5 Mebibytes", "size", "5 Mebibytes"),
        ("files older than 7 days", "duration", "7 days"),
        ("in the last two weeks", "duration", "two weeks"),
        ("what changed yesterday", "duration", "yesterday"),
        ("tag this as v1.2.0", "version", "v1.2.0"),
        ("install version 3.11.4", "version", "3.11.4"),
        ("log in to ada@example.org", "login", "ada@example.org"),
        ("copy it to ada@host.org:/tmp/x", "remote_path", "ada@host.org:/tmp/x"),
        ("clone https://example.org/x.git", "url", "https://example.org/x.git"),
        ("clone git@example.org:team/x.git", "url", "git@example.org:team/x.git"),
        ("ping 192.168.0.1", "ip", "192.168.0.1"),
        ("scan 192.168.0.0/24", "cidr", "192.168.0.0/24"),
        ("look up example.com", "domain", "example.com"),
        ("go back to HEAD~3", "revision", "HEAD~3"),
        ("apply stash@{2}", "revision", "stash@{2}"),
        ("revert 1a2b3c4d", "commit", "1a2b3c4d"),
        ('search for "to do"', "text", "to do"),
        ("all files with extension .php", "extension", ".php"),
        ("find python files", "type", "*.py"),
        ("give it u+x", "mode", "u+x"),
        ("commits since 2024-01-31", "date", "2024-01-31"),
    ],
)
def test_values_are_told_by_their_look(task: str, kind: str, value: str):
    assert (kind, value) in [(slot.kind, slot.value) for slot in extract(task).found]


@pytest.mark.parametrize(
    ("task", "cue", "value"),
    [
        ("delete the branch fix-1", "branch", "fix-1"),
        ("create a folder named photos", "directory", "photos"),
        ("add a user called dodger", "user", "dodger"),
        ("restart the nginx service", "service", "nginx"),
        ("what listens on port 80", "port", "80"),
        ("files in the build directory", "directory", "build"),
        ("remove container web_1", "container", "web_1"),
    ],
)
def test_a_name_is_known_by_the_noun_beside_it(task: str, cue: str, value: str):
    assert (cue, value) in [(slot.cue, slot.value) for slot in extract(task).found]


@pytest.mark.parametrize(
    "task",
    [
        "list the files in this directory",
        "show running processes",
        "delete files/directories that are empty",
        "start/stop a service",
        "what is the current branch?",
        "run the tests",
    ],
)
def test_prose_holds_no_values(task: str):
    assert extract(task).found == []


def test_a_word_with_a_meaning_is_no_name_unless_it_is_said_to_be_one():
    words = {"list"}
    assert extract("show the branch list", words).found == []
    assert extract("make a branch named list", words).found[0].value == "list"


def test_the_rest_is_the_task_without_its_values():
    rest = extract("copy notes.txt to /tmp/backup").rest
    assert "notes" not in rest
    assert "tmp" not in rest
    assert rest.startswith("copy")


def test_a_value_that_says_what_the_task_is_about_stays():
    assert "npm" in extract("update `npm`", {"npm"}).rest
    assert "package.json" in extract("create a package.json").rest


@pytest.mark.parametrize(
    ("text", "days"), [("7 days", 7), ("two weeks", 14), ("12 hours", 0.5), ("yesterday", 1)]
)
def test_durations_in_days(text: str, days: float):
    assert days_of(text) == pytest.approx(days)


@pytest.mark.parametrize(
    ("text", "size"),
    [("100MB", "100M"), ("5 Mebibytes", "5M"), ("1 GB", "1G"), ("9 bytes", "9c")],
)
def test_sizes_as_find_takes_them(text: str, size: str):
    assert size_of(text) == size


@pytest.mark.parametrize(
    ("recipe", "task", "defaults"),
    [
        ("port-process", "what is on port 3000", {"port": 3000}),
        ("git-log-count", "show the last 5 commits", {"count": 5}),
        ("git-branch-start", "create a branch called fix-login", {"branch": "fix-login"}),
        ("git-tag-create", "tag this commit as v1.2.0", {"tag": "v1.2.0"}),
        ("cp", "copy a.txt to b.txt", {"source": "a.txt", "target": "b.txt"}),
        ("sed-replace-in-place", 'replace "foo" with "bar" in x.conf',
         {"text": "foo", "replacement": "bar", "file": "x.conf"}),
        ("find-gzip-old", "compress *.log in /var/log older than 2 weeks",
         {"pattern": "*.log", "dir": "/var/log", "days": 14}),
        ("ls", "list files", {"dir": "."}),
        ("rename-extension", "rename all .htm files to .html",
         {"extension": "htm", "new_extension": "html"}),
        ("journal-since", "journal since 2 hours", {"since": "2 hours ago"}),
    ],
)  # fmt: skip
def test_values_become_the_defaults_of_inputs(
    recipe: str, task: str, defaults: dict[str, str | int]
):
    filled = fill(LIBRARY.recipes[recipe], extract(task).found, LIBRARY.inputs)
    inputs = filled.workflow["inputs"]
    assert {name: inputs[name].get("default") for name in defaults} == defaults


def test_no_value_is_ever_pasted_into_a_script():
    task = 'replace "$(rm x)" with "b" in a.txt'
    filled = fill(LIBRARY.recipes["sed-replace-in-place"], extract(task).found, LIBRARY.inputs)
    assert "rm x" not in filled.workflow["steps"][0]["run"]
    assert filled.workflow["inputs"]["text"]["default"] == "$(rm x)"


def test_what_a_task_does_not_say_is_missing():
    filled = fill(LIBRARY.recipes["git-clone"], extract("clone a repository").found, LIBRARY.inputs)
    assert filled.missing == ["url"]
