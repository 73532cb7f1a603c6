"""`--rehearse` shows what a run would change, and changes nothing."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.confined import AS_A_USER, IS_ROOT, home, place
from support.flow_home import FLOWCTL, FlowHome

__all__ = ["home", "place"]

STEPS = """
  - id: change
    run: |
      echo two >> text
      rm deleted
      mkdir -p made/below
      echo new > made/below/file
      ln -s text link
      chmod 755 mode
      mv folder moved
      rm -r replaced
      mkdir replaced
      echo y > replaced/other
      head -c 100000 /dev/zero > large
      touch same
  - {id: one, run: 'echo 1 > one', needs: [change]}
  - {id: two, run: 'echo 2 > two', needs: [change]}
  - {id: see, run: 'test -e one && test -e two && test "$PWD" = "$(pwd -P)"', needs: [one, two]}
"""


# An overlay takes no layer of another one: a daemon that sees one there has to copy.
OVERLAID = """
mkdir -p "$FLOW_HOME/rehearsals" "$FLOW_HOME/../below/upper" "$FLOW_HOME/../below/work"
cd "$FLOW_HOME/../below"
mount -t overlay -o lowerdir="$FLOW_HOME/rehearsals",upperdir=upper,workdir=work overlay \\
    "$FLOW_HOME/rehearsals"
exec "$@"
"""


@pytest.fixture(params=["overlay", "copy"])
def how(request: pytest.FixtureRequest, home: FlowHome) -> str:
    """What stands in for the project, which has some files to change."""
    if request.param == "copy":
        if not IS_ROOT:
            pytest.skip("only root can make a file system for the daemon that takes no layer")
        as_a_user = AS_A_USER if "user_namespace" in request.node.name else []
        home.flowctl("daemon", "stop")
        subprocess.run(
            ["unshare", "-m", "sh", "-ec", OVERLAID, "sh", *as_a_user, FLOWCTL, "daemon", "start"],
            env=home.environment,
            check=True,
            capture_output=True,
        )
    project = home.project
    for name in ("text", "deleted", "mode", "same", "folder/inside", "replaced/gone"):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text("one\n")
        (project / name).chmod(0o644)
    return str(request.param)


def snapshot(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(folder))] = (status.st_mode, status.st_mtime_ns, content)
    return found


def rehearsed(home: FlowHome, name: str, code: int = 0) -> Any:
    lines = home.out("run", name, "--rehearse", "--json", code=code).splitlines()
    events = [json.loads(line) for line in lines]
    assert events[-2]["type"] == "run_finished"
    assert events[-1]["type"] == "rehearsal"
    return events[-1]


def test_the_changes_are_shown_and_none_is_made(home: FlowHome, how: str) -> None:
    name = home.workflow(STEPS)
    before = snapshot(home.project)
    told = rehearsed(home, name)
    assert snapshot(home.project) == before
    assert told["how"] == how
    assert told["project"] == str(home.project)
    assert {(row["change"], row["path"]) for row in told["changes"]} == {
        ("changed", "text"),
        ("deleted", "deleted"),
        ("created", "made"),
        ("created", "made/below"),
        ("created", "made/below/file"),
        ("created", "link"),
        ("changed", "mode"),
        ("deleted", "folder"),
        ("deleted", "folder/inside"),
        ("created", "moved"),
        ("created", "moved/inside"),
        ("deleted", "replaced/gone"),
        ("created", "replaced/other"),
        ("created", "large"),
        ("created", "one"),
        ("created", "two"),
    }
    of = {row["path"]: row for row in told["changes"]}
    assert of["text"]["diff"].splitlines()[2:] == ["@@ -1 +1,2 @@", " one", "+two"]
    assert of["mode"]["note"] == "mode 0644, then 0755"
    assert (of["large"]["size"], of["large"]["diff"]) == (100_000, "")
    assert of["link"]["kind"] == "link"


def test_nothing_of_it_is_kept_and_nothing_can_be_taken_back(
    home: FlowHome, place: Path, how: str
) -> None:
    name = home.workflow("  - {id: a, run: 'rm text', undo: 'echo > undone'}\n")
    told = rehearsed(home, name)
    assert told["how"] == how
    below = "below/upper" if how == "copy" else "home/rehearsals"
    assert [path.name for path in (place / below).iterdir() if path.is_dir()] == []
    run = told["run"]
    assert "rehearsal" in home.json("show", run)["sandbox"]
    for verb in ("undo", "retry"):
        ran = home.flowctl(verb, run)
        assert ran.returncode == 6 or verb == "retry"
        assert ran.returncode != 0
    assert not (home.project / "undone").exists()
    again = home.flowctl("undo", run)
    assert "was a rehearsal" in again.stderr


def test_it_reaches_nothing_outside_and_says_what_failed(home: FlowHome, place: Path) -> None:
    name = home.workflow(
        f"  - {{id: a, run: 'echo x > {place}/out', on_error: continue}}\n"
        "  - id: net\n    shell: python\n"
        "    run: import socket; socket.create_connection(('127.0.0.1', 1), 1)\n"
        "    on_error: stop\n"
    )
    said = home.out("run", name, "--rehearse", code=1)
    assert not (place / "out").exists()
    assert "Rehearsed without network, in an overlay of" in said
    assert "fails in a rehearsal" in said
    assert "It would change no file" in said


def test_questions_are_answered_but_what_is_blocked_stays_blocked(home: FlowHome) -> None:
    asks = home.workflow("  - {id: a, confirm: 'Really?', run: 'git init -q .'}\n")
    told = rehearsed(home, asks)
    assert [row["path"] for row in told["changes"]] == [".git"]
    blocked = home.workflow("  - {id: a, run: 'rm -rf ~'}\n", name="blocked")
    assert home.flowctl("run", blocked, "--rehearse").returncode == 4


def test_a_commit_in_a_working_tree_of_its_own_is_rehearsed(home: FlowHome, place: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    main = place / "main"
    subprocess.run(["git", "init", "-q", main], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], cwd=main, check=True)
    home.project.rmdir()
    subprocess.run(["git", "worktree", "add", "-q", home.project], cwd=main, check=True)
    name = home.workflow(
        "  - {id: a, run: 'echo x > x; git add x; "
        "git -c user.name=a -c user.email=a@b commit -qm y'}\n"
    )
    before = sorted((main / ".git").rglob("*"))
    told = rehearsed(home, name)
    assert [row["path"] for row in told["changes"]] == ["x"]
    assert sorted((main / ".git").rglob("*")) == before


def test_rehearsing_takes_no_contradictions(home: FlowHome) -> None:
    name = home.workflow("  - {id: a, run: 'true'}\n")
    for option in ("--dry-run", "--detach"):
        ran = home.flowctl("run", name, "--rehearse", option)
        assert ran.returncode == 2, os.linesep.join((ran.stdout, ran.stderr))
