"""Ordinary work goes on in a sandbox, and a step gains nothing by preparing the next one."""

import marshal
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flowd.domain.ports import Confinement
from flowd.exec import sandbox
from flowd.exec.boundaries import bounds_of
from flowd.exec.folders import HOLDER_LOG, PROMISES
from support.confined import GIT_AND_SHELL, WITHOUT_NAMESPACES, home, place
from support.flow_home import FLOWCTL, FlowHome

__all__ = ["home", "place"]

WORK = r"""
  - id: git_again
    run: |
      echo two >> file
      git commit -qam two
      git checkout -q -b topic
      test "$(git log --oneline | wc -l)" = 2
  - id: make
    run: |
      printf 'out: file\n\tcp file out\n' > Makefile
      make -s
      test -s out
  - id: python
    run: |
      /usr/bin/python3 -m venv --without-pip venv
      venv/bin/python -c 'import multiprocessing; multiprocessing.Lock()'
  - id: npm
    if: inputs.npm
    run: |
      echo '{"name": "x", "version": "1.0.0", "scripts": {"hello": "node -e 0"}}' > package.json
      npm run -s hello
  - id: cache
    run: |
      test "$(cat ~/.cache/known)" = known
      echo new > ~/.cache/new
      test "$(cat ~/.cache/new)" = new
  - id: own_output
    run: |
      echo one
      echo two | tee /dev/stderr > /dev/stdout
  - {id: next, run: 'test ! -e ~/.cache/new'}
"""


def test_ordinary_work_goes_on(home: FlowHome, place: Path) -> None:
    (place / ".cache").mkdir()
    (place / ".cache" / "known").write_text("known")
    npm = "true" if shutil.which("npm", path="/usr/bin:/usr/local/bin") else "false"
    name = home.workflow(
        GIT_AND_SHELL + WORK,
        head="defaults: {sandbox: project}\n"
        f"inputs: {{npm: {{type: boolean, default: {npm}}}}}\n",
    )
    home.out("run", name, "--yes")
    assert not (place / ".cache" / "new").exists()


@pytest.mark.parametrize(
    ("shell", "script"),
    [
        ("bash", "echo $BASH_VERSION > made; test -s made"),
        ("sh", "echo x > made"),
        ("zsh", "echo $ZSH_VERSION > made"),
        ("fish", "echo $version > made"),
        ("python", "open('made', 'w').write('x')"),
    ],
)
def test_every_shell_is_confined(home: FlowHome, place: Path, shell: str, script: str) -> None:
    if not shutil.which({"python": "python3"}.get(shell, shell), path="/usr/bin:/bin"):
        pytest.skip(f"{shell} is not installed")
    home.environment["PATH"] = f"/usr/bin:/bin:{home.environment['PATH']}"
    outside = script.replace("made", str(place / "made"))
    head = f"defaults: {{sandbox: strict, shell: {shell}}}\n"
    home.out("run", home.workflow(f'  - {{id: a, run: "{script}"}}\n', head=head))
    assert (home.project / "made").exists()
    home.out("run", home.workflow(f'  - {{id: a, run: "{outside}"}}\n', head=head), code=1)
    assert not (place / "made").exists()


def test_a_terminal_works_and_is_the_only_one(home: FlowHome) -> None:
    python = "import pty, os, sys; m, s = pty.openpty(); print('new', os.ttyname(s))"
    (home.project / "pty.py.txt").write_text(python)
    name = home.workflow(
        "  - id: a\n    tty: true\n    run: |\n"
        "      test -t 0 && test -t 1\n      echo told > /dev/tty\n      stty size\n"
        "      echo again > /dev/stdout\n      ls /dev/pts\n"
        "      /usr/bin/python3 - < pty.py.txt\n",
        head="defaults: {sandbox: strict}\n",
    )
    said = home.out("run", name, "--yes")
    for line in ("a | told", "a | 24 80", "a | again", "a | ptmx", "a | new /dev/pts/0"):
        assert line in said


def test_undo_and_check_are_confined_as_well(home: FlowHome, place: Path) -> None:
    name = home.workflow(
        f"  - {{id: a, run: 'true', undo: 'echo x > {place}/undone'}}\n"
        "  - {id: b, run: 'false'}\n",
        head="defaults: {sandbox: project}\n",
    )
    said = home.out("run", name, code=1)
    assert "Read-only file system" in said
    assert "had a sandbox: should that have been in the way" in said
    assert not (place / "undone").exists()


def test_each_item_is_confined_and_what_it_left_is_removed(home: FlowHome, place: Path) -> None:
    steps = (
        "  - id: a\n    for_each: [one, two]\n    as: item\n    parallel: 2\n"
        f"    run: 'echo x > /tmp/$item; mkdir -m 0 /tmp/closed; ! echo x > {place}/$item'\n"
    )
    home.out("run", home.workflow(steps, head="defaults: {sandbox: project}\n"))
    assert not (place / "one").exists()
    assert not Path("/tmp/one").exists()
    boots = Path(home.environment["FLOW_HOME"], "steps")
    deadline = time.monotonic() + 20
    while left := [path for path in boots.glob("*/*") if path.name not in (HOLDER_LOG, PROMISES)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.02)  # removed beside the run, which does not wait for it


def test_a_confined_step_survives_the_daemon_and_stays_confined(
    home: FlowHome, place: Path
) -> None:
    steps = (
        "  - id: a\n    run: |\n      echo here > ready\n"
        "      while [ ! -e go ]; do sleep 0.02; done\n"
        f"      ! echo x > {place}/out\n"
        "  - {id: b, run: '! touch ~/out'}\n"
    )
    name = home.workflow(steps, head="defaults: {sandbox: project}\n")
    run = home.out("run", name, "--detach").strip()
    deadline = time.monotonic() + 20
    while not (home.project / "ready").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    home.kill_daemon()
    (home.project / "go").touch()
    home.out("attach", run)
    shown = home.json("show", run)
    assert [step["state"] for step in shown["steps"]] == ["succeeded", "succeeded"]
    assert "Landlock" in shown["sandbox"]
    assert not (place / "out").exists()


def test_neither_environment_nor_outputs_lead_out(home: FlowHome, place: Path) -> None:
    """What runs before the walls stand, and what the daemon reads for a step."""
    compiler = shutil.which("cc", path="/usr/bin")
    assert compiler or os.environ.get("CI") is None, "the tests' machine needs a C compiler"
    if compiler:
        (home.project / "evil.c").write_text(
            "#include <fcntl.h>\n__attribute__((constructor)) void run(void)\n"
            f'{{ creat("{place}/out", 0600); }}\n'
        )
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-o", "evil.so", "evil.c"],
            cwd=home.project,
            check=True,
        )
    (place / ".ssh").mkdir()
    (place / ".ssh" / "id_x").write_text("name=PRIVATE\n")
    (home.project / "links.sh").write_text(
        'ln -sf "$HOME/.ssh/id_x" "$FLOW_OUTPUT"\n'
        'cd "${FLOW_OUTPUT%/*}"; rm stdout; ln -s "$HOME/.ssh/id_x" stdout\n'
        "exit 0\n"
    )
    (home.project / "complain.sh").write_text(
        'echo "evil stuff" > "$FLOW_OUTPUT"; cd "${FLOW_OUTPUT%/*}"; rm stderr\n'
        'ln -s "$HOME/.ssh/id_x" stderr; ! ln -sf "$HOME/.ssh/id_x" record && ! echo x > record\n'
    )
    (home.project / "keys").mkdir()
    name = home.workflow(
        "  - {id: a, run: 'true', limits: {cpu: 1h}}\n  - {id: b, run: 'sh ./links.sh'}\n"
        "  - {id: c, run: 'sh ./complain.sh'}\n"
        "  - {id: d, run: 'sh ../to-keys.sh', cwd: keys, artifacts: ['*']}\n",
        head="defaults: {sandbox: project}\nenv:\n"
        f"  LD_PRELOAD: {home.project}/evil.so\n  HOME: {place}\n",
    )
    (home.project / "to-keys.sh").write_text('cd ..; rmdir keys; ln -s "$HOME/.ssh" keys\n')
    said = home.out("run", name, "--yes")
    assert not (place / "out").exists()
    assert "PRIVATE" not in said
    assert "not in the project" in said
    assert (place / ".ssh" / "id_x").read_text() == "name=PRIVATE\n"
    run = home.json("history")["runs"][0]["id"]
    assert "PRIVATE" not in home.out("show", run, "--json") + home.out("logs", run)


def test_a_step_does_not_move_the_bounds_of_the_next(home: FlowHome, place: Path) -> None:
    other = place / "other"
    subprocess.run(["git", "init", "-q", other], check=True)
    (home.project / "sub").mkdir()
    (home.project / "move.sh").write_text(
        f"echo gitdir: {other}/.git > .git; rm -rf sub; ln -s {place} sub\n"
    )
    name = home.workflow(
        "  - {id: a, run: 'sh ./move.sh'}\n"
        f"  - {{id: b, run: '! touch {other}/.git/x'}}\n"
        "  - {id: c, run: '! touch x', cwd: sub}\n",
        head="defaults: {sandbox: project}\n",
    )
    home.out("run", name, "--yes")
    home.out(
        "run",
        home.workflow(
            f"  - {{id: b, run: '! touch {other}/.git/x'}}\n", head="defaults: {sandbox: project}\n"
        ),
    )
    assert not (other / ".git" / "x").exists()
    assert not (place / "x").exists()


def test_a_working_tree_of_its_own_can_commit(home: FlowHome, place: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    main = place / "main"
    subprocess.run(["git", "init", "-q", main], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], cwd=main, check=True)
    shutil.rmtree(home.project)
    subprocess.run(["git", "worktree", "add", "-q", home.project], cwd=main, check=True)
    name = home.workflow(
        "  - {id: a, run: 'git -c user.name=a -c user.email=a@b commit -q --allow-empty -m y'}\n"
        f"  - {{id: b, run: '! touch {main}/.git/hooks/x'}}\n"
        f"  - {{id: c, run: '! touch {main}/x'}}\n",
        head="defaults: {sandbox: project}\n",
    )
    home.out("run", name, "--yes")


def test_a_submodule_is_worked_in_and_its_hooks_are_not(home: FlowHome, place: Path) -> None:
    other = place / "other"
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always"]
    for folder in (other, home.project):
        subprocess.run(["git", "init", "-q", folder], check=True)
        commit = [*git, "commit", "-q", "--allow-empty", "-m", "x"]
        subprocess.run(commit, cwd=folder, check=True)
    subprocess.run(
        [*git, "submodule", "add", "-q", other, "deep/sub"], cwd=home.project, check=True
    )
    (home.project / "away.py").write_text(
        "import os\ntry:\n    os.rename('.git/modules/deep/sub', '.git/modules/moved')\n"
        "except OSError:\n    raise SystemExit(0)\nraise SystemExit(1)\n"
    )
    name = home.workflow(
        "  - {id: a, cwd: deep/sub,"
        " run: 'git -c user.name=a -c user.email=a@b commit -q --allow-empty -m y'}\n"
        "  - {id: b, run: '! touch .git/modules/deep/sub/hooks/x'}\n"
        "  - {id: c, run: '/usr/bin/python3 away.py'}\n",
        head="defaults: {sandbox: project}\n",
    )
    home.out("run", name, "--yes")


def test_what_is_fixed_for_a_step_uncovers_nothing(home: FlowHome, place: Path) -> None:
    (place / ".ssh").mkdir()
    (place / ".ssh" / "id_x").write_text("PRIVATE\n")
    subprocess.run(["git", "init", "-q", home.project], check=True)
    shutil.rmtree(home.project / ".git" / "hooks")
    (home.project / ".git" / "hooks").symlink_to(place / ".ssh")
    (home.project / "links.sh").write_text(f"ln -s {place}/.ssh .flow\n")
    name = home.workflow(
        "  - {id: a, run: sh ./links.sh}\n"
        "  - {id: b, run: '! cat .flow/id_x'}\n"
        "  - {id: c, run: '! cat .git/hooks/id_x'}\n",
        head="defaults: {sandbox: project}\n",
    )
    said = home.out("run", name, "--yes")
    assert "PRIVATE" not in said


def test_a_link_that_appears_on_the_way_is_not_followed(place: Path) -> None:
    """The program that confines looks later than the daemon that says what may be written to."""
    (place / "project").mkdir()
    (place / "project" / "inner").symlink_to(place)
    folder = place / "attempt"
    folder.mkdir()
    bounds = bounds_of(
        Confinement("project", str(place / "project")),
        folder=str(folder),
        cwd=str(place / "project"),
        environment={},
        own=[],
    )
    (folder / "tmp").mkdir()
    for writable, expected in ((["inner"], sandbox.NOT_CONFINED), ([], 0)):
        project = str(place / "project")
        bounds["writable"] = [project, *(f"{project}/{name}" for name in writable)]
        (folder / "bounds").write_bytes(marshal.dumps(bounds))  # type: ignore[arg-type]
        command = (sys.executable, "-I", "-S", "-c", sandbox.START, sandbox.FOLDER)
        ran = subprocess.run(
            [*command, folder / "bounds", "--", "/bin/true"], capture_output=True, check=False
        )
        assert ran.returncode == expected, ran.stderr


def test_what_cannot_be_confined_is_refused_before_the_first_step(
    home: FlowHome, place: Path
) -> None:
    name = home.workflow(
        "  - {id: a, run: 'touch began', sandbox: 'off'}\n"
        "  - {id: b, run: 'true', sandbox: project}\n",
        head=f"cwd: {place}\n",
    )
    ran = home.flowctl("run", name)
    assert ran.returncode != 0
    assert "holds all of them" in ran.stderr
    assert "sandbox: off" in ran.stderr
    assert not (place / "began").exists()
    shown = home.flowctl("ps", "--json")
    assert '"runs":[]' in shown.stdout.replace(" ", "")


def test_a_folder_that_the_step_cannot_see_is_told(home: FlowHome, place: Path) -> None:
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    steps = f"  - {{id: a, run: 'true', cwd: {elsewhere}, sandbox: strict}}\n"
    said = home.out("run", home.workflow(steps), code=1)
    assert "could not be confined" in said
    assert f"{elsewhere} cannot be entered" in said


def test_saved_files_are_put_back_and_nowhere_else(home: FlowHome, place: Path) -> None:
    for name in ("kept", "sub/authorized_keys"):
        (home.project / name).parent.mkdir(exist_ok=True)
        (home.project / name).write_text("old")
    outside = place / "outside"
    outside.mkdir()
    (home.project / "swap.sh").write_text(f"rmdir sub; ln -s {outside} sub\n")
    name = home.workflow(
        "  - {id: a, run: rm kept}\n  - {id: b, run: rm sub/authorized_keys}\n"
        "  - {id: c, run: sh ./swap.sh}\n",
        head="defaults: {sandbox: project}\n",
    )
    said = home.out("run", name, "--yes")
    assert "sandbox: project" in said
    home.flowctl("undo", home.json("history")["runs"][0]["id"])
    assert (home.project / "kept").read_text() == "old"
    assert list(outside.iterdir()) == []


def test_a_machine_that_cannot_confine_refuses_and_says_why(home: FlowHome) -> None:
    """Who may make no namespace has the lot of many a container: here our own filter forbids it."""
    home.flowctl("daemon", "stop")
    subprocess.run(
        [sys.executable, "-c", WITHOUT_NAMESPACES, FLOWCTL, "daemon", "start"],
        env=home.environment,
        check=True,
        capture_output=True,
    )
    name = home.workflow("  - {id: a, run: touch began, sandbox: project}\n")
    ran = home.flowctl("run", name)
    assert "sandbox: project cannot be enforced on this machine: no user namespace" in ran.stderr
    assert "sandbox: off" in ran.stderr
    assert not (home.project / "began").exists()
    refused = home.flowctl("run", name, "--rehearse")
    assert "cannot be enforced" in refused.stderr
    (check,) = [row for row in home.json("doctor")["checks"] if row["name"] == "isolation"]
    assert check["status"] == "warn"
    assert "project: refused, no user namespace" in check["message"]
    assert "namespaces" in check["cure"]
