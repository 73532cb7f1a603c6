"""What is in the way of a run, on a PATH of real programs in a folder of the test's own."""

import shutil
import subprocess
from pathlib import Path

import pytest

from flowd.domain.foresight import Obstacle
from flowd.domain.parse import workflow_from_object
from flowd.domain.preview import judge_workflow
from flowd.exec.flags import Manuals
from flowd.exec.preflight import MachinePreflight
from flowd.safety.judge import make_judge
from flowd.safety.masking import secrets_in

JUDGE = make_judge()


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    for name in ("git", "frobnicate", "pip", "ls"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\n")
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


async def obstacles(machine: Path, *steps: object, **keys: object) -> list[Obstacle]:
    written = [step if isinstance(step, dict) else {"run": step} for step in steps]
    steps_ = [{"id": f"s{number}", **step} for number, step in enumerate(written)]
    workflow = workflow_from_object({"flow": 1, "name": "w", "steps": steps_, **keys})
    judged = judge_workflow(workflow, JUDGE, str(machine))
    environment = {"PATH": str(machine / "bin"), "GIVEN": "1"}
    preflight = MachinePreflight(Manuals(), secrets_in=secrets_in)
    return await preflight(workflow, judged, str(machine), environment)


def told(found: list[Obstacle]) -> list[str]:
    return [f"{each.severity} {each.step} {each.script} {each.message}" for each in found]


async def test_a_program_that_is_not_there_is_an_error_with_a_cure(machine: Path):
    found = await obstacles(machine, "ls", "frobnicat x")
    assert told(found) == ["error s1 run the program frobnicat is not on the run's PATH"]
    assert found[0].cure.startswith("perhaps frobnicate is meant; ")
    assert found[0].span == (0, 11)
    [missing] = await obstacles(machine, "rg x")
    assert "apt install ripgrep" in missing.cure
    [missing] = await obstacles(machine, "/no/such/program")
    assert missing.message == "the program /no/such/program is not there"


@pytest.mark.parametrize(
    "scripts",
    [
        ("frobnicate; cd x; echo y; ls",),
        ("command -v zap && zap",),
        ("zap || ls",),
        ("cd sub; ./made/later",),
    ],
)
async def test_what_works_or_is_taken_care_of_is_nothing(machine: Path, scripts: tuple[str, ...]):
    assert await obstacles(machine, *scripts) == []


async def test_what_an_earlier_step_may_bring_is_a_warning(machine: Path):
    for scripts in (("pip install zap", "zap"), ("pip install zap; zap",)):
        [found] = await obstacles(machine, *scripts)
        assert found.severity == "warning"
        assert found.message.endswith("unless an earlier step brings it")


async def test_an_undo_that_would_fail_is_said(machine: Path):
    [found] = await obstacles(machine, {"run": "ls", "undo": "zap"})
    assert (found.severity, found.script) == ("warning", "undo")
    assert found.message.endswith("undoing this step would fail")


async def test_variables_that_nothing_sets(machine: Path):
    found = await obstacles(
        machine,
        {"run": "A=1; ls $A $GIVEN $B $C $HOME $FLOW_RUN $steps_s0_out", "outputs": ["out"]},
        {"run": "ls $A $own $each", "env": {"own": "x"}, "for_each": ["1"], "as": "each"},
        env={"B": "1"},
        inputs={"C": {"default": "1"}},
    )
    assert told(found) == ["warning s1 run $A is set nowhere"]


async def test_folders_of_steps(machine: Path):
    found = await obstacles(machine, {"run": "ls", "cwd": "gone"}, {"run": "ls", "cwd": "later"})
    assert told(found) == [
        f"error s0 run the folder {machine}/gone is not there",
        f"warning s1 run the folder {machine}/later is not there, unless a step makes it",
    ]


async def test_a_full_disk_is_said_before(machine: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("flowd.exec.preflight.LEAST_FREE_BYTES", 1 << 60)
    [found] = await obstacles(machine, "ls")
    assert (found.kind, found.severity) == ("disk", "warning")


async def test_scripts_that_are_not_there_or_may_not_be_executed(machine: Path):
    (machine / "bin" / "bash").symlink_to("/bin/bash")
    (machine / "there.sh").write_text("ls")
    found = await obstacles(machine, "./there.sh; bash there.sh; bash gone.sh; ./gone")
    assert told(found) == [
        "warning s0 run ./there.sh may not be executed",
        f"warning s0 run there is no gone.sh in {machine}",
        f"warning s0 run there is no ./gone in {machine}",
    ]
    assert await obstacles(machine, "ls", "./made/by/the/step/before") == []
    assert await obstacles(machine, "ls > x.sh; bash x.sh") == []


def real_git(machine: Path, *words: str) -> None:
    (machine / "bin" / "git").unlink(missing_ok=True)
    git = shutil.which("git")
    assert git is not None
    (machine / "bin" / "git").symlink_to(git)
    subprocess.run([git, *words], cwd=machine, check=True, capture_output=True)


async def test_what_git_would_stumble_over(machine: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("GIT_AUTHOR_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(machine))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    where = f"warning s0 run {machine} is in no git repository"
    assert told(await obstacles(machine, "git push")) == [where]
    assert await obstacles(machine, "git init; git push") == []
    real_git(machine, "init")
    assert told(await obstacles(machine, "git commit -m x", "git push")) == [
        "warning s0 run git does not know who commits",
        "warning s1 run the repository has no remote",
    ]
    real_git(machine, "config", "user.email", "a@b")
    real_git(machine, "config", "user.name", "a")
    (machine / "f").write_text("1")
    real_git(machine, "add", "f")
    real_git(machine, "commit", "-m", "1")
    assert await obstacles(machine, "git switch main; git commit -m y") == []
    (machine / "f").write_text("22")
    moves = await obstacles(machine, "git switch main; git checkout -b x; git checkout -- f")
    assert told(moves) == [
        "warning s0 run git switch may refuse: there are changes that are not committed"
    ]


TOKEN = "ghp_aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dF3hJ5"


async def test_a_secret_in_the_text_is_said(machine: Path):
    script = f"frobnicate 'é' {TOKEN} --password Tr0ub4dor3"
    found = await obstacles(
        machine, {"run": script, "undo": f"ls {TOKEN}", "env": {"A": TOKEN, "B": "plain"}}
    )
    assert [(each.kind, each.severity, each.script) for each in found] == [
        ("secret", "warning", "run"),
        ("secret", "warning", "run"),
        ("secret", "warning", "run"),
        ("secret", "warning", "undo"),
    ]
    first, second = found[0].span, found[1].span
    assert script[slice(*first)] == TOKEN
    assert script[slice(*second)] == "Tr0ub4dor3"
    assert "`env` (A)" in found[2].message
    assert "secrets:" in found[0].cure


@pytest.mark.parametrize(
    "script",
    [
        'ls -H "Authorization: Bearer $GIVEN_TOKEN" --password "$GIVEN1x"',
        "ls postgres://app:${GIVEN}@localhost/x ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "ls --token <YOUR_TOKEN1> sk-...",
    ],
)
async def test_where_a_variable_stands_there_is_no_secret(machine: Path, script: str):
    assert [each for each in await obstacles(machine, script) if each.kind == "secret"] == []
