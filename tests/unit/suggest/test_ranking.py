"""Everyday questions find the answer a developer expects among the first three."""

import time

import pytest

from flowd.suggest.context import Context
from flowd.suggest.match import Entry, Index
from flowd.suggest.retrieve import load_knowledge, retrieve
from flowd.suggest.text import concepts

KNOWLEDGE = load_knowledge()
NOWHERE = Context(cwd="/tmp")


def found(task: str, context: Context = NOWHERE) -> list[str]:
    """The recipes suggested first, best first; composed and project answers are empty."""
    return [draft.recipe for draft in retrieve(task, context, KNOWLEDGE, 3)]


@pytest.mark.parametrize(
    ("task", "recipe"),
    [
        ("show me the last 5 commits", "git-log-count"),
        ("undo my last commit but keep the changes", "git-reset-soft"),
        ("throw away all local changes", "git-reset-hard"),
        ("create a new branch and switch to it", "git-branch-start"),
        ("which branch am I on?", "git-current-branch"),
        ("who changed this line", "git-blame"),
        ("put my changes aside for later", "git-stash"),
        ("remove untracked files", "git-clean"),
        ("force push without overwriting the work of others", "git-push-lease"),
        ("delete a tag on the remote", "git-tag-delete-remote"),
        ("what is using port 8080?", "port-process"),
        ("how much disk space is left", "df"),
        ("which folders take up the most space", "du-sorted"),
        ("kill a process by name", "pkill"),
        ("show memory usage", "free"),
        ("list files", "ls"),
        ("print the current directory", "pwd"),
        ("follow a log file", "tail-follow"),
        ("count lines in notes.txt", "wc-lines"),
        ("replace a text in a file in place", "sed-replace-in-place"),
        ("print the second column of data.txt", "awk-column"),
        ("sort a file and remove duplicate lines", "sort-unique"),
        ("unpack archive.tar.gz", "tar-extract"),
        ("zip the folder photos", "zip-dir"),
        ("make deploy.sh executable", "chmod-executable"),
        ("create a symlink", "ln-symbolic"),
        ("download https://example.org/x.iso", "curl-remote-name"),
        ("what is my public ip", "public-ip"),
        ("generate an ssh key", "keygen"),
        ("copy a file to a remote server", "scp-up"),
        ("list running containers", "docker-ps"),
        ("open a shell in a running container", "docker-exec-shell"),
        ("restart nginx service", "service-restart"),
        ("show logs of the ssh service", "journal-unit"),
        ("which services failed", "services-failed"),
        ("create a virtual environment", "venv-create"),
        ("install packages from requirements.txt", "pip-install-requirements"),
        ("install npm dependencies", "npm-install"),
        ("list outdated npm packages", "npm-outdated"),
        ("dump a postgres database", "pg-dump"),
        ("list tables in a sqlite database", "sqlite-tables"),
        ("tag a release, build the wheel and push the tag", "release-python"),
        ("backup a folder", "backup-folder"),
        ("my disk is full", "free-disk-space"),
    ],
)  # fmt: skip
def test_everyday_questions(task: str, recipe: str):
    assert recipe in found(task)


def test_the_kind_of_project_decides_between_equals():
    python = Context(cwd="/tmp", kinds=["python"])
    rust = Context(cwd="/tmp", kinds=["rust"])
    assert found("run all checks before committing", python)[0] == "python-quality"
    assert found("run all checks before committing", rust)[0] == "rust-quality"


def test_the_opposite_is_not_suggested_first():
    assert found("start a service")[0] == "service-start"
    assert found("stop a service")[0] == "service-stop"
    assert found("compress a file")[0] == "gzip"
    assert found("decompress a gz file")[0] == "gunzip"


@pytest.mark.parametrize(
    ("misspelt", "right"),
    [("create a symbolc link", "symbolic"), ("show the comit history", "commit")],
)
def test_misspelt_words_are_understood(misspelt: str, right: str):
    assert found(misspelt)


def test_nonsense_finds_nothing_surely():
    assert all(draft.confidence < 0.6 for draft in retrieve("qwx zzkp", NOWHERE, KNOWLEDGE, 3))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Remove the old branches", "deleting an old branch"),
        ("How do I list all files?", "show every file"),
        ("what is the bash command to print the working directory", "display the current cwd"),
        ("log in to a server", "login server"),
        ("folders", "a directory"),
        ("untar it", "extract tar"),
    ],
)
def test_like_meanings_look_alike(one: str, other: str):
    assert concepts(one) == concepts(other)


def test_rare_words_weigh_more():
    index = Index(
        [
            Entry("a", ["show the stash"]),
            Entry("b", ["show the log"]),
            Entry("c", ["show the log of x"]),
        ]
    )
    assert index.find("show stash")[0].key == "a"
    assert index.find("show stash")[0].score > 0.9


def test_a_hit_says_which_phrase_it_was():
    index = Index([Entry("a", ["list branches", "names of my branches"])])
    assert index.find("names of branches")[0].phrase == "names of my branches"


def test_asking_for_few_gives_the_same_best_as_asking_for_many():
    for task in ("show the last commits", "delete files", "list everything", "start a container"):
        few = KNOWLEDGE.index.find(task, 3)
        many = KNOWLEDGE.index.find(task, 200)
        assert [match.score for match in few] == [match.score for match in many[:3]]


def test_finding_is_quick():
    tasks = [
        "show me the last 5 commits",
        "find all *.py files and count their lines",
        "run a test",
    ]
    for task in tasks:
        found(task)
    start = time.process_time()
    for _ in range(5):
        for task in tasks:
            found(task)
    assert (time.process_time() - start) / 15 < 0.1
