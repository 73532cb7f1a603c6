"""The completion scripts, asked by the shells themselves."""

import os
import shutil
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

from flowctl import table
from support.terminal import Terminal

NAMES = {command.name for command in table.COMMANDS}

_BASH = """
source "$1"; shift
COMP_WORDS=(flowctl "$@"); COMP_CWORD=$#; COMPREPLY=()
_flowctl
printf '%s\\n' "${COMPREPLY[@]}"
"""


def script(shell: str, folder: Path) -> Path:
    path = folder / f"flowctl.{shell}"
    path.write_text(import_module(f"flowctl.completion.{shell}").script(), encoding="utf-8")
    return path


def asked(command: list[str]) -> set[str]:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert ran.stderr == ""
    return {line.split("\t")[0] for line in ran.stdout.splitlines() if line}


def needs(shell: str) -> str:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    return program


CASES = [
    ([""], NAMES),
    (["d"], {"daemon", "db", "doctor"}),
    (["daemon", "st"], {"start", "stop", "status"}),
    (["--json", "daemon", "st"], {"start", "stop", "status"}),
    (["template", ""], {"list", "save", "show"}),
    (["run", "x", "--de"], {"--detach"}),
    (["daemon", "logs", "--li"], {"--lines"}),
    (["completion", ""], {"bash", "zsh", "fish"}),
    (["answer", "run", "step", ""], {"yes", "no", "retry", "skip", "undo"}),
]


@pytest.mark.parametrize(("words", "offered"), CASES)
def test_bash(words: list[str], offered: set[str], tmp_path: Path) -> None:
    shell = needs("bash")
    found = asked([shell, "-c", _BASH, "bash", str(script("bash", tmp_path)), *words])
    assert found == offered


def test_bash_skips_the_values_of_options(tmp_path: Path) -> None:
    shell = needs("bash")
    path = str(script("bash", tmp_path))
    words = ["--socket", "daemon", "answer", "run", "step", "y"]
    assert asked([shell, "-c", _BASH, "bash", path, *words]) == {"yes"}


@pytest.mark.parametrize(("words", "offered"), CASES)
def test_fish(words: list[str], offered: set[str], tmp_path: Path) -> None:
    shell = needs("fish")
    line = " ".join(["flowctl", *words])
    found = asked([shell, "-c", f"source {script('fish', tmp_path)}; complete -C '{line}'"])
    assert found == offered


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("flowctl do", "flowctl doctor"),
        ("flowctl daemon rest", "flowctl daemon restart"),
        ("flowctl run x --det", "flowctl run x --detach"),
        ("flowctl --json template sh", "flowctl --json template show"),
        ("flowctl answer run step und", "flowctl answer run step undo"),
    ],
)
def test_zsh(typed: str, offered: str, tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "TERM": "dumb", "HOME": str(tmp_path)}
    command = [needs("zsh"), "-f", "-i"]
    with Terminal(command, cwd=tmp_path, environment=environment, columns=100) as shown:
        setup = f"PS1=; autoload -Uz compinit; compinit -u -D; . {script('zsh', tmp_path)}"
        shown.type(f"{setup}; print rea''dy\n")
        shown.wait_for("\nready")
        shown.type(f"{typed}\t")
        shown.wait_for(offered)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_and_option_is_in_it(shell: str, tmp_path: Path) -> None:
    text = script(shell, tmp_path).read_text(encoding="utf-8")
    for command in table.COMMANDS:
        for part in (command, *command.actions):
            assert part.name in text
            for argument in part.arguments:
                if argument.is_option:
                    assert argument.name.lstrip("-") in text
