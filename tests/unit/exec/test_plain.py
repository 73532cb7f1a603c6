"""Which scripts are executed without a shell, and that nothing is different then."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowd.exec.plain import without_shell

PATH = "/usr/local/bin:/usr/bin:/bin"
ENVIRONMENT = {"PATH": PATH, "HOME": "/nowhere", "v": "value"}


def words_of(script: str, **environment: str) -> tuple[str, ...]:
    return without_shell("bash", script, {**ENVIRONMENT, **environment})[1:]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("true", ["true"]),
        ("  env \n", ["env"]),
        ("env -i A=1 b:c,d /tmp/x@y+z 50%", ["env", "-i", "A=1", "b:c,d", "/tmp/x@y+z", "50%"]),
        ("env 'a  b' \"c 'd'\" '' -m'e'\"f\"g", ["env", "a  b", "c 'd'", "", "-mefg"]),
        ("env '$v `x` \\ * !'", ["env", "$v `x` \\ * !"]),
        ("/usr/bin/env", ["/usr/bin/env"]),
        ("./build.sh now", ["./build.sh", "now"]),
        ("env 'ü' \"é\"", ["env", "ü", "é"]),
    ],
)
def test_a_plain_command(script, words):
    assert words_of(script) == tuple(words)


@pytest.mark.parametrize(
    "script",
    [
        "",
        "\n",
        "# env",
        "env\nenv",
        "env; env",
        "env & ",
        "env | cat",
        "env > out",
        "env <in",
        "A=1 env",
        "env $v",
        'env "$v"',
        'env "`id`"',
        'env "a\\"b"',
        'env "!x"',
        "env $'a'",
        "env a\\ b",
        "env *.py",
        "env ?",
        "env [ab]",
        "env {a,b}",
        "env ~",
        "env A=~/x",
        "env # said",
        "env 'open",
        "env 'two\nlines'",
        "env ü",
        "! env",
        "(env)",
        "{ env",
        "'env'",
        "=env",
        "%1",
        "true --version",
        "echo x",
        "cd /",
        "exec env",
        "time env",
        "[ a ]",
        "if env",
        ". ./script",
        "setsid env",
        "no-such-program-anywhere",
        "env " + "a" * 5000,
    ],
)
def test_what_a_shell_is_needed_for(script):
    assert words_of(script) == ()


@pytest.mark.parametrize("shell", ["zsh", "fish", "python"])
def test_other_shells_read_files_of_their_own(shell):
    assert without_shell(shell, "true", ENVIRONMENT) == ()


@pytest.mark.parametrize(
    "name", ["BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS", "BASH_FUNC_true%%", "BASH_FUNC_env()"]
)
def test_an_environment_that_changes_commands(name):
    assert without_shell("bash", "true", {**ENVIRONMENT, name: "() { :; }"}) == ()


@pytest.mark.parametrize("path", ["", ":/usr/bin", "bin:/usr/bin", ".", "/usr/bin/x"])
def test_a_path_that_leads_elsewhere(path):
    assert without_shell("bash", "true", {"PATH": path}) == ()
    assert without_shell("bash", "true", {}) == ()


def test_the_first_program_that_can_be_executed_counts(tmp_path):
    folders = [tmp_path / name for name in ("file", "folder", "program", "later")]
    for folder in folders:
        folder.mkdir()
        (folder / "tool").touch(0o755) if folder.name != "folder" else (folder / "tool").mkdir()
    (folders[0] / "tool").chmod(0o644)
    path = ":".join(map(str, folders))
    assert without_shell("bash", "tool", {"PATH": path}) == (str(folders[2] / "tool"), "tool")
    (folders[0] / "tool").chmod(0o755)  # what the step before installed is found
    assert without_shell("bash", "tool", {"PATH": path}) == (str(folders[0] / "tool"), "tool")


def test_bash_knows_no_builtin_that_is_taken_for_a_program(tmp_path):
    names = subprocess.run(
        ["bash", "-c", "compgen -b; compgen -k"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "cd" in names
    for name in names:
        if name.isidentifier():
            (tmp_path / name).touch(0o755)
    assert not [
        name for name in names if without_shell("bash", f"{name} x", {"PATH": str(tmp_path)})
    ]


PIECES = st.sampled_from(
    [*"abZ09_@%+=:,./-'\"$`\\!#~*?[]{}()<>|&;^ \t\n", "show", " ", "'a b'", '"c d"', "é", "-x"]
)


@settings(
    max_examples=int(os.environ.get("FLOW_FUZZ_EXAMPLES", "150")),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(rest=st.lists(PIECES, max_size=12).map("".join))
def test_bash_sees_the_same_words(tmp_path: Path, rest: str):
    """Whatever is executed without a shell, bash would have executed with these very words."""
    show = tmp_path / "show"
    if not show.exists():
        show.write_text('#!/bin/sh\nprintf \'%s\\0\' "$0" "$@"\n')
        show.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{PATH}"}
    script = f"show {rest}"
    path, *words = without_shell("bash", script, environment) or ("",)
    if not words:
        return
    (tmp_path / "script").write_text(script)
    heard = subprocess.run(
        ["bash", "-e", str(tmp_path / "script")],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert heard.stdout.decode().split("\0")[:-1] == [path, *words[1:]]
