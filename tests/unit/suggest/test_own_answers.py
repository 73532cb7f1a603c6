"""Templates and shell history as answers: what is read, what is not, and how it is found."""

import os

import pytest

from flowd.config import SuggestConfig
from flowd.suggest.own import own_answers
from flowd.suggest.retrieve import load_knowledge
from flowd.suggest.shell_history import (
    READ_BYTES,
    ShellHistory,
    bash_commands,
    fish_commands,
    zsh_commands,
)

KNOWLEDGE = load_knowledge()
PATIENT = 60.0  # seconds: a slow machine is no failure
FISH = b"- cmd: git log\n  when: 1\n- cmd: a\\nb \\\\\n  when: 2\n  paths:\n    - x\n"
TEMPLATE = "flow: 1\nname: {}\ndescription: {}\nsteps:\n  - {{id: a, run: {}}}\n"


def write(path, name, about, script):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TEMPLATE.format(name, about, script))


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    return folder


async def scripts_for(task, project, own, trusts=lambda _folder: True, **settings):
    answers = own_answers(own, trusts, SuggestConfig(**settings), str, PATIENT)
    found = await answers.find(task, str(project), KNOWLEDGE, 5)
    return [_script(draft.workflow) for draft in sorted(found, key=lambda d: -d.confidence)]


def _script(workflow):
    steps = workflow["steps"] if isinstance(workflow, dict) else None
    return steps[0]["run"] if steps else workflow.steps[0].run


async def test_templates_of_the_user_and_the_project_are_found(project, tmp_path):
    own = tmp_path / "templates"
    write(own / "wipe.flow.yaml", "wipe-cache", "empty the cache of the build", "rm -r cache")
    write(project / ".flow" / "up.flow.yaml", "up", "start the staging tunnel", "ssh -N tunnel")
    assert await scripts_for("empty the build cache", project, own) == ["rm -r cache"]
    assert await scripts_for("start my staging tunnel", project, own) == ["ssh -N tunnel"]
    below = project / "src" / "deep"
    below.mkdir(parents=True)
    assert await scripts_for("start the staging tunnel", below, own) == ["ssh -N tunnel"]
    assert await scripts_for("show the weather", project, own) == []


async def test_templates_of_a_checkout_that_is_not_trusted_are_not(project, tmp_path):
    write(project / ".flow" / "up.flow.yaml", "up", "start the staging tunnel", "ssh -N tunnel")
    own = tmp_path / "none"
    assert await scripts_for("start the staging tunnel", project, own, lambda _: False) == []


async def test_templates_are_read_again_when_they_change_and_bad_ones_left_out(project, tmp_path):
    own = tmp_path / "templates"
    write(own / "a.flow.yaml", "a", "start the staging tunnel", "old")
    (own / "bad.flow.yaml").write_text("flow: 1\n")
    (own / "huge.flow.yaml").write_text("#" * 70_000)
    (own / "binary.flow.yaml").write_bytes(b"\xff\xfe")
    (own / "folder.flow.yaml").mkdir()
    answers = own_answers(own, lambda _folder: True, SuggestConfig(), str, PATIENT)
    for script in ("old", "newer-script"):
        write(own / "a.flow.yaml", "a", "start the staging tunnel", script)
        found = await answers.find("start the staging tunnel", str(project), KNOWLEDGE, 5)
        assert [_script(draft.workflow) for draft in found] == [script]


@pytest.mark.parametrize(
    ("read", "data", "commands"),
    [
        (bash_commands, b"#1700000000\ngit log\nls -l\n", ["git log", "ls -l"]),
        (zsh_commands, b": 1700000000:3;git log\nls -l\n", ["git log", "ls -l"]),
        (zsh_commands, b": 1:0;for a\\\ndo b\n", ["for a\ndo b"]),
        (zsh_commands, "echo ä\n".encode().replace(b"\xa4", b"\x83\x84"), ["echo ä"]),
        (fish_commands, FISH, ["git log", "a\nb \\"]),
    ],
)
def test_the_histories_of_three_shells_are_read(read, data, commands):
    assert list(read(data)) == commands


def history(home, *lines, mask=str):
    (home / ".bash_history").write_text("".join(f"{line}\n" for line in lines))
    return ShellHistory(home, mask)


def found_in(shell_history, task):
    return [_script(draft.workflow) for draft in shell_history.answers(task, KNOWLEDGE, 5)]


async def test_history_is_only_read_when_the_settings_say_so(project, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    history(tmp_path, *["docker compose logs -f web"] * 2)
    task, own = "follow the compose logs", tmp_path / "none"
    assert await scripts_for(task, project, own) == []
    assert await scripts_for(task, project, own, shell_history=True) == [
        "docker compose logs -f web"
    ]


def test_a_command_is_found_by_what_the_recipe_like_it_is_for(tmp_path):
    lines = ["git stash push -m wip", "git stash push -m wip", "cd /tmp", "cd /tmp", "ls", "ls"]
    read = history(tmp_path, *lines, "kubectl get pods -A")
    assert found_in(read, "put my changes aside for later") == ["git stash push -m wip"]
    assert found_in(read, "list the pods") == [], "used once is no use"
    drafts = list(read.answers("stash my changes", KNOWLEDGE, 5))
    assert drafts[0].explanation == "from your shell history, 2 times"
    assert drafts[0].confidence <= 0.9


def test_secrets_in_history_are_left_out(tmp_path):
    lines = ["docker login -p hunter2 registry"] * 3
    read = history(tmp_path, *lines, mask=lambda text: text.replace("hunter2", "***"))
    assert found_in(read, "log in to a docker registry") == []


def test_only_the_end_of_a_history_is_read_and_nothing_but_files(tmp_path):
    old = ["git stash push -m old"] * 2
    filler = ["x" * 99] * (READ_BYTES // 100 + 1)
    read = history(tmp_path, *old, *filler, *["git stash push -m new"] * 2)
    assert found_in(read, "stash my changes") == ["git stash push -m new"]
    os.mkfifo(tmp_path / ".zsh_history")
    (tmp_path / ".bash_history").unlink()
    assert found_in(read, "stash my changes") == []
